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
    check_value,
    too_deep,
)
from jupyter_mlo.notebook.canonical_text import Hash, feed_text, value_json
from jupyter_mlo.notebook.raw_text import NotText, text_pieces
from jupyter_mlo.statements.canonical import utf16_order

Parts = Mapping[str, memoryview]


class PartWriter:
    """Writes parts of one text into hashes, and meters all colons that it meets.

    Args:
        sparse: whether the text's objects and lists may be split at once (see ``Survey``).
    """

    def __init__(self, *, sparse: bool) -> None:
        self.meter = raw_json.Meter()
        self._sparse = sparse
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

    def members_of(self, part: memoryview, what: str) -> Parts:
        """An object's members; null counts as an object without any."""
        if bytes(part[:1]) != b"{":
            if bytes(part) == b"null":
                return {}
            raise Undigestable(f"{what} is not an object")
        return raw_json.members(part, self._sparse, self.meter)

    def elements_of(self, part: memoryview, what: str) -> Iterable[memoryview]:
        """A list's elements."""
        if bytes(part[:1]) != b"[":
            raise Undigestable(f"{what} are not a list")
        return raw_json.elements(part, self._sparse)

    def decoded(self, part: memoryview, level: int) -> Any:
        """A part that is to be looked at, decoded whole."""
        return raw_json.decode(self.meter.take(bytes(part)), level)

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

    def value(self, part: memoryview, level: int) -> None:
        """Write any JSON value that stands at this level of nesting."""
        first = bytes(part[:1])
        if len(part) <= raw_json.SMALL or first not in (b'"', b"[", b"{"):
            self.json(self.decoded(part, level), level)
        elif first == b'"':
            self.text([part])
        elif level > MAX_DEPTH:
            raise too_deep()
        elif first == b"[":
            self._list(part, level)
        else:
            self.object(self.values(self.members_of(part, "it"), level + 1))

    def values(self, parts: Parts, level: int) -> dict[str, Callable[[], None]]:
        """For each member what writes it as it is."""
        return {name: partial(self.value, part, level) for name, part in parts.items()}

    def json(self, value: Any, level: int) -> None:
        """Write a value that is decoded already."""
        check_value(value, level)
        self.write(json_text(value))

    def text(
        self,
        parts: list[memoryview],
        treat: Callable[[Iterator[str]], Iterator[str]] | None = None,
    ) -> None:
        """Write the strings (or lists of lines) ``parts`` as one string.

        Args:
            parts: their texts.
            treat: turns the pieces of the whole string into the pieces to be written.

        Raises:
            NotText: a part is something else. Nothing has been written then.
        """
        before, colons = [each.copy() for each in self._hashes], self.meter.colons

        def pieces() -> Iterator[str]:
            self.meter.colons = colons
            whole = (piece for part in parts for piece in text_pieces(part, self.meter))
            return whole if treat is None else treat(whole)

        try:
            self._hashes = feed_text(self._hashes, pieces)
        except NotText:
            self._hashes, self.meter.colons = before, colons
            raise

    def skip(self, parts: Iterable[memoryview]) -> None:
        """Pass over parts that no digest covers."""
        for part in parts:
            self.meter.pass_over(part)

    def _list(self, part: memoryview, level: int) -> None:
        before = b"["
        for batch, values in raw_json.batches(part, level):
            self.write(before)
            if values is None:
                self.value(batch, level + 1)
            else:
                self.meter.take(bytes(batch))
                check_value(values, level)
                self.write(json_text(values)[1:-1])
            before = b","
        self.write(b"]" if before == b"," else b"[]")


def json_text(value: Any) -> bytes:
    """Canonical JSON of a value; raises :class:`Undigestable` where it has none."""
    try:
        return value_json(value)
    except StatementError as error:
        raise Undigestable(error.message.rpartition(": ")[2]) from None
