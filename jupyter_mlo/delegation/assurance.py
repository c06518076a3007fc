"""How sure a verifier may be that a key is an MLO's: derived here, stored nowhere.

Everything follows from the verifier's own trust configuration and from enrolments whose
signatures hold. A key that is there for an MLO whose key was already known here is a
conflict, unless a trusted registrar enrolled it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, cast

from jupyter_mlo.delegation.pool import Pool, binds, bound_key
from jupyter_mlo.delegation.revocation import Links, Revocations
from jupyter_mlo.errors import MloError, Refused, StatementError
from jupyter_mlo.identity.keys import PublicKey
from jupyter_mlo.statements.predicates.identity import Enrolment
from jupyter_mlo.statements.statement import Statement
from jupyter_mlo.statements.times import from_text

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust


class Assurance(IntEnum):
    """From least to most; its name in lower case is the word that is shown."""

    #: The signature is right, the key is unknown here.
    CLAIMED = 1
    #: The key is pinned here for this MLO.
    SIGNED = 2
    #: A registrar that is trusted here enrolled the key for this MLO.
    ENROLLED = 3
    #: Also under a checkpoint with the configured quorum of witnesses.
    WITNESSED = 4

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Standing:
    """What the enrolments in a pool say of one key of one MLO, to one verifier."""

    assurance: Assurance
    #: ``person``, ``team``, ``service`` or ``assistant``, as the MLO says itself.
    mlo_kind: str
    #: Opaque person handle, from a trusted registrar only.
    handle: str | None = None


def own_enrolment(pool: Pool, mlo: str, key_id: str) -> tuple[Enrolment, PublicKey]:
    """The enrolment by which ``key_id`` binds itself to ``mlo``, its signature checked.

    Raises:
        Refused: the pool has none, or it gives itself what only registrars give.
        StatementError: it has one, and it does not hold.
    """
    for statement in pool.own_enrolments(key_id):
        predicate = cast(Enrolment, statement.predicate)
        if statement.mlo == mlo and predicate.handle is None:
            return predicate, bound_key(statement)
    said = [one for one in pool.self_enrolments.get(key_id, ()) if one.mlo == mlo]
    if not said:
        raise Refused(
            f"no enrolment of {mlo} with the key {key_id} is at hand",
            hint="the chain is incomplete: ask for an export, or for the file as it was sealed",
        )
    if any(pool.holds(one, bound_key(one)) for one in said):
        raise Refused(
            f"the enrolment of {mlo} gives itself a person handle",
            hint="only registrars give handles",
        )
    raise StatementError(
        f"the signature of the enrolment {said[0].statement_id[:12]} does not hold under {key_id}",
        hint="it was changed after signing, or is a forgery",
    )


@dataclass(eq=False)
class Standings:
    """One verifier's judgement of MLOs' own keys; each is made once."""

    pool: Pool
    trust: Trust
    revocations: Revocations
    _judged: dict[tuple[str, str], Standing | MloError] = field(default_factory=dict)
    _registered: dict[str, dict[str, str | None]] = field(default_factory=dict)

    def of(self, mlo: str, key_id: str) -> Standing:
        """How sure it is here that ``key_id`` is ``mlo``'s own key.

        Raises:
            Refused: it does not enrol itself, or is in conflict with what is known of ``mlo``.
            StatementError: its own enrolment does not hold.
        """
        judged = self._judged.get((mlo, key_id))
        if judged is None:
            try:
                judged = self._judge(mlo, key_id)
            except MloError as error:
                judged = error
            self._judged[mlo, key_id] = judged
        if isinstance(judged, MloError):
            raise judged.with_traceback(None)
        return judged

    def _judge(self, mlo: str, key_id: str) -> Standing:
        own, _ = own_enrolment(self.pool, mlo, key_id)
        registered = self._by_registrars(mlo)
        enrolled = key_id in registered
        pinned = self.trust.pins.get(mlo, frozenset())
        if key_id not in pinned:
            others = [
                other for other in registered if other != key_id and not self._ended(mlo, other)
            ]
            if enrolled and others and not self._ended(mlo, key_id):
                raise _conflict(mlo, key_id, others[0], "registrars trusted here enrolled both")
            if not enrolled and pinned:
                raise _conflict(mlo, key_id, min(pinned), "that one is pinned here")
            if not enrolled and others:
                raise _conflict(mlo, key_id, others[0], "a registrar trusted here enrolled it")
        if enrolled:
            return Standing(Assurance.ENROLLED, own.kind, registered[key_id])
        return Standing(Assurance.SIGNED if key_id in pinned else Assurance.CLAIMED, own.kind)

    def registrar_holds(self, statement: Statement) -> bool:
        """Whether an enrolment is a trusted registrar's, its signature holds, and it stands."""
        registrar = statement.key_id
        key = self.pool.key(registrar) if registrar in self.trust.registrars else None
        if key is None or not self.pool.holds(statement, key):
            return False
        try:
            # The registrar is itself an MLO, and its key may have been revoked as such.
            at = from_text(statement.time)
            for own in self.pool.own_enrolments(registrar):
                self.revocations.check(statement, at, Links(own.mlo, registrar, (registrar,)))
        except Refused:
            return False
        # An enrolment that was taken back counts nothing, however early it was logged.
        return not self.revocations.concerning(
            Links(statement.mlo, registrar, (), (statement.statement_id,))
        )

    def _by_registrars(self, mlo: str) -> dict[str, str | None]:
        """Keys that trusted registrars enrolled for ``mlo``, each with its handle."""
        found = self._registered.get(mlo)
        if found is None:
            found = self._registered[mlo] = {}
            for statement in self.pool.enrolments.get(mlo, ()) if self.trust.registrars else ():
                key_id = bound_key(statement).key_id
                by_another = key_id != statement.key_id and binds(statement, key_id)
                if by_another and self.registrar_holds(statement):
                    found[key_id] = cast(Enrolment, statement.predicate).handle
        return found

    def _ended(self, mlo: str, key_id: str) -> bool:
        return bool(self.revocations.concerning(Links(mlo, key_id, (key_id,))))


def _conflict(mlo: str, key_id: str, other: str, why: str) -> Refused:
    return Refused(
        f"conflict: {mlo} acts here with the key {key_id}, and is known here with {other} ({why})",
        hint="ask that MLO which key is theirs, by another way than this file; "
        "then jupyter mlo trust list, trust remove, trust add",
    )
