"""Golden vectors of stamp and seal: what was signed once is verified for ever.

``MLO_UPDATE_GOLDEN=1`` writes them anew; before version 1 is out only, and reviewed against
``docs/formats.md``. ECDSA signatures differ each time, so the payloads are made again and
compared, and the frozen envelopes are verified.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from jupyter_mlo.notebook.digests import short
from jupyter_mlo.notebook.layout import read_notebook_entries, read_stamp
from jupyter_mlo.notebook.reading import notebook_from_json
from jupyter_mlo.notebook.reports import Demands
from jupyter_mlo.notebook.seals import Sealable, SealedCell, make_seal
from jupyter_mlo.notebook.stamps import Executed, make_stamp
from jupyter_mlo.notebook.verdicts import Verdict
from jupyter_mlo.statements.envelope import Envelope
from tests.notebook.people import (
    ALICE,
    BOB,
    NOON,
    Kernel,
    Person,
    code,
    fails,
    notebook,
    result,
    seal,
    shows,
    stream,
    text,
    verify,
)

FOLDER = Path(__file__).parent / "vectors"
NOTEBOOK = "urn:uuid:5d3c0f6e-7a52-4b53-9d0f-2f1f3c6a9b11"
PARENT = "urn:uuid:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"


@pytest.fixture(autouse=True)
def counted_nonces(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count(1)
    monkeypatch.setattr(
        "jupyter_mlo.delegation.signer.secrets.token_urlsafe",
        lambda size: short(next(numbers).to_bytes(size, "big")),
    )


def stamp_cases() -> dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Cell, execution, options."""
    plain = {"execution": "AAAAAAAAAAAAAAAB", "count": 7, "activity": "training"}
    streams = [{"output_type": "stream", "name": "stdout", "text": "1\n2\n"}]
    shown = {"output_type": "display_data", "data": {"text/plain": "x"}, "metadata": {}}
    return {
        "one stream": ({**code("print(1)", "c1"), "outputs": streams}, plain, {}),
        "no outputs, no id, no count": (
            code("x = 1"), {**plain, "count": None, "model": "loan@3"}, {},
        ),
        "from records, one output not observed": (
            {**code("show()", "c1"), "outputs": [*streams, shown]},
            {
                **plain,
                "records": (hashlib.sha256(b"record").hexdigest(),),
                "updated_by": ("AAAAAAAAAAAAAAAC",),
            },
            {"observed": [1]},
        ),
        "33 outputs": (
            {
                **code("many()", "c1"),
                "outputs": [{**shown, "data": {"text/plain": str(at)}} for at in range(33)],
            },
            plain,
            {},
        ),
    }  # fmt: skip


def make_stamp_case(
    cell: dict[str, Any], executed: dict[str, Any], options: dict[str, Any]
) -> Envelope:
    moments = {"started": NOON, "finished": NOON + timedelta(milliseconds=1500)}
    kernel = {"kernel_id": "2f1c9f1e", "kernel_name": "python3"}
    (read,) = notebook_from_json(notebook(cell)).cells
    return make_stamp(
        Person(ALICE, "alice").session(seed="session of the vectors"),
        read,
        Executed(**moments, **kernel, **executed),
        notebook=NOTEBOOK,
        now=NOON + timedelta(seconds=2),
        **options,
    )


def seal_cases() -> dict[str, tuple[list[SealedCell], dict[str, Any]]]:
    """List of cells, options."""
    digest = [bytes([number]) * 32 for number in range(9)]
    cells = [
        SealedCell("markdown", "m1", digest[1], digest[2], None),
        SealedCell("code", "c1", digest[3], digest[4], digest[5]),
        SealedCell("code", None, None, digest[6], None),
        SealedCell("raw", "id with a space", digest[7], digest[8], None),
    ]
    return {
        "four cells": (cells, {}),
        "no cells": ([], {"kernelspec": None, "nbformat": "4.0"}),
        "everything": (
            cells,
            {
                "widgets": short(digest[0]),
                "parent": PARENT,
                "previous": hashlib.sha256(b"previous").hexdigest(),
                "older": [(hashlib.sha256(b"older").hexdigest(), [0, 3])],
                "meaning": "approved",
            },
        ),
    }


def make_seal_case(cells: list[SealedCell], options: dict[str, Any]) -> Envelope:
    given = {
        "nbformat": "4.5", "kernelspec": "python3", "widgets": None, "parent": None,
        "previous": None, "older": (), "meaning": "held", **options,
    }  # fmt: skip
    whole = Sealable(cells, given.pop("nbformat"), given.pop("kernelspec"), given.pop("widgets"))
    signer = Person(ALICE, "alice").session(seed="session of the vectors")
    return make_seal(signer, whole, notebook=NOTEBOOK, now=NOON + timedelta(seconds=3), **given)


