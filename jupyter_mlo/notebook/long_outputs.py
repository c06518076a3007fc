"""The outputs of a long cell, written from their JSON text into its hashes."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from jupyter_mlo.notebook import raw_json
from jupyter_mlo.notebook.canonical_cell import (
    DISPLAYED,
    ERROR_MEMBERS,
    IGNORED,
    MAX_OUTPUTS,
    OUTPUT_LEVEL,
    SOURCE_SPACE,
    Undigestable,
    canonical_bundle,
    canonical_outputs,
    is_binary_mime,
    is_json_mime,
    too_many_outputs,
    without_space,
)
from jupyter_mlo.notebook.part_writer import PartWriter, Pieces, inspect, object_members
from jupyter_mlo.notebook.parts import Part, elements
from jupyter_mlo.notebook.raw_text import NotText
from jupyter_mlo.notebook.streams import TerminalText

_INSIDE = OUTPUT_LEVEL + 1
Form = dict[str, Callable[[], None]]


class LongOutputs:
    """Writes a cell's outputs, and counts them, adjacent streams of one name being one.

    Args:
        writer: where to.
        part: the text of the list of outputs; None where the cell has none.
        each: keep the digest of each, which costs a second hash.
    """

    def __init__(self, writer: PartWriter, part: Part | None, *, each: bool = False) -> None:
        self.count = 0
        self.digests: list[bytes] = []
        self._each = each
        #: Where outputs have ``metadata.mlo``: their places in the file, and what it is.
        self.marks: list[tuple[int, Any]] = []
        self._writer = writer
        self._part = part
        self._stream: str | None = None
        self._texts = _Texts()

    def write(self) -> None:
        """Write the list."""
        writer = self._writer
        writer.write(b"[")
        if self._part is not None:
            if self._part.first != b"[":
                raise Undigestable("its outputs are not a list")
            for place, part in enumerate(elements(self._part)):
                self._take(part, place)
            self._end_stream()
        writer.write(b"]")

    def _take(self, part: Part, place: int) -> None:
        what = f"output {place}"
        if part.first != b"{":
            raise Undigestable(f"{what} is not an object")
        if len(part) <= raw_json.SMALL and self._take_small(part, place):
            return
        members = dict(object_members(part, what))
        kind = self._decoded(members, "output_type", None)
        if kind == "stream":
            self._take_stream(members, what)
        else:
            self._end_stream()
            if not isinstance(kind, str):
                raise Undigestable(f"{what} has no output_type")
            self._put(partial(self._writer.object, self._form(kind, members, place)))
        for ignored in members.values():
            inspect(ignored, _INSIDE)

    def _take_small(self, part: Part, place: int) -> bool:
        """Take an output that is no stream, decoded at once; returns False where it is one."""
        output = raw_json.decode_part(part, OUTPUT_LEVEL)
        if output.get("output_type") == "stream":
            return False
        self._end_stream()
        (form,) = canonical_outputs([output], checked=True, first=place)
        self._put(partial(self._writer.json, form))
        if output["output_type"] in DISPLAYED and "mlo" in (output.get("metadata") or {}):
            self.marks.append((place, output["metadata"]["mlo"]))
        return True

    def _take_stream(self, members: dict[str, Part], what: str) -> None:
        name = self._decoded(members, "name", "stdout")
        if not isinstance(name, str):
            raise Undigestable(f"{what}: the stream's name is not a string")
        if name != self._stream:
            self._end_stream()
            self._stream = name
        if "text" in members:
            self._texts.append(members.pop("text"))

    def _end_stream(self) -> None:
        if self._stream is None:
            return
        writer, texts = self._writer, self._texts
        form: Form = {
            "name": partial(writer.json, self._stream),
            "output_type": partial(writer.json, "stream"),
            "text": partial(write_text, writer, texts, "a stream's text", _as_terminal),
        }
        self._stream, self._texts = None, _Texts()
        self._put(partial(writer.object, form))

    def _put(self, write: Callable[[], None]) -> None:
        if self.count == MAX_OUTPUTS:
            raise too_many_outputs()
        if self.count:
            self._writer.write(b",")
        self.count += 1
        if self._each:
            self.digests.append(self._writer.digest_of(write))
        else:
            write()

    def _form(self, kind: str, members: dict[str, Part], place: int) -> Form:
        """What writes each member of an output; takes from ``members`` what is covered."""
        writer = self._writer
        form: Form
        if kind in DISPLAYED:
            data, metadata = members.pop("data", None), members.pop("metadata", None)
            form = {
                "data": partial(write_bundle, writer, data, _INSIDE, f"output {place}: data"),
                "metadata": partial(self._write_metadata, metadata, place),
            }
        elif kind == "error":
            form = {
                name: partial(writer.value, members.pop(name), _INSIDE)
                if name in members
                else partial(writer.json, default)
                for name, default in ERROR_MEMBERS.items()
            }
        else:
            covered = {name: members.pop(name) for name in members.keys() - IGNORED}
            form = writer.values(covered, _INSIDE)
            if "text" in covered:
                form["text"] = partial(write_text, writer, covered["text"], f"output {place}: text")
            if "metadata" in covered and covered["metadata"].first == b"{":
                form["metadata"] = partial(self._write_metadata, covered["metadata"], None)
        form["output_type"] = partial(writer.json, kind)
        return form

    def _write_metadata(self, part: Part | None, place: int | None) -> None:
        writer = self._writer
        others = dict(object_members(part, f"output {place}: metadata"))
        if "mlo" in others:
            mark = raw_json.decode_part(others.pop("mlo"), _INSIDE + 1)
            if place is not None:
                self.marks.append((place, mark))
        writer.object(writer.values(others, _INSIDE + 1))

    @staticmethod
    def _decoded(members: dict[str, Part], name: str, default: object) -> object:
        part = members.pop(name, None)
        return default if part is None else raw_json.decode_part(part, _INSIDE)


class _Texts:
    """Parts of one text, of which there may be millions."""

    def __init__(self) -> None:
        self._data = b""
        self._places = array("Q")

    def append(self, part: Part) -> None:
        self._data = part.data
        self._places.extend((part.start, part.end))

    def __iter__(self) -> Iterator[Part]:
        for at in range(0, len(self._places), 2):
            yield Part(self._data, self._places[at], self._places[at + 1])


def write_bundle(writer: PartWriter, part: Part | None, level: int, what: str) -> None:
    """Write a MIME bundle that stands at ``level``, in its canonical form."""
    parts = object_members(part, what)
    writer.object(
        {mime: partial(_write_mime, writer, mime, part, level + 1) for mime, part in parts.items()}
    )


def _write_mime(writer: PartWriter, mime: str, part: Part, level: int) -> None:
    if len(part) <= raw_json.SMALL:
        value = raw_json.decode_part(part, level)
        writer.json(canonical_bundle({mime: value})[mime])
    elif is_json_mime(mime):
        writer.value(part, level)
    else:
        try:
            writer.text([part], _without_space if is_binary_mime(mime) else None)
        except NotText:
            writer.value(part, level)


def write_text(
    writer: PartWriter,
    parts: Part | Iterable[Part] | None,
    what: str,
    treat: Callable[[Pieces], Pieces] | None = None,
) -> None:
    """Write text that may be split into lines, and over several parts."""
    if parts is None or isinstance(parts, Part):
        parts = [] if parts is None else [parts]
    try:
        writer.text(parts, treat)
    except NotText:
        raise Undigestable(f"{what} is neither a string nor a list of strings") from None


def without_space_at_end(pieces: Pieces) -> Pieces:
    """What :func:`~jupyter_mlo.notebook.canonical_cell.canonical_source` makes of a source."""
    held: list[str | bytes] = []
    for piece in pieces:
        if isinstance(piece, str):
            kept: str | bytes = piece.rstrip(SOURCE_SPACE)
        else:
            kept = piece.rstrip(SOURCE_SPACE.encode())
        if kept:
            yield from held
            held.clear()
            yield kept
        if len(kept) < len(piece):
            held.append(piece[len(kept) :])


def _as_terminal(pieces: Pieces) -> Pieces:
    terminal = TerminalText()
    for piece in pieces:
        yield terminal.feed(piece if isinstance(piece, str) else piece.decode())
    yield from terminal.last_pieces()


def _without_space(pieces: Pieces) -> Pieces:
    for piece in pieces:
        yield piece.replace(b" ", b"") if isinstance(piece, bytes) else without_space(piece)
