"""Notebooks that somebody who is logged in has run, with their records in the home."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.sessions import load_session
from jupyter_mlo.ledger.records import RecordStore
from jupyter_mlo.notebook.digests import source_digest
from jupyter_mlo.notebook.writing import notebook_chunks
from tests.notebook.people import Kernel, code, notebook, shows, stream, text


class Workshop:
    """Runs notebooks under the session of a home."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self.folder = folder

    def executed(self, name: str = "train.ipynb", *, recorded: bool = True) -> Path:
        """Prose, a cell that prints and one that shows."""
        value = notebook(text("# Loans", "m"), code("print(1)", "a"), code("show()", "b"))
        kernel = self.kernel(recorded=recorded)
        kernel.run(value["cells"][1], stream("1\n"))
        kernel.run(value["cells"][2], shows("picture"))
        self.keep(kernel, value)
        return self.write(name, value)

    def kernel(self, *, recorded: bool = True) -> Kernel:
        """A kernel of whoever is logged in."""
        now = datetime.now(UTC)
        kernel = Kernel(load_session(self._settings, now) if recorded else None, now)
        kernel.step = timedelta(milliseconds=10)
        return kernel

    def keep(self, kernel: Kernel, value: dict[str, Any]) -> None:
        """Put the kernel's records where kernels put them."""
        store = RecordStore(self._settings.records)
        codes = [cell for cell in value["cells"] if cell["cell_type"] == "code"]
        for cell, record in zip(codes, kernel.records, strict=False):
            store.append(record, source_digest(cell["source"]), cell.get("id"))
        store.close()

    def write(self, name: str, value: dict[str, Any]) -> Path:
        """Write a notebook as Jupyter does."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(notebook_chunks(value)))
        return path


def read(path: Path) -> dict[str, Any]:
    """The notebook in a file, lines joined."""
    import nbformat

    return dict(json.loads(json.dumps(nbformat.read(path, as_version=4))))


def altered(path: Path, change: Any) -> Path:
    """Alter the file in place."""
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value, indent=1))
    return path
