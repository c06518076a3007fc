"""The canonical JSON text of values in notebooks, odd ones included.

RFC 8785 has no form for NaN, infinities and lone surrogates, and notebooks hold all of
them. Here they become objects with the one member ``$mlo`` (docs/formats.md, "Odd values").
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec

from jupyter_mlo.statements.canonical import canonical_bytes, has_lone_surrogate

#: The member name that stands for odd values, and that real data may therefore not have.
MARK = "$mlo"
#: Characters of a long text that are encoded at a time.
SLICE = 1 << 20

_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(rb"\\.")
_encode = msgspec.json.Encoder().encode
_ODD_NUMBERS = {float("inf"): "Infinity", float("-inf"): "-Infinity"}


class Hash(Protocol):
    """What a :mod:`hashlib` object can do, as far as it is used here."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""

    def copy(self) -> Hash:
        """A second object in the same state."""

    def digest(self) -> bytes:
        """The digest of all bytes so far."""


def value_json(value: Any) -> bytes:
    """Canonical JSON text of any JSON value; raises StatementError where it has none."""
    return canonical_bytes(value, odd=stand_in)


def stand_in(value: float | str) -> Any:
    """What stands for NaN, an infinity, or a text with surrogates."""
    if isinstance(value, str):
        text = _with_pairs(value)
        return {MARK: ["escaped", _escaped(text)]} if has_lone_surrogate(text) else text
    return {MARK: _ODD_NUMBERS.get(value, "NaN")}


def slices(text: str) -> Iterator[str]:
    """``text`` in pieces that can be encoded one by one."""
    start = 0
    while start < len(text):
        end = start + SLICE
        if end < len(text) and "\ud800" <= text[end - 1] <= "\udbff":
            end += 1  # the other half of a pair that Python holds as two characters
        yield text[start:end] if start or end < len(text) else text
        start = end


def feed_text(hashes: list[Hash], pieces: Callable[[], Iterator[str | bytes]]) -> list[Hash]:
    """Feed the canonical text of one JSON string into hashes, piece by piece.

    Args:
        hashes: they are spent; the ones returned take their place.
        pieces: gives the string's pieces from its beginning, with no surrogate pair cut in
            two; ``bytes`` are the inside of a JSON string, ASCII without escapes. It is
            called a second time where the string turns out to be odd.
    """
    before = [each.copy() for each in hashes]
    try:
        _feed(hashes, b'"', (_plain_inside(part) for part in _parts(pieces)), b'"')
    except UnicodeEncodeError:
        escaped = (_escaped_inside(part) for part in _parts(pieces))
        _feed(before, b'{"$mlo":["escaped","', escaped, b'"]}')
        return before
    return hashes


def _feed(hashes: list[Hash], start: bytes, texts: Iterator[bytes], end: bytes) -> None:
    for text in itertools.chain((start,), texts, (end,)):
        for each in hashes:
            each.update(text)


def _parts(pieces: Callable[[], Iterator[str | bytes]]) -> Iterator[str | bytes]:
    for piece in pieces():
        if isinstance(piece, bytes):
            yield piece
        else:
            yield from slices(piece)


def _escaped_inside(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else _encode(_escaped(_with_pairs(text)))[1:-1]


def _plain_inside(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return _encode(text)[1:-1]
    except UnicodeEncodeError:
        return _encode(_with_pairs(text))[1:-1]


class StringHash:
    """Feeds one JSON string into hashes, slice by slice, without knowing yet whether it is odd.

    Args:
        hashes: they get the canonical text of the string. :meth:`finish` returns what takes
            their place: copies, where the string turned out to hold a lone surrogate.
    """

    def __init__(self, hashes: list[Hash]) -> None:
        self._plain = hashes
        self._escaped = [each.copy() for each in hashes]
        self._odd = False
        for each in self._plain:
            each.update(b'"')
        for each in self._escaped:
            each.update(b'{"$mlo":["escaped","')

    def copy(self) -> StringHash:
        """A second object in the same state, with hashes of its own."""
        twin = StringHash.__new__(StringHash)
        twin._plain = [each.copy() for each in self._plain]
        twin._escaped = [each.copy() for each in self._escaped]
        twin._odd = self._odd
        return twin

    def update(self, text: str) -> None:
        """Take the next piece; no surrogate pair may be cut in two."""
        for piece in slices(text):
            self._update(piece)

    def _update(self, text: str) -> None:
        try:
            plain = _plain_inside(text)
        except UnicodeEncodeError:
            self._odd = True
            escaped = _escaped_inside(text)
        else:
            escaped = _doubled(plain)
            if not self._odd:
                for each in self._plain:
                    each.update(plain)
        for each in self._escaped:
            each.update(escaped)

    def finish(self) -> list[Hash]:
        """End the string; returns the hashes to go on with."""
        if self._odd:
            for each in self._escaped:
                each.update(b'"]}')
            return self._escaped
        for each in self._plain:
            each.update(b'"')
        return self._plain


def _with_pairs(text: str) -> str:
    """Surrogate pairs that Python holds as two characters become the one they mean."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _escaped(text: str) -> str:
    """Backslashes doubled, and lone surrogates as ``\\uXXXX`` in lower-case hexadecimal."""
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\\", "\\\\"))


def _doubled(inside: bytes) -> bytes:
    """The same doubling, done on the inside of a canonical JSON string."""
    if b"\\\\" not in inside:
        return inside
    return _ESCAPE.sub(lambda found: found[0] * 2 if found[0] == b"\\\\" else found[0], inside)
