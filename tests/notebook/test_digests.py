"""``mloCellV1``, ``mloSourceV1``, ``mloOutputV1``: golden vectors, and the rules one by one.

``MLO_UPDATE_GOLDEN=1`` makes the vectors anew from their cells; before version 1 is out only,
and reviewed against docs/formats.md.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from jupyter_mlo.notebook.cells import Cell
from jupyter_mlo.notebook.digests import (
    CellDigests,
    cell_digest,
    from_short,
    json_digest,
    output_digest,
    output_digests,
    short,
    source_digest,
)
from jupyter_mlo.notebook.reading import Undigestable, notebook_from_json, read_notebook
from tests.notebook import by_the_book
from tests.notebook.generated import odd_notebooks, valid_notebooks

FILE = Path(__file__).parent / "vectors" / "cells.json"

#: Each has its cell as JSON text, since some cells have no other form.
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))


def cell_of(text: str) -> Cell:
    notebook = b'{"cells":[%b],"metadata":{},"nbformat":4,"nbformat_minor":5}' % text.encode()
    (cell,) = read_notebook(notebook).cells
    return cell


def test_the_golden_vectors_are_what_the_page_of_formats_says() -> None:
    made = []
    for vector in VECTORS:
        form = by_the_book.cell(json.loads(vector["cell"]))
        outputs = form.get("outputs", [])
        made.append(
            {
                "name": vector["name"],
                "cell": vector["cell"],
                "canonical": by_the_book.text(form).decode(),
                "mloCellV1": by_the_book.digest(form).hex(),
                "mloSourceV1": short(by_the_book.digest(form["source"])),
                "mloOutputV1": [short(by_the_book.digest(output)) for output in outputs],
            }
        )
    if os.environ.get("MLO_UPDATE_GOLDEN") == "1":
        FILE.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert made == VECTORS


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_cells_have_the_digests_of_the_golden_vectors(vector: dict[str, Any]) -> None:
    assert hashlib.sha256(vector["canonical"].encode()).hexdigest() == vector["mloCellV1"]
    for cell in (cell_of(vector["cell"]), Cell(0, json.loads(vector["cell"]))):
        assert cell.digests.cell.hex() == vector["mloCellV1"]
        assert short(cell.digests.source) == vector["mloSourceV1"]
        assert [short(digest) for digest in cell.output_digests] == vector["mloOutputV1"]
        assert cell_digest(cell).hex() == vector["mloCellV1"]
        assert [short(d) for d in output_digests(cell.outputs)] == vector["mloOutputV1"]
        assert short(source_digest(cell.source)) == vector["mloSourceV1"]


@settings(deadline=None)
@given(odd_notebooks)
def test_the_rules_word_by_word_give_the_same(notebook: dict[str, Any]) -> None:
    text = json.dumps(notebook).encode()
    in_memory = notebook_from_json(notebook)
    for value, read, held in zip(
        notebook["cells"], read_notebook(text).cells, in_memory.cells, strict=True
    ):
        form = by_the_book.cell(value)
        try:
            expected = by_the_book.digest(form)
        except UnicodeEncodeError:
            assert read.undigestable  # a member's name that UTF-8 has no form for
            continue
        outputs = tuple(by_the_book.digest(output) for output in form.get("outputs", []))
        digests = CellDigests(expected, by_the_book.digest(form["source"]), len(outputs))
        assert (read.digests, read.output_digests) == (digests, outputs)
        assert (held.digests, held.output_digests) == (digests, outputs)


@given(valid_notebooks)
def test_widget_state_has_the_digest_of_its_value(notebook: dict[str, Any]) -> None:
    widgets = notebook["metadata"].get("widgets")
    expected = None if widgets is None else by_the_book.digest(widgets)
    read = read_notebook(json.dumps(notebook).encode())
    assert read.widgets_digest == expected
    assert notebook_from_json(notebook).widgets_digest == expected
    if widgets is not None:
        assert json_digest(widgets) == expected


def display(data: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": {}, **others}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (display({"text/plain": "ab"}), display({"text/plain": ["a", "b"]})),
        (display({"text/plain": []}), display({"text/plain": ""})),
        (display({"image/png": "QUJD\n"}), display({"image/png": "QU JD"})),
        (display({"image/jpeg": ["QU\n", "JD\n"]}), display({"image/jpeg": "QUJD"})),
        (display({"application/json": 1}), display({"application/json": 1.0})),
        (display({"a": 1}, metadata=None), display({"a": 1})),
        (display({"a": 1}, metadata={"mlo": "x"}), display({"a": 1})),
        (display({"a": 1}, transient={"display_id": "x"}), display({"a": 1})),
        (display({"a": math.nan}), display({"a": -math.nan})),
        (display({"a": "\ud83d\ude00"}), display({"a": "😀"})),
    ],
    ids=range(10),
)
def test_what_tools_change_changes_no_digest(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert output_digest(one) == output_digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (display({"application/json": ["a", "b"]}), display({"application/json": "ab"})),
        (display({"application/x+json": ["a"]}), display({"application/x+json": "a"})),
        (display({"text/plain": "a b"}), display({"text/plain": "ab"})),
        (display({"image/svg+xml": "a b"}), display({"image/svg+xml": "ab"})),
        (display({"text/plain": ["a", 1]}), display({"text/plain": "a1"})),
        (display({"a": True}), display({"a": 1})),
        (display({"a": "1"}), display({"a": 1})),
        (display({"a": None}), display({})),
        (display({"a": 1}, metadata={"x": 1}), display({"a": 1})),
        (display({"a": 1}), {"output_type": "execute_result", "data": {"a": 1}, "metadata": {}}),
        (display({"a": "\ud800"}), display({"a": "\\ud800"})),
        (display({"a": "é"}), display({"a": "e\u0301"})),
        (display({"a": 2**53}), display({"a": 2**53 + 2})),
    ],
    ids=range(13),
)
def test_what_means_something_changes_the_digest(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert output_digest(one) != output_digest(other)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


#: A member of a code cell, and what is wrong with it.
UNDIGESTABLE: list[tuple[str, str]] = [
    ('"source": 5', "source"),
    ('"source": ["a", 5]', "source"),
    ('"source": null', "source"),
    ('"outputs": {}', "outputs are not a list"),
    ('"outputs": "text"', "outputs are not a list"),
    ('"outputs": null', "outputs are not a list"),
    ('"outputs": ["text"]', "output 0 is not an object"),
    ('"outputs": [{"output_type":"error"}, null]', "output 1 is not an object"),
    ('"outputs": [{}]', "output_type"),
    ('"outputs": [{"output_type": 4}]', "output_type"),
    ('"outputs": [{"output_type": "stream", "name": 1}]', "name is not a string"),
    ('"outputs": [{"output_type": "stream", "text": 1}]', "text"),
    ('"outputs": [{"output_type": "stream", "text": ["a", null]}]', "text"),
    ('"outputs": [{"output_type": "display_data", "data": []}]', "data is not an object"),
    ('"outputs": [{"output_type": "display_data", "metadata": 1}]', "metadata is not an object"),
    ('"outputs": [{"output_type": "x", "text": 1}]', "text"),
    ('"attachments": []', "attachments is not an object"),
    ('"attachments": {"a": 1}', "attachment is not an object"),
    ('"metadata": []', "metadata is not an object"),
    ('"metadata": 0', "metadata is not an object"),
    ('"id": 5', "id is not a string"),
    ('"cell_type": "code", "cell_type": "raw"', "two members of one name"),
    ('"source": "a", "source": "a"', "two members of one name"),
    ('"metadata": {"a": 1, "\\u0061": 2}', "two members of one name"),
    ('"metadata": {"a": 1, "b": {"c": "\\u003a", "c": "x:"}}', "two members of one name"),
    ('"metadata": {"$mlo": 1}', r"\$mlo"),
    ('"outputs": [{"output_type": "x", "\\u0024mlo": 1}]', r"\$mlo"),
    ('"outputs": [{"output_type": "x", "a": {"b": [{"$mlo": "NaN"}]}}]', r"\$mlo"),
    ('"outputs": [{"output_type": "x", "a": {"\\ud800": 1}}]', "surrogate"),
    (f'"outputs": [{{"output_type": "x", "a": {json.dumps(nested(126))}}}]', "nested"),
    (f'"metadata": {{"a": {json.dumps(nested(127))}}}', "nested"),
]


@pytest.mark.parametrize(("member", "why"), UNDIGESTABLE)
def test_a_cell_in_which_two_readers_may_see_two_things_has_no_digest(
    member: str, why: str
) -> None:
    others = {"cell_type": '"code"', "outputs": "[]", "source": '"x"', "metadata": "{}"}
    rest = [f'"{name}": {value}' for name, value in others.items() if f'"{name}":' not in member]
    text = "{" + ", ".join([*rest, member]) + "}"
    cell = cell_of(text)
    with pytest.raises(Undigestable, match=why) as caught:
        _ = cell.digests
    assert cell.undigestable == caught.value.reason
    if "two members" not in why:
        with pytest.raises(Undigestable, match=why):
            _ = Cell(0, json.loads(text)).digests
    # What can be said of it is said all the same.
    assert isinstance(cell.source, str)
    assert isinstance(cell.outputs, list)
    assert isinstance(cell.metadata, dict)


@pytest.mark.parametrize("kind", ["", "heading", "html", 5, None, ["code"]])
def test_cells_of_unknown_types_have_no_digest(kind: Any) -> None:
    cell = Cell(0, {"cell_type": kind, "source": "", "metadata": {}})
    assert "cell_type" in (cell.undigestable or "")


def test_nesting_up_to_the_limit_is_digested() -> None:
    value = {"cell_type": "code", "source": "", "outputs": [{"output_type": "x", "a": nested(125)}]}
    text = json.dumps(value)
    assert cell_of(text).digests == Cell(0, value).digests
    deepest_empty = {**value, "outputs": [{"output_type": "x", "a": nested(124)}], "metadata": {}}
    deepest_empty["outputs"][0]["a"] = json.loads(json.dumps(nested(125)).replace("1", "[]"))
    assert cell_of(json.dumps(deepest_empty)).digests == Cell(0, deepest_empty).digests


def test_id_position_count_and_metadata_are_not_in_the_digest() -> None:
    value = {"cell_type": "code", "source": "x", "outputs": [], "metadata": {}, "id": "a"}
    other = {**value, "id": "b", "metadata": {"tags": ["t"], "mlo": {}}, "execution_count": 9}
    assert Cell(0, value).digests == Cell(5, other).digests


def test_short_digests_are_read_back() -> None:
    digest = source_digest("x")
    assert len(short(digest)) == 43
    assert from_short(short(digest)) == digest
