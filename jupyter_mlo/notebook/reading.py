"""Reading notebooks that may be hostile: a verdict or a clear error, whatever the bytes.

The file's text is held once, and split into cells without a parse; each cell is decoded
when it is needed and dropped again (:mod:`jupyter_mlo.notebook.cells`).
"""

from __future__ import annotations

import codecs
import itertools
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlo.errors import NotebookError
from jupyter_mlo.notebook import raw_json, scanning
from jupyter_mlo.notebook.canonical_cell import Undigestable
from jupyter_mlo.notebook.cell_parts import look_into
from jupyter_mlo.notebook.cells import Cell
from jupyter_mlo.notebook.digests import json_digest
from jupyter_mlo.notebook.notebook_metadata import SMALL_METADATA, Metadata, read_metadata
from jupyter_mlo.notebook.parts import Part, elements, members, twin_names

__all__ = [
    "Cell",
    "Notebook",
    "OlderFormat",
    "Undigestable",
    "notebook_from_json",
    "read_notebook",
]

#: Cells that are read.
MAX_CELLS = 100_000
_HEAD = re.compile(rb'\{(\r?\n[ \t]*+)"cells":[ ]*+(?=\[)')
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SPACES = (b" ", b"\t", b"\r", b"\n")


class OlderFormat(NotebookError):
    """A notebook of format 3 or older: it can be upgraded, and until then not be sealed."""


@dataclass(frozen=True)
class Notebook:
    """A notebook of format 4: its cells, and what stands beside them."""

    cells: Sequence[Cell]
    metadata: Mapping[str, Any]
    nbformat: int
    nbformat_minor: int
    #: The text that was read; None for a notebook that was in memory.
    text: bytes | None = None

    @property
    def kernel_name(self) -> str | None:
        """Name of the kernelspec; None where the metadata has none."""
        kernelspec = self.metadata.get("kernelspec")
        name = kernelspec.get("name") if isinstance(kernelspec, Mapping) else None
        return name if isinstance(name, str) else None

    @property
    def widgets_digest(self) -> bytes | None:
        """SHA-256 over the widget state, as a seal names it; None where there is none.

        Raises:
            Undigestable: two readers may see two different things in it.
        """
        if isinstance(self.metadata, Metadata):
            return self.metadata.digest("widgets")
        widgets = self.metadata.get("widgets")
        return None if widgets is None else json_digest(widgets)


def read_notebook(source: bytes | str | os.PathLike[str]) -> Notebook:
    """Read a notebook from its bytes, or from the file at a path.

    Raises:
        NotebookError: there is no such file, it is not a regular file, or it does not hold
            exactly one notebook of format 4.
    """
    where = "the notebook" if isinstance(source, bytes) else os.fspath(source)
    text = source if isinstance(source, bytes) else _file_bytes(Path(source))
    try:
        return _notebook(text)
    except _Unfit as unfit:
        raise unfit.kind(f"{where} {unfit.why}", hint=unfit.hint) from None
    except Undigestable as error:
        raise NotebookError(
            f"{where} cannot be read: {error.reason}", hint="open it in Jupyter, mend it, save it"
        ) from None


def notebook_from_json(value: object) -> Notebook:
    """A notebook that is in memory already, as nbformat or a front end holds it.

    Raises:
        NotebookError: it is not a notebook of format 4.
    """
    try:
        if not isinstance(value, Mapping):
            raise _Unfit("is not a JSON object")
        minor = _check_version(value.get("nbformat"), value.get("nbformat_minor"))
        cells, metadata = value.get("cells"), value.get("metadata")
        if not isinstance(cells, list):
            raise _Unfit("has no list of cells")
        if not isinstance(metadata, Mapping):
            raise _Unfit("has metadata that are not an object")
        return Notebook(
            [Cell(at, cell if isinstance(cell, Mapping) else {}) for at, cell in enumerate(cells)],
            metadata,
            4,
            minor,
        )
    except _Unfit as unfit:
        raise NotebookError(f"the notebook {unfit.why}", hint=unfit.hint) from None


class _Unfit(Exception):
    """Why something cannot be read as a notebook, as the end of a sentence."""

    def __init__(
        self,
        why: str,
        hint: str = "open it in Jupyter, mend it and save it",
        kind: type[NotebookError] = NotebookError,
    ) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint
        self.kind = kind


