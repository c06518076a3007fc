"""Signed JSON has one reading or none."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.errors import StatementError
from jupyter_mlo.statements.canonical import canonical_bytes
from jupyter_mlo.statements.strict_json import MAX_DEPTH, _read_slowly, read_json

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=30,
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"a":1,"a":1}', "two members of one name"),
        (b'{"a":{"b":1,"\\u0062":2}}', "two members of one name"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":Infinity}', "Infinity"),
        (b'{"a":-Infinity}', "Infinity"),
        (b'{"a":1e400}', "beyond the doubles"),
        (b'{"a":-1e400}', "beyond the doubles"),
        (b'{"a":"\\ud800"}', "lone surrogate"),
        (b'{"\\uDC00":1}', "lone surrogate"),
        (b'{"a":"\xed\xa0\x80"}', "UTF-8"),
        (b'{"a":"\xff"}', "UTF-8"),
        (b'\xef\xbb\xbf{"a":1}', "not JSON"),
        (b'{"a":1}{"b":2}', "not JSON"),
        (b'{"a":1,}', "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b"", "not JSON"),
        (b"\x00", "not JSON"),
        (b'{"a":01}', "not JSON"),
        (b'{"a":"\n"}', "not JSON"),
        (b'{"a":' + b"9" * 400 + b"}", "beyond the doubles"),
        (b'{"a":' + b"9" * 5000 + b"}", "digits"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested"),
        (b"[" * 1_000_000, "nested"),
        (b'{"a":' * 1_000_000, "nested"),
    ],
)
def test_what_two_readers_may_read_differently_is_refused(text: bytes, why: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(StatementError, match=why):
        read_json(text)
    assert time.perf_counter() - begin < 2


def test_integers_stay_integers_as_far_as_doubles_hold_them() -> None:
    for text in (b"[1,9007199254740992]", b"[1, 9007199254740992]"):
        assert [type(number) for number in read_json(text)] == [int, int]
    assert read_json(b"[9007199254740993]") == [9007199254740992.0]
    assert isinstance(read_json(b"[9007199254740993]")[0], float)


def test_depth_counts_levels_and_not_brackets_in_strings() -> None:
    assert read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    flat = [[], {}] * 200
    assert read_json(json.dumps(flat).encode()) == flat
    assert read_json(json.dumps(['[{\\"' * 100]).encode()) == ['[{\\"' * 100]


@given(values)
def test_any_value_is_read_as_it_was_however_it_was_written(value: Any) -> None:
    """Canonical text takes the quick way, any other the slow one: both see the same."""
    for text in (
        canonical_bytes(value),
        json.dumps(value, indent=1).encode(),
        json.dumps(value, ensure_ascii=False).encode(),
    ):
        assert read_json(text) == value
        assert _read_slowly(text) == value


@given(st.binary(max_size=60) | st.text('{}[]",:0123456789eE.-+\\utfnal ').map(str.encode))
def test_any_bytes_are_read_or_refused_and_both_ways_agree(data: bytes) -> None:
    try:
        slowly = _read_slowly(data)
    except StatementError:
        with pytest.raises(StatementError):
            read_json(data)
    else:
        assert read_json(data) == slowly
