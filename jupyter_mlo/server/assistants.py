"""Assistants on this server: each with a token of its own, issued for a grant.

Whoever may use the server brings the grant once, and gets a token, shown then and never again. The
grant's key and a digest of the token live in this process's memory only; both end with the grant,
when it is revoked, and with the server. What comes with the token is the assistant's: its requests
to kernels and its saves are signed under the grant, and never with anybody else's session.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from jupyter_server.auth.identity import User
from tornado import web

from jupyter_mlo.errors import InvalidInput, MloError, Refused
from jupyter_mlo.server.people import Person, Sessions
from jupyter_mlo.server.sockets import Sockets

if TYPE_CHECKING:
    from jupyter_mlo.config import Settings
    from jupyter_mlo.delegation.signer import Signer

#: Seconds between two questions to the ledger whether a grant that is in use was revoked.
_ASK_EVERY: Final = 5.0
#: Seconds between two looks whether a grant has ended.
_LOOK: Final = 1.0
#: Whose acts those in a terminal are nobody can say, and what people do is not theirs to hear.
_NOT_THEIRS: Final = frozenset({"terminals", "events"})
_MARK: Final = "_mlo_assistant"
_PREFIX: Final = "mlo-assistant-"
#: Assistants that one server lets in.
_MOST: Final = 1000


@dataclass
class AssistantUser(User):
    """An assistant, as the server's handlers see who asks.

    Its name is that of the user who let it in, so that it may do here what that one may, and no
    authoriser takes it for a stranger; whose acts they are, ``grant`` says.
    """

    #: Under which its sessions and tokens are known here.
    grant: str = ""


@dataclass(frozen=True)
class Admitted:
    """An assistant that has a token."""

    user: AssistantUser
    person: Person
    signer: Signer


class Assistants:
    """Who was let in. Called from the event loop and from worker threads."""

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        clock: Callable[[], datetime],
        log: logging.Logger,
        in_worker: Callable[[Callable[[], Any]], Any],
        on_loop: Callable[[Callable[[], object]], None],
    ) -> None:
        self._settings, self._sessions, self._clock, self._log = settings, sessions, clock, log
        self._in_worker, self._on_loop = in_worker, on_loop
        self.sockets = Sockets(log)
        #: SHA-256 of the token → the assistant.
        self._admitted: dict[bytes, Admitted] = {}
        self._lock = threading.Lock()
        #: When the ledger was asked last, by the monotonic clock.
        self._asked: float | None = None
        self._watches = False

    def admit(self, grant: object, user: User) -> tuple[str, Admitted]:
        """A token for whoever holds this grant (the content of the file).

        Args:
            user: who lets it in.

        Raises:
            MloError: it is none, has ended, or was revoked.
        """
        from jupyter_mlo.delegation.signer import Signer
        from jupyter_mlo.ledger.publish import publish

        now = self._clock()
        signer = Signer.from_json(grant)
        if signer.kind != "assistant":
            raise InvalidInput(
                f"this is a {signer.kind}, and no grant", hint="jupyter mlo grant --out writes one"
            )
        signer = _checked(signer, now)
        if revoked := self._revoked([signer]):
            raise Refused(revoked[0][1], hint="ask who granted it")
        publish(self._settings, signer.chain)
        name = _PREFIX + str(signer.delegation)[:16]
        shown = f"{signer.named['assistant']} for {signer.mlo}"
        found = Admitted(
            AssistantUser(user.username, name=shown, display_name=shown, grant=name),
            Person(name, shown, shared=False, assistant=True),
            signer,
        )
        token = secrets.token_urlsafe(32)
        with self._lock:
            if len(self._admitted) >= _MOST:
                raise Refused("too many assistants were let in", hint="restart the server")
            # One token for one grant: the last one that was issued.
            self._admitted = {
                digest: one for digest, one in self._admitted.items() if one.user.grant != name
            }
            self._admitted[_digest(token)] = found
        self._on_loop(lambda: self.sockets.end(name))
        self._sessions.open(found.person, signer)
        self._on_loop(self._begin_to_watch)
        return token, found

    def _begin_to_watch(self) -> None:
        if not self._watches:
            self._watches = True
            self._watch()

    def _watch(self) -> None:
        """On the event loop, as long as anybody is let in: who asks nothing has to end, too."""
        now = self._clock()
        with self._lock:
            over = [one for one in self._admitted.values() if now >= one.signer.expires]
            self._watches = len(over) < len(self._admitted)
        for one in over:
            self.dismiss(one.user.grant)
        if self._watches:
            self._ask_now_and_then()
            asyncio.get_running_loop().call_later(_LOOK, self._watch)

    def dismiss(self, name: str) -> bool:
        """End an assistant's token and session; whether there was one."""
        with self._lock:
            ended = [one for one in self._admitted.values() if one.user.grant == name]
            self._admitted = {
                digest: one for digest, one in self._admitted.items() if one.user.grant != name
            }
        for one in ended:
            self._sessions.close(one.person)
        self._on_loop(lambda: self.sockets.end(name))
        return bool(ended)

    def all(self) -> list[Admitted]:
        """Who is let in now."""
        now = self._clock()
        with self._lock:
            return [one for one in self._admitted.values() if now < one.signer.expires]

    def user_of(self, headers: Mapping[str, str]) -> AssistantUser | None:
        """Whose token came with a request, in its header (in an address it would be logged)."""
        kind, _, token = headers.get("Authorization", "").partition(" ")
        if not self._admitted or kind.lower() not in ("token", "bearer") or not token.strip():
            return None
        found = self._admitted.get(_digest(token.strip()))
        if found is None or self._clock() >= found.signer.expires:
            return None
        self._ask_now_and_then()
        return found.user

    def _ask_now_and_then(self) -> None:
        now = time.monotonic()
        if self._asked is None or now - self._asked >= _ASK_EVERY:
            self._asked = now
            self._in_worker(self.dismiss_revoked)

    def dismiss_revoked(self) -> None:
        """End the tokens whose grants were revoked. Blocks: call it in a worker thread."""
        held = {str(one.signer.delegation): one for one in self.all()}
        for signer, why in self._revoked([one.signer for one in held.values()]):
            self.dismiss(held[str(signer.delegation)].user.grant)
            self._log.warning("jupyter-mlo: an assistant was dismissed: %s", why)

    def _revoked(self, signers: list[Signer]) -> list[tuple[Signer, str]]:
        """Those whose chains this home's ledger says are revoked, and why."""
        from jupyter_mlo.delegation.links import KeyCache
        from jupyter_mlo.delegation.pool import Pool
        from jupyter_mlo.delegation.revocation import Links, Revocations
        from jupyter_mlo.delegation.trust import TrustStore
        from jupyter_mlo.ledger.store import Filter, open_ledger
        from jupyter_mlo.statements.predicates import types

        found: list[tuple[Signer, str]] = []
        try:
            with open_ledger(self._settings, patience=2) as ledger:
                wanted = Filter(predicate_type=types.REVOCATION)
                said = [entry.envelope for entry in ledger.entries(wanted)]
            trust = TrustStore(self._settings).load()
        except MloError as error:
            self._log.warning("jupyter-mlo: whether grants were revoked is not known: %s", error)
            return []
        for signer in signers:
            pool = Pool.of([*signer.chain, *said])
            link = KeyCache().walk(str(signer.delegation), pool)
            links = Links(link.mlo, link.own_key_id, link.key_ids, link.delegation_ids)
            try:
                Revocations(pool, trust).check_in_force(links, f"the grant of {signer.mlo}")
            except Refused as error:
                found.append((signer, error.message))
        return found


