"""%mlo_login and its relatives in a real kernel, and where the passphrase is not afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest

from jupyter_mlo.delegation.sessions import load_session
from jupyter_mlo.ipython.recorder import MASK
from jupyter_mlo.statements.times import from_text
from tests.ipython.conftest import Home, Start, held, recorded
from tests.ipython.frontend import Cell, FrontEnd, start_kernel, stop_kernel

SECRET = "correct-horse-battery-7391"
WRONG = "incorrect-horse-battery-7391"
HOSTILE = "Ada <img src=x onerror=alert(1)>"


@pytest.fixture
def frontend(start: Start) -> FrontEnd:
    """A kernel in a home in which nobody is enrolled."""
    return start()


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, FrontEnd]]:
    """One kernel for several tests, in which Ada has enrolled and logged in."""
    home = Home(tmp_path_factory.mktemp("home"))
    frontend = FrontEnd(start_kernel(home.env))
    try:
        frontend.run("%load_ext jupyter_mlo")
        cell = frontend.run("%mlo_login", answers=[HOSTILE, "ada@example.org", SECRET, SECRET])
        assert cell.reply["status"] == "ok", cell.text
        yield home, frontend
    finally:
        frontend.close()
        stop_kernel(frontend.manager)


def log_in(frontend: FrontEnd) -> Cell:
    cell = frontend.run("%mlo_login", answers=[SECRET])
    assert cell.reply["status"] == "ok", cell.text
    return cell


def test_the_first_login_enrols_and_says_what_comes_next(home: Home, frontend: FrontEnd) -> None:
    cell = frontend.run("%mlo_login", id="login", answers=["Ada", "a@b.org", SECRET, SECRET])
    assert cell.reply["status"] == "ok", cell.text
    for word in ("enrolled Ada", "MLO ID", "fingerprint", "until", "next: run your cells"):
        assert word in cell.text
    assert len(cell.asked) == 4
    parts = home.records(cell, at_least=2)
    assert recorded(parts[1]) == held(cell)
    session = load_session(home.settings, datetime.now(UTC))
    assert session is not None
    # The session was not there when the cell began; what it signs begins with it.
    assert from_text(parts[0].started) >= session.scope.not_before  # type: ignore[union-attr]
    assert cell.outputs[-1]["metadata"]["mlo"] == f"{parts[0].mlo}#{parts[0].execution.id}"
    after = frontend.run("display(1)")
    assert home.record(after).mlo == parts[0].mlo


def test_what_was_typed_to_be_enrolled_does_not_stay_in_the_notebook(
    home: Home, frontend: FrontEnd
) -> None:
    failed = frontend.run("%mlo_login", answers=["Ada", "ada@example.org", "x", "x", "x"])
    assert failed.reply["status"] == "error"
    assert "three times" in failed.text
    answers = ["", "Ada", "ada@@", "ada@example.org", "x", SECRET, SECRET]
    cell = frontend.run("%mlo_login", answers=answers)
    assert cell.reply["status"] == "ok", cell.text
    for one in (failed, cell):
        assert "ada@example.org" not in repr(one.outputs)
        assert "stdin" not in [output.get("name") for output in one.outputs]
    assert "enrolled Ada" in cell.text
    assert "shorter than" not in cell.text, "what was asked again is settled"
    assert "ada@@" not in cell.text
    assert str(home.settings.home) not in cell.text.partition("kept in")[0]


def test_the_passphrase_is_nowhere(home: Home, frontend: FrontEnd) -> None:
    """Not in the notebook, the history, the home, In and Out, nor anything that lives on."""
    frontend.run("%xmode Verbose")
    cells = [frontend.run("%mlo_login", answers=["Ada", "", SECRET, SECRET])]
    cells.append(frontend.run("%mlo_login --for 1h", answers=[SECRET]))
    cells.append(frontend.run("%mlo_login", answers=[WRONG]))
    cells.append(frontend.run("%tb"))
    cells.append(frontend.run("_ , __, ___, _i, _ii, _iii, In, Out"))
    probe = frontend.run(PROBE.format(backwards=SECRET[:2:-1]))
    assert probe.text.strip() == "[]", probe.text
    assert cells[1].reply["status"] == "ok"
    assert cells[2].reply["ename"] == "WrongPassphrase"
    for cell in cells:
        assert SECRET[3:] not in repr(cell)
    frontend.manager.shutdown_kernel(now=False)
    database = Path(home.env["IPYTHONDIR"]) / "profile_default" / "history.sqlite"
    with sqlite3.connect(database) as connection:
        history = list(connection.execute("select source_raw from history"))
    assert any("mlo_login" in line for (line,) in history)
    folders = [home.settings.home, home.settings.runtime, Path(home.env["IPYTHONDIR"])]
    folders.append(Path(home.env["HOME"]))
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                assert SECRET[3:].encode() not in path.read_bytes(), path


#: Everything that the garbage collector can reach. What is looked for stands there backwards,
#: so that the cell itself does not hold it.
PROBE = """
import gc
def _probe(backwards):
    found = []
    for thing in gc.get_objects():
        for part in gc.get_referents(thing):
            if isinstance(part, (str, bytes)):
                text = part if isinstance(part, str) else part.decode("latin-1")
                if backwards in text[::-1]:
                    found.append((type(thing).__name__, text[:60]))
    return found
