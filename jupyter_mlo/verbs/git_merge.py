"""Git's merge driver for notebooks: nbdime merges what people see, stamps go with their cells."""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlo.errors import MissingExtra, NotebookError
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.notebook_files import NotebookFile

if TYPE_CHECKING:
    from jupyter_mlo.notebook.merging import Merged

_EMPTY: dict[str, Any] = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def merge(arguments: argparse.Namespace, context: Context) -> int:
    """Merge into the file OURS; 0 where nothing is left to a person, else 1."""
    from jupyter_mlo.notebook.merging import with_ours, without_ours

    ours, theirs = (NotebookFile.read(Path(name)) for name in (arguments.ours, arguments.theirs))
    base = _base(Path(arguments.base), ours.value)
    bare = [without_ours(value) for value in (base, ours.value, theirs.value)]
    merged, conflicts = _merge_cells(*bare)
    found = with_ours(merged, base, ours.value, theirs.value)
    # Each output then was trusted here; what nbdime writes of conflicts was not.
    trusted = not conflicts and ours.trusted() and theirs.trusted()
    ours.write(found.value)
    if trusted:
        ours.trust_again()
    _tell(terminal_safe(arguments.path or arguments.ours, limit=300), found, conflicts, context)
    return 1 if conflicts else 0


def _base(path: Path, ours: Mapping[str, Any]) -> dict[str, Any]:
    """What both sides come from; where both began the file, nothing."""
    if path.stat().st_size == 0:
        return {**_EMPTY, "nbformat_minor": ours.get("nbformat_minor", 5)}
    return NotebookFile.read(path).value


def _merge_cells(
    base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> tuple[dict[str, Any], int]:
    """The merged notebook, and how many decisions are left to a person."""
    try:
        import nbformat
        from nbdime.merging.notebooks import merge_notebooks
    except ImportError:
        raise MissingExtra(
            "notebooks cannot be merged here without nbdime", hint="pip install 'jupyter-mlo[git]'"
        ) from None
    reads: Any = nbformat.reads
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nodes = [reads(json.dumps(value), as_version=4) for value in (base, ours, theirs)]
            merged, decisions = merge_notebooks(*nodes)
    except Exception as error:  # whatever nbdime makes of what no notebook should hold
        raise NotebookError(
            f"nbdime cannot merge this: {type(error).__name__}: {error}",
            hint="take one side: git checkout --ours (or --theirs) PATH, then git add PATH",
        ) from error
    return json.loads(json.dumps(merged)), sum(bool(one.conflict) for one in decisions)


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
            "not of what was merged, and was taken out"
        )
    if len(found.notebooks) > 1:
        kept, other = (terminal_safe(one) for one in found.notebooks[:2])
        context.note(
            f"{name}: both sides gave the notebook an ID of its own; it keeps {kept}, and stamps "
            f"made for {other} do not count in it: run those cells again"
        )
    if found.seals:
        context.note(f"{name}: when all is as you want it: jupyter mlo seal {name}")
