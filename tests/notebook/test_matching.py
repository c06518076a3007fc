"""Which record vouches for which cell: the rule as a table of cases."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.delegation.actor import Actor
from jupyter_mlo.notebook.matching import Match, Present, Tie, match
from jupyter_mlo.notebook.recorded import Recorded, State, Update

ME = "mlo:7K3D-9QXA-2MF7"
_serial = itertools.count()


def record(
    execution: str,
    source: str = "s",
    outputs: str = "",
    *,
    count: int | None = 1,
    cell: str | None = "c1",
    at: int = 0,
    kernel: str = "k",
    mlo: str = ME,
    later: tuple[str, ...] = (),
    displays: dict[int, str] | None = None,
    updates: dict[str, str] | None = None,
) -> Recorded:
    """An execution; ``outputs`` is one letter an output, ``later`` what its later parts saw."""
    states = tuple(
        State(
            f"{execution}.{part}",
            f"{at:02}:{part}",
            tuple((letter, (displays or {}).get(place)) for place, letter in enumerate(letters)),
        )
        for part, letters in enumerate((outputs, *later))
    )
    return Recorded(
        actor=Actor(mlo),
        execution=execution,
        count=count,
        kernel_id=kernel,
        kernel_name="python3",
        cell=cell,
        source=source,
        started=f"{at:02}",
        activity="training",
        model=None,
        states=states,
        updates={
            display: (Update(f"{execution}.0", execution, letter),)
            for display, letter in (updates or {}).items()
        },
    )


def present(
    position: int = 0,
    source: str = "s",
    outputs: str = "",
    *,
    id: str | None = "c1",
    count: int | None = 1,
    refs: tuple[str, ...] = (),
) -> Present:
    return Present(position, id, source, tuple(outputs), count, frozenset(refs))


AMBIGUOUS = (
    "executions in several kernels match it equally well, as of copies of a notebook: "
    "run it again, or restore its stamp"
)
#: Two copies of one notebook, each run in a kernel of its own.
RUN_A = [
    record("a1", at=1, kernel="ka"),
    record("a2", "t", "p", count=2, cell="c2", at=2, kernel="ka"),
]
RUN_B = [
    record("b1", at=7, kernel="kb"),
    record("b2", "t", "p", count=2, cell="c2", at=8, kernel="kb"),
]

#: Cells, records → for each cell: the execution, which outputs it holds, and by what tie.
CASES: dict[str, tuple[list[Present], list[Recorded], dict[int, Any]]] = {
    "the id that the front end sent": (
        [present()], [record("e")], {0: ("e", (), Tie.ID)},
    ),
    "the id counts only with that source": (
        [present(source="t")], [record("e")], {},
    ),
    "the id of another cell does not count": (
        [present(id="c2", outputs="b")], [record("e", outputs="a")], {},
    ),
    "of two executions, that whose outputs are there": (
        [present(outputs="a")],
        [record("e1", outputs="a", at=1), record("e2", outputs="b", at=2)],
        {0: ("e1", (0,), Tie.ID)},
    ),
    "of two that fit, the latest": (
        [present(outputs="a")],
        [record("e1", outputs="a", at=1), record("e2", outputs="a", at=2)],
        {0: ("e2", (0,), Tie.ID)},
    ),
    "of two that fit, that with the count that is there": (
        [present(outputs="a", count=1)],
        [record("e1", outputs="a", at=1), record("e2", outputs="a", at=2, count=2)],
        {0: ("e1", (0,), Tie.ID)},
    ),
    "of two of which none fits, the latest": (
        [present(outputs="ax")],
        [record("e1", outputs="a", at=1), record("e2", outputs="b", at=2)],
        {0: ("e2", (), Tie.ID)},
    ),
    "only the outputs that it saw": (
        [present(outputs="axb")], [record("e", outputs="ab")], {0: ("e", (0, 2), Tie.ID)},
    ),
    "outputs that are gone do no harm": (
        [present(outputs="b")], [record("e", outputs="abc")], {0: ("e", (0,), Tie.ID)},
    ),
    "another order is not what it saw": (
        [present(outputs="ba")], [record("e", outputs="ab")], {0: ("e", (1,), Tie.ID)},
    ),
    "run again by somebody without a record": (
        [present(outputs="x", count=7)], [record("e", outputs="a")],
        {0: "it was recorded as [1], and stands here as [7]"},
    ),
    "run again by somebody without a record, no outputs": (
        [present(count=7)], [record("e")], {0: "it was recorded as [1], and stands here as [7]"},
    ),
    "a count that a tool took away": (
        [present(outputs="ax", count=None)], [record("e", outputs="a")],
        {0: ("e", (0,), Tie.ID)},
    ),
    "another count, and all its outputs": (
        [present(outputs="a", count=7)], [record("e", outputs="a")],
        {0: "it was recorded as [1], and stands here as [7]"},
    ),
    "late output counts with the part that saw it": (
        [present(outputs="ab")], [record("e", outputs="a", later=("ab",))],
        {0: ("e", (0, 1), Tie.ID)},
    ),
    "saved before the late output came": (
        [present(outputs="a")], [record("e", outputs="a", later=("ab",))],
        {0: ("e", (0,), Tie.ID)},
    ),
    "a display that a later execution updated": (
        [present(outputs="n"), present(1, "t", id="c2", count=2)],
        [
            record("e1", outputs="o", displays={0: "d"}, at=1),
            record("e2", "t", count=2, cell="c2", updates={"d": "n"}, at=2),
        ],
        {0: ("e1", (0,), Tie.ID), 1: ("e2", (), Tie.ID)},
    ),
    "a display of another kernel is another display": (
        [present(outputs="n")],
        [
            record("e1", outputs="o", displays={0: "d"}, at=1),
            record("e2", "t", cell="c2", updates={"d": "n"}, at=2, kernel="other"),
        ],
        {0: ("e1", (), Tie.ID)},
    ),
    "an update by another MLO is not mine": (
        [present(outputs="n")],
        [
            record("e1", outputs="o", displays={0: "d"}, at=1),
            record("e2", "t", cell="c2", updates={"d": "n"}, at=2, mlo="mlo:other"),
        ],
        {0: ("e1", (), Tie.ID)},
    ),
    # Without an id that counts.
    "VS Code sends the document's URI": (
        [present(outputs="a")], [record("e", outputs="a", cell="vscode-notebook-cell:/x#W0")],
        {0: ("e", (0,), Tie.CONTENT)},
    ),
    "nbclient sends no id": (
        [present(id=None)], [record("e", cell=None)], {0: ("e", (), Tie.CONTENT)},
    ),
    "ids that a tool renumbered": (
        [present(id="new", outputs="a")], [record("e", outputs="a")],
        {0: ("e", (0,), Tie.CONTENT)},
    ),
    "by content all outputs must be there": (
        [present(id=None, outputs="a")], [record("e", outputs="ab", cell=None)], {},
    ),
    "by content no other output may be there": (
        [present(id=None, outputs="ab")], [record("e", outputs="a", cell=None)], {},
    ),
    "by content the count must be the same": (
        [present(id=None, count=2)], [record("e", cell=None)], {},
    ),
    "by content a count that is gone is another": (
        [present(id=None, outputs="a", count=None)], [record("e", outputs="a", cell=None)], {},
    ),
    "one execution, two cells with that content": (
        [present(0, id=None), present(1, id=None)], [record("e", cell=None)],
        {
            0: "records match it, but other cells as well",
            1: "records match it, but other cells as well",
        },
    ),
    "the reference in its outputs tells two cells apart": (
        [
            present(0, id=None, outputs="a"),
            present(1, id=None, outputs="a", refs=(f"{ME}#e",)),
        ],
        [record("e", outputs="a", cell=None)],
        {
            0: "records match it, but other cells as well",
            1: ("e", (0,), Tie.REFERENCE),
        },
    ),
    "two executions in one kernel, one cell: the last": (
        [present(id=None)],
        [record("e1", cell=None, at=1), record("e2", cell=None, at=2)],
        {0: ("e2", (), Tie.CONTENT)},
    ),
    "two executions in two kernels, one cell": (
        [present(id=None)],
        [record("e1", cell=None, at=1, kernel="k1"), record("e2", cell=None, at=2, kernel="k2")],
        {0: AMBIGUOUS},
    ),
    "an execution that has its cell by id is not another's by content": (
        [present(0), present(1, id="c2")], [record("e")], {0: ("e", (), Tie.ID)},
    ),
    "boilerplate is of the kernel that ran most of the notebook, not of the last one": (
        [present(0, id="a"), present(1, "t", id="b", count=2)],
        [
            record("e1", cell=None, at=1, kernel="k1"),
            record("e2", "t", cell=None, count=2, at=2, kernel="k1"),
            record("e3", cell=None, at=3, kernel="k2"),
        ],
        {0: ("e1", (), Tie.CONTENT), 1: ("e2", (), Tie.CONTENT)},
    ),
    "two MLOs who ran the same in kernels of their own cannot be told apart": (
        [present(0, id="a")],
        [
            record("e1", cell=None, at=1, kernel="k1"),
            record("e2", cell=None, at=2, kernel="k2", mlo="mlo:another"),
        ],
        {0: "records of several MLOs match it equally well"},
    ),
    # References in the outputs.
    "the reference of another execution, by id": (
        [present(outputs="a", refs=(f"{ME}#elsewhere",))], [record("e", outputs="a")],
        {0: "its outputs name other executions than those recorded"},
    ),
    "the reference of another execution, and altered outputs": (
        [present(outputs="x", refs=(f"{ME}#elsewhere",))], [record("e", outputs="a")],
        {0: "its outputs name other executions than those recorded"},
    ),
    "the reference of another execution, by content": (
        [present(id=None, outputs="a", refs=(f"{ME}#elsewhere",))],
        [record("e", outputs="a", cell=None)],
        {},
    ),
    "the reference of another MLO": (
        [present(outputs="a", refs=("mlo:another#e",))], [record("e", outputs="a")],
        {0: "its outputs name other executions than those recorded"},
    ),
    "two references, one of another execution, on outputs that the record holds": (
        [present(outputs="ab", refs=(f"{ME}#e", f"{ME}#elsewhere"))], [record("e", outputs="ab")],
        {0: "its outputs name other executions than those recorded"},
    ),
    "two references, one of another execution, on an output that no record holds": (
        [present(outputs="ax", refs=(f"{ME}#e", f"{ME}#elsewhere"))], [record("e", outputs="a")],
        {0: ("e", (0,), Tie.ID)},
    ),
    "the reference of the execution that updated the display": (
        [present(outputs="n", refs=(f"{ME}#e2",))],
        [
            record("e1", outputs="o", displays={0: "d"}, at=1),
            record("e2", "t", cell="c2", updates={"d": "n"}, at=2),
        ],
        {0: ("e1", (0,), Tie.ID)},
    ),
    "by content, the reference of the execution that updated the display": (
        [present(id=None, outputs="n", refs=(f"{ME}#e2",))],
        [
            record("e1", outputs="o", cell=None, displays={0: "d"}, at=1),
            record("e2", "t", cell=None, updates={"d": "n"}, at=2),
        ],
        {0: ("e1", (0,), Tie.CONTENT)},
    ),
    "an earlier execution that is named, though a later one fits": (
        [present(outputs="a", refs=(f"{ME}#e1",))],
        [
            record("e1", outputs="a", at=1, kernel="k1"),
            record("e2", outputs="a", at=2, kernel="k2"),
        ],
        {0: ("e1", (0,), Tie.ID)},
    ),
    "of two that showed one display again, that which is named": (
        [present(outputs="a", refs=(f"{ME}#e1",))],
        [
            record("e1", outputs="a", displays={0: "d"}, updates={"d": "a"}, at=1),
            record("e2", outputs="a", displays={0: "d"}, updates={"d": "a"}, at=2),
        ],
        {0: ("e1", (0,), Tie.ID)},
    ),
    # Copies of one notebook, and restarts: the same ids in several kernels.
    "an id in two kernels, and nothing that tells them apart: restarted, and all run again": (
        [present(outputs="a")],
        [
            record("e1", outputs="a", at=1, kernel="k1"),
            record("e2", outputs="a", at=2, kernel="k2"),
        ],
        {0: ("e2", (0,), Tie.ID)},
    ),
    "an id goes before content, in whatever kernel": (
        [present(outputs="a")],
        [
            record("e1", outputs="a", at=1, kernel="k1"),
            record("e2", outputs="a", at=2, kernel="k2"),
            record("e3", outputs="a", at=3, kernel="k3", cell=None),
        ],
        {0: ("e2", (0,), Tie.ID)},
    ),
    "an id in two kernels, the outputs of one": (
        [present(outputs="a")],
        [
            record("e1", outputs="a", at=1, kernel="k1"),
            record("e2", outputs="b", at=2, kernel="k2"),
        ],
        {0: ("e1", (0,), Tie.ID)},
    ),
    "an id in two kernels, the count of one": (
        [present(outputs="a")],
        [
            record("e1", outputs="a", at=1, kernel="k1"),
            record("e2", outputs="a", at=2, kernel="k2", count=2),
        ],
        {0: ("e1", (0,), Tie.ID)},
    ),
    "an id in two kernels, more of the outputs in one": (
        [present(outputs="abx")],
        [
            record("e1", outputs="ab", at=1, kernel="k1"),
            record("e2", outputs="ac", at=2, kernel="k2"),
        ],
        {0: ("e1", (0, 1), Tie.ID)},
    ),
    "a reference elsewhere proves the kernel": (
        [present(), present(1, "t", "p", id="c2", count=2, refs=(f"{ME}#a2",))],
        [*RUN_A, *RUN_B],
        {0: ("a1", (), Tie.ID), 1: ("a2", (0,), Tie.ID)},
    ),
    "a cell elsewhere that only one kernel fits proves it": (
        [present(), present(1, "u", "q", id="c3", count=3)],
        [
            *RUN_A,
            record("a3", "u", "q", count=3, cell="c3", at=3, kernel="ka"),
            *RUN_B,
            record("b3", "u", "r", count=3, cell="c3", at=9, kernel="kb"),
        ],
        {0: ("a1", (), Tie.ID), 1: ("a3", (0,), Tie.ID)},
    ),
    "what only one kernel fits in part proves nothing": (
        [present(), present(1, "u", "z", id="c3", count=3)],
        [*RUN_A, record("a3", "u", "q", count=3, cell="c3", at=3, kernel="ka"), *RUN_B],
        {0: ("b1", (), Tie.ID), 1: ("a3", (), Tie.ID)},
    ),
    "an only fit by id proves more than one by content": (
        [
            present(),
            present(1, "u", "q", id="c3", count=3),
            present(2, "v", "r", id="c4", count=4),
        ],
        [
            *RUN_A,
            record("a3", "u", "q", count=3, cell="c3", at=3, kernel="ka"),
            *RUN_B,
            record("b4", "v", "r", count=4, cell=None, at=9, kernel="kb"),
        ],
        {0: ("a1", (), Tie.ID), 1: ("a3", (0,), Tie.ID), 2: ("b4", (0,), Tie.CONTENT)},
    ),
    "a reference proves more than an only fit": (
        [
            present(),
            present(1, "t", "p", id="c2", count=2, refs=(f"{ME}#a2",)),
            present(2, "u", "r", id="c3", count=3),
        ],
        [*RUN_A, *RUN_B, record("b3", "u", "r", count=3, cell="c3", at=9, kernel="kb")],
        {0: ("a1", (), Tie.ID), 1: ("a2", (0,), Tie.ID), 2: ("b3", (0,), Tie.ID)},
    ),
    "after a restart, both kernels proven: the last": (
        [
            present(),
            present(1, "t", "p", id="c2", count=2, refs=(f"{ME}#b2",)),
            present(2, "u", "q", id="c3", count=3, refs=(f"{ME}#a3",)),
        ],
        [*RUN_A, record("a3", "u", "q", count=3, cell="c3", at=3, kernel="ka"), *RUN_B],
        {0: ("b1", (), Tie.ID), 1: ("b2", (0,), Tie.ID), 2: ("a3", (0,), Tie.ID)},
    ),
    "after a restart, what only the kernel that is not proven fits": (
        [
            present(outputs="new"),
            present(1, "t", "p", id="c2", count=2, refs=(f"{ME}#a2",)),
        ],
        [*RUN_A, record("b1", outputs="new", at=7, kernel="kb")],
        {0: ("b1", (0, 1, 2), Tie.ID), 1: ("a2", (0,), Tie.ID)},
    ),
    "a copy whose front end sent ids, while mine sent none": (
        [present(), present(1, "t", "p", id="c2", count=2, refs=(f"{ME}#a2",))],
        [
            record("a1", cell=None, at=1, kernel="ka"),
            record("a2", "t", "p", count=2, cell=None, at=2, kernel="ka"),
            *RUN_B,
        ],
        {0: ("a1", (), Tie.CONTENT), 1: ("a2", (0,), Tie.REFERENCE)},
    ),
    "an execution that has its cell by content does not outweigh another's id": (
        [
            present(),
            present(1, "t", "p", id="c2", count=2, refs=(f"{ME}#a2",)),
            present(2, id="c3"),
        ],
        [
            record("a1", cell=None, at=1, kernel="ka"),
            record("a2", "t", "p", count=2, cell=None, at=2, kernel="ka"),
            *RUN_B,
        ],
        {0: ("b1", (), Tie.ID), 1: ("a2", (0,), Tie.REFERENCE), 2: ("a1", (), Tie.CONTENT)},
    ),
    "without ids, a reference elsewhere proves the kernel": (
        [present(id=None), present(1, "t", "p", id=None, count=2, refs=(f"{ME}#a2",))],
        [
            record("a1", cell=None, at=1, kernel="ka"),
            record("a2", "t", "p", count=2, cell=None, at=2, kernel="ka"),
            record("b1", cell=None, at=7, kernel="kb"),
            record("b2", "t", "p", count=2, cell=None, at=8, kernel="kb"),
        ],
        {0: ("a1", (), Tie.CONTENT), 1: ("a2", (0,), Tie.REFERENCE)},
    ),
    "an id that stands there twice says nothing": (
        [present(0), present(1)], [record("e")],
        {
            0: "records match it, but other cells as well",
            1: "records match it, but other cells as well",
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_match_is(case: str) -> None:
    cells, records, expected = CASES[case]
    found = match(cells, records)
    shown = {
        position: (one.recorded.execution, one.observed, one.tie) if isinstance(one, Match) else one
        for position, one in found.items()
    }
    assert shown == expected


def test_a_match_names_the_part_and_the_updates_that_vouch() -> None:
    cells, records, _ = CASES["a display that a later execution updated"]
    found = match(cells, records)[0]
    assert isinstance(found, Match)
    assert found.records == ("e1.0", "e2.0")
    assert found.updated_by == ("e2",)
    (late,) = match([present(outputs="ab")], [record("e", outputs="a", later=("ab",))]).values()
    assert isinstance(late, Match)
    assert late.records == ("e.1",)


def test_an_update_that_changed_nothing_is_named_for_its_reference() -> None:
    found = match(
        [present(outputs="o")],
        [
            record("e1", outputs="o", displays={0: "d"}, at=1),
            record("e2", "t", cell="c2", updates={"d": "o"}, at=2),
        ],
    )[0]
    assert isinstance(found, Match)
    assert found.updated_by == ("e2",)


letters = st.text("abc", max_size=6)


@given(letters, letters)
def test_no_output_counts_as_observed_that_no_record_holds(there: str, seen: str) -> None:
    (found,) = match([present(outputs=there)], [record("e", outputs=seen)]).values()
    assert isinstance(found, Match)
    held = "".join(there[place] for place in found.observed)
    rest = iter(seen)
    assert all(letter in rest for letter in held), "observed outputs stand in the recorded order"
    longest = max(
        (
            size
            for size in range(len(there) + 1)
            for chosen in itertools.combinations(there, size)
            if _within(chosen, seen)
        ),
        default=0,
    )
    assert len(found.observed) == longest


def _within(chosen: tuple[str, ...], seen: str) -> bool:
    rest = iter(seen)
    return all(letter in rest for letter in chosen)


def test_many_outputs_are_compared_in_little_time() -> None:
    begin = time.perf_counter()
    for there in ("a" * 3000, "ab" * 1500, "x" + "a" * 3000):
        (found,) = match([present(outputs=there)], [record("e", outputs="b" + "a" * 3000)]).values()
        assert isinstance(found, Match)
        assert found.observed
    assert time.perf_counter() - begin < 20
