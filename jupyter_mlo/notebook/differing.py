"""Two versions of a notebook: which cells differ, in what, and who executed either. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jupyter_mlo.notebook.alignment import align
from jupyter_mlo.notebook.blame import Blamed, blame
from jupyter_mlo.notebook.present import PresentCell, kernelspec_name, widgets_digest
from jupyter_mlo.notebook.reading import Undigestable
from jupyter_mlo.notebook.verification import Examined


@dataclass(frozen=True)
class CellDifference:
    """One cell that is not as it was."""

    #: ``added``, ``removed``, ``moved``, ``type``, ``source``, ``outputs``, ``attachments``,
    #: ``executed again``, ``stamp removed``, ``stamp added``.
    changes: tuple[str, ...]
    #: None where it was added; None where it was removed.
    before: Blamed | None
    after: Blamed | None

    def to_json(self) -> dict[str, Any]:
        """The difference as a JSON object."""
        return {
            "changes": list(self.changes),
            "before": self.before.to_json() if self.before else None,
            "after": self.after.to_json() if self.after else None,
        }


@dataclass(frozen=True)
class Difference:
    """What differs between two versions."""

    #: In words: kernelspec, widget state.
    notebook: tuple[str, ...]
    #: In the order of the later version; removed ones stand before what followed them.
    cells: tuple[CellDifference, ...]

    @property
    def same(self) -> bool:
        """Whether nothing does."""
        return not self.notebook and not self.cells

    def to_json(self) -> dict[str, Any]:
        """The difference as a JSON object."""
        cells = [cell.to_json() for cell in self.cells]
        return {"same": self.same, "notebook": list(self.notebook), "cells": cells}


def difference(before: Examined, after: Examined) -> Difference:
    """What differs between two versions that have been examined."""
    found = align([cell.listed for cell in after.cells], [cell.listed for cell in before.cells])
    was, now = blame(before), blame(after)
    moved = set(found.moved)
    cells = []
    removed = list(found.removed)
    for at, place in enumerate(found.sealed_of):
        if place is None:
            cells.append(CellDifference(("added",), None, now[at]))
            continue
        while removed and removed[0] < place and at not in moved:
            cells.append(CellDifference(("removed",), was[removed.pop(0)], None))
        changes = list(_changes(before.cells[place], after.cells[at], was[place], now[at]))
        if at in moved:
            changes.insert(0, "moved")
        if changes:
            cells.append(CellDifference(tuple(changes), was[place], now[at]))
    cells += [CellDifference(("removed",), was[place], None) for place in removed]
    return Difference(tuple(_whole(before, after)), tuple(cells))


def _changes(before: PresentCell, after: PresentCell, was: Blamed, now: Blamed) -> Iterator[str]:
    if before.listed.kind != after.listed.kind:
        yield "type"
    if before.listed.source != after.listed.source:
        yield "source"
    cells = before.listed.cell, after.listed.cell
    if cells[0] != cells[1] or cells[0] is None:
        if _outputs(before) != _outputs(after):
            yield "outputs"
        elif all(cells) and before.listed.source == after.listed.source:
            yield "attachments"
    executions = was.cell.execution, now.cell.execution
    if all(executions) and executions[0] != executions[1]:
        yield "executed again"
    elif before.carries_stamp and not after.carries_stamp:
        yield "stamp removed"
    elif after.carries_stamp and not before.carries_stamp:
        yield "stamp added"
    elif before.listed.stamp != after.listed.stamp:
        yield "stamped anew"


def _outputs(cell: PresentCell) -> object:
    """What stands for a cell's outputs; of one that cannot be digested, why."""
    return cell.undigestable or cell.cell.output_digests


def _whole(before: Examined, after: Examined) -> Iterator[str]:
    kernels = kernelspec_name(before.notebook), kernelspec_name(after.notebook)
    if kernels[0] != kernels[1]:
        yield f"kernelspec was {kernels[0]!r}, is {kernels[1]!r}"
    if _widgets(before) != _widgets(after):
        yield "widget state differs"


def _widgets(examined: Examined) -> str | None:
    try:
        return widgets_digest(examined.notebook)
    except Undigestable as error:
        return error.reason
