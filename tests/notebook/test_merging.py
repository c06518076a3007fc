"""What stands in a merged notebook: stamps with their cells, seals that a merge has ended."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

from jupyter_mlo.delegation.assurance import Assurance
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.notebook.blame import blame
from jupyter_mlo.notebook.merging import with_ours, without_ours
from jupyter_mlo.notebook.reading import notebook_from_json
from jupyter_mlo.notebook.reports import Demands
from jupyter_mlo.notebook.verdicts import Verdict
from jupyter_mlo.notebook.verification import examine
from jupyter_mlo.statements.envelope import Envelope
from tests.notebook.people import (
    ALICE,
    BOB,
    NOON,
    Kernel,
    Person,
    code,
    notebook,
    seal,
    stream,
    text,
    trusting,
    verify,
)
from tests.notebook.test_verification import HOUR, Facts, revocation

Value = dict[str, Any]


@pytest.fixture(scope="module")
def alice() -> Person:
    return Person(ALICE, "alice")


@pytest.fixture(scope="module")
def bob() -> Person:
    return Person(BOB, "bob")


def ran(value: Value, person: Person, position: int, source: str, minutes: int) -> Value:
    """The notebook after somebody has run one of its cells and sealed it."""
    value = copy.deepcopy(value)
    kernel = Kernel(person.session(), NOON + timedelta(minutes=minutes))
    value["cells"][position]["source"] = source
    kernel.run(value["cells"][position], stream(f"{source}\n"))
    return dict(seal(value, person.session(), kernel, trust=trusting(person)).value)


@pytest.fixture
def sides(alice: Person, bob: Person) -> tuple[Value, Value, Value, Value]:
    """Base, Alice's, Bob's, and the cells of both merged."""
    base = ran(notebook(text("# t", "m"), code("a", "a"), code("b", "b")), alice, 1, "a", 0)
    ours, theirs = ran(base, alice, 1, "a2", 10), ran(base, bob, 2, "b2", 20)
    merged = without_ours(ours)
    merged["cells"][2] = without_ours(theirs)["cells"][2]
    return base, ours, theirs, merged


def test_stamps_go_with_their_cells_and_both_seals_are_older_ones(
    alice: Person, bob: Person, sides: tuple[Value, Value, Value, Value]
) -> None:
    base, ours, theirs, bare = sides
    before = copy.deepcopy(sides)
    found = with_ours(bare, base, ours, theirs)
    assert sides == before, "nothing that was handed in is changed"
    assert (found.stamped, found.unstamped) == ((1, 2), ())
    assert [mlo for mlo, _ in found.seals] == [ALICE, BOB]
    report = verify(found.value, alice, bob)
    assert [cell.mlo for cell in report.cells] == [None, ALICE, BOB]
    assert [cell.verdict for cell in report.cells][1:] == [Verdict.VERIFIED] * 2
    assert report.seal.verdict is Verdict.UNSEALED
    assert "merged from what" in report.seal.reason
    assert report.problems == ()
    assert not report.holds(Demands())
    late = NOON + HOUR
    sealed = seal(found.value, bob.session(), trust=trusting(alice, bob), now=late)
    assert "merged" not in sealed.value["metadata"]["mlo"]
    assert verify(sealed.value, alice, bob).holds(Demands())
    examined = examine(
        notebook_from_json(sealed.value), pool=Pool(), trust=trusting(alice, bob), now=late
    )
    first = [line.first_sealed.mlo for line in blame(examined) if line.first_sealed]
    assert first == [ALICE, ALICE, BOB]


def test_what_was_logged_before_a_revocation_goes_on_counting_after_a_merge(
    alice: Person, bob: Person, sides: tuple[Value, Value, Value, Value]
) -> None:
    base, ours, theirs, bare = sides
    merged = with_ours(bare, base, ours, theirs).value
    logged = [
        Envelope.from_json(side["metadata"]["mlo"]["seals"][0]["envelope"])
        for side in (ours, theirs)
    ]
    revoked = revocation(alice, NOON + HOUR, reason="superseded")
    pool = Pool.of([revoked])
    assert verify(merged, alice, bob, pool=pool).cells[1].assurance is Assurance.CLAIMED
    report = verify(merged, alice, bob, pool=pool, ledger=Facts([*logged, revoked]))
    assert report.cells[1].verdict is Verdict.VERIFIED
    assert report.cells[1].assurance is Assurance.SIGNED
    assert report.problems == ()


def test_a_cell_that_is_nobodys_any_more_keeps_a_stamp_that_names_the_change(
    alice: Person, bob: Person, sides: tuple[Value, Value, Value, Value]
) -> None:
    base, ours, theirs, bare = sides
    bare["cells"][1]["source"] = "<<<<<<<"
    found = with_ours(bare, base, ours, theirs)
    assert (found.stamped, found.unstamped) == ((2,), (1,))
    assert verify(found.value, alice, bob).cells[1].verdict is Verdict.CHANGED


def test_altered_seals_of_a_merge_are_named(
    alice: Person, bob: Person, sides: tuple[Value, Value, Value, Value]
) -> None:
    base, ours, theirs, bare = sides
    value = with_ours(bare, base, ours, theirs).value
    broken = copy.deepcopy(value)
    broken["metadata"]["mlo"]["merged"][0]["cells"].pop()
    assert "does not lead to the signed root" in " ".join(verify(broken, alice, bob).problems)
    broken = copy.deepcopy(ours)
    broken["metadata"]["mlo"]["merged"] = value["metadata"]["mlo"]["merged"]
    assert "stands beside a seal" in " ".join(verify(broken, alice, bob).problems)
    for odd in (5, [5], [{}], [{"envelope": 5, "cells": []}], {}):
        broken = copy.deepcopy(value)
        broken["metadata"]["mlo"]["merged"] = odd
        assert not verify(broken, alice, bob).holds(Demands(allow_unstamped=True)) or odd == {}


def test_merging_what_was_merged_keeps_all_seals_once(
    alice: Person, bob: Person, sides: tuple[Value, Value, Value, Value]
) -> None:
    base, ours, theirs, bare = sides
    once = with_ours(bare, base, ours, theirs).value
    again = with_ours(without_ours(once), ours, once, theirs).value
    kept = [entry["envelope"]["payload"] for entry in again["metadata"]["mlo"]["merged"]]
    assert len(kept) == len(set(kept)) == len(once["metadata"]["mlo"]["merged"])
    assert verify(again, alice, bob).problems == ()
