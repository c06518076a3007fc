"""The verdict on one cell, from facts that others found. Pure: one rule, read from top to bottom.

DESIGN, "Verdicts"; what each means to a reader stands in ``docs/verdicts.md``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """The words, as they are shown."""

    VERIFIED = "verified"
    CHANGED = "changed since"
    UNSEALED = "unsealed"
    UNSTAMPED = "unstamped"
    UNATTRIBUTED = "unattributed"
    STRIPPED = "source holds, outputs removed"
    INVALID = "not valid here"


class Ruling(NamedTuple):
    """A verdict with its reason, and for ``changed since`` what changed."""

    verdict: Verdict
    reason: str = ""
    changed: tuple[str, ...] = ()


class StampFacts(NamedTuple):
    """What is known of the stamp that a cell carries."""

    #: Why it is not valid here; empty where an MLO answers for it and it belongs to this cell.
    refused: str = ""
    #: ``source``, ``outputs``: what of the cell is not what was stamped, and in words.
    changed: tuple[str, ...] = ()
    detail: str = ""
    #: Outputs that the stamp does not cover, as a person counts them.
    unobserved: str = ""
    stripped: bool = False
    #: How a light reference in the outputs contradicts the stamp.
    lie: str = ""
    #: A believed seal holds this stamp: the newest, or at least an older one.
    in_newest: bool = False
    in_older: bool = False
    #: When it was made.
    time: str = ""


class SealFacts(NamedTuple):
    """What the newest seal says of a cell. Without a believed seal: nothing (``time`` is empty)."""

    time: str = ""
    #: The cell stands in the seal's list.
    listed: bool = False
    #: What differs from the list: ``type``, ``source``, ``outputs``, ``attachments``.
    changed: tuple[str, ...] = ()
    #: What became of the stamp that it lists: ``""``, ``removed``, ``exchanged`` or ``added``.
    stamp: str = ""


class CellFacts(NamedTuple):
    """All that the rule asks of a cell."""

    #: ``code``, ``markdown``, ``raw`` or empty.
    kind: str
    #: A code cell with outputs or a prompt number.
    executed: bool = False
    #: Why it cannot be digested.
    undigestable: str = ""
    stamp: StampFacts | None = None
    seal: SealFacts = SealFacts()
    #: A record here vouches for the cell as it stands, newer than its stamp: what to do.
    record: str = ""
    #: Why records here that speak of the cell do not vouch for it; or what its outputs claim.
    remark: str = ""


def rule(cell: CellFacts) -> Ruling:
    """The verdict on a cell."""
    if cell.undigestable:
        return _undigestable(cell)
    if cell.stamp is not None:
        return _stamped(cell, cell.stamp)
    if cell.executed and cell.record:
        return Ruling(Verdict.UNSTAMPED, cell.record)
    seal = cell.seal
    if seal.listed and seal.changed == ("outputs",) and not cell.executed and not seal.stamp:
        return Ruling(Verdict.STRIPPED, f"sealed {seal.time}")
    if seal.listed and (seal.changed or seal.stamp == "removed"):
        return _changed_since_seal(seal)
    if cell.executed:
        reason = "executed, and no stamp or record here says by whom"
        return Ruling(Verdict.UNATTRIBUTED, _and(reason, cell.remark))
    if not seal.time:
        return Ruling(Verdict.UNSEALED, "no seal that counts here covers it")
    if not seal.listed:
        return Ruling(Verdict.UNSEALED, f"inserted since the seal of {seal.time}")
    return Ruling(Verdict.VERIFIED)


def _stamped(cell: CellFacts, stamp: StampFacts) -> Ruling:
    if cell.kind != "code":
        if cell.seal.listed and cell.seal.changed:
            return _changed_since_seal(cell.seal)
        return Ruling(Verdict.INVALID, f"a stamp on a cell of type {cell.kind or 'unknown'!r}")
    if stamp.refused:
        return Ruling(Verdict.INVALID, _and(stamp.refused, cell.record))
    if cell.record:
        return Ruling(Verdict.UNSTAMPED, cell.record)
    if cell.seal.listed and cell.seal.stamp == "exchanged":
        reason = f"the seal of {cell.seal.time} lists another stamp here"
        return Ruling(Verdict.CHANGED, _and(reason, stamp.detail), (*stamp.changed, "stamp"))
    if stamp.changed:
        return Ruling(Verdict.CHANGED, _and(f"stamped {stamp.time}", stamp.detail), stamp.changed)
    if stamp.lie:
        return Ruling(Verdict.CHANGED, stamp.lie, ("outputs",))
    if stamp.unobserved:
        if cell.seal.listed and cell.seal.changed:
            return _changed_since_seal(cell.seal, stamp.unobserved)
        reason = f"outputs not observed: {stamp.unobserved}"
        return Ruling(Verdict.UNATTRIBUTED, _and(reason, cell.remark))
    return _holding(cell.seal, stamp)


def _holding(seal: SealFacts, stamp: StampFacts) -> Ruling:
    """The verdict where the stamp holds for all that is left of what it covers."""
    if stamp.in_newest or (stamp.in_older and not seal.time):
        return Ruling(Verdict.STRIPPED if stamp.stripped else Verdict.VERIFIED)
    if not seal.time:
        reason = "stamped, and no seal that counts here covers it"
    elif not seal.listed:
        reason = f"inserted since the seal of {seal.time}"
    else:
        reason = f"stamped since the seal of {seal.time}"
    return Ruling(Verdict.UNSEALED, _and(reason, "outputs removed" if stamp.stripped else ""))


def _undigestable(cell: CellFacts) -> Ruling:
    reason = f"it cannot be digested: {cell.undigestable}"
    if cell.stamp is not None and cell.stamp.refused:
        return Ruling(Verdict.INVALID, _and(cell.stamp.refused, reason))
    if cell.stamp is not None or (cell.seal.listed and cell.seal.changed):
        return Ruling(Verdict.CHANGED, reason, ("source", "outputs"))
    if cell.executed:
        return Ruling(Verdict.UNATTRIBUTED, reason)
    return Ruling(Verdict.UNSEALED, reason)


def _changed_since_seal(seal: SealFacts, detail: str = "") -> Ruling:
    reason = f"sealed {seal.time}"
    changed = seal.changed
    if seal.stamp == "removed":
        reason, changed = f"{reason} with a stamp, which was removed", (*changed, "stamp")
    return Ruling(Verdict.CHANGED, _and(reason, detail), changed)


def _and(reason: str, more: str) -> str:
    return f"{reason}; {more}" if more and reason else reason or more
