"""The stamps that cells carry, judged: valid here, of this cell, of what is there?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from jupyter_mlo.notebook.alignment import Alignment
from jupyter_mlo.notebook.claims import FORGED, Claim, Verifier
from jupyter_mlo.notebook.layout import NotebookEntries, reference
from jupyter_mlo.notebook.present import PresentCell
from jupyter_mlo.notebook.sealed import Sealed
from jupyter_mlo.notebook.stamps import Comparison, compare
from jupyter_mlo.notebook.verdicts import StampFacts
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types


class Stamped(NamedTuple):
    """A cell's stamp: the claim, how it compares with the cell, and the facts for the rule."""

    claim: Claim
    #: None where the stamp is not valid here, so that comparing would say nothing.
    comparison: Comparison | None
    facts: StampFacts


def judge_stamps(
    cells: Sequence[PresentCell],
    claims: Mapping[int, Claim],
    entries: NotebookEntries,
    sealed: Sealed,
    alignment: Alignment | None,
    outside: Mapping[int, str],
) -> dict[int, Stamped]:
    """Position → its stamp, judged; cells without a stamp are left out.

    Args:
        claims: position → the stamp that the cell there carries, if it can be read.
        outside: position → why its stamp is out of scope.
    """
    refusals = {
        position: why
        for position, claim in claims.items()
        if (why := claim.refused or outside.get(position) or _foreign(claim, entries))
    }
    copies = _copies(claims, refusals, sealed, alignment, cells)
    places = _places(sealed)
    older = {line.stamp for seal in sealed.older for line in seal.lines() if line.stamp}
    found = {}
    for cell in cells:
        position = cell.cell.position
        claim = claims.get(position)
        if claim is None:
            if cell.stamp_problem:
                facts = StampFacts(refused=f"{FORGED}: {cell.stamp_problem}")
                found[position] = Stamped(_unreadable(), None, facts)
            continue
        refused = refusals.get(position) or copies.get(position, "")
        comparison = None
        if not refused:
            comparison = compare(claim.stamp, claim.subject("mloCellV1"), cell.cell)
            refused = _exchanged(claim, comparison, position, places, alignment)
        found[position] = Stamped(
            claim,
            None if refused else comparison,
            _facts(claim, cell, comparison, refused, places, older),
        )
    return found


def stamp_claims(cells: Sequence[PresentCell], verifier: Verifier) -> dict[int, Claim]:
    """Position → what the stamp there claims, and who answers for it."""
    stamping = [cell for cell in cells if cell.stamp is not None]
    claims = verifier.claims([cell.stamp for cell in stamping if cell.stamp], types.STAMP)
    return {cell.cell.position: claim for cell, claim in zip(stamping, claims, strict=True)}


def _unreadable() -> Claim:
    return Claim(Envelope(b"", "", b""), None, None, FORGED, forged=True)


def _places(sealed: Sealed) -> dict[bytes, int]:
    """Stamp → where the newest seal lists it."""
    if sealed.newest is None:
        return {}
    return {line.stamp: at for at, line in enumerate(sealed.newest.cells) if line.stamp}


def _foreign(claim: Claim, entries: NotebookEntries) -> str:
    made_for = claim.stamp.notebook
    if made_for == entries.notebook:
        return ""
    if made_for == entries.parent:
        return f"copied: made for the notebook from which this one was run ({made_for})"
    return f"copied: made for another notebook ({made_for})"


def _copies(
    claims: Mapping[int, Claim],
    refusals: dict[int, str],
    sealed: Sealed,
    alignment: Alignment | None,
    cells: Sequence[PresentCell],
) -> dict[int, str]:
    """An execution is of one cell: of several that carry its stamp, all but one have a copy."""
    carrying: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for position, claim in claims.items():
        if position not in refusals:
            carrying[claim.stamp.mlo, claim.stamp.execution.id].append(position)
    found = {}
    for positions in carrying.values():
        if len(positions) < 2:
            continue
        keeper = min(
            positions,
            key=lambda at: (
                not _at_sealed_place(at, claims[at], sealed, alignment),
                claims[at].stamp.cell.id != cells[at].cell.id,
                claims[at].stamp.cell.position != at,
                at,
            ),
        )
        for position in positions:
            if position != keeper:
                found[position] = f"copied: this is the stamp of cell {keeper + 1}"
    return found


def _at_sealed_place(
    position: int, claim: Claim, sealed: Sealed, alignment: Alignment | None
) -> bool:
    if sealed.newest is None or alignment is None:
        return False
    place = alignment.sealed_of[position]
    if place is None:
        return False
    stamp = sealed.newest.cells[place].stamp
    return stamp is not None and stamp.hex() == claim.envelope.statement_id


def _exchanged(
    claim: Claim,
    comparison: Comparison,
    position: int,
    places: dict[bytes, int],
    alignment: Alignment | None,
) -> str:
    """Whether the stamp does not fit its cell because it is sealed as another's."""
    if not comparison.changed or alignment is None:
        return ""
    place = places.get(bytes.fromhex(claim.envelope.statement_id))
    if place is None or alignment.sealed_of[position] == place:
        return ""
    return f"copied: the seal lists this stamp for the cell that was cell {place + 1}"


def _facts(
    claim: Claim,
    cell: PresentCell,
    comparison: Comparison | None,
    refused: str,
    places: dict[bytes, int],
    older: set[bytes],
) -> StampFacts:
    if refused or comparison is None:
        return StampFacts(refused=refused)
    stamp_id = cell.listed.stamp
    assert stamp_id is not None
    return StampFacts(
        changed=comparison.changed,
        detail=comparison.detail,
        unobserved=_counted(comparison.unobserved),
        stripped=comparison.stripped,
        in_newest=stamp_id in places,
        in_older=stamp_id in older,
        time=claim.stamp.started,
        # An output that no record holds may well carry another execution's reference.
        lie="" if comparison.changed or comparison.unobserved else _lie(claim, cell.references()),
    )


def _lie(claim: Claim, references: Iterable[tuple[int, str]]) -> str:
    stamp = claim.stamp
    executions = (stamp.execution.id, *stamp.updated_by)
    own = [reference(stamp.mlo, execution) for execution in executions]
    for at, found in references:
        if found not in own:
            return f"the reference of output {at + 1} is {found}, the stamp's is {own[0]}"
    return ""


def _counted(positions: Sequence[int]) -> str:
    more = "…" if len(positions) > 12 else ""
    return ", ".join(str(at + 1) for at in positions[:12]) + more
