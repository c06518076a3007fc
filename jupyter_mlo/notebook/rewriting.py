"""Giving a notebook's file other metadata, and leaving every other byte as it is.

So a version control system shows the metadata and nothing else, whatever tool has laid the
file out, and 200 MB of outputs are copied, not parsed. Of a file that nbformat wrote the
result is what nbformat would write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_mlo.errors import NotebookError
from jupyter_mlo.notebook.parts import Part, members
from jupyter_mlo.notebook.reading import Notebook, whole_part
from jupyter_mlo.notebook.writing import laid_out

#: Bytes that are copied at a time.
_CHUNK = 1 << 22
_INDENT = re.compile(rb"[ \t]*+")
_FIRST = re.compile(rb"\{(\r?\n)([ \t]++)")


@dataclass(frozen=True)
class _Layout:
    """How the file is laid out."""

    #: Empty in a file of one line.
    newline: bytes
    #: What each level is indented by: columns, or tabs.
    unit: int | str
    sort: bool

    def text(self, value: Mapping[str, Any], indent: bytes) -> bytes:
        if not self.newline:
            text = json.dumps(value, ensure_ascii=False, sort_keys=self.sort, separators=(",", ":"))
            return text.encode("utf-8", "backslashreplace")
        laid = laid_out(value, indent.decode(), self.unit, sort=self.sort)
        return laid if self.newline == b"\n" else laid.replace(b"\n", self.newline)


def rewritten(
    notebook: Notebook,
    *,
    metadata: Mapping[str, Any] | None = None,
    cells: Mapping[int, Mapping[str, Any]] | None = None,
) -> Iterator[bytes]:
    """The bytes of a notebook's file with other metadata.

    Args:
        notebook: as :func:`read_notebook` gave it.
        metadata: the notebook's new metadata; None leaves them as they are.
        cells: new metadata of cells, by position.

    Raises:
        NotebookError: the notebook was not read from a text, or a cell is not an object.
    """
    if notebook.text is None:
        raise NotebookError("a notebook in memory has no file to be rewritten")
    whole = whole_part(notebook.text)
    top = members(whole)
    layout = _layout(whole, list(top))
    edits = [
        _edit(_cell_part(notebook, position), value, layout)
        for position, value in sorted((cells or {}).items())
    ]
    if metadata is not None:
        edits.append(_edit(whole, metadata, layout))
    return _edited(notebook.text, sorted(edits))


def _edited(data: bytes, edits: list[tuple[int, int, bytes]]) -> Iterator[bytes]:
    position = 0
    for start, end, text in [*edits, (len(data), len(data), b"")]:
        for at in range(position, start, _CHUNK):
            yield data[at : min(at + _CHUNK, start)]
        yield text
        position = end


def _edit(owner: Part, value: Mapping[str, Any], layout: _Layout) -> tuple[int, int, bytes]:
    """What to put in place of which bytes, so that ``owner`` has these metadata."""
    found = members(owner)
    data, part = owner.data, found.get("metadata")
    if part is not None:
        return part.start, part.end, layout.text(value, _indent(data, part.start))
    if not found:
        raise NotebookError("an empty object cannot be given metadata")
    first = min(each.start for each in found.values())
    start = data.index(b'"', owner.start, first)
    indent = _indent(data, start)
    added = b'"metadata":' + (b" " if layout.newline else b"") + layout.text(value, indent) + b","
    return start, start, added + data[owner.start + 1 : start]


def _cell_part(notebook: Notebook, position: int) -> Part:
    part = notebook.cells[position].part
    if part is None or part.first != b"{":
        raise NotebookError(f"cell {position} is not an object, and cannot be given metadata")
    return part


def _layout(whole: Part, names: list[str]) -> _Layout:
    first = _FIRST.match(whole.data, whole.start, whole.end)
    sort = names == sorted(names)
    if first is None:
        return _Layout(b"", 0, sort)
    unit = first[2].decode()
    return _Layout(first[1], unit if "\t" in unit else len(unit), sort)


def _indent(data: bytes, position: int) -> bytes:
    """The white space with which the line of ``position`` begins."""
    found = _INDENT.match(data, data.rfind(b"\n", 0, position) + 1, position)
    assert found is not None
    return found[0]
