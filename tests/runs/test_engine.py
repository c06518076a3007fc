"""A run by papermill, seen through the file that is left on disk."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from papermill.engines import papermill_engines
from papermill.exceptions import PapermillExecutionError

from jupyter_mlo.errors import Refused
from jupyter_mlo.notebook.layout import read_notebook_entries
from jupyter_mlo.statements.predicates import types
from tests.runs.conftest import notebook, outcome, stamped, write


def test_every_executed_cell_is_stamped_for_whoever_is_logged_in(ada, run, folder, holds):
    ada.login()
    write(
        folder / "in.ipynb",
        "# md title",
        "print('a')\n1",
        "",
        "import sys; print(2, file=sys.stderr)",
    )
    run("in.ipynb")
    report = holds()
    assert stamped(report) == [1, 3]
    assert {cell.mlo for cell in report.cells if cell.execution} == {ada.mlo}
    assert {(cell.activity, cell.model) for cell in report.cells if cell.execution} == {
        ("training", "loan@3")
    }
    assert report.seal.meaning == "held"


def test_results_and_displays_carry_a_light_reference(ada, run, folder, holds):
    ada.login()
    write(folder / "in.ipynb", "print('x'); display(1); 2")
    nb = run("in.ipynb")
    stream, shown, result = nb.cells[0].outputs
    execution = holds().cells[0].execution
    assert "mlo" not in stream.get("metadata", {})
    assert shown.metadata["mlo"] == result.metadata["mlo"] == f"{ada.mlo}#{execution}"


def test_an_output_that_a_later_cell_updates_is_stamped_anew(ada, run, folder, holds):
    ada.login()
    write(
        folder / "in.ipynb",
        "h = display('old', display_id=True)\ndisplay('stays')",
        "h.update('new')",
        "for i in range(50): h.update(i)",
    )
    nb = run("in.ipynb")
    report = holds()
    first, second = nb.cells[0].outputs
    assert first["data"]["text/plain"] == "49"
    assert first.metadata["mlo"] == f"{ada.mlo}#{report.cells[2].execution}"
    assert second.metadata["mlo"] == f"{ada.mlo}#{report.cells[0].execution}"


def test_changed_outputs_of_a_run_are_found(ada, run, folder, holds, judge):
    ada.login()
    write(folder / "in.ipynb", "print('loss 0.5')", "2")
    run("in.ipynb")
    holds()
    text = Path("out.ipynb").read_text()
    Path("out.ipynb").write_text(
        text.replace("loss 0.5", "loss 0.1", 1).replace("loss 0.5", "loss 0.1")
    )
    assert judge().cells[0].verdict == "changed since"


def test_a_failing_cell_raises_papermills_error_and_the_file_holds(ada, run, folder, holds, logged):
    ada.login()
    write(folder / "in.ipynb", "# md start", "print(1)", "1/0", "3")
    with pytest.raises(PapermillExecutionError, match="ZeroDivisionError") as caught:
        run("in.ipynb")
    assert caught.value.cell_index == 2
    report = holds()
    assert stamped(report) == [2, 4], "papermill has put two cells in between"
    sources = [cell.source for cell in nbformat.read("out.ipynb", 4).cells]
    assert "An Exception was encountered" in sources[0]
    assert 'id="papermill-error-cell"' in sources[3]
    assert outcome(logged) == "failed"
    assert logged(types.PROVENANCE)[-1].predicate.mlo_reason == "cell 3 failed"


def test_a_failed_notebook_can_be_run_again(ada, run, folder, holds):
    ada.login()
    write(folder / "in.ipynb", "print(1)", "1/0")
    for source in ("in.ipynb", "out.ipynb", "out.ipynb"):
        with pytest.raises(PapermillExecutionError):
            run(source)
        assert len(holds().cells) == 4


@pytest.mark.parametrize("code", ["", "0"])
def test_a_system_exit_without_error_is_a_success(ada, run, folder, holds, logged, code):
    ada.login()
    write(folder / "in.ipynb", f"import sys; sys.exit({code})", "2")
    run("in.ipynb")
    holds()
    assert outcome(logged) == "succeeded"


def test_a_system_exit_with_an_error_is_a_failure(ada, run, folder, holds, logged):
    ada.login()
    write(folder / "in.ipynb", "import sys; sys.exit(3)", "2")
    with pytest.raises(PapermillExecutionError):
        run("in.ipynb")
    holds()
    assert outcome(logged) == "failed"


def test_errors_that_a_cell_may_raise_are_stamped(ada, run, folder, holds):
    ada.login()
    write(folder / "in.ipynb", "1/0", "print('on')", tags={0: ["raises-exception"]})
    with pytest.raises(PapermillExecutionError):  # papermill raises for them at the end
        run("in.ipynb")
    assert stamped(holds()) == [2, 3]


def test_skipped_and_empty_cells_are_not_stamped(ada, run, folder, holds):
    ada.login()
    write(folder / "in.ipynb", "1", "2", "   ", tags={1: ["skip-execution"]})
    run("in.ipynb")
    assert stamped(holds()) == [0]


def test_report_mode_holds(ada, run, folder, holds):
    ada.login()
    write(folder / "in.ipynb", "a = 1", "a", tags={0: ["parameters"]})
    nb = run("in.ipynb", parameters={"a": 5}, report_mode=True)
    assert stamped(holds()) == [0, 1, 2]
    assert all(cell.metadata["jupyter"]["source_hidden"] for cell in nb.cells)


def test_prepare_only_writes_a_notebook_in_which_nothing_is_claimed(ada, run, folder, judge):
    ada.login()
    write(folder / "in.ipynb", "a = 1", "a", tags={0: ["parameters"]})
    run("in.ipynb", parameters={"a": 5}, prepare_only=True)
    assert judge().nothing_executed


def test_without_an_output_path_the_returned_notebook_is_sealed(ada, run, folder, holds, tmp_path):
    ada.login()
    write(folder / "in.ipynb", "1")
    nb = run("in.ipynb", None)
    assert sorted(os.listdir(folder)) == ["in.ipynb"]
    nbformat.write(nb, tmp_path / "kept.ipynb")
    holds(tmp_path / "kept.ipynb")


def test_without_saving_at_each_cell_the_file_holds_all_the_same(ada, run, folder, holds):
    ada.login()
    write(folder / "in.ipynb", "1")
    run("in.ipynb", request_save_on_cell_execute=False)
    assert stamped(holds()) == [0]


def test_without_saving_at_each_cell_a_failure_is_written_too(ada, run, folder, holds):
    ada.login()
    write(folder / "in.ipynb", "1", "1/0")
    with pytest.raises(PapermillExecutionError):
        run("in.ipynb", request_save_on_cell_execute=False)
    assert stamped(holds()) == [1, 3]


def test_the_output_may_be_the_input(ada, run, folder, holds):
    ada.login()
    write(folder / "both.ipynb", "1")
    run("both.ipynb", "both.ipynb")
    first = holds("both.ipynb")
    run("both.ipynb", "both.ipynb")
    second = holds("both.ipynb")
    assert second.parent == first.notebook
    assert second.notebook != first.notebook


def test_stamps_and_seals_of_the_input_are_not_carried_over(ada, run, folder, holds):
    ada.login()
    write(folder / "in.ipynb", "# md one", "print(1)")
    run("in.ipynb", "once.ipynb")
    once = read_notebook_entries(nbformat.read("once.ipynb", 4).metadata)
    run("once.ipynb", "twice.ipynb")
    report = holds("twice.ipynb")
    twice = read_notebook_entries(nbformat.read("twice.ipynb", 4).metadata)
    assert report.parent == once.notebook
    assert [seal.envelope.statement_id for seal in twice.seals] != [
        seal.envelope.statement_id for seal in once.seals
    ]
    assert len(twice.seals) == 1


def test_a_notebook_without_cell_ids_holds(ada, run, folder, holds):
    ada.login()
    nb = notebook("print(1)", "2")
    nb.nbformat_minor = 4
    for cell in nb.cells:
        del cell["id"]
    Path("in.ipynb").write_text(json.dumps(nb))
    run("in.ipynb")
    assert stamped(holds()) == [0, 1]
    run("out.ipynb", "again.ipynb")
    holds("again.ipynb")


def test_paths_may_be_path_objects_and_the_folder_another(ada, run, folder, holds, tmp_path):
    ada.login()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "data.txt").write_text("seen")
    write(folder / "in.ipynb", "print(open('data.txt').read())")
    nb = run(Path("in.ipynb"), Path("out.ipynb"), cwd=elsewhere)
    assert nb.cells[0].outputs[0].text == "seen\n"
    holds(folder / "out.ipynb")
    assert sorted(os.listdir(elsewhere)) == ["data.txt"]


def test_a_notebook_object_may_be_the_input(ada, run, folder, holds, logged):
    ada.login()
    run(notebook("1"))
    holds()
    assert (
        "notebook"
        not in logged(types.PROVENANCE)[-1].predicate.build_definition.external_parameters
    )


def test_placeholders_in_paths_are_filled(ada, run, folder, holds):
    ada.login()
    write(folder / "in.ipynb", "a = 1", tags={0: ["parameters"]})
    run("in.ipynb", "out-{a}.ipynb", parameters={"a": 7})
    holds("out-7.ipynb")


def test_without_an_identity_the_run_goes_on_and_says_so(run, folder, caplog, judge):
    write(folder / "in.ipynb", "print(1)")
    nb = run("in.ipynb")
    assert nb.cells[0].outputs[0].text == "1\n"
    said = [
        record.getMessage() for record in caplog.records if "jupyter-mlo" in record.getMessage()
    ]
    assert len(said) == 1
    assert "Nobody answers for this run (nobody is logged in" in said[0]
    assert judge().cells[0].verdict == "unattributed"


def test_policy_refuses_a_run_without_identity_before_anything_is_written(run, folder, settings):
    (settings.home / "mlo.toml").write_text("[identity]\nrequired = true\n")
    write(folder / "in.ipynb", "open('ran', 'w')")
    with pytest.raises(Refused, match="nobody is logged in here"):
        run("in.ipynb")
    assert sorted(os.listdir(folder)) == ["in.ipynb"]


def test_an_unreadable_policy_refuses(run, folder, settings):
    (settings.home / "mlo.toml").write_text("[identity]\nrequired = 'perhaps'\n")
    write(folder / "in.ipynb", "open('ran', 'w')")
    with pytest.raises(Refused, match=r"identity\.required"):
        run("in.ipynb")
    assert sorted(os.listdir(folder)) == ["in.ipynb"]


def test_the_engine_can_be_imported_before_papermill_and_after(quick_imports):
    for order in (
        "from jupyter_mlo.runs.engine import MloEngine; import papermill.engines as e",
        "import papermill.engines as e; from jupyter_mlo.runs.engine import MloEngine",
    ):
        check = "assert e.papermill_engines.get_engine('mlo') is MloEngine"
        base = "assert issubclass(MloEngine, e.NBClientEngine)"
        subprocess.run(
            [sys.executable, "-c", f"{order}; {check}; {base}"], check=True, env=quick_imports
        )


def test_the_engine_is_the_default_only_where_asked_for(quick_imports):
    ask = "import papermill.engines as e; print(e.papermill_engines.get_engine(None).__name__)"
    for value, name in (("0", "NBClientEngine"), ("1", "MloEngine")):
        done = _python(ask, quick_imports | {"MLO_DEFAULT_ENGINE": value})
        assert done == name


def test_papermill_pays_next_to_nothing_for_the_engine(quick_imports):
    loaded = "import sys, papermill.engines; print(*(m for m in sys.modules if 'jupyter_mlo' in m))"
    assert sorted(_python(loaded, quick_imports).split()) == [
        "jupyter_mlo",
        "jupyter_mlo.runs",
        "jupyter_mlo.runs.engine",
    ]


def _python(code, environ):
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environ
    )
    return done.stdout.strip()


def test_the_engine_does_what_papermills_own_does(ada, run, folder):
    """Beside our metadata the notebook is the same, cell by cell."""
    ada.login()
    write(
        folder / "in.ipynb",
        "# md text",
        "x = 1",
        "print('out'); import sys; print('err', file=sys.stderr)",
        "display(x); x",
        "from IPython.display import clear_output\nprint('gone'); clear_output(); print('here')",
        "1/0",
        "never",
        tags={1: ["parameters"]},
    )
    found = {}
    for engine in ("nbclient", "mlo"):
        with pytest.raises(PapermillExecutionError) as caught:
            run("in.ipynb", f"{engine}.ipynb", engine_name=engine, parameters={"x": 2})
        nb = nbformat.read(f"{engine}.ipynb", 4)
        found[engine] = (_bare(nb), str(caught.value).splitlines()[2])
    assert found["mlo"] == found["nbclient"]


def _bare(nb):
    """Without our metadata and what differs between any two runs."""
    assert nb.metadata.papermill.pop("duration") > 0
    for name in ("start_time", "end_time", "output_path"):
        assert nb.metadata.papermill.pop(name)
    nb.metadata.pop("mlo", None)
    for cell in nb.cells:
        cell.metadata.pop("mlo", None)
        cell.pop("id")
        timing = cell.metadata.pop("execution", None)
        assert timing is None or set(timing) >= {"iopub.status.busy", "shell.execute_reply"}
        for name in ("start_time", "end_time", "duration"):
            cell.metadata.get("papermill", {}).pop(name, None)
        for output in cell.get("outputs", []):
            output.get("metadata", {}).pop("mlo", None)
            output.pop("traceback", None)
    return nb


def test_a_run_inside_a_running_event_loop_holds(ada, run, folder, holds):
    """As in a notebook that runs notebooks."""
    ada.login()
    write(folder / "in.ipynb", "print(1)", "2")

    async def inside():
        return run("in.ipynb")

    asyncio.run(inside())
    assert stamped(holds()) == [0, 1]


def test_the_seal_quotes_the_newest_checkpoint_of_the_ledger(ada, run, folder, logged):
    ada.login()
    write(folder / "in.ipynb", "1")
    run("in.ipynb")
    size = len(
        [1 for kind in types.RECORDING | {types.ENROLMENT, types.DELEGATION} for _ in logged(kind)]
    )
    run("in.ipynb")
    newest = logged(types.SEAL)[-1].predicate
    assert newest.checkpoint.size == size
    assert logged(types.SEAL)[0].predicate.checkpoint is None


def test_there_is_a_default_engine_beside_ours():
    assert papermill_engines.get_engine("mlo") is not papermill_engines.get_engine(None)
    assert papermill.__version__
