"""Keys that end: what their owner, the registrar and the lost key's home are told, and do next."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mlo.config import Settings
from tests.verbs.conftest import PASSPHRASE
from tests.verbs.workshop import Workshop

Home = dict[str, str]


@pytest.fixture
def home(tmp_path: Path, secret: str) -> Callable[[str], Home]:
    """Another home, and the passphrase."""

    def make(name: str) -> Home:
        (tmp_path / name).mkdir(mode=0o700)
        return {"MLO_HOME": str(tmp_path / name), "MLO_PASSPHRASE_FILE": secret}

    return make


@pytest.fixture
def here(secret: str) -> Home:
    """The passphrase."""
    return {"MLO_PASSPHRASE_FILE": secret}


@pytest.fixture
def sealed(cli, ada, here: Home, settings: Settings, tmp_path: Path) -> Path:
    """What Ada has run and sealed."""
    assert cli("login", **here).status == 0
    path = Workshop(settings, tmp_path / "work").executed()
    assert cli("seal", path).status == 0
    return path


def key_of(cli, **environ: str) -> str:
    return str(json.loads(cli("status", "--json", **environ).out)["identities"][0]["keyId"])


def ok(done) -> str:
    assert done.status == 0, done.err
    return str(done.out)


def lose(cli, ada: str, here: Home, office: Home, home, folder: Path) -> tuple[Path, str]:
    """Ada is enrolled and loses her key; the registrar's answer, and what it said."""
    ok(cli("registrar", "init", "--name", "Bank", **office))
    ok(cli("enroll", "--export", folder / "ada.jsonl"))
    ok(cli("registrar", "enrol", folder / "ada.jsonl", **office))
    ok(cli("enroll", "--import", folder / "ada.registered.jsonl"))
    new = home("new")
    ok(cli("key", "add", ada, "--export", folder / "new.jsonl", "--name", "Ada Sample", **new))
    said = ok(cli("registrar", "enrol", folder / "new.jsonl", "--lost", **office))
    ok(cli("enroll", "--import", folder / "new.registered.jsonl", **new))
    return folder / "new.registered.jsonl", said


def test_a_registrars_home_trusts_it_and_never_advises_to_trust_a_lost_key(
    cli, ada, here, sealed, home, tmp_path: Path
) -> None:
    office, lost = home("office"), key_of(cli)
    assert "trust add" in cli("verify", sealed, **office).out
    lose(cli, ada, here, office, home, tmp_path)
    assert len(json.loads(cli("trust", "list", "--json", **office).out)["registrars"]) == 1
    done = cli("verify", sealed, **office)
    assert (done.status, "was revoked" in done.out) == (1, True), done.out
    assert "trust add" not in done.out
    # Nor where its registrar is not trusted.
    for registrar in json.loads(cli("trust", "list", "--json", **office).out)["registrars"]:
        ok(cli("trust", "remove", "--registrar", registrar, **office))
    done = cli("verify", sealed, **office)
    assert done.status == 1
    assert f"trust add {ada}" not in done.out
    report = json.loads(cli("verify", "--json", sealed, **office).out)["notebooks"][0]
    assert "(lost)" in report["revokedKeys"][lost]


def test_the_registrar_marks_whom_it_revoked_and_says_what_stays(
    cli, ada, here, home, tmp_path: Path
) -> None:
    office, laptop, lost = home("office"), home("laptop"), key_of(cli)
    file = tmp_path / "laptop.jsonl"
    ok(cli("key", "add", ada, "--export", file, "--name", "Ada Sample", **laptop))
    ok(cli("key", "add", "--sign", file, **here))
    second = key_of(cli, **laptop)
    answer, said = lose(cli, ada, here, office, home, tmp_path)
    assert "stay good" in said
    assert "none is known here" in said
    lines = ok(cli("registrar", "list", **office)).splitlines()
    assert [lost in line for line in lines if "revoked" in line] == [True]
    members = json.loads(cli("registrar", "list", "--json", **office).out)["members"]
    assert {one["keyId"]: bool(one["revoked"]) for one in members}.pop(lost) is True
    assert sum(bool(one["revoked"]) for one in members) == 1
    # The lost key's home learns of it from the same file.
    done = cli("enroll", "--import", answer)
    assert f"trust add --registrar {done.out.split()[-1]}" in ok(done)
    ok(cli("trust", "add", "--registrar", done.out.split()[-1]))
    assert "signs nothing" in ok(cli("enroll", "--import", answer))
    found = json.loads(cli("status", "--json").out)
    assert found["identities"][0]["assurance"] is None
    # Where the laptop is known, it is named.
    ok(cli("registrar", "init", "--name", "Bank", **here))
    ok(cli("registrar", "enrol", ada, **here))
    ok(cli("key", "add", ada, "--export", tmp_path / "b.jsonl", "--name", "A", **home("third")))
    assert second in ok(cli("registrar", "enrol", tmp_path / "b.jsonl", "--lost", **here))


