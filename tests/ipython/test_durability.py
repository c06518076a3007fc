"""What was run is on record, whatever happens next; and we never cost a cell."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from jupyter_mlo.config import load_settings
from tests.ipython.conftest import Home, Start, held, recorded
from tests.ipython.frontend import FrontEnd, kernel_pid, start_kernel, stop_kernel


def test_a_kernel_that_ends_writes_what_waits(home: Home, start: Start) -> None:
    home.log_in()
    frontend = start()
    # So slow that the record cannot be there before the kernel is told to end.
    frontend.run(
        "import time\n"
        "from jupyter_mlo.notebook.execution import Execution\n"
        "quick = Execution.sign_records\n"
        "def slow(*args):\n    time.sleep(0.6); return quick(*args)\n"
        "Execution.sign_records = slow"
    )
    cell = frontend.run("print('the last one')")
    assert not home.records(cell)
    frontend.manager.shutdown_kernel(now=False)
    assert recorded(home.record(cell)) == held(cell)


def test_the_end_of_a_kernel_does_not_wait_for_ever(home: Home, start: Start) -> None:
    home.log_in()
    frontend = start()
    frontend.run(
        "import threading\n"
        "from jupyter_mlo.notebook.execution import Execution\n"
        "Execution.sign_records = lambda *args: threading.Event().wait()"
    )
    frontend.run("'never recorded'")
    pid = kernel_pid(frontend.manager)
    began = time.monotonic()
    frontend.client.shutdown()
    while Path(f"/proc/{pid}").exists() and frontend.manager.is_alive():
        assert time.monotonic() - began < 15
        time.sleep(0.1)


def test_a_killed_kernel_loses_the_running_cell_at_most(home: Home) -> None:
    home.log_in()
    for _ in range(5):
        frontend = FrontEnd(start_kernel(home.env))
        try:
            frontend.run("%load_ext jupyter_mlo")
            done = [frontend.run(f"print({n})\ndisplay({n})") for n in range(5)]
            running = frontend.send("import time\nprint('now')\ntime.sleep(60)")
            while not running.outputs:
                frontend.listen(0.05)
            os.kill(kernel_pid(frontend.manager), signal.SIGKILL)
        finally:
            frontend.close()
            stop_kernel(frontend.manager)
        for cell in done:
            assert len(home.records(cell)) == 1, cell.source


def test_a_cell_that_kills_its_kernel_leaves_the_cells_before_it(home: Home) -> None:
    """All sent at once, as with "run all": the next cell begins right after the last."""
    home.log_in()
    slow = (
        "import time\n"
        "from jupyter_mlo.notebook.execution import Execution\n"
        "quick = Execution.sign_records\n"
        "def slow(*args):\n    time.sleep(0.1); return quick(*args)\n"
        "Execution.sign_records = slow"
    )
    frontend = FrontEnd(start_kernel(home.env))
    try:
        frontend.run("%load_ext jupyter_mlo")
        frontend.run(slow)
        sources = ["print(1)", "display(2)", "3", "import os, signal\nos.kill(os.getpid(), 9)"]
        cells = [frontend.send(source) for source in sources]
        deadline = time.monotonic() + 20
        while frontend.manager.is_alive() and time.monotonic() < deadline:
            frontend.listen(0.05)
        for cell in cells[:3]:
            assert len(home.records(cell)) == 1, cell.source
        assert not home.records(cells[3])
    finally:
        frontend.close()
        stop_kernel(frontend.manager)


def test_a_record_that_cannot_be_written_is_said_in_the_next_cell(home: Home, start: Start) -> None:
    home.log_in()
    home.settings.records.write_text("in the way")
    frontend = start()
    told = told_in(frontend, "could not be recorded")
    assert "hint:" in told
    home.settings.records.unlink()
    good = frontend.run("'good again'")
    assert recorded(home.record(good)) == held(good)


def test_what_was_run_is_on_disk_soon_after(home: Home, start: Start) -> None:
    home.log_in()
    frontend = start()
    frontend.run(
        "from jupyter_mlo.ledger.records import RecordStore\n"
        "sync, synced = RecordStore.sync, []\n"
        "RecordStore.sync = lambda store: (sync(store), synced.append(1))"
    )
    deadline = time.monotonic() + 20
    while frontend.run("bool(synced)").text != "True":
        assert time.monotonic() < deadline, "nobody had it written to disk"
        time.sleep(1)


def test_each_cell_that_is_lost_is_said_also_when_it_happens_again(
    home: Home, start: Start
) -> None:
    home.log_in()
    frontend = start()
    for _ in range(2):
        shutil.rmtree(home.settings.records, ignore_errors=True)
        home.settings.records.write_text("in the way")
        lost = [frontend.run("'lost'") for _ in range(2)]
        deadline = time.monotonic() + 20
        told = "".join(cell.text for cell in lost)
        while not all(f"cell [{cell.count}] could not be recorded" in told for cell in lost):
            assert time.monotonic() < deadline, told
            told += frontend.run("'told'").text
        home.settings.records.unlink()
        good = frontend.run("'good again'")
        assert recorded(home.record(good)) == held(good)
    shown = frontend.run("%mlo_status").text
    assert "cells of this kernel could not be recorded: run them again" in shown


def told_in(frontend: FrontEnd, words: str) -> str:
    """What is said at the start of one of the next cells."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        told = frontend.run("'told'")
        assert told.reply["status"] == "ok"
        if words in told.text:
            return told.text
    raise AssertionError(f"nobody said {words!r}")


