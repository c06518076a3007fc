"""MLO IDs: their form, what typing may leave out, and what a typo is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.identity.ids import (
    ALPHABET,
    is_native,
    new_mlo_id,
    one_slip_apart,
    parse_mlo_id,
)

KNOWN = "mlo:7K3D-9QXA-2MFB"
OTHER = "mlo:1M0D-9QXA-2MF5"
ids = st.builds(new_mlo_id)


@given(ids)
def test_a_new_id_is_read_as_itself(mlo: str) -> None:
    assert is_native(mlo)
    assert parse_mlo_id(mlo) == mlo
    assert set(mlo[4:].replace("-", "")) <= set(ALPHABET)


def test_new_ids_differ() -> None:
    assert len({new_mlo_id() for _ in range(2000)}) == 2000


def test_new_ids_use_the_whole_alphabet() -> None:
    assert {c for _ in range(500) for c in new_mlo_id()[4:]} == {*ALPHABET, "-"}


@pytest.mark.parametrize(
    "typed",
    [
        "mlo:7K3D-9QXA-2MFB",
        "MLO:7k3d-9qxa-2mfb",
        "7k3d9qxa2mfb",
        "  7K3D 9QXA 2MFB\n",
        "mlo:7K3D\u20139QXA\u20102MFB",
    ],
)
def test_case_dashes_and_scheme_may_come_as_they_like(typed: str) -> None:
    assert parse_mlo_id(typed) == KNOWN
    assert is_native(typed) == (typed == KNOWN)


def test_letters_that_look_like_digits_are_read_as_digits() -> None:
    mlo = next(m for m in (new_mlo_id() for _ in range(10_000)) if "1" in m and "0" in m)
    for one in "IiLl":
        assert parse_mlo_id(mlo.replace("1", one).replace("0", "o")) == mlo


@given(ids, st.integers(0, 11), st.sampled_from(ALPHABET))
def test_every_single_wrong_character_is_found(mlo: str, place: int, wrong: str) -> None:
    characters = mlo[4:].replace("-", "")
    typed = characters[:place] + wrong + characters[place + 1 :]
    if typed == characters:
        return
    with pytest.raises(InvalidInput, match="check character") as caught:
        parse_mlo_id(typed, known=[OTHER, mlo])
    assert f"did you mean {mlo}?" in caught.value.hint


def test_a_swap_of_neighbours_is_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_mlo_id("mlo:K73D-9QXA-2MFB", known=[OTHER, KNOWN])
    assert f"did you mean {KNOWN}?" in caught.value.hint


@pytest.mark.parametrize("typed", ["7K3D9QXA2MF", "7K3D-9QXA-22MFB", "7KD9QXA2MFB"])
def test_a_missing_or_extra_character_is_counted_and_named(typed: str) -> None:
    with pytest.raises(InvalidInput, match="characters, not 12") as caught:
        parse_mlo_id(typed, known=[KNOWN])
    assert f"did you mean {KNOWN}?" in caught.value.hint


def test_a_swap_across_the_id_is_two_slips() -> None:
    assert one_slip_apart("mlo:BK3D-9QXA-2MF7", [KNOWN]) == []


def test_two_slips_name_nobody() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_mlo_id("mlo:7K3D-9QXA-2M00", known=[KNOWN])
    assert KNOWN not in caught.value.hint.replace("looks like mlo:7K3D-9QXA-2MFB", "")
    assert "did you mean" not in caught.value.hint


@pytest.mark.parametrize("typed", ["", "mlo:", "7K3D-9QXA-2MFU", "7K3D-9QXA-2MF\u212a", "ı" * 12])
def test_what_is_no_id_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput, match="is not an MLO ID"):
        parse_mlo_id(typed)
    assert not is_native(typed)


@pytest.mark.parametrize(
    "typed", ["https://orcid.org/0000-0002-1825-0097", "did:key:zDn", "spiffe://a/b"]
)
def test_other_schemes_are_said_to_be_others(typed: str) -> None:
    with pytest.raises(InvalidInput, match="not a native MLO ID"):
        parse_mlo_id(typed)


def test_control_characters_do_not_reach_the_message() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_mlo_id("\x1b[31mred\x1b[0m")
    assert "\x1b" not in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_an_id_or_a_clear_refusal(text: str) -> None:
    try:
        parsed = parse_mlo_id(text, known=[KNOWN])
    except InvalidInput:
        return
    assert is_native(parsed)


def test_an_id_is_no_slip_of_itself() -> None:
    assert one_slip_apart(KNOWN, [KNOWN, OTHER]) == []
