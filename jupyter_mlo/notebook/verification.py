"""Verifying a notebook: who ran which cell, and was anything changed since.

Everything comes in as an argument: the notebook, whom the verifier trusts, what is at hand
of his own statements, records and ledger, and the clock. Nothing is read or written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.revocation import Logged
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.notebook.alignment import Alignment, align
from jupyter_mlo.notebook.claims import LedgerFacts, Verifier
from jupyter_mlo.notebook.layout import NotebookEntries, read_notebook_entries
from jupyter_mlo.notebook.mandated import out_of_scope
from jupyter_mlo.notebook.matching import Match
from jupyter_mlo.notebook.present import PresentCell, kernelspec_name, present_cells, widgets_digest
from jupyter_mlo.notebook.reading import Notebook, Undigestable
from jupyter_mlo.notebook.remarks import notes_on, numbered, older_than_logged
from jupyter_mlo.notebook.reports import CellReport, NotebookReport, SealReport
from jupyter_mlo.notebook.sealed import Sealed, judge_seals, listed_stamps
from jupyter_mlo.notebook.stamped import Stamped, judge_stamps, stamp_claims
from jupyter_mlo.notebook.used import overused
from jupyter_mlo.notebook.verdicts import CellFacts, Ruling, SealFacts, Verdict, rule
from jupyter_mlo.notebook.vouching import RecordSource, matches_for, supersedes
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types


@dataclass(frozen=True)
class Examined:
    """A notebook with everything that its verdicts rest on."""

    notebook: Notebook
    entries: NotebookEntries
    cells: Sequence[PresentCell]
    sealed: Sealed
    #: How present cells correspond to the newest seal's list; None without a believed one.
    alignment: Alignment | None
    #: Position → its stamp, judged.
    stamped: dict[int, Stamped]
    #: Position → the record that matches the cell, or why records that speak of it do not.
    matches: dict[int, Match | str]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    #: Why the newest seal, though believed, is out of its signer's scope; empty where it is not.
    seal_outside: str = ""
    ledger: LedgerFacts | None = field(default=None, repr=False)


def verify_notebook(
    notebook: Notebook,
    *,
    pool: Pool,
    trust: Trust,
    now: datetime,
    records: RecordSource | None = None,
    ledger: LedgerFacts | None = None,
    workers: int = 1,
) -> NotebookReport:
    """The verdict on a notebook and on each of its cells.

    Args:
        notebook: as :func:`~jupyter_mlo.notebook.reading.read_notebook` gives it; may be hostile.
        pool: enrolments, delegations and revocations at hand beside those in the notebook.
        trust: pins and registrars of the verifier's own configuration.
        now: the verifier's clock.
        records: those of this installation, for cells that are not stamped yet.
        ledger: what the verifier's ledger knows of statements and of newer seals.
        workers: threads for digests.
    """
    return report(
        examine(
            notebook,
            pool=pool,
            trust=trust,
            now=now,
            records=records,
            ledger=ledger,
            workers=workers,
        )
    )


def examine(
    notebook: Notebook,
    *,
    pool: Pool,
    trust: Trust,
    now: datetime,
    records: RecordSource | None = None,
    ledger: LedgerFacts | None = None,
    workers: int = 1,
) -> Examined:
    """Find out everything that verdicts, blame and a new seal rest on; arguments as above."""
    cells = present_cells(notebook, workers)
    entries = read_notebook_entries(notebook.metadata, (cell.listed for cell in cells))
    seals = [entry.envelope for entry in entries.all_seals]
    pool = pool.also(entries.chains)
    logged = _logged(ledger, pool, seals)
    verifier = Verifier(pool, trust, now, logged)
    claims = verifier.claims(seals, types.SEAL)
    sealed = judge_seals(entries, claims, [cell.listed for cell in cells])
    for entry, claim in zip(entries.all_seals, claims, strict=True):
        place = logged.get(entry.envelope.statement_id)
        if place is not None and claim.statement is not None:
            verifier.also_logged(dict.fromkeys(listed_stamps(entry, claim.seal), place))
    alignment = None
    if sealed.newest is not None:
        alignment = align([cell.listed for cell in cells], sealed.newest.cells)
    claimed = stamp_claims(cells, verifier)
    outside = out_of_scope(notebook, cells, claimed, sealed, alignment)
    outside = outside.also(overused(claimed, sealed, ledger, pool, verifier))
    stamped = judge_stamps(cells, claimed, entries, sealed, alignment, outside.stamps)
    return Examined(
        notebook=notebook,
        entries=entries,
        cells=cells,
        sealed=sealed,
        alignment=alignment,
        stamped=stamped,
        matches=matches_for(cells, records, verifier) if records else {},
        problems=(*entries.problems, *verifier.chain_problems(entries.chains), *sealed.problems),
        notes=(*sealed.notes, *outside.notes),
        seal_outside=outside.seal,
        ledger=ledger,
    )


def _logged(
    ledger: LedgerFacts | None, pool: Pool, seals: Sequence[Envelope]
) -> Mapping[str, Logged]:
    """Where the ledger has the seals, and what of the pool stands or falls by when it came."""
    if ledger is None:
        return {}
    return ledger.logged([*(seal.statement_id for seal in seals), *pool.dated()])


def report(examined: Examined) -> NotebookReport:
    """The verdicts that follow from what was found out."""
    cells = tuple(_cell_report(examined, cell) for cell in examined.cells)
    touched = examined.entries.present or any(
        cell.executed or cell.carries_stamp for cell in examined.cells
    )
    rolled_back = older_than_logged(examined)
    checkpoint = examined.ledger.checkpoint if examined.ledger else None
    return NotebookReport(
        notebook=examined.entries.notebook,
        parent=examined.entries.parent,
        seal=_seal_report(examined),
        cells=cells,
        problems=(*examined.problems, *([rolled_back] if rolled_back else [])),
        notes=(
            *examined.notes,
            *notes_on(examined, cells),
        ),
        nothing_executed=not touched,
        checkpoint=dict(checkpoint) if checkpoint else None,
    )


def newer_record(examined: Examined, position: int) -> Match | None:
    """The record that counts more than what the cell at ``position`` carries, if there is one."""
    found = examined.matches.get(position)
    if not isinstance(found, Match):
        return None
    stamped = examined.stamped.get(position)
    if stamped is None or stamped.facts.refused or stamped.claim.attribution is None:
        return found
    claim, actor = stamped.claim, stamped.claim.attribution.actor
    return found if supersedes(found, claim.stamp, actor, stamped.comparison) else None


def ruling(examined: Examined, cell: PresentCell) -> Ruling:
    """The verdict on one cell."""
    position = cell.cell.position
    stamped = examined.stamped.get(position)
    newer = newer_record(examined, position) if examined.matches else None
    return rule(
        CellFacts(
            kind=cell.listed.kind,
            executed=cell.executed,
            undigestable=cell.undigestable,
            stamp=stamped.facts if stamped is not None else None,
            seal=_seal_facts(examined, cell),
            record=""
            if newer is None
            else f"recorded by {newer.recorded.actor} at {newer.recorded.started}, not stamped yet",
            remark=_remark(examined, cell),
        )
    )


def _cell_report(examined: Examined, cell: PresentCell) -> CellReport:
    position = cell.cell.position
    found = ruling(examined, cell)
    stamped = examined.stamped.get(position)
    values: dict[str, object] = {}
    newer = newer_record(examined, position) if examined.matches else None
    if stamped is not None and stamped.claim.attribution and not stamped.facts.refused:
        stamp = stamped.claim.stamp
        values = {
            "assurance": stamped.claim.attribution.assurance,
            "mlo": stamp.mlo,
            "key_id": stamped.claim.attribution.key_id,
            "on_behalf_of": stamped.claim.attribution.on_behalf_of,
            "assistant": stamped.claim.attribution.assistant,
            "remark": stamped.claim.attribution.remark,
            "execution": stamp.execution.id,
            "started": stamp.started,
            "activity": stamp.activity,
            "model": stamp.model,
        }
    elif newer is not None:
        values = {
            "mlo": newer.recorded.actor.mlo,
            "on_behalf_of": newer.recorded.actor.team,
            "assistant": newer.recorded.actor.assistant,
            "execution": newer.recorded.execution,
            "started": newer.recorded.started,
            "activity": newer.recorded.activity,
            "model": newer.recorded.model,
        }
    elif found.verdict in (Verdict.VERIFIED, Verdict.STRIPPED) and examined.sealed.newest:
        attribution = examined.sealed.newest.claim.attribution
        values = {"assurance": attribution.assurance if attribution else None}
    return CellReport(
        position=position,
        id=cell.cell.id,
        kind=cell.listed.kind,
        verdict=found.verdict,
        reason=found.reason,
        changed=found.changed,
        **values,  # type: ignore[arg-type]
    )


def _seal_facts(examined: Examined, cell: PresentCell) -> SealFacts:
    newest, alignment = examined.sealed.newest, examined.alignment
    if newest is None or alignment is None:
        return SealFacts()
    place = alignment.sealed_of[cell.cell.position]
    if place is None:
        return SealFacts(time=newest.time)
    line, now = newest.cells[place], cell.listed
    changed = []
    if line.cell != now.cell:
        if line.kind != now.kind:
            changed.append("type")
        if line.source != now.source:
            changed.append("source")
        elif not changed:
            changed.append("outputs" if now.kind == "code" else "attachments")
    stamp = ""
    if line.stamp is not None and not cell.carries_stamp:
        stamp = "removed"
    elif line.stamp is not None and line.stamp != now.stamp:
        stamp = "exchanged"
    elif line.stamp is None and cell.carries_stamp:
        stamp = "added"
    return SealFacts(newest.time, True, tuple(changed), stamp)


def _remark(examined: Examined, cell: PresentCell) -> str:
    found = examined.matches.get(cell.cell.position)
    remarks = [found] if isinstance(found, str) else []
    if cell.executed and not cell.carries_stamp:
        named = dict.fromkeys(text for _, text in cell.references())
        if named:
            remarks.append(f"its outputs name {', '.join(list(named)[:3])}, which nothing proves")
    return "; ".join(remarks)


def _seal_report(examined: Examined) -> SealReport:
    sealed = examined.sealed
    claim = sealed.claim
    if claim is None:
        parts = [f"{seal.claim.seal.mlo} ({seal.time})" for seal in sealed.older[:2]]
        merged = f"merged from what {' and '.join(parts)} sealed, and not sealed since"
        return SealReport(Verdict.UNSEALED, merged if parts else "nobody has sealed this notebook")
    if sealed.newest is None:
        return SealReport(Verdict.INVALID, sealed.refused, statement_id=claim.envelope.statement_id)
    attribution = claim.attribution
    assert attribution is not None
    changes, stripped = _changes(examined)
    verdict = Verdict.VERIFIED
    if examined.seal_outside:
        verdict = Verdict.INVALID
    elif changes:
        verdict = Verdict.CHANGED
    elif stripped:
        verdict = Verdict.STRIPPED
    return SealReport(
        verdict=verdict,
        reason=examined.seal_outside or ("widget state removed" if stripped else ""),
        changes=tuple(changes),
        assurance=attribution.assurance,
        mlo=attribution.mlo,
        key_id=attribution.key_id,
        on_behalf_of=attribution.on_behalf_of,
        assistant=attribution.assistant,
        succeeds=attribution.succeeds,
        remark=attribution.remark,
        meaning=claim.seal.meaning,
        time=claim.seal.time,
        statement_id=claim.envelope.statement_id,
    )


def _changes(examined: Examined) -> tuple[list[str], bool]:
    """What of the notebook as a whole is not as the newest seal says; whether it was stripped."""
    newest, alignment = examined.sealed.newest, examined.alignment
    assert newest is not None
    assert alignment is not None
    seal = newest.claim.seal
    changes = []
    inserted = [at for at, place in enumerate(alignment.sealed_of) if place is None]
    for word, positions in (
        ("inserted", inserted),
        ("removed", alignment.removed),
        ("moved", alignment.moved),
    ):
        if positions:
            changes.append(f"{numbered(positions)} {word}")
    kernelspec = kernelspec_name(examined.notebook)
    if kernelspec != seal.kernelspec:
        changes.append(f"kernelspec is {kernelspec!r}, was {seal.kernelspec!r}")
    try:
        widgets = widgets_digest(examined.notebook)
    except Undigestable as error:
        return [*changes, f"widget state cannot be digested ({error.reason})"], False
    stripped = widgets is None and seal.widgets is not None
    if widgets != seal.widgets and not stripped:
        changes.append("widget state differs" if seal.widgets else "widget state was added")
    return changes, stripped
