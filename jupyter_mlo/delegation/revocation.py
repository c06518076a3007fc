"""Which revocations concern a chain, and whether whoever signed them may.

What a revocation leaves of a statement is the rule of
:mod:`jupyter_mlo.delegation.in_time`; here it is found which revocations there are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from jupyter_mlo.delegation.in_time import (
    ELSEWHERE,
    Outcome,
    Timeliness,
    after_revocation,
    worst,
)
from jupyter_mlo.delegation.in_time import Logged as Logged
from jupyter_mlo.delegation.pool import Pool, binds, bound_key, names_key, names_statement
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.delegation.succession import accepted
from jupyter_mlo.errors import Refused
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.predicates.identity import Revocation
from jupyter_mlo.statements.statement import Statement
from jupyter_mlo.statements.subjects import key_subject, statement_subject
from jupyter_mlo.statements.times import from_text, to_text

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust


#: Where a revocation stands: proven time (where there are several ledgers), index, own time.
_Place = tuple[float, float, str]

Reason = Literal["ended", "superseded", "left", "lost", "compromised"]


def make_revocation(
    signer: Signer,
    *,
    now: datetime,
    reason: Reason,
    delegation: str | None = None,
    key_id: str | None = None,
    compromised_since: datetime | None = None,
) -> Envelope:
    """Take back a delegation (by statement ID) or a key (by key ID), one of the two.

    Args:
        signer: the MLO's own key, or a registrar's acting for that MLO.
        compromised_since: since when the key may have been in other hands; required where
            ``reason`` is ``compromised``.

    Raises:
        Refused: ``signer`` is a delegated key.
    """
    if (delegation is None) == (key_id is None):
        raise ValueError("a revocation revokes one delegation or one key")
    if reason == "compromised" and compromised_since is None:
        raise ValueError("a compromise says since when")
    predicate: dict[str, Any] = {"reason": reason}
    if delegation is not None:
        subject = statement_subject(delegation)
        predicate["revokes"] = delegation
    else:
        subject = key_subject(str(key_id))
        predicate["revokesKey"] = key_id
    if compromised_since is not None:
        predicate["compromisedSince"] = to_text(compromised_since)
    return signer.sign(types.REVOCATION, [subject], predicate, now)


@dataclass(frozen=True)
class Links:
    """The chain of one statement, as far as revocations can touch it."""

    mlo: str
    #: The MLO's own key, or the registrar's where the statement is a registrar's.
    own_key_id: str
    key_ids: Sequence[str]
    statement_ids: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Revocations:
    """The revocations of a pool, as one verifier sees them.

    ``logged`` says for statement IDs (of revocations too) where the ledger has them; a
    stamp is where the seal over it is.
    """

    pool: Pool
    trust: Trust
    logged: Mapping[str, Logged] = field(default_factory=dict)
    #: Whether ``logged`` may hold proven times: else nobody is asked for each statement's.
    timed: bool = True
    #: The ledgers that are known whole: a revocation that is not there comes after all that is.
    #: None where ``logged`` is of one such ledger only.
    whole: frozenset[str] | None = None
    _found: dict[tuple[str, str, str], list[Statement]] = field(default_factory=dict, repr=False)
    #: (MLO, key ID) → where that key ended.
    _ends: dict[tuple[str, str], _Place | None] = field(default_factory=dict, repr=False)
    _ledgers: set[str] = field(default_factory=set, repr=False)
    #: MLO ID → its keys that registrars enrolled.
    _enrolled: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)

    def timeliness(
        self, statement: Statement, claimed: datetime, links: Links, now: datetime
    ) -> Timeliness:
        """What the revocations of anything in its chain leave of ``statement``."""
        if not self.pool.revocations:
            return worst()
        return worst(
            *(
                self._after(revocation, statement, claimed, now)
                for revocation in self.concerning(links)
                # A key that revokes itself does so rightly.
                if revocation.statement_id != statement.statement_id
            )
        )

    def check(self, statement: Statement, claimed: datetime, links: Links, now: datetime) -> None:
        """Raise :class:`Refused` unless ``statement`` still counts, late or not."""
        found = self.timeliness(statement, claimed, links, now)
        if found.outcome in (Outcome.CLAIMED, Outcome.REFUSED):
            raise refusal(found)

    def _after(
        self, revocation: Statement, statement: Statement, claimed: datetime, now: datetime
    ) -> Timeliness:
        predicate = cast(Revocation, revocation.predicate)
        since = predicate.compromised_since
        logged = self.logged.get(statement.statement_id)
        revoked = self.logged.get(revocation.statement_id)
        if (
            revoked is None
            and logged is not None
            and self.whole is not None
            and logged.origin not in self.whole
        ):
            revoked = ELSEWHERE
        found = after_revocation(
            claimed=claimed,
            logged=logged,
            revoked=from_text(predicate.time),
            revocation_logged=revoked,
            compromised_since=None if since is None else from_text(since),
            grace=self.trust.grace,
            now=now,
        )
        if not found.why:
            return found
        what = f"the {_what(predicate)} was revoked at {predicate.time} ({predicate.reason})"
        outcome = found.outcome
        if outcome is Outcome.REFUSED and self._tightens(revocation):
            # Whatever date it bears: only the key's first end refuses, and that is another's.
            outcome = Outcome.CLAIMED if self._had_ended(revocation) else outcome
        return Timeliness(outcome, f"{what}, and {found.why}")

    def check_in_force(self, links: Links, what: str) -> None:
        """Raise :class:`Refused` where anything in the chain is revoked: for acts still to come."""
        for revocation in self.concerning(links):
            predicate = cast(Revocation, revocation.predicate)
            raise Refused(
                f"{what} was revoked at {predicate.time} ({predicate.reason}, {_what(predicate)})",
                hint="have a new one made: jupyter mlo mandate create --help",
            )

    def concerning(self, links: Links) -> list[Statement]:
        """The revocations of anything in a chain, by those who may revoke it."""
        found: list[Statement] = []
        for name in (*links.key_ids, *links.statement_ids):
            known = self._found.get((links.mlo, links.own_key_id, name))
            if known is None:
                said = self.pool.revocations.get(name, ())
                known = [revocation for revocation in said if self._holds(revocation, links)]
                self._found[links.mlo, links.own_key_id, name] = known
            found += known
        return found

    def _holds(self, revocation: Statement, links: Links) -> bool:
        predicate = cast(Revocation, revocation.predicate)
        if revocation.mlo != links.mlo or predicate.delegation is not None:
            return False
        if predicate.revokes is None:
            about = names_key(revocation, predicate.revokes_key or "")
        else:
            about = names_statement(revocation, predicate.revokes)
        if not about or not self._may_revoke(revocation, links):
            return False
        return self._signed(revocation)

    def _signed(self, revocation: Statement) -> bool:
        key = self.pool.key(revocation.key_id)
        return key is not None and self.pool.holds(revocation, key)

    def _may_revoke(self, revocation: Statement, links: Links) -> bool:
        if not self._entitled(revocation, links.mlo, links.own_key_id):
            return False
        return self._tightens(revocation) or not self._had_ended(revocation)

    def _entitled(self, revocation: Statement, mlo: str, own_key_id: str) -> bool:
        """Whether its signer may revoke what hangs on that key, unless it had itself ended."""
        key_id = revocation.key_id
        return (
            key_id == own_key_id
            or key_id in self.trust.pins.get(mlo, ())
            or self._enrolled_by(key_id, mlo, own_key_id)
            or accepted(self.pool, mlo, own_key_id, key_id)
            or (self._known(mlo, key_id) and accepted(self.pool, mlo, key_id, own_key_id))
        )

    def _known(self, mlo: str, key_id: str) -> bool:
        """Whether a key is known here as ``mlo``'s: anybody's may vouch for one that is."""
        roots = (*self.trust.pins.get(mlo, ()), *self._registered(mlo))
        return any(accepted(self.pool, mlo, root, key_id) for root in roots)

    def _registered(self, mlo: str) -> frozenset[str]:
        """The keys that registrars who are trusted here enrolled for ``mlo``."""
        found = self._enrolled.get(mlo)
        if found is None:
            found = self._enrolled[mlo] = frozenset(
                key_id
                for enrolment in self.pool.enrolments.get(mlo, ())
                if enrolment.key_id in self.trust.registrars
                and self._enrolled_by(enrolment.key_id, mlo, key_id := bound_key(enrolment).key_id)
            )
        return found

    def _enrolled_by(self, registrar_id: str, mlo: str, key_id: str) -> bool:
        registrar = self.pool.key(registrar_id) if registrar_id in self.trust.registrars else None
        return registrar is not None and any(
            enrolment.key_id == registrar_id
            and binds(enrolment, key_id)
            and self.pool.holds(enrolment, registrar)
            for enrolment in self.pool.enrolments.get(mlo, ())
        )

    def _tightens(self, revocation: Statement) -> bool:
        """Whether a key says of itself that it was compromised.

        That counts even after its end: else a thief who ends a stolen key, without a word of
        theft, forestalls its owner. It takes away from that key alone, and nothing for good.
        """
        predicate = cast(Revocation, revocation.predicate)
        return predicate.revokes_key == revocation.key_id and bool(predicate.compromised_since)

    def _had_ended(self, revocation: Statement) -> bool:
        """Whether the key that signs it was revoked before, by whoever may.

        Who finds a key that was given up years ago must not be able to burn with it what its
        owner signed since, nor a device that was revoked the device that revoked it.
        """
        place = self._place(revocation)
        return any(
            end is not None and end < place for end in map(self._end, self._bearers(revocation))
        )

    def _bearers(self, revocation: Statement) -> list[tuple[str, str]]:
        """As whose key its signer's may have ended: the MLO's, and as a registrar its own."""
        key_id = revocation.key_id
        named = {revocation.mlo, *(own.mlo for own in self.pool.own_enrolments(key_id))}
        if key_id not in self.trust.registrars:
            named = {revocation.mlo}
        return [(mlo, key_id) for mlo in sorted(named)]

    def _end(self, bearer: tuple[str, str]) -> _Place | None:
        """Where the key of an MLO ended first; None where it did not.

        All that this hangs on is gathered, and then gone through once in the ledger's order:
        of two keys that revoke each other the first one is right.
        """
        if bearer in self._ends:
            return self._ends[bearer]
        known: set[tuple[str, str]] = set()
        open_ = [bearer]
        said: list[tuple[_Place, tuple[str, str], list[tuple[str, str]]]] = []
        while open_:
            mlo, key_id = one = open_.pop()
            if one in known:
                continue
            known.add(one)
            for revocation in self.pool.revocations.get(key_id, ()):
                if (
                    revocation.mlo == mlo
                    and revocation.delegation is None
                    and names_key(revocation, key_id)
                    and self._entitled(revocation, mlo, key_id)
                    and self._signed(revocation)
                ):
                    said.append((self._place(revocation), one, self._bearers(revocation)))
                    open_ += said[-1][2]
        ends: dict[tuple[str, str], _Place] = {}
        for place, one, signers in sorted(said):
            if not any(signer in ends and ends[signer] < place for signer in signers):
                ends.setdefault(one, place)
        self._ends.update({one: ends.get(one) for one in known})
        return self._ends[bearer]

    def _place(self, revocation: Statement) -> _Place:
        """The ledger's order; between ledgers proven times; else what they say themselves."""
        logged = self.logged.get(revocation.statement_id)
        if logged is None:
            return math.inf, math.inf, revocation.time
        if len(self._origins()) < 2:
            return 0, logged.index, revocation.time
        at = math.inf if logged.at is None else logged.at.timestamp()
        return at, logged.index, revocation.time

    def _origins(self) -> set[str]:
        """The ledgers that have the revocations at hand."""
        if not self._ledgers:
            said = (self.logged.get(name) for name in self.pool.revocation_ids)
            self._ledgers.update(place.origin for place in said if place is not None)
        return self._ledgers


def refusal(found: Timeliness) -> Refused:
    """The refusal of what ended, was logged too late, or after it was revoked."""
    return Refused(
        found.why, hint="ask who answers for it to affirm it under a key that is in force"
    )


def _what(predicate: Revocation) -> str:
    if predicate.revokes is not None:
        return f"delegation {predicate.revokes[:12]}"
    return f"key {predicate.revokes_key}"
