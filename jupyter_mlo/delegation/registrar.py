"""A registrar: enrols others with a key that they trust, and knows who is one person.

A registrar is an MLO of its own (a service) below ``settings.registrar``. Its roster
remembers the opaque handle of each person, so that two keys or two MLO IDs of one person
never look like two people. The roster stays with the registrar; statements carry the
handle and no name.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from jupyter_mlo.config import Settings, open_plain
from jupyter_mlo.delegation.enrolment import Claim, enrol_another, enrol_oneself
from jupyter_mlo.delegation.revocation import Reason, make_revocation
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import InvalidInput, KeyFileError, NotFound, Refused
from jupyter_mlo.identity.ids import new_mlo_id
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.identity.private_files import locked, write_private
from jupyter_mlo.identity.profiles import Profile
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.identity.store import Identity, IdentityStore
from jupyter_mlo.statements.envelope import Envelope, sign, statement_json
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.predicates.common import KeyId, MloId
from jupyter_mlo.statements.subjects import mlo_subject
from jupyter_mlo.statements.times import to_text


class Member(BaseModel):
    """One key of one MLO of one person."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    mlo: MloId
    key_id: KeyId
    handle: str


class Roster(BaseModel):
    """Everyone whom this registrar has enrolled."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    version: Literal[1] = 1
    members: tuple[Member, ...] = ()

    def handle_of(self, text: str) -> str:
        """The handle of the person whom an MLO ID, a key ID or a handle names."""
        for member in self.members:
            if text in (member.mlo, member.key_id, member.handle):
                return member.handle
        raise NotFound(
            f"this registrar has not enrolled {terminal_safe(text, limit=80)}",
            hint="name an MLO ID, key fingerprint or handle: jupyter mlo registrar list",
        )

    def enter(
        self, mlo: str, key_id: str, *, same_as: str | None, fresh: str
    ) -> tuple[Roster, str]:
        """The roster with one more key, and the handle that goes with it.

        Args:
            same_as: whose key it is, where that person is on the roster.
            fresh: the handle for a person who is not.

        Raises:
            Refused: ``mlo`` is on the roster with another key, and nobody said that it is
                the same person.
            InvalidInput: the key is on the roster as another person's.
        """
        named = None if same_as is None else self.handle_of(same_as)
        by_key = {member.handle for member in self.members if member.key_id == key_id}
        by_mlo = {member.handle for member in self.members if member.mlo == mlo}
        known = by_key or by_mlo
        if named is not None and known - {named}:
            raise InvalidInput(
                f"{mlo} with {key_id} is on the roster as {min(known)}, not as {named}",
                hint="one person has one handle: jupyter mlo registrar list",
            )
        if by_mlo and not by_key and named is None:
            raise Refused(
                f"{mlo} is on the roster with another key, and {key_id} is new",
                hint="this is how an impostor would look. If you know that the same person holds "
                f"both keys: --handle-of {mlo}",
            )
        # Whoever holds a key that is on the roster is that person, under whatever MLO ID.
        handle = named or next(iter(known), fresh)
        member = Member(mlo=mlo, key_id=key_id, handle=handle)
        members = self.members if member in self.members else (*self.members, member)
        return self.model_copy(update={"members": members}), handle


@dataclass(frozen=True)
class Registrar:
    """The registrar of this home."""

    identity: Identity
    settings: Settings

    @classmethod
    def create(cls, settings: Settings, name: str, passphrase: str, *, now: datetime) -> Registrar:
        """Make the registrar of this home; raises :class:`Refused` where there is one already."""
        cls.refuse_second(settings)
        mlo, key = new_mlo_id(), SigningKey.generate()
        enrolment = enrol_oneself(mlo, "service", key, now=now)
        identity = cls._store(settings).create(
            Profile(name=name), "service", key, passphrase, enrolment.to_bytes(), mlo=mlo
        )
        return cls(identity, settings)

    @classmethod
    def refuse_second(cls, settings: Settings) -> None:
        """Raise :class:`Refused` where this home has a registrar, or an unreadable one."""
        store = cls._store(settings)
        for what in [identity.label for identity in store.all()] + [
            problem.message for problem in store.problems()
        ]:
            raise Refused(
                f"this home has a registrar already: {what}",
                hint="enrol with it, or set MLO_HOME to make another elsewhere",
            )

    @classmethod
    def open(cls, settings: Settings) -> Registrar:
        """The registrar of this home; raises :class:`NotFound` where there is none."""
        store = cls._store(settings)
        found, problems = store.all(), store.problems()
        if problems:
            raise problems[0]
        if not found:
            raise NotFound("this home has no registrar", hint="jupyter mlo registrar init")
        return cls(found[0], settings)

    @property
    def store(self) -> IdentityStore:
        """Where its key is."""
        return self._store(self.settings)

    @property
    def own_enrolment(self) -> Envelope:
        """The enrolment that carries its public key, and travels with whatever it signs."""
        return Envelope.from_bytes(self.store.enrolments(self.identity)[0])

    def roster(self) -> Roster:
        """Whom it has enrolled; raises :class:`KeyFileError` where the roster is damaged."""
        path = self.settings.registrar / "roster.json"
        try:
            with open_plain(path) as file:
                return Roster.model_validate_json(file.read())
        except FileNotFoundError:
            return Roster()
        except (OSError, ValidationError):
            raise KeyFileError(
                f"{path} cannot be read",
                hint="restore it from a backup; without it one person may get two handles",
            ) from None

    def check(self, claim: Claim, *, same_as: str | None = None) -> None:
        """Raise what :meth:`enrol` would raise; nothing is kept."""
        self.roster().enter(claim.mlo, claim.key.key_id, same_as=same_as, fresh="")

    def enrol(
        self,
        claim: Claim,
        key: SigningKey,
        *,
        now: datetime,
        same_as: str | None = None,
        checkpoint: Mapping[str, Any] | None = None,
    ) -> tuple[Envelope, Envelope]:
        """Enrol the MLO of ``claim``: this registrar's own enrolment, and the new one.

        Args:
            key: this registrar's, unlocked.
            same_as: see :meth:`Roster.enter`.
        """
        with locked(self.settings.registrar / ".roster.lock"):
            roster, handle = self.roster().enter(
                claim.mlo, claim.key.key_id, same_as=same_as, fresh=secrets.token_urlsafe(16)
            )
            # Kept first: a handle that was given away must not be forgotten.
            content = roster.model_dump_json(indent=2).encode() + b"\n"
            write_private(self.settings.registrar / "roster.json", content)
        return self.own_enrolment, enrol_another(claim, key, handle, now=now, checkpoint=checkpoint)

    def revoke(
        self,
        mlo: str,
        key_id: str,
        key: SigningKey,
        *,
        reason: Reason,
        now: datetime,
        since: datetime | None = None,
        checkpoint: Mapping[str, Any] | None = None,
    ) -> Envelope:
        """Take back a key of ``mlo`` that this registrar enrolled; ``key`` is its own."""
        signer = Signer.own(mlo, key, checkpoint=checkpoint)
        return make_revocation(
            signer, now=now, reason=reason, key_id=key_id, compromised_since=since
        )

    def give_role(
        self,
        mlo: str,
        role: str,
        key: SigningKey,
        *,
        now: datetime,
        until: datetime | None = None,
        checkpoint: Mapping[str, Any] | None = None,
    ) -> Envelope:
        """``mlo`` has a role, says this registrar; ``key`` is its own."""
        said = {"role": role} if until is None else {"role": role, "notAfter": to_text(until)}
        signer = Signer.own(mlo, key, checkpoint=checkpoint)
        # Not by the signer: as an own key it may not; that it is a registrar's others decide.
        return sign(statement_json(types.ROLE, [mlo_subject(mlo)], signer.header(now) | said), key)

    @staticmethod
    def _store(settings: Settings) -> IdentityStore:
        return IdentityStore(replace(settings, home=settings.registrar))
