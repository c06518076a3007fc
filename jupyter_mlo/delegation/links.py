"""The keys of a chain: from the delegation that a statement names up to the MLO's own key.

Each link is checked when it is first walked and then remembered. The material of a key
comes from the delegation or enrolment that binds it, never from a hint.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from jupyter_mlo.delegation.assurance import Standings, own_enrolment
from jupyter_mlo.delegation.pool import Pool, names_key, read_key
from jupyter_mlo.delegation.revocation import Revocations
from jupyter_mlo.delegation.roles import SIGNERS, Role, may_issue
from jupyter_mlo.delegation.scope import Permission, Scope, intersect
from jupyter_mlo.errors import MloError, Refused, StatementError
from jupyter_mlo.identity.keys import PublicKey
from jupyter_mlo.statements.predicates.identity import Delegation, Run
from jupyter_mlo.statements.statement import Statement
from jupyter_mlo.statements.times import from_text

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust

#: Delegations between a signature and the MLO's own key; ours have two at most.
MAX_DEPTH: Final = 8


class _TooDeep(Refused):
    """More links than are walked."""


@dataclass(frozen=True)
class Link:
    """A key whose chain up to the MLO's own key has been walked."""

    mlo: str
    key: PublicKey
    role: Role
    key_ids: tuple[str, ...]
    delegation_ids: tuple[str, ...] = ()
    scope: Scope | None = None
    run: Run | None = None
    #: The team that this chain acts for, and the assistant that acts in it.
    on_behalf_of: str | None = None
    assistant: str | None = None

    @property
    def own_key_id(self) -> str:
        """The MLO's own key; a registrar's, where the statement is a registrar's."""
        return self.key_ids[0]


@dataclass(eq=False)
class KeyCache:
    """What has been verified once, so that a thousand stamps of one session walk one chain.

    A verified link stays true whatever else is at hand, since statement IDs bind bytes.
    What depends on pool, trust and revocations is forgotten when another of them comes.
    Not for several threads at once.
    """

    links: dict[str, Link] = field(default_factory=dict)
    _own: dict[tuple[str, str], Link | MloError] = field(default_factory=dict)
    _failures: dict[str, MloError] = field(default_factory=dict)
    _verifier: tuple[Pool, Trust, Revocations | None] | None = None
    _standings: Standings | None = None

    def standings(self, pool: Pool, trust: Trust, revocations: Revocations | None) -> Standings:
        """The judgements of this verifier, old ones where nothing changed."""
        known, verifier = self._verifier, (pool, trust, revocations)
        unchanged = known is not None and all(map(operator.is_, known, verifier))
        if self._standings is None or not unchanged:
            self._own.clear()
            self._failures.clear()
            self._verifier = verifier
            self._standings = Standings(pool, trust, revocations or Revocations(pool, trust))
        return self._standings

    def own(self, mlo: str, key_id: str, pool: Pool) -> Link:
        """The MLO's own key ``key_id``; raises as :func:`own_enrolment`."""
        link = self._own.get((mlo, key_id))
        if link is None:
            try:
                link = Link(mlo, own_enrolment(pool, mlo, key_id)[1], Role.OWN, (key_id,))
            except MloError as error:
                link = error
            self._own[mlo, key_id] = link
        if isinstance(link, MloError):
            raise link.with_traceback(None)
        return link

    def walk(self, delegation_id: str, pool: Pool, depth: int = MAX_DEPTH) -> Link:
        """The key that a delegation names, once everything above it has been checked.

        Raises:
            StatementError, Refused: a link is missing, does not hold or gives nothing.
        """
        link = self.links.get(delegation_id)
        if link is None:
            failure = self._failures.get(delegation_id)
            if failure is not None:
                raise failure.with_traceback(None)
            try:
                link = _walked(delegation_id, pool, self, depth)
            except _TooDeep:
                raise  # depends on where one came from: from nearer by it may be in reach
            except MloError as error:
                self._failures[delegation_id] = error
                raise
            self.links[delegation_id] = link
        return link


