"""One set of hooks, however it is loaded, and none afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import nbformat
import pexpect
import pytest
from nbclient import NotebookClient

from jupyter_mlo.delegation.runs import delegate_run
from jupyter_mlo.runs.journal import Journal
from jupyter_mlo.runs.run_key import RunKey
from tests.ipython.conftest import Home, Start, held, recorded
from tests.ipython.frontend import FrontEnd

LOAD_AGAIN = (
    "import jupyter_mlo\njupyter_mlo.load_ipython_extension(get_ipython())",
    "%reload_ext jupyter_mlo",
    "%load_ext jupyter_mlo",
    "%unload_ext jupyter_mlo\n%load_ext jupyter_mlo",
)
LEFT = """
import atexit, threading
ip = get_ipython()
kernel = ip.kernel
[name for name in ("send", "recv") if name in kernel.session.__dict__] + [
    name for name in ("send_multipart",) if name in kernel.iopub_thread.socket.__dict__
] + [name for name in ip.magics_manager.magics["line"] if name.startswith("mlo")] + [
    getattr(m, "__name__", "") for m in ip.Completer.custom_matchers
] + [t.name for t in threading.enumerate() if "mlo" in t.name] + [
    name for name in ip.__dict__ if "mlo" in name
] + [type(t).__name__ for t in ip.ast_transformers]
"""


@pytest.mark.parametrize("again", LOAD_AGAIN)
def test_loading_again_leaves_one_set_of_hooks(home: Home, start: Start, again: str) -> None:
    home.log_in()
    frontend = start()
    assert frontend.run(again).reply["status"] == "ok"
    assert frontend.run(again).reply["status"] == "ok"
    cell = frontend.run("print(1)\ndisplay(2)\n3")
    assert recorded(home.record(cell)) == held(cell)
    frontend.run("%unload_ext jupyter_mlo")
    assert frontend.run(LEFT).text == "[]"


def test_unloading_leaves_nothing_and_the_kernel_works(home: Home, start: Start) -> None:
    home.log_in()
    frontend = start()
    frontend.run("1")
    frontend.run("%unload_ext jupyter_mlo")
    assert frontend.run(LEFT).text == "[]"
    cell = frontend.run("name = input('?')\ndisplay(name)\n%mlo", answers=["x"])
    assert cell.reply["ename"] == "UsageError" or "not found" in cell.text
    assert not home.records(cell)


def test_somebody_who_wrapped_us_is_left_in_peace(home: Home, start: Start) -> None:
    home.log_in()
    frontend = start()
    frontend.run(
        "session = get_ipython().kernel.session\n"
        "inner, seen = session.send, []\n"
        "def theirs(*args, **named):\n"
        "    seen.append(1); return inner(*args, **named)\n"
        "session.send = theirs"
    )
    frontend.run("%unload_ext jupyter_mlo")
    assert frontend.run("session.send is theirs").text == "True"
    frontend.run("%load_ext jupyter_mlo")
    cell = frontend.run("display(1)\nlen(seen) > 1")
    assert "True" in cell.text
    assert recorded(home.record(cell)) == held(cell)


def test_the_cell_that_loads_is_recorded_too(home: Home, start: Start) -> None:
    signer = home.log_in()
    frontend = start(load=False)
    cell = frontend.run("%load_ext jupyter_mlo\n'loaded'", id="first")
    record = home.record(cell)
    assert recorded(record) == held(cell)
    assert (record.cell, record.execution.count) == ("first", cell.count)
    assert signer.mlo in cell.text


def test_a_restarted_kernel_begins_anew(home: Home, start: Start) -> None:
    home.log_in()
    frontend = start()
    before = home.record(frontend.run("'before'"))
    frontend.manager.restart_kernel(now=False)
    again = FrontEnd(frontend.manager)
    try:
        assert again.run("%load_ext jupyter_mlo").reply["status"] == "ok"
        after = home.record(again.run("'after'"))
    finally:
        again.close()
    assert before.kernel.id != after.kernel.id
    assert len(home.records()) == 4


@pytest.fixture
def run(home: Home) -> Iterator[tuple[Journal, RunKey]]:
    """A run that goes on, with its kernel's key."""
    run_id, notebook = (f"urn:uuid:{c * 8}-1111-4111-8111-{c * 12}" for c in "12")
    leaf = delegate_run(home.log_in(), run_id, notebook, datetime.now(UTC), timedelta(hours=1))
    journal = Journal(home.settings.runs / "1", {"run": run_id}, {"cells": []})
    key = RunKey(leaf, journal.folder, "ab" * 32, "Ada")
    key.write()
    yield journal, key
    journal.close()


def test_in_a_run_the_recorder_is_quiet_and_the_magics_work(
    home: Home, start: Start, run: tuple[Journal, RunKey]
) -> None:
    frontend = start(load=False, MLO_RUN=str(run[1].path))
    assert frontend.run("%load_ext jupyter_mlo").text == ""
    cell = frontend.run("display(1)")
    assert "mlo" not in cell.outputs[0]["metadata"]
    assert "verify" in frontend.run("%mlo").text
    assert not home.records()


