"""Long text in JSON, decoded piece by piece: one string, or a list of lines."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jupyter_mlo.notebook.raw_json import REFUSALS, WINDOW, Meter, batches, decode_slowly

_decode_string = msgspec.json.Decoder(str).decode


class NotText(Exception):
    """What should be text is neither a string nor a list of strings."""


def text_pieces(text: memoryview, meter: Meter) -> Iterator[str]:
    """A string, or the lines of a list of strings, piece by piece.

    No piece ends in the middle of a surrogate pair. The meter counts all colons.

    Raises:
        NotText: it is something else.
    """
    first = bytes(text[:1])
    if first == b'"':
        return _whole_pairs(_string_pieces(text, meter))
    if first == b"[":
        return _whole_pairs(_line_pieces(text, meter))
    raise NotText


def _line_pieces(text: memoryview, meter: Meter) -> Iterator[str]:
    for part, lines in batches(text, 1):
        if lines is None:
            yield from _string_pieces(part, meter)
            continue
        meter.take(bytes(part))
        try:
            yield "".join(lines)
        except TypeError:
            raise NotText from None


def _string_pieces(text: memoryview, meter: Meter) -> Iterator[str]:
    if bytes(text[:1]) != b'"':
        raise NotText
    position, end = 1, len(text) - 1
    while position < end:
        window = bytes(text[position : min(position + WINDOW, end)])
        if position + len(window) < end:
            window = window[: _cut(window)]
        quoted = b'"%b"' % meter.take(window)
        try:
            yield _decode_string(quoted)
        except REFUSALS:
            yield decode_slowly(quoted)
        position += len(window)


def _cut(window: bytes) -> int:
    """How much of a window in a string ends neither in an escape nor in a character."""
    cut = len(window)
    escape = window.rfind(b"\\", cut - 6)
    if escape >= 0:
        run = escape + 1 - len(window[: escape + 1].rstrip(b"\\"))
        if run % 2:
            return escape
    for back in range(1, 5):
        byte = window[-back]
        if byte & 0xC0 != 0x80:
            return cut - back if byte >= 0xC0 else cut - back + 1
    return cut


def _whole_pairs(pieces: Iterator[str]) -> Iterator[str]:
    carried = ""
    for piece in pieces:
        piece = carried + piece if carried else piece
        carried = piece[-1:] if "\ud800" <= piece[-1:] <= "\udbff" else ""
        yield piece[:-1] if carried else piece
    if carried:
        yield carried
