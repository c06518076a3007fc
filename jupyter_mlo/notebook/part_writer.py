"""Canonical JSON of long values, from their text into hashes, a window at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from jupyter_mlo.errors import StatementError
from jupyter_mlo.notebook import raw_json
from jupyter_mlo.notebook.canonical_cell import (
    MAX_DEPTH,
    Undigestable,
    check_name,
    too_deep,
)
from jupyter_mlo.notebook.canonical_text import Hash, feed_text, value_json
from jupyter_mlo.notebook.parts import Part, members
from jupyter_mlo.notebook.raw_text import NotText, text_pieces, whole_pairs
from jupyter_mlo.statements.canonical import utf16_order

Parts = Mapping[str, Part]
Pieces = Iterator[str | bytes]


class PartWriter:
    """Writes parts of one text into hashes."""

    def __init__(self) -> None:
        self._hashes: list[Hash] = []

    def digest_of(self, write: Callable[[], None]) -> bytes:
        """Have something written, into a hash of its own besides the present ones."""
        self._hashes.append(hashlib.sha256())
        write()
        return self._hashes.pop().digest()

    def write(self, text: bytes) -> None:
        """Write text that is canonical already."""
        for each in self._hashes:
            each.update(text)

    def object(self, members: Mapping[str, Callable[[], None]]) -> None:
        """Write an object: its members in RFC 8785's order, each by what stands for it."""
        try:
            names = sorted(members, key=utf16_order)
        except UnicodeEncodeError:
            raise Undigestable("a member's name holds a lone surrogate") from None
        before = b"{"
        for name in names:
            check_name(name)
            self.write(before + json_text(name) + b":")
            members[name]()
            before = b","
        self.write(b"}" if names else b"{}")

    def value(self, part: Part, level: int) -> None:
        """Write any JSON value that stands at this level of nesting."""
        if len(part) <= raw_json.SMALL or part.first not in (b'"', b"[", b"{"):
            self.json(raw_json.decode_part(part, level))
        elif part.first == b'"':
            self.text([part])
        elif level > MAX_DEPTH:
            raise too_deep()
        elif part.first == b"[":
            self._list(part, level)
        else:
            self.object(self.values(members(part), level + 1))

    def values(self, parts: Parts, level: int) -> dict[str, Callable[[], None]]:
        """For each member what writes it as it is."""
        return {name: partial(self.value, part, level) for name, part in parts.items()}

    def json(self, value: Any) -> None:
        """Write a value that is decoded already, and so has been checked."""
        self.write(json_text(value))

    def text(self, parts: Iterable[Part], treat: Callable[[Pieces], Pieces] | None = None) -> None:
        """Write the strings (or lists of lines) ``parts`` as one string.

        Args:
            parts: one after the other they make the string; gone through twice if need be.
            treat: turns the pieces of the whole string into the pieces to be written.

        Raises:
            NotText: a part is something else. Nothing has been written then.
        """
        before = [each.copy() for each in self._hashes]

        def pieces() -> Pieces:
            whole = (piece for part in parts for piece in text_pieces(part))
            return whole_pairs(whole if treat is None else treat(whole))

        try:
            self._hashes = feed_text(self._hashes, pieces)
        except NotText:
            self._hashes = before
            raise

    def _list(self, part: Part, level: int) -> None:
        before = b"["
        for batch in raw_json.batches(part, level):
            self.write(before)
            if isinstance(batch, Part):
                self.value(batch, level + 1)
            else:
                self.write(json_text(batch)[1:-1])
            before = b","
        self.write(b"]" if before == b"," else b"[]")


def inspect(part: Part, level: int) -> None:
    """Raise :class:`Undigestable` for what is amiss in a part that no digest covers."""
    PartWriter().value(part, level)


def object_members(part: Part | None, what: str) -> Parts:
    """An object's members; nothing, and null, count as an object without any."""
    if part is None or (len(part) == 4 and part.text == b"null"):
        return {}
    if part.first != b"{":
        raise Undigestable(f"{what} is not an object")
    return members(part)


def json_text(value: Any) -> bytes:
    """Canonical JSON of a value; raises :class:`Undigestable` where it has none."""
    try:
        return value_json(value)
    except StatementError as error:
        raise Undigestable(error.message.rpartition(": ")[2]) from None
