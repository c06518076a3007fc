"""What papermill and nbclient promise their callers holds under this engine as well."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import nbformat
import pytest
from papermill.exceptions import PapermillExecutionError

from jupyter_mlo.notebook.layout import MEMBER
from tests.runs.conftest import notebook, stamped, write


def test_output_is_logged_and_written_to_files(ada, run, folder, caplog):
    ada.login()
    write(folder / "in.ipynb", "import sys; print('to out'); print('to err', file=sys.stderr); 'v'")
    out, err = io.StringIO(), io.StringIO()
    caplog.set_level("INFO")
    run("in.ipynb", log_output=True, stdout_file=out, stderr_file=err)
    assert (out.getvalue(), err.getvalue()) == ("to out\n", "to err\n")
    said = [record.getMessage() for record in caplog.records]
    assert "to out\n" in said
    assert "'v'" in said
    assert any(text.startswith("Executing Cell 1---") for text in said)


def test_the_progress_bar_counts_cells(ada, run, folder, capfd):
    ada.login()
    write(folder / "in.ipynb", "# md a", "1  # papermill_description=STEP", "2")
    run("in.ipynb", progress_bar={"desc": "Mine", "unit": "step"})
    shown = capfd.readouterr().err
    assert "3/3" in shown
    assert "step" in shown
    assert "Executing STEP" in shown


def test_one_line_says_who_acts(ada, run, folder, caplog, settings):
    ada.login()
    write(folder / "in.ipynb", "1")
    caplog.set_level("INFO")
    run("in.ipynb")
    (line,) = [text for record in caplog.records if (text := record.getMessage()).startswith("As ")]
    assert line.startswith(f"As {ada.mlo} by session: training, loan@3, until 20")


def test_hooks_and_options_of_nbclient_work(ada, run, folder, holds):
    ada.login()
    seen: list[tuple[str, int]] = []
    write(folder / "in.ipynb", "1/0", "2")
    with pytest.raises(PapermillExecutionError):
        run(
            "in.ipynb",
            allow_errors=True,
            on_cell_execute=lambda cell, cell_index: seen.append(("execute", cell_index)),
            on_cell_executed=lambda cell, cell_index, execute_reply: seen.append(
                ("executed", cell_index)
            ),
        )
    assert seen == [("execute", 0), ("executed", 0), ("execute", 1), ("executed", 1)]
    assert stamped(holds()) == [2, 3]


def test_streams_may_be_coalesced(ada, run, folder, holds):
    ada.login()
    source = (
        "import sys\nfor i in range(4): print(i, flush=True); print(i, file=sys.stderr, flush=True)"
    )
    write(folder / "in.ipynb", source)
    nb = run("in.ipynb", coalesce_streams=True)
    assert len(nb.cells[0].outputs) == 2
    holds()


def test_a_cells_time_limit_may_interrupt_it_and_go_on(ada, run, folder, holds):
    ada.login()
    write(folder / "in.ipynb", "import time; time.sleep(60)", "2")
    with pytest.raises(PapermillExecutionError, match="KeyboardInterrupt"):
        run("in.ipynb", execution_timeout=1, interrupt_on_timeout=True)
    assert stamped(holds()) == [2]


def test_widget_state_is_kept_and_sealed(ada, run, folder, holds, judge):
    ada.login()
    write(folder / "in.ipynb", "import ipywidgets as w\nw.IntSlider(value=7)")
    nb = run("in.ipynb")
    states = nb.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    assert any(state["state"].get("value") == 7 for state in states.values())
    holds()
    text = Path("out.ipynb").read_text()
    Path("out.ipynb").write_text(text.replace('"value": 7', '"value": 8'))
    assert judge().seal.changes == ("widget state differs",)


def test_what_an_output_widget_captures_is_no_output_of_the_cell(ada, run, folder, holds):
    ada.login()
    write(
        folder / "in.ipynb",
        "import ipywidgets as w\no = w.Output()\ndisplay(o)",
        "with o:\n    print('captured')\nprint('not')",
    )
    nb = run("in.ipynb")
    assert [output.text for output in nb.cells[1].outputs] == ["not\n"]
    assert stamped(holds()) == [0, 1]


ODD = (
    """
for i in range(5):
    print(f'\\r{i} of 5', end='', flush=True)
print('ab\\b\\bc')""",
    """
from IPython.display import clear_output, display, Image, JSON, HTML
for i in range(3):
    display(i); clear_output(wait=True)
print('end')""",
    "display(JSON({'a': [1e400, float('nan'), 2**70, 1.0, -0.0], 'b': 'é\u2028'}))",
    "display(Image(data=b'\\x89PNG' + bytes(range(256)) * 20, format='png'))",
    """
for i in range(40):
    display({'text/plain': str(i), 'application/json': {'i': i}}, raw=True)""",
    """
