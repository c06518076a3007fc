"""A stamp under a mandate counts only in the notebook whose code the mandate is for."""

from __future__ import annotations

import json
from typing import Any

import papermill.translators
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mlo.notebook.code import code_digest
from jupyter_mlo.notebook.mandated import python_parameters
from jupyter_mlo.notebook.reading import notebook_from_json
from jupyter_mlo.notebook.reports import Demands, NotebookReport
from jupyter_mlo.notebook.verdicts import Verdict
from tests.notebook.people import (
    ALICE,
    Kernel,
    Person,
    code,
    notebook,
    seal,
    stream,
    text,
    trusting,
    verify,
)

ADA = Person(ALICE, "mandated")


def tagged(source: str, id: str, tag: str) -> dict[str, Any]:
    cell: dict[str, Any] = code(source, id)
    cell["metadata"]["tags"] = [tag]
    return cell


def made_for() -> dict[str, Any]:
    """The notebook that the mandate is made for."""
    value = notebook(text("# Loans", "m"), tagged("limit = 1", "p", "parameters"), code("go", "a"))
    value["metadata"]["kernelspec"] = {"name": "python3", "display_name": "P", "language": "python"}
    return value


def executed(value: dict[str, Any], *, parameters: Any = None) -> dict[str, Any]:
    """``value`` as an engine that asks nobody runs and seals it, under the mandate."""
    scope: dict[str, Any] = {"code": [code_digest(notebook_from_json(made_for()))]}
    signer = ADA.session(**scope, parameters=parameters or {})
    kernel = Kernel(signer)
    for cell in value["cells"]:
        if cell["cell_type"] == "code":
            kernel.run(cell, stream("1\n"))
    return dict(seal(value, signer, kernel).value)


def judged(value: dict[str, Any]) -> NotebookReport:
    return verify(value, trust=trusting(ADA))


def with_injected(source: str) -> dict[str, Any]:
    value = made_for()
    value["cells"].insert(2, tagged(source, "i", "injected-parameters"))
    return value


def test_the_code_that_the_mandate_is_for_holds() -> None:
    report = judged(executed(made_for()))
    assert report.holds(Demands()), report


@pytest.mark.parametrize(
    "alter",
    [
        lambda value: value["cells"][2].update(source="go elsewhere"),
        lambda value: value["cells"].append(code("more", "z")),
        lambda value: value["cells"].pop(1),
        lambda value: value["metadata"]["kernelspec"].update(name="other"),
    ],
    ids=["source", "cell added", "cell removed", "kernel"],
)
def test_no_other_code_does(alter: Any) -> None:
    value = made_for()
    alter(value)
    report = judged(executed(value))
    assert not report.holds(Demands())
    for cell in report.cells:
        if cell.kind == "code":
            assert cell.verdict is Verdict.INVALID
            assert "out of scope: it permits the code" in cell.reason
    assert report.seal.verdict is Verdict.INVALID
    assert "out of scope" in report.seal.reason


def test_prose_and_ids_are_not_code() -> None:
    value = made_for()
    value["cells"][0]["source"] = "# Other words"
    value["cells"][2]["id"] = "renamed"
    assert judged(executed(value)).holds(Demands())


def test_what_was_changed_since_is_named_and_the_rest_stands() -> None:
    value = executed(made_for())
    value["cells"][2]["source"] = "go elsewhere"
    report = judged(json.loads(json.dumps(value)))
    assert [str(cell.verdict) for cell in report.cells] == ["verified", "verified", "changed since"]
    assert report.cells[2].changed == ("source",)


@pytest.mark.parametrize("before", [text("# Words", "z"), code("1", "z")], ids=["prose", "code"])
def test_a_cell_put_before_does_not_hide_the_injected_one(before: dict[str, Any]) -> None:
    value = executed(with_injected("import os"), parameters={"limit": "*"})
    before["metadata"]["tags"] = ["injected-parameters"]
    value["cells"].insert(0, before)
    report = judged(value)
    assert [str(cell.verdict) for cell in report.cells[:2]] == ["unsealed", "verified"]
    assert report.cells[3].verdict is Verdict.INVALID
    assert "more than parameters" in report.cells[3].reason


@pytest.mark.parametrize(
    ("permitted", "source", "why"),
    [
        ({"limit": "*"}, "# Parameters\nlimit = 5\n", ""),
        ("*", "limit = [1, {'a': float('-inf')}]\nname = None", ""),
        ({"limit": ["5"]}, "limit = 5", ""),
        ({"limit": ["5"]}, "limit = 6", "does not permit the value 6"),
        ({"limit": ["5"]}, "limit = float('nan')", "does not permit the value nan"),
        ({"limit": ["5"]}, "limit = [b'x']", "does not permit the value that JSON cannot write"),
        ({"limit": [f"{2**53}"]}, f"limit = {2**53}", ""),
        ({"limit": [f"{2**53}"]}, f"limit = {2**53}.0", ""),
        ({"limit": [f"{2**53}"]}, f"limit = {2**53 + 1}", f"does not permit the value {2**53 + 1}"),
        ({"limit": [f"[{2**53}]"]}, f"limit = [{2**53 + 1}]", "does not permit the value"),
        ({"seed": "*"}, "limit = 5", "does not permit the parameter 'limit'"),
        ({"x": "*"}, "x=limit=0", "more than parameters"),
        ({"x": "*"}, "x = open('f')", "more than parameters"),
        ({"x": "*"}, "x = 1\n%run other.py", "more than parameters"),
        ({"x": "*"}, "x.y = 1", "more than parameters"),
        ({"x": "*"}, "x = " + "[" * 5000, "more than parameters"),
        ({"x": "*"}, "x = {[]: 1}", "more than parameters"),
        ({}, '# Parameters\u2028!:\u2028import os; os.system("touch x")\n', "more than parameters"),
        ({}, "# Parameters\x0c!touch x\n", "more than parameters"),
        ({}, "# Parameters\r!touch x", "more than parameters"),
        ({}, "limit = 5", "does not permit the parameter 'limit'"),
    ],
)
def test_injected_parameters_are_those_that_it_permits(
    permitted: Any, source: str, why: str
) -> None:
    report = judged(executed(with_injected(source), parameters=permitted))
    assert report.holds(Demands()) is (not why), report
    assert why in report.cells[2].reason
    assert report.cells[3].verdict is Verdict.VERIFIED


