"""Whether a statement came in time: before its key was revoked, or before it expired.

DESIGN, "Time". Logged before the revocation, and before the moment since when the key may
have been in other hands: it stands. Without compromise it also stands, and is called late,
where it was logged within the policy's grace. Whatever else is left is ``claimed`` until
its MLO affirms it anew. Pure: places, moments and the grace are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from jupyter_mlo.delegation.scope import CLOCK_TOLERANCE
from jupyter_mlo.statements.times import to_text


@dataclass(frozen=True, slots=True)
class Logged:
    """Where the ledger has a statement, or the seal that contains it.

    ``at`` is the proven time: the latest moment at which it can have been appended, by a
    clock that its signer does not hold; None where nothing proves one. ``after`` is the
    latest moment at which, proven in the same way, the ledger did not have it yet. ``origin``
    names the ledger: an index says nothing beside one of another ledger.
    """

    index: int
    at: datetime | None = None
    after: datetime | None = None
    origin: str = ""


#: In no ledger that the verifier has: nothing of the order is known.
ELSEWHERE: Final = Logged(-1)


class Outcome(StrEnum):
    """What becomes of a statement whose key ended; from best to worst."""

    STANDS = "stands"
    #: It counts, and verdicts say that it came late.
    LATE = "late"
    #: It counts no more than what a stranger says, until it is affirmed anew.
    CLAIMED = "claimed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Timeliness:
    """An outcome, and why; ``why`` is empty where the statement simply stands."""

    outcome: Outcome
    why: str = ""


IN_TIME: Final = Timeliness(Outcome.STANDS)
_ORDER: Final = list(Outcome)


def rank(one: Timeliness) -> int:
    """The higher, the less is left."""
    return _ORDER.index(one.outcome)


def worst(*found: Timeliness) -> Timeliness:
    """The one that decides, where several things ended in one chain."""
    return max(found, key=rank, default=IN_TIME)


def after_revocation(
    *,
    claimed: datetime,
    logged: Logged | None,
    revoked: datetime,
    revocation_logged: Logged | None,
    compromised_since: datetime | None,
    grace: timedelta,
    now: datetime,
) -> Timeliness:
    """What a revocation leaves of a statement.

    Args:
        claimed: the statement's own time.
        logged: where the ledger has the statement.
        revoked: the revocation's own time.
        revocation_logged: where the ledger has the revocation; None where it is known from
            elsewhere only, and so comes after all that the ledger has. Where it is in another
            ledger than the statement, proven times must show that the statement was first.
        compromised_since: since when the key may have been in other hands.
        grace: how late it may have been logged.
        now: the verifier's clock: what the ledger has was logged by then, whatever proves it.
    """
    if claimed > revoked + CLOCK_TOLERANCE:
        return Timeliness(Outcome.REFUSED, f"it says it was made at {to_text(claimed)}, after that")
    if logged is None:
        return Timeliness(Outcome.CLAIMED, "the ledger does not show that it was made before that")
    came_after = revocation_logged is not None and not is_before(logged, revocation_logged)
    if compromised_since is not None:
        why = _perhaps_anothers(claimed, logged, compromised_since)
        if why or not came_after:
            return Timeliness(Outcome.CLAIMED, why) if why else IN_TIME
    if not came_after:
        return IN_TIME
    assert revocation_logged is not None
    if logged.origin == revocation_logged.origin:
        where = (
            f"it came into the ledger after that (entry {logged.index}, the revocation is "
            f"entry {revocation_logged.index})"
        )
    else:
        where = (
            f"it is not proven to be older (entry {logged.index} of {logged.origin}, which does "
            "not show the revocation)"
        )
    if compromised_since is None and (logged.at or now) <= revoked + grace:
        return Timeliness(Outcome.LATE, f"{where}, within the grace of {_days(grace)}")
    return Timeliness(Outcome.CLAIMED, where)


def is_before(one: Logged, other: Logged) -> bool:
    """Whether ``one`` is proven to have been logged before ``other``.

    By the order of the one ledger that has both; else by moments that both ledgers prove.
    """
    if one.origin == other.origin:
        return one.index < other.index
    return one.at is not None and other.after is not None and one.at <= other.after


def _perhaps_anothers(claimed: datetime, logged: Logged, since: datetime) -> str:
    if claimed >= since:
        return f"the key may have been in other hands since {to_text(since)}"
    if logged.at is None or logged.at >= since:
        return (
            f"it is not proven to be older than {to_text(since)}, when the key came into "
            "other hands"
        )
    return ""


def after_expiry(
    *, logged: Logged | None, ended: datetime, grace: timedelta, what: str = "delegation"
) -> Timeliness:
    """What the end of a delegation's or membership's time leaves of a statement made within it.

    A statement is late only where that is proven: that nobody proves when an entry was
    logged is so in every ledger without witnesses, and is no fault of the entry.
    """
    if logged is None or logged.after is None or logged.after <= ended + CLOCK_TOLERANCE:
        return IN_TIME
    where = (
        f"its {what} ended at {to_text(ended)}, and at {to_text(logged.after)} the ledger "
        "did not have it yet"
    )
    if logged.at is not None and logged.at <= ended + grace:
        return Timeliness(Outcome.LATE, f"{where}; within the grace of {_days(grace)}")
    return Timeliness(Outcome.CLAIMED, where)


def _days(grace: timedelta) -> str:
    hours = grace.total_seconds() / 3600
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} hours"
