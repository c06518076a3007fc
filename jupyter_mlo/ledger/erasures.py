"""Erasures that count: who had which entries' contents taken away, by whose leave.

A leaf whose salt and envelope are gone is a fault, unless a statement in this ledger names its
index and leaf hash, the statement is rightly signed, and its key is one that the verifier's
own configuration lets erase. What binds keys to MLOs, and what was decided, is never erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, cast

from jupyter_mlo.delegation.chain import KeyCache, Pool, attribute
from jupyter_mlo.delegation.revocation import Revocations
from jupyter_mlo.errors import MloError
from jupyter_mlo.ledger.report import Fault
from jupyter_mlo.ledger.rows import Filter
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.predicates.privacy import ErasedEntry, Erasure
from jupyter_mlo.statements.statement import Statement, read_statement

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust
    from jupyter_mlo.ledger.log import Ledger


@dataclass
class Erasures:
    """What may be missing, and which erasures do not count here."""

    #: Index → Merkle leaf hash of an entry whose content is rightly gone.
    leaves: dict[int, bytes] = field(default_factory=dict)
    #: Erasures that count for nothing here, each with the reason.
    refused: list[Fault] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.leaves or self.refused)


def erasures_in(
    ledger: Ledger, *, trust: Trust, now: datetime, others: Iterable[Envelope] = ()
) -> Erasures:
    """The erasures that stand in ``ledger``, judged.

    Args:
        trust: the verifier's own configuration; its ``privacy`` keys may erase.
        now: the verifier's clock.
        others: enrolments, delegations and revocations at hand beside the ledger's own.

    Raises:
        LedgerUnreachable: the database does not answer.
    """
    from jupyter_mlo.ledger.view import LedgerView
    from jupyter_mlo.ledger.witnesses import clock_of

    found = Erasures()
    entries = list(ledger.entries(Filter(predicate_type=types.ERASURE)))
    if not entries:
        return found
    view = LedgerView(ledger, clock_of(trust, ledger.verifier))
    pool = Pool.of([*view.pooled(), *others])
    cache = KeyCache()
    for entry in entries:
        try:
            flaw = ledger.flaw(entry)
            if flaw:
                raise MloError(flaw)
            statement = read_statement(entry.envelope)
            known = view.logged([statement.statement_id, *pool.revocation_ids])
            revocations = Revocations(pool, trust, known)
            _check_right(
                statement,
                key_id=attribute(
                    statement,
                    pool=pool,
                    trust=trust,
                    revocations=revocations,
                    now=now,
                    key_cache=cache,
                ).key_id,
                privacy=trust.privacy,
                origin=ledger.origin,
            )
        except MloError as error:
            found.refused.append(Fault(f"contents {entry.index}", error.message, entry.index))
            continue
        for erased in cast(Erasure, statement.predicate).entries:
            if erased.index >= entry.index or erased.predicate_type in types.LASTING:
                why = _why_not(erased, entry.index)
                found.refused.append(Fault(f"contents {entry.index}", why, entry.index))
            else:
                found.leaves[erased.index] = bytes.fromhex(erased.leaf)
    return found


def _check_right(
    statement: Statement, *, key_id: str, privacy: Mapping[str, str], origin: str
) -> None:
    if not isinstance(statement.predicate, Erasure):
        raise MloError("it is no erasure")
    if key_id not in privacy:
        raise MloError(f"the key {key_id} may not erase here: jupyter mlo trust add --privacy KEY")
    if statement.predicate.origin != origin:
        raise MloError(f"it erases entries of {statement.predicate.origin}")
    named = {(one.name, one.digest.get("mloLeafV1")) for one in statement.subject}
    wanted = {(f"{origin}#{one.index}", one.leaf) for one in statement.predicate.entries}
    if named != wanted:
        raise MloError("its subjects are other entries than those that it erases")


def _why_not(erased: ErasedEntry, at: int) -> str:
    if erased.index >= at:
        return f"it erases entry {erased.index}, which is not older than itself"
    kind = types.short_name(erased.predicate_type)
    return f"it erases entry {erased.index}, a statement of kind {kind}, which nobody may"