def in_r(source: str, parameters: Any, ran_on: str = "ir") -> dict[str, Any]:
    """A notebook of another language, with injected parameters, run and sealed."""
    made = made_for()
    made["metadata"]["kernelspec"] = {"name": "ir", "display_name": "R", "language": "R"}
    signer = ADA.session(code=[code_digest(notebook_from_json(made))], parameters=parameters)
    kernel = Kernel(signer, name=ran_on)
    made["cells"].insert(2, tagged(source, "i", "injected-parameters"))
    for cell in made["cells"][1:]:
        kernel.run(cell, stream("1\n"))
    return dict(seal(made, signer, kernel).value)


@pytest.mark.parametrize("parameters", [{"limit": "*"}, {"limit": ["5"]}])
def test_of_another_language_they_count_for_nothing_if_they_are_limited(parameters: Any) -> None:
    report = judged(in_r("limit <- 5", parameters))
    assert not report.holds(Demands())
    assert report.cells[2].verdict is Verdict.INVALID
    assert "cannot be judged: the kernel 'ir' is not taken for Python" in report.cells[2].reason
    assert [report.cells[at].verdict for at in (1, 3)] == [Verdict.VERIFIED] * 2


def test_of_another_language_none_count_where_none_are_permitted() -> None:
    report = judged(in_r("limit <- 5", {}))
    assert "permits no parameters" in report.cells[2].reason


def test_of_another_language_any_count_where_all_are_permitted_and_that_is_said() -> None:
    report = judged(in_r("limit <- 5", "*"))
    assert report.holds(Demands()), report
    assert any("not taken for Python: they are not read here" in note for note in report.notes)


@pytest.mark.parametrize(
    "metadata",
    [
        {"language_info": {"name": "python"}},
        {"kernelspec": {"name": "ir", "display_name": "R", "language": "python"}},
        {"kernelspec": {"name": "python3", "display_name": "P", "language": "python"}},
    ],
)
def test_no_metadata_makes_python_of_another_language(metadata: Any) -> None:
    # To Python this is an assignment; a shell runs what stands in it.
    value = in_r('limit = "$(touch x)"', {"limit": "*"})
    value["metadata"].update(metadata)
    report = judged(value)
    assert "cannot be judged" in report.cells[2].reason


def test_a_stamp_of_another_kernel_than_the_mandates_counts_for_nothing() -> None:
    report = judged(in_r("limit <- 5", "*", ran_on="julia"))
    for at in (1, 2, 3):
        assert report.cells[at].verdict is Verdict.INVALID
        assert "ran on the kernel 'julia', and its mandate is for 'ir'" in report.cells[at].reason


def test_a_python_kernel_is_not_taken_for_another_because_the_metadata_says_so() -> None:
    value = with_injected("%run other.py")
    value["metadata"]["language_info"] = {"name": "R"}
    value["metadata"]["kernelspec"]["language"] = "R"
    report = judged(executed(value, parameters={"limit": "*"}))
    assert "more than parameters" in report.cells[2].reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["alpha", "beta", "name"]), json_values, max_size=3))
def test_what_papermill_writes_is_read_back(parameters: dict[str, Any]) -> None:
    source = papermill.translators.PythonTranslator.codify(parameters)
    assert python_parameters(source) == parameters


def test_a_run_that_left_out_a_cell_is_none_of_its_mandate() -> None:
    value = made_for()
    for n, source in enumerate(["", " \n", "assert limit > 5", "print(limit)", "later"]):
        value["cells"].append(code(source, f"x{n}"))
    scope: dict[str, Any] = {"code": [code_digest(notebook_from_json(value))]}
    signer = ADA.session(**scope, parameters={})

    def run(*left_out: int) -> NotebookReport:
        kernel = Kernel(signer)
        copied = json.loads(json.dumps(value))
        for at, cell in enumerate(copied["cells"]):
            if cell["cell_type"] == "code" and cell["source"].strip() and at not in left_out:
                kernel.run(cell, stream("1\n"))
        return judged(dict(seal(copied, signer, kernel).value))

    # Up to where it ended, as a run that failed.
    for ended in [(), (7,), (6, 7), (5, 6, 7)]:
        assert run(*ended).holds(Demands()), ended
    assert "its run left out cell 6" in str(run(5))
    assert not run(5).holds(Demands())
    assert not run(2, 5, 7).holds(Demands())
