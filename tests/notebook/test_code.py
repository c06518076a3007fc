"""``mloCodeV1``: what mandates bind, and that it says where papermill puts parameters."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import nbformat
import papermill.parameterize
import pytest
import rfc8785
from nbformat import v4

from jupyter_mlo.notebook.code import code_digest, injected_position
from jupyter_mlo.notebook.reading import notebook_from_json


def code(source: str, *tags: str) -> dict[str, Any]:
    return v4.new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def markdown(source: str, *tags: str) -> dict[str, Any]:
    return v4.new_markdown_cell(source, metadata={"tags": list(tags)} if tags else {})


def digest(*cells: dict[str, Any], kernel: str | None = "python3") -> str:
    metadata = {"kernelspec": {"name": kernel, "display_name": "x"}} if kernel else {}
    return code_digest(notebook_from_json(v4.new_notebook(cells=list(cells), metadata=metadata)))


def b64u(source: str) -> str:
    digest = hashlib.sha256(rfc8785.dumps(source)).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_the_digest_is_what_the_page_of_formats_says() -> None:
    form = {"cells": [b64u("a = 1"), b64u("b")], "kernel": "python3", "parameters": 0}
    expected = hashlib.sha256(rfc8785.dumps(form)).hexdigest()
    assert (
        digest(markdown("# x"), code("a = 1\n", "parameters"), markdown("y"), code("b")) == expected
    )
    untagged = {"cells": [b64u("a")], "kernel": None, "parameters": None}
    assert digest(code("a"), kernel=None) == hashlib.sha256(rfc8785.dumps(untagged)).hexdigest()


@pytest.mark.parametrize(
    "cells",
    [
        [code("import x"), code("a = 1", "parameters"), code("print(a)")],
        [code("import x"), code("print(a)")],
        [markdown("about", "parameters"), code("import x"), code("a")],
        [code("one"), markdown("here", "parameters"), code("two"), code("late", "parameters")],
        [code("a = 1", "parameters"), code("a = 5", "injected-parameters"), code("use(a)")],
        [code("x"), code("a = 5", "injected-parameters"), code("a = 1", "parameters")],
    ],
    ids=range(6),
)
def test_injecting_parameters_leaves_the_digest(cells: list[dict[str, Any]]) -> None:
    notebook = v4.new_notebook(
        cells=cells,
        metadata={"kernelspec": {"name": "python3", "display_name": "x", "language": "python"}},
    )
    for cell in notebook.cells:
        cell.metadata.setdefault("tags", [])
    notebook.metadata["papermill"] = {}
    before = code_digest(notebook_from_json(notebook))
    injected = papermill.parameterize.parameterize_notebook(notebook, {"a": 7})
    assert any("a = 7" in cell.source for cell in injected.cells)
    assert code_digest(notebook_from_json(injected)) == before


def test_where_the_parameters_come_to_stand_is_bound() -> None:
    cells = [code("a = 1"), code("use(a)")]
    tagged_early = [markdown("m", "parameters"), *cells]
    tagged_late = [cells[0], markdown("m", "parameters"), cells[1]]
    injected_last = [*cells, code("", "injected-parameters")]
    digests = {digest(*each) for each in (tagged_early, tagged_late, injected_last)}
    assert len(digests) == 3
    # At the top, papermill's place where nothing is tagged, is the place before all code.
    assert digest(*tagged_early) == digest(*cells)


def test_only_the_first_injected_cell_is_left_out() -> None:
    plain = digest(code("a"), code("b"))
    hidden = digest(code("anything", "injected-parameters"), code("a"), code("b"))
    assert hidden == plain
    twice = [code("p", "injected-parameters"), code("a"), code("evil()", "injected-parameters")]
    assert digest(*twice, code("b")) != plain
    # The first of any type is what papermill replaces.
    assert digest(markdown("", "injected-parameters"), code("a"), code("b")) == plain
    first_is_text = [markdown("", "injected-parameters"), code("evil()", "injected-parameters")]
    assert digest(*first_is_text, code("a"), code("b")) != plain


@pytest.mark.parametrize("tags", ["injected-parameters", {"injected-parameters": 1}])
def test_tags_that_papermill_takes_for_tags_are_tags_here(tags: Any) -> None:
    cell = {"cell_type": "code", "source": "x", "metadata": {"tags": tags}, "outputs": []}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    assert injected_position(notebook_from_json(notebook)) == 0


@pytest.mark.parametrize(
    "other",
    [
        [code(" a"), code("b")],
        [code("b"), code("a")],
        [code("a"), code("b"), code("")],
        [code("ab")],
        [code("a", "parameters"), code("b")],
    ],
    ids=range(5),
)
def test_any_other_code_has_another_digest(other: list[dict[str, Any]]) -> None:
    assert digest(*other) != digest(code("a"), code("b"))
    assert digest(code("a"), code("b"), kernel="other") != digest(code("a"), code("b"))


def test_outputs_text_and_split_lines_do_not_matter() -> None:
    notebook = v4.new_notebook(cells=[code("a\nb"), markdown("x")], metadata={})
    lines = {**notebook, "cells": [{**notebook.cells[0], "source": ["a\n", "b"], "id": "other"}]}
    assert code_digest(notebook_from_json(notebook)) == code_digest(notebook_from_json(lines))
    again = nbformat.reads(nbformat.writes(notebook), 4)
    assert code_digest(notebook_from_json(again)) == code_digest(notebook_from_json(notebook))
