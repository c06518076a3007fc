"""Finding the parts of JSON text without parsing them: slower than msgspec, and unimpressed.

Takes text that msgspec refuses (NaN, lone surrogates, deep nesting) and text whose parse
would need far more memory than the text itself. It only finds where values begin and end:
whoever takes a part decodes it strictly. Positions are offsets into one ``bytes``; ``end``
is the first one behind the value that is looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import msgspec

#: Levels of nesting through which a value is followed.
MAX_NESTING = 10_000

# Possessive quantifiers throughout: no backtracking, so linear in time and constant in memory.
_REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_KEY = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\n\r]*+:[ \t\n\r]*+', re.DOTALL)
_SCALAR = re.compile(rb'[^ \t\n\r,\[\]{}":]++')
# Short strings without escapes, and lists and objects that hold no others, are passed over.
_FLAT = rb'[^"\[\]{}]++|"[^"\\]{0,256}+"'
_TO_BRACKET = re.compile(rb"(?:%b|\[(?:%b)*+\]|\{(?:%b)*+\})*+" % (_FLAT, _FLAT, _FLAT))
_BRACKETS = re.compile(rb"[\[{]++|[\]}]++")
_SPACE = re.compile(rb"[ \t\n\r]*+")
_NEXT = re.compile(rb"[ \t\n\r]*+([,\]}])[ \t\n\r]*+")
_INDENT = re.compile(rb"[ \t]*+")
_skip = msgspec.json.Decoder(msgspec.Raw).decode
#: Where more bytes than these follow, the indentation is asked first for where a value ends.
_LONG = 1 << 12
#: Bytes of a line that are looked at for its indentation, or for its end.
_LAST = 512
#: Escaped quotes that are stepped over one by one before a slower pattern takes over.
_STEPS = 8


class NotJson(Exception):
    """The text is not JSON; the argument says why."""


def elements(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the elements of the list at ``start`` begin and end."""
    position = after_space(data, start + 1, end)
    if data[position : position + 1] == b"]" and position == end - 1:
        return
    closed = False
    while not closed:
        stop = value_end(data, position, end)
        yield position, stop
        position, closed = following(data, stop, end, b"]")


def members(data: bytes, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """Names of the members of the object at ``start``, and where their values begin and end.

    Names that occur twice come twice.
    """
    position = after_space(data, start + 1, end)
    if data[position : position + 1] == b"}" and position == end - 1:
        return
    closed = False
    while not closed:
        name, position = key(data, position, end)
        stop = value_end(data, position, end)
        yield name, position, stop
        position, closed = following(data, stop, end, b"}")


def key(data: bytes, position: int, end: int) -> tuple[str, int]:
    """The name of the member at ``position``, and where its value begins."""
    found = _KEY.match(data, position, end)
    if found is None:
        raise NotJson("a member has no name")
    name = found[1]
    try:
        if b"\\" not in name and name.isascii():
            return name[1:-1].decode(), found.end()
        return str(json.loads(name)), found.end()
    except ValueError:
        raise NotJson("a member's name cannot be read") from None


def following(data: bytes, position: int, end: int, bracket: bytes) -> tuple[int, bool]:
    """Where the part after a comma begins; or the end, and True, where the bracket closes."""
    found = _NEXT.match(data, position, end)
    if found is None or found[1] not in (b",", bracket):
        raise NotJson("parts are not separated by commas")
    if found[1] == b",":
        return found.end(), False
    if found.end() != end:
        raise NotJson("something follows its end")
    return end, True


def after_space(data: bytes, position: int, end: int) -> int:
    """Where the white space at ``position`` ends."""
    found = _SPACE.match(data, position, end)
    assert found is not None
    return found.end()


def value_end(data: bytes, start: int, end: int) -> int:
    """Where the value that begins at ``start`` ends."""
    if end - start > _LONG:
        stop = _indented_end(data, start, end)
        if stop:
            return stop
    first = data[start : start + 1]
    if first == b'"':
        return _string_end(data, start, end)
    if first in (b"[", b"{"):
        return _nested_end(data, start, end)
    found = _SCALAR.match(data, start, end)
    if found is None:
        raise NotJson("a value is missing")
    return found.end()


def _indented_end(data: bytes, start: int, end: int) -> int:
    """The same from the lines of indented text; 0 where they do not tell.

    No line feed stands inside a JSON string. So a string ends in its line, and what closes a
    list or an object stands in a line of its own, indented as the one in which it began. That
    this was so is proven by the value's being one JSON value by itself.
    """
    first = data[start : start + 1]
    if first == b'"':
        stop = data.find(b"\n", start, end)
        if stop < 0:
            return 0
        line = data[max(start, stop - _LAST) : stop].rstrip(b" \t\r")
        stop -= min(_LAST, stop - start) - len(line.removesuffix(b",").rstrip(b" \t"))
    elif first in (b"[", b"{") and data[start + 1 : start + 2] in (b"\n", b"\r"):
        line_feed = data.rfind(b"\n", max(0, start - _LAST), start)
        indent = _INDENT.match(data, line_feed + 1, start)
        assert indent is not None
        closing = b"\n" + indent[0] + (b"]" if first == b"[" else b"}")
        stop = data.find(closing, start, end) + len(closing)
        if stop < len(closing):
            return 0
    else:
        return 0
    return stop if is_value(memoryview(data)[start:stop]) else 0


def is_value(text: memoryview) -> bool:
    """Whether msgspec finds it to be one JSON value; of strings it does not look at UTF-8."""
    try:
        _skip(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def backslashes_before(data: bytes, position: int, start: int) -> int:
    """How many backslashes stand in a row before ``position``; looks back to ``start``."""
    size = 16
    while True:
        before = data[max(start, position - size) : position]
        count = len(before) - len(before.rstrip(b"\\"))
        if count < len(before) or position - size <= start:
            return count
        size *= 8


def _string_end(data: bytes, start: int, end: int) -> int:
    position = start + 1
    for _ in range(_STEPS):
        quote = data.find(b'"', position, end)
        if quote < 0:
            break
        if backslashes_before(data, quote, position) % 2 == 0:
            return quote + 1
        position = quote + 1
    else:
        found = _REST_OF_STRING.match(data, position, end)
        if found is not None:
            return found.end()
    raise NotJson("a string has no end")


def _nested_end(data: bytes, start: int, end: int) -> int:
    depth, position = 1, start + 1
    while True:
        skipped = _TO_BRACKET.match(data, position, end)
        assert skipped is not None
        position = skipped.end()
        if data[position : position + 1] == b'"':
            position = _string_end(data, position, end)
            continue
        found = _BRACKETS.match(data, position, end)
        if found is None:
            raise NotJson("a bracket is not closed")
        count = found.end() - position
        if data[position] in b"[{":
            depth += count
            if depth > MAX_NESTING:
                raise NotJson(f"it is nested deeper than {MAX_NESTING} levels")
        elif count >= depth:
            return position + depth
        else:
            depth -= count
        position = found.end()
