"""Mandates of whoever uses this server: kept, made, renewed, ended, and chosen for a job.

Where nobody is told apart, they are the account's own: those that ``jupyter mlo mandate list``
shows. Where the server knows people, each has a place of their own, and no other's is looked at.
What makes or ends one is signed by the MLO's own key, so it takes the passphrase: a session may
not do it. Blocks: for worker threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal

from jupyter_mlo.delegation.mandate_store import MandateStore
from jupyter_mlo.delegation.mandates import Mandate, MandateFile
from jupyter_mlo.errors import InvalidInput, MloError, NotFound, Refused, SessionError
from jupyter_mlo.ledger.mandate_standing import ask_of_all, judge_standing, revocations_known
from jupyter_mlo.server.people import Person, Sessions
from jupyter_mlo.server.who import People, refuse_assistant, silent, typed
from jupyter_mlo.verbs import mandate_acts
from jupyter_mlo.verbs.key_ending import refuse_ended
from jupyter_mlo.verbs.mandates_here import SOON, ending_within

if TYPE_CHECKING:
    from jupyter_mlo.config import Settings
    from jupyter_mlo.delegation.revocation import Reason
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.ledger.mandate_standing import Standing
    from jupyter_mlo.verbs.mandate_acts import Terms

#: Where the key of a new mandate goes: it has none that could travel; it stays on this server,
#: for jobs; or into the hands of whoever made it, once.
Handover = Literal["runner", "kept", "download"]


@dataclass(frozen=True)
class Held:
    """A mandate of somebody here, and how it stands."""

    mandate: Mandate
    standing: Standing
    #: Its own key is on this server.
    kept: bool
    #: What ``MLO_MANDATE`` may name on this server; it is of use here only where a key is.
    file: Path
    #: It ends within three days, and was not renewed.
    soon: bool = False

    @property
    def in_force(self) -> bool:
        """Whether a run may start under it now."""
        return bool(self.standing)


@dataclass(frozen=True)
class Mandates:
    """The mandates of the people who use this server."""

    settings: Settings
    sessions: Sessions
    clock: Callable[[], datetime]
    #: Held while one is ended: twice at once is once.
    _lock: Lock = field(default_factory=Lock, repr=False)

    def of(self, person: Person) -> tuple[list[Held], list[str]]:
        """This person's, those that end first at the top; and what could not be read or asked."""
        store = self._store(person)
        mandates, unread = store.all()
        held, notes = self._stand(store, mandates)
        return held, [*(str(one) for one in unread), *notes]

    def one(self, person: Person, mandate_id: str) -> Held:
        """One of them; raises :class:`NotFound`, also for another's."""
        store = self._store(person)
        return self._stand(store, [self._find(store, mandate_id)])[0][0]

    def chosen(self, person: Person, mandate_id: str) -> Mandate:
        """One of them with its key, for a job that is to run under it.

        Raises:
            NotFound: this person has none such.
            Refused: it is not in force, or its key is not on this server.
        """
        from jupyter_mlo.delegation.runner_key import read_mandate_here

        held = self.one(person, mandate_id)
        if not held.in_force:
            raise Refused(
                f"{held.mandate.label} is not in force: {held.standing.reason} "
                f"({held.standing.element})",
                hint="renew it, or choose another",
            )
        try:
            return read_mandate_here(self.settings, held.file)
        except MloError:
            raise Refused(
                f"the key of {held.mandate.label} is not on this server",
                hint="make one that is kept here, or for this server's runner key "
                "(jupyter mlo mandate key)",
            ) from None

    def made(
        self, person: Person, terms: Terms, passphrase: str, handover: Handover
    ) -> tuple[Held, MandateFile | None]:
        """A new mandate of the MLO that is signed in; its file where that is to be taken along.

        Raises:
            SessionError: nobody is signed in.
            Refused: an assistant asks, or acts here under a grant.
            WrongPassphrase: it is another one.
            InvalidInput: the terms and how it is handed over do not fit.
        """
        refuse_assistant(person, self.sessions.acting_assistant(person, self.clock()))
        if (handover == "runner") != (terms.to is not None):
            raise InvalidInput(
                "a mandate is for a runner's key, or has a key of its own",
                hint="name the runner's public key, or where the mandate's own key goes",
            )
        signer = self.session(person)
        context = silent(self.settings, self.clock)
        own = self._own(signer.mlo, passphrase)
        file = mandate_acts.made(own, terms, self.clock(), context)
        return self._kept(person, file, handover)

    def renewed(
        self,
        person: Person,
        mandate_id: str,
        lasts: timedelta,
        passphrase: str,
    ) -> tuple[Held, MandateFile | None]:
        """One with the same scope and a new end, for the same hands; raises as :meth:`made`.

        For a runner's key it is made over to that again; a key that was kept here is followed by
        another that is; else the new one is to be taken along.
        """
        refuse_assistant(person, self.sessions.acting_assistant(person, self.clock()))
        old = self.one(person, mandate_id)
        mandate_acts.check_length(lasts, None)
        mandate_acts.check_renewable(old.mandate, old.standing.element)
        handover: Handover = "runner" if old.mandate.runner else "kept" if old.kept else "download"
        context = silent(self.settings, self.clock)
        own = self._own(old.mandate.mlo, passphrase)
        to = old.mandate.link.key if old.mandate.runner else None
        file = mandate_acts.made_anew(own, old.mandate, lasts, to, context)
        return self._kept(person, file, handover)

    def revoked(
        self, person: Person, mandate_id: str, reason: Reason, passphrase: str
    ) -> tuple[Held, bool]:
        """One that ends now, for runs that see this home or its ledger; raises as :meth:`made`.

        And whether this has ended it: it may have been revoked before.
        """
        refuse_assistant(person, self.sessions.acting_assistant(person, self.clock()))
        held = self.one(person, mandate_id)
        own = self._own(held.mandate.mlo, passphrase)
        with self._lock:
            if self.one(person, mandate_id).standing.element == "revoked":
                return self.one(person, mandate_id), False
            mandate_acts.end(own, held.mandate, silent(self.settings, self.clock), reason=reason)
            return self.one(person, mandate_id), True

    def session(self, person: Person) -> Signer:
        """The person's session; raises :class:`SessionError` where they are not signed in."""
        signer = self.sessions.signer(person, self.clock())
        if signer is None:
            raise SessionError("you are not signed in", hint="sign in in the MLO panel")
        return signer

    def _store(self, person: Person) -> MandateStore:
        return MandateStore(self.settings, None if person.shared else person.username)

    def _find(self, store: MandateStore, mandate_id: str) -> Mandate:
        for one in store.all()[0]:
            if one.mandate_id == mandate_id:
                return one
        raise NotFound("you have no such mandate here", hint="the panel MLO lists yours")

    def _stand(self, store: MandateStore, mandates: list[Mandate]) -> tuple[list[Held], list[str]]:
        now = self.clock()
        known = ask_of_all(self.settings, mandates)
        held = []
        for one, told in zip(mandates, known, strict=True):
            revocations = revocations_known(self.settings, one, told)
            standing = judge_standing(one, revocations, told, now)
            held.append(Held(one, standing, store.has_key(one), store.file_of(one)))
        soon = {id(one.mandate) for one in ending_within(held, SOON, now)}
        notes = dict.fromkeys(one.standing.note for one in held if one.standing.note)
        return [replace(one, soon=id(one.mandate) in soon) for one in held], list(notes)

    def _own(self, mlo: str, passphrase: str) -> Signer:
        store, context = People(self.settings).store, silent(self.settings, self.clock)
        identity = store.find(mlo)
        refuse_ended(identity, context)
        key = store.unlock(identity, typed(passphrase), self.clock())
        return mandate_acts.own_signer(store, identity, key, context)

    def _kept(
        self, person: Person, file: MandateFile, handover: Handover
    ) -> tuple[Held, MandateFile | None]:
        store = self._store(person)
        context = silent(self.settings, self.clock)
        mandate = mandate_acts.keep(file, store, context, whole=handover == "kept")
        held = self._stand(store, [mandate])[0][0]
        return held, None if handover == "kept" else file
