"""``mloCodeV1``: the code of a notebook, as mandates bind it (docs/formats.md, "Code")."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from jupyter_mlo.notebook.canonical_text import value_json

PARAMETERS = "parameters"
INJECTED = "injected-parameters"


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


def code_digest(notebook: Code) -> str:
    """``mloCodeV1`` in hexadecimal.

    Left out is the one cell that papermill would replace with the parameters it injects: the
    first that is tagged ``injected-parameters``, of whatever type. Any further ones run
    as they are, and count like all others.
    """
    injected = injected_position(notebook)
    tagged = _first(notebook, PARAMETERS)
    added = 0 if tagged is None else tagged + 1
    before = added if injected is None else injected
    sources = [
        (position, cell.source)
        for position, cell in enumerate(notebook.cells)
        if cell.kind == "code" and position != injected
    ]
    index = sum(position < before for position, _ in sources) - 1
    form = {
        "cells": [source for _, source in sources],
        "kernel": notebook.kernel_name,
        "parameters": None if index < 0 else index,
    }
    return hashlib.sha256(value_json(form)).hexdigest()


def injected_position(notebook: Code) -> int | None:
    """Position of the cell that papermill would replace; None where it would add one."""
    return _first(notebook, INJECTED)


def _first(notebook: Code, tag: str) -> int | None:
    for position, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags")
        # A string is searched for the tag too, as papermill does.
        if isinstance(tags, (list, str, Mapping)) and tag in tags:
            return position
    return None
