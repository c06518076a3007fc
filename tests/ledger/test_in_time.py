"""When a key ended, and when the ledger got what it signed: each case, in a real ledger.

The ledger cosigns its checkpoints with its clock's time, so that what is appended now is proven to
be of now; the revocations are as old as each case says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jupyter_mlo.delegation.affirmation import affirm
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.ledger.statements import check_statements
from jupyter_mlo.ledger.store import Ledger
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.times import to_text
from tests.delegation.actors import Hand, hours, person, pinned, trusting

DAY = timedelta(days=1)
EARLIER = -hours(0.5)


class Case:
    """Ada with a session, what she says in it, and how one of the two ended some time ago."""

    def __init__(self, ago: timedelta, *, says: timedelta = EARLIER) -> None:
        self.now = datetime.now(UTC)
        self.revoked = self.now - ago
        self.ada, self.registrar = person(), person()
        self.session = self.ada.delegates(
            time=self.revoked - hours(2),
            notBefore=to_text(self.revoked - hours(2)),
            notAfter=to_text(self.revoked + hours(6)),
        )
        self.said = self.session.says(types.EVIDENCE, time=self.revoked + says)
        self.chain = [*self.session.chain, *self.registrar.chain, self.registrar.enrols(self.ada)]
        self.trust: Trust = trusting(self.registrar, pins=pinned(self.ada))

    def ends(self, how: str) -> Envelope:
        """The revocation."""
        if how == "leaver":
            acting = replace(self.registrar, mlo=self.ada.mlo)
            return acting.revokes(self.ada.key.key_id, reason="left", time=self.revoked)
        what = self.session.delegation if how == "session" else self.ada.key.key_id
        reason = {"rotated": "superseded", "compromised": "compromised"}.get(how, "lost")
        since = self.revoked - hours(1) if how == "compromised" else None
        return self.ada.revokes(what or "", reason=reason, since=since, time=self.revoked)

    def outcome(self, ledger: Ledger, entries: Iterable[Envelope]) -> str:
        """What becomes of what was said."""
        ledger.append([*self.chain, *entries])
        at = ledger.index(self.said.statement_id)
        report = check_statements(ledger, trust=self.trust, now=self.now + hours(0.01))
        assert report.faults == []
        for name in ("late", "refused"):
            for fault in getattr(report, name):
                if fault.index == at:
                    return "claimed" if fault.what.startswith("only claimed") else name
        return "stands"


@pytest.mark.parametrize("how", ["session", "lost", "rotated", "leaver", "compromised"])
@pytest.mark.parametrize(
    ("order", "ago", "outcome"),
    [
        ("before", DAY, "stands"),
        ("before", 30 * DAY, "stands"),
        ("after", DAY, "late"),
        ("after", 7 * DAY - hours(1), "late"),
        ("after", 7 * DAY + hours(1), "claimed"),
    ],
)
def test_what_becomes_of_what_was_said(
    ledger: Ledger, how: str, order: str, ago: timedelta, outcome: str
) -> None:
    case = Case(ago)
    entries = [case.said, case.ends(how)] if order == "before" else [case.ends(how), case.said]
    # What comes into the ledger today is not proven older than a compromise of yesterday.
    expected = "claimed" if how == "compromised" else outcome
    assert case.outcome(ledger, entries) == expected


@pytest.mark.parametrize("how", ["session", "lost", "rotated", "leaver", "compromised"])
def test_what_says_itself_that_it_came_after_is_refused(ledger: Ledger, how: str) -> None:
    case = Case(DAY, says=hours(1))
    assert case.outcome(ledger, [case.said, case.ends(how)]) == "refused"


def test_what_is_proven_older_than_the_compromise_stands(ledger: Ledger) -> None:
    # The compromise is still to come; the ledger's clock proves that the statement was there.
    case = Case(-hours(1.5), says=-hours(1.6))
    case.now += hours(2)
    assert case.outcome(ledger, [case.said, case.ends("compromised")]) == "stands"


def test_a_shorter_grace_of_the_policy(ledger: Ledger) -> None:
    case = Case(DAY)
    case.trust = replace(case.trust, grace=timedelta(hours=12))
    assert case.outcome(ledger, [case.ends("lost"), case.said]) == "claimed"


def test_it_stands_again_once_it_is_affirmed(ledger: Ledger) -> None:
    case = Case(DAY)
    new: Hand = person(case.ada.mlo)
    keys = frozenset({case.ada.key.key_id, new.key.key_id})
    case.trust = trusting(case.registrar, pins=Trust({case.ada.mlo: keys}))
    again = affirm(Signer.own(new.mlo, new.key), [case.said.statement_id], now=case.now)
    entries = [case.ends("compromised"), case.said, *new.chain, again]
    assert case.outcome(ledger, entries) == "stands"
