"""Sealing again from memory comes to what examining the whole comes to."""

from __future__ import annotations

import copy
import random
import sys
from datetime import timedelta
from typing import Any

import pytest

from jupyter_mlo.delegation.chain import Pool
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.notebook.carried import size_of
from jupyter_mlo.notebook.reading import notebook_from_json
from jupyter_mlo.notebook.resealing import Remembered, look_of, remember, reseal
from jupyter_mlo.notebook.sealing import SealedNotebook, seal_examined
from jupyter_mlo.notebook.verification import examine
from tests.notebook.people import (
    ALICE,
    BOB,
    NOON,
    Kernel,
    Person,
    code,
    notebook,
    result,
    shows,
    stream,
    text,
    verify,
)


class Document:
    """A document that two people work in, saved by Alice; sealed in one way or the other."""

    def __init__(self) -> None:
        self.people = Person(ALICE, "alice"), Person(BOB, "bob")
        self.signers = [one.session() for one in self.people]
        self.kernels = [Kernel(signer) for signer in self.signers]
        self.value = notebook(*(code(f"print({n})", f"c{n}") for n in range(4)), text("# a", "t"))
        self.now = NOON
        self.known: Remembered | None = None
        #: What a server gives back to front ends that know nothing of stamps.
        self.stamps: dict[str, Any] = {}
        #: How often memory was enough.
        self.quick = 0

    def records(self, wanted: Any) -> list[Any]:
        return [record for kernel in self.kernels for record in kernel.records]

    def whole(self, value: dict[str, Any]) -> tuple[SealedNotebook, Any]:
        pool = Pool.of([link for one in self.signers for link in one.chain])
        examined = examine(
            notebook_from_json(value), pool=pool, trust=Trust(), now=self.now, records=self.records
        )
        stampers = {one.actor: one for one in self.signers}
        sealed = seal_examined(
            value, examined, signer=self.signers[0], now=self.now, stampers=stampers
        )
        return sealed, examined

    def save(self) -> tuple[SealedNotebook, SealedNotebook]:
        """From memory where that is enough, and by examining everything."""
        self.now += timedelta(minutes=1)
        for cell in self.value["cells"]:
            if cell.get("outputs") and cell["id"] in self.stamps:
                cell["metadata"].setdefault("mlo", self.stamps[cell["id"]])
        value = copy.deepcopy(self.value)
        slow, examined = self.whole(copy.deepcopy(value))
        found = self.known and reseal(
            value,
            self.known,
            signer=self.signers[0],
            stampers={one.actor: one for one in self.signers},
            now=self.now,
            pool=Pool.of([link for one in self.signers for link in one.chain]),
            trust=Trust(),
            records=self.records,
            placed=lambda sources: {},
        )
        if found:
            self.quick += 1
            quick, self.known = found
        else:
            quick, self.known = slow, remember(slow, examined, self.records)
        self.value = copy.deepcopy(quick.value)
        for cell in self.value["cells"]:
            if "mlo" in cell["metadata"]:
                self.stamps[cell["id"]] = cell["metadata"]["mlo"]
        return quick, slow


def lines(sealed: SealedNotebook) -> Any:
    """The list of cells beside the newest seal; of stamps only whether there is one."""
    newest = sealed.value["metadata"]["mlo"]["seals"][0]
    split = [line.rsplit(" ", 1) for line in newest["cells"]]
    return [(line, stamp != "-") for line, stamp in split]


def run(document: Document, chance: random.Random) -> None:
    cell = chance.choice([cell for cell in document.value["cells"] if cell["cell_type"] == "code"])
    kernel = chance.choice(document.kernels)
    kernel.now = document.now
    said = [stream(f"{chance.random()}\n"), shows("a picture"), result("1", kernel.count + 1)]
    kernel.run(cell, *said[: chance.randrange(4)])


def edit(document: Document, chance: random.Random) -> None:
    cell = chance.choice(document.value["cells"])
    cell["source"] += "\nmore"


def alter(document: Document, chance: random.Random) -> None:
    for cell in document.value["cells"]:
        for output in cell.get("outputs", []):
            if output["output_type"] == "stream":
                output["text"] = "nicer\n"
                return


def move(document: Document, chance: random.Random) -> None:
    chance.shuffle(document.value["cells"])


def paste(document: Document, chance: random.Random) -> None:
    cell = copy.deepcopy(chance.choice(document.value["cells"]))
    cell["id"] = f"p{chance.randrange(10**9)}"
    document.value["cells"].append(cell)


