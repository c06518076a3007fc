"""Reading notebooks that may be hostile: a verdict or a clear error, whatever the bytes."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlo.errors import NotebookError
from jupyter_mlo.notebook.canonical_cell import Undigestable
from jupyter_mlo.notebook.cells import Cell

__all__ = ["Cell", "Notebook", "Undigestable", "notebook_from_json", "read_notebook"]


@dataclass(frozen=True)
class Notebook:
    """A notebook of format 4: its cells, and what stands beside them."""

    cells: Sequence[Cell]
    metadata: Mapping[str, Any]
    nbformat: int
    nbformat_minor: int

    @property
    def kernel_name(self) -> str | None:
        """Name of the kernelspec; None where the metadata has none."""
        kernelspec = self.metadata.get("kernelspec")
        name = kernelspec.get("name") if isinstance(kernelspec, Mapping) else None
        return name if isinstance(name, str) else None


def read_notebook(source: bytes | str | os.PathLike[str]) -> Notebook:
    """Read a notebook from its bytes, or from the file at a path.

    Raises:
        NotebookError: there is no such file, it is not a regular file, or it does not hold
            exactly one notebook of format 4.
    """
    where = "the notebook" if isinstance(source, bytes) else os.fspath(source)
    data = source if isinstance(source, bytes) else _file_bytes(Path(source))
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise NotebookError(
            f"{where} is not a notebook: {error}", hint="only JSON text in UTF-8 can be a notebook"
        ) from None
    return notebook_from_json(value, where)


def notebook_from_json(value: object, where: str = "the notebook") -> Notebook:
    """A notebook that is in memory already, as nbformat or a front end holds it."""
    if not isinstance(value, Mapping):
        raise NotebookError(f"{where} is not a notebook: it is not a JSON object")
    version, minor = value.get("nbformat"), value.get("nbformat_minor")
    if version != 4 or type(minor) is not int:
        raise NotebookError(
            f"{where} has notebook format {version!r:.20}, which cannot be read here",
            hint="convert it with `jupyter nbconvert --to notebook`",
        )
    cells, metadata = value.get("cells"), value.get("metadata", {})
    if not isinstance(cells, list) or not isinstance(metadata, Mapping):
        raise NotebookError(f"{where} is not a notebook: cells or metadata have the wrong type")
    return Notebook(
        [Cell(i, cell if isinstance(cell, Mapping) else {}, None) for i, cell in enumerate(cells)],
        metadata,
        4,
        minor,
    )


def _file_bytes(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise NotebookError(f"{path} cannot be opened: {error.strerror}") from None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotebookError(f"{path} is not a regular file")
        return file.read()
