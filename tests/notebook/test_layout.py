"""What of ours stands in a notebook's metadata, written and read."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlo.notebook.layout import (
    SealEntry,
    notebook_json,
    read_notebook_entries,
    read_reference,
    read_stamp,
    reference,
    stamp_json,
)
from jupyter_mlo.notebook.seals import SealedCell, make_proofs
from jupyter_mlo.statements.envelope import Envelope

NOTEBOOK = "urn:uuid:5d3c0f6e-7a52-4b53-9d0f-2f1f3c6a9b11"
PARENT = "urn:uuid:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
CELLS = tuple(
    SealedCell("code", f"c{at}", bytes([at]) * 32, bytes([at]) * 32, None) for at in range(5)
)


def envelope(text: bytes) -> Envelope:
    return Envelope(text, "sha256:" + "0" * 64, b"signature")


def whole() -> dict[str, Any]:
    return notebook_json(
        notebook=NOTEBOOK,
        parent=PARENT,
        chains=[envelope(b"a"), envelope(b"b")],
        newest=(envelope(b"newest"), CELLS),
        older=[
            SealEntry(envelope(b"older"), proofs=tuple(make_proofs(CELLS, [1, 4]))),
            SealEntry(envelope(b"oldest"), cells=CELLS[:2]),
        ],
    )


def test_what_is_written_is_read() -> None:
    found = read_notebook_entries({"mlo": whole()})
    assert found.present
    assert (found.notebook, found.parent) == (NOTEBOOK, PARENT)
    assert [one.payload for one in found.chains] == [b"a", b"b"]
    newest, older, oldest = found.seals
    assert newest.cells == CELLS
    assert older.cells is None
    assert [proof.position for proof in older.proofs] == older.positions == [1, 4]
    assert oldest.cells == CELLS[:2]
    assert oldest.positions == [0, 1]
    assert found.problems == ()


def test_nothing_of_ours_is_no_problem() -> None:
    assert read_notebook_entries({}) == read_notebook_entries(None)
    assert not read_notebook_entries({}).present
    assert read_stamp({}) == (None, "")
    assert read_stamp(5) == (None, "")


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ((), 5, "metadata.mlo is not an object"),
        (("version",), "1", "no version"),
        (("version",), True, "no version"),
        (("version",), 2, "version 2 is newer"),
        (("notebook",), "urn:uuid:5D3C", "metadata.mlo.notebook is not a notebook ID"),
        (("notebook",), None, "metadata.mlo.notebook is not a notebook ID"),
        (("parent",), None, "metadata.mlo.parent is not a notebook ID"),
        (("chains",), {}, "metadata.mlo.chains is not a list"),
        (("chains", 1), {}, "metadata.mlo.chains[1]: this is not a DSSE envelope"),
        (("chains",), [{}] * 6000, "metadata.mlo.chains has 6000 entries"),
        (("seals",), 7, "metadata.mlo.seals is not a list"),
        (("seals", 0), [], "metadata.mlo.seals[0] is not an object"),
        (("seals", 1, "envelope"), None, "metadata.mlo.seals[1].envelope: this is not"),
    ],
)
def test_what_cannot_be_read_is_named(path: tuple[Any, ...], value: Any, named: str) -> None:
    ours: Any = {"mlo": whole()}
    *way, last = ("mlo", *path)
    place = ours
    for step in way:
        place = place[step]
    place[last] = value
    problems = read_notebook_entries(ours).problems
    assert any(named in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("seal", "change", "named"),
    [
        (0, {"cells": None}, "its list of cells cannot be read (not there)"),
        (0, {"cells": "x"}, "its list of cells cannot be read (not a list"),
        (0, {"cells": ["x"]}, "its list of cells cannot be read"),
        (0, {"proofs": {}}, "proofs as well"),
        (1, {"proofs": []}, "its proofs cannot be read (not there)"),
        (1, {"proofs": {"x": "y"}}, "its proofs cannot be read"),
        (2, {"cells": [None]}, "its list of cells cannot be read"),
    ],
)
def test_a_list_that_cannot_be_read_is_named_beside_its_seal(
    seal: int, change: dict[str, Any], named: str
) -> None:
    ours = whole()
    ours["seals"][seal] |= change
    assert named in read_notebook_entries({"mlo": ours}).seals[seal].problem


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (5, "not an object"),
        ({}, "no version"),
        ({"version": 1}, "holds no stamp"),
        ({"version": 9, "stamp": {}}, "newer"),
        ({"version": 1, "stamp": {}}, "not a DSSE envelope"),
    ],
)
def test_a_stamp_that_cannot_be_read_is_named(value: Any, named: str) -> None:
    found, problem = read_stamp({"mlo": value})
    assert found is None
    assert named in problem


def test_stamps_and_references_are_read_as_written() -> None:
    stamp = envelope(b"stamp")
    assert read_stamp({"mlo": stamp_json(stamp)}) == (stamp, "")
    text = reference("mlo:7K3D-9QXA-2MF7", "Zq3v0cA1x9dK_2Pb")
    assert text == "mlo:7K3D-9QXA-2MF7#Zq3v0cA1x9dK_2Pb"
    shown = {"output_type": "display_data", "metadata": {"mlo": text}}
    assert read_reference(shown) == text
    assert read_reference({**shown, "output_type": "stream"}) is None
    assert read_reference({**shown, "metadata": {"mlo": 5}}) is None
    assert read_reference(None) is None
