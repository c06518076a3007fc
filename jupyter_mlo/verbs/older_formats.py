"""Notebooks of format 3 and older, as nbformat upgrades them in memory: to be read only.

Nobody could stamp or seal such a file, so what it holds is unattributed; the upgrade lets that be
said of each of its cells. Ids that the upgrade draws are in no file, and are left out.
"""

from __future__ import annotations

import json
import warnings
from os import PathLike
from pathlib import Path
from typing import Any

from jupyter_mlo.errors import NotebookError
from jupyter_mlo.notebook.reading import (
    Notebook,
    OlderFormat,
    notebook_from_json,
    read_notebook,
)


def read_any_format(source: bytes | str | PathLike[str]) -> Notebook:
    """:func:`read_notebook`, of every format that nbformat reads.

    Raises:
        NotebookError: as there; and where nbformat cannot upgrade it.
    """
    try:
        return read_notebook(source)
    except OlderFormat as error:
        older = error
    import nbformat

    reads: Any = nbformat.reads
    text = source if isinstance(source, bytes) else Path(source).read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = json.loads(json.dumps(reads(text.decode(), as_version=4)))
        for cell in value["cells"]:
            cell.pop("id", None)
    except Exception as error:  # its upgrade trusts what it reads
        raise NotebookError(
            f"{older.message}, and nbformat cannot upgrade it ({type(error).__name__})",
            hint="see whether Jupyter opens it; mend it there",
        ) from None
    return notebook_from_json({**value, "nbformat_minor": 4})
