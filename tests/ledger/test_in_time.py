"""When a key ended, and when the ledger got what it signed: each case, in a real ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.ledger.statements import check_statements
from jupyter_mlo.ledger.store import Ledger
from jupyter_mlo.statements.predicates import types
from tests.delegation.actors import NOW as REVOKED
from tests.delegation.actors import Hand, hours, person, pinned, trusting

DAY = timedelta(days=1)
BEFORE = REVOKED - hours(0.5)
SINCE = REVOKED - hours(1)


class Case:
    """Ada with a session, what she says in it, and how one of the two ends."""

    def __init__(self) -> None:
        self.ada, self.registrar = person(), person()
        self.session = self.ada.delegates()
        self.said = self.session.says(types.EVIDENCE, time=BEFORE)
        self.chain = [*self.session.chain, *self.registrar.chain, self.registrar.enrols(self.ada)]
        self.trust: Trust = trusting(self.registrar, pins=pinned(self.ada))

    def outcome(self, ledger: Ledger, entries: Iterable[object], after: timedelta) -> str:
        """What becomes of what was said, for a verifier so long after the revocation."""
        ledger.append([*self.chain, *entries])  # type: ignore[list-item]
        at = ledger.index(self.said.statement_id)
        report = check_statements(ledger, trust=self.trust, now=REVOKED + after)
        assert report.faults == []
        for name in ("late", "refused"):
            for fault in getattr(report, name):
                if fault.index == at:
                    return "claimed" if fault.what.startswith("only claimed") else name
        return "stands"


def ends(case: Case, how: str) -> object:
    """The revocation."""
    own, session = case.ada, case.session
    if how == "leaver":
        return replace(case.registrar, mlo=own.mlo).revokes(own.key.key_id, reason="left")
    what = session.delegation if how == "session" else own.key.key_id
    reason = {"rotated": "superseded", "compromised": "compromised"}.get(how, "lost")
    since = SINCE if how == "compromised" else None
    return own.revokes(what or "", reason=reason, since=since)


@pytest.mark.parametrize("how", ["session", "lost", "rotated", "leaver", "compromised"])
@pytest.mark.parametrize(
    ("order", "after", "outcome"),
    [
        ("before", DAY, "stands"),
        ("before", 30 * DAY, "stands"),
        ("after", DAY, "late"),
        ("after", 7 * DAY, "late"),
        ("after", 7 * DAY + hours(1), "claimed"),
    ],
)
def test_what_becomes_of_what_was_said(
    ledger: Ledger, how: str, order: str, after: timedelta, outcome: str
) -> None:
    case = Case()
    ended = ends(case, how)
    entries = [case.said, ended] if order == "before" else [ended, case.said]
    # In a ledger without witnesses nothing is proven older than a compromise.
    expected = "claimed" if how == "compromised" else outcome
    assert case.outcome(ledger, entries, after) == expected


@pytest.mark.parametrize("how", ["session", "lost", "rotated", "leaver", "compromised"])
def test_what_says_itself_that_it_came_after_is_refused(ledger: Ledger, how: str) -> None:
    case = Case()
    case.said = case.session.says(types.EVIDENCE, time=REVOKED + hours(1))
    assert case.outcome(ledger, [case.said, ends(case, how)], DAY) == "refused"


def test_a_shorter_grace_of_the_policy(ledger: Ledger) -> None:
    case = Case()
    case.trust = replace(case.trust, grace=timedelta(hours=12))
    assert case.outcome(ledger, [ends(case, "lost"), case.said], DAY) == "claimed"


def test_it_stands_again_once_it_is_affirmed(ledger: Ledger) -> None:
    from jupyter_mlo.delegation.affirmation import affirm
    from jupyter_mlo.delegation.signer import Signer

    case = Case()
    new: Hand = person(case.ada.mlo)
    case.trust = trusting(case.registrar, pins=Trust(
        {case.ada.mlo: frozenset({case.ada.key.key_id, new.key.key_id})}))  # fmt: skip
    again = affirm(Signer.own(new.mlo, new.key), [case.said.statement_id], now=REVOKED + DAY)
    entries = [ends(case, "compromised"), case.said, *new.chain, again]
    assert case.outcome(ledger, entries, 2 * DAY) == "stands"
