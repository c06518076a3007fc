"""Long text in JSON, decoded piece by piece: one string, or a list of lines."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jupyter_mlo.notebook.parts import REFUSALS, Part
from jupyter_mlo.notebook.raw_json import batches, decode_slowly

_decode_string = msgspec.json.Decoder(str).decode
#: Bytes of a string that are taken at a time: few enough to stay in the processor's cache.
WINDOW = 1 << 16
#: Bytes without an escape that are passed on as they are.
_WORTH_CUTTING = 1 << 12


class NotText(Exception):
    """What should be text is neither a string nor a list of strings."""


def text_pieces(part: Part) -> Iterator[str | bytes]:
    """A string, or the lines of a list of strings, piece by piece.

    A piece of ``bytes`` is the inside of a JSON string that is canonical as it stands: ASCII
    without escapes.

    Raises:
        NotText: it is something else.
    """
    if part.first == b'"':
        return _string_pieces(part)
    if part.first == b"[":
        return _line_pieces(part)
    raise NotText


def _line_pieces(part: Part) -> Iterator[str | bytes]:
    for lines in batches(part, 1):
        if isinstance(lines, Part):
            yield from _string_pieces(lines)
            continue
        try:
            yield "".join(lines)
        except TypeError:
            raise NotText from None


def _string_pieces(part: Part) -> Iterator[str | bytes]:
    if part.first != b'"':
        raise NotText
    position, end = part.start + 1, part.end - 1
    sound = part.is_sound()
    while position < end:
        window = part.data[position : min(position + WINDOW, end)]
        escape = window.find(b"\\")
        if escape > _WORTH_CUTTING:
            window = window[:escape]
        if sound and (escape < 0 or escape > _WORTH_CUTTING) and window.isascii():
            yield window
        else:
            if position + len(window) < end:
                window = window[: _cut(window)]
            quoted = b'"%b"' % window
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


def whole_pairs(pieces: Iterator[str | bytes]) -> Iterator[str | bytes]:
    """The same text in pieces none of which ends in the middle of a surrogate pair."""
    carried = ""
    for piece in pieces:
        if isinstance(piece, bytes):
            if carried:
                yield carried
                carried = ""
            yield piece
            continue
        piece = carried + piece if carried else piece
        carried = piece[-1:] if "\ud800" <= piece[-1:] <= "\udbff" else ""
        yield piece[:-1] if carried else piece
    if carried:
        yield carried
