"""Giving cells back the stamps that a tool took away, from stamps that were kept elsewhere.

Only a stamp that somebody answers for, that was made for this notebook, and that is of the cell
as it stands comes back. Pure; whoever has stamps hands them in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.notebook.claims import Claim, Verifier
from jupyter_mlo.notebook.digests import short
from jupyter_mlo.notebook.layout import (
    MARKED,
    MEMBER,
    VERSION,
    SealEntry,
    read_reference,
    reference,
)
from jupyter_mlo.notebook.merging import ordered_chains
from jupyter_mlo.notebook.present import PresentCell
from jupyter_mlo.notebook.sealing import stamped_value
from jupyter_mlo.notebook.seals import cells_root
from jupyter_mlo.notebook.stamps import Comparison, compare
from jupyter_mlo.notebook.verification import Examined
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import Statement


@dataclass(frozen=True)
class Restored:
    """A notebook with what came back."""

    value: dict[str, Any]
    notebook: str | None
    #: Position → the stamp that came back.
    stamps: Mapping[int, Envelope]
    #: Light references that were put back into outputs.
    references: int
    #: The notebook's newest seal is there again, and covers it as it is.
    sealed: bool
    #: Position and reason, of executed cells for which nothing came back.
    missing: tuple[tuple[int, str], ...]

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.stamps or self.references or self.sealed)


@dataclass(frozen=True)
class _Fit:
    """A stamp that is of a cell as it stands."""

    claim: Claim
    comparison: Comparison
    same_id: bool
    same_place: bool

    @property
    def execution(self) -> tuple[str, str]:
        return self.claim.stamp.mlo, self.claim.stamp.execution.id

    @property
    def rank(self) -> tuple[bool, bool, str, str]:
        stamp = self.claim.stamp
        return self.same_id, self.same_place, stamp.started, stamp.time


def restore_examined(
    value: Mapping[str, Any],
    examined: Examined,
    stamps: Iterable[Envelope],
    *,
    pool: Pool,
    trust: Trust,
    now: datetime,
    seal: Claim | None = None,
) -> Restored:
    """Put stamps back into a notebook that has been examined: this ``value``, as it is.

    Args:
        stamps: all that are at hand and may be of these cells.
        pool: enrolments, delegations and revocations at hand.
        seal: the newest seal of the notebook that is known elsewhere.
    """
    unique = {stamp.statement_id: stamp for stamp in stamps}
    claims = Verifier(pool, trust, now).claims(list(unique.values()), types.STAMP)
    kept = _kept(examined)
    targets = [
        cell
        for cell in examined.cells
        if cell.listed.kind == "code" and not cell.undigestable and cell.cell.position not in kept
    ]
    fits, refused = _fits(targets, claims)
    notebook = examined.entries.notebook or _notebook_of(fits)
    chosen = _choose(targets, fits, notebook, {kept[at].execution_id for at in kept})
    restored = {at: fit.claim.envelope for at, fit in chosen.items()}
    result = stamped_value(value, restored)
    marked = sum(
        _mark(result, at, fit.claim, fit.comparison.unobserved) for at, fit in chosen.items()
    )
    marked += sum(_mark(result, at, one.claim, one.unobserved) for at, one in kept.items())
    needed = [fit.claim for fit in chosen.values()]
    sealed = False
    if restored and notebook is not None:
        entry, sealed = _entry(value, examined, notebook, _chains(needed, pool), restored, seal)
        result["metadata"] = {**result.get("metadata", {}), MEMBER: entry}
    return Restored(
        value=result,
        notebook=notebook,
        stamps=restored,
        references=marked,
        sealed=sealed,
        missing=tuple(_missing(targets, restored, fits, refused, notebook)),
    )


@dataclass(frozen=True)
class _Kept:
    claim: Claim
    execution_id: tuple[str, str]
    unobserved: tuple[int, ...]


def _kept(examined: Examined) -> dict[int, _Kept]:
    """The cells whose own stamp holds: they need none, and theirs go to no other cell."""
    found = {}
    for at, stamped in examined.stamped.items():
        comparison = stamped.comparison
        if comparison is not None and not comparison.changed:
            stamp = stamped.claim.stamp
            one = (stamp.mlo, stamp.execution.id)
            found[at] = _Kept(stamped.claim, one, comparison.unobserved)
    return found


def _fits(
    targets: Sequence[PresentCell], claims: Sequence[Claim]
) -> tuple[dict[int, list[_Fit]], dict[int, str]]:
    """For each cell the stamps that are of it; and why one of its source is not."""
    by_source: dict[str, list[Claim]] = {}
    for claim in claims:
        if claim.statement is not None:
            by_source.setdefault(claim.stamp.source, []).append(claim)
    fits: dict[int, list[_Fit]] = {}
    refused: dict[int, str] = {}
    for cell in targets:
        at = cell.cell.position
        for claim in by_source.get(short(cell.listed.source), ()):
            if claim.refused:
                refused[at] = claim.refused
                continue
            stamp = claim.stamp
            comparison = compare(stamp, claim.subject("mloCellV1"), cell.cell)
            same_id = stamp.cell.id is not None and stamp.cell.id == cell.cell.id
            if comparison.changed:
                refused.setdefault(at, f"{' and '.join(comparison.changed)} changed since")
            elif comparison.stripped and not same_id:
                continue  # code alone is no sign of which execution it was
            else:
                same_place = stamp.cell.position == at
                fits.setdefault(at, []).append(_Fit(claim, comparison, same_id, same_place))
    return fits, refused


def _notebook_of(fits: Mapping[int, Sequence[_Fit]]) -> str | None:
    """The notebook for which most cells have a stamp: first those that have kept their ids."""
    for exact in (True, False):
        count: dict[str, int] = {}
        for each in fits.values():
            for notebook in {fit.claim.stamp.notebook for fit in each if fit.same_id or not exact}:
                count[notebook] = count.get(notebook, 0) + 1
        if count:
            return max(count, key=lambda name: (count[name], name))
    return None


def _choose(
    targets: Sequence[PresentCell],
    fits: Mapping[int, Sequence[_Fit]],
    notebook: str | None,
    taken: set[tuple[str, str]],
) -> dict[int, _Fit]:
    """Which cell gets which stamp: an execution is of one cell."""
    ranked = sorted(
        (
            (fit.rank, -cell.cell.position, fit)
            for cell in targets
            for fit in fits.get(cell.cell.position, ())
            if fit.claim.stamp.notebook == notebook
        ),
        key=lambda one: one[:2],
        reverse=True,
    )
    chosen: dict[int, _Fit] = {}
    for _, negative, fit in ranked:
        at = -negative
        if at not in chosen and fit.execution not in taken:
            chosen[at] = fit
            taken.add(fit.execution)
    return chosen


def _mark(value: dict[str, Any], at: int, claim: Claim, unobserved: Sequence[int]) -> int:
    """Put the light reference back where it is missing; how often that was."""
    text = reference(claim.stamp.mlo, claim.stamp.execution.id)
    outputs, done, merged, last = [], 0, -1, None
    for output in value["cells"][at].get("outputs") or ():
        stream = output.get("name", "stdout") if output.get("output_type") == "stream" else None
        merged += stream is None or stream != last
        last = stream
        if (
            output.get("output_type") in MARKED
            and merged not in unobserved
            and read_reference(output) is None
            and MEMBER not in (output.get("metadata") or {})
        ):
            output = {**output, "metadata": {**(output.get("metadata") or {}), MEMBER: text}}
            done += 1
        outputs.append(output)
    if done:
        value["cells"][at] = {**value["cells"][at], "outputs": outputs}
    return done


def _entry(
    value: Mapping[str, Any],
    examined: Examined,
    notebook: str,
    chains: Sequence[Envelope],
    restored: Mapping[int, Envelope],
    seal: Claim | None,
) -> tuple[dict[str, Any], bool]:
    """``nb.metadata.mlo`` with these chains; what else stood there stays."""
    entries = examined.entries
    entry: dict[str, Any] = {"version": VERSION, "notebook": notebook}
    parent = entries.parent
    sealed = False
    seals: list[Any] = []
    if entries.notebook is not None and isinstance(value["metadata"].get(MEMBER), Mapping):
        seals = value["metadata"][MEMBER].get("seals", [])
    if not seals and seal is not None and not seal.refused and seal.seal.notebook == notebook:
        parent = seal.seal.parent
        listed = [
            cell.listed._replace(stamp=bytes.fromhex(restored[at].statement_id))
            if (at := cell.cell.position) in restored
            else cell.listed
            for cell in examined.cells
        ]
        if seal.seal.older is None and short(cells_root(listed)) == seal.seal.cells.root:
            seals = [SealEntry(seal.envelope, tuple(listed)).to_json()]
            sealed = True
    if parent is not None:
        entry["parent"] = parent
    links = ordered_chains(entries.chains, chains)
    entry["chains"] = [link.to_json() for link in links]
    entry["seals"] = seals
    if not seals and entries.merged:
        entry["merged"] = [each.to_json() for each in entries.merged]
    return entry, sealed


def _chains(claims: Iterable[Claim], pool: Pool) -> list[Envelope]:
    """Enrolments and delegations in the pool that these need."""
    found: dict[str, Envelope] = {}
    for claim in claims:
        name = claim.statement.delegation if claim.statement is not None else None
        while name and name not in found and (held := pool.delegations.get(name)):
            found[name] = held[0].envelope
            name = held[0].delegation
        for enrolment in pool.enrolments.get(claim.stamp.mlo, ()):
            for each in (enrolment, *_signers(enrolment, pool)):
                found.setdefault(each.statement_id, each.envelope)
    return list(found.values())


def _signers(enrolment: Statement, pool: Pool) -> Sequence[Statement]:
    """By what a registrar's key, which signed an enrolment, binds itself."""
    return pool.own_enrolments(enrolment.key_id)


def _missing(
    targets: Sequence[PresentCell],
    restored: Mapping[int, Envelope],
    fits: Mapping[int, Sequence[_Fit]],
    refused: Mapping[int, str],
    notebook: str | None,
) -> Iterable[tuple[int, str]]:
    for cell in targets:
        at = cell.cell.position
        if at in restored or not (cell.executed or cell.carries_stamp):
            continue
        others = {fit.claim.stamp.notebook for fit in fits.get(at, ())} - {notebook}
        if others:
            yield at, f"stamped in another notebook ({', '.join(sorted(others))})"
        elif at in fits:
            yield at, "its execution is another cell's"
        else:
            yield at, refused.get(at, "no stamp of it was kept here")