def frozen(name: str, made: dict[str, Any]) -> dict[str, Any]:
    path = FOLDER / f"{name}.json"
    if os.environ.get("MLO_UPDATE_GOLDEN"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def as_vector(envelope: Envelope) -> dict[str, Any]:
    return {
        "payload": envelope.payload.decode(),
        "statementId": envelope.statement_id,
        "envelope": envelope.to_json(),
    }


@pytest.mark.parametrize("case", stamp_cases())
def test_a_stamp_is_what_it_was(case: str) -> None:
    cell, executed, options = stamp_cases()[case]
    made = make_stamp_case(cell, executed, options)
    name = f"stamp-{list(stamp_cases()).index(case)}"
    vector = frozen(name, {"case": case, "cell": cell, **as_vector(made)})
    _check(vector, made)


@pytest.mark.parametrize("case", seal_cases())
def test_a_seal_is_what_it_was(case: str) -> None:
    cells, options = seal_cases()[case]
    made = make_seal_case(cells, options)
    leaves = [
        [position, cell.kind, cell.id, cell.cell and short(cell.cell), short(cell.source),
         cell.stamp and short(cell.stamp)]
        for position, cell in enumerate(cells)
    ]  # fmt: skip
    name = f"seal-{list(seal_cases()).index(case)}"
    vector = frozen(
        name,
        {
            "case": case,
            "lines": [cell.line() for cell in cells],
            "leaves": leaves,
            **as_vector(made),
        },
    )
    _check(vector, made)
    assert [cell.line() for cell in cells] == vector["lines"]
    # The signed root, computed without any code of ours.
    hashes = [hashlib.sha256(b"\0" + rfc8785.dumps(leaf)).digest() for leaf in vector["leaves"]]
    root = _root(hashes)
    predicate = json.loads(vector["payload"])["predicate"]
    assert predicate["cells"] == {"count": len(cells), "root": short(root)}
    whole = {
        "cells": len(cells),
        "kernelspec": predicate.get("kernelspec"),
        "nbformat": predicate["nbformat"],
        "root": short(root),
        "widgets": predicate.get("widgets"),
    }
    digest = hashlib.sha256(rfc8785.dumps(whole)).hexdigest()
    (subject,) = json.loads(vector["payload"])["subject"]
    assert subject == {"name": NOTEBOOK, "digest": {"mloNotebookV1": digest}}


def _root(hashes: list[bytes]) -> bytes:
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    both = _root(hashes[:split]) + _root(hashes[split:])
    return hashlib.sha256(b"\x01" + both).digest()


def _check(vector: dict[str, Any], made: Envelope) -> None:
    assert made.payload.decode() == vector["payload"]
    assert made.payload == rfc8785.dumps(json.loads(vector["payload"]))
    assert made.statement_id == vector["statementId"]
    kept = Envelope.from_json(vector["envelope"])
    assert kept.payload == made.payload
    kept.check_signature(Person(ALICE, "alice").session(seed="session of the vectors").key.public)


def test_a_sealed_notebook_is_verified_for_ever() -> None:
    """The whole of it, as a file: two MLOs, a run again, an older seal with a proof."""
    path = FOLDER / "sealed.ipynb"
    people = Person(ALICE, "alice"), Person(BOB, "bob")
    if os.environ.get("MLO_UPDATE_GOLDEN"):
        path.write_text(json.dumps(_sealed(*people), indent=1) + "\n", encoding="utf-8")
    value = json.loads(path.read_text(encoding="utf-8"))
    report = verify(value, *people)
    assert report.holds(Demands())
    assert [cell.verdict for cell in report.cells] == [Verdict.VERIFIED] * 6
    assert [cell.mlo for cell in report.cells] == [None, ALICE, ALICE, BOB, None, None]
    entries = read_notebook_entries(value["metadata"])
    assert len(entries.seals) == 2
    assert len(entries.seals[1].proofs) == 2
    stamp, _ = read_stamp(value["cells"][1]["metadata"])
    assert stamp is not None


def _sealed(alice: Person, bob: Person) -> dict[str, Any]:
    value = notebook(
        text("# Loans", "m1"),
        code("print(1)", "c1"),
        code("show()", "c2"),
        code("fit()", "c3"),
        text("The end", "m2"),
        text("raw", "r1", "raw"),
    )
    session = alice.session(model="loan@3")
    kernel = Kernel(session)
    kernel.run(value["cells"][1], stream("1\n"), fails("ValueError"))
    kernel.run(value["cells"][2], shows("picture"), result("2", 2))
    value = seal(value, session, kernel).value
    for cell in value["cells"][3:]:
        cell["source"] += " (Bob)"
    value["cells"][0]["source"] += ": again"
    later = NOON + timedelta(minutes=30)
    other = Kernel(bob.session(later, activity="validation"), later)
    other.run(value["cells"][3], stream("0.91\n"))
    signer = other.signer
    assert signer is not None
    return seal(value, signer, other, also=session.chain).value
