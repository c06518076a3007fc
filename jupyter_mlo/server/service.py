"""The server's own MLO, which seals what is saved while no single user saves it.

Real-time collaboration saves in the background. What stands in such a notebook then, a ``service``
MLO may say, and nobody else: its session is opened by the server, and lives in its memory.
"""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import InvalidInput, MloError, PassphraseUnavailable
from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.delegation.signer import Signer

#: How long a session of it lasts, when the next is opened, and how often a failure is tried again.
LASTS, EARLY, AGAIN = timedelta(hours=8), timedelta(hours=1), timedelta(minutes=1)


class Service:
    """Nobody where ``mlo`` is empty."""

    def __init__(
        self,
        settings: Settings,
        mlo: str,
        passphrase_file: str,
        clock: Callable[[], datetime],
        log: logging.Logger,
        workers: Executor,
        changed: Callable[[], object],
    ) -> None:
        self._settings, self._mlo, self._file = settings, mlo, passphrase_file
        self._clock, self._log, self._workers = clock, log, workers
        #: Called when ``problem`` is another one, by a thread of ``workers``.
        self._changed = changed
        self._signer: Signer | None = None
        self._next: datetime | None = None
        self._opening = threading.Lock()
        #: Why it seals nothing, for people; None where it does, or is not there.
        self.problem: str | None = None

    @property
    def configured(self) -> bool:
        """Whether there is one."""
        return bool(self._mlo)

    def signer(self, now: datetime) -> Signer | None:
        """Its session, if one is open; never waits. Opens the next one beside."""
        if not self._mlo:
            return None
        if self._next is None or now >= self._next:
            self._next = now + AGAIN
            self._workers.submit(self._open)
        found = self._signer
        return None if found is None or now >= found.expires else found

    def _open(self) -> None:
        if not self._opening.acquire(blocking=False):
            return
        try:
            self._signer = self._session()
            self._next = self._signer.expires - EARLY
            self._now_is(None)
        except MloError as error:
            self._failed(str(error))
        except Exception as error:
            self._failed(f"{type(error).__name__}: {error}")
        finally:
            self._opening.release()

    def _failed(self, why: str) -> None:
        text = f"the server's own MLO seals nothing: {why}"
        if self._now_is(text):
            self._log.warning("jupyter-mlo: %s", text)

    def _now_is(self, problem: str | None) -> bool:
        if problem == self.problem:
            return False
        self.problem = problem
        self._changed()
        return True

    def _session(self) -> Signer:
        from jupyter_mlo.delegation.sessions import make_session
        from jupyter_mlo.identity.passphrase import read_passphrase
        from jupyter_mlo.identity.store import IdentityStore
        from jupyter_mlo.verbs.login import carried
        from jupyter_mlo.verbs.publishing import publish

        store = IdentityStore(self._settings)
        identity = store.find(self._mlo)
        if identity.kind != "service":
            raise InvalidInput(
                f"{identity.mlo} is a {identity.kind}; what is saved without a single user is "
                "nobody's but a service's",
                hint="jupyter mlo enroll --kind service; MloServerExtension.service_mlo names it",
            )
        passphrase = read_passphrase(
            fd=None, environ={"MLO_PASSPHRASE_FILE": self._file}, ask=_Nobody()
        )
        silent = io.StringIO()
        context = Context(self._settings, silent, silent, _Nobody(), self._clock)
        now = self._clock()
        signer = make_session(
            identity,
            store.unlock(identity, passphrase, now),
            now=now,
            duration=LASTS,
            activity=None,
            model=None,
            **carried(context, store, identity, None),
        )
        publish(context, signer.chain)
        return signer


class _Nobody:
    """Nobody can be asked."""

    def text(self, question: str, *, default: str = "") -> Any:
        raise self._error()

    def secret(self, question: str) -> Any:
        raise self._error()

    @staticmethod
    def _error() -> PassphraseUnavailable:
        return PassphraseUnavailable(
            "no passphrase was given for it",
            hint="name a file in MLO_PASSPHRASE_FILE before the server starts",
        )