import sys, threading
for i in range(50):
    print(i, file=(sys.stdout, sys.stderr)[i % 2], flush=True)""",
    "t = threading.Thread(target=lambda: print('from a thread')); t.start(); t.join()",
    "print('x' * 200_000)",
    "HTML('<b>a\\nb</b>')",
)


def test_odd_outputs_hold(ada, run, folder, holds):
    """Carriage returns, backspaces, clears, huge numbers, NaN, images, many outputs, no text."""
    ada.login()
    write(folder / "in.ipynb", *ODD)
    nb = run("in.ipynb")
    assert stamped(holds()) == list(range(9))
    assert len(nb.cells[4].outputs) == 40
    again = nbformat.read("out.ipynb", 4)
    nbformat.validate(again)
    nbformat.write(again, "rewritten.ipynb")
    holds("rewritten.ipynb")


def test_attachments_and_raw_cells_are_sealed(ada, run, folder, holds, judge):
    ada.login()
    nb = notebook("# md ![i](attachment:i.png)", "1")
    nb.cells[0]["attachments"] = {"i.png": {"image/png": "iVBORw0KGgo="}}
    nb.cells.append(nbformat.v4.new_raw_cell("raw text", id="raw"))
    nbformat.write(nb, folder / "in.ipynb")
    run("in.ipynb")
    holds()
    text = Path("out.ipynb").read_text()
    Path("out.ipynb").write_text(text.replace("raw text", "raw test"))
    assert judge().cells[2].verdict == "changed since"


def test_an_empty_notebook_holds(ada, run, folder, judge):
    ada.login()
    nbformat.write(notebook(), folder / "in.ipynb")
    run("in.ipynb")
    report = judge()
    assert report.seal.verdict == "verified"
    assert report.cells == ()


def test_papermills_own_handlers_get_the_sealed_notebook(ada, run, folder, holds, monkeypatch):
    import papermill.iorw

    written: list[str] = []

    class Handler:
        def write(self, buf, path):
            written.append(buf)

        def pretty_path(self, path):
            return path

    handlers = [("mine://", Handler()), *papermill.iorw.papermill_io._handlers]
    monkeypatch.setattr(papermill.iorw.papermill_io, "_handlers", handlers)
    ada.login()
    write(folder / "in.ipynb", "1", "1/0")
    with pytest.raises(PapermillExecutionError):
        run("in.ipynb", "mine://bucket/out.ipynb")
    Path("kept.ipynb").write_text(written[-1])
    assert stamped(holds("kept.ipynb")) == [1, 3]


def test_the_notebook_can_go_to_standard_output(ada, command, folder, holds):
    """Once, whether it succeeds or fails; what is said goes to standard error."""
    ada.login()
    for name, source, status in (("good", "1", 0), ("bad", "1/0", 1)):
        write(folder / f"{name}.ipynb", source)
        process = command(f"{name}.ipynb", "-")
        out, _ = process.communicate(timeout=120)
        assert process.returncode == status
        json.loads(out)
        Path("kept.ipynb").write_text(out)
        holds("kept.ipynb")


def test_stale_metadata_of_ours_in_cells_is_dropped(ada, run, folder, holds):
    ada.login()
    nb = notebook("1", "# md a")
    nb.cells[0].metadata[MEMBER] = {"version": 1, "stamp": "nonsense"}
    nb.cells[1].metadata[MEMBER] = "nonsense"
    nb.metadata[MEMBER] = ["nonsense"]
    nbformat.write(nb, folder / "in.ipynb")
    run("in.ipynb")
    report = holds()
    assert report.parent is None


def test_duplicate_cell_ids_hold(ada, run, folder, holds):
    ada.login()
    nb = notebook("1", "2")
    text = json.dumps(nb).replace("cell-1", "cell-0")
    (folder / "in.ipynb").write_text(text)
    run("in.ipynb")
    holds()


def test_a_notebook_that_changes_the_folder_or_deletes_files_does_not_confuse_us(
    ada, run, folder, holds
):
    ada.login()
    write(folder / "in.ipynb", "import os; os.chdir('/'); os.environ['MLO_HOME'] = '/nowhere'")
    run("in.ipynb")
    holds(folder / "out.ipynb")
    assert sorted(os.listdir(folder)) == ["in.ipynb", "out.ipynb"]


def test_the_commits_of_the_notebooks_repository_are_in_its_provenance(ada, run, folder, logged):
    from jupyter_mlo.statements.predicates import types
    from tests.runs.test_repository import git

    ada.login()
    write(folder / "in.ipynb", "1")
    git(folder, "init", "-q")
    git(folder, "add", "in.ipynb")
    git(folder, "commit", "-qm", "x")
    run("in.ipynb")
    used = logged(types.PROVENANCE)[-1].predicate.build_definition.resolved_dependencies
    (repository,) = [each for each in used if each.name == "repository"]
    assert repository.digest == {"gitCommit": git(folder, "rev-parse", "HEAD")}
    assert repository.annotations == {"dirty": False, "tracked": True}
