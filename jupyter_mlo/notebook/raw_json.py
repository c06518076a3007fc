"""Parts of JSON text, decoded strictly and only as far as they are needed.

msgspec is fast and keeps the last of two members of one name; so every colon of the text
must be accounted for by a member or stand inside a string. Python's own decoder takes over
for what msgspec refuses: NaN, lone surrogates, numbers beyond the doubles.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from jupyter_mlo.notebook import scanning
from jupyter_mlo.notebook.canonical_cell import (
    MAX_DEPTH,
    MAX_MEMBERS,
    Undigestable,
    holds_mark,
    too_deep,
    too_many_members,
)
from jupyter_mlo.notebook.canonical_text import MARK
from jupyter_mlo.notebook.parts import REFUSALS, Part, count_of, find_in, not_json, twin_names

#: Text up to this length is decoded at once; what is longer goes part by part.
SMALL = 1 << 18
#: Bytes of a long list or string that are decoded at a time.
WINDOW = 1 << 20
_STRINGS = frozenset({str})
_UNQUOTED = frozenset({int, float, bool, type(None)})
_SCALARS = _STRINGS | _UNQUOTED
_COLON_ESCAPE = b"\\u003"
#: Digits that Python turns into an integer without complaint; more are read as a double.
_LONGEST_INTEGER = 4000
#: What stands at the end of an element that begins so.
_ENDINGS = {b'"': b'",', b"{": b"},", b"[": b"],"}

_decode = msgspec.json.Decoder().decode


def decode(text: bytes, level: int = 1) -> Any:
    """A value that is small enough to be decoded at once.

    Args:
        text: its JSON text.
        level: nesting of the value in its cell; the cell is level 1.

    Raises:
        Undigestable: it is not JSON, it is ambiguous, or it is nested too deeply.
    """
    return decode_part(Part(text, 0, len(text)), level)


def decode_part(part: Part, level: int = 1) -> Any:
    """The same for a part of a longer text."""
    try:
        value = _decode(part.view)
    except REFUSALS:
        return decode_slowly(part.text, level)
    if type(value) in _SCALARS:
        return value  # has no members that could have been dropped
    return value if has_colons(part, colons(value, level)) else decode_slowly(part.text, level)


def decode_slowly(text: bytes, level: int = 1) -> Any:
    """The same for any text, with Python's decoder."""
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_object, parse_int=_integer)
    except UnicodeDecodeError:
        raise Undigestable("it holds bytes that are not UTF-8") from None
    except RecursionError:
        raise too_deep() from None
    except json.JSONDecodeError as error:
        raise Undigestable(f"it is not JSON text ({error.msg})") from None
    colons(value, level)
    return value


def has_colons(part: Part, count: int) -> bool:
    """Whether a part has exactly so many colons, none of them escaped."""
    data, start, end = part.data, part.start, part.end
    return (
        count_of(b":", data, start, end) == count and find_in(data, _COLON_ESCAPE, start, end) < 0
    )


def colons(value: Any, level: int) -> int:
    """How many colons the JSON text of ``value`` has, if no member was dropped.

    Raises:
        Undigestable: it is nested deeper than :data:`MAX_DEPTH` levels, or holds a member
            of the name that stands for odd values.
    """
    kind = type(value)
    if kind is str:
        return count_of(":", value)
    if kind is dict:
        if level > MAX_DEPTH:
            raise too_deep()
        if len(value) > MAX_MEMBERS:
            raise too_many_members()
        if MARK in value:
            raise holds_mark()
        count = len(value) + "".join(value).count(":")
        for member in value.values():
            kind = type(member)
            if kind is str:
                count += member.count(":") if len(member) < 2048 else count_of(":", member)
            elif (kind is dict or kind is list) and member:
                count += colons(member, level + 1)
        return count
    if kind is list:
        if level > MAX_DEPTH:
            raise too_deep()
        kinds = set(map(type, value))
        if kinds == _STRINGS:
            return count_of(":", "".join(value))
        count = 0
        if kinds <= _UNQUOTED:
            return count
        for member in value:
            kind = type(member)
            if kind is str:
                count += member.count(":")
            elif (kind is dict or kind is list) and member:
                count += colons(member, level + 1)
        return count
    return 0


def batches(part: Part, level: int) -> Iterator[Part | list[Any]]:
    """The elements of a list: many at a time decoded, and long ones singly and undecoded.

    Args:
        part: the list.
        level: nesting of the list in its cell.
    """
    data, end = part.data, part.end - 1
    position, closed = scanning.after_space(data, part.start + 1, part.end), False
    closed = position == end
    try:
        while not closed and end - position > WINDOW:
            stop, values = _window(data, position, level) or _scanned(part, position, level)
            yield part.inner(position, stop) if values is None else values
            position, closed = scanning.following(data, stop, part.end, b"]")
    except scanning.NotJson as error:
        raise not_json(error) from None
    if not closed:
        yield decode(_list(data, position, end), level)


def _window(data: bytes, position: int, level: int) -> tuple[int, list[Any]] | None:
    """Where the elements in the next window end, and those; None where no end is found."""
    after = _ENDINGS.get(data[position : position + 1], b",")
    # A line feed never stands inside a string, so where lines are split it tells the most.
    for sign in (after + b"\n", after):
        stop = position + WINDOW
        for _ in range(3):
            stop = data.rfind(sign, position, stop) + len(after) - 1
            if stop <= position:
                break
            text = _list(data, position, stop)
            try:
                values = _decode(text)
            except REFUSALS:
                continue
            return stop, _checked(values, text, level)
    return None


def _scanned(part: Part, position: int, level: int) -> tuple[int, list[Any] | None]:
    """The same for a long element, or for elements that msgspec refuses."""
    data, start, stop = part.data, position, 0
    while not stop or stop - start < WINDOW:
        end = scanning.value_end(data, position, part.end)
        if end - position > SMALL:
            if not stop:
                return end, None
            break
        stop = end
        position, closed = scanning.following(data, stop, part.end, b"]")
        if closed:
            break
    return stop, decode_slowly(_list(data, start, stop), level)


def _list(data: bytes, start: int, stop: int) -> bytes:
    return b"[%b]" % data[start:stop]


def _checked(values: list[Any], text: bytes, level: int) -> list[Any]:
    if set(map(type, values)) <= _SCALARS:
        return values
    if colons(values, level) != count_of(b":", text) or _COLON_ESCAPE in text:
        slowly = decode_slowly(text, level)
        assert isinstance(slowly, list)
        return slowly
    return values


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise twin_names()
    return value


def _integer(text: str) -> int | float:
    return int(text) if len(text) < _LONGEST_INTEGER else float(text)
