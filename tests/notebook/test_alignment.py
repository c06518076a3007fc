"""Which present cell is which sealed one."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.notebook.alignment import align
from jupyter_mlo.notebook.seals import SealedCell


def cell(letter: str, *, source: str = "", kind: str = "code", stamp: str = "") -> SealedCell:
    """A cell whose id and content follow from a letter."""
    return SealedCell(
        kind=kind,
        id=letter,
        cell=(letter + source).encode().ljust(32, b"."),
        source=(source or letter).encode().ljust(32, b"."),
        stamp=stamp.encode().ljust(32, b".") if stamp else None,
    )


SEALED = [cell(letter, stamp=letter) for letter in "abcdef"]


def edited(one: SealedCell) -> SealedCell:
    return one._replace(cell=b"edited".ljust(32), source=b"new".ljust(32))


def without_id(one: SealedCell) -> SealedCell:
    return one._replace(id=None)


def test_the_same_cells_are_paired_in_order() -> None:
    found = align(SEALED, SEALED)
    assert found.sealed_of == (0, 1, 2, 3, 4, 5)
    assert not found.removed
    assert not found.moved


def test_an_inserted_cell_has_no_sealed_one() -> None:
    found = align([*SEALED[:2], cell("x"), *SEALED[2:]], SEALED)
    assert found.sealed_of == (0, 1, None, 2, 3, 4, 5)
    assert (found.removed, found.moved) == ((), ())


def test_a_removed_cell_is_named() -> None:
    found = align([*SEALED[:2], *SEALED[3:]], SEALED)
    assert found.sealed_of == (0, 1, 3, 4, 5)
    assert (found.removed, found.moved) == ((2,), ())


def test_one_moved_cell_is_named_and_not_all_that_it_passed() -> None:
    found = align([*SEALED[1:5], SEALED[0], SEALED[5]], SEALED)
    assert found.sealed_of == (1, 2, 3, 4, 0, 5)
    assert found.moved == (4,)


def test_a_duplicate_is_inserted_and_the_original_keeps_its_place() -> None:
    copy = SEALED[2]._replace(id="copy")
    found = align([SEALED[0], copy, *SEALED[1:]], SEALED)
    assert found.sealed_of == (0, None, 1, 2, 3, 4, 5)


def test_an_edited_cell_is_found_by_its_id() -> None:
    found = align([SEALED[0], edited(SEALED[1]), *SEALED[2:]], SEALED)
    assert found.sealed_of == (0, 1, 2, 3, 4, 5)


def test_an_edited_and_moved_cell_is_found_by_its_id() -> None:
    found = align([*SEALED[1:], edited(SEALED[0])], SEALED)
    assert found.sealed_of == (1, 2, 3, 4, 5, 0)
    assert found.moved == (5,)


def test_renumbered_ids_change_nothing() -> None:
    present = [one._replace(id=f"new{at}") for at, one in enumerate(SEALED)]
    assert align(present, SEALED).sealed_of == (0, 1, 2, 3, 4, 5)


def test_a_cell_whose_id_and_content_changed_is_paired_by_its_neighbours() -> None:
    present = [
        SEALED[0],
        edited(SEALED[1])._replace(id="new", stamp=None),
        *map(without_id, SEALED[2:]),
    ]
    assert align(present, SEALED).sealed_of == (0, 1, 2, 3, 4, 5)


def test_cells_between_the_same_neighbours_are_not_paired_if_their_number_differs() -> None:
    strangers = [edited(SEALED[1])._replace(id=f"new{at}", stamp=None) for at in range(2)]
    found = align([SEALED[0], *strangers, *SEALED[2:]], SEALED)
    assert found.sealed_of == (0, None, None, 2, 3, 4, 5)
    assert found.removed == (1,)


def test_two_equal_cells_follow_their_stamps() -> None:
    one, two = cell("s", stamp="1"), cell("s", stamp="2")
    found = align([two, one], [one, two])
    assert found.sealed_of == (1, 0)
    assert found.moved


def test_cells_that_cannot_be_digested_are_paired_by_id() -> None:
    broken = [one._replace(cell=None, stamp=None) for one in SEALED]
    assert align(broken, broken).sealed_of == (0, 1, 2, 3, 4, 5)


small = st.lists(
    st.builds(
        cell,
        st.sampled_from("abc"),
        source=st.sampled_from(["", "x", "y"]),
        kind=st.sampled_from(["code", "markdown"]),
        stamp=st.sampled_from(["", "1", "2"]),
    ),
    max_size=7,
)


@given(small, small)
def test_every_cell_is_paired_once_or_named(
    present: list[SealedCell], sealed: list[SealedCell]
) -> None:
    found = align(present, sealed)
    paired = [place for place in found.sealed_of if place is not None]
    assert len(found.sealed_of) == len(present)
    assert sorted([*paired, *found.removed]) == list(range(len(sealed)))
    kept = [
        place
        for at, place in enumerate(found.sealed_of)
        if place is not None and at not in found.moved
    ]
    assert kept == sorted(kept)
    if present != sealed:  # a difference never vanishes
        assert (
            found.removed
            or found.moved
            or None in found.sealed_of
            or any(
                present[at] != sealed[place]
                for at, place in enumerate(found.sealed_of)
                if place is not None
            )
        )


def test_many_cells_are_paired_in_little_time() -> None:
    many = [cell(f"{number}") for number in range(20_000)]
    begin = time.perf_counter()
    align([edited(one) for one in reversed(many)], many)
    align([edited(one)._replace(id=None) for one in many], many)
    assert time.perf_counter() - begin < 10