gc.collect()
_probe({backwards!r})
"""


def test_the_probe_finds_a_passphrase_that_is_somewhere(frontend: FrontEnd) -> None:
    frontend.run("kept = [chr(99) + 'orrect-horse-battery-7391']")
    assert "list" in frontend.run(PROBE.format(backwards=SECRET[:2:-1])).text


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_an_interrupt_while_asking_shows_no_passphrase_and_makes_nothing(
    home: Home, frontend: FrontEnd, stage: int
) -> None:
    frontend.run("%xmode Verbose")
    answers = ["Ada", "", SECRET][:stage]
    cell = frontend.send("%mlo_login")
    with pytest.raises(AssertionError, match="unexpected question"):
        frontend.wait(cell, answers=answers)
    frontend.manager.interrupt_kernel()
    frontend.wait(cell)
    assert cell.reply["ename"] == "KeyboardInterrupt"
    assert SECRET not in repr(cell)
    assert "Traceback" not in cell.text
    assert not list(home.settings.identities.glob("mlo-*"))


def test_errors_are_one_clean_message_and_stop_a_run(ada: tuple[Home, FrontEnd]) -> None:
    _, frontend = ada
    for source, answers, name, words in [
        ("%mlo_login nobody", [], "NotFound", "no MLO nobody"),
        ("%mlo_login", [WRONG], "WrongPassphrase", "wrong passphrase"),
        ("%mlo_login --for never", [], "InvalidInput", "not a duration"),
        ("%mlo_login --frobnicate", [], "InvalidInput", "unrecognized arguments"),
        ("%mlo_login 'unclosed", [], "InvalidInput", "cannot be read"),
        ("%mlo_login --passphrase x", [], "InvalidInput", "not taken from the command line"),
        ("%mlo activity juggling", [], "InvalidInput", "no activity 'juggling'"),
        ("%mlo trust list", [], "InvalidInput", "run it in a terminal"),
        ("%mlo verfy x", [], "InvalidInput", "did you mean %mlo verify"),
    ]:
        cell = frontend.run(source, answers=answers)
        assert cell.reply["ename"] == name, (source, cell.text)
        (error,) = [o for o in cell.outputs if o["output_type"] == "error"]
        (line,) = error["traceback"]
        assert words in line
        assert "hint:" in line
        assert "magics.py" not in line
    # Slow enough for the next request to be in the queue when it fails.
    failing = frontend.send("import time\ntime.sleep(1)\n%mlo_login nobody")
    queued = frontend.send("print('must not run')")
    frontend.wait(failing)
    frontend.wait(queued)
    assert queued.reply["status"] == "aborted"


def test_without_somebody_to_ask_the_error_names_the_ways(
    ada: tuple[Home, FrontEnd], frontend: FrontEnd
) -> None:
    ada[1].run("%mlo_logout")
    for one in (frontend, ada[1]):  # with nobody enrolled, and with Ada
        cell = one.run("%mlo_login", allow_stdin=False)
        assert cell.reply["status"] == "error"
        assert "MLO_PASSPHRASE_FILE" in cell.text
        assert "mandate" in cell.text


def test_where_nobody_can_be_asked_a_session_that_is_open_goes_on(
    ada: tuple[Home, FrontEnd],
) -> None:
    home, frontend = ada
    log_in(frontend)
    begun = load_session(home.settings, datetime.now(UTC))
    assert begun is not None
    for asked in ("%mlo_login", "%mlo_login --activity exploration"):
        cell = frontend.run(asked, allow_stdin=False)
        assert cell.reply["status"] == "ok", cell.text
        assert "already" in cell.text
        assert home.record(cell)
    # It is not what was asked for.
    for asked in ("%mlo_login --activity training", "%mlo_login --model loan@3"):
        cell = frontend.run(asked, allow_stdin=False)
        assert cell.reply["ename"] == "NobodyToAsk", cell.text
    after = load_session(home.settings, datetime.now(UTC))
    assert after is not None
    assert after.key.public == begun.key.public


def test_a_passphrase_file_needs_nobody(ada: tuple[Home, FrontEnd]) -> None:
    home, frontend = ada
    secret = Path(home.env["HOME"]) / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    frontend.run(f"import os\nos.environ['MLO_PASSPHRASE_FILE'] = {str(secret)!r}")
    cell = frontend.run("%mlo_login", allow_stdin=False)
    frontend.run("del os.environ['MLO_PASSPHRASE_FILE']")
    assert cell.reply["status"] == "ok", cell.text
    assert "application/vnd.jupyter.widget-view+json" not in cell.outputs[-1]["data"]
    assert home.record(cell)


def test_a_failure_that_should_not_be_shows_no_insides(ada: tuple[Home, FrontEnd]) -> None:
    _, frontend = ada
    frontend.run("%xmode Verbose")
    frontend.run(
        "from jupyter_mlo.identity.store import IdentityStore\n"
        "unlock = IdentityStore.unlock\n"
        "def broken(self, identity, passphrase, now): raise KeyError('sorry')\n"
        "IdentityStore.unlock = broken"
    )
    cell = frontend.run("%mlo_login", answers=[SECRET])
    frontend.run("IdentityStore.unlock = unlock")
    assert cell.reply["ename"] == "UnexpectedFailure"
    assert "KeyError: 'sorry'" in cell.text
    assert "MLO_DEBUG" in cell.text
    assert SECRET not in repr(cell)


def test_logout_in_a_cell_leaves_that_cell_attributed(ada: tuple[Home, FrontEnd]) -> None:
    home, frontend = ada
    log_in(frontend)
    cell = frontend.run("%mlo_logout\ndisplay('still mine')")
    after = frontend.run("display('nobody')")
    assert home.record(cell)
    assert "mlo" in cell.outputs[-1]["metadata"]
    assert "mlo" not in after.outputs[0]["metadata"]


def test_a_choice_of_activity_counts_for_its_own_cell(ada: tuple[Home, FrontEnd]) -> None:
    home, frontend = ada
    log_in(frontend)
    cell = frontend.run("%mlo activity training --model loan@3\nprint('trained')")
    record = home.record(cell)
    assert (record.activity, record.model) == ("training", "loan@3")
    again = home.record(frontend.run("1"))
    assert (again.activity, again.model) == ("training", "loan@3")


def test_names_are_shown_escaped(ada: tuple[Home, FrontEnd]) -> None:
    _, frontend = ada
    cell = log_in(frontend)
    status = frontend.run("%mlo_status")
    for shown in (cell.outputs[-2]["data"], status.outputs[-1]["data"]):
        assert "<img" not in shown["text/html"]
        assert "&lt;img" in shown["text/html"]
        assert HOSTILE in shown["text/plain"]
    frontend.run(
        "panel = get_ipython()._jupyter_mlo_extension.magics._panel\n"
        "panel._mlo = 'somebody else'\npanel.refresh()"
    )
    panel = frontend.run("panel.who.value")
    assert "<img" not in panel.text
    assert "&lt;img" in panel.text


def test_the_login_of_the_cell_is_the_one_that_counts(ada: tuple[Home, FrontEnd]) -> None:
    """Another MLO's session was there when the cell began."""
    home, frontend = ada
    other = home.log_in("Bob")
    cell = frontend.run(f"print('x')\n%mlo_login '{HOSTILE}'", answers=[SECRET])
    assert cell.reply["status"] == "ok", cell.text
    plain, shown = home.records(cell, at_least=2)
    assert plain.mlo == shown.mlo != other.mlo
    assert recorded(shown) == held(cell)
    assert cell.outputs[-1]["metadata"]["mlo"].startswith(plain.mlo)


