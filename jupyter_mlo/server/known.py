"""What this server knows of the notebooks that it has saved: front ends need not know it.

A front end holds the document that it has loaded. Stamps and seals that saves have written since,
it may send back or not; so the server remembers them, as long as nobody else rewrites the file.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jupyter_mlo.notebook.layout import MEMBER
from jupyter_mlo.notebook.resealing import Remembered

#: Notebooks of which is held in memory what was written into them.
_NOTEBOOKS = 500


@dataclass
class Known:
    """Of one notebook."""

    #: ``metadata.mlo`` of the notebook, and of its cells by their ids.
    notebook: Any = None
    cells: dict[str, Any] = field(default_factory=dict)
    #: What tells whether the file was written again since: time in ns, size; None before a save.
    file: tuple[int, int] | None = None
    #: When the server's own MLO sealed it last.
    served: datetime | None = None
    #: For the next seal, where this server made the last one.
    sealed: Remembered | None = None

    def note(self, value: Mapping[str, Any]) -> None:
        """Remember what stands in a notebook."""
        metadata = value.get("metadata")
        if isinstance(metadata, Mapping) and MEMBER in metadata:
            self.notebook = metadata[MEMBER]
        for cell in value.get("cells") or []:
            if isinstance(cell, Mapping) and isinstance(cell.get("metadata"), Mapping):
                stamp, cell_id = cell["metadata"].get(MEMBER), cell.get("id")
                if stamp is not None and isinstance(cell_id, str):
                    self.cells[cell_id] = stamp

    def restore(self, value: Any) -> None:
        """Give a front end's notebook back what it does not know: the newest seal, and stamps."""
        if self.notebook is not None:
            value.setdefault("metadata", {})[MEMBER] = self.notebook
        for cell in value.get("cells") or []:
            if not isinstance(cell, dict) or cell.get("cell_type") != "code":
                continue
            if cell.get("outputs") or cell.get("execution_count") is not None:  # not cleared
                stamp = self.cells.get(str(cell.get("id")))
                if stamp is not None:
                    cell.setdefault("metadata", {}).setdefault(MEMBER, stamp)


class KnownNotebooks:
    """By path. On the event loop only."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Known] = OrderedDict()

    def of(self, path: str, contents: Any) -> Known:
        """What is known of a notebook before it is saved: of a file that others wrote, its own."""
        known = self._known.get(path)
        if known is not None and known.file in (None, _state(_place(path, contents))):
            return known
        found = Known()
        with contextlib.suppress(Exception):  # a new file, or a manager without files
            with open(contents._get_os_path(path), "rb") as file:
                before = json.load(file)
            if isinstance(before, Mapping):
                found.note(before)
        return found

    def seen(self, path: str) -> Known:
        """What the last save wrote."""
        return self._known.get(path) or Known()

    def remember(self, path: str, known: Known, value: Mapping[str, Any]) -> None:
        """This is being written now."""
        known.note(value)
        known.file = None
        self._known[path] = known
        self._known.move_to_end(path)
        if len(self._known) > _NOTEBOOKS:
            self._known.popitem(last=False)

    def written(self, path: str, place: str) -> None:
        """It was written, to this file."""
        known = self._known.get(path)
        if known is not None:
            known.file = _state(place)


def _place(path: str, contents: Any) -> str | None:
    try:
        return str(contents._get_os_path(path))
    except Exception:
        return None


def _state(place: str | None) -> tuple[int, int] | None:
    if place is None:
        return None
    try:
        found = os.stat(place)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
