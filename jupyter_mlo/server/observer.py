"""What this server sees of each kernel: who asked for a cell, and what the kernel sent for it.

Requests come by the websockets of authenticated users (:mod:`jupyter_mlo.server.connection`);
what kernels publish comes by the server's own subscription, complete and signed, whether a
browser is there or not (:mod:`jupyter_mlo.server.tap`). Whose cell it is, a request's
authenticated user says, and nothing that is in a message.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_mlo.notebook.execution import MAX_NAME, Execution, KernelName
from jupyter_mlo.runs.record_writer import RecordWriter, Shown, Store
from jupyter_mlo.server.people import Person, Sessions

if TYPE_CHECKING:
    from jupyter_mlo.delegation.signer import Signer

#: Nothing that IPython computes before it calls a magic, and nothing that other languages run.
_OURS = re.compile(
    r"(%mlo(_login|_logout|_status)?( [\w @.:=/,+\"'-]*)?|%(re)?load_ext jupyter_mlo) *", re.ASCII
)
#: JupyterLab and Notebook show a typed password as eight middle dots, however long it is.
MASK = "·" * 8
#: Requests of one kernel that may wait for it.
KEEP_REQUESTS = 10_000
#: IDs of one kernel's messages that are remembered beyond those, so that none is used twice.
KEEP_IDS = 20_000
#: Questions of one kernel that nobody has answered yet.
KEEP_QUESTIONS = 100
#: How long a subscription takes until nothing is missed any more.
SETTLING = timedelta(seconds=1)
#: Seconds that the end of the server waits for the last records of a kernel.
CLOSE_TIMEOUT = 3.0


@dataclass(frozen=True, slots=True)
class Asked:
    """An execute_request that was handed on to the kernel."""

    person: Person
    code: str
    cell: str | None
    #: Whose session was open then; None where none was.
    mlo: str | None = None
    #: More code than the cell's came with it.
    more: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of an execution, for those who look on."""

    kernel: str
    request: str
    execution: str
    cell: str | None
    #: Who answers for it; None where nobody does.
    signer: Signer | None
    #: ``running``, ``ok``, ``error``, ``aborted``, or ``lost`` where no record could be kept.
    status: str
    count: int | None
    started: datetime
    #: SHA-256 of its code, as it was sent.
    source: bytes
    #: Who asked for it, where it has just begun.
    person: Person | None = None


