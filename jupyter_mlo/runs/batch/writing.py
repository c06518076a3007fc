"""Writing an output: a local file whole or not at all, everything else through papermill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_mlo.notebook.writing import notebook_chunks
from jupyter_mlo.runs.batch.heavy import without_grammar
from jupyter_mlo.runs.batch.prepare import is_remote
from jupyter_mlo.runs.replacing import replace_file


def write(nb: Any, target: str, folder: Path) -> None:
    """Write ``nb``; folders on the way to a local file are made.

    Raises:
        OSError: it cannot be written; what was there stays.
        Exception: whatever papermill's handler raises.
    """
    if not is_remote(target):
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        if replace_file(str(path.resolve()), notebook_chunks(nb)):
            return
        with path.open("wb") as file:  # a link, a device, or somebody else's file
            file.writelines(notebook_chunks(nb))
        return
    with without_grammar():
        from papermill.iorw import papermill_io

    papermill_io.write(b"".join(notebook_chunks(nb)).decode("utf-8", "surrogatepass"), target)
