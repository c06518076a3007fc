"""What the seals in a notebook say, as far as they may be believed.

A seal counts if somebody answers for it, it is of this notebook, and what was kept of its list
of cells leads to the root that it signed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jupyter_mlo.notebook.claims import FORGED, Claim
from jupyter_mlo.notebook.digests import from_short, short
from jupyter_mlo.notebook.layout import NotebookEntries, SealEntry
from jupyter_mlo.notebook.seals import Proof, SealedCell, cells_root, notebook_digest, older_json
from jupyter_mlo.statements.predicates.notebook import Seal


@dataclass(frozen=True)
class Believed:
    """A seal that counts, and the lines of its list that are proven."""

    claim: Claim
    #: The whole list, where it was kept: beside the newest seal always.
    cells: tuple[SealedCell, ...] = ()
    proofs: tuple[Proof, ...] = ()

    @property
    def time(self) -> str:
        """When its signer says that it was made."""
        return self.claim.seal.time

    @property
    def statement_id(self) -> str:
        """Its statement ID, hex."""
        return self.claim.envelope.statement_id

    def lines(self) -> Iterator[SealedCell]:
        """Every line that is proven."""
        yield from self.cells
        yield from (proof.cell for proof in self.proofs)


@dataclass(frozen=True)
class Sealed:
    """The seals of one notebook."""

    newest: Believed | None = None
    #: Newest first.
    older: tuple[Believed, ...] = ()
    #: The newest seal's claim, believed or not; None where there is no seal.
    claim: Claim | None = None
    #: Why the newest seal does not count; empty where it does, and where there is none.
    refused: str = ""
    #: What of the seals is not as it was, in words: each is an alteration.
    problems: tuple[str, ...] = ()
    #: What else a reader should know.
    notes: tuple[str, ...] = ()

    def believed(self) -> Iterator[Believed]:
        """All seals that count, newest first."""
        if self.newest is not None:
            yield self.newest
        yield from self.older

    def newest_time(self) -> str:
        """When the newest seal that counts was made; empty where that is not the last one."""
        return self.newest.time if self.newest is not None else ""


def judge_seals(
    entries: NotebookEntries, claims: Sequence[Claim], present: Sequence[SealedCell]
) -> Sealed:
    """Hold the seals that stand in a notebook against each other and against their lists.

    Args:
        claims: those of ``entries.all_seals``, in order.
        present: the notebook's cells as they are now.
    """
    if not claims:
        return Sealed()
    problems: list[str] = []
    notes: list[str] = []
    newest, refused, first = None, "", 0
    if entries.seals:
        newest, refused = _newest(entries, claims[0], entries.seals[0], present, problems)
        first = 1
    older = []
    for claim, entry in zip(claims[first:], entries.all_seals[first:], strict=True):
        why = _refusal(claim, entries)
        where = f"an older seal ({claim.envelope.statement_id[:12]})"
        if claim.refused and not claim.forged:
            notes.append(f"{where} does not count here: {why}")
        elif why or entry.problem:
            problems.append(f"{where}: {why or entry.problem}")
        else:
            older.append(_older(claim, entry, where, problems))
    if newest is not None:
        _check_older(newest.claim, entries, problems)
    latest = claims[0] if entries.seals else None
    return Sealed(newest, tuple(older), latest, refused, tuple(problems), tuple(notes))


def listed_stamps(entry: SealEntry, seal: Seal) -> list[str]:
    """The stamps (hex) that a seal provably lists, whoever made it.

    Where the ledger has the seal, it had them: for that nobody needs to believe the seal.
    """
    root = from_short(seal.cells.root)
    lines: list[SealedCell] = []
    if entry.cells is not None:
        if len(entry.cells) == seal.cells.count and cells_root(entry.cells) == root:
            lines = list(entry.cells)
    else:
        lines = [proof.cell for proof in entry.proofs if proof.holds(seal.cells.count, root)]
    return [line.stamp.hex() for line in lines if line.stamp]


def _older(claim: Claim, entry: SealEntry, where: str, problems: list[str]) -> Believed:
    seal = claim.seal
    root = from_short(seal.cells.root)
    if entry.cells is not None:
        if len(entry.cells) == seal.cells.count and cells_root(entry.cells) == root:
            return Believed(claim, cells=entry.cells)
        problems.append(f"{where}: its list of cells does not lead to the signed root")
        return Believed(claim)
    holding = []
    for proof in entry.proofs:
        if proof.holds(seal.cells.count, root):
            holding.append(proof)
        else:
            problems.append(
                f"{where}: the proof of its cell {proof.position + 1} does not lead to the "
                "signed root"
            )
    return Believed(claim, proofs=tuple(holding))


def _check_older(newest: Claim, entries: NotebookEntries, problems: list[str]) -> None:
    """Whether the older seals are those that the newest one was made beside."""
    kept = newest.seal.older
    there = older_json(
        [(entry.envelope.statement_id, entry.positions) for entry in entries.seals[1:]]
    )
    if there != (kept.model_dump() if kept is not None else None):
        problems.append(
            "the older seals, or their proofs, are not those that the newest seal names "
            f"({len(entries.seals) - 1} stand there, it names {kept.count if kept else 0})"
        )


def _refusal(claim: Claim, entries: NotebookEntries) -> str:
    if claim.refused:
        return claim.refused
    seal = claim.seal
    if seal.notebook != entries.notebook:
        return f"copied: it seals another notebook ({seal.notebook})"
    digest = notebook_digest(
        seal.cells.count, seal.cells.root, seal.nbformat, seal.kernelspec, seal.widgets
    )
    if claim.subject("mloNotebookV1") != digest:
        return f"{FORGED}: its subject is not what it says of the notebook"
    return ""


def _newest(
    entries: NotebookEntries,
    claim: Claim,
    entry: SealEntry,
    present: Sequence[SealedCell],
    problems: list[str],
) -> tuple[Believed | None, str]:
    why = _refusal(claim, entries)
    if why:
        return None, why
    seal = claim.seal
    if seal.parent != entries.parent:
        problems.append(f"metadata.mlo.parent is {entries.parent}, and the seal says {seal.parent}")
    for cells in (entry.cells, tuple(present)):
        if cells is None or len(cells) != seal.cells.count:
            continue
        if short(cells_root(cells)) == seal.cells.root:
            if cells is not entry.cells:
                problems.append("the list of cells beside the newest seal was altered")
            return Believed(claim, cells=cells), ""
    what = entry.problem or "the list of cells beside it does not lead to the signed root"
    return None, f"altered: {what}"