def remove(document: Document, chance: random.Random) -> None:
    if len(document.value["cells"]) > 3:
        del document.value["cells"][chance.randrange(len(document.value["cells"]))]
    if not any(cell["cell_type"] == "code" for cell in document.value["cells"]):
        document.value["cells"].append(code("print()", f"n{chance.randrange(10**9)}"))


def forget(document: Document, chance: random.Random) -> None:
    """A front end that throws a stamp away."""
    chance.choice(document.value["cells"])["metadata"].pop("mlo", None)


ACTS = [run, run, run, edit, alter, move, paste, remove, forget]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_was_done_both_ways_come_to_the_same(seed: int) -> None:
    document, chance = Document(), random.Random(seed)
    for _ in range(10):
        for _ in range(chance.randrange(1, 3)):
            chance.choice(ACTS)(document, chance)
        quick, slow = document.save()
        assert lines(quick) == lines(slow)
        reports = [
            verify(
                one.value,
                *document.people,
                kernels=document.kernels,
                now=document.now,
            )
            for one in (quick, slow)
        ]
        assert [cell.verdict for cell in reports[0].cells] == [
            cell.verdict for cell in reports[1].cells
        ]
        assert reports[0].problems == reports[1].problems
        assert reports[0].seal.verdict == reports[1].seal.verdict


def test_memory_is_enough_for_prose_and_for_cells_that_were_run_again() -> None:
    document, chance = Document(), random.Random(1)
    for cell in document.value["cells"][:4]:
        document.kernels[0].run(cell, stream("a\n"))
    document.save()
    for _ in range(3):
        document.value["cells"][-1]["source"] += "!"
        document.kernels[0].now = document.now
        document.kernels[0].run(document.value["cells"][1], shows(f"{chance.random()}"))
        quick, _ = document.save()
        assert set(quick.stamps) == {1}
    assert document.quick == 3
    found = verify(document.value, *document.people, now=document.now)
    assert [cell.verdict for cell in found.cells] == ["verified"] * 5


def test_another_stamp_than_the_one_that_was_given_is_looked_into() -> None:
    document = Document()
    for cell in document.value["cells"][:2]:
        document.kernels[0].run(cell, stream("a\n"))
    document.save()
    cells = document.value["cells"]
    cells[0]["metadata"]["mlo"], cells[1]["metadata"]["mlo"] = (
        cells[1]["metadata"]["mlo"],
        cells[0]["metadata"]["mlo"],
    )
    before = document.quick
    document.save()
    assert document.quick == before


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (0, False),
        (1, 1.0),
        (0.0, -0.0),
        ("1", 1),
        (None, False),
        ([], {}),
        (["ab", "c"], ["a", "bc"]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ("\ud83d", "\ud83e"),
    ],
)
def test_a_cell_looks_the_same_only_where_nothing_at_all_differs(one: Any, other: Any) -> None:
    cells = [code("1", "c"), code("1", "c"), code("1", "c")]
    for cell, data in zip(cells, (one, other, copy.deepcopy(one)), strict=True):
        shown = {"output_type": "display_data", "metadata": {}, "data": {"application/json": data}}
        cell["outputs"] = [shown]
    first, second, third = map(look_of, cells)
    assert first != second
    assert first == third


def test_how_text_is_held_in_memory_makes_no_other_look() -> None:
    names = ("".join(["te", "xt"]), "text", sys.intern("".join(["tex", "t"])))
    assert len({look_of({**code(name, "c"), "twice": [name, name]}) for name in names}) == 1


def test_what_is_not_plainly_of_json_s_types_is_examined_as_a_whole() -> None:
    class Node(dict[str, Any]):
        """As nbformat's."""

    document = Document()
    document.kernels[0].run(document.value["cells"][0], stream("a\n"))
    document.save()
    for output in document.value["cells"][0]["outputs"]:
        output["metadata_"] = Node()
    before = document.quick
    quick, slow = document.save()
    assert (document.quick, document.known) == (before, None)
    assert lines(quick) == lines(slow)


def test_what_stamps_take_up_is_remembered_rightly() -> None:
    document = Document()
    for at in (0, 1, 0, 2):
        document.kernels[0].now = document.now
        document.kernels[0].run(document.value["cells"][at], stream(f"{document.now}\n"))
        document.save()
        assert document.known is not None
        cells = document.value["cells"]
        known = [document.known.cells[look_of(cell)].size for cell in cells]
        assert known == [size_of(cell["metadata"].get("mlo")) for cell in cells]
    assert document.quick == 3