def signing_key(statement: Statement, pool: Pool, cache: KeyCache) -> Link:
    """The key that must have signed ``statement``, with its chain.

    Raises:
        StatementError, Refused: there is no such key at hand.
    """
    if statement.delegation is not None:
        return cache.walk(statement.delegation, pool)
    try:
        return cache.own(statement.mlo, statement.key_id, pool)
    except MloError:
        key = pool.key(statement.key_id)
        if key is None or Role.REGISTRAR not in SIGNERS.get(statement.predicate_type, ()):
            raise
        # Not this MLO's own key: then only a registrar's can have signed it.
        return Link(statement.mlo, key, Role.REGISTRAR, (statement.key_id,))


def _walked(delegation_id: str, pool: Pool, cache: KeyCache, depth: int) -> Link:
    if depth == 0:
        raise _TooDeep(
            f"a chain of more than {MAX_DEPTH} delegations is not walked",
            hint="ours have two at most",
        )
    variants = pool.delegations.get(delegation_id, ())
    if not variants:
        why = pool.unreadable.get(delegation_id)
        raise Refused(
            f"the delegation {delegation_id[:12]} cannot be read: {why}"
            if why
            else f"the delegation {delegation_id[:12]} is not at hand",
            hint="the chain is incomplete: ask for an export, or for the file as it was sealed",
        )
    one = variants[0]  # all of them say the same: they differ in their signatures only
    parent = (
        cache.own(one.mlo, one.key_id, pool)
        if one.delegation is None
        else cache.walk(one.delegation, pool, depth - 1)
    )
    if not any(pool.holds(variant, parent.key) for variant in variants):
        raise StatementError(
            f"the signature of the delegation {delegation_id[:12]} does not hold under "
            f"{parent.key.key_id}",
            hint="it was changed after signing, or is a forgery",
        )
    return delegate(one, parent)


def delegate(statement: Statement, parent: Link) -> Link:
    """What a delegation whose signature holds gives, or the exact reason why it gives nothing."""
    where = f"the delegation {statement.statement_id[:12]}"
    predicate = cast(Delegation, statement.predicate)
    if statement.mlo != parent.mlo:
        raise Refused(
            f"{where} is for {statement.mlo}, and its signer acts for {parent.mlo}",
            hint="one MLO stands in a whole chain; this one was put together from two",
        )
    _check_issue(statement, parent)
    key = read_key(predicate.public_key)
    if not names_key(statement, key.key_id):
        raise Refused(
            f"{where} has another subject than its public key", hint="see docs/formats.md"
        )
    if key.key_id in parent.key_ids:
        raise Refused(
            f"{where} delegates to a key of its own chain",
            hint="a delegate has a key of its own",
        )
    scope = Scope.from_json(
        predicate.scope.model_dump(by_alias=True, exclude_unset=True, mode="json")
    )
    return Link(
        mlo=parent.mlo,
        key=key,
        role=Role(predicate.kind),
        key_ids=(*parent.key_ids, key.key_id),
        delegation_ids=(*parent.delegation_ids, statement.statement_id),
        scope=scope if parent.scope is None else intersect(parent.scope, scope),
        run=predicate.run,
        on_behalf_of=_team(predicate, parent, where),
        assistant=predicate.assistant or parent.assistant,
    )


def _team(predicate: Delegation, parent: Link, where: str) -> str | None:
    if parent.scope is not None and predicate.on_behalf_of not in (None, parent.on_behalf_of):
        raise Refused(
            f"{where} is on behalf of {predicate.on_behalf_of}, and its signer acts for "
            f"{parent.on_behalf_of or 'no team'}",
            hint="log in for the team: jupyter mlo login --team TEAM",
        )
    return predicate.on_behalf_of or parent.on_behalf_of


def _check_issue(statement: Statement, parent: Link) -> None:
    predicate = cast(Delegation, statement.predicate)
    where = f"the delegation {statement.statement_id[:12]}"
    if not may_issue(parent.role, predicate.kind):
        raise Refused(
            f"{where} of kind {predicate.kind!r} is signed by a key of role {parent.role.value!r}, "
            "which may not issue it",
            hint="docs/formats.md, 'Predicates', says which key may sign what",
        )
    if parent.scope is not None:
        require(parent.scope.permits(delegate=predicate.kind, at=from_text(predicate.time)), where)


def require(permission: Permission, where: str) -> None:
    """Raise :class:`Refused`, naming the element, unless there is permission."""
    if not permission:
        raise Refused(
            f"{where} is outside the scope of the key that signed it: {permission.reason} "
            f"({permission.element})",
            hint="its signer was not permitted this; ask who delegated to that key",
        )
