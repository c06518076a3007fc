"""Canonical JSON against RFC 8785's own examples, and against another implementation."""

from __future__ import annotations

import enum
import math
import struct
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_mlo.errors import StatementError
from jupyter_mlo.statements.canonical import canonical_bytes, is_plain

#: RFC 8785, appendix B: the bits of a double, and how it is written.
NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.parametrize(("bits", "text"), NUMBERS)
def test_numbers_of_appendix_b_are_written_as_the_rfc_writes_them(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical_bytes(number) == text.encode()
    # In a list, and in a long one, where numbers are written all at once.
    assert canonical_bytes([number]) == f"[{text}]".encode()
    assert canonical_bytes([number] * 20) == f"[{','.join([text] * 20)}]".encode()


def test_the_example_of_section_3_2_2() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '€$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    assert (
        canonical_bytes(value)
        == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )


def test_names_stand_in_the_order_of_utf_16_code_units() -> None:
    # RFC 8785, section 3.2.3. U+1F600 is D83D DE00 in UTF-16, and so stands before U+FB33.
    value = {
        "€": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "ö": "Latin Small Letter O With Diaeresis",
    }
    expected = ["\r", "1", "\u0080", "ö", "€", "\U0001f600", "\ufb33"]
    written = canonical_bytes(value).decode()
    places = [written.index(value[name]) for name in expected]
    assert places == sorted(places)


def test_every_character_below_u_2000_is_escaped_as_the_rfc_says() -> None:
    text = "".join(map(chr, range(0x2000)))
    assert canonical_bytes(text) == rfc8785.dumps(text)


def test_integers_beyond_the_doubles_become_doubles() -> None:
    assert canonical_bytes(2**53) == b"9007199254740992"
    assert canonical_bytes(2**53 + 1) == b"9007199254740992"
    assert canonical_bytes([2**53 + 1] * 20) == b"[%b]" % b",".join([b"9007199254740992"] * 20)
    assert canonical_bytes(-(10**25)) == b"-1e+25"
    assert canonical_bytes({"a": [1, 2.5, None] * 9 + [10**20]}).endswith(
        b",100000000000000000000]}"
    )


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        10**400,
        [1.0] * 20 + [math.nan],
        [None] * 20 + [math.inf],
        "\ud800",
        {"\udc00": 1},
        {"a": ["\ud83d"]},
        {1: 2},
        {None: 1},
        b"bytes",
        {"a": object()},
        {1, 2},
    ],
)
def test_what_json_has_no_form_for_is_refused(value: Any) -> None:
    with pytest.raises(StatementError):
        canonical_bytes(value)


def test_too_deep_nesting_is_refused_and_not_a_crash() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(StatementError, match="nested"):
        canonical_bytes(value)


def test_values_of_derived_types_are_written_as_what_they_are() -> None:
    class Name(str):
        pass

    class Colour(str, enum.Enum):  # noqa: UP042 - older code has such
        RED = "red"

    class Level(enum.IntEnum):
        HIGH = 3

    value = {Name("b"): Name("x"), "a": Colour.RED, "c": [Level.HIGH, True]}
    assert canonical_bytes(value) == b'{"a":"red","b":"x","c":[3,true]}'


def test_odd_values_can_be_given_a_form() -> None:
    value = {"a": [math.nan, "\ud800", 1.5], "b": [0.5] * 20 + [math.inf]}
    written = canonical_bytes(value, odd=lambda odd: {"odd": odd == odd and repr(odd)})
    assert written.startswith(b'{"a":[{"odd":false},{"odd":"\'\\\\ud800\'"},1.5],"b":[0.5,')
    assert written.endswith(b',{"odd":"inf"}]}')


def test_the_value_is_not_changed() -> None:
    value = {"b": [1.0, {"a": 2.0}], "a": 1e300}
    canonical_bytes(value)
    assert repr(value) == "{'b': [1.0, {'a': 2.0}], 'a': 1e+300}"


doubles = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-400, 400).map(
    lambda exponent: 1.2345678901234567 * 10.0 ** max(min(exponent, 300), -300)
)
# Names beside each other on both sides of the surrogates, where code points order otherwise.
names = st.text(
    st.sampled_from('ab:"\\\x00\x1f\u00e9\u07ff\u0800\ue000\uffee\U00010000\U0001f600'), max_size=3
) | st.text(max_size=4)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | doubles
    | st.text()
    | st.lists(doubles | st.integers(-(2**53) + 1, 2**53 - 1), max_size=12)
    | st.lists(st.one_of(st.none(), doubles), min_size=8, max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
    max_leaves=20,
)


@given(json_values)
@example({"\U0001f600": 1, "\ufb33": 2})
@example([0.0, -0.0, 1.0, 1e16, 1e-5, 9.9e-6, -1e16, 1e21])
def test_another_implementation_writes_the_same(value: Any) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)


@given(json_values)
def test_what_is_plain_has_no_doubles(value: Any) -> None:
    def has_double(inner: Any) -> bool:
        if isinstance(inner, dict):
            return any(map(has_double, inner.values()))
        if isinstance(inner, list):
            return any(map(has_double, inner))
        return isinstance(inner, float)

    if is_plain(value):
        assert not has_double(value)
