"""Cells that are read in one pass, and pictures that are not decoded, give the same digests."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlo.notebook.cells import Cell
from jupyter_mlo.notebook.parts import Part
from jupyter_mlo.notebook.plain_cells import read_plain
from jupyter_mlo.notebook.reading import notebook_from_json, read_notebook
from tests.notebook.generated import valid_notebooks

PICTURE = "iVBORw0KGgo" * 200
SHOWN: dict[str, Any] = {"output_type": "display_data", "data": {}, "metadata": {}}


def cell(data: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """A code cell that shows something."""
    bundle = {"image/png": PICTURE + "\n", "text/plain": "<Figure>"} if data is None else data
    return {
        "cell_type": "code",
        "execution_count": 3,
        "id": "a1",
        "metadata": {"tags": ["x"]},
        "outputs": [
            {"name": "stdout", "output_type": "stream", "text": ["a: 1\n", "b\rc\n"]},
            {
                "data": bundle,
                "metadata": {"mlo": "mlo:x#y", "a": 1.5},
                "output_type": "display_data",
            },
            {"ename": "E", "evalue": "x", "output_type": "error", "traceback": ["1:", "2"]},
        ],
        "source": "plot()\n",
        **members,
    }


def part_of(value: dict[str, Any] | bytes) -> Part:
    """A cell's text, known to be JSON, in the midst of other text."""
    text = value if isinstance(value, bytes) else json.dumps(value, indent=1).encode()
    part = Part(b"[" + text + b"]", 1, len(text) + 1)
    assert part.is_sound()
    return part


def same_as_any(value: dict[str, Any] | bytes) -> bool:
    """Whether it was read in one pass; then it was read as any cell is."""
    part = part_of(value)
    plain = read_plain(part)
    any_cell = Cell(0, json.loads(part.text))
    if plain is not None:
        assert plain.digests == any_cell.digests
        assert plain.marks == any_cell.marks
        for member, given_value in plain.head.items():
            assert json.loads(part.text)[member] == given_value
    return plain is not None


def test_an_ordinary_cell_is_read_in_one_pass() -> None:
    assert same_as_any(cell())
    assert same_as_any({"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# é\n"]})
    assert same_as_any({"cell_type": "raw", "id": "a", "metadata": {"b": 1}, "source": ""})


@settings(deadline=None, max_examples=80)
@given(valid_notebooks, st.sampled_from([None, 1]))
def test_any_cell_is_read_as_any_other_way(notebook: dict[str, Any], indent: int | None) -> None:
    read = read_notebook(json.dumps(notebook, indent=indent).encode())
    for one, other in zip(read.cells, notebook_from_json(notebook).cells, strict=True):
        assert one.undigestable == other.undigestable
        assert one.undigestable or (one.digests, one.marks) == (other.digests, other.marks)
        assert (one.kind, one.id, one.metadata) == (other.kind, other.id, other.metadata)
        assert one.execution_count == other.execution_count


@pytest.mark.parametrize(
    "data",
    [
        {"image/png": PICTURE},
        {"image/png": PICTURE + "\n\n\n"},
        {"image/png": PICTURE + " \n"},
        {"image/png": PICTURE + "\n" + PICTURE},
        {"image/png": PICTURE + "\\n"},
        {"image/png": PICTURE + '"' + PICTURE},
        {"image/png": PICTURE + "é"},
        {"image/png": [PICTURE]},
        {"image/png": PICTURE, "image/jpeg": PICTURE[::-1], "image/gif": "short"},
        {'x"image/png': PICTURE + "\n"},
        {"application/json": {"image/png": PICTURE + "\n", "b": {"image/png": PICTURE + " "}}},
        {"text/plain": f'"image/png": "{PICTURE}"'},
    ],
)
def test_pictures_are_digested_as_anything_else(data: dict[str, Any]) -> None:
    same_as_any(cell(data))
    same_as_any(json.dumps(cell(data), ensure_ascii=False).encode())


@pytest.mark.parametrize(
    "members",
    [
        {"metadata": {"image/png": PICTURE}},
        {"source": f'"image/png": "{PICTURE}"'},
        {"attachments": {"a.png": {"image/png": PICTURE}}},
        {
            "outputs": [
                {"output_type": "display_data", "data": {}, "metadata": {"image/png": PICTURE}}
            ]
        },
        {"outputs": [SHOWN | {"metadata": {"mlo": {"image/png": PICTURE}}}]},
        {"execution_count": 1.0},
        {"execution_count": True},
        {"execution_count": 10**30},
        {"outputs": [{"output_type": "display_data", "data": None}]},
        {"outputs": [{"output_type": "stream", "text": "a"}, {"output_type": "other"}]},
        {"outputs": {}},
        {"id": None},
    ],
)
def test_odd_members_are_read_as_any_cell_is(members: dict[str, Any]) -> None:
    value = cell(**members)
    same_as_any(value)
    one, other = Cell(0, part_of(value)), Cell(0, value)
    assert one.undigestable == other.undigestable
    assert one.undigestable or (one.digests, one.marks) == (other.digests, other.marks)
    assert (one.execution_count, one.metadata) == (other.execution_count, other.metadata)


@pytest.mark.parametrize(
    ("member", "twice"),
    [
        ('"image/png": ', f'"image/png": "{PICTURE}", "image/png": '),
        ('"image/png": ', '"image/png": "a", "image\\u002fpng": '),
        ('"text/plain": ', '"text/plain": "a\\u003a", "text/plain": '),
        ('"source": ', '"source": "rm -rf", "source": '),
        ('"output_type": "stream"', '"output_type": "error", "output_type": "stream"'),
        ('"cell_type": ', '"cell_type": "raw", "cell_type": '),
        ('"tags": ', '"tags": [], "tags": '),
    ],
)
def test_two_members_of_one_name_are_found(member: str, twice: str) -> None:
    text = json.dumps(cell())
    assert member in text
    part = part_of(text.replace(member, twice, 1).encode())
    assert read_plain(part) is None
    assert "two members of one name" in (Cell(0, part).undigestable or "")


def test_bytes_that_are_not_utf_8_are_found_in_pictures() -> None:
    text = json.dumps(cell()).encode().replace(b"Rw0KGgo", b"R\xff0KGgo")
    part = part_of(text)
    assert read_plain(part) is None
    assert "not UTF-8" in (Cell(0, part).undigestable or "")
