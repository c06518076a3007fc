"""Finding things in a notebook's text: the quick ways find what the plain ones do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.notebook.canonical_cell import without_space
from jupyter_mlo.notebook.parts import count_of, find_in

SIGN = b"\n},\n{"
places = st.integers(min_value=0, max_value=400)


@given(st.lists(st.sampled_from([SIGN, b"\n}", b"}", b",\n", b"x" * 60])), places, places)
def test_a_sign_is_found_where_bytes_find_it(pieces: list[bytes], start: int, end: int) -> None:
    text = b"".join(pieces)
    for rare in range(len(SIGN)):
        assert find_in(text, SIGN, start, end, rare=rare) == text.find(SIGN, start, end)


def test_a_sign_is_found_behind_many_of_its_rare_bytes() -> None:
    text = b"}" * 10_000 + SIGN
    assert find_in(text, SIGN, 0, len(text), rare=1) == 10_000
    assert find_in(text, SIGN, 0, len(text) - 1, rare=1) == -1
    assert count_of(b"}", text) == 10_001


def test_only_the_white_space_of_json_is_taken_out_of_base64() -> None:
    assert without_space(" QU\tJD\r\n") == "QUJD"
    assert without_space("QU\u00a0JD\x0b\u2028") == "QU\u00a0JD\x0b\u2028"
