"""How sure a verifier may be that a key is an MLO's: derived here, stored nowhere.

Everything follows from the verifier's own trust configuration and from enrolments whose
signatures hold. A key that is there for an MLO whose key was already known here is a
conflict, unless a trusted registrar enrolled it.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Final, cast

from jupyter_mlo.delegation.in_time import Timeliness, after_expiry, rank, worst
from jupyter_mlo.delegation.pool import Pool, binds, bound_key, names_mlo
from jupyter_mlo.delegation.revocation import Links, Revocations
from jupyter_mlo.delegation.scope import CLOCK_TOLERANCE, FUTURE_TOLERANCE
from jupyter_mlo.delegation.succession import MAX_KEYS, backers, vouched
from jupyter_mlo.errors import MloError, Refused, StatementError
from jupyter_mlo.identity.keys import PublicKey
from jupyter_mlo.identity.schemes import check_rules
from jupyter_mlo.statements.predicates.identity import Enrolment, Membership, Role
from jupyter_mlo.statements.statement import Statement
from jupyter_mlo.statements.times import from_text

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust


#: Of what no clock proves when it was logged, no verifier's clock shows that it was in time.
LONG_AFTER = datetime.max.replace(tzinfo=UTC)


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
    #: ``person``, ``team``, ``service`` or ``assistant``: the strictest that is said of it.
    mlo_kind: str
    #: Opaque person handle, from a trusted registrar only.
    handle: str | None = None
    #: Another MLO ID as whose successor it presents itself; nobody else says so.
    succeeds: str | None = None


@dataclass(frozen=True)
class Registered:
    """What a trusted registrar says of a key."""

    registrar: str
    kind: str
    handle: str | None

    def same_person(self, other: Registered) -> bool:
        """Whether one registrar gave both the same handle, and so knows of both."""
        return self.handle is not None and (self.registrar, self.handle) == (
            other.registrar,
            other.handle,
        )


#: Kinds of MLO, each permitted no more than those before it.
_STRICTER: Final = ("person", "service", "assistant", "team")


def strictest(*kinds: str) -> str:
    """The kind that counts where an MLO was called several."""
    return max(kinds, key=_STRICTER.index)


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
    _registered: dict[str, dict[str, Registered]] = field(default_factory=dict)

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
        own, key = own_enrolment(self.pool, mlo, key_id)
        registered = self._by_registrars(mlo)
        enrolled = key_id in registered
        check_rules(mlo, key, enrolled=enrolled, schemes=self.trust.schemes)
        pinned = self.trust.pins.get(mlo, frozenset())
        backed = self._backers(mlo, key_id) if key_id not in pinned else frozenset()
        if key_id not in pinned and not backed & pinned:
            rivals = [
                other
                for other, by in registered.items()
                if other not in (key_id, *backed)
                and not (enrolled and registered[key_id].same_person(by))
                and not self._ended(mlo, other)
            ]
            if enrolled and rivals and not self._ended(mlo, key_id):
                raise _conflict(mlo, key_id, rivals[0], "registrars trusted here enrolled both")
            if not enrolled and pinned:
                raise _conflict(mlo, key_id, min(pinned), "that one is pinned here")
            if not enrolled and rivals:
                raise _conflict(mlo, key_id, rivals[0], "a registrar trusted here enrolled it")
        kind = self._kind(mlo, {key_id, *pinned, *registered}, registered.values())
        if enrolled:
            return Standing(Assurance.ENROLLED, kind, registered[key_id].handle, own.succeeds)
        known = key_id in pinned or bool(backed & (pinned | registered.keys()))
        level = Assurance.SIGNED if known else Assurance.CLAIMED
        return Standing(level, kind, succeeds=own.succeeds)

    def _kind(self, mlo: str, known: Set[str], registered: Iterable[Registered]) -> str:
        """What an MLO is by all that is said of it: the strictest.

        By registrars, by its keys themselves, and by these of one another: else a team would
        become a person by enrolling itself once more. Strangers who vouch for them say nothing.

        Raises:
            Refused: it is pinned here as of another kind than anything at hand says.
        """
        said = [by.kind for by in registered]
        edges = [
            (one, other, cast(Enrolment, enrolment.predicate).kind)
            for one, other, enrolment in vouched(self.pool, mlo)
            if self._stands(enrolment)
        ]
        seen: set[str] = set()
        open_ = sorted(known)
        while open_:
            key_id = open_.pop()
            if key_id in seen:
                continue
            seen.add(key_id)
            said += [
                cast(Enrolment, own.predicate).kind
                for own in self.pool.own_enrolments(key_id)
                if own.mlo == mlo
            ]
            for one, other, kind in edges:
                if one == key_id:
                    said.append(kind)
                    if len(seen) < MAX_KEYS:
                        open_.append(other)
        pinned = self.trust.kinds.get(mlo)
        if pinned is not None and pinned not in said:
            # What said so once is not at hand: whoever left it out is not to gain by that.
            raise Refused(
                f"conflict: {mlo} is pinned here as of kind {pinned!r}, and calls itself "
                f"{strictest(*said)!r} here",
                hint="ask whoever holds its key what it is; then jupyter mlo trust list, "
                "jupyter mlo trust add --replace --kind KIND",
            )
        return strictest(*said)

    def _backers(self, mlo: str, key_id: str) -> frozenset[str]:
        """Other keys of ``mlo`` that say that this one is its too."""
        return backers(self.pool, mlo, key_id, self._stands)

    def _stands(self, enrolment: Statement) -> bool:
        """Whether what an own key says still counts: nothing in the clock's favour."""
        links = Links(enrolment.mlo, enrolment.key_id, (enrolment.key_id,))
        taken_back = Links(enrolment.mlo, enrolment.key_id, (), (enrolment.statement_id,))
        return self._in_time(enrolment, links) and not self.revocations.concerning(taken_back)

    def _in_time(self, statement: Statement, links: Links) -> bool:
        try:
            self.revocations.check(statement, from_text(statement.time), links, LONG_AFTER)
        except Refused:
            return False
        return True

    def affirmation(
        self, statement: Statement, by: str, now: datetime
    ) -> tuple[str, Assurance] | None:
        """When, and under how well known a key, the MLO ``by`` affirmed ``statement`` anew."""
        found = []
        for said in self.pool.affirmations.get(statement.statement_id, ()):
            if said.mlo != by or said.delegation is not None:
                continue
            try:
                key = own_enrolment(self.pool, said.mlo, said.key_id)[1]
                standing = self.of(said.mlo, said.key_id)
                if from_text(said.time) > now + FUTURE_TOLERANCE:
                    continue
            except MloError:
                continue
            if self.pool.holds(said, key) and self._stands(said):
                found.append((said.time, standing.assurance))
        return max(found, key=lambda one: one[1], default=None)

    def membership(
        self, statement: Statement, mlo: str, team: str, at: datetime, now: datetime
    ) -> tuple[Assurance, Timeliness]:
        """How sure it is that ``mlo`` was a member of ``team``, and what its end leaves.

        Args:
            statement: what was said for the team.
            at: when it claims to have been done.

        Raises:
            Refused: no membership that was in force then is at hand.
        """
        found = []
        for said in self.pool.memberships.get(mlo, ()):
            ends = cast(Membership, said.predicate).not_after
            if (
                said.mlo == team
                and said.delegation is None
                and names_mlo(said, mlo)
                and from_text(said.time) <= at + CLOCK_TOLERANCE
                and (ends is None or at <= from_text(ends) + CLOCK_TOLERANCE)
                and (level := self._vouched_by(said)) is not None
            ):
                links = Links(team, said.key_id, (), (said.statement_id,))
                found.append((level, self._since(statement, links, ends, now)))
        if not found:
            raise Refused(
                f"{mlo} acts here for {team}, and no membership in it that was in force then is "
                "at hand",
                hint="the team's owner or a registrar gives one: jupyter mlo team add --help",
            )
        return min(found, key=lambda one: (rank(one[1]), -one[0]))

    def _since(
        self, statement: Statement, links: Links, ends: str | None, now: datetime
    ) -> Timeliness:
        """What the revocations of a membership, and its time, leave of a statement."""
        claimed = from_text(statement.time)
        timely = self.revocations.timeliness(statement, claimed, links, now)
        if ends is None or not self.revocations.timed:
            return timely
        logged = self.revocations.logged.get(statement.statement_id)
        expired = after_expiry(
            logged=logged, ended=from_text(ends), grace=self.trust.grace, what="membership"
        )
        return worst(timely, expired)

    def roles(self, mlo: str, at: datetime) -> frozenset[str]:
        """The roles that registrars who are trusted here gave ``mlo``, and that last."""
        return frozenset(
            cast(Role, said.predicate).role
            for said in self.pool.roles.get(mlo, ())
            if names_mlo(said, mlo)
            and from_text(said.time) <= at + FUTURE_TOLERANCE
            and ((ends := cast(Role, said.predicate).not_after) is None or at <= from_text(ends))
            and self.registrar_holds(said)
        )

    def _vouched_by(self, said: Statement) -> Assurance | None:
        """How well known who signed a membership is: the team's own key, or a registrar's."""
        if self.registrar_signed(said):
            return Assurance.ENROLLED
        try:
            key = own_enrolment(self.pool, said.mlo, said.key_id)[1]
            standing = self.of(said.mlo, said.key_id)
        except MloError:
            return None
        links = Links(said.mlo, said.key_id, (said.key_id,))
        whole = self.pool.holds(said, key) and self._in_time(said, links)
        return standing.assurance if whole else None

    def registrar_holds(self, statement: Statement) -> bool:
        """Whether a statement is a trusted registrar's, its signature holds, and it stands."""
        # An enrolment that was taken back counts nothing, however early it was logged.
        return self.registrar_signed(statement) and not self.revocations.concerning(
            Links(statement.mlo, statement.key_id, (), (statement.statement_id,))
        )

    def registrar_signed(self, statement: Statement) -> bool:
        """The same, whether it was taken back or not."""
        registrar = statement.key_id
        key = self.pool.key(registrar) if registrar in self.trust.registrars else None
        # The registrar is itself an MLO, and its key may have been revoked as such.
        return (
            key is not None
            and self.pool.holds(statement, key)
            and all(
                self._in_time(statement, Links(own.mlo, registrar, (registrar,)))
                for own in self.pool.own_enrolments(registrar)
            )
        )

    def _by_registrars(self, mlo: str) -> dict[str, Registered]:
        """Keys that trusted registrars enrolled for ``mlo``."""
        found = self._registered.get(mlo)
        if found is None:
            found = self._registered[mlo] = {}
            for statement in self.pool.enrolments.get(mlo, ()) if self.trust.registrars else ():
                key_id = bound_key(statement).key_id
                by_another = key_id != statement.key_id and binds(statement, key_id)
                if by_another and self.registrar_holds(statement):
                    said = cast(Enrolment, statement.predicate)
                    before = found.get(key_id)
                    kind = strictest(said.kind, *([before.kind] if before else []))
                    found[key_id] = Registered(statement.key_id, kind, said.handle)
        return found

    def _ended(self, mlo: str, key_id: str) -> bool:
        return bool(self.revocations.concerning(Links(mlo, key_id, (key_id,))))


def _conflict(mlo: str, key_id: str, other: str, why: str) -> Refused:
    return Refused(
        f"conflict: {mlo} acts here with the key {key_id}, and is known here with {other} ({why})",
        hint="ask that MLO which key is theirs, by another way than this file; "
        "then jupyter mlo trust list, trust remove, trust add",
    )
