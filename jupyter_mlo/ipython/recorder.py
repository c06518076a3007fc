"""Records who ran which cell and what came of it.

In the cell's path stands only bookkeeping: who is logged in, a random ID, a reference
into a queue. Everything else happens in the thread of :mod:`record_writer`.
"""

from __future__ import annotations

import atexit
import os
import re
import sys
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jupyter_mlo.errors import escaped_lines
from jupyter_mlo.ipython import served
from jupyter_mlo.ipython.wire import KernelWire
from jupyter_mlo.notebook.execution import MAX_NAME, Execution, KernelName
from jupyter_mlo.runs.noted import Noted
from jupyter_mlo.runs.record_writer import RecordWriter, Shown, Store

if TYPE_CHECKING:
    from jupyter_mlo.delegation.session_watch import SessionWatch
    from jupyter_mlo.delegation.signer import Signer

#: JupyterLab and Notebook show a typed password as eight middle dots, however long it is.
MASK = "·" * 8
#: Seconds that the end of the kernel waits for the last records.
CLOSE_TIMEOUT = 3.0
#: Cells that begin by logging in need no reminder of it.
_OURS = re.compile(r"\s*%(mlo|load_ext)")


class Recorder:
    """One kernel's recorder: listens on its wire and hands on to its writer."""

    def __init__(
        self,
        kernel: Any,
        watch: SessionWatch,
        store: Callable[[], Store],
        clock: Callable[[], datetime],
    ) -> None:
        self._kernel = kernel
        self._watch = watch
        self._clock = clock
        self._pid = os.getpid()
        self._executions: dict[str, Execution] = {}
        self._notices: deque[str] = deque(maxlen=8)
        self._said: set[str] = set()
        #: What is said once, at the first cell that nobody answers for; nothing where empty.
        self.reminder = ""
        #: What was wrong with the session when the last cell began.
        self._problem: str | None = None
        self._writer = RecordWriter(
            self._executions,
            store,
            KernelName(str(kernel.ident)[:MAX_NAME], _kernelspec_name(kernel)),
            kernel.session.unpack,
            clock,
            self.notice,
            kernel.log,
        )
        self._wire = KernelWire(kernel, self)

    def start(self) -> None:
        """Listen from now on; the cell that is running counts as beginning now."""
        self._wire.attach()
        atexit.register(self._at_exit)
        request = self.running_request()
        if request is not None:
            count = self._kernel.shell.displayhook.prompt_count
            self.begins(request, {**request["content"], "execution_count": count})

    def stop(self) -> None:
        """Stop listening, and write what is still to be written."""
        self._wire.detach()
        atexit.unregister(self._at_exit)
        self._writer.close(CLOSE_TIMEOUT)

    def running_request(self) -> Mapping[str, Any] | None:
        """The execute_request in whose cell the caller runs, if there is one that is recorded."""
        request: Mapping[str, Any] = self._kernel.get_parent("shell") or {}
        if request.get("header", {}).get("msg_type") != "execute_request":
            return None
        return None if request["content"].get("silent") else request

    @property
    def lost(self) -> int:
        """How many cells of this kernel could not be put on record."""
        return self._writer.lost

    def attribute(self, signer: Signer) -> None:
        """The running cell is this signer's: a login or a choice of activity in the cell itself.

        With a new session the cell counts as started now, because it was not there before.
        """
        request = self.running_request()
        execution = None if request is None else self._executions.get(_id_of(request))
        if execution is None:
            return
        before, execution.signer = execution.signer, signer
        if before is None or before.key.key_id != signer.key.key_id:
            execution.started = self._clock()

    def notice(self, text: str) -> None:
        """Say something, once, at the start of the next cell."""
        if text not in self._said:
            self._said.add(text)
            self._notices.append(text)

    # What the wire tells (see wire.Listener).

    def begins(self, request: Mapping[str, Any], content: Mapping[str, Any]) -> None:
        noted = self.noted(request)
        if noted is not None:  # the server makes the record
            code = str(content["code"])
            if self.reminder and code.strip() and not _OURS.match(code):
                self._remind(served.reminder(noted))
            self._say()
            return
        self._writer.settle()
        now = self._clock()
        signer = self._watch.signer(now)
        if self._watch.problem != self._problem:
            self._problem = self._watch.problem
            if self._problem is not None:
                self._notices.append(
                    f"{self._problem}\n  Cells are not attributed until %mlo_login."
                )
        code = content["code"]
        if signer is None and self.reminder and code.strip() and not _OURS.match(code):
            self._remind(self.reminder)
        if code.strip():
            request_id = _id_of(request)
            cell = (request.get("metadata") or {}).get("cellId")
            self._writer.begins(
                Execution(
                    request=request_id,
                    cell=cell if isinstance(cell, str) and cell else None,
                    code=code,
                    count=content.get("execution_count"),
                    started=now,
                    signer=signer,
                )
            )
        self._say()

    def reference(self, request_id: str) -> str | None:
        execution = self._executions.get(request_id)
        return None if execution is None else execution.reference

    def typed(self, request_id: str, prompt: str, answer: str | None) -> None:
        shown = MASK if answer is None else answer
        content = {"name": "stdin", "text": f"{prompt} {shown}\n"}
        self._writer.shown(Shown(request_id, "stream", content))

    def replied(self, request_id: str, content: Mapping[str, Any]) -> None:
        execution = self._executions.get(request_id)
        if execution is None:
            return
        if execution.signer is not None:
            self._writer.owes(request_id)
        execution.finished = self._clock()
        execution.status = str(content.get("status"))
        if content.get("status") == "ok":
            self._page(request_id, content.get("payload") or [])

    def passed(self, header: bytes, parent: bytes, content: bytes) -> None:
        self._writer.passed(header, parent, content)

    def noted(self, request: Mapping[str, Any]) -> Noted | None:
        """What a Jupyter server says of a request that it has noted."""
        return Noted.of(request, self._kernel.session.key)

    def noted_now(self) -> Noted | None:
        """The same of the request in whose cell the caller runs."""
        request = self.running_request()
        return None if request is None else self.noted(request)

    def _remind(self, text: str) -> None:
        if text:
            self.notice(text)
            self.reminder = ""

    def _say(self) -> None:
        while self._notices:
            sys.stderr.write(f"jupyter-mlo: {escaped_lines(self._notices.popleft())}\n")

    def _page(self, request_id: str, payload: list[Mapping[str, Any]]) -> None:
        for page in payload:
            if page.get("source") == "page":
                content = {"data": dict(page.get("data") or {}), "metadata": {}}
                self._writer.shown(Shown(request_id, "display_data", content))
                return

    def _at_exit(self) -> None:
        # A forked child has no thread to wait for, and may have inherited a lock that is held.
        if os.getpid() == self._pid:
            self._writer.close(CLOSE_TIMEOUT)


def _id_of(request: Mapping[str, Any]) -> str:
    return str(request["header"]["msg_id"])


def _kernelspec_name(kernel: Any) -> str:
    """The name under which the kernel was started, from its connection file; else empty."""
    import json

    try:
        with open(kernel.parent.abs_connection_file, encoding="utf-8") as file:
            return str(json.load(file).get("kernel_name") or "")[:MAX_NAME]
    except (AttributeError, OSError, ValueError):
        return ""
