"""Records at hand that vouch for cells, and when they count more than the stamp that is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from jupyter_mlo.delegation.actor import Actor
from jupyter_mlo.notebook.claims import Claim, Verifier
from jupyter_mlo.notebook.matching import Match, Tie, match
from jupyter_mlo.notebook.present import PresentCell
from jupyter_mlo.notebook.recorded import recorded
from jupyter_mlo.notebook.stamps import Comparison
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.predicates.notebook import Stamp

#: Digests of sources → the records of them, in the order in which they were made.
RecordSource = Callable[[set[bytes]], Iterable[Envelope]]


def matches_for(
    cells: Sequence[PresentCell], records: RecordSource, verifier: Verifier
) -> dict[int, Match | str]:
    """For each executed cell that records speak of: the match, or why there is none.

    A record counts only if somebody answers for it himself; others are passed over.
    """
    executed = [cell for cell in cells if cell.executed and not cell.undigestable]
    if not executed:
        return {}
    found = list(records({cell.listed.source for cell in executed}))
    if not found:
        return {}
    claims: list[Claim] = verifier.claims(found, types.RECORD)
    whole = recorded(
        (claim.statement, claim.attribution.actor)
        for claim in claims
        if claim.statement and claim.attribution and not claim.attribution.lapsed
    )
    sources = {one.source for one in whole}
    return match([cell.to_match(sources) for cell in executed], whole)


def supersedes(found: Match, stamp: Stamp, actor: Actor, holds: Comparison | None) -> bool:
    """Whether a record counts more than the stamp that a cell carries.

    Args:
        found: the record that matches the cell.
        stamp: the stamp, which is valid here.
        actor: whom the stamp names.
        holds: how the stamp compares with the cell.
    """
    if holds is None:
        return True
    if found.recorded.execution == stamp.execution.id:
        if found.recorded.actor != actor:
            return True  # who observed it says whose it was, not who stamps it later
        # The same execution: anew only if more of what is there can be covered now, as after
        # an update of a display, or output that came when the cell had ended. What was altered
        # no record holds: there the stamp stays, and names it.
        if holds.changed or not set(found.updated_by) <= set(stamp.updated_by):
            return found.whole
        return found.present - len(found.observed) < len(holds.unobserved)
    if found.recorded.started <= stamp.started:
        return False
    if holds.changed or holds.stripped or holds.unobserved:
        return True
    # What holds is taken over only by an execution that is known to be of this very cell.
    return found.whole and found.tie >= Tie.REFERENCE
