"""Runs under a mandate: what it permits runs, everything else is refused before it starts."""

from __future__ import annotations

import base64
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from papermill.exceptions import PapermillExecutionError

from jupyter_mlo.delegation.mandate_store import MandateStore
from jupyter_mlo.delegation.mandates import read_mandate
from jupyter_mlo.delegation.revocation import make_revocation
from jupyter_mlo.errors import KeyFileError, Refused
from jupyter_mlo.ledger.publish import publish
from jupyter_mlo.runs import withheld
from jupyter_mlo.runs.identity import Request
from jupyter_mlo.runs.request import _unfit
from jupyter_mlo.statements.predicates import types
from tests.runs.conftest import stamped, write


@pytest.fixture
def job(ada, folder, monkeypatch):
    """A notebook with parameters, and a mandate for it in ``MLO_MANDATE``."""
    path = write(
        folder / "job.ipynb",
        "alpha = 1",
        "open('ran', 'a').close(); print(alpha)",
        tags={0: ["parameters"]},
    )
    file = ada.mandate(path, parameters={"alpha": [1, 2], "beta": "*"})
    monkeypatch.setenv("MLO_MANDATE", str(file))
    return path


def refused(run, *arguments, **options):
    """The run is refused; nothing has run, and nothing was written."""
    before = sorted(os.listdir())
    with pytest.raises(Refused) as caught:
        run(*arguments, **options)
    assert sorted(os.listdir()) == before
    assert not Path("ran").exists()
    return str(caught.value)


def test_it_runs_in_the_name_of_whoever_gave_the_mandate(ada, job, run, holds, logged):
    run("job.ipynb", parameters={"alpha": 2})
    report = holds()
    assert stamped(report) == [0, 1, 2]
    assert {(cell.mlo, cell.activity, cell.model) for cell in report.cells} == {
        (ada.mlo, "training", "loan")
    }
    said = logged(types.PROVENANCE)[-1].predicate
    assert said.build_definition.external_parameters["parameters"] == {"alpha": 2}


def test_the_mandate_comes_before_the_session(ada, job, run, holds):
    ada.login(activity="review", model="other")
    run("job.ipynb")
    assert holds().cells[0].activity == "training"


@pytest.mark.parametrize("form", ["json", "base64"])
def test_the_variable_may_hold_the_mandate_itself(ada, job, run, holds, monkeypatch, form):
    content = Path(os.environ["MLO_MANDATE"]).read_bytes()
    text = content if form == "json" else base64.encodebytes(content)
    monkeypatch.setenv("MLO_MANDATE", text.decode())
    run("job.ipynb")
    holds()


def test_a_changed_notebook_is_refused(job, run):
    nb = nbformat.read(job, 4)
    nb.cells[1].source += "\nsteal()"
    nbformat.write(nb, job)
    assert "the notebook was changed, or is another" in refused(run, "job.ipynb")


def test_markdown_and_outputs_may_change(job, run, holds):
    nb = nbformat.read(job, 4)
    nb.cells.append(nbformat.v4.new_markdown_cell("a remark"))
    nbformat.write(nb, job)
    run("job.ipynb")
    holds()


def test_another_kernel_is_another_code(job, run):
    assert "(code)" in refused(run, "job.ipynb", kernel_name="other")


def test_a_foreign_parameter_is_refused_by_name(job, run):
    said = refused(run, "job.ipynb", parameters={"gamma": 1})
    assert "parameter 'gamma'" in said


def test_a_foreign_value_is_refused(job, run):
    assert "alpha" in refused(run, "job.ipynb", parameters={"alpha": 3})


def test_any_value_is_permitted_where_the_mandate_says_so(job, run, holds):
    run("job.ipynb", parameters={"beta": [1, {"a": "x"}]})
    holds()


def test_code_in_the_cell_of_injected_parameters_is_refused(job, run):
    nb = nbformat.read(job, 4)
    cell = nbformat.v4.new_code_cell("steal()", metadata={"tags": ["injected-parameters"]})
    nb.cells.insert(1, cell)
    nbformat.write(nb, job)
    assert "does not say what the parameters say" in refused(run, "job.ipynb")


