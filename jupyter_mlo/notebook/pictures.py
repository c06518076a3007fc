"""Long pictures in a cell's text: taken out before it is decoded, put back where it is hashed.

Base64 is most of most notebooks, and its canonical text is what stands in the file. In sound
JSON what the pattern below finds is always one whole string, the value of some member; and
without escapes and spaces it is written as it is, wherever it stands as a value.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from jupyter_mlo.notebook.parts import Part, find_in

#: Bytes from which a picture is worth it.
_LONG = 1 << 10
#: Bytes that are copied at a time: few enough to stay in the processor's cache.
_WINDOW = 1 << 16
#: Bytes at the beginning of a cell in which its first picture is looked for.
_AHEAD = 1 << 16
_KEY = b'"image/'
_BEGIN = re.compile(rb'"image/(?:png|jpeg|gif|webp)": ?"')
#: What stands for pictures is known to nobody who writes notebooks.
_SECRET = secrets.token_hex(16).encode()
_MARKS = re.compile(_SECRET + b"-([0-9]+)-")


class Pictures:
    """A cell's text without its long pictures.

    Args:
        part: its text; nothing is taken out unless it is known to be JSON.
    """

    def __init__(self, part: Part) -> None:
        self._data = part.data
        self._places: list[tuple[int, int]] = []
        pieces: list[bytes] = []
        start = part.start
        if part.sound:
            for begin, stop in _pictures(part):
                pieces += part.data[start:begin], b"%b-%d-" % (_SECRET, len(self._places))
                self._places.append((begin, stop))
                start = stop
        #: With a mark in place of each picture.
        self.text = b"".join((*pieces, part.data[start : part.end]))

    def digest(self, text: bytes) -> bytes | None:
        """SHA-256 of canonical text with the pictures back in it; None if that is not all of them.

        Args:
            text: the canonical form of :attr:`text`, or of something in it.
        """
        if not self._places:
            return hashlib.sha256(text).digest()
        first, *others = _MARKS.split(text)
        marks = [int(mark) for mark in others[::2]]
        if sorted(marks) != list(range(len(self._places))):
            return None
        whole = hashlib.sha256(first)
        for mark, rest in zip(marks, others[1::2], strict=True):
            begin, stop = self._places[mark]
            if not _is_ascii(self._data, begin, stop):
                return None
            whole.update(memoryview(self._data)[begin:stop])
            whole.update(rest)
        return whole.digest()


def begins_with_picture(part: Part) -> bool:
    """Whether a cell has a picture near its beginning."""
    return part.data.find(_KEY, part.start, min(part.start + _AHEAD, part.end)) >= 0


def _is_ascii(data: bytes, start: int, end: int) -> bool:
    windows = range(start, end, _WINDOW)
    return all(data[at : min(at + _WINDOW, end)].isascii() for at in windows)


def _pictures(part: Part) -> list[tuple[int, int]]:
    """Where the long strings begin and end that are base64 by their type and have no escapes."""
    data, end, found = part.data, part.end, []
    position = part.start
    while (position := find_in(data, _KEY, position, end)) >= 0:
        begin = _BEGIN.match(data, position, end)
        if begin is None:
            position += 1
            continue
        start, position = begin.end(), data.find(b'"', begin.end(), end)
        while data.startswith(b"\\n", max(start, position - 2), position):
            position -= 2  # stays in the text, where it is taken out as in any base64
        if position - start >= _LONG and not any(
            data.find(sign, start, position) >= 0 for sign in (b"\\", b" ")
        ):
            found.append((start, position))
    return found
