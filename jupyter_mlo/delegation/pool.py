"""The statements that bind keys to MLOs, as they came, by what one looks for.

Nothing in a pool is trusted because it is there: a pool comes out of notebooks, exports
and ledgers alike, and its signatures are checked by whoever walks along them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

from jupyter_mlo.errors import MloError
from jupyter_mlo.identity.keys import PublicKey
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import identity, types
from jupyter_mlo.statements.statement import Statement, read_statement
from jupyter_mlo.statements.subjects import mlo_subject


@lru_cache(maxsize=4096)
def read_key(text: str) -> PublicKey:
    """:meth:`PublicKey.from_text`, remembered: one key signs thousands of statements."""
    return PublicKey.from_text(text)


#: An envelope whose payload holds none of these is of no use here, and is not read.
_TELLTALES = tuple(uri.encode() for uri in types.BINDING)

#: One statement ID may come with several signatures, of which some may not hold: whoever
#: puts a broken copy first must not hide the whole one behind it.
Variants = tuple[Statement, ...]
#: Key ID → an own key, another that it says is the same MLO's, and the enrolment that says so.
Vouchings = dict[str, list[tuple[str, str, Statement]]]


@dataclass(frozen=True, eq=False)
class Pool:
    """Enrolments, delegations, revocations and what else binds keys and MLOs, read. Immutable."""

    #: MLO ID → its enrolments, by itself and by registrars.
    enrolments: Mapping[str, Variants] = field(default_factory=dict)
    #: Statement ID → the delegation.
    delegations: Mapping[str, Variants] = field(default_factory=dict)
    #: What is revoked (statement ID or key ID) → the revocations of it.
    revocations: Mapping[str, Variants] = field(default_factory=dict)
    #: Statement ID → the affirmations of it.
    affirmations: Mapping[str, Variants] = field(default_factory=dict)
    #: MLO ID of a member → its memberships in teams.
    memberships: Mapping[str, Variants] = field(default_factory=dict)
    #: MLO ID → the roles that it was given.
    roles: Mapping[str, Variants] = field(default_factory=dict)
    #: Key ID → the enrolments by which it binds itself; a forger's may name any MLO.
    self_enrolments: Mapping[str, Variants] = field(default_factory=dict)
    #: Statement ID → why that envelope could not be read.
    unreadable: Mapping[str, str] = field(default_factory=dict)
    #: (statement ID, signature, key ID) → whether it holds. Facts, so later pools share them;
    #: without this a file full of broken copies would cost one check for each of its stamps.
    _checked: dict[tuple[str, bytes, str], bool] = field(default_factory=dict, repr=False)
    _own: dict[str, Variants] = field(default_factory=dict, repr=False)
    #: MLO ID → who vouches for whom, by the key that says so and by the other
    #: (:mod:`~jupyter_mlo.delegation.succession`).
    vouched: dict[str, tuple[Vouchings, Vouchings]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, envelopes: Iterable[Envelope]) -> Pool:
        """Read and index; statements of other predicates are passed over."""
        return cls().also(envelopes)

    def also(self, envelopes: Iterable[Envelope]) -> Pool:
        """This pool and more."""
        enrolments = _copy(self.enrolments)
        delegations = _copy(self.delegations)
        revocations = _copy(self.revocations)
        affirmations = _copy(self.affirmations)
        memberships = _copy(self.memberships)
        roles = _copy(self.roles)
        self_enrolments = _copy(self.self_enrolments)
        unreadable = dict(self.unreadable)
        seen = {_identity(statement.envelope) for statement in self._statements()}
        for envelope in envelopes:
            if not any(uri in envelope.payload for uri in _TELLTALES):
                continue
            if _identity(envelope) in seen:
                continue
            seen.add(_identity(envelope))
            try:
                statement = read_statement(envelope)
                predicate = statement.predicate
                if isinstance(predicate, identity.Enrolment):
                    read_key(predicate.public_key)
                    if binds(statement, statement.key_id):
                        _add(self_enrolments, statement.key_id, statement)
                    _add(enrolments, statement.mlo, statement)
                elif isinstance(predicate, identity.Delegation):
                    _add(delegations, statement.statement_id, statement)
                elif isinstance(predicate, identity.Revocation):
                    _add(revocations, predicate.revokes or predicate.revokes_key or "", statement)
                elif isinstance(predicate, identity.Affirmation):
                    for subject in statement.subject:
                        _add(affirmations, subject.digest.get("mloStatementV1", ""), statement)
                elif isinstance(predicate, identity.Membership):
                    _add(memberships, predicate.member, statement)
                elif isinstance(predicate, identity.Role):
                    _add(roles, statement.mlo, statement)
            except MloError as error:
                unreadable[envelope.statement_id] = error.message
        return Pool(
            _frozen(enrolments),
            _frozen(delegations),
            _frozen(revocations),
            _frozen(affirmations),
            _frozen(memberships),
            _frozen(roles),
            _frozen(self_enrolments),
            unreadable,
            self._checked,
        )

    def holds(self, statement: Statement, key: PublicKey) -> bool:
        """Whether ``key`` signed ``statement``, checked once."""
        envelope = statement.envelope
        fact = (envelope.statement_id, envelope.signature, key.key_id)
        known = self._checked.get(fact)
        if known is None:
            known = self._checked[fact] = envelope.holds_under(key)
        return known

    def keys(self) -> dict[str, PublicKey]:
        """Key ID → every key that enrolments and delegations speak of, rightly or not.

        A key's ID is its digest: these say whether a signature holds, and nothing of whose it is.
        """
        found: dict[str, PublicKey] = {}
        for statements in (*self.enrolments.values(), *self.delegations.values()):
            for statement in statements:
                with contextlib.suppress(MloError):
                    key = bound_key(statement)
                    found[key.key_id] = key
        return found

    def _statements(self) -> Iterator[Statement]:
        for index in (
            self.enrolments,
            self.delegations,
            self.revocations,
            self.affirmations,
            self.memberships,
            self.roles,
        ):
            for statements in index.values():
                yield from statements

    @property
    def revocation_ids(self) -> list[str]:
        """Statement IDs of the revocations."""
        return _ids(self.revocations)

    def dated(self) -> list[str]:
        """Statement IDs of revocations, and where there are any of what they may take away."""
        if not self.revocations:
            return []
        indexes = (self.revocations, self.enrolments, self.affirmations, self.memberships)
        return [name for index in indexes for name in _ids(index)]

    def own_enrolments(self, key_id: str) -> Variants:
        """The enrolments by which the key ``key_id`` binds itself, their signatures checked."""
        known = self._own.get(key_id)
        if known is None:
            known = self._own[key_id] = tuple(
                statement
                for statement in self.self_enrolments.get(key_id, ())
                if self.holds(statement, bound_key(statement))
            )
        return known

    def key(self, key_id: str) -> PublicKey | None:
        """The public key ``key_id``, where it rightly binds itself to any MLO."""
        held = self.own_enrolments(key_id)
        return bound_key(held[0]) if held else None


def _ids(index: Mapping[str, Variants]) -> list[str]:
    return [one.statement_id for each in index.values() for one in each]


def _identity(envelope: Envelope) -> tuple[str, str, bytes]:
    return envelope.statement_id, envelope.key_id, envelope.signature


def _add(index: dict[str, list[Statement]], name: str, statement: Statement) -> None:
    index.setdefault(name, []).append(statement)


def _copy(index: Mapping[str, Variants]) -> dict[str, list[Statement]]:
    return {name: list(held) for name, held in index.items()}


def _frozen(index: Mapping[str, list[Statement]]) -> dict[str, Variants]:
    return {name: tuple(held) for name, held in index.items()}


def names_key(statement: Statement, key_id: str) -> bool:
    """Whether the one subject of ``statement`` is the key ``key_id``, with its SHA-256."""
    return _names(statement, key_id, {"sha256": key_id.removeprefix("sha256:")})


def names_statement(statement: Statement, statement_id: str) -> bool:
    """Whether the one subject is that statement, by its ID."""
    return _names(statement, statement_id, {"mloStatementV1": statement_id})


def names_mlo(statement: Statement, mlo: str) -> bool:
    """Whether the one subject is that MLO, by its ID."""
    return _names(statement, mlo, mlo_subject(mlo)["digest"])


def _names(statement: Statement, name: str, digest: dict[str, str]) -> bool:
    subject = statement.subject
    return len(subject) == 1 and subject[0].name == name and subject[0].digest == digest


def bound_key(statement: Statement) -> PublicKey:
    """The key that an enrolment or a delegation is about."""
    return read_key(cast(identity.Enrolment | identity.Delegation, statement.predicate).public_key)


def binds(enrolment: Statement, key_id: str) -> bool:
    """Whether an enrolment is about the key ``key_id``, by subject and public key alike."""
    return (
        enrolment.delegation is None
        and bound_key(enrolment).key_id == key_id
        and names_key(enrolment, key_id)
    )