def test_an_output_run_again_keeps_its_parameters_and_is_permitted(job, run, holds):
    run("job.ipynb", parameters={"alpha": 2})
    run("out.ipynb", "again.ipynb")
    assert stamped(holds("again.ipynb")) == [0, 1, 2]


def test_another_activity_or_model_is_refused(job, run):
    assert "(activities)" in refused(run, "job.ipynb", activity="deployment")
    assert "(models)" in refused(run, "job.ipynb", model="other")
    assert "no activity 'nothing'" in refused(run, "job.ipynb", activity="nothing")


def test_a_version_of_the_model_is_permitted(job, run, holds, monkeypatch):
    monkeypatch.setenv("MLO_MODEL", "loan@7")
    run("job.ipynb")
    assert holds().cells[0].model == "loan@7"


def test_of_several_activities_one_is_chosen(ada, job, run, holds, monkeypatch):
    file = ada.mandate(job, activities=["training", "validation"], file="two.mandate")
    monkeypatch.setenv("MLO_MANDATE", str(file))
    assert "MLO_ACTIVITY" in refused(run, "job.ipynb")
    monkeypatch.setenv("MLO_ACTIVITY", "validation")
    run("job.ipynb")
    assert holds().cells[0].activity == "validation"


def test_a_mandate_that_has_ended_or_not_begun_is_refused(ada, job, run, monkeypatch):
    long_ago = datetime.now(UTC) - timedelta(days=40)
    file = ada.mandate(job, now=long_ago, lasts=timedelta(days=30), file="old.mandate")
    monkeypatch.setenv("MLO_MANDATE", str(file))
    assert "it ended at" in refused(run, "job.ipynb")
    later = datetime.now(UTC) + timedelta(days=1)
    file = ada.mandate(job, now=later, file="later.mandate")
    monkeypatch.setenv("MLO_MANDATE", str(file))
    assert "begins only at" in refused(run, "job.ipynb")


def revocation_of(ada, file):
    mandate = read_mandate(file)
    return make_revocation(
        ada.own, now=datetime.now(UTC), reason="ended", delegation=mandate.mandate_id
    )


def test_a_revocation_in_this_home_is_known(ada, job, run, settings):
    file = Path(os.environ["MLO_MANDATE"])
    MandateStore(settings).add_revocation(read_mandate(file).mandate_id, revocation_of(ada, file))
    assert "was revoked" in refused(run, "job.ipynb")


def test_a_revocation_in_the_ledger_is_known(ada, job, run, settings):
    publish(settings, [ada.enrolment, revocation_of(ada, Path(os.environ["MLO_MANDATE"]))])
    assert "was revoked" in refused(run, "job.ipynb")


def test_somebody_elses_revocation_changes_nothing(ada, job, run, settings, holds):
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.identity.keys import SigningKey

    stranger = Signer.own(ada.mlo, SigningKey.generate())
    mandate_id = read_mandate(Path(os.environ["MLO_MANDATE"])).mandate_id
    revocation = make_revocation(
        stranger, now=datetime.now(UTC), reason="ended", delegation=mandate_id
    )
    publish(settings, [revocation])
    run("job.ipynb")
    holds()


@pytest.mark.parametrize("content", ["", "{}", "no mandate", '{"version": 1}'])
def test_what_is_no_mandate_is_refused_even_with_a_session(ada, job, run, monkeypatch, content):
    ada.login()
    broken = Path("broken.mandate")
    broken.write_text(content)
    broken.chmod(0o600)
    monkeypatch.setenv("MLO_MANDATE", str(broken))
    assert "mandate" in refused(run, "job.ipynb")
    monkeypatch.setenv("MLO_MANDATE", "absent.mandate")
    assert "does not exist" in refused(run, "job.ipynb")


