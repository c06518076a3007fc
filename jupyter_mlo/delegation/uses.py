"""Which uses of a mandate are spent: run delegations under it, in the order of one ledger.

A use is reserved by the delegation of a run, logged before that run starts. It stays spent
whatever becomes of the run: nobody can prove that nothing was done under it. The first ones count,
as many as the mandate permits; later ones are overuse. A use is of one run: where its key was
copied and several runs ended under it, the one whose seal came first counts. Pure.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, cast

from jupyter_mlo.delegation.scope import Everything
from jupyter_mlo.errors import StatementError
from jupyter_mlo.identity.keys import PublicKey
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates.identity import Delegation
from jupyter_mlo.statements.predicates.notebook import Seal
from jupyter_mlo.statements.statement import read_statement

_MOST_KNOWN: Final = 20_000
#: (statement ID, signature, mandate, key) → the use that it is; None where it is none.
_known: dict[tuple[str, bytes, str, str], Use | None] = {}


class End(NamedTuple):
    """A seal under a mandate (its statement ID), and the notebook that it is of."""

    seal: str
    notebook: str


@dataclass(frozen=True)
class Use:
    """One use: the run that it was reserved for."""

    statement_id: str
    #: ``urn:uuid:…`` of the run, and of the notebook that it writes.
    run: str
    notebook: str
    #: When it was reserved, by its runner's clock.
    time: str
    #: Its entry in the ledger that counts it, by the signed tree; -1 where it is not there yet.
    index: int = -1
    #: The seals that the mandate's key has made of its notebook, in ledger order: one is right.
    ends: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, str]:
        """What makes it one use: the run, and the notebook that it writes."""
        return self.run, self.notebook


@dataclass(frozen=True)
class Spent:
    """What the ledger that counts a mandate's uses has had since the mandate was made."""

    #: In ledger order.
    uses: Sequence[Use]
    #: Statement ID → first entry, of the revocations of any key and delegation.
    revocations: Mapping[str, int]


def uses_of(mandate_id: str, key: PublicKey, delegations: Iterable[Envelope]) -> list[Use]:
    """The uses among delegations in ledger order, that the mandate's own key has signed.

    Anybody may append what names a mandate; without its key that spends nothing. Further
    delegations for the same run and notebook, as to the key of a worker, are the same use.
    """
    named = mandate_id.encode()
    found: dict[tuple[str, str], Use] = {}
    for envelope in delegations:
        if named not in envelope.payload:
            continue
        # A fact of these bytes: who asks before each of a thousand runs checks each use once.
        fact = (envelope.statement_id, envelope.signature, mandate_id, key.key_id)
        if fact not in _known:
            if len(_known) >= _MOST_KNOWN:
                _known.clear()
            _known[fact] = _use(envelope, mandate_id, key)
        use = _known[fact]
        if use is not None:
            found.setdefault(use.place, use)
    return list(found.values())


def _use(envelope: Envelope, mandate_id: str, key: PublicKey) -> Use | None:
    try:
        statement = read_statement(envelope)
    except StatementError:
        return None
    predicate: Any = statement.predicate
    if not isinstance(predicate, Delegation) or statement.delegation != mandate_id:
        return None
    if not envelope.holds_under(key):
        return None
    run = predicate.run
    if run is None:
        return None
    return Use(statement.statement_id, run.id, run.notebook, statement.time)


def ends_of(mandate_id: str, key: PublicKey, seals: Iterable[Envelope]) -> list[End]:
    """The seals, in ledger order, that the mandate's own key has signed."""
    named = mandate_id.encode()
    found: dict[End, None] = {}
    for envelope in seals:
        if named not in envelope.payload:
            continue
        with contextlib.suppress(StatementError):
            statement = read_statement(envelope)
            seal = statement.predicate
            ours = isinstance(seal, Seal) and statement.delegation == mandate_id
            if ours and envelope.holds_under(key):
                found[End(statement.statement_id, cast(Seal, seal).notebook)] = None
    return list(found)


def with_ends(uses: Iterable[Use], ends: Iterable[End]) -> tuple[Use, ...]:
    """The uses, each with the seals of its notebook."""
    of: dict[str, list[str]] = {}
    for end in ends:
        of.setdefault(end.notebook, []).append(end.seal)
    return tuple(replace(use, ends=tuple(of.get(use.notebook, ()))) for use in uses)


def use_refusal(
    uses: Sequence[Use],
    permitted: int | Everything,
    notebook: str,
    seals: Sequence[str] = (),
    revoked: int | None = None,
) -> str:
    """Why nothing in ``notebook`` counts under a mandate of so many uses; empty where it may.

    Args:
        uses: all of them, in ledger order.
        notebook: ID of the notebook that the run wrote.
        seals: statement IDs of the seals there that the mandate's key has made of it.
        revoked: the first entry there that revokes the mandate, or what it rests on. A use is
            reserved before its run starts, so whoever came later did not ask: no grace is theirs,
            whatever time they say.
    """
    if isinstance(permitted, str):
        return ""
    ranks = [at for at, use in enumerate(uses, 1) if use.notebook == notebook]
    if not ranks:
        return "no use of its mandate was reserved for this notebook's run (uses)"
    if ranks[0] > permitted:
        return f"overuse: it is use {ranks[0]} of a mandate that permits {permitted} (uses)"
    if revoked is not None and uses[ranks[0] - 1].index > revoked:
        return "its use came into the ledger after the mandate had been revoked there (uses)"
    ends = uses[ranks[0] - 1].ends
    if ends and any(seal != ends[0] for seal in seals):
        return "overuse: another run has ended under its use before this one (uses)"
    if len(ends) > 1 and not seals:
        return f"overuse: {len(ends)} runs have ended under its use, and no seal says which (uses)"
    return ""
