"""Stream text as a terminal leaves it, and its digest while it is still coming.

The rules are those of JupyterLab 4.6's output area: text overwrites what stands at the
cursor, a carriage return puts the cursor at the line's start, a backspace takes away the
UTF-16 code unit before the cursor and the one at it, a line feed is added at the end of
the text. Nothing before the last line feed can change any more, so only the last line is
held. The result does not depend on how the text was cut into messages, and applying the
rules twice changes nothing.
"""

from __future__ import annotations

import hashlib
import re
import sys
from array import array
from collections.abc import Iterator

from jupyter_mlo.notebook.canonical_text import StringHash, value_json

_CONTROL = re.compile("\r+|\b+")
_UTF16 = "utf-16-le" if sys.byteorder == "little" else "utf-16-be"
#: Characters that are taken from a long text at a time.
_SLICE = 1 << 20
#: Characters in a line up to which it is written over as a whole.
_LONG_LINE = 1 << 14


def terminal_text(text: str) -> str:
    """``text`` with its carriage returns and backspaces applied."""
    if "\r" not in text and "\b" not in text:
        return text
    terminal = TerminalText()
    return terminal.feed(text) + terminal.last_line()


class StreamDigest:
    """``mloOutputV1`` of a stream whose text comes in pieces; holds the last line and no more.

    Args:
        name: the stream's name, ``stdout`` or ``stderr`` as a rule.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._terminal = TerminalText()
        start = hashlib.sha256(b'{"name":' + value_json(name) + b',"output_type":"stream","text":')
        self._text = StringHash([start])

    def feed(self, text: str) -> None:
        """Take more text of the stream."""
        self._text.update(self._terminal.feed(text))

    def digest(self) -> bytes:
        """The digest of all text so far; more may come afterwards."""
        text = self._text.copy()
        text.update(self._terminal.last_line())
        (digest,) = text.finish()
        digest.update(b"}")
        return digest.digest()


class TerminalText:
    """Applies carriage returns and backspaces to text that comes in pieces."""

    def __init__(self) -> None:
        # The last line: either plain pieces with the cursor behind them, or, once a control
        # character was seen in it, code units before the cursor and (reversed) behind it.
        # So every step costs no more than the characters that led to it.
        self._pieces: list[str] = []
        self._left: array[int] = array("H")
        self._right: array[int] = array("H")

    def feed(self, text: str) -> str:
        """Take more text; returns the lines that no later text can change."""
        if len(text) <= _SLICE:
            return self._feed(text)
        return "".join(
            self._feed(text[start : start + _SLICE]) for start in range(0, len(text), _SLICE)
        )

    def last_line(self) -> str:
        """The line that further text can still change."""
        return "".join(self.last_pieces())

    def last_pieces(self) -> Iterator[str]:
        """The same in pieces, which for a long line takes less memory."""
        yield _text(self._left + self._right[::-1])
        yield from self._pieces

    def _feed(self, text: str) -> str:
        if not self._right and "\r" not in text and "\b" not in text:
            end = text.rfind("\n") + 1
            if not end:
                self._pieces.append(text)
                return ""
            done = self._take_line() + text[:end]
            if end < len(text):
                self._pieces.append(text[end:])
            return done
        # At the end of a line it does not matter where the cursor was.
        *lines, last = text.replace("\r\n", "\n").split("\n")
        done_lines = []
        for line in lines:
            self._write(line)
            done_lines.append(self._take_line() + "\n")
        self._write(last)
        return "".join(done_lines)

    def _write(self, text: str) -> None:
        """Write text without line feeds at the cursor."""
        if "\r" in text and "\b" not in text and self._write_versions(text):
            return
        position = 0
        for control in _CONTROL.finditer(text):
            self._overwrite(text[position : control.start()])
            position = control.end()
            if self._pieces:
                self._left.extend(_units("".join(self._pieces)))
                self._pieces.clear()
            left, right = self._left, self._right
            if control[0][0] == "\r":
                right.extend(left[::-1])
                del left[:]
            elif count := min(len(control[0]), len(left)):
                del left[-count:]
                del right[-count:]
        self._overwrite(text[position:])

    def _write_versions(self, text: str) -> bool:
        """The same at once for what progress bars do: one version of the line over another.

        Of a longer version the end stays. Returns False, having done nothing, where code units
        are not characters, or the line is so long that this would cost more than it saves.
        """
        before, after = _text(self._left) + "".join(self._pieces), _text(self._right[::-1])
        if len(before) + len(after) > _LONG_LINE:
            return False
        for each in (text, before, after):
            if not each.isascii() and max(each) >= "\ud800":
                return False
        first, *versions = text.split("\r")
        versions.insert(0, before + first + after[len(first) :])
        line, cursor = versions[-1], len(versions[-1])
        for version in reversed(versions):
            if len(version) > len(line):
                line += version[len(line) :]
        self._pieces.clear()
        self._left, self._right = _units(line[:cursor]), _units(line[cursor:])[::-1]
        return True

    def _overwrite(self, text: str) -> None:
        if not text:
            return
        if not self._right:
            self._pieces.append(text)
            return
        units = _units(text)
        self._left.extend(units)
        del self._right[-len(units) :]

    def _take_line(self) -> str:
        line = self.last_line()
        self._pieces.clear()
        del self._left[:], self._right[:]
        return line


def _units(text: str) -> array[int]:
    units: array[int] = array("H")
    units.frombytes(text.encode(_UTF16, "surrogatepass"))
    return units


def _text(units: array[int]) -> str:
    return units.tobytes().decode(_UTF16, "surrogatepass")
