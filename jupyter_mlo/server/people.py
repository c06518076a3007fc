"""Whose request it is, and whose session it uses.

Where the server's identity provider knows people, each has a session of their own: it lives in
this process's memory, under the user's name, and nothing of it is on disk. Where it does not (a
token or one password lets in whoever has it), the session is the account's own, the same that
``jupyter mlo login`` and ``%mlo_login`` open.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jupyter_mlo.delegation.session_watch import SessionWatch
from jupyter_mlo.delegation.sessions import (
    check_activity,
    check_model,
    end_session,
    keep_session,
    set_activity,
    turned_to,
)
from jupyter_mlo.errors import SessionError
from jupyter_mlo.statements.times import to_text

if TYPE_CHECKING:
    from jupyter_mlo.config import Settings
    from jupyter_mlo.delegation.actor import Actor
    from jupyter_mlo.delegation.signer import Signer

#: Where a person's session ends, these are told why they have none.
_LOG_IN = "sign in in the MLO panel"


@dataclass(frozen=True)
class Person:
    """Who sent a request, as the server authenticated them."""

    username: str
    name: str = field(compare=False)
    #: Nobody knows which person it is: the session is the account's.
    shared: bool
    #: An assistant with a token of its own: it acts under its grant, and never without.
    assistant: bool = False

    @property
    def account(self) -> str:
        """The name by which people are told apart; empty where nobody knows which person it is."""
        return "" if self.shared else self.username


class Sessions:
    """The sessions that this server uses. Called from the event loop and from worker threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._account = SessionWatch(settings)
        self._own: dict[str, Signer] = {}
        self._lock = threading.Lock()

    def signer(self, person: Person, now: datetime) -> Signer | None:
        """Who signs for this person now; None where nobody does, see :meth:`problem`."""
        if person.shared:
            return self._account.signer(now)
        found = self._own.get(person.username)
        if found is None or now >= found.expires:
            return None
        return found

    def problem(self, person: Person, now: datetime) -> str | None:
        """Why this person has no session although one was opened."""
        if person.shared:
            self._account.signer(now)
            return self._account.problem
        found = self._own.get(person.username)
        if found is None or now < found.expires:
            return None
        return f"your session ended at {to_text(found.expires)}\n  hint: {_LOG_IN}"

    def acting_assistant(self, person: Person, now: datetime) -> str | None:
        """MLO ID of the assistant whose session this is; None where a person's, or nobody's."""
        signer = self.signer(person, now)
        return None if signer is None else signer.named.get("assistant")

    def open(self, person: Person, signer: Signer) -> None:
        """From now on this person acts with this signer."""
        if person.shared:
            keep_session(self._settings, signer)
            return
        with self._lock:
            self._own[person.username] = signer

    def close(self, person: Person) -> bool:
        """End this person's session; whether there was one."""
        if person.shared:
            return end_session(self._settings)
        with self._lock:
            return self._own.pop(person.username, None) is not None

    def act(self, person: Person, activity: str | None, model: str | None, now: datetime) -> Signer:
        """Say what this person's session is for from now on.

        Raises:
            SessionError: there is no session.
            InvalidInput: there is no such activity, or the model has no such name.
        """
        if person.shared:
            return set_activity(self._settings, activity, model, now=now)
        check_activity(activity)
        check_model(model)
        with self._lock:
            found = self.signer(person, now)
            if found is None:
                raise SessionError("you are not signed in", hint=_LOG_IN)
            found = turned_to(found, activity, model)
            self._own[person.username] = found
        return found

    def signers(self, now: datetime) -> Mapping[Actor, Signer]:
        """Who acts → signer, of every session that is open here now."""
        with self._lock:
            found = [self._account.signer(now), *self._own.values()]
        return {one.actor: one for one in found if one is not None and now < one.expires}


def person_of(user: Any, *, named: bool) -> Person:
    """The person behind a :class:`jupyter_server.auth.User`."""
    from jupyter_mlo.server.assistants import AssistantUser

    username = str(user.username)
    if isinstance(user, AssistantUser):
        return Person(user.grant, str(user.name), shared=False, assistant=True)
    return Person(username, str(user.display_name or user.name or username), shared=not named)


def knows_people(identity_provider: Any) -> bool:
    """Whether this identity provider tells people apart: Jupyter's own three do not."""
    from jupyter_server.auth.identity import (
        IdentityProvider,
        LegacyIdentityProvider,
        PasswordIdentityProvider,
    )

    return type(identity_provider) not in (
        IdentityProvider,
        PasswordIdentityProvider,
        LegacyIdentityProvider,
    )
