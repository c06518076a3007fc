"""Sealing a notebook: the stamps that records vouch for, and the seal over everything.

Changes metadata only. A stamp that holds is kept as it is; one that does not is kept as
well, so that verifying goes on to name the change, unless a newer record vouches.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jupyter_mlo.delegation.actor import Actor
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.errors import NotebookError, Refused
from jupyter_mlo.notebook.carried import chains_for, older_seals
from jupyter_mlo.notebook.layout import MEMBER, notebook_json, stamp_json, stamped_json
from jupyter_mlo.notebook.matching import Match, Tie
from jupyter_mlo.notebook.present import PresentCell, sealable
from jupyter_mlo.notebook.reading import notebook_from_json
from jupyter_mlo.notebook.remarks import older_than_logged
from jupyter_mlo.notebook.seals import Sealable, SealedCell, make_seal
from jupyter_mlo.notebook.stamps import Executed, can_cover, make_stamp
from jupyter_mlo.notebook.verdicts import Verdict
from jupyter_mlo.notebook.verification import Examined, examine, newer_record, ruling
from jupyter_mlo.notebook.vouching import RecordSource
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.times import from_text


@dataclass(frozen=True)
class Unvouched:
    """A cell that the seal covers, and for whose execution nothing that holds vouches."""

    #: From 0.
    position: int
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class SealedNotebook:
    """A notebook with its new stamps and its new seal."""

    #: The whole notebook as JSON, ready to be written.
    value: dict[str, Any]
    #: None where nothing has changed since the newest seal, which this signer made, or where
    #: nobody seals.
    seal: Envelope | None
    #: What the ledger needs to have: chain first, seal last.
    to_publish: tuple[Envelope, ...]
    #: Position → the stamp that was made now; and how many were kept because they hold.
    stamps: Mapping[int, Envelope]
    kept: int
    unvouched: tuple[Unvouched, ...]
    #: What was there before and is not kept, and why.
    notes: tuple[str, ...] = ()

    @property
    def stamped(self) -> tuple[int, ...]:
        """Positions of the cells that were stamped now."""
        return tuple(sorted(self.stamps))


def seal_notebook(
    value: Mapping[str, Any],
    *,
    signer: Signer,
    now: datetime,
    pool: Pool,
    trust: Trust,
    records: RecordSource | None = None,
    meaning: str = "held",
) -> SealedNotebook:
    """Stamp what records of the signer's MLO vouch for, and seal the notebook.

    Args:
        value: the notebook as JSON; it is not changed.
        signer: a session or mandate; it stamps its own records only.
        now: the clock.
        pool: enrolments, delegations and revocations at hand beside those in the notebook.
        trust: whom this installation trusts.
        records: those of this installation.
        meaning: ``held``, or what a person means by it.

    Raises:
        NotebookError: this is no notebook of format 4, or a newer version has sealed it.
        Refused: the signer may not seal, now or at all.
    """
    examined = examine(notebook_from_json(value), pool=pool, trust=trust, now=now, records=records)
    return seal_examined(value, examined, signer=signer, now=now, meaning=meaning)


def seal_examined(
    value: Mapping[str, Any],
    examined: Examined,
    *,
    signer: Signer,
    now: datetime,
    meaning: str = "held",
    placed: Mapping[str, str] | None = None,
    stampers: Mapping[Actor, Signer] | None = None,
    of_anybody: bool = False,
) -> SealedNotebook:
    """:func:`seal_notebook` for a notebook that has been examined: this ``value``, as it is.

    Args:
        stampers: who stamps the records of whom; by default only the sealing signer does,
            its own.
        placed: execution → the notebook in which it was stamped before. One execution is of one
            notebook: a notebook that has lost its ID gets that back, and of a cell that was
            copied into another one no second stamp is made.
        of_anybody: where nothing has changed since somebody sealed it, no other seal is wanted.
    """
    made = _new_stamps(examined, placed or {}, stampers or {signer.actor: signer}, now)
    notebook_id, stamps, reasons = made.notebook, made.stamps, made.reasons
    used = {signer.actor: signer, **made.used}
    cells = [_listed(cell, stamps) for cell in examined.cells]
    whole = sealable(examined.notebook, cells)
    unvouched, kept = _remaining(examined, stamps, reasons)
    newest = examined.sealed.newest
    if (
        newest is not None
        and not stamps
        and _unchanged(examined, whole, signer, meaning, of_anybody)
    ):
        again = (*examined.entries.chains, newest.claim.envelope)
        return SealedNotebook(dict(value), None, again, {}, kept, unvouched)
    signers = tuple(used.values())
    return _sealed(
        value, examined, signers, now, notebook_id, meaning, stamps, whole, kept, unvouched
    )


def stamp_examined(
    value: Mapping[str, Any],
    examined: Examined,
    *,
    stampers: Mapping[Actor, Signer],
    now: datetime,
    placed: Mapping[str, str] | None = None,
) -> SealedNotebook:
    """The stamps alone, for a notebook that nobody seals now; its seals stay as they are.

    Args:
        stampers, placed: see :func:`seal_examined`.

    Raises:
        NotebookError: a newer version has sealed it.
    """
    made = _new_stamps(examined, placed or {}, stampers, now)
    unvouched, kept = _remaining(examined, made.stamps, made.reasons)
    if not made.stamps:
        return SealedNotebook(dict(value), None, (), {}, kept, unvouched)
    signers = tuple(made.used.values())
    stamped = stamped_value(value, made.stamps)
    metadata = stamped.get("metadata", {})
    before = metadata.get(MEMBER) if examined.entries.present else None
    chains = chains_for(examined, signers, made.stamps, examined.entries.all_seals)
    stamped["metadata"] = {
        **metadata,
        MEMBER: stamped_json(before, notebook=made.notebook, chains=chains),
    }
    links = tuple(dict.fromkeys(link for one in signers for link in one.chain))
    return SealedNotebook(stamped, None, links, made.stamps, kept, unvouched)


@dataclass(frozen=True)
class _Made:
    """Stamps that records vouch for now."""

    notebook: str
    #: By position; and why others could not be made.
    stamps: Mapping[int, Envelope]
    reasons: Mapping[int, str]
    #: Who signed them.
    used: Mapping[Actor, Signer]


def _new_stamps(
    examined: Examined, placed: Mapping[str, str], stampers: Mapping[Actor, Signer], now: datetime
) -> _Made:
    _check_version(examined)
    notebook_id = examined.entries.notebook or _earlier_id(examined, placed)
    stamps: dict[int, Envelope] = {}
    reasons: dict[int, str] = {}
    used: dict[Actor, Signer] = {}
    for cell in examined.cells:
        position = cell.cell.position
        found = newer_record(examined, position)
        if found is None:
            continue
        place = placed.get(found.recorded.execution, notebook_id)
        if place not in (notebook_id, examined.entries.parent):
            reasons[position] = f"this execution was stamped in another notebook ({place})"
            continue
        stamp = stamp_of(stampers, cell, found, notebook_id, now)
        if isinstance(stamp, str):
            reasons[position] = stamp
        else:
            stamps[position] = stamp
            used[found.recorded.actor] = stampers[found.recorded.actor]
    return _Made(notebook_id, stamps, reasons, used)


def _earlier_id(examined: Examined, placed: Mapping[str, str]) -> str:
    """The notebook in which most of these executions were stamped, or a new ID.

    Only of cells that have kept their ids: those that were pasted are not of this notebook.
    """
    known = Counter(
        placed[found.recorded.execution]
        for found in examined.matches.values()
        if isinstance(found, Match) and found.tie is Tie.ID and found.recorded.execution in placed
    )
    return known.most_common(1)[0][0] if known else f"urn:uuid:{uuid.uuid4()}"


def _check_version(examined: Examined) -> None:
    for problem in examined.entries.problems:
        if "is newer than" in problem:
            raise NotebookError(
                f"the notebook was sealed by a newer jupyter-mlo ({problem})",
                hint="upgrade: pip install --upgrade jupyter-mlo",
            )


def stamp_of(
    stampers: Mapping[Actor, Signer],
    cell: PresentCell,
    found: Match,
    notebook_id: str,
    now: datetime,
) -> Envelope | str:
    """The stamp for which a record vouches, or why nobody here can make it."""
    recorded = found.recorded
    signer = stampers.get(recorded.actor)
    if signer is None:
        return f"recorded by {recorded.actor}; they must log in and seal"
    if not can_cover(found.observed, found.present):
        return (
            f"{len(found.observed)} of its {found.present} outputs were recorded; "
            "of so many a stamp covers only the first or the last ones"
        )
    executed = Executed(
        execution=recorded.execution,
        count=recorded.count,
        kernel_id=recorded.kernel_id,
        kernel_name=recorded.kernel_name,
        started=from_text(recorded.started),
        finished=from_text(found.state.finished),
        activity=recorded.activity,
        model=recorded.model,
        records=found.records,
        updated_by=found.updated_by,
    )
    try:
        return make_stamp(
            signer, cell.cell, executed, notebook=notebook_id, now=now, observed=found.observed
        )
    except Refused as error:
        return error.message


def _listed(cell: PresentCell, stamps: Mapping[int, Envelope]) -> SealedCell:
    stamp = stamps.get(cell.cell.position)
    if stamp is None:
        return cell.listed
    return cell.listed._replace(stamp=bytes.fromhex(stamp.statement_id))


def _remaining(
    examined: Examined, stamps: Mapping[int, Envelope], reasons: Mapping[int, str]
) -> tuple[tuple[Unvouched, ...], int]:
    """Executed or stamped cells without a stamp that holds, and how many have one."""
    unvouched, kept = [], 0
    for cell in examined.cells:
        position = cell.cell.position
        if position in stamps:
            found = examined.matches.get(position)
            if isinstance(found, Match) and not found.whole:
                reason = f"{found.present - len(found.observed)} of its outputs were not observed"
                unvouched.append(Unvouched(position, Verdict.UNATTRIBUTED, reason))
            continue
        if not (cell.executed or cell.carries_stamp):
            continue
        found_rule = ruling(examined, cell)
        stamped = examined.stamped.get(position)
        holds = stamped is not None and stamped.comparison is not None
        if holds and found_rule.verdict in (
            Verdict.VERIFIED,
            Verdict.UNSEALED,
            Verdict.STRIPPED,
        ):
            kept += 1
            continue
        reason = reasons.get(position) or found_rule.reason
        if found_rule.changed:
            reason = f"{' and '.join(found_rule.changed)} changed; {reason}"
        unvouched.append(Unvouched(position, found_rule.verdict, reason))
    return tuple(unvouched), kept


def _unchanged(
    examined: Examined, whole: Sealable, signer: Signer, meaning: str, of_anybody: bool
) -> bool:
    """Whether the newest seal is this MLO's, or anybody's, and says all that a new one would say.

    Holding what is there says no more than any other meaning does.
    """
    newest = examined.sealed.newest
    if newest is None or examined.problems or older_than_logged(examined):
        return False
    seal = newest.claim.seal
    return (
        (of_anybody or seal.mlo == signer.mlo)
        and meaning in ("held", seal.meaning)
        and seal.cells.root == whole.root
        and (seal.nbformat, seal.kernelspec, seal.widgets)
        == (whole.nbformat, whole.kernelspec, whole.widgets)
    )


def _sealed(
    value: Mapping[str, Any],
    examined: Examined,
    signers: tuple[Signer, ...],
    now: datetime,
    notebook_id: str,
    meaning: str,
    stamps: Mapping[int, Envelope],
    whole: Sealable,
    kept: int,
    unvouched: tuple[Unvouched, ...],
) -> SealedNotebook:
    signer, newest = signers[0], examined.sealed.newest
    stamped = stamped_value(value, stamps)
    older, dropped = older_seals(examined.sealed, stamped, whole.cells, signer.mlo)
    seal = make_seal(
        signer,
        whole,
        notebook=notebook_id,
        parent=examined.entries.parent,
        previous=newest.statement_id if newest is not None else None,
        older=[(entry.envelope.statement_id, entry.positions) for entry in older],
        meaning=meaning,
        now=now,
    )
    chains = chains_for(examined, signers, stamps, older)
    stamped["metadata"] = {
        **stamped.get("metadata", {}),
        MEMBER: notebook_json(
            notebook=notebook_id,
            parent=examined.entries.parent,
            chains=chains,
            newest=(seal, whole.cells),
            older=older,
        ),
    }
    notes = [f"left out, for it does not hold: {problem}" for problem in examined.problems]
    notes += [f"left out: {note}" for note in examined.notes]
    if examined.sealed.refused:
        notes.append(
            f"the last seal was left out, for it does not count here: {examined.sealed.refused}"
        )
    if dropped:
        notes.append(f"{dropped} older seal{'s' if dropped > 1 else ''} left out for want of room")
    return SealedNotebook(
        value=stamped,
        seal=seal,
        to_publish=(*dict.fromkeys(link for one in signers for link in one.chain), seal),
        stamps=stamps,
        kept=kept,
        unvouched=unvouched,
        notes=tuple(notes),
    )


def stamped_value(value: Mapping[str, Any], stamps: Mapping[int, Envelope]) -> dict[str, Any]:
    """A copy of a notebook in which these positions carry these stamps."""
    cells: Sequence[Any] = value["cells"]
    return {
        **value,
        "cells": [
            {**cell, "metadata": {**(cell.get("metadata") or {}), MEMBER: stamp_json(stamps[at])}}
            if at in stamps
            else cell
            for at, cell in enumerate(cells)
        ],
    }
