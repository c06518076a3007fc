"""Stamps while a run goes on: each code cell when it completes, again when its outputs change.

The engine has itself sent the code and received the outputs, so it signs stamps directly
and needs no records. A failure here never stops a run: it is said once, and what cannot be
stamped stays unstamped.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import MloError
from jupyter_mlo.notebook.cells import Cell
from jupyter_mlo.notebook.digests import CellDigests, source_digest
from jupyter_mlo.notebook.layout import MARKED, MEMBER, read_reference, reference, stamp_json
from jupyter_mlo.notebook.reading import Undigestable
from jupyter_mlo.notebook.seals import SealedCell
from jupyter_mlo.notebook.stamps import Executed, make_stamp
from jupyter_mlo.runs.identity import Acting
from jupyter_mlo.statements.envelope import Envelope

Complain = Callable[[str], None]
#: Stamp, ``mloSourceV1`` of its cell, the cell's id; may raise :class:`OSError`.
Keep = Callable[[Envelope, bytes, str | None], None]


@dataclass
class _Execution:
    """One execution of one cell."""

    id: str
    started: datetime
    finished: datetime | None = None
    stamp: Envelope | None = None
    #: Of the cell as it was stamped; None where it cannot be digested.
    digests: CellDigests | None = None


class CellStamps:
    """The stamps of one run's notebook.

    Args:
        acting: who runs it, and why; its signer signs.
        cells: the notebook's cells, as nbformat holds them, in their places when they run.
        notebook_id: ID of the run's output.
        kernel_id: the kernel process's own ID; ``kernel_name`` is that of its kernelspec.
        complain: told, in a sentence, when something cannot be stamped.
        keep: has a copy of each stamp kept beside the notebook (``settings.stamps``).
    """

    def __init__(
        self,
        acting: Acting,
        cells: Sequence[Any],
        *,
        notebook_id: str,
        kernel_id: str,
        kernel_name: str,
        complain: Complain,
        keep: Keep,
    ) -> None:
        self._acting = acting
        self._cells = cells
        self._notebook_id = notebook_id
        self._kernel_id = kernel_id
        self._kernel_name = kernel_name
        self._complain = complain
        self._keep = keep
        self._unkept = False
        self._executions: dict[int, _Execution] = {}
        #: Positions of completed cells whose outputs a later cell has updated → which outputs.
        self._updated: dict[int, set[int]] = {}
        self._current: int | None = None
        self._refused = False

    def begin(self, position: int, now: datetime) -> None:
        """The code of a cell is about to be sent."""
        self._current = position
        self._executions[position] = _Execution(secrets.token_urlsafe(12), now)

    def note_update(self, position: int, outputs: Sequence[int]) -> None:
        """Outputs of another cell than the running one were replaced by it."""
        if position != self._current and position in self._executions and outputs:
            self._updated.setdefault(position, set()).update(outputs)

    def complete(self, position: int, now: datetime) -> list[tuple[int, list[int]]]:
        """A cell has ended, well or not: stamp it if it was executed, and what it has updated.

        Returns:
            the other cells that were stamped anew, each with the outputs that changed.
        """
        execution = self._executions.get(position)
        self._current = None
        if execution is None:
            return []
        execution.finished = now
        self._mark(position, range(len(self._cells[position]["outputs"])), execution)
        self._stamp(position, execution, now)
        restamped = []
        for earlier, outputs in sorted(self._updated.items()):
            self._mark(earlier, outputs, execution)
            before = self._executions[earlier]
            before.finished = now
            self._stamp(earlier, before, now)
            restamped.append((earlier, sorted(outputs)))
        self._updated.clear()
        return restamped

    def complete_all(self, now: datetime) -> None:
        """Stamp what an interrupt has kept from being stamped."""
        for position, execution in self._executions.items():
            if execution.finished is None:
                self.complete(position, now)

    def sealed_cells(self, cells: Sequence[Any]) -> list[SealedCell]:
        """``cells`` (ours, and any that were inserted among them) as a seal lists them."""
        done = {
            id(self._cells[position]): execution
            for position, execution in self._executions.items()
            if execution.digests is not None
        }
        listed = []
        for position, value in enumerate(cells):
            execution = done.get(id(value))
            cell = Cell(position, value)
            digests = execution.digests if execution else _digests(cell)
            stamp = execution.stamp if execution else None
            listed.append(
                SealedCell(
                    kind=cell.kind,
                    id=cell.id,
                    cell=digests.cell if digests else None,
                    source=digests.source if digests else source_digest(cell.source),
                    stamp=bytes.fromhex(stamp.statement_id) if stamp else None,
                )
            )
        return listed

    def _mark(
        self, position: int, outputs: Sequence[int] | set[int], execution: _Execution
    ) -> None:
        signer = self._acting.signer
        if signer is None:
            return
        text = reference(signer.mlo, execution.id)
        present = self._cells[position]["outputs"]
        for at in outputs:
            output = present[at] if at < len(present) else {}
            if output.get("output_type") in MARKED:
                output.setdefault("metadata", {})[MEMBER] = text

    def _stamp(self, position: int, execution: _Execution, now: datetime) -> None:
        signer = self._acting.signer
        if signer is None:
            return
        value = self._cells[position]
        value["metadata"].pop(MEMBER, None)
        cell = Cell(position, value)
        execution.digests = _digests(cell)
        execution.stamp = None
        try:
            execution.stamp = self._sign(signer, cell, execution, now)
        except Undigestable as error:
            self._complain(f"Cell {position + 1} cannot be stamped: {error.reason}")
        except MloError as error:
            if not self._refused:
                self._complain(f"Cell {position + 1} and what follows stays unstamped: {error}")
            self._refused = True
        else:
            value["metadata"][MEMBER] = stamp_json(execution.stamp)
            self._keep_copy(execution.stamp, cell)

    def _keep_copy(self, stamp: Envelope, cell: Cell) -> None:
        try:
            self._keep(stamp, cell.digests.source, cell.id)
        except OSError as error:
            if not self._unkept:
                self._complain(f"Stamps are in the notebook only, and kept nowhere else: {error}")
            self._unkept = True

    def _sign(self, signer: Signer, cell: Cell, execution: _Execution, now: datetime) -> Envelope:
        executed = Executed(
            execution=execution.id,
            count=cell.execution_count,
            kernel_id=self._kernel_id,
            kernel_name=self._kernel_name,
            started=execution.started,
            finished=execution.finished or now,
            activity=self._acting.activity,
            model=self._acting.model,
            updated_by=_updaters(cell, execution),
        )
        return make_stamp(signer, cell, executed, notebook=self._notebook_id, now=now)


def _digests(cell: Cell) -> CellDigests | None:
    try:
        return cell.digests
    except Undigestable:
        return None


def _updaters(cell: Cell, execution: _Execution) -> tuple[str, ...]:
    """The other executions whose references its outputs carry."""
    named = [read_reference(output) for output in cell.outputs]
    ids = [text.rpartition("#")[2] for text in named if text is not None]
    return tuple(dict.fromkeys(each for each in ids if each != execution.id))
