"""``mloCodeV1``: the code of a notebook, as mandates bind it (docs/formats.md, "Code")."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from jupyter_mlo.notebook.canonical_text import value_json
from jupyter_mlo.notebook.digests import short, source_digest

PARAMETERS = "parameters"
INJECTED = "injected-parameters"
#: Cells that a run leaves out.
SKIPPED = "skip-execution"


class CodeCell(Protocol):
    """What of a cell the digest needs."""

    @property
    def kind(self) -> str:
        """``code``, ``markdown`` or ``raw``."""

    @property
    def source(self) -> str:
        """The source, lines joined."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The cell's metadata."""


class Code(Protocol):
    """What of a notebook the digest needs."""

    @property
    def cells(self) -> Sequence[CodeCell]:
        """All cells in order."""

    @property
    def kernel_name(self) -> str | None:
        """Name of the kernelspec."""


@dataclass(frozen=True)
class CodeLine:
    """A cell as far as the digest needs it."""

    kind: str
    #: ``mloSourceV1``, 32 bytes.
    source: bytes
    #: ``tags`` in its metadata, whatever that is.
    tags: object = None


def code_digest(notebook: Code) -> str:
    """``mloCodeV1`` in hexadecimal."""
    lines = [
        CodeLine(cell.kind, source_digest(cell.source), cell.metadata.get("tags"))
        for cell in notebook.cells
    ]
    return lines_digest(lines, notebook.kernel_name)


def lines_digest(lines: Sequence[CodeLine], kernel_name: str | None) -> str:
    """The same of a notebook's cells in order.

    Left out is the one cell that papermill would replace with the parameters it injects: the
    first that is tagged ``injected-parameters``, of whatever type. Any further ones run
    as they are, and count like all others.
    """
    injected = injected_line(lines)
    tagged = _first([line.tags for line in lines], PARAMETERS)
    added = 0 if tagged is None else tagged + 1
    before = added if injected is None else injected
    code = [at for at, line in enumerate(lines) if line.kind == "code" and at != injected]
    index = sum(at < before for at in code) - 1
    form = {
        "cells": [short(lines[at].source) for at in code],
        "kernel": kernel_name,
        "parameters": None if index < 0 else index,
    }
    return hashlib.sha256(value_json(form)).hexdigest()


def injected_line(lines: Sequence[CodeLine]) -> int | None:
    """Which line :func:`lines_digest` leaves out; None where it has them all."""
    return _first([line.tags for line in lines], INJECTED)


def injected_position(notebook: Code) -> int | None:
    """Position of the cell that papermill would replace; None where it would add one."""
    return _first([cell.metadata.get("tags") for cell in notebook.cells], INJECTED)


def skipped_position(notebook: Code) -> int | None:
    """Position of the first cell with code that a run would leave out for its tag."""
    for position, cell in enumerate(notebook.cells):
        skipped = _first([cell.metadata.get("tags")], SKIPPED) is not None
        if skipped and cell.kind == "code" and cell.source.strip():
            return position
    return None


def _first(tags: Sequence[object], tag: str) -> int | None:
    for position, found in enumerate(tags):
        # A string is searched for the tag too, as papermill does.
        if isinstance(found, (list, str, Mapping)) and tag in found:
            return position
    return None