def _notebook(text: bytes) -> Notebook:
    whole = whole_part(text)
    try:
        return _from_members(_usual_members(whole) or members(whole), text)
    except Undigestable:
        # Where the indentation misleads, the long way finds out what is the matter, if anything.
        return _from_members(members(whole), text)


def _from_members(found: dict[str, Part], text: bytes) -> Notebook:
    minor = _check_version(
        *(
            raw_json.decode_part(found[name]) if name in found else None
            for name in ("nbformat", "nbformat_minor")
        )
    )
    if "cells" not in found or found["cells"].first != b"[":
        raise _Unfit("has no list of cells")
    for name in found.keys() - {"cells", "metadata", "nbformat", "nbformat_minor"}:
        found[name].check()
    cells = _cells(elements(found["cells"], look_into))
    return Notebook(cells, read_metadata(found.get("metadata")), 4, minor, text)


def _usual_members(whole: Part) -> dict[str, Part] | None:
    """The members of a notebook laid out as nbformat does, found without looking at the cells.

    Where the list of cells ends the indentation tells; what stands behind is small. If that
    and the list parse by themselves, it is the notebook's one parse (see ``parts``).
    """
    data = whole.data
    head = _HEAD.match(data, whole.start, whole.end)
    if head is None:
        return None
    cut = data.rfind(head[1] + b"]," + head[1] + b'"', head.end(), whole.end)
    behind = cut + len(head[1]) + 1
    if cut < 0 or whole.end - behind > SMALL_METADATA:
        return None
    rest = members(Part(b"{" + data[behind + 1 : whole.end], 0, whole.end - behind))
    if "cells" in rest:
        raise twin_names()
    return {"cells": whole.inner(head.end(), behind), **rest}


def _cells(parts: Iterable[Part]) -> list[Cell]:
    cells = list(itertools.starmap(Cell, enumerate(itertools.islice(parts, MAX_CELLS + 1))))
    if len(cells) > MAX_CELLS:
        raise _Unfit(f"has more than {MAX_CELLS} cells", "split it")
    return cells


def _check_version(major: object, minor: object) -> int:
    if major is None:
        raise _Unfit("is not a notebook: it has no member nbformat", "give a notebook (.ipynb)")
    if type(major) is not int or type(minor) is not int or minor < 0:
        raise _Unfit("names its notebook format by something that is not a number")
    if major < 4:
        raise _Unfit(
            f"has notebook format {major}; stamps and seals need 4.0 or later",
            "convert it: jupyter nbconvert --to notebook --nbformat 4 --inplace FILE",
            OlderFormat,
        )
    if major > 4:
        raise _Unfit(
            f"has notebook format {major!r:.20}, which this version does not know",
            "a newer jupyter-mlo may read it",
        )
    return minor


def whole_part(text: bytes) -> Part:
    """The one JSON value in ``text``, without white space around it."""
    if text.startswith(_UTF16) or b"\0" in text[:4]:
        raise _Unfit("is not UTF-8", "save it in UTF-8; it looks like UTF-16 or binary data")
    if text.startswith(codecs.BOM_UTF8):
        raise _Unfit("begins with a byte order mark", "save it as UTF-8 without one")
    start, end = scanning.after_space(text, 0, len(text)), len(text)
    while end > start and (block := text[max(start, end - 4096) : end]).endswith(_SPACES):
        end -= len(block) - len(block.rstrip())
    if start >= end:
        raise _Unfit("is empty", "a notebook is JSON text; nothing is none")
    whole = Part(text, start, end)
    if whole.first != b"{":
        raise _Unfit("is not a notebook: it is not a JSON object", "give a notebook (.ipynb)")
    return whole


def _file_bytes(path: Path) -> bytes:
    try:
        # Without O_NONBLOCK a named pipe would wait for a writer here.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise NotebookError(
                    f"{path} is not a regular file", hint="give the path of a notebook (.ipynb)"
                )
            return file.read()
    except OSError as error:
        raise NotebookError(
            f"{path} cannot be read: {error.strerror}", hint="check the path and its permissions"
        ) from None
    except MemoryError:
        raise NotebookError(f"{path} is larger than the memory", hint="clear outputs") from None
