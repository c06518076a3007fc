"""What an attack on finished notebooks once got past verification, each a test."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import Any

import pytest

from jupyter_mlo.delegation.chain import Pool
from jupyter_mlo.notebook.reading import read_notebook
from jupyter_mlo.notebook.reports import Demands, NotebookReport
from jupyter_mlo.notebook.verdicts import Verdict
from jupyter_mlo.notebook.verification import verify_notebook
from tests.notebook.people import (
    ALICE,
    NOON,
    Kernel,
    Person,
    code,
    notebook,
    seal,
    shows,
    stream,
    text,
    trusting,
    verify,
)


@pytest.fixture(scope="module")
def alice() -> Person:
    return Person(ALICE, "alice")


def executed() -> dict[str, Any]:
    cell = code("auc = score(model)", "score")
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "AUC 0.999\n"}]
    cell["execution_count"] = 1
    return cell


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def judged(raw: bytes, *people: Person) -> NotebookReport:
    return verify_notebook(
        read_notebook(raw), pool=Pool(), trust=trusting(*people), now=NOON + timedelta(hours=2)
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"cell_type": "code"', '"cell_type": "raw", "cell_type": "code"'),
        ('"cell_type": "code"', '"cell_type": "coda"'),
        ('"metadata": {"x": 1}', f'"metadata": {{"x": {json.dumps(nested(200))}}}'),
        ('"metadata": {"x": 1}', '"metadata": {"$mlo": 1}'),
        ('"execution_count": 1', '"execution_count": -1'),
        ('"execution_count": 1', '"execution_count": "one"'),
    ],
)
def test_an_executed_cell_does_not_hide_behind_what_cannot_be_read(
    alice: Person, old: str, new: str
) -> None:
    cell = executed()
    cell["metadata"] = {"x": 1}
    if "execution_count" in old:
        cell["outputs"] = []
    raw = json.dumps(notebook(text("# Report"), cell))
    assert old in raw
    found = judged(raw.replace(old, new).encode(), alice)
    assert not found.nothing_executed
    assert not found.holds(Demands())


def test_a_notebook_that_nobody_ran_nor_sealed_passes_unless_a_seal_is_required(
    alice: Person,
) -> None:
    raw = json.dumps(notebook(text("# Plan"), code("evil()"))).encode()
    found = judged(raw, alice)
    assert found.holds(Demands())
    assert not found.holds(Demands(sealed=True))


@pytest.mark.parametrize("kind", [["stream"], {"a": 1}, 1, None])
def test_an_output_type_that_is_no_string_is_a_verdict(alice: Person, kind: object) -> None:
    cell = executed()
    cell["outputs"][0]["output_type"] = kind
    found = judged(json.dumps(notebook(cell)).encode(), alice)
    assert "output_type" in found.cells[0].reason
    assert not found.holds(Demands())


def test_a_display_shown_again_by_another_cell_is_that_cells_record(alice: Person) -> None:
    kernel, shown = Kernel(alice.session()), {}  # type: ignore[var-annotated]
    first, second = code("display('start', display_id='s')", "a"), code("again()", "b")
    kernel.run(first, shows("start", "s"), shown=shown)
    kernel.run(second, shows("more", "s"), shown=shown)
    # Front ends hand a display on to the earlier output of that name.
    first["outputs"] = copy.deepcopy(second["outputs"])
    sealed = seal(notebook(first, second), alice.session(), kernel, trust=trusting(alice))
    report = verify(sealed.value, alice)
    assert [cell.verdict for cell in report.cells] == [Verdict.VERIFIED, Verdict.VERIFIED]


def sealed_cells(alice: Person, count: int) -> dict[str, Any]:
    kernel = Kernel(alice.session())
    cells = [code(f"print({number})", f"c{number}") for number in range(count)]
    for number, cell in enumerate(cells):
        kernel.run(cell, stream(f"{number}\n"))
    sealed = seal(notebook(*cells), alice.session(), kernel, trust=trusting(alice))
    return copy.deepcopy(dict(sealed.value))


def test_other_prompt_numbers_are_told(alice: Person) -> None:
    sealed = sealed_cells(alice, 1)
    sealed["cells"][0]["execution_count"] = 41
    assert verify(sealed, alice).notes == ("cell 1 shows another number than [1]",)


def test_outputs_removed_from_some_cells_only_are_told(alice: Person) -> None:
    sealed = sealed_cells(alice, 3)
    assert verify(sealed, alice).notes == ()
    sealed["cells"][1]["outputs"] = []
    told = verify(sealed, alice).notes
    assert told == ("outputs of cell 2 were removed, and others were kept",)
    for cell in sealed["cells"]:
        cell["outputs"] = []
    assert verify(sealed, alice).notes == ()