@pytest.mark.parametrize("why", ["missing", "ended", "0644", "broken", "pipe"])
def test_where_mlo_run_names_no_run_cells_are_recorded_as_ever(
    home: Home, start: Start, run: tuple[Journal, RunKey], why: str
) -> None:
    """A terminal that was opened in a run hands the variable on for ever."""
    journal, key = run
    if why == "missing":
        key.remove()
    elif why == "ended":
        journal.close()
    elif why == "0644":
        key.path.chmod(0o644)
    elif why == "broken":
        key.path.write_text("{}")
    else:
        key.path.unlink()
        os.mkfifo(key.path, 0o600)
    frontend = start(load=False, MLO_RUN=str(key.path))
    said = frontend.run("%load_ext jupyter_mlo").text
    assert said.count("MLO_RUN names no run") == 1
    assert "cells are attributed" in said
    cell = frontend.run("print(1)\ndisplay(2)\n3")
    assert recorded(home.record(cell)) == held(cell)


def test_a_stale_mlo_run_does_not_open_the_gate(home: Home, start: Start) -> None:
    (home.settings.home / "mlo.toml").write_text("[identity]\nrequired = true\n")
    frontend = start(MLO_RUN=str(home.settings.home / "gone" / "key.json"))
    cell = frontend.run("print('it ran')")
    assert cell.reply["status"] == "error"
    assert "it ran" not in cell.text


def test_a_broken_configuration_is_one_clean_message(home: Home, start: Start) -> None:
    (home.settings.home / "mlo.toml").write_text("[identity]\nrequired = maybe\n")
    frontend = start(load=False)
    cell = frontend.run("%load_ext jupyter_mlo")
    assert cell.reply["ename"] == "InvalidInput"
    assert "mlo.toml cannot be read" in cell.text
    assert "Traceback" not in cell.text
    assert frontend.run("1 + 1").text == "2"


def test_a_user_whose_name_looks_like_a_message_is_recorded(home: Home, start: Start) -> None:
    home.log_in()
    frontend = start(USER="comm_msg", LOGNAME="comm_msg")
    cell = frontend.run("print(1)\ndisplay(2)")
    assert recorded(home.record(cell)) == held(cell)


def test_loading_in_a_kernel_imports_nothing_heavy(home: Home, start: Start) -> None:
    home.log_in()
    frontend = start(load=False)
    heavy = ("pydantic", "sqlalchemy", "nbformat", "ipywidgets", "stdnum", "alembic")
    cell = frontend.run(
        f"import sys\n%load_ext jupyter_mlo\n[name for name in {heavy} if name in sys.modules]"
    )
    assert cell.text.endswith("[]")
    home.record(frontend.run("display(1)"))
    assert frontend.run(f"[name for name in {heavy} if name in sys.modules]").text == "[]"


def test_under_nbclient_cells_are_recorded_and_nobody_is_asked(home: Home) -> None:
    home.log_in()
    cells = ["%load_ext jupyter_mlo", "print('x')\ndisplay(1)", "%mlo_login --for 1h"]
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))
    NotebookClient(notebook, kernel_name="python3", allow_errors=True, timeout=60).execute(
        env=home.env, cwd=home.env["HOME"]
    )
    reference = notebook.cells[1].outputs[1].metadata["mlo"]
    assert [r for r in home.records() if f"{r.mlo}#{r.execution.id}" == reference]
    assert notebook.cells[2].outputs[-1].output_type == "error"


def test_plain_ipython_has_the_magics_and_says_what_is_not_recorded(home: Home) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", "-c",
         "get_ipython().run_line_magic('load_ext', 'jupyter_mlo')\n"
         "get_ipython().run_line_magic('mlo_status', '')\n"
         "get_ipython().run_line_magic('unload_ext', 'jupyter_mlo')\n"
         "print(get_ipython().find_line_magic('mlo'))"],
        env=home.env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "cells are recorded in Jupyter kernels only" in done.stdout
    assert "nobody is logged in" in done.stdout
    assert done.stdout.rstrip().endswith("None")
    assert done.returncode == 0, done.stderr


def test_terminal_ipython_asks_at_the_terminal(home: Home) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--no-banner", "--simple-prompt", "--colors=nocolor"],
        env={**home.env, "TERM": "dumb"},
        encoding="utf-8",
        timeout=60,
    )
    try:
        child.expect(r"In \[1\]:")
        child.sendline("%load_ext jupyter_mlo")
        child.expect("kernels only")
        child.sendline("%mlo_login")
        child.expect("your name: ")
        child.sendline("Ada")
        child.expect("may stay empty.*: ")
        child.sendline("")
        child.expect("new passphrase .*: ")
        child.sendline("correct horse battery")
        child.expect("same again: ")
        child.sendline("correct horse battery")
        child.expect("enrolled Ada")
        child.expect(r"Ada \(mlo:.*\): exploration, until .* UTC")
        child.sendline("%mlo_login nobody")
        child.expect("there is no MLO nobody in this home")
        child.sendline("exit")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    assert home.settings.session_file.exists()
    assert "correct horse" not in (child.before or "")
