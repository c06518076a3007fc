"""Writing an output: a local file whole or not at all, everything else through papermill."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from jupyter_mlo.notebook.writing import notebook_chunks
from jupyter_mlo.runs.batch.heavy import without_grammar
from jupyter_mlo.runs.replacing import replace_file


def write(nb: Any, target: str, place: str | None) -> None:
    """Write ``nb``; folders on the way to a local file are made.

    Args:
        target: path or address, as it was given.
        place: the local file with all links followed, as they were when the batch began; None
            for an address. Links that have come since are not: a cell may have made them.

    Raises:
        OSError: it cannot be written; what was there stays.
        Exception: whatever papermill's handler raises.
    """
    if place is not None:
        path = Path(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.realpath(path.parent) != str(path.parent):
            raise OSError(errno.ELOOP, "a folder on the way has become a symbolic link", place)
        if path.is_symlink():
            path.unlink()
        if replace_file(place, notebook_chunks(nb)):
            return
        # A device, or somebody else's file; what nobody reads from is not waited for.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        with open(os.open(path, flags, 0o666), "wb") as file:
            file.writelines(notebook_chunks(nb))
        return
    with without_grammar():
        from papermill.iorw import papermill_io

    papermill_io.write(b"".join(notebook_chunks(nb)).decode("utf-8", "surrogatepass"), target)
