"""What handlers, connections and hooks of one server share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import MloError
from jupyter_mlo.server import metrics
from jupyter_mlo.server.assistants import Assistants
from jupyter_mlo.server.chains import Chains
from jupyter_mlo.server.contents import calls_hooks
from jupyter_mlo.server.executing import watch_execution
from jupyter_mlo.server.hearing import only_for
from jupyter_mlo.server.jupyter_sessions import SessionTable, watch_renames, watch_sessions
from jupyter_mlo.server.mandates import Mandates
from jupyter_mlo.server.observer import Seen
from jupyter_mlo.server.people import Sessions
from jupyter_mlo.server.saving import SaveHook
from jupyter_mlo.server.service import Service
from jupyter_mlo.server.together import SharedDocuments
from jupyter_mlo.server.watching import Watching
from jupyter_mlo.server.whereabouts import Whereabouts
from jupyter_mlo.statements.times import to_text
from jupyter_mlo.verbs.servers_here import leave_note, take_note_away

EXECUTION = "https://events.jupyter-mlo.github.io/execution/v1"
ACT = "https://events.jupyter-mlo.github.io/act/v1"
#: Cells of one kernel, and kernels, whose last execution is remembered for the marks.
_CELLS, _KERNELS = 10_000, 200


class MloApp:
    """Made when the extension is loaded."""

    def __init__(
        self,
        settings: Settings,
        serverapp: Any,
        log: logging.Logger,
        clock: Callable[[], datetime],
        *,
        named: bool,
        service_mlo: str = "",
        passphrase_file: str = "",
    ) -> None:
        self.settings, self.serverapp, self.log, self.clock = settings, serverapp, log, clock
        self.sessions = Sessions(settings)
        self.hook = SaveHook(self)
        self.named = named
        self.whereabouts = Whereabouts(SessionTable(serverapp.session_manager).at_kernel)
        self.watching = Watching(
            settings,
            self.sessions,
            clock,
            log,
            named=named,
            store=lambda: self.hook.records,
            seen=self._seen,
            notice=self._notice,
            comes=self.whereabouts.comes,
        )
        #: Kernel → cell → what became of its last execution.
        self._marks: OrderedDict[str, OrderedDict[str, Seen]] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        #: For what takes long or waits for a disk.
        self.workers = ThreadPoolExecutor(2, thread_name_prefix="jupyter-mlo")
        self.assistants = Assistants(
            settings, self.sessions, clock, log, self.workers.submit, self.on_loop
        )
        self.mandates = Mandates(settings, self.sessions, clock)
        self.service = Service(
            settings, service_mlo, passphrase_file, clock, log, self.workers, self._leave_note
        )
        self.chains = Chains(settings, self.workers, self.watching.failed)
        self.together = SharedDocuments(serverapp, self.watching.failed)

    def start(self) -> None:
        """Register events, and listen to saves."""
        events = self.serverapp.event_logger
        for path in sorted(Path(__file__).with_name("events").glob("*.yaml")):
            events.register_event_schema(path)
        contents = self.serverapp.contents_manager
        #: Whether this contents manager calls hooks.
        self.hooked = calls_hooks(contents)
        if hasattr(contents, "register_pre_save_hook"):
            contents.register_pre_save_hook(self.hook)
            contents.register_post_save_hook(self.hook.saved)
        try:
            watch_sessions(self.serverapp.session_manager, self.whereabouts, self.watching)
            watch_renames(contents, self.whereabouts)
        except Exception:
            self.watching.failed("watch which notebooks kernels serve")
        try:
            watch_execution(self.serverapp, self.watching)
        except Exception:
            self.watching.failed("watch what the server itself sends to kernels")
        for problem in self.problems:
            self.log.warning("jupyter-mlo: %s", problem)
        self._leave_note()
        self.service.signer(self.clock())

    def _leave_note(self) -> None:
        try:
            leave_note(self.settings, self.problems)
        except (MloError, OSError):
            self.watching.failed("leave a note for jupyter mlo status")

    @property
    def problems(self) -> list[str]:
        """What is amiss with this server, for people."""
        found = []
        if not self.hooked:
            found.append(
                "notebooks are not stamped when they are saved: this server's contents manager "
                "calls no hooks\n  hint: jupyter mlo seal NOTEBOOK.ipynb after saving"
            )
        if self.service.problem is not None:
            found.append(self.service.problem)
        return found

    async def stop(self) -> None:
        """Write what waits."""
        self.together.close()
        self.watching.close()
        self.hook.close()
        self.workers.shutdown(wait=True)
        with contextlib.suppress(OSError):
            take_note_away(self.settings)

    def in_worker(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        """Do something that takes long beside the event loop."""
        return asyncio.get_running_loop().run_in_executor(self.workers, work)

    def marks(self, kernel_id: str) -> dict[str, Seen]:
        """What became of the last execution of each cell that was asked for at this kernel."""
        return dict(self._marks.get(kernel_id, {}))

    def act(
        self,
        act: str,
        *,
        mlo: str | None,
        path: str | None = None,
        detail: str = "",
        users: frozenset[str] | None = None,
    ) -> None:
        """Tell those who listen that somebody did something. On the event loop only.

        Args:
            users: names of those whose front ends may hear of it; None: all.
        """
        metrics.ACTS.labels(act).inc()
        self._emit(ACT, {"act": act, "mlo": mlo, "path": path, "detail": detail[:500]}, users)

    def on_loop(self, act: Callable[[], object]) -> None:
        """Do something on the event loop, from any thread."""
        loop = self._loop or self.serverapp.io_loop.asyncio_loop
        loop.call_soon_threadsafe(act)

    def _seen(self, seen: Seen) -> None:
        self.on_loop(lambda: self._mark(seen))

    def _mark(self, seen: Seen) -> None:
        if seen.person is not None:
            self.whereabouts.began(
                seen.execution, seen.person.account, seen.kernel, seen.cell, seen.source
            )
        metrics.EXECUTIONS.labels(seen.status, "no" if seen.signer is None else "yes").inc()
        if seen.cell is not None:
            if seen.status != "running":
                self.hook.ran(seen.cell)
            cells = self._marks.setdefault(seen.kernel, OrderedDict())
            cells[seen.cell] = seen
            cells.move_to_end(seen.cell)
            if len(cells) > _CELLS:
                cells.popitem(last=False)
            if len(self._marks) > _KERNELS:
                self._marks.popitem(last=False)
        self._emit(EXECUTION, seen_json(seen), self.watching.users(seen.kernel))

    def _notice(self, kernel_id: str, text: str) -> None:
        self.log.warning("jupyter-mlo: kernel %s: %s", kernel_id, text)
        users = self.watching.users
        self.on_loop(lambda: self.act("notice", mlo=None, detail=text, users=users(kernel_id)))

    def _emit(self, schema: str, data: dict[str, Any], users: frozenset[str] | None) -> None:
        try:
            with only_for(users if self.named else None):
                self.serverapp.event_logger.emit(schema_id=schema, data=data)
        except Exception:
            self.watching.failed("emit an event")


def seen_json(seen: Seen) -> dict[str, Any]:
    """An execution as events and marks show it."""
    signer = seen.signer
    return {
        "kernel": seen.kernel,
        "request": seen.request[:256],
        "execution": seen.execution,
        "cell": seen.cell,
        "mlo": None if signer is None else signer.mlo,
        "assistant": None if signer is None else signer.named.get("assistant"),
        "activity": None if signer is None else signer.activity,
        "model": None if signer is None else signer.model,
        "status": seen.status,
        "count": seen.count,
        "started": to_text(seen.started),
    }
