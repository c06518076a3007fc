"""After kill -9 of the runner: at most the running cell is missing."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest

from jupyter_mlo.delegation.enrolment import enrol_oneself
from jupyter_mlo.errors import InvalidInput, NotFound, Refused
from jupyter_mlo.identity.ids import new_mlo_id
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.ledger.store import open_ledger
from jupyter_mlo.runs import journal, leftovers, recovery
from jupyter_mlo.runs.journal import Journal
from jupyter_mlo.statements.envelope import sign
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import read_statement
from tests.runs.conftest import an_open_journal, notebook, stamped, write

SLOW = "open('begun', 'w').close()\nimport time; time.sleep(60)"


@pytest.fixture
def killed(ada, command, folder):
    """A run of which two cells had completed and one was running when the runner was killed."""
    ada.login()
    write(
        folder / "in.ipynb",
        "# md title",
        "import jupyter_mlo\njupyter_mlo.record(metrics={'auc': 0.5})\n"
        "h = display('a', display_id=True)",
        "print('second'); h.update('b')",
        SLOW,
        "never",
    )
    process = command("in.ipynb", "out.ipynb")
    deadline = time.monotonic() + 60
    while not (folder / "begun").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.communicate(timeout=60)
    return folder / "out.ipynb"


def test_a_killed_run_is_recovered_with_all_that_had_completed(
    killed, verb, judge, settings, logged
):
    status, said = verb("recover")
    assert status == 0
    assert "cut off" in said
    assert str(killed) in said
    status, said = verb("recover", "out.ipynb")
    assert status == 0
    assert "2 of 4 code cells recovered" in said
    assert "jupyter mlo seal" in said
    nb = nbformat.read(killed, 4)
    nbformat.validate(nb)
    assert nb.cells[1].outputs[-1]["data"]["text/plain"] == "'b'"
    assert nb.cells[2].outputs[0].text == "second\n"
    assert nb.cells[3].outputs == []
    report = judge(killed)
    assert stamped(report) == [1, 2]
    assert {cell.verdict for cell in report.cells if cell.execution} == {"unsealed"}
    assert report.problems == ()
    assert list(settings.runs.iterdir()) == []
    assert len(logged(types.EVIDENCE)) == 1, "what the kernel had put on record is kept"
    assert verb("recover") == (0, "no run was cut off here\n")


def test_what_was_recovered_can_be_sealed_and_then_holds(killed, verb, holds):
    verb("recover", "out.ipynb")
    status, said = verb("seal", "out.ipynb")
    assert status == 0, said
    assert stamped(holds(killed)) == [1, 2]


def test_half_a_notebook_at_the_runs_output_is_replaced(killed, verb):
    killed.write_text(killed.read_text()[:100])
    assert verb("recover", "out.ipynb")[0] == 0
    nbformat.read(killed, 4)


def test_a_notebook_of_another_run_is_not_overwritten(killed, verb, run):
    run("in2.ipynb" if write(killed.parent / "in2.ipynb", "1") else "", "other.ipynb")
    os.replace("other.ipynb", killed)
    before = killed.read_bytes()
    name = next(each.folder.name for each in recovery.cut_off_runs(_settings()) if not each.ended)
    with pytest.raises(Refused, match="a notebook of another run"):
        verb("recover", name[:8])
    assert killed.read_bytes() == before
    assert verb("recover", name[:8], "--to", "elsewhere.ipynb")[0] == 0
    nbformat.read("elsewhere.ipynb", 4)


def _settings():
    from jupyter_mlo.config import load_settings

    return load_settings()


def test_a_run_that_goes_on_is_not_recovered(settings, verb):
    made = an_open_journal(settings)
    assert "running" in verb("recover")[1]
    with pytest.raises(Refused, match="still going on"):
        verb("recover", "aaaa")
    made.close()


def test_where_nothing_was_written_a_path_is_asked_for(settings, verb):
    an_open_journal(settings, output=None).close()
    with pytest.raises(InvalidInput, match="--to"):
        verb("recover", "aaaa")
    assert verb("recover", "aaaa", "--to", "out.ipynb", "--keep")[0] == 0
    assert "recovered" in verb("recover", "aaaa", "--to", "out2.ipynb")[1]
    with pytest.raises(NotFound):
        verb("recover", "aaaa")


def test_an_unknown_run_and_an_ambiguous_one_are_told(settings, verb):
    an_open_journal(settings, "abc1").close()
    an_open_journal(settings, "abc2").close()
    with pytest.raises(NotFound, match="no run that was cut off"):
        verb("recover", "missing.ipynb")
    with pytest.raises(InvalidInput, match="2 runs begin with abc"):
        verb("recover", "abc")


def test_of_two_runs_with_one_output_the_newest_is_meant(settings, verb):
    for name, started in (("old", "2026-01-01T00:00:00.000Z"), ("new", "2026-01-02T00:00:00.000Z")):
        nb = notebook(name)
        head = {
            "run": name,
            "notebook": name,
            "output": str(Path("o.ipynb").absolute()),
            "started": started,
        }
        Journal(settings.runs / name, head, nb).close()
    verb("recover", "o.ipynb")
    assert nbformat.read("o.ipynb", 4).cells[0].source == "new"


def test_an_ended_run_leaves_nothing_once_the_process_has_ended(ada, command, folder, settings):
    ada.login()
    write(folder / "in.ipynb", "1")
    process = command("in.ipynb", "out.ipynb")
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert list(settings.runs.iterdir()) == []


def test_in_a_process_that_goes_on_the_next_run_clears_up(ada, run, folder, settings):
    ada.login()
    write(folder / "in.ipynb", "1")
    run("in.ipynb")
    first = set(settings.runs.iterdir())
    assert len(first) == 1
    run("in.ipynb")
    assert len(set(settings.runs.iterdir())) == 1
    assert not first & set(settings.runs.iterdir())


def test_sweeping_removes_what_ended_and_keys_and_keeps_what_can_be_recovered(settings, folder):
    ended, cut, running = (an_open_journal(settings, name) for name in ("e", "c", "r"))
    for made in (ended, cut, running):
        (made.folder / "key.json").touch()
    output = folder / "out.ipynb"
    head = {"run": "w", "notebook": "urn:uuid:w", "output": str(output)}
    well = Journal(settings.runs / "w", head, {})
    well.ended("succeeded", "5e" * 32)
    ended.ended("succeeded", None)
    for made in (ended, cut, well):
        made.close()
    text = {"metadata": {"mlo": {"notebook": "urn:uuid:w", "seals": [{"envelope": {}}]}}}
    output.write_text(json.dumps(text))
    leftovers.sweep(settings)
    assert {path.name for path in settings.runs.iterdir()} == {"e", "c", "r"}
    assert (running.folder / "key.json").exists()
    assert not (cut.folder / "key.json").exists()
    long_ago = time.time() - leftovers.ENDED_FOR - 60
    for made in (ended, cut):
        os.utime(made.folder / journal.JOURNAL, (long_ago, long_ago))
    leftovers.sweep(settings)
    assert {path.name for path in settings.runs.iterdir()} == {"c", "r"}
    running.close()


def test_every_acknowledged_cell_survives_a_kill_at_any_moment(tmp_path):
    """A runner that says which cell is in the journal is killed in the middle of the next."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from jupyter_mlo.runs.journal import Journal\n"
        f"made = Journal(Path({str(tmp_path / 'run')!r}), {{}}, {{'cells': []}})\n"
        "at = 0\n"
        "while True:\n"
        "    made.cell(at, {'outputs': ['x' * 100_000], 'metadata': {}})\n"
        "    print(at, flush=True)\n"
        "    at += 1\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    for _ in range(50):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    told = process.stdout.read().split()
    process.wait()
    last = int(told[-1]) if told else 49
    _, lines = journal.read_journal(tmp_path / "run")
    kept = [line["cell"] for _, line in lines if "cell" in line]
    assert kept[: last + 1] == list(range(last + 1))