def test_a_revocation_by_another_key_than_the_files_own_is_refused(
    cli, ada, here, home, tmp_path: Path
) -> None:
    answer, _ = lose(cli, ada, here, home("office"), home, tmp_path)
    lines = answer.read_bytes().splitlines(keepends=True)
    assert b"revocation" not in lines[0]
    spoiled = json.loads(lines[-1])
    spoiled["signatures"][0]["sig"] = json.loads(lines[0])["signatures"][0]["sig"]
    answer.write_bytes(b"".join(lines[:-1]) + json.dumps(spoiled).encode() + b"\n")
    done = cli("enroll", "--import", answer)
    assert done.status == 2
    assert done.told("signature")
    assert "was revoked" not in cli("status").err


def test_after_a_revocation_the_way_back_that_is_named_works(
    cli, ada, here, home, sealed: Path, identity_folder, settings: Settings, tmp_path: Path
) -> None:
    old, file = key_of(cli), tmp_path / "again.jsonl"
    pem = (identity_folder(ada) / "key.pem").read_bytes()
    assert cli("key", "add", ada, "--export", file, **here).told("in force", "key rotate")
    done = cli("key", "revoke", "--reason", "lost", **here)
    assert f"jupyter mlo key add {ada} --export FILE" in ok(done)
    status = cli("status")
    assert "assurance here   signed" not in status.out
    assert json.loads(cli("status", "--json").out)["identities"][0]["assurance"] is None
    said = ok(cli("key", "add", ada, "--export", file, **here))
    (kept,) = identity_folder(ada).glob("key.revoked-*.pem")
    assert str(kept) in said
    assert (kept.read_bytes(), kept.stat().st_mode & 0o777) == (pem, 0o600)
    new = key_of(cli)
    assert new != old
    assert "assurance here   signed" in ok(cli("status"))
    # A registrar enrols it; it signs, and what the old one had signed in time stays.
    office = home("office")
    ok(cli("registrar", "init", "--name", "Bank", **office))
    assert cli("registrar", "enrol", file, "--lost", **office).told("has not enrolled")
    ok(cli("registrar", "enrol", file, **office))
    ok(cli("enroll", "--import", tmp_path / "again.registered.jsonl"))
    ok(cli("login", **here))
    done = cli("verify", sealed)
    assert done.status == 0, done.out
    path = Workshop(settings, tmp_path / "after").executed()
    ok(cli("seal", path))
    ok(cli("verify", path))
    assert "Traceback" not in cli("key", "list").err
    assert PASSPHRASE not in said


def test_the_other_device_signs_the_new_key(cli, ada, here, home, tmp_path: Path) -> None:
    laptop, file = home("laptop"), tmp_path / "laptop.jsonl"
    ok(cli("key", "add", ada, "--export", file, "--name", "Ada Sample", **laptop))
    ok(cli("key", "add", "--sign", file, **here))
    ok(cli("key", "add", "--import", tmp_path / "laptop.signed.jsonl", **laptop))
    ok(cli("key", "revoke", "--reason", "lost", **here))
    again = tmp_path / "again.jsonl"
    ok(cli("key", "add", ada, "--export", again, **here))
    ok(cli("key", "add", "--sign", again, **laptop))
    ok(cli("key", "add", "--import", tmp_path / "again.signed.jsonl", **here))
    rows = json.loads(cli("key", "list", "--json", **laptop).out)["keys"]
    assert key_of(cli) in [one["keyId"] for one in rows if one["state"] == "in force"]


def test_the_key_before_a_rotation_is_on_no_other_device(cli, ada, here) -> None:
    old = key_of(cli)
    ok(cli("key", "rotate", **here))
    (line,) = (line for line in cli("key", "list").out.splitlines() if old in line)
    assert "superseded" in line
    assert "another device" not in line


def test_a_team_is_no_member_of_itself(cli, enrolled, here, tmp_path: Path) -> None:
    ok(cli("enroll", "--name", "Credit models", "--kind", "team", **here))
    team = json.loads(cli("status", "--json").out)["identities"][0]["mlo"]
    done = cli("team", "add", team, "--team", team, "--out", tmp_path / "x.jsonl", **here)
    assert done.status == 2
    assert done.told("is the team itself")
    assert not (tmp_path / "x.jsonl").exists()