def test_an_empty_variable_is_refused_even_with_a_session(ada, job, run, verb, monkeypatch):
    # What a secret that CI does not have looks like.
    ada.login()
    monkeypatch.setenv("MLO_MANDATE", "")
    assert "is empty" in refused(run, "job.ipynb")
    with pytest.raises(KeyFileError, match="is empty"):
        verb("run", "job.ipynb", "--out", "out.ipynb")
    assert not Path("out.ipynb").exists()


def test_a_secret_that_was_cut_is_nowhere_said(job, command, verb, monkeypatch):
    content = Path(os.environ["MLO_MANDATE"]).read_text()
    cut = base64.b64encode(content.encode()).decode()[:-7]
    monkeypatch.setenv("MLO_MANDATE", cut)
    process = command("job.ipynb", "out.ipynb", environ={"MLO_MANDATE": cut})
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    with pytest.raises(KeyFileError) as said:
        verb("run", "job.ipynb", "--out", "out.ipynb")
    monkeypatch.delenv("MLO_MANDATE")
    with pytest.raises(KeyFileError) as more:
        verb("run", "job.ipynb", "--out", "out.ipynb", "--mandate", cut)
    for text in (out + err, str(said.value), str(more.value)):
        assert "characters, not shown" in text
        assert cut[:20] not in text
        assert cut[-20:] not in text
    assert not Path("out.ipynb").exists()


def test_a_mandate_that_others_can_read_is_refused(job, run):
    os.chmod(os.environ["MLO_MANDATE"], 0o644)
    assert "chmod 600" in refused(run, "job.ipynb")


def test_the_command_says_why_without_a_traceback(job, command):
    process = command("job.ipynb", "out.ipynb", "-p", "gamma", "1")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Traceback" not in said
    assert "Error: " in said
    assert "parameter 'gamma'" in said
    assert "hint:" in said
    assert not Path("out.ipynb").exists()


def test_no_secret_reaches_a_kernel_by_any_way(ada, folder, run, holds, monkeypatch):
    """Not by inheritance, not through the caller's env, not in a loop of notebooks."""
    path = write(
        folder / "job.ipynb",
        "import os\nprint(sorted(n for n in os.environ if n.startswith('MLO_')))",
        "%%bash\nenv | cut -d= -f1 | grep ^MLO_ | sort | xargs",
    )
    monkeypatch.setenv("MLO_MANDATE", str(ada.mandate(path)))
    monkeypatch.setenv("MLO_PASSPHRASE_FILE", "/pass")
    for given in (None, dict(os.environ)):
        nb = run("job.ipynb", env=given)
        assert nb.cells[0].outputs[0].text == "['MLO_HOME', 'MLO_RUN']\n"
        assert nb.cells[1].outputs[0].text == "MLO_HOME MLO_RUN\n"
        assert os.environ["MLO_MANDATE"].endswith("job.mandate")
        assert "MLO_RUN" not in os.environ
        holds()


def test_runs_in_threads_each_find_their_mandate(ada, folder, run, holds, monkeypatch):
    path = write(
        folder / "job.ipynb", "import os, time; time.sleep(0.5); print('MLO_MANDATE' in os.environ)"
    )
    monkeypatch.setenv("MLO_MANDATE", str(ada.mandate(path)))
    found: dict[int, str] = {}

    def work(number: int) -> None:
        nb = run("job.ipynb", f"out-{number}.ipynb")
        found[number] = nb.cells[0].outputs[0].text

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert found == dict.fromkeys(range(3), "False\n")
    for number in range(3):
        assert holds(f"out-{number}.ipynb").cells[0].mlo == ada.mlo
    assert os.environ["MLO_MANDATE"]
    assert withheld._active == 0


def test_a_failing_run_under_a_mandate_holds(ada, folder, run, holds, monkeypatch):
    path = write(folder / "job.ipynb", "1/0")
    monkeypatch.setenv("MLO_MANDATE", str(ada.mandate(path)))
    with pytest.raises(PapermillExecutionError):
        run("job.ipynb")
    assert stamped(holds()) == [2]


