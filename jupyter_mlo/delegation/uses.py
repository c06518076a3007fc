"""Which uses of a mandate are spent: run delegations under it, in the order of one ledger.

A use is reserved by the delegation of a run, logged before that run starts. It stays spent
whatever becomes of the run: nobody can prove that nothing was done under it. The first ones count,
as many as the mandate permits; later ones are overuse. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_mlo.delegation.scope import Everything
from jupyter_mlo.errors import StatementError
from jupyter_mlo.identity.keys import PublicKey
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates.identity import Delegation
from jupyter_mlo.statements.statement import Statement, read_statement


@dataclass(frozen=True)
class Use:
    """One use: the run that it was reserved for."""

    statement_id: str
    #: ``urn:uuid:…`` of the run, and of the notebook that it writes.
    run: str
    notebook: str
    #: When it was reserved, by its runner's clock.
    time: str


def uses_of(mandate_id: str, key: PublicKey, delegations: Iterable[Envelope]) -> list[Use]:
    """The uses among delegations in ledger order, that the mandate's own key has signed.

    Anybody may append what names a mandate; without its key that spends nothing.
    """
    named = mandate_id.encode()
    found: dict[str, Use] = {}
    for envelope in delegations:
        if named not in envelope.payload or envelope.statement_id in found:
            continue
        try:
            statement = read_statement(envelope)
        except StatementError:
            continue
        use = _use(statement, mandate_id)
        if use is not None and envelope.holds_under(key):
            found[use.statement_id] = use
    return list(found.values())


def _use(statement: Statement, mandate_id: str) -> Use | None:
    predicate: Any = statement.predicate
    if not isinstance(predicate, Delegation) or statement.delegation != mandate_id:
        return None
    run = predicate.run
    if run is None:
        return None
    return Use(statement.statement_id, run.id, run.notebook, statement.time)


def use_refusal(uses: Sequence[Use], permitted: int | Everything, notebook: str) -> str:
    """Why nothing in ``notebook`` counts under a mandate of so many uses; empty where it may.

    Args:
        uses: all of them, in ledger order.
        notebook: ID of the notebook that the run wrote.
    """
    if isinstance(permitted, str):
        return ""
    ranks = [at for at, use in enumerate(uses, 1) if use.notebook == notebook]
    if not ranks:
        return "no use of its mandate was reserved for this notebook's run (uses)"
    if ranks[0] > permitted:
        return f"overuse: it is use {ranks[0]} of a mandate that permits {permitted} (uses)"
    return ""