BREAKS = (
    "jupyter_mlo.ipython.recorder.Recorder.begins",
    "jupyter_mlo.ipython.recorder.Recorder.reference",
    "jupyter_mlo.ipython.recorder.Recorder.replied",
    "jupyter_mlo.ipython.recorder.Recorder.typed",
    "jupyter_mlo.ipython.recorder.Recorder.passed",
    "jupyter_mlo.runs.record_writer.RecordWriter._take_passed",
    "jupyter_mlo.notebook.execution.Execution._sign_record",
    "jupyter_mlo.ledger.records.RecordStore.append",
)


def test_faults_of_ours_cost_no_cell_and_are_logged_once(home: Home) -> None:
    home.log_in()
    log = Path(home.env["HOME"]) / "log"
    with log.open("wb") as stderr:
        frontend = FrontEnd(start_kernel(home.env, stderr=stderr))
    try:
        frontend.run("%load_ext jupyter_mlo")
        for name in BREAKS:
            owner, _, method = name.rpartition(".")
            module, _, kind = owner.rpartition(".")
            frontend.run(
                f"import {module} as m\n"
                f"whole = m.{kind}.{method}\n"
                f"def broken(*args, **named): raise ZeroDivisionError({name!r})\n"
                f"m.{kind}.{method} = broken"
            )
            for _ in range(3):
                cell = frontend.run("display(1)\ninput('?')", answers=["x"])
                assert cell.reply["status"] == "ok", (name, cell.text)
                kinds = [o["output_type"] for o in cell.outputs if o.get("name") != "stderr"]
                assert kinds == ["display_data", "stream", "execute_result"], (name, cell.outputs)
            frontend.run(f"m.{kind}.{method} = whole")
        good = frontend.run("display('whole again')")
        assert recorded(home.record(good)) == held(good)
    finally:
        frontend.close()
        stop_kernel(frontend.manager)
    text = log.read_text()
    for name in BREAKS[:5]:
        # Once for each kind of message, however often it happened.
        assert 1 <= text.count(f"ZeroDivisionError: {name}") <= 2, text


def test_an_output_without_digest_leaves_the_cell_unrecorded_and_says_so(
    home: Home, start: Start
) -> None:
    home.log_in()
    frontend = start()
    odd = frontend.run("display({'application/json': {'$mlo': 1}}, raw=True)\nprint('x')")
    told_in(frontend, f"cell [{odd.count}] could not be recorded")
    assert not home.records(odd)


def test_output_faster_than_it_can_be_digested_is_waited_for(home: Home, start: Start) -> None:
    """Memory stays bounded: the kernel's output waits, and nothing is lost."""
    home.log_in()
    frontend = start()
    frontend.run(
        "import time\n"
        "import jupyter_mlo.runs.record_writer as writer\n"
        "writer.MAX_BYTES = 1 << 20\n"
        "take, most = writer.RecordWriter._take, []\n"
        "def slow(self, message):\n"
        "    most.append(self._taken_in - self._worked_off); time.sleep(0.02)\n"
        "    take(self, message)\n"
        "writer.RecordWriter._take = slow"
    )
    cell = frontend.run(
        "import sys\nfor _ in range(40): print('y' * 200_000); sys.stdout.flush()", timeout=90
    )
    assert recorded(home.record(cell)) == held(cell)
    assert frontend.run("max(most) < 2 << 20").text.endswith("True")


def test_output_that_was_let_go_is_not_vouched_for(home: Home, start: Start) -> None:
    home.log_in()
    frontend = start()
    frontend.run(
        "import threading\n"
        "import jupyter_mlo.runs.record_writer as writer\n"
        "writer.MAX_BYTES, writer.MAX_WAIT = 1000, 0.05\n"
        "take = writer.RecordWriter._take\n"
        "held_up = threading.Event()\n"
        "def slow(self, message):\n"
        "    held_up.wait(30); take(self, message)\n"
        "writer.RecordWriter._take = slow"
    )
    cell = frontend.run("import sys\nfor _ in range(5): print('z' * 9000); sys.stdout.flush()")
    frontend.run("writer.MAX_BYTES = 1 << 27; held_up.set()")
    told_in(frontend, "could not be recorded: more output came")
    assert not home.records(cell)


@pytest.mark.parametrize("required", [True, False])
def test_the_policy_refuses_cells_of_nobody_before_they_start(
    home: Home, start: Start, required: bool
) -> None:
    (home.settings.home / "mlo.toml").write_text(
        f"[identity]\nrequired = {str(required).lower()}\n"
    )
    assert load_settings(home.env).policy.identity_required is required
    frontend = start()
    cell = frontend.run("made = 1")
    assert (cell.reply["status"] == "error") is required
    assert frontend.run("%mlo_status").reply["status"] == "ok"
    assert frontend.run("", user_expressions={}).reply["status"] == "ok"
    if not required:
        return
    assert cell.reply["ename"] == "RefusedCell"
    assert "%mlo_login" in cell.text
    assert "Traceback" not in cell.text
    assert frontend.run("looked = 1", silent=True).reply["status"] == "ok"
    mixed = frontend.run("%mlo_status\nmade = 2")
    assert mixed.reply["ename"] == "RefusedCell"
    home.log_in()
    assert frontend.run("'made' in globals()").text == "False"
