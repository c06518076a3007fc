"""All kernels of this server, and those who watch them: one observer and one tap for each."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jupyter_mlo.config import Settings
from jupyter_mlo.notebook.execution import MAX_NAME
from jupyter_mlo.runs.noted import Noted
from jupyter_mlo.server import metrics
from jupyter_mlo.server.messages import V1, write_v1
from jupyter_mlo.server.observer import Asked, KernelObserver, Seen, only_ours
from jupyter_mlo.server.people import Person, Sessions, person_of
from jupyter_mlo.server.tap import Tap

if TYPE_CHECKING:
    from jupyter_mlo.runs.record_writer import Store

#: Users whose front end has shown the panel that are remembered.
_PANELS = 10_000


class Watching:
    """Made once for each server; lives on its event loop."""

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        clock: Callable[[], datetime],
        log: logging.Logger,
        *,
        named: bool,
        store: Callable[[], Store],
        seen: Callable[[Seen], None],
        notice: Callable[[str, str], None],
        comes: Callable[[str, str], None],
    ) -> None:
        """Watch kernels from now on.

        Args:
            named: the server's identity provider tells people apart.
            store: where records are kept; asked for once a kernel, in the thread of its records.
            seen, notice: see :class:`~jupyter_mlo.server.observer.KernelObserver`.
            comes: told whose front end connects to which kernel.
        """
        self._settings, self._sessions, self._clock, self._log = settings, sessions, clock, log
        self._named, self._store, self._seen, self._notice = named, store, seen, notice
        self._comes = comes
        self._kernels: dict[str, tuple[KernelObserver, Tap]] = {}
        self._said: set[str] = set()
        #: Names of the users whose front end has shown the panel.
        self._panels: set[str] = set()
        #: Kernel → names of the users who have been connected to it.
        self._connected: dict[str, set[str]] = {}

    def sure(self, kernel_manager: Any) -> None:
        """Watch this kernel, if nobody does yet, and where it is now."""
        kernel_id = str(kernel_manager.kernel_id)
        if kernel_id not in self._kernels:
            self._forget(kernel_manager.parent)
            observer = KernelObserver(
                kernel_id,
                str(kernel_manager.kernel_name),
                self._sessions,
                self._store,
                self._clock,
                self._seen,
                self._notice,
                self._log,
            )
            self._kernels[kernel_id] = observer, Tap(kernel_manager, observer.passes, self._log)
        observer, tap = self._kernels[kernel_id]
        observer.runs_as(getattr(getattr(kernel_manager, "provisioner", None), "pid", None))
        tap.sure()

    def observer(self, kernel_id: str) -> KernelObserver | None:
        """Who watches this kernel."""
        found = self._kernels.get(kernel_id)
        return None if found is None else found[0]

    def person(self, user: Any) -> Person:
        """The person behind an authenticated user of this server."""
        return person_of(user, named=self._named)

    def connects(self, kernel_id: str, person: Person) -> None:
        """This person's front end listens to this kernel from now on."""
        self._connected.setdefault(kernel_id, set()).add(person.username)
        self._comes(person.account, kernel_id)

    def users(self, kernel_id: str) -> frozenset[str]:
        """Names of the users who have been connected to this kernel."""
        return frozenset(self._connected.get(kernel_id, ()))

    def has_panel(self, person: Person) -> None:
        """This person's front end has shown the panel."""
        if len(self._panels) >= _PANELS:  # tokens without cookies are a new user each time
            self._panels.clear()
        self._panels.add(person.username)

    @property
    def required(self) -> bool:
        """The policy asks that somebody answers for every cell."""
        return self._settings.policy.identity_required

    def asked(self, person: Person, code: str, cell: str | None, *, more: bool = False) -> Asked:
        """A request of this person's, as it is now."""
        cell = cell if cell is not None and len(cell) <= MAX_NAME else None
        signer = self._sessions.signer(person, self._clock())
        return Asked(person, code, cell, None if signer is None else signer.mlo, more)

    def noted(self, person: Person) -> Noted:
        """What the kernel is told of a request of this person."""
        return Noted(
            attributed=self._sessions.signer(person, self._clock()) is not None,
            shared=person.shared,
            panel=person.username in self._panels,
        )

    def over(self, person: Person) -> bool:
        """Whether this is an assistant whose grant has ended: it says nothing to a kernel more."""
        return person.assistant and self._sessions.signer(person, self._clock()) is None

    def why_not(self, person: Person, code: str, expressions: object = None) -> str | None:
        """Why this cell may not be run; None where it may.

        Args:
            expressions: the request's ``user_expressions``, which are code as well.
        """
        if not (code.strip() or expressions):
            return None
        if not self.required:
            return None
        if not expressions and only_ours(code):  # or nobody could ever log in
            return None
        if self._sessions.signer(person, self._clock()) is not None:
            return None
        return (
            "this cell was not run: the policy here asks that somebody answers for every cell\n"
            "  hint: sign in in the MLO panel, or %mlo_login, then run it again"
        )

    def refused(self, connection: Any, header: dict[str, Any], why: str) -> None:
        """Answer a request in the kernel's place: it was not run."""
        metrics.REFUSALS.inc()
        error = {"ename": "NotRun", "evalue": why, "traceback": [f"NotRun: {why}"]}
        for channel, kind, content in (
            ("iopub", "status", {"execution_state": "busy"}),
            ("iopub", "error", error),
            ("shell", "execute_reply", {"status": "error", "execution_count": None, **error}),
            ("iopub", "status", {"execution_state": "idle"}),
        ):
            message = connection.session.msg(kind, content=content, parent={"header": header})
            _send(connection, channel, message)

    def failed(self, what: str) -> None:
        """Something of ours went wrong: say so in the server's log, once."""
        if what not in self._said:
            self._said.add(what)
            self._log.warning(
                "jupyter-mlo could not %s; nothing else is affected", what, exc_info=True
            )

    def close(self) -> None:
        """Write what waits, of all kernels."""
        endings = [observer.close() for observer, _ in self._kernels.values()]
        for _, tap in self._kernels.values():
            tap.close()
        self._kernels.clear()
        for ending in endings:
            ending.join()

    def _forget(self, kernels: Any) -> None:
        """Kernels that have ended."""
        for kernel_id in [one for one in self._kernels if one not in kernels]:
            observer, tap = self._kernels.pop(kernel_id)
            self._connected.pop(kernel_id, None)
            observer.close()
            tap.close()


def _send(connection: Any, channel: str, message: Any) -> None:
    from jupyter_client.jsonutil import json_default

    if connection.subprotocol == V1:
        packed = write_v1(message, channel, connection.session.pack)
        connection.write_message(packed, binary=True)
    else:
        connection.write_message(json.dumps({**message, "channel": channel}, default=json_default))
