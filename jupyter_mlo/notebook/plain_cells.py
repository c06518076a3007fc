"""Cells as nearly all are, decoded and digested with few steps.

Gives what :class:`jupyter_mlo.notebook.cells.Cell` finds out about any cell, and gives up
where anything is out of the ordinary. The two are held against each other in the tests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from jupyter_mlo.errors import StatementError
from jupyter_mlo.notebook import raw_json
from jupyter_mlo.notebook.canonical_cell import (
    MAX_OUTPUTS,
    OUTPUT_LEVEL,
    Undigestable,
    canonical_bundle,
    canonical_source,
)
from jupyter_mlo.notebook.canonical_text import value_json
from jupyter_mlo.notebook.digests import CellDigests
from jupyter_mlo.notebook.parts import REFUSALS, Part
from jupyter_mlo.notebook.pictures import Pictures
from jupyter_mlo.notebook.raw_json import colons, has_colons
from jupyter_mlo.notebook.streams import terminal_text

Text = str | list[str]
_INSIDE = OUTPUT_LEVEL + 1


class _Stream(msgspec.Struct, tag_field="output_type", tag="stream", forbid_unknown_fields=True):
    name: str
    text: Text


class _Display(
    msgspec.Struct, tag_field="output_type", tag="display_data", forbid_unknown_fields=True
):
    data: dict[str, Any]
    metadata: dict[str, Any]


class _Result(_Display, tag="execute_result"):
    execution_count: int | float | None


class _Error(msgspec.Struct, tag_field="output_type", tag="error", forbid_unknown_fields=True):
    ename: str
    evalue: str
    traceback: list[str]


_Output = _Stream | _Display | _Result | _Error


class _Prose(msgspec.Struct, tag_field="cell_type", tag="markdown", forbid_unknown_fields=True):
    id: str
    metadata: dict[str, Any]
    source: Text


class _Raw(_Prose, tag="raw"):
    pass


class _Code(_Prose, tag="code"):
    execution_count: int | None
    outputs: list[_Output]


_decode = msgspec.json.Decoder(_Code | _Prose | _Raw).decode
_text = msgspec.json.Encoder().encode


class PlainCell(NamedTuple):
    """What is kept of a cell: its small members, its digests, its outputs' light references."""

    head: dict[str, Any]
    digests: CellDigests
    marks: tuple[tuple[int, Any], ...]


def read_plain(part: Part) -> PlainCell | None:
    """Read a cell; None where anything about it is out of the ordinary."""
    pictures = Pictures(part)
    if len(pictures.text) > raw_json.SMALL:
        return None
    try:
        cell = _decode(pictures.text)
        members = colons(cell.metadata, 2) + cell.id.count(":")
        source = _joined(cell.source)
        members += len(cell.__struct_fields__) + 1 + source.count(":")
        head = {"cell_type": cell.__struct_config__.tag, "id": cell.id, "metadata": cell.metadata}
        texts: list[bytes] = []
        marks: list[tuple[int, Any]] = []
        if isinstance(cell, _Code):
            members += sum(map(_members, cell.outputs))
            head["execution_count"] = cell.execution_count
            texts = list(_texts(cell.outputs))
            marks.extend(_marks(cell.outputs))
        whole = Part(pictures.text, 0, len(pictures.text))
        if not has_colons(whole, members) or len(texts) > MAX_OUTPUTS:
            return None  # a member was dropped, for there was another of its name
    except (*REFUSALS, Undigestable, StatementError):
        return None
    text = _text(canonical_source(source))
    outputs = b',"outputs":[%b]' % b",".join(texts) if isinstance(cell, _Code) else b""
    kind = head["cell_type"].encode()
    digest = pictures.digest(b'{"cell_type":"%b"%b,"source":%b}' % (kind, outputs, text))
    if digest is None:
        return None
    digests = CellDigests(digest, hashlib.sha256(text).digest(), len(texts))
    return PlainCell(head, digests, tuple(marks))


def _joined(text: Text) -> str:
    return text if isinstance(text, str) else "".join(text)


def _members(output: _Output) -> int:
    """How many colons the text of an output has, if no member was dropped."""
    count = len(output.__struct_fields__) + 1
    if isinstance(output, _Stream):
        return count + output.name.count(":") + _joined(output.text).count(":")
    if isinstance(output, _Display):
        return count + colons(output.data, _INSIDE) + colons(output.metadata, _INSIDE)
    return count + colons([output.ename, output.evalue, *output.traceback], _INSIDE)


def _texts(outputs: Sequence[_Output]) -> Iterator[bytes]:
    """The canonical text of each output, adjacent streams of one name merged."""
    name = ""
    lines: list[str] = []
    for output in outputs:
        if lines and not (isinstance(output, _Stream) and output.name == name):
            yield _stream(name, lines)
            lines = []
        if isinstance(output, _Stream):
            name = output.name
            lines.append(_joined(output.text))
        elif isinstance(output, _Display):
            kind = b"execute_result" if isinstance(output, _Result) else b"display_data"
            metadata = {at: value for at, value in output.metadata.items() if at != "mlo"}
            yield b'{"data":%b,"metadata":%b,"output_type":"%b"}' % (
                value_json(canonical_bundle(output.data)),
                value_json(metadata) if metadata else b"{}",
                kind,
            )
        else:
            yield b'{"ename":%b,"evalue":%b,"output_type":"error","traceback":%b}' % (
                _text(output.ename),
                _text(output.evalue),
                _text(output.traceback),
            )
    if lines:
        yield _stream(name, lines)


def _stream(name: str, lines: list[str]) -> bytes:
    text = _text(terminal_text("".join(lines)))
    return b'{"name":%b,"output_type":"stream","text":%b}' % (_text(name), text)


def _marks(outputs: Sequence[_Output]) -> Iterator[tuple[int, Any]]:
    for place, output in enumerate(outputs):
        if isinstance(output, _Display) and "mlo" in output.metadata:
            yield place, output.metadata["mlo"]
