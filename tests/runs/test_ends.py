"""Runs that end early: whatever ends them, the file on disk is sealed and provenance says so."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from jupyter_mlo.notebook.layout import read_notebook_entries
from jupyter_mlo.runs import journal, recovery
from jupyter_mlo.statements.predicates import types
from tests.runs.conftest import outcome, stamped, write

SLOW = "import time\nprint('begun', flush=True)\nopen('begun', 'w').close()\ntime.sleep(60)"


def test_a_dying_kernel(ada, run, folder, holds, logged):
    ada.login()
    write(folder / "in.ipynb", "print(1)", "print('last', flush=True)\nimport os; os._exit(1)", "3")
    with pytest.raises(DeadKernelError):
        run("in.ipynb")
    assert stamped(holds()) == [0, 1]
    assert outcome(logged) == "failed"
    assert logged(types.PROVENANCE)[-1].predicate.mlo_reason == "the kernel died"


def test_a_cell_that_takes_too_long(ada, run, folder, holds, logged):
    """It goes on printing while it is sealed and its kernel shut down; that counts no more."""
    ada.login()
    chatty = "import time\nwhile True: print('on', flush=True); time.sleep(0.01)"
    write(folder / "in.ipynb", "1", chatty, "3")
    with pytest.raises(CellTimeoutError):
        run("in.ipynb", execution_timeout=1)
    report = holds()
    assert stamped(report) == [0, 1]
    assert nbformat.read("out.ipynb", 4).cells[1].outputs[0].text.startswith("on\n")
    assert outcome(logged) == "failed"
    assert logged(types.PROVENANCE)[-1].predicate.mlo_reason == (
        "a cell took longer than it was given"
    )


def test_a_kernel_that_does_not_get_ready(ada, run, folder, holds, logged, home_env):
    ada.login()
    _kernelspec("mute", ["sleep", "60"])
    write(folder / "in.ipynb", "1")
    with pytest.raises(RuntimeError, match="Kernel didn't respond"):
        run("in.ipynb", start_timeout=1, kernel_name="mute")
    assert holds().seal.meaning == "held"
    assert stamped(holds()) == []
    assert outcome(logged) == "failed"


def test_a_kernel_that_does_not_exist(ada, run, folder, holds, logged):
    ada.login()
    write(folder / "in.ipynb", "1")
    with pytest.raises(Exception, match="No such kernel named absent"):
        run("in.ipynb", kernel_name="absent")
    holds()
    assert outcome(logged) == "failed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal(ada, command, folder, holds, logged, settings, number):
    ada.login()
    write(folder / "in.ipynb", "print(1)", SLOW, "3")
    process = command("in.ipynb", "out.ipynb")
    _wait_for(folder / "begun", process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    if number == signal.SIGINT:
        assert process.returncode == 1
        assert "Aborted!" in said  # what click says of Ctrl-C
    else:
        assert process.returncode == -number, "it ends as it was asked to"
    report = holds()
    assert stamped(report) == [0, 1]
    assert nbformat.read("out.ipynb", 4).cells[1].outputs[0].text == "begun\n"
    assert outcome(logged) == "interrupted"
    assert not list(settings.runs.iterdir()), "nothing is left to recover"


def test_ctrl_c_twice_does_not_keep_the_notebook_from_being_sealed(
    ada, command, folder, holds, logged
):
    ada.login()
    write(folder / "in.ipynb", "print(1)", SLOW)
    process = command("in.ipynb", "out.ipynb")
    _wait_for(folder / "begun", process)
    for _ in range(6):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    process.communicate(timeout=60)
    assert stamped(holds()) == [0, 1]


def test_a_run_inside_an_exception_handler_is_not_taken_for_a_failed_one(
    ada, run, folder, holds, logged
):
    ada.login()
    write(folder / "in.ipynb", "1")
    try:
        raise ValueError("of the caller's")
    except ValueError:
        run("in.ipynb")
    holds()
    assert outcome(logged) == "succeeded"


def test_an_output_folder_that_does_not_exist_is_told_before_the_kernel_starts(
    ada, run, folder, settings
):
    ada.login()
    write(folder / "in.ipynb", "open('ran', 'w')")
    with pytest.raises(FileNotFoundError, match="doesn't exist"):
        run("in.ipynb", "absent/out.ipynb")
    assert not (folder / "ran").exists()


def test_a_notebook_that_cannot_be_written_at_the_end_can_be_recovered(
    ada, run, folder, settings, holds, monkeypatch
):
    ada.login()
    (folder / "there").mkdir()
    write(folder / "in.ipynb", "import shutil; shutil.rmtree('there'); print('kept')")
    with pytest.raises((FileNotFoundError, OSError)):
        run("in.ipynb", "there/out.ipynb")
    (left,) = settings.runs.iterdir()
    assert journal.has_ended(left)
    (found,) = recovery.cut_off_runs(settings)
    recovery.write(recovery.rebuild(found, datetime.now(UTC)), folder / "recovered.ipynb")
    assert stamped(holds("recovered.ipynb")) == [0]


def test_while_the_run_lasts_the_file_shows_how_far_it_has_come(
    ada, command, folder, judge, monkeypatch
):
    ada.login()
    write(folder / "in.ipynb", "print('first')", SLOW)
    process = command("in.ipynb", "out.ipynb")
    try:
        _wait_for(folder / "begun", process)
        deadline = time.monotonic() + 20
        while not (seen := _outputs(folder / "out.ipynb")) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert seen == ["first\n"]
        report = judge()
        assert report.cells[0].execution is not None
        assert report.seal.verdict == "unsealed"
        nb = nbformat.read("out.ipynb", 4)
        assert nb.cells[1].metadata.papermill.status == "running"
        assert read_notebook_entries(nb.metadata).problems == ()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def _outputs(path: Path) -> list[str]:
    nb = nbformat.read(path, 4)  # never half a file
    return [output.text for cell in nb.cells[:1] for output in cell.outputs]


def _wait_for(path: Path, process) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)  # what the cell has printed has arrived


def _kernelspec(name: str, argv: list[str]) -> None:
    import json

    place = Path(os.environ["JUPYTER_DATA_DIR"]) / "kernels" / name
    place.mkdir(parents=True)
    spec = {"argv": argv, "display_name": name, "language": "python"}
    (place / "kernel.json").write_text(json.dumps(spec))
