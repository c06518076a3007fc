"""Whether a statement came in time: the rule as a table, for revocation and for expiry."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from jupyter_mlo.delegation.in_time import (
    IN_TIME,
    Logged,
    Outcome,
    Timeliness,
    after_expiry,
    after_revocation,
    worst,
)
from jupyter_mlo.delegation.scope import CLOCK_TOLERANCE
from tests.delegation.actors import NOW, hours

GRACE = timedelta(days=7)
BEFORE, AFTER = NOW - hours(2), NOW + hours(2)
SINCE = NOW - hours(1)
TICK = timedelta(milliseconds=1)
FIRST, REVOCATION, LAST = Logged(5, BEFORE), Logged(9, NOW), Logged(11, AFTER)
UNTIMED, UNTIMED_LAST = Logged(5), Logged(11)
#: The verifier's clock: a month later.
VERIFIED = NOW + timedelta(days=30)
STANDS, LATE, CLAIMED, REFUSED = Outcome


@pytest.mark.parametrize(
    ("claimed", "logged", "revocation", "since", "now", "outcome", "why"),
    [
        # logged before the revocation
        (BEFORE, FIRST, REVOCATION, None, VERIFIED, STANDS, ""),
        (BEFORE, UNTIMED, REVOCATION, None, VERIFIED, STANDS, ""),
        (BEFORE, FIRST, None, None, VERIFIED, STANDS, ""),
        (NOW, FIRST, REVOCATION, None, VERIFIED, STANDS, ""),
        # logged after it: late within the grace
        (BEFORE, LAST, REVOCATION, None, VERIFIED, LATE, "grace of 7 days"),
        (BEFORE, Logged(11, NOW + GRACE), REVOCATION, None, VERIFIED, LATE, "entry 11"),
        (BEFORE, REVOCATION, REVOCATION, None, VERIFIED, LATE, "came into the ledger after"),
        (BEFORE, UNTIMED_LAST, REVOCATION, None, NOW + GRACE, LATE, "grace"),
        # after the grace, or not provably within it, or nowhere
        (BEFORE, Logged(11, NOW + GRACE + TICK), REVOCATION, None, VERIFIED, CLAIMED, "entry 11"),
        (BEFORE, UNTIMED_LAST, REVOCATION, None, NOW + GRACE + TICK, CLAIMED, "came into"),
        (BEFORE, None, REVOCATION, None, VERIFIED, CLAIMED, "does not show"),
        (BEFORE, None, None, None, NOW, CLAIMED, "does not show"),
        # by its own word after it
        (AFTER, FIRST, REVOCATION, None, VERIFIED, REFUSED, "after that"),
        (AFTER, FIRST, None, None, VERIFIED, REFUSED, "after that"),
        (AFTER, LAST, REVOCATION, None, VERIFIED, REFUSED, "after that"),
        (AFTER, FIRST, REVOCATION, SINCE, VERIFIED, REFUSED, "after that"),
        (NOW + CLOCK_TOLERANCE, FIRST, REVOCATION, None, VERIFIED, STANDS, ""),
        (NOW + CLOCK_TOLERANCE + TICK, FIRST, REVOCATION, None, VERIFIED, REFUSED, "after that"),
        # compromised since before the revocation
        (BEFORE, FIRST, REVOCATION, SINCE, VERIFIED, STANDS, ""),
        (BEFORE, FIRST, None, SINCE, VERIFIED, STANDS, ""),
        (SINCE, FIRST, REVOCATION, SINCE, VERIFIED, CLAIMED, "other hands since"),
        (NOW, Logged(5, NOW), REVOCATION, SINCE, VERIFIED, CLAIMED, "other hands since"),
        # backdated: it says before, and the ledger had it only afterwards
        (BEFORE, Logged(6, SINCE), REVOCATION, SINCE, VERIFIED, CLAIMED, "not proven to be older"),
        (BEFORE, Logged(6, NOW), REVOCATION, SINCE, VERIFIED, CLAIMED, "not proven to be older"),
        (BEFORE, UNTIMED, REVOCATION, SINCE, VERIFIED, CLAIMED, "not proven to be older"),
        # no grace for what a thief may have made
        (BEFORE, LAST, REVOCATION, SINCE, NOW, CLAIMED, "not proven to be older"),
        (BEFORE, Logged(11, BEFORE), REVOCATION, SINCE, NOW, CLAIMED, "came into the ledger after"),
        (BEFORE, None, REVOCATION, SINCE, NOW, CLAIMED, "does not show"),
    ],
)
def test_what_a_revocation_leaves(
    claimed: datetime,
    logged: Logged | None,
    revocation: Logged | None,
    since: datetime | None,
    now: datetime,
    outcome: Outcome,
    why: str,
) -> None:
    found = after_revocation(
        claimed=claimed,
        logged=logged,
        revoked=NOW,
        revocation_logged=revocation,
        compromised_since=since,
        grace=GRACE,
        now=now,
    )
    assert found.outcome is outcome, found.why
    assert why in found.why
    assert bool(found.why) is bool(why)


@pytest.mark.parametrize(
    ("logged", "outcome"),
    [
        (None, STANDS),
        (Logged(5), STANDS),
        # proven in time, or not proven late: before there were witnesses nobody proved anything
        (Logged(5, BEFORE), STANDS),
        (Logged(5, VERIFIED), STANDS),
        (Logged(5, AFTER, NOW), STANDS),
        (Logged(5, AFTER, NOW + CLOCK_TOLERANCE), STANDS),
        # proven late
        (Logged(5, AFTER, NOW + CLOCK_TOLERANCE + TICK), LATE),
        (Logged(5, NOW + GRACE, AFTER), LATE),
        (Logged(5, NOW + GRACE + TICK, AFTER), CLAIMED),
        (Logged(5, None, AFTER), CLAIMED),
    ],
)
def test_what_the_end_of_a_delegation_leaves(logged: Logged | None, outcome: Outcome) -> None:
    assert after_expiry(logged=logged, ended=NOW, grace=GRACE).outcome is outcome


def test_a_shorter_grace_is_shorter() -> None:
    def outcome(grace: timedelta) -> Outcome:
        return after_revocation(
            claimed=BEFORE,
            logged=LAST,
            revoked=NOW,
            revocation_logged=REVOCATION,
            compromised_since=None,
            grace=grace,
            now=VERIFIED,
        ).outcome

    assert [outcome(hours(count)) for count in (0, 1, 2)] == [CLAIMED, CLAIMED, LATE]


def test_the_worst_of_several_decides() -> None:
    late, claimed = Timeliness(LATE, "a"), Timeliness(CLAIMED, "b")
    assert worst() is IN_TIME
    assert worst(IN_TIME, late, claimed) is claimed
    assert worst(late, IN_TIME) is late


@pytest.mark.parametrize(
    ("at", "after", "outcome"),
    [
        (BEFORE, BEFORE, STANDS),  # proven to be there before the other ledger had the revocation
        (BEFORE, BEFORE - TICK, LATE),
        (BEFORE, None, LATE),
        (None, AFTER, CLAIMED),
        (NOW + GRACE + TICK, BEFORE, CLAIMED),
    ],
)
def test_an_index_says_nothing_beside_one_of_another_ledger(
    at: datetime | None, after: datetime | None, outcome: Outcome
) -> None:
    for first, second in ((5, 9), (9, 5)):
        found = after_revocation(
            claimed=BEFORE,
            logged=Logged(first, at, origin="one.example"),
            revoked=NOW,
            revocation_logged=Logged(second, AFTER, after, origin="two.example"),
            compromised_since=None,
            grace=GRACE,
            now=NOW + GRACE + TICK,
        )
        assert found.outcome == outcome