def in_language(path, kernelspec=None, language_info=None):
    """Whoever edits the metadata can say there which language it is."""
    nb = nbformat.read(path, 4)
    for entry, member, language in (
        ("kernelspec", "language", kernelspec),
        ("language_info", "name", language_info),
    ):
        if language is None:
            nb.metadata[entry].pop(member, None)
        else:
            nb.metadata[entry][member] = language
    nbformat.write(nb, path)


@pytest.mark.parametrize(
    ("kernelspec", "language_info"),
    [("bash", "bash"), ("python", "bash"), ("bash", None), ("bash", "python"), ("matlab", None)],
)
def test_a_parameter_cannot_be_smuggled_in_through_the_language(
    job, run, kernelspec, language_info
):
    in_language(job, kernelspec, language_info)
    said = refused(run, "job.ipynb", parameters={"beta": "alpha=99"})
    assert "python" in said
    assert "language" in said


def test_what_papermill_is_told_of_the_language_does_not_help_either(job, run):
    said = refused(run, "job.ipynb", parameters={"beta": "alpha=99"}, language="bash")
    assert "does not say what the parameters say" in said


def test_without_metadata_of_the_language_the_kernels_own_counts(job, run, holds):
    in_language(job, None, "python")
    run("job.ipynb", parameters={"alpha": 2})
    in_language(job, "python", None)
    run("job.ipynb", parameters={"alpha": 2})
    holds()


def test_the_language_of_a_notebook_without_parameters_is_its_own_affair(job, run, holds):
    in_language(job, "bash", "bash")
    run("job.ipynb")
    holds()


@pytest.mark.parametrize("name", ["x=1; steal(); y", "os.environ", "", "a b", "1", "x\n"])
def test_a_name_that_is_code_is_refused_even_where_all_parameters_are_permitted(
    ada, job, run, monkeypatch, name
):
    file = ada.mandate(job, parameters="*", file="all.mandate")
    monkeypatch.setenv("MLO_MANDATE", str(file))
    request = Request(code="", parameters={name: 1}, tampered=_unfit("python", {name: 1}))
    assert "cannot name a parameter" in request.tampered
    if name == "x=1; steal(); y":
        assert "cannot name a parameter" in refused(run, "job.ipynb", parameters={name: 1})


@pytest.mark.parametrize(
    ("language", "value", "runs"),
    [
        ("julia", "$(run(`id`))", True),
        (".net-powershell", "$(id)", True),
        (".net-powershell", 'a`"; id; "', True),
        ("julia", [{"a": "$x"}], True),
        ("python", "$(id)", False),
        ("bash", "$(id)", False),
        ("julia", "plain", False),
    ],
)
def test_text_that_runs_where_it_is_injected_is_refused(language, value, runs):
    """papermill's translators leave it as it is."""
    assert bool(_unfit(language, {"x": value})) is runs


def test_without_a_mandate_provenance_says_only_the_parameters_that_ran(
    ada, folder, run, logged, caplog
):
    ada.login()
    path = write(folder / "in.ipynb", "x = 1", "print(x)", tags={0: ["parameters"]})
    run("in.ipynb", parameters={"x": "limit=0"})
    assert external(logged)["parameters"] == {"x": "limit=0"}
    in_language(path, "bash", "bash")
    nb = run("in.ipynb", parameters={"x": "limit=0"})
    assert nb.cells[1].source == "# Parameters\nx=limit=0\n"
    assert "parameters" not in external(logged)
    assert any("not in the provenance" in record.getMessage() for record in caplog.records)


def external(logged):
    return logged(types.PROVENANCE)[-1].predicate.build_definition.external_parameters


def test_a_notebook_of_which_cells_would_be_left_out_is_refused(job, run):
    nb = nbformat.read(job, as_version=4)
    nb.cells[-1].metadata["tags"] = ["skip-execution"]
    nbformat.write(nb, job)
    assert "cell 2 is tagged skip-execution" in refused(run, "job.ipynb")
