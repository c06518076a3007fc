"""The statements that a notebook carries, each read and followed to the MLO who answers for it.

Whether a seal covers what is there now, and whether a stamp fits its cell, is judged
elsewhere; here it is only asked who says something, and whether he may.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol, cast

from jupyter_mlo.delegation.assurance import Assurance
from jupyter_mlo.delegation.chain import Attribution, KeyCache, attribute_many
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.revocation import Links, Logged, Revocations
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.delegation.uses import Spent
from jupyter_mlo.errors import MloError, StatementError
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.predicates.identity import Enrolment, Membership
from jupyter_mlo.statements.predicates.notebook import Record, Seal, Stamp
from jupyter_mlo.statements.statement import Statement, read_statement

#: Said of whatever cannot be read or does not hold as it was signed.
FORGED: Final = "forged or damaged"


class LedgerFacts(Protocol):
    """What the verifier's own ledger knows; handed in, so that verdicts stay pure."""

    @property
    def checkpoint(self) -> Mapping[str, object] | None:
        """The checkpoint (origin, size, root) that verdicts are as of."""

    def logged(self, statement_ids: Iterable[str]) -> Mapping[str, Logged]:
        """Which of these statements the ledger has, and where."""

    def newest_seal(self, notebook: str) -> tuple[str, int] | None:
        """Statement ID and index of the newest seal of the notebook with this ID."""

    def uses(self, mandate: Statement) -> Spent | None:
        """The uses of a mandate (its delegation); None where this does not count them."""


@dataclass(frozen=True)
class Claim:
    """A statement from a notebook: either somebody answers for it, or it is refused."""

    envelope: Envelope
    #: None where it cannot be read.
    statement: Statement | None
    #: None where it is refused.
    attribution: Attribution | None
    #: Why it is refused; empty where somebody answers for it.
    refused: str = ""
    #: It is not as it was signed, or was never signed: not merely out of scope, time or trust.
    forged: bool = False

    @property
    def stamp(self) -> Stamp:
        """Its predicate, where that is a stamp."""
        return cast(Stamp, cast(Statement, self.statement).predicate)

    @property
    def seal(self) -> Seal:
        """Its predicate, where that is a seal."""
        return cast(Seal, cast(Statement, self.statement).predicate)

    @property
    def record(self) -> Record:
        """Its predicate, where that is a record."""
        return cast(Record, cast(Statement, self.statement).predicate)

    def subject(self, name: str) -> str | None:
        """The digest of its one subject under ``name``; None where it has another form."""
        subject = cast(Statement, self.statement).subject
        return subject[0].digest.get(name) if len(subject) == 1 else None


#: What stands in a notebook's ``chains``.
_CHAIN = frozenset({types.ENROLMENT, types.MEMBERSHIP, types.DELEGATION})


class Verifier:
    """One verifier's trust, clock and statements at hand, for the claims of one notebook."""

    def __init__(
        self,
        pool: Pool,
        trust: Trust,
        now: datetime,
        logged: Mapping[str, Logged] | None = None,
    ) -> None:
        self._pool = pool
        self._trust = trust
        self._now = now
        # Grows: a stamp is in the ledger where the seal over it is, known only after the seals.
        self._logged: dict[str, Logged] = dict(logged or {})
        self._revocations = Revocations(pool, trust, self._logged)
        self._cache = KeyCache()

    def also_logged(self, logged: Mapping[str, Logged]) -> None:
        """Take in where the ledger has more statements; an earlier place counts."""
        for statement_id, place in logged.items():
            known = self._logged.get(statement_id)
            if known is None or place.index < known.index:
                self._logged[statement_id] = place

    def revoking(self, found: Attribution) -> list[str]:
        """The statement IDs of what revokes anything in a chain, by those who may."""
        links = Links(
            found.mlo, found.key_id, (found.key_id, found.leaf_key_id), found.delegation_ids
        )
        return [one.statement_id for one in self._revocations.concerning(links)]

    def claims(self, envelopes: Sequence[Envelope], predicate_type: str) -> list[Claim]:
        """Read statements that should be of one predicate, and attribute them."""
        read: list[Statement | str] = [_read(envelope, predicate_type) for envelope in envelopes]
        statements = [one for one in read if isinstance(one, Statement)]
        results = iter(self._attribute(statements))
        claims = []
        for envelope, one in zip(envelopes, read, strict=True):
            if isinstance(one, str):
                claims.append(Claim(envelope, None, None, one, forged=True))
                continue
            result = next(results)
            if isinstance(result, MloError):
                forged = isinstance(result, StatementError)
                claims.append(Claim(envelope, one, None, _reason(result), forged))
            else:
                claims.append(Claim(envelope, one, self._raised(one, result)))
        return claims

    def _raised(self, statement: Statement, found: Attribution) -> Attribution:
        """``witnessed`` where the quorum saw, in the ledger, what one who is enrolled signed."""
        place = self._logged.get(statement.statement_id)
        if found.assurance is Assurance.ENROLLED and getattr(place, "witnessed", False):
            return replace(found, assurance=Assurance.WITNESSED)
        return found

    def chain_problems(self, chains: Sequence[Envelope]) -> list[str]:
        """Which of the enrolments and delegations beside the seals do not hold, and why.

        Whether they count here (trust, revocation) is the matter of what rests on them: that is
        not asked. An enrolment by a registrar who is not trusted here counts for nothing.
        """
        nobody = Trust(schemes=None)
        nothing_revoked = Revocations(Pool(), nobody)
        problems = []
        for at, envelope in enumerate(chains):
            where = f"metadata.mlo.chains[{at}]"
            try:
                statement = read_statement(envelope)
            except StatementError as error:
                problems.append(f"{where}: {error.message}")
                continue
            if statement.predicate_type not in _CHAIN:
                problems.append(f"{where} is no enrolment, membership or delegation")
                continue
            (result,) = attribute_many(
                [statement],
                pool=self._pool,
                trust=nobody,
                revocations=nothing_revoked,
                now=self._now,
                key_cache=self._cache,
            )
            if isinstance(result, StatementError) or (
                isinstance(result, MloError) and not _by_registrar(statement)
            ):
                problems.append(f"{where}: {result.message}")
        return problems

    def _attribute(self, statements: Sequence[Statement]) -> list[Attribution | MloError]:
        return attribute_many(
            statements,
            pool=self._pool,
            trust=self._trust,
            revocations=self._revocations,
            now=self._now,
            key_cache=self._cache,
        )


def _read(envelope: Envelope, predicate_type: str) -> Statement | str:
    try:
        statement = read_statement(envelope)
    except StatementError as error:
        return _reason(error)
    if statement.predicate_type != predicate_type:
        found = types.short_name(statement.predicate_type)
        return f"{FORGED}: a {found} stands where a {types.short_name(predicate_type)} should"
    return statement


def _reason(error: MloError) -> str:
    return f"{FORGED}: {error.message}" if isinstance(error, StatementError) else error.message


def _by_registrar(statement: Statement) -> bool:
    predicate = statement.predicate
    return isinstance(predicate, Enrolment | Membership) and not any(
        subject.name == statement.key_id for subject in statement.subject
    )
