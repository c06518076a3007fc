"""What a revocation takes away, and what it leaves.

DESIGN, "Time": a statement made before its key was revoked stays good where the ledger
shows that it was there before, and before the moment since when the key may have been in
other hands. The rule itself is :func:`taken_away`; :class:`Revocations` finds which
revocations concern a chain, and whether whoever signed them may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from jupyter_mlo.delegation.pool import Pool, binds, names_key, names_statement
from jupyter_mlo.delegation.scope import CLOCK_TOLERANCE
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import Refused
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.predicates.identity import Revocation
from jupyter_mlo.statements.statement import Statement
from jupyter_mlo.statements.subjects import key_subject, statement_subject
from jupyter_mlo.statements.times import from_text, to_text

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust


Reason = Literal["ended", "superseded", "left", "lost", "compromised"]


@dataclass(frozen=True, slots=True)
class Logged:
    """Where the ledger has a statement, or the seal that contains it.

    ``at`` is the proven time: the latest moment at which it can have been appended, by a
    clock that its signer does not hold; None where nothing proves one.
    """

    index: int
    at: datetime | None = None


def taken_away(
    *,
    claimed: datetime,
    logged: Logged | None,
    revoked: datetime,
    revocation_logged: Logged | None,
    compromised_since: datetime | None,
) -> str:
    """Why a statement of a revoked key does not count; empty where it still does.

    Args:
        claimed: the statement's own time.
        logged: where the ledger has the statement.
        revoked: the revocation's own time.
        revocation_logged: where the ledger has the revocation; None where it is known from
            elsewhere only, and so comes after all that the ledger has.
        compromised_since: since when the key may have been in other hands.
    """
    if claimed > revoked + CLOCK_TOLERANCE:
        return f"it says it was made at {to_text(claimed)}, after that"
    if logged is None:
        return "the ledger does not show that it was made before that"
    if revocation_logged is not None and logged.index >= revocation_logged.index:
        return (
            f"it came into the ledger after that (entry {logged.index}, the revocation is "
            f"entry {revocation_logged.index})"
        )
    if compromised_since is not None:
        since = to_text(compromised_since)
        if claimed >= compromised_since:
            return f"the key may have been in other hands since {since}"
        if logged.at is None or logged.at >= compromised_since:
            return f"it is not proven to be older than {since}, when the key came into other hands"
    return ""


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
    _found: dict[tuple[str, str, str], list[Statement]] = field(default_factory=dict, repr=False)

    def check(self, statement: Statement, claimed: datetime, links: Links) -> None:
        """Raise :class:`Refused` where a revocation takes ``statement`` away."""
        if not self.pool.revocations:
            return
        for revocation in self.concerning(links):
            if revocation.statement_id == statement.statement_id:
                continue  # a key that revokes itself does so rightly
            predicate = cast(Revocation, revocation.predicate)
            since = predicate.compromised_since
            why = taken_away(
                claimed=claimed,
                logged=self.logged.get(statement.statement_id),
                revoked=from_text(predicate.time),
                revocation_logged=self.logged.get(revocation.statement_id),
                compromised_since=None if since is None else from_text(since),
            )
            if why:
                raise Refused(
                    f"the {_what(predicate)} was revoked at {predicate.time} "
                    f"({predicate.reason}), and {why}",
                    hint="ask who answers for it to affirm it under a key that is in force",
                )

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
        if not about or not self._may_revoke(revocation.key_id, links):
            return False
        key = self.pool.key(revocation.key_id)
        return key is not None and self.pool.holds(revocation, key)

    def _may_revoke(self, key_id: str, links: Links) -> bool:
        if key_id == links.own_key_id or key_id in self.trust.pins.get(links.mlo, ()):
            return True
        registrar = self.pool.key(key_id) if key_id in self.trust.registrars else None
        return registrar is not None and any(
            enrolment.key_id == key_id
            and binds(enrolment, links.own_key_id)
            and self.pool.holds(enrolment, registrar)
            for enrolment in self.pool.enrolments.get(links.mlo, ())
        )


def _what(predicate: Revocation) -> str:
    if predicate.revokes is not None:
        return f"delegation {predicate.revokes[:12]}"
    return f"key {predicate.revokes_key}"