FOREIGN = {
    "a notebook of no run": json.dumps(
        {
            "cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "Precious"}],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    ),
    "text": "an important text",
    "half a notebook": '{\n "cells": [\n  {"cell_type": "code", "source": ["precious = 1"]},',
    "a notebook of old": '{"cells": [], "nbformat": 3, "worksheets": []}',
}


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_not_the_runs_own_is_not_overwritten(settings, verb, folder, what):
    target = folder / "out.ipynb"
    an_open_journal(settings, output=str(target)).close()
    target.write_text(FOREIGN[what])
    with pytest.raises(Refused, match="not overwritten") as caught:
        verb("recover", "out.ipynb", "--keep")
    assert "--to" in caught.value.hint
    assert "--force" in caught.value.hint
    with pytest.raises(Refused, match="not overwritten"):
        verb("recover", "aaaa", "--to", "out.ipynb", "--keep")
    assert target.read_text() == FOREIGN[what]
    assert verb("recover", "out.ipynb", "--force")[0] == 0
    assert [cell.source for cell in nbformat.read(target, 4).cells] == ["1", "2"]


@pytest.mark.parametrize("length", [0, 1, 8, 20, 100, 200])
def test_what_the_runner_had_written_by_half_is(settings, verb, folder, length):
    target = folder / "out.ipynb"
    nb = notebook("1", "2")
    an_open_journal(settings, output=str(target), nb=nb).close()
    whole = nbformat.writes(nb)
    assert length < len(whole)
    target.write_text(whole[:length])
    assert verb("recover", "out.ipynb")[0] == 0
    nbformat.read(target, 4)


def test_a_pipe_in_place_of_the_output_is_not_waited_for(settings, verb, folder):
    os.mkfifo(folder / "out.ipynb")
    made = an_open_journal(settings, output=str(folder / "out.ipynb"))
    with pytest.raises(Refused, match="going on"):
        verb("recover", "out.ipynb")
    made.ended("succeeded", None)
    made.close()
    with pytest.raises(InvalidInput, match="no regular file"):
        verb("recover", "out.ipynb")
    leftovers.sweep(settings)


def test_pipes_and_links_below_runs_are_left_alone(settings, verb, folder):
    victim = folder / "victim"
    made = an_open_journal(settings)
    os.rename(made.folder, victim)
    made.close()
    (victim / "key.json").write_text("precious")
    long_ago = time.time() - leftovers.CUT_OFF_FOR - 60
    os.utime(victim / journal.JOURNAL, (long_ago, long_ago))
    (settings.runs / "link").symlink_to(victim)
    (settings.runs / "pipe").mkdir()
    os.mkfifo(settings.runs / "pipe" / journal.JOURNAL)
    (settings.runs / "folders" / "key.json").mkdir(parents=True)
    before = {path.name: path.read_bytes() for path in victim.iterdir()}
    leftovers.sweep(settings)
    assert {path.name: path.read_bytes() for path in victim.iterdir()} == before
    assert verb("recover")[1] == "no run was cut off here\n"
    with pytest.raises(NotFound):
        verb("recover", "link")


# -- What a kernel had put on record is judged before it is published


def test_a_recovered_run_publishes_nothing_that_its_key_may_not_say(
    ada, killed, verb, settings, logged
):
    folder = next(settings.runs.iterdir())
    file = folder / "statements.jsonl"
    honest = file.read_bytes()
    forged = json.loads(honest)
    forged["signatures"][0]["sig"] = "AAAA"
    stranger = _evidence_by_a_stranger(json.loads(honest), read_head_of(folder)["run"])
    file.write_bytes(json.dumps(forged).encode() + b"\n" + stranger.to_bytes() + b"\n{}\n" + honest)
    status, said = verb("recover", "out.ipynb")
    assert status == 0
    assert said.count("not counted: statement ") == 3
    (kept,) = logged(types.EVIDENCE)
    assert kept.mlo == ada.mlo


def test_statements_without_the_runs_chain_are_not_published(killed, verb, settings, logged):
    file = next(settings.runs.iterdir()) / journal.JOURNAL
    lines = [line for line in file.read_bytes().splitlines(True) if not line.startswith(b'{"chain')]
    file.write_bytes(b"".join(lines))
    assert "not counted: statement 1" in verb("recover", "out.ipynb")[1]
    assert logged(types.EVIDENCE) == []


def test_what_was_smuggled_into_the_chain_is_not_published(ada, killed, verb, settings):
    folder = next(settings.runs.iterdir())
    key, mlo = SigningKey.generate(), new_mlo_id()
    strangers = enrol_oneself(mlo, "person", key, now=datetime.now(UTC))
    honest = json.loads((folder / "statements.jsonl").read_bytes())
    forged = _evidence_by_a_stranger(honest, "urn:uuid:1")
    with (folder / journal.JOURNAL).open("a") as file:
        file.write(json.dumps({"chain": [strangers.to_json(), forged.to_json()]}) + "\n")
    assert verb("recover", "out.ipynb")[0] == 0
    with open_ledger(settings) as ledger:
        found = [read_statement(entry.envelope) for entry in ledger.entries()]
    assert {each.mlo for each in found} == {ada.mlo}
    assert sorted(types.short_name(each.predicate_type) for each in found) == [
        "delegation",
        "delegation",
        "enrolment",
        "evidence",
    ]


def read_head_of(folder):
    return journal.read_head(folder)


def _evidence_by_a_stranger(honest, run):
    key = SigningKey.generate()
    value = json.loads(base64.b64decode(honest["payload"]))
    value["predicate"].update(keyId=key.key_id, run=run, metrics={"auc": 1.0})
    return sign(value, key)
