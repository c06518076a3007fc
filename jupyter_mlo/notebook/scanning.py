"""Finding the parts of JSON text without parsing them: slower than msgspec, and unimpressed.

Takes text that msgspec refuses (NaN, lone surrogates, deep nesting) and text whose parse
would need far more memory than the text itself. It only finds where values begin and end:
whoever takes a part decodes it strictly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

#: Levels of nesting through which a value is followed.
MAX_NESTING = 10_000

# Possessive quantifiers throughout: no backtracking, so linear in time and constant in memory.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_KEY = re.compile(rb"[ \t\n\r]*+(" + _STRING + rb")[ \t\n\r]*+:[ \t\n\r]*+", re.DOTALL)
_WHOLE_STRING = re.compile(_STRING, re.DOTALL)
_SCALAR = re.compile(rb'[^ \t\n\r,\[\]{}":]++')
_TO_BRACKETS = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb")*+([\[{]++|[\]}]++)", re.DOTALL)
_SPACE = re.compile(rb"[ \t\n\r]*+")
_NEXT = re.compile(rb"[ \t\n\r]*+([,\]}])[ \t\n\r]*+")
_NAMES = re.compile(
    rb"(?:[^\"\[\]{}]++|(?P<name>"
    + _STRING
    + rb")(?P<colon>[ \t\n\r]*+:)?+|(?P<bracket>[\[\]{}]))",
    re.DOTALL,
)


class NotJson(Exception):
    """The text is not JSON; the argument says why."""


class TooDeep(NotJson):
    """The text is nested deeper than :data:`MAX_NESTING` levels."""


def elements(text: memoryview) -> Iterator[memoryview]:
    """The elements of an array, unparsed; ``text`` begins with its bracket and ends with it."""
    position = _opening(text, b"[")
    if bytes(text[position : position + 1]) == b"]":
        _ending(text, position + 1)
        return
    while True:
        end = value_end(text, position)
        yield text[position:end]
        position, closed = following(text, end, b"]")
        if closed:
            return


def members(text: memoryview) -> Iterator[tuple[str, memoryview]]:
    """The members of an object in order, unparsed; names that occur twice come twice."""
    position = _opening(text, b"{")
    if bytes(text[position : position + 1]) == b"}":
        _ending(text, position + 1)
        return
    while True:
        found = _KEY.match(text, position)
        if found is None:
            raise NotJson("a member has no name")
        end = value_end(text, found.end())
        yield _name(found[1]), text[found.end() : end]
        position, closed = following(text, end, b"}")
        if closed:
            return


def value_end(text: memoryview, start: int) -> int:
    """Where the value that begins at ``start`` ends."""
    first = bytes(text[start : start + 1])
    if first == b'"':
        found = _WHOLE_STRING.match(text, start)
    elif first in (b"[", b"{"):
        return _nested_end(text, start)
    else:
        found = _SCALAR.match(text, start)
    if found is None:
        raise NotJson("a value is missing or has no end")
    return found.end()


def has_twin_names(text: memoryview) -> bool:
    """Whether any object in ``text`` has two members of one name."""
    open_names: list[set[str] | None] = []
    for found in _NAMES.finditer(text):
        bracket = found["bracket"]
        if bracket is None:
            if found["colon"] is not None and open_names:
                names, name = open_names[-1], _name(found["name"])
                if names is None or name in names:
                    return True
                names.add(name)
        elif bracket in b"[{":
            open_names.append(set() if bracket == b"{" else None)
        elif open_names:
            open_names.pop()
    return False


def _nested_end(text: memoryview, start: int) -> int:
    depth, position = 0, start
    while True:
        found = _TO_BRACKETS.match(text, position)
        if found is None:
            raise NotJson("a bracket is not closed")
        run = found.span(1)
        count = run[1] - run[0]
        if bytes(text[run[0] : run[0] + 1]) in b"[{":
            depth += count
            if depth > MAX_NESTING:
                raise TooDeep(f"it is nested deeper than {MAX_NESTING} levels")
        elif count >= depth:
            return run[0] + depth
        else:
            depth -= count
        position = run[1]


def after_space(text: memoryview, position: int) -> int:
    """Where the white space at ``position`` ends."""
    found = _SPACE.match(text, position)
    assert found is not None
    return found.end()


def _opening(text: memoryview, bracket: bytes) -> int:
    if bytes(text[:1]) != bracket:
        raise NotJson("it is not an object" if bracket == b"{" else "it is not a list")
    return after_space(text, 1)


def following(text: memoryview, end: int, bracket: bytes) -> tuple[int, bool]:
    """Where the part after a comma begins; or the end, and True, where the bracket closes."""
    found = _NEXT.match(text, end)
    if found is None or found[1] not in (b",", bracket):
        raise NotJson("parts are not separated by commas")
    if found[1] == b",":
        return found.end(), False
    _ending(text, found.end())
    return found.end(), True


def _ending(text: memoryview, position: int) -> None:
    if after_space(text, position) != len(text):
        raise NotJson("something follows its end")


def _name(text: bytes) -> str:
    try:
        name = json.loads(bytes(text))
    except ValueError as error:
        raise NotJson(f"a member's name cannot be read ({error})") from None
    assert isinstance(name, str)
    return name
