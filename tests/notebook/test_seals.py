"""Seals: the list of cells, its root, and the proofs of single lines."""

from __future__ import annotations

import hashlib
import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.notebook.digests import short
from jupyter_mlo.notebook.seals import (
    Proof,
    SealedCell,
    cells_root,
    from_b64u,
    make_proofs,
    notebook_digest,
    proof_size,
)

digests = st.binary(min_size=32, max_size=32)
cells = st.builds(
    SealedCell,
    kind=st.sampled_from(["code", "markdown", "raw", ""]),
    id=st.none() | st.text(min_size=1, max_size=40),
    cell=st.none() | digests,
    source=digests,
    stamp=st.none() | digests,
)


def cell(number: int) -> SealedCell:
    digest = bytes([number]) * 32
    return SealedCell("code", f"c{number}", digest, digest, None)


@given(cells)
def test_a_line_gives_its_cell_again_whatever_the_id_holds(one: SealedCell) -> None:
    assert SealedCell.from_line(one.line()) == one


@pytest.mark.parametrize(
    "line",
    [
        None,
        7,
        "",
        "c",
        "c c1",
        "x c1 " + "A" * 43 + " " + "A" * 43 + " -",
        "cc1 " + "A" * 43 + " " + "A" * 43 + " -",
        "c c1 " + "A" * 42 + " " + "A" * 43 + " -",
        "c c1 " + "A" * 43 + " - -",
        "c c1 " + "A" * 43 + " " + "A" * 42 + "B -",
        "c c1 " + "A" * 43 + " " + "A" * 43 + "= -",
        "c c1 " + "+" * 43 + " " + "A" * 43 + " -",
    ],
)
def test_a_line_of_another_form_is_refused(line: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        SealedCell.from_line(line)


def test_a_leaf_is_the_array_that_the_format_names() -> None:
    one = SealedCell("code", "c1", b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
    content = rfc8785.dumps(
        [7, "code", "c1", "AQEB" * 10 + "AQE", "AgIC" * 10 + "AgI", "AwMD" * 10 + "AwM"]
    )
    assert one.leaf(7) == hashlib.sha256(b"\x00" + content).digest()


@given(cells, st.integers(0, 2**40))
def test_every_leaf_is_canonical_json_of_that_array(one: SealedCell, position: int) -> None:
    parts = [one.cell and short(one.cell), short(one.source), one.stamp and short(one.stamp)]
    content = rfc8785.dumps([position, one.kind, one.id, *parts])
    assert one.leaf(position) == hashlib.sha256(b"\x00" + content).digest()


def test_the_root_of_three_cells_is_what_rfc_9162_says() -> None:
    leaves = [cell(number).leaf(number) for number in range(3)]
    left = hashlib.sha256(b"\x01" + leaves[0] + leaves[1]).digest()
    whole = hashlib.sha256(b"\x01" + left + leaves[2]).digest()
    assert cells_root([cell(number) for number in range(3)]) == whole
    assert cells_root([]) == hashlib.sha256(b"").digest()


@given(st.lists(cells, min_size=1, max_size=20), st.data())
def test_a_proof_holds_for_its_cell_at_its_position_only(
    many: list[SealedCell], data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(many) - 1))
    (proof,) = make_proofs(many, [position])
    again = Proof.from_text(str(position), proof.text())
    assert again == proof
    root = cells_root(many)
    assert again.holds(len(many), root)
    other = data.draw(cells.filter(lambda one: one != many[position]))
    assert not Proof(position, other, again.path).holds(len(many), root)
    assert not Proof(position + 1, again.cell, again.path).holds(len(many), root)
    assert not again.holds(len(many), bytes(32))


@pytest.mark.parametrize(
    ("position", "text"),
    [
        ("0", 5),
        (0, "- c c1 " + "A" * 43 + " " + "A" * 43 + " -"),
        ("00", "- c c1 " + "A" * 43 + " " + "A" * 43 + " -"),
        ("-1", "- c c1 " + "A" * 43 + " " + "A" * 43 + " -"),
        ("9" * 16, "- c c1 " + "A" * 43 + " " + "A" * 43 + " -"),
        ("²", "- c c1 " + "A" * 43 + " " + "A" * 43 + " -"),
        ("0", "AAAA c c1 " + "A" * 43 + " " + "A" * 43 + " -"),
        ("0", "c c1 " + "A" * 43 + " " + "A" * 43 + " -"),
    ],
)
def test_a_proof_of_another_form_is_refused(position: object, text: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        Proof.from_text(position, text)


def test_the_notebooks_digest_covers_all_five_members() -> None:
    values: dict[str, object] = {
        "count": 2,
        "root": "r",
        "nbformat": "4.5",
        "kernelspec": "python3",
        "widgets": None,
    }
    plain = notebook_digest(**values)  # type: ignore[arg-type]
    whole = {"cells": 2, "kernelspec": "python3", "nbformat": "4.5", "root": "r", "widgets": None}
    text = json.dumps(whole, separators=(",", ":"))
    assert plain == hashlib.sha256(text.encode()).hexdigest()
    for name, other in [
        ("count", 3),
        ("root", "s"),
        ("nbformat", "4.4"),
        ("kernelspec", None),
        ("widgets", "w"),
    ]:
        assert notebook_digest(**{**values, name: other}) != plain  # type: ignore[arg-type]


@given(st.binary(max_size=40))
def test_base64url_has_one_form(data: bytes) -> None:
    text = short(data)
    assert from_b64u(text) == data
    for other in (text + "=", text + "\n", " " + text, text + "A", text[:-1] + "é"):
        try:
            decoded = from_b64u(other)
        except ValueError:
            continue
        assert short(decoded) == other


@given(st.lists(cells, min_size=1, max_size=40), st.data())
def test_how_long_a_proof_is_can_be_told_without_making_it(
    many: list[SealedCell], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(many) - 1))
    (proof,) = make_proofs(many, [at])
    assert proof_size(len(many), at, many[at].line()) == len(proof.text())


def test_a_remembered_leaf_is_of_its_cell_at_its_position() -> None:
    one = SealedCell("code", "c", b"c" * 32, b"s" * 32, None)
    for other in (one._replace(stamp=b"t" * 32), one._replace(id="d"), one._replace(kind="raw")):
        assert one.line() != other.line()
        assert one.leaf(0) != other.leaf(0)
    assert one.leaf(0) != one.leaf(1)
