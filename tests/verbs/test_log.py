"""`log`: what stands in the ledger, filtered, followed, as text and as JSON Lines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlo.config import load_settings
from jupyter_mlo.ledger.store import database_path, open_ledger
from jupyter_mlo.statements.envelope import Envelope, sign, statement_json
from jupyter_mlo.statements.predicates import types
from tests.ledger.conftest import KEY, BackEnd, make_envelope

BOB = "mlo:7K3D-9QXA-2MFB"


@pytest.fixture
def logged(home_env) -> list[Envelope]:
    """A ledger with a statement of each kind that matters here, all of Bob's."""
    kinds = [types.ENROLMENT, types.DELEGATION, types.SEAL, types.PROVENANCE, types.SEAL]
    activities = ["training", "training", "training", "validation", "monitoring"]
    envelopes = [
        make_envelope(n, mlo=BOB, predicate_type=kind, activity=activity)
        for n, (kind, activity) in enumerate(zip(kinds, activities, strict=True))
    ]
    with open_ledger(load_settings(home_env)) as ledger:
        ledger.append(envelopes)
    return envelopes


def indexes(out: str) -> list[int]:
    return [int(line.split()[0]) for line in out.splitlines()]


def test_an_empty_home_is_no_error(cli, home_env) -> None:
    done = cli("log")
    assert (done.status, done.out) == (0, "")
    assert done.told("no ledger here yet")
    assert os.listdir(home_env["MLO_HOME"]) == []


def test_one_line_an_entry_newest_last(cli, logged) -> None:
    done = cli("log")
    assert done.status == 0
    assert indexes(done.out) == [0, 1, 2, 3, 4]
    for part in ("3", "2026-11-22 10:00:03Z", "provenance", BOB, "notebook 3", "[validation]"):
        assert part in done.out.splitlines()[3]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--limit", "2"], [3, 4]),
        (["--limit", "0"], []),
        (["--type", "seal"], [2, 4]),
        (["--type", "Seal", "--limit", "1"], [4]),
        (["--type", types.PROVENANCE], [3]),
        (["--type", "https://example.com/other/v1"], []),
        (["--activity", "training"], [0, 1, 2]),
        (["--mlo", BOB], [0, 1, 2, 3, 4]),
        (["--mlo", "7k3d9qxa2mfb"], [0, 1, 2, 3, 4]),
        (["--mlo", "mlo:WW6H-H6PP-5TWF"], []),
        (["--since", "2026-11-22T10:00:02Z"], [2, 3, 4]),
        (["--until", "2026-11-22T10:00:02Z"], [0, 1, 2]),
        (["--since", "2026-11-22T10:00:01Z", "--until", "2026-11-22T10:00:03Z"], [1, 2, 3]),
        (["--since", "2026-11-22T10:00:01Z", "--type", "seal", "--activity", "monitoring"], [4]),
    ],
)
def test_only_what_is_asked_for(cli, logged, arguments, found) -> None:
    done = cli("log", *arguments)
    assert done.status == 0
    assert indexes(done.out) == found


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--type", "sael"], "no kind of statement"),
        (["--activity", "sleeping"], "invalid choice"),
        (["--limit", "-1"], "less than nothing"),
        (["--limit", "many"], "invalid"),
        (["--since", "soon"], "no moment"),
        (["--mlo", "mlo:7K3D-9QXA-2MFC"], "mistyped"),
        (["--mlo", "Nobody Known"], "Nobody Known is unknown"),
    ],
)
def test_what_is_mistyped_is_refused_with_a_hint(cli, logged, arguments, told) -> None:
    done = cli("log", *arguments)
    assert (done.status, done.out) == (2, "")
    assert done.told(told, "hint:")


def test_mlos_of_this_home_are_called_by_name(cli, ada) -> None:
    done = cli("log", "--mlo", "ada sample", "--type", "enrolment")
    assert indexes(done.out) == [0]
    assert f"Ada Sample ({ada})" in done.out


def test_json_lines_say_everything(cli, logged) -> None:
    lines = [json.loads(line) for line in cli("log", "--json").out.splitlines()]
    assert [line["statementId"] for line in lines] == [one.statement_id for one in logged]
    assert lines[3] == {
        "index": 3,
        "statementId": logged[3].statement_id,
        "time": "2026-11-22T10:00:03.000Z",
        "predicate": "provenance",
        "predicateType": types.PROVENANCE,
        "mlo": BOB,
        "keyId": KEY.key_id,
        "activity": "validation",
        "subject": [{"name": "notebook 3", "digest": {"mloNotebookV1": f"{3:064x}"}}],
    }


def test_hostile_statements_can_only_look_odd(cli, home_env) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07\u202egnp.exe\r\n0  forged line"
    statement = statement_json(
        evil, [{"name": evil, "digest": {}}], {"mlo": evil, "activity": evil, "time": evil}
    )
    with open_ledger(load_settings(home_env)) as ledger:
        ledger.append([sign(statement, KEY), make_envelope(1, mlo="mlo:" + "é" * 3000)])
    done = cli("log")
    assert done.status == 0
    assert len(done.out.splitlines()) == 2
    assert done.out.replace("\n", "").isprintable()
    as_json = cli("log", "--json").out
    assert as_json.replace("\n", "").isascii()
    assert json.loads(as_json.splitlines()[0])["subject"][0]["name"] == evil