def test_help_and_documentation(ada: tuple[Home, FrontEnd]) -> None:
    _, frontend = ada
    assert "verify" in frontend.run("%mlo").text
    assert "Examples:" in frontend.run("%mlo login --help").text
    assert "MLO_PASSPHRASE_FILE" in frontend.run("%mlo_login?").text
    for name in ("mlo", "mlo_logout", "mlo_status"):
        assert "Docstring" in frontend.run(f"%{name}?").text


def test_a_verb_that_says_no_fails_its_cell(ada: tuple[Home, FrontEnd]) -> None:
    home, frontend = ada
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    notebook.cells[0].execution_count = 1
    nbformat.write(notebook, Path(home.env["HOME"]) / "nb.ipynb")
    cell = frontend.run("%mlo verify nb.ipynb")
    assert cell.reply["ename"] == "VerbFailed"
    assert "nb.ipynb" in cell.text


def test_the_mask_says_nothing_of_the_length(ada: tuple[Home, FrontEnd]) -> None:
    home, frontend = ada
    log_in(frontend)
    texts = [home.records(frontend.run("import getpass; getpass.getpass('?'); None",
                                       answers=[answer]), at_least=2)[1].outputs
             for answer in ("x", "longer than that")]  # fmt: skip
    assert texts[0] == texts[1] != []
    assert len(MASK) == 8
