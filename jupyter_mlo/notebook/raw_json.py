"""Parts of JSON text, decoded strictly and only as far as they are needed.

msgspec is fast and keeps the last of two members of one name; so every colon of the text
must be accounted for by a member or stand inside a string. Python's own decoder takes over
for what msgspec refuses: NaN, lone surrogates, numbers beyond the doubles.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from jupyter_mlo.notebook import scanning
from jupyter_mlo.notebook.canonical_cell import MAX_DEPTH, Undigestable, too_deep

#: Text up to this length is decoded at once; what is longer goes part by part.
SMALL = 1 << 18
#: Bytes of a long list or string that are decoded at a time.
WINDOW = 1 << 20
#: Members of one object.
MAX_MEMBERS = 1_000_000

#: An object with a member for so many bytes of text is safe to split at once.
_SPARSE = 256
_COLON_ESCAPE = b"\\u003"
_LONGEST_INTEGER = 4000
#: What stands at the end of an element that begins so.
_ENDINGS = {b'"': b'",', b"{": b"},", b"[": b"],"}
REFUSALS = (msgspec.DecodeError, ValueError, RecursionError)

_decode = msgspec.json.Decoder().decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


def decode(text: bytes, level: int = 1) -> Any:
    """A value that is small enough to be decoded at once.

    Args:
        text: its JSON text.
        level: nesting of the value in its cell; the cell is level 1.

    Raises:
        Undigestable: it is not JSON, it is ambiguous, or it is nested too deeply.
    """
    try:
        value = _decode(text)
    except REFUSALS:
        return decode_slowly(text, level)
    if colons(value, level) != text.count(b":") or _COLON_ESCAPE in text:
        return decode_slowly(text, level)
    return value


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


def colons(value: Any, level: int) -> int:
    """How many colons the JSON text of ``value`` has, if no member was dropped.

    Raises:
        Undigestable: it is nested deeper than :data:`MAX_DEPTH` levels.
    """
    kind = type(value)
    if kind is str:
        return int(value.count(":"))
    if kind is dict:
        if level > MAX_DEPTH:
            raise too_deep()
        count = len(value)
        for name, member in value.items():
            count += name.count(":")
            kind = type(member)
            if kind is str:
                count += member.count(":")
            elif kind is dict or kind is list:
                count += colons(member, level + 1)
        return count
    if kind is list:
        if level > MAX_DEPTH:
            raise too_deep()
        try:
            return "".join(value).count(":")
        except TypeError:
            pass
        count = 0
        for member in value:
            kind = type(member)
            if kind is str:
                count += member.count(":")
            elif kind is dict or kind is list:
                count += colons(member, level + 1)
        return count
    return 0


@dataclass(frozen=True, slots=True)
class Survey:
    """What tells, without a parse, how much memory the parts of a text can take."""

    colons: int
    braces: int
    #: Whether a colon may be written as an escape, so that counting them proves nothing.
    escapes: bool
    length: int

    @property
    def sparse(self) -> bool:
        """Whether all its objects and members may be held at once."""
        return (self.colons + self.braces) * _SPARSE < self.length or self.length <= SMALL


def survey(text: memoryview) -> Survey:
    """Count what stands in ``text``."""
    colon_count = braces = 0
    escapes = False
    for start in range(0, len(text), WINDOW):
        window = bytes(text[start : start + WINDOW + len(_COLON_ESCAPE) - 1])
        own = len(window) if start + WINDOW >= len(text) else WINDOW
        colon_count += count_of(b":", window, own)
        braces += count_of(b"{", window, own)
        escapes = escapes or _COLON_ESCAPE in window
    return Survey(colon_count, braces, escapes, len(text))


def count_of(sign: bytes, text: bytes, end: int) -> int:
    """``text.count(sign, 0, end)``, and ten times as fast where it stands seldom."""
    position, most = -1, end // _SPARSE
    for found in range(most + 1):
        position = text.find(sign, position + 1, end)
        if position < 0:
            return found
    return most + 1 + text.count(sign, position + 1, end)


class Meter:
    """Adds up the colons of all parts that were looked at."""

    def __init__(self) -> None:
        self.colons = 0

    def take(self, text: bytes) -> bytes:
        """Count what stands in ``text``."""
        self.colons += count_of(b":", text, len(text))
        return text

    def pass_over(self, part: memoryview) -> None:
        """Count what stands in a part that nobody looks at."""
        for start in range(0, len(part), WINDOW):
            self.take(bytes(part[start : start + WINDOW]))


def members(text: memoryview, sparse: bool, meter: Meter) -> dict[str, memoryview]:
    """The members of an object, undecoded; the meter counts the colons of this level.

    Where it is split by msgspec the last of two members of one name counts, and the meter
    will not have met the colons of the first.
    """
    found: dict[str, memoryview] = {}
    if sparse:
        with contextlib.suppress(*REFUSALS):
            found = {name: memoryview(raw) for name, raw in _decode_members(text).items()}
    if not found:
        try:
            for name, part in scanning.members(text):
                if name in found:
                    raise twin_names()
                found[name] = part
                if len(found) > MAX_MEMBERS:
                    raise Undigestable(f"it holds an object of more than {MAX_MEMBERS} members")
        except scanning.NotJson as error:
            raise not_json(error) from None
    meter.colons += len(found) + sum(name.count(":") for name in found)
    return found


def elements(text: memoryview, sparse: bool) -> Iterable[memoryview]:
    """The elements of a list, undecoded."""
    if sparse:
        with contextlib.suppress(*REFUSALS):
            return map(memoryview, _decode_elements(text))
    return _scanned_elements(text)


def _scanned_elements(text: memoryview) -> Iterator[memoryview]:
    try:
        yield from scanning.elements(text)
    except scanning.NotJson as error:
        raise not_json(error) from None


def batches(text: memoryview, level: int) -> Iterator[tuple[memoryview, list[Any] | None]]:
    """The elements of a list: many at a time decoded, and long ones singly and undecoded.

    Args:
        text: the list's text.
        level: nesting of the list in its cell.
    """
    position, end = scanning.after_space(text, 1), len(text) - 1
    if position == end:
        return
    try:
        while end - position > WINDOW:
            stop, values = _window(text, position, level) or _scanned(text, position, level)
            yield text[position:stop], values
            position, closed = scanning.following(text, stop, b"]")
            if closed:
                return
    except scanning.NotJson as error:
        raise not_json(error) from None
    yield text[position:end], decode(_list(text, position, end), level)


def _window(text: memoryview, position: int, level: int) -> tuple[int, list[Any]] | None:
    """Where the elements in the next window end, and those; None where no end is found."""
    window = bytes(text[position : position + WINDOW])
    after = _ENDINGS.get(window[:1], b",")
    # A line feed never stands inside a string, so where lines are split it tells the most.
    for sign in (after + b"\n", after):
        size = len(window)
        for _ in range(3):
            size = window.rfind(sign, 0, size) + len(after) - 1
            if size < len(after):
                break
            try:
                values = _decode(b"[%b]" % window[:size])
            except REFUSALS:
                continue
            return position + size, _checked(values, b"[%b]" % window[:size], level)
    return None


def _scanned(text: memoryview, position: int, level: int) -> tuple[int, list[Any] | None]:
    """The same for a long element, or for elements that msgspec refuses."""
    start, stop = position, 0
    while not stop or stop - start < WINDOW:
        end = scanning.value_end(text, position)
        if end - position > SMALL:
            if not stop:
                return end, None
            break
        stop = end
        position, closed = scanning.following(text, stop, b"]")
        if closed:
            break
    return stop, decode_slowly(_list(text, start, stop), level)


def _list(text: memoryview, start: int, stop: int) -> bytes:
    return b"[%b]" % bytes(text[start:stop])


def _checked(values: list[Any], text: bytes, level: int) -> list[Any]:
    if colons(values, level) != text.count(b":") or _COLON_ESCAPE in text:
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


def refuse_twin_names(text: memoryview) -> None:
    """Raise :class:`Undigestable` if an object in ``text`` has two members of one name."""
    if scanning.has_twin_names(text):
        raise twin_names()


def twin_names() -> Undigestable:
    """Two members of one name: readers differ in which of them counts."""
    return Undigestable("it holds two members of one name, and readers differ in which counts")


def not_json(error: Exception) -> Undigestable:
    """The text is not JSON."""
    return Undigestable(f"it is not JSON text ({error})")