def test_a_damaged_entry_is_shown_as_far_as_it_goes(cli, logged, home_env) -> None:
    backend = BackEnd(load_settings(home_env))
    backend.attack(
        "UPDATE contents SET envelope = x'00', mlo = x'07', time = 'x' WHERE leaf_index = 1"
    )
    backend.attack(
        "UPDATE contents SET subject = CAST(x'ff00' AS TEXT), time = ? WHERE leaf_index = 2",
        (2**62,),
    )
    backend.attack(
        "UPDATE contents SET subject = ?, mlo = ?, activity = ?, predicate_type = ? "
        "WHERE leaf_index = 3",
        ("\x1b[2J\u202e\n",) * 4,
    )
    done = cli("log")
    assert indexes(done.out) == [0, 1, 2, 3, 4]
    assert done.out.replace("\n", "").isprintable()
    damaged = json.loads(cli("log", "--json").out.splitlines()[1])
    assert (damaged["mlo"], damaged["time"], damaged["subject"]) == (None, None, None)


def test_a_damaged_ledger_ends_in_one_message(cli, logged, home_env) -> None:
    database_path(load_settings(home_env)).write_bytes(b"no database" * 1000)
    done = cli("log")
    assert done.status == 2
    assert done.told("is damaged", "hint:")


def test_following_shows_what_is_appended_until_it_is_interrupted(logged, home_env) -> None:
    arguments = ["log", "--follow", "--json", "--type", "seal", "--limit", "1"]
    follower = subprocess.Popen(
        [sys.executable, "-m", "jupyter_mlo.cli.main", *arguments],
        env=home_env | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["index"] == 4
        with open_ledger(load_settings(home_env)) as ledger:
            ledger.append([make_envelope(10, predicate_type=types.STAMP), make_envelope(11)])
            assert json.loads(follower.stdout.readline())["index"] == 6
            ledger.append([make_envelope(12)])
            assert json.loads(follower.stdout.readline())["index"] == 7
        follower.send_signal(signal.SIGINT)
        out, err = follower.communicate(timeout=30)
        assert (follower.returncode, out, err) == (0, "", "")
    finally:
        follower.kill()
        follower.wait()


def run_of(n: int, **members: object) -> Envelope:
    """A run's provenance, as far as `log` looks into it."""
    said = {
        "mlo_id": BOB,
        "mlo_keyId": KEY.key_id,
        "mlo_nonce": f"{n:022d}",
        "mlo_time": "2026-11-22T10:00:00.000Z",
        "mlo_activity": "training",
        "mlo_run": f"urn:uuid:{n:08d}-0000-4000-8000-000000000000",
        "mlo_outcome": "succeeded",
        "mlo_delegation": None,
        "buildDefinition": {"externalParameters": {"notebook": "a.ipynb", "output": "out/b.ipynb"}},
        "runDetails": {"metadata": {"startedOn": "2026-11-22T09:59:00.000Z"}},
        **members,
    }
    subject = [{"name": "n", "digest": {"mloNotebookV1": f"{n:064x}"}}]
    return sign(statement_json(types.PROVENANCE, subject, said), KEY)


def test_runs_are_a_table_of_who_under_what_and_what_became_of_it(cli, home_env) -> None:
    mandate = sign(
        statement_json(types.DELEGATION, [], {"kind": "mandate", "keyId": KEY.key_id}), KEY
    )
    evil = "\x1b[2J\u202e"
    with open_ledger(load_settings(home_env)) as ledger:
        ledger.append([
            mandate,
            run_of(1, mlo_delegation=mandate.statement_id),
            run_of(2, mlo_outcome="failed", mlo_reason=f"cell 1 {evil}", mlo_activity="validation"),
            run_of(3, mlo_id=evil, mlo_run=evil, mlo_activity=evil, mlo_delegation="0" * 64),
            run_of(4, buildDefinition=7),
        ])  # fmt: skip
    done = cli("log", "--runs")
    assert done.status == 0, done.err
    head, first, second, third = done.out.splitlines()
    assert head.split() == ["entry", "run", "who", "by", "activity", "notebook", "outcome"]
    by = f"mandate {mandate.statement_id[:12]}"
    for part in ("00000001", BOB, by, "training", "b.ipynb", "succeeded"):
        assert part in first
    for part in ("own key", "validation", "failed: cell 1"):
        assert part in second
    assert "unknown 000000000000" in third
    assert not {"\x1b", "\u202e"} & set(done.out)
    found = [json.loads(line) for line in cli("log", "--runs", "--json").out.splitlines()]
    assert [(one["index"], one["via"]) for one in found] == [
        (1, "mandate"), (2, "own key"), (3, "unknown"),
    ]  # fmt: skip
    assert found[0]["delegation"] == mandate.statement_id
    assert len(cli("log", "--runs", "--activity", "validation").out.splitlines()) == 2
    assert cli("log", "--runs", "--type", "seal").status == 2