def let_in(provider: Any, authorizer: Any, assistants: Assistants) -> None:
    """Have a server's identity provider know assistants by their tokens, before anybody else.

    Its own methods, and the authoriser's, go on to answer for everybody else, whichever they are.
    """
    get_user, by_token = provider.get_user, provider.is_token_authenticated
    may = authorizer.is_authorized

    def get_user_or_assistant(handler: Any) -> Any:
        user = assistants.user_of(handler.request.headers)
        if user is None:
            return get_user(handler)
        assistants.sockets.asks(user.grant, handler)
        setattr(handler, _MARK, user)
        return user

    def is_token_authenticated(handler: Any) -> bool:
        return getattr(handler, _MARK, None) is not None or bool(by_token(handler))

    def is_authorized(handler: Any, user: Any, action: str, resource: str) -> Any:
        if isinstance(user, AssistantUser) and resource in _NOT_THEIRS:
            raise web.HTTPError(403, f"an assistant has no use of this server's {resource}")
        return may(handler, user, action, resource)

    provider.get_user = get_user_or_assistant
    provider.is_token_authenticated = is_token_authenticated
    authorizer.is_authorized = is_authorized


def _checked(signer: Signer, now: datetime) -> Signer:
    """The grant's signer, its chain walked: what the file says of it is not believed."""
    from dataclasses import replace

    from jupyter_mlo.delegation.links import KeyCache
    from jupyter_mlo.delegation.pool import Pool
    from jupyter_mlo.delegation.roles import Role

    link = KeyCache().walk(str(signer.delegation), Pool.of(signer.chain))
    if link.role is not Role.ASSISTANT or link.scope is None or link.mlo != signer.mlo:
        raise InvalidInput("this is no grant", hint="jupyter mlo grant --out writes one")
    permission = link.scope.permits(at=now)
    if not permission:
        raise Refused(f"the grant is not in force: {permission.reason}", hint="ask for a new one")
    return replace(signer, scope_json=link.scope.to_json(), expires=link.scope.not_after)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