class KernelObserver:
    """One kernel; all but what :class:`RecordWriter` does happens on the event loop."""

    def __init__(
        self,
        kernel_id: str,
        kernel_name: str,
        sessions: Sessions,
        store: Callable[[], Store],
        clock: Callable[[], datetime],
        seen: Callable[[Seen], None],
        notice: Callable[[str, str], None],
        log: logging.Logger,
    ) -> None:
        """Observe from now on.

        Args:
            seen: told when an execution begins (on the event loop) and when it has ended and its
                record is kept, or could not be (in the thread of records).
            notice: told the kernel's ID and what a person should know, in that thread.
        """
        self._id, self._name = kernel_id, kernel_name
        self._sessions, self._store, self._clock = sessions, store, clock
        self._seen, self._notice, self._log = seen, notice, log
        self._asked: OrderedDict[str, Asked] = OrderedDict()
        self._used: OrderedDict[str, str] = OrderedDict()
        self._executions: dict[str, Execution] = {}
        #: Who asked for a cell that may log in.
        self._persons: dict[str, Person] = {}
        self._failed: set[str] = set()
        self._questions: OrderedDict[str, tuple[str, str, bool]] = OrderedDict()
        #: Whatever tells processes of the kernel apart.
        self._process: object = None
        #: Messages that were heard since this process began, until the own subscription has heard
        #: it for a while; then None.
        self._settling: set[str] | None = set()
        self._settled: datetime | None = None
        self._writer: RecordWriter | None = None

    def runs_as(self, process: object) -> None:
        """The kernel runs in this process now: after a restart nothing of the last goes on."""
        if process != self._process:
            self._process = process
            self._settling, self._settled = set(), None
            self._restarted()

    # What websockets tell.

    def refuses(self, request_id: str, person: Person) -> str | None:
        """Why no message under this ID may go to the kernel now, of whatever kind; or None.

        What comes of a message is told by its ID alone: nobody uses another user's.
        """
        if len(request_id) > MAX_NAME:
            return f"its ID is longer than {MAX_NAME} characters"
        if self._used.get(request_id, person.username) != person.username:
            return "another user has used this request's ID"
        if len(self._asked) >= KEEP_REQUESTS:
            return f"{KEEP_REQUESTS} requests wait for this kernel already"
        return None

    def comes(self, request_id: str, person: Person) -> bool:
        """A message of any kind goes to the kernel; whether it is the first of this ID.

        Where it is not, what comes of the earlier one cannot be told from what comes of this.
        """
        known = request_id in self._used
        self._used[request_id] = person.username
        self._used.move_to_end(request_id)
        while len(self._used) > KEEP_IDS:
            oldest, username = self._used.popitem(last=False)
            if oldest in self._asked or oldest in self._executions:
                self._used[oldest] = username  # something may still come of it
        if known:
            self._asked.pop(request_id, None)
            execution = self._executions.get(request_id)
            if execution is not None:
                execution.unseen = "another message came under the same ID"
        return not known

    def asked(self, request_id: str, asked: Asked) -> None:
        """The message that came is a request to run a cell, and the first of its ID."""
        self._asked[request_id] = asked

    def question(self, question: str, request_id: str, prompt: str, *, password: bool) -> None:
        """The kernel asks for a line; ``question`` is the ID of the message in which it does."""
        self._begins(request_id)
        self._questions[question] = (request_id, prompt, password)
        if len(self._questions) > KEEP_QUESTIONS:
            self._questions.popitem(last=False)

    def typed(self, question: str, answer: str, person: Person) -> bool:
        """Somebody answers, and front ends make an output of it; whether they are the one asked."""
        asked = self._questions.get(question)
        asking = self._questions.values() if asked is None else [asked]
        if any(self._used.get(one[0], person.username) != person.username for one in asking):
            return False
        if asked is not None and self._writer is not None:
            request_id, prompt, password = self._questions.pop(question)
            content = {"name": "stdin", "text": f"{prompt} {MASK if password else answer}\n"}
            self._writer.shown(Shown(request_id, "stream", content))
        return True

    def replied(self, request_id: str, content: Mapping[str, Any]) -> None:
        """An execute_reply goes to the front end, which shows its pages."""
        for page in content.get("payload") or []:
            if isinstance(page, Mapping) and page.get("source") == "page" and self._writer:
                shown = {"data": dict(page.get("data") or {}), "metadata": {}}
                self._writer.shown(Shown(request_id, "display_data", shown))
                self._writer.wake()
                return

    def reference(self, request_id: str) -> str | None:
        """The light reference for an output of this request, if it is attributed.

        It may come here before :meth:`passes` hears that the cell has begun.
        """
        execution = self._begins(request_id)
        return None if execution is None else execution.reference

    # What the kernel publishes.

    def passes(self, header: bytes, parent: bytes, content: bytes) -> None:
        """A message of the kernel to all, its signature checked."""
        if self._settling is not None:
            now = self._clock()
            self._settled = self._settled or now + SETTLING
            message = _id_of(header)
            if message in self._settling:
                return
            self._settling.add(message)
            if now > self._settled:
                self._settling = None
        self._take(header, parent, content)

    def settles(self, header: bytes, parent: bytes, content: bytes) -> None:
        """The same by a websocket: counts until the server's own subscription hears the kernel.

        A subscription misses what is sent before it is connected; front ends wait for theirs.
        """
        if self._settling is not None and (message := _id_of(header)) not in self._settling:
            self._settling.add(message)
            self._take(header, parent, content)

    @property
    def settling(self) -> bool:
        """Whether messages by websockets count still."""
        return self._settling is not None

    def _take(self, header: bytes, parent: bytes, content: bytes) -> None:
        if b'"execute_input"' in header:
            self._input(parent, content)
        elif self._writer is not None and self._executions:
            if b'"status"' in header:
                self._status(parent, content)
            elif b'"error"' in header:
                request_id = _id_of(parent)
                if request_id in self._executions:
                    self._failed.add(request_id)
            self._writer.passed(header, parent, content)
        elif self._asked and b'"status"' in header and b'"idle"' in content:
            self._asked.pop(_id_of(parent), None)  # aborted before it began

    def close(self) -> threading.Thread:
        """The kernel has ended: write what waits, in a thread that ends within a few seconds."""
        writer, now = self._writer, self._clock()
        for execution in list(self._executions.values()):
            if writer is not None and execution.finished is None:
                execution.finished = now  # and stays "aborted"
                writer.passed(*_idle(execution.request))
        ending = threading.Thread(
            target=_nothing if writer is None else partial(writer.close, CLOSE_TIMEOUT),
            name="jupyter-mlo last records",
        )
        ending.start()
        self._writer = None
        return ending

    def _input(self, parent: bytes, content: bytes) -> None:
        execution = self._begins(_id_of(parent))
        if execution is not None and execution.count is None:
            execution.count = json.loads(content).get("execution_count")

    def _begins(self, request_id: str) -> Execution | None:
        """The execution of this request, which has begun by now."""
        asked = self._asked.pop(request_id, None)
        if asked is None:
            return self._executions.get(request_id)
        if not asked.code.strip():
            return None
        if self._writer is None:
            self._begin_writing()
        assert self._writer is not None
        now = self._clock()
        execution = Execution(
            request=request_id,
            cell=asked.cell,
            code=asked.code,
            count=None,
            started=now,
            signer=self._signer(asked, now),
            unseen="more code came with it" if asked.more else None,
        )
        if only_ours(asked.code):
            self._persons[request_id] = asked.person
        self._writer.begins(execution)
        self._tell(execution, "running", asked.person)
        return execution

    def _signer(self, asked: Asked, now: datetime) -> Signer | None:
        """Who answers for what was asked: whoever was signed in then, if they still are."""
        found = self._sessions.signer(asked.person, now)
        if asked.mlo is None and not asked.person.shared:
            return found  # that user has signed in while the cell waited
        return found if found is not None and found.mlo == asked.mlo else None

    def _status(self, parent: bytes, content: bytes) -> None:
        if b'"idle"' not in content:
            return
        request_id = _id_of(parent)
        execution = self._executions.get(request_id)
        if execution is not None and execution.finished is None:
            execution.finished = self._clock()
            execution.status = "error" if request_id in self._failed else "ok"
            self._logged_in(execution)
            self._persons.pop(request_id, None)
        self._failed.discard(request_id)
        self._asked.pop(request_id, None)

    def _logged_in(self, execution: Execution) -> None:
        """A cell that does nothing but log in, or say what it is for, is that session's then."""
        person = self._persons.get(execution.request)
        if person is None:
            return
        now = self._clock()
        before, signer = execution.signer, self._sessions.signer(person, now)
        if signer is not None and (before is None or before.actor == signer.actor):
            execution.signer = signer
            if before is None or before.key.key_id != signer.key.key_id:
                execution.started = now

    def _restarted(self) -> None:
        if self._writer is None:
            return
        self.close()
        self._asked.clear()
        self._persons.clear()
        self._failed.clear()
        self._questions.clear()

    def _begin_writing(self) -> None:
        self._executions = {}
        self._writer = RecordWriter(
            self._executions,
            self._store,
            KernelName(str(uuid.uuid4()), self._name[:MAX_NAME]),
            json.loads,
            self._clock,
            lambda text: self._notice(self._id, text),
            self._log,
            patience=0,
            recorded=self._recorded,
            goes_on=self._goes_on,
        )

    def _recorded(self, execution: Execution, kept: bool) -> None:
        lost = execution.signer is not None and not kept
        self._tell(execution, "lost" if lost else execution.status)

    def _goes_on(self, execution: Execution) -> bool:
        """Whether whoever answers for it is signed in here still."""
        signer = execution.signer
        return signer is not None and signer.actor in self._sessions.signers(self._clock())

    def _tell(self, execution: Execution, status: str, person: Person | None = None) -> None:
        self._seen(
            Seen(
                kernel=self._id,
                request=execution.request,
                execution=execution.id,
                cell=execution.cell,
                signer=execution.signer,
                status=status,
                count=execution.count,
                started=execution.started,
                source=hashlib.sha256(execution.code.encode("utf-8", "surrogatepass")).digest(),
                person=person,
            )
        )


def only_ours(code: str) -> bool:
    """Whether a cell is nothing but our magics."""
    return all(map(_OURS.fullmatch, filter(str.strip, code.split("\n"))))


def _id_of(header: bytes) -> str:
    return str(json.loads(header).get("msg_id", ""))


def _idle(request_id: str) -> tuple[bytes, bytes, bytes]:
    """What a kernel would have sent at the end of a request."""
    parent = json.dumps({"msg_id": request_id}).encode()
    return b'{"msg_type":"status"}', parent, b'{"execution_state":"idle"}'


def _nothing() -> None:
    """Nothing was recorded, so nothing waits."""
