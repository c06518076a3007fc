"""Many cells and many records that are alike: each is looked at once, and none is guessed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.notebook import matching
from jupyter_mlo.notebook.matching import Match, Present, Tie, match
from jupyter_mlo.notebook.recorded import Recorded
from tests.notebook.test_matching import present, record


def each_with_each(
    cells: Sequence[Present],
    by_source: Mapping[str, Sequence[Recorded]],
    taken: set[str],
    displays: matching.Displays,
) -> dict[int, list[Match] | str]:
    """The rule of records without a cell's id, as it reads: every cell with every record."""
    fitting: defaultdict[int, list[Match]] = defaultdict(list)
    claims: defaultdict[str, list[tuple[Tie, int | None]]] = defaultdict(list)
    for cell in cells:
        for one in by_source.get(cell.source, ()):
            if one.execution not in taken and one.count == cell.count:
                fits = matching._first_whole(cell, one, displays)
                if fits is not None:
                    fitting[cell.position].append(fits)
                    claims[one.execution].append((fits.tie, cell.position))
    found: dict[int, list[Match] | str] = {}
    for position, own in fitting.items():
        mine = [
            one for one in own if matching._claimed_by(claims[one.recorded.execution]) == position
        ]
        surest = max((one.tie for one in mine), default=None)
        found[position] = [
            one for one in mine if one.tie == surest
        ] or "records match it, but other cells as well"
    return found


CELLS = st.tuples(
    st.sampled_from("st"),
    st.sampled_from(["", "a", "ab", "b"]),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([(), ("mlo:7K3D-9QXA-2MF7#e1",)]),
)
RECORDS = st.tuples(
    st.sampled_from("st"),
    st.sampled_from(["", "a", "ab", "b"]),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([{}, {0: "d"}]),
    st.sampled_from([{}, {"d": "b"}]),
    st.sampled_from(["k", "l"]),
)


@given(st.lists(CELLS, max_size=6), st.lists(RECORDS, max_size=6))
def test_it_is_the_rule_that_holds_each_cell_against_each_record(
    cells: list[Any], records: list[Any]
) -> None:
    there = [
        present(at, source, outputs, id=None, count=count, refs=refs)
        for at, (source, outputs, count, refs) in enumerate(cells)
    ]
    made = [
        record(
            f"e{at}",
            source,
            outputs,
            count=count,
            cell=None,
            at=at,
            kernel=kernel,
            displays=displays,
            updates=updates,
        )
        for at, (source, outputs, count, displays, updates, kernel) in enumerate(records)
    ]
    found = match(there, made)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_by_content", each_with_each)
        assert match(there, made) == found


def test_of_many_that_are_alike_none_is_given_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    hold = matching._hold

    def counting(*arguments: Any) -> Match:
        nonlocal looked
        looked += 1
        return hold(*arguments)

    monkeypatch.setattr(matching, "_hold", counting)
    cells = [present(at, "pass", id=None) for at in range(400)]
    records = [record(f"e{at}", "pass", cell=None, at=at) for at in range(600)]
    found = match(cells, records)
    assert set(found.values()) == {"records match it, but other cells as well"}
    assert looked == len(records)


def test_where_updates_make_too_many_pairs_nothing_is_guessed() -> None:
    cells = [present(at, "s", f"{at:04}", id=None) for at in range(100)]
    records = [
        record(f"e{at}", "s", f"{at:04}", cell=None, displays={0: f"d{at}"}) for at in range(100)
    ]
    assert all("too many records" in str(one) for one in match(cells, records).values())
    assert len(match(cells, records)) == 100
    few = match(cells[:10], records[:10])
    assert all(isinstance(one, Match) for one in few.values())


def test_of_a_cell_that_ran_very_often_the_latest_runs_are_looked_at() -> None:
    records = [record(f"e{at}", "s", "a", at=at) for at in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_MOST_RUNS", 2)
        found = match([present(0, "s", "a")], records)[0]
    assert isinstance(found, Match)
    assert found.recorded.execution == "e2"
