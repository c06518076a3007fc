"""Long cells, digested part by part, have the digests that they have when decoded at once.

The limits from which on cells, lists and strings count as long are set so low here that
everything does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlo.errors import NotebookError
from jupyter_mlo.notebook.canonical_text import value_json
from jupyter_mlo.notebook.cells import Cell
from jupyter_mlo.notebook.reading import notebook_from_json, read_notebook
from tests.notebook.generated import odd_notebooks, valid_notebooks

PLACES = "jupyter_mlo.notebook."
#: Names of limits, and values that make short things long; the second set has no quick ways,
#: the third takes every picture out.
LOW: list[dict[str, int]] = [
    {
        "raw_json.SMALL": 20,
        "raw_json.WINDOW": 40,
        "raw_text.WINDOW": 16,
        "raw_text._WORTH_CUTTING": 4,
        "parts.AT_ONCE": 60,
        "parts._STRETCH": 30,
        "scanning._LONG": 10,
        "streams._SLICE": 5,
        "streams._LONG_LINE": 3,
        "canonical_text.SLICE": 3,
        "notebook_metadata.SMALL_METADATA": 30,
        "reading.SMALL_METADATA": 10**6,
    },
    {
        "raw_json.SMALL": 0,
        "raw_json.WINDOW": 1,
        "raw_text.WINDOW": 16,
        "raw_text._WORTH_CUTTING": 100,
        "parts.AT_ONCE": 0,
        "parts.MANY": 0,
        "scanning._LONG": 10**9,
        "scanning._STEPS": 1,
        "notebook_metadata.SMALL_METADATA": 4,
        "reading.SMALL_METADATA": 0,
    },
    {"pictures._LONG": 2, "pictures._WINDOW": 3},
]
LAYOUTS: list[dict[str, Any]] = [
    {"indent": 1, "ensure_ascii": False},
    {"indent": 2, "sort_keys": True},
    {"indent": "\t"},
    {"separators": (",", ":")},
    {"separators": (" , ", " : "), "ensure_ascii": False},
]


@contextmanager
def low_limits(limits: dict[str, int]) -> Iterator[None]:
    with ExitStack() as stack:
        for name, value in limits.items():
            stack.enter_context(mock.patch(PLACES + name, value))
        yield


def lines_split(notebook: Any) -> Any:
    """Texts as lists of lines, as nbformat writes them."""
    split = json.loads(json.dumps(notebook))
    for cell in split["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = output["text"].splitlines(keepends=True)
            for mime, value in output.get("data", {}).items():
                if isinstance(value, str) and not mime.endswith("json"):
                    output["data"][mime] = value.splitlines(keepends=True)
    return split


@settings(deadline=None, max_examples=60)
@given(odd_notebooks, st.sampled_from(LOW), st.sampled_from(LAYOUTS), st.booleans())
def test_digests_do_not_depend_on_how_long_a_cell_is(
    notebook: dict[str, Any], limits: dict[str, int], layout: dict[str, Any], split: bool
) -> None:
    if split:
        notebook = lines_split(notebook)
    at_once = notebook_from_json(notebook)
    text = encoded(notebook, layout)
    with low_limits(limits):
        read = read_notebook(text)
        for cell, expected in zip(read.cells, at_once.cells, strict=True):
            if expected.undigestable:
                assert cell.undigestable
            else:
                assert cell.digests == expected.digests
                # Python tells a surrogate pair from the character that it means.
                assert value_json(cell.marks) == value_json(expected.marks)
                assert cell.output_digests == expected.output_digests
            assert (cell.id, cell.kind) == (expected.id, expected.kind)
            assert cell.source.encode("utf-16", "surrogatepass") == expected.source.encode(
                "utf-16", "surrogatepass"
            )
            assert cell.has_outputs == bool(expected.outputs)
        assert read.widgets_digest == at_once.widgets_digest


@settings(deadline=None, max_examples=40)
@given(valid_notebooks, st.sampled_from(LOW), st.sampled_from(LAYOUTS), st.data())
def test_two_members_of_one_name_are_found_wherever_they_are(
    notebook: dict[str, Any], limits: dict[str, int], layout: dict[str, Any], data: Any
) -> None:
    text = encoded(notebook, layout).decode()
    openings = [at for at, sign in enumerate(text) if sign == "{" and not in_string(text, at)]
    at = data.draw(st.sampled_from(openings))
    name = data.draw(st.sampled_from(['"k"', '"\\u006b:"', '":"', '"k\\u003a"']))
    inner = text[at + 1 : matching(text, at)]
    twice = f'{name}: 1, {name}: "\\u003a"' + ("," if inner.strip() else "") + inner
    twins = (text[: at + 1] + twice + text[at + 1 + len(inner) :]).encode()
    for chosen in ({}, limits):
        with low_limits(chosen):
            assert any("two members" in reason for reason in reasons(twins)), twins


def reasons(text: bytes) -> list[str]:
    """Why the notebook, its widget state or its cells are refused."""
    try:
        notebook = read_notebook(text)
        _ = notebook.widgets_digest
    except NotebookError as error:
        return [error.message]
    return [cell.undigestable or "" for cell in notebook.cells]


@pytest.mark.parametrize("limits", LOW, ids=["low", "lowest", "pictures"])
@pytest.mark.parametrize("layout", LAYOUTS, ids=range(len(LAYOUTS)))
@pytest.mark.parametrize(
    "member",
    [
        {"source": 5},
        {"source": ["a", 5, "b" * 50]},
        {"outputs": "x" * 50},
        {"outputs": [{"output_type": "stream", "name": "stdout", "text": ["x" * 40, 1]}]},
        {"outputs": [{"output_type": "stream", "text": {"a": "x" * 40}}]},
        {"outputs": [{"output_type": "error", "ename": "x" * 30}, 5]},
        {"outputs": [{"output_type": "display_data", "data": {"a": {"$mlo": "x" * 30}}}]},
        {"outputs": [{"output_type": "display_data", "data": ["x" * 30]}]},
        {"outputs": [{"output_type": "error", "more": {"$mlo": "x" * 30}}]},
        {"attachments": {"a": ["x" * 30]}},
        {"metadata": {"a": {"$mlo": "x" * 30}}},
        {"metadata": ["x" * 30]},
        {"more": {"a": [{"$mlo": "x" * 30}]}},
        {"id": {"a": "x" * 30}},
    ],
    ids=range(14),
)
def test_what_is_amiss_is_found_in_long_cells_too(
    member: dict[str, Any], layout: dict[str, Any], limits: dict[str, int]
) -> None:
    cell = {"cell_type": "code", "source": "x", "outputs": [], "metadata": {}, **member}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    with low_limits(limits):
        (read,) = read_notebook(encoded(notebook, layout)).cells
        assert read.undigestable
        assert Cell(0, cell).undigestable


@pytest.mark.parametrize("limits", LOW, ids=["low", "lowest", "pictures"])
def test_a_mime_value_that_is_no_text_after_all_is_data(limits: dict[str, int]) -> None:
    data = {"text/plain": ["line\n" * 20, 5, "x" * 40], "image/png": {"a": ["x" * 50]}}
    cell = {
        "cell_type": "code", "source": "", "metadata": {},
        "outputs": [{"output_type": "display_data", "data": data, "metadata": {}}],
    }  # fmt: skip
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    with low_limits(limits):
        (read,) = read_notebook(json.dumps(notebook, indent=1).encode()).cells
        assert read.digests == Cell(0, cell).digests


def encoded(notebook: Any, layout: dict[str, Any]) -> bytes:
    return json.dumps(notebook, **layout).encode("utf-8", "backslashreplace")


def in_string(text: str, position: int) -> bool:
    inside = escaped = False
    for sign in text[:position]:
        if escaped:
            escaped = False
        elif inside and sign == "\\":
            escaped = True
        elif sign == '"':
            inside = not inside
    return inside


def matching(text: str, opening: int) -> int:
    decoder = json.JSONDecoder(strict=False)
    return decoder.raw_decode(text, opening)[1] - 1
