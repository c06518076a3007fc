"""Parts of a notebook's JSON text: found by msgspec, held by their offsets, not yet decoded.

msgspec skips over a value three times as fast as it decodes it, but does not say where in
the text it stands, and keeps only the last of two members of one name. So the text is
walked with the lengths that msgspec found: names, commas and brackets must stand exactly
where those lengths put them. If every value then also parses by itself, the walk is the
one parse that the text has, since JSON's grammar is unambiguous. So **whoever takes parts must
decode or** :meth:`Part.check` **each of them.**
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from jupyter_mlo.notebook import scanning
from jupyter_mlo.notebook.canonical_cell import MAX_MEMBERS, Undigestable, too_many_members
from jupyter_mlo.notebook.scanning import NotJson

#: Text up to this length is split at once, however many parts it has.
AT_ONCE = 1 << 21
REFUSALS = (msgspec.DecodeError, ValueError, RecursionError)

#: Longer text is split at once as well if all its objects together have no more members.
MANY = 100_000
#: Bytes behind a sign in which others are looked for, before it is searched at memory's speed.
_NEARBY = 1 << 10
#: Long lists are split into stretches that are at least so long.
_STRETCH = 1 << 20


class _Any(msgspec.Struct, gc=False):
    """Any object, of which nothing is kept."""


_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_objects = msgspec.json.Decoder(list[_Any]).decode
_decode_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_INDENTED = re.compile(rb"[ \t]*+\r?+\n[ \t]*+(?=\{)")


class Part:
    """One JSON value in a longer text, from ``start`` to before ``end``."""

    __slots__ = ("_few", "data", "end", "found", "sound", "start")

    def __init__(self, data: bytes, start: int, end: int, few: bool | None = None) -> None:
        self.data = data
        self.start = start
        self.end = end
        self._few = few
        #: Known to be one JSON value.
        self.sound = False
        #: Its members or elements, where they are known already.
        self.found: dict[str, Part] | list[Part] | None = None

    def __len__(self) -> int:
        return self.end - self.start

    @property
    def first(self) -> bytes:
        """The first byte, which tells what kind of value it is."""
        return self.data[self.start : self.start + 1]

    @property
    def text(self) -> bytes:
        """A copy of its text."""
        return self.data[self.start : self.end]

    @property
    def view(self) -> memoryview:
        """Its text without a copy."""
        return memoryview(self.data)[self.start : self.end]

    def check(self) -> None:
        """Raise :class:`Undigestable` unless it is one JSON value."""
        if self.is_sound():
            return
        try:
            stop = scanning.value_end(self.data, self.start, self.end)
        except NotJson as error:
            raise not_json(error) from None
        if stop != self.end:
            raise not_json("something follows its end")

    def is_sound(self) -> bool:
        """Whether msgspec finds it to be one JSON value; of strings it does not look at UTF-8."""
        self.sound = self.sound or scanning.is_value(self.view)
        return self.sound

    def has_few_members(self) -> bool:
        """Whether all objects in it can be split at once without much memory."""
        if self._few is None:
            self._few = len(self) <= AT_ONCE or _count(b":", self, MANY) <= MANY
        return self._few

    def has_long_members(self) -> bool:
        """Whether it has so few members that to note them takes little memory beside its text."""
        enough = min(len(self) >> 10, MANY)
        long = _count(b":", self, enough) <= enough
        self._few = long or self._few
        return long

    def inner(self, start: int, end: int) -> Part:
        """A part of this part."""
        # Most of what has many members has many as well, and need not be counted again.
        known = self._few or (False if 2 * (end - start) > len(self) else None)
        return Part(self.data, start, end, known if end - start > AT_ONCE else True)


def members(part: Part) -> dict[str, Part]:
    """The members of an object.

    Raises:
        Undigestable: it has two members of one name, or too many, or is not JSON.
    """
    if isinstance(part.found, dict):
        return part.found
    found = walked_members(part) if part.has_few_members() else None
    if found is not None:
        return found
    found = {}
    try:
        for name, start, stop in scanning.members(part.data, part.start, part.end):
            if name in found:
                raise twin_names()
            found[name] = part.inner(start, stop)
            if len(found) > MAX_MEMBERS:
                raise too_many_members()
    except NotJson as error:
        raise not_json(error) from None
    return found


def elements(part: Part, look: Callable[[Part], bool] = Part.is_sound) -> Iterator[Part]:
    """The elements of a list.

    Args:
        part: the list.
        look: is true for an element only if that is one JSON value.

    Raises:
        Undigestable: it is not JSON.
    """
    if isinstance(part.found, list):
        return iter(part.found)
    if len(part) <= AT_ONCE or _has_few_objects(part):
        found = walked_elements(part)
        if found is not None:
            return iter(found)
    return _long_elements(part, look)


def walked_members(part: Part) -> dict[str, Part] | None:
    """The members of an object by msgspec; None where it finds anything out of the ordinary."""
    data, end = part.data, part.end
    found: dict[str, Part] = {}
    try:
        raws = _decode_members(part.view)
        position = scanning.after_space(data, part.start + 1, end)
        closed = not raws
        for expected, raw in raws.items():
            name, position = scanning.key(data, position, end)
            if name != expected or closed:
                return None
            stop = position + len(raw)
            found[name] = part.inner(position, stop)
            position, closed = scanning.following(data, stop, end, b"}")
    except (*REFUSALS, NotJson):
        return None
    return found if closed else None


def walked_elements(part: Part) -> list[Part] | None:
    """The same for a list. It has no names that could be lost: the lengths are right."""
    data, end = part.data, part.end
    found: list[Part] = []
    try:
        raws = _decode_elements(part.view)
        position = scanning.after_space(data, part.start + 1, end)
        for raw in raws:
            found.append(part.inner(position, position + len(raw)))
            found[-1].sound, stop = True, found[-1].end
            position, _ = scanning.following(data, stop, end, b"]")
    except (*REFUSALS, NotJson):
        return None
    return found


def _long_elements(part: Part, look: Callable[[Part], bool]) -> Iterator[Part]:
    data, end = part.data, part.end
    indented = _INDENTED.match(data, part.start + 1, end)
    between = indented[0] + b"}," + indented[0] + b"{" if indented is not None else b""
    try:
        position = scanning.after_space(data, part.start + 1, end)
        closed = position == end - 1
        while not closed:
            stop = _bracket(data, between, position, end)
            element = part.inner(position, stop)
            if not (stop and look(element)):
                between = b""  # the indentation tells nothing, or misleads
                element = part.inner(position, scanning.value_end(data, position, end))
            yield element
            position, closed = scanning.following(data, element.end, end, b"]")
    except NotJson as error:
        raise not_json(error) from None


def _bracket(data: bytes, between: bytes, position: int, end: int) -> int:
    """Where the element at ``position`` ends, as far as the indentation tells; 0 if it does not."""
    if not between:
        return 0
    cut = find_in(data, between, position, end, rare=len(between) // 2 - 1)
    return data.rfind(b"}", position, end) + 1 if cut < 0 else cut + len(between) // 2


def _has_few_objects(part: Part) -> bool:
    """Whether a list in unindented text holds nothing but objects, and few."""
    if _INDENTED.match(part.data, part.start + 1, part.end) is not None:
        return False
    if _count(b"{", part, MANY) > MANY:
        return False
    try:
        _decode_objects(part.view)
    except REFUSALS:
        return False
    return True


def _count(sign: bytes, part: Part, enough: int) -> int:
    """How often ``sign`` stands in ``part``; stops counting where that is more than ``enough``."""
    count = 0
    for start in range(part.start, part.end, _STRETCH):
        count += count_of(sign, part.data, start, min(start + _STRETCH, part.end))
        if count > enough:
            break
    return count


_Text = TypeVar("_Text", bytes, str)


def count_of(sign: _Text, text: _Text, start: int = 0, end: int | None = None) -> int:
    """``text.count(sign, start, end)``, and ten times as fast where it stands seldom."""
    end = len(text) if end is None else end
    if end - start < 4 * _NEARBY:
        return text.count(sign, start, end)
    count = 0
    while (start := text.find(sign, start, end)) >= 0:
        count += text.count(sign, start, min(start + _NEARBY, end))
        start += _NEARBY
    return count


def find_in(text: bytes, sign: bytes, start: int, end: int, *, rare: int = 0) -> int:
    """``text.find(sign, start, end)``, and ten times as fast where one of its bytes stands seldom.

    Args:
        rare: which byte of ``sign`` that is.
    """
    if end - start < 4 * _NEARBY:
        return text.find(sign, start, end)
    byte, position = sign[rare : rare + 1], start + rare
    while (position := text.find(byte, position, end)) >= 0:
        stop = min(position + _NEARBY + len(sign), end)
        found = text.find(sign, position - rare, stop)
        if found >= 0:
            return found
        position += _NEARBY
    return -1


def not_json(why: object) -> Undigestable:
    """The text is not JSON."""
    return Undigestable(f"it is not JSON text ({why})")


def twin_names() -> Undigestable:
    """Two members of one name."""
    return Undigestable("it holds two members of one name, and readers differ in which counts")
