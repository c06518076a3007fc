"""Git's merge driver for notebooks: nbdime merges what people see, stamps go with their cells."""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlo.errors import MissingExtra, MloError, NotebookError
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.notebook_files import NotebookFile

if TYPE_CHECKING:
    from jupyter_mlo.notebook.merging import Merged


def merge(arguments: argparse.Namespace, context: Context) -> int:
    """Merge into the file OURS; 0 where nothing is left to a person, else 1."""
    ours, theirs = (NotebookFile.read(Path(name)) for name in (arguments.ours, arguments.theirs))
    base = Path(arguments.base)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found, conflicts = _merged(base, ours.value, theirs.value)
    except MloError:
        raise
    except Exception as error:  # whatever nbdime and we make of what no notebook should hold
        raise NotebookError(
            f"these cannot be merged by cells: {type(error).__name__}: {error}",
            hint="take one side: git checkout --ours (or --theirs) PATH, then git add PATH",
        ) from error
    # Each output then was trusted here; what nbdime writes of conflicts was not.
    trusted = not conflicts and ours.trusted() and theirs.trusted()
    ours.write(found.value)
    if trusted:
        ours.trust_again()
    _tell(terminal_safe(arguments.path or arguments.ours, limit=300), found, conflicts, context)
    return 1 if conflicts else 0


def _merged(path: Path, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[Merged, int]:
    """The merged notebook, and how many decisions are left to a person."""
    from jupyter_mlo.notebook.merging import with_ours, without_ours

    merge_notebooks, reads = _tools()
    base = NotebookFile.read(path).value if path.stat().st_size else _common(ours, theirs)
    bare = [without_ours(value) for value in (base, ours, theirs)]
    nodes = [reads(json.dumps(value), as_version=4) for value in bare]
    merged, decisions = merge_notebooks(*nodes)
    whole = with_ours(json.loads(json.dumps(merged)), base, ours, theirs)
    return whole, sum(bool(one.conflict) for one in decisions)


def _tools() -> tuple[Any, Any]:
    try:
        import nbformat
        from nbdime.merging.notebooks import merge_notebooks
    except ImportError:
        raise MissingExtra(
            "notebooks cannot be merged here without nbdime", hint="pip install 'jupyter-mlo[git]'"
        ) from None
    return merge_notebooks, nbformat.reads


def _common(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Where both sides began the file: the cells that they have in common, not executed.

    Of cells that two sides add alike nbdime would keep no output.
    """
    from jupyter_mlo.notebook.merging import without_ours

    there = {_same(cell) for cell in theirs["cells"]}
    cells = [
        {**cell, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell
        for cell in ours["cells"]
        if _same(cell) in there
    ]
    return without_ours({**ours, "cells": cells})


def _same(cell: Mapping[str, Any]) -> tuple[Any, ...]:
    return cell.get("id"), cell.get("cell_type"), "".join(cell.get("source", ""))


def _tell(name: str, found: Merged, conflicts: int, context: Context) -> None:
    def cells(positions: tuple[int, ...]) -> str:
        some = ", ".join(str(at + 1) for at in positions[:12])
        return f"cell{'s' if len(positions) > 1 else ''} {some}{'…' if positions[12:] else ''}"

    if conflicts:
        context.note(f"{name}: {conflicts} conflicts, marked in the cells")
    if found.unstamped:
        context.note(f"{name}: {cells(found.unstamped)} no longer as stamped: run again")
    for mlo, time in found.seals:
        context.note(
            f"{name}: the seal of {terminal_safe(time)} in the name of {terminal_safe(mlo)} is "
            "not of what was merged: it counts as an older one from now on"
        )
    if len(found.notebooks) > 1:
        kept, other = (terminal_safe(one) for one in found.notebooks[:2])
        context.note(
            f"{name}: both sides gave the notebook an ID of its own; it keeps {kept}, and stamps "
            f"made for {other} do not count in it: run those cells again"
        )
    if found.seals:
        context.note(f"{name}: when all is as you want it: jupyter mlo seal {name}")
