"""The background thread that turns what passed on the wire into signed records on disk.

While a cell runs it sleeps (unless very much output waits), so that the cell has the
interpreter to itself; it wakes when the kernel has gone idle.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from jupyter_mlo.errors import MloError
from jupyter_mlo.notebook.execution import Execution, KernelName
from jupyter_mlo.notebook.widget_outputs import WidgetOutputs

if TYPE_CHECKING:
    from jupyter_mlo.statements.envelope import Envelope

#: So many bytes of waiting output wake the thread although the cell still runs,
WAKE_BYTES = 1 << 20
#: and beyond so many the kernel's output waits for it, but not longer than so many seconds.
MAX_BYTES = 1 << 27
MAX_WAIT = 5.0
#: Seconds that a cell waits at most for the records of those before it.
MAX_SETTLE = 0.25
#: What is no larger never waits: above all that a cell has ended.
SMALL = 4096
#: Ended executions whose late output (from threads) is still taken.
KEEP_ENDED = 256
#: Seconds without further output after which late output is put on record, and all is on disk.
QUIET = 0.5

OUTPUTS = frozenset(
    {"stream", "display_data", "execute_result", "error", "update_display_data", "clear_output"}
)
COMMS = frozenset({"comm_open", "comm_msg", "comm_close"})
#: In the header of a widget's message, whichever way its JSON is spaced.
_COMM = re.compile(rb'"msg_type": ?"comm_')


class Passed(NamedTuple):
    """A message that went out, packed as it was sent; ``content`` is None where it was let go."""

    header: bytes
    parent: bytes
    content: bytes | None


class Shown(NamedTuple):
    """What a front end itself makes an output of: typed answers, and pages of ``?``."""

    request: str
    kind: str
    content: Mapping[str, Any]


class Store(Protocol):
    """Where records are kept (:class:`jupyter_mlo.ledger.records.RecordStore`)."""

    def append(self, envelope: Envelope, source_digest: bytes, cell_id: str | None) -> None:
        """Keep one record; it is with the operating system on return."""

    def sync(self) -> None:
        """Have what was appended on disk."""


class RecordWriter:
    """Digests, signs and writes, in one thread for each kernel."""

    def __init__(
        self,
        executions: dict[str, Execution],
        store: Callable[[], Store],
        kernel: KernelName,
        unpack: Callable[[bytes], Any],
        clock: Callable[[], datetime],
        notice: Callable[[str], None],
        log: logging.Logger,
        *,
        patience: float = MAX_WAIT,
        recorded: Callable[[Execution, bool], None] | None = None,
        goes_on: Callable[[Execution], bool] = lambda execution: True,
    ) -> None:
        """Begin to listen; the thread starts when there is something to do.

        Args:
            executions: by request; the caller adds to it, this takes out.
            patience: seconds that :meth:`passed` may wait where too much output waits already.
            recorded: told of each execution when it has ended, and whether its record is kept.
            goes_on: whether the session of an execution goes on after its end: nothing that comes
                later is signed otherwise.
        """
        self._executions = executions
        self._patience = patience
        self._recorded = recorded
        self._goes_on = goes_on
        #: A cell runs, or what it sent is still on its way.
        self._busy = False
        self._make_store = store
        self._store: Store | None = None
        self._synced = True
        #: The cell that is being put on record; None between cells.
        self._recording: int | None = None
        #: How many cells could not be put on record.
        self.lost = 0
        self._kernel = kernel
        self._unpack = unpack
        self._clock = clock
        self._notice = notice
        #: The kernel's own, which does not end up in a cell.
        self._log = log
        self._logged: set[str] = set()
        self._waiting: deque[Passed | Shown] = deque()
        # Each is written by one thread only, so that no lock is needed to compare them.
        self._taken_in = self._worked_off = 0
        self._wake = threading.Event()
        self._relief = threading.Event()
        self._stopping = False
        #: Requests of cells that have replied and are not on record yet.
        self._owed: set[str] = set()
        self._paid = threading.Event()
        #: It was waited for in vain: no cell waits again until something is on record.
        self._behind = False
        self._ended: deque[str] = deque()
        self._late: list[Execution] = []
        self._widgets = WidgetOutputs()
        self._last_parent: tuple[bytes, str] = (b"", "")
        self._thread: threading.Thread | None = None

    def begins(self, execution: Execution) -> None:
        """A cell has begun; called in the thread that its kernel's requests pass."""
        self._busy = True
        self._executions[execution.request] = execution

    def passed(self, header: bytes, parent: bytes, content: bytes) -> None:
        """Take in a message that the kernel sent to all; always called in the same thread."""
        if _COMM.search(header):
            if b'"msg_id"' not in content:
                return  # Only Output widgets say whose outputs they take.
        elif not self._executions:
            return
        idle = len(content) < 64 and b"idle" in content
        # Without a running cell this is late output of a thread, and no idle will follow it.
        wake = idle or not self._busy
        if idle:
            self._busy = False
        self._take_in(Passed(header, parent, content), wake=wake)

    def _take_in(self, message: Passed, *, wake: bool) -> None:
        size = len(message.content or b"")
        if size > SMALL and self._full() and not self._wait_for_relief():
            message, size = message._replace(content=None), 0
        self._taken_in += size
        self._waiting.append(message)
        if wake or self._taken_in - self._worked_off > WAKE_BYTES:
            self.wake()

    def shown(self, shown: Shown) -> None:
        """Take in what the front end shows of its own; called in the cell's thread."""
        self._waiting.append(shown)

    def owes(self, request_id: str) -> None:
        """A cell has ended, and its record is due; called in the cell's thread."""
        if not self._behind:
            self._owed.add(request_id)
            self._paid.clear()

    def settle(self) -> None:
        """Wait, but not long, until what has ended is on record; called before a cell begins.

        So a cell that takes its kernel down takes no record but its own with it.
        """
        if not self._owed:
            return
        # An interrupt here would leave the request without any reply.
        with contextlib.suppress(KeyboardInterrupt):
            if not self._paid.wait(MAX_SETTLE):
                self._behind = True
                self._owed.clear()

    def wake(self) -> None:
        """Have the thread look at what waits."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="jupyter-mlo records", daemon=True
            )
            # Debuggers leave it alone: a breakpoint must not stop records, nor records a debugger.
            self._thread.pydev_do_not_trace = True  # type: ignore[attr-defined]
            self._thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]
            self._thread.start()
        self._wake.set()

    def close(self, timeout: float) -> None:
        """Work off what waits, and end; gives up after ``timeout`` seconds."""
        self._stopping = True
        if self._thread is not None:
            self._wake.set()
            self._thread.join(timeout)

    def _full(self) -> bool:
        return self._taken_in - self._worked_off > MAX_BYTES

    def _wait_for_relief(self) -> bool:
        self.wake()
        self._relief.clear()
        return not self._full() or self._relief.wait(self._patience)

    def _run(self) -> None:
        while True:
            self._wake.wait(QUIET if self._late or not self._synced else None)
            quiet = not self._wake.is_set()
            self._wake.clear()
            stopping = self._stopping
            while self._waiting:
                self._guarded(self._take, self._waiting.popleft())
            if quiet or stopping:
                for execution in self._late:
                    self._guarded(self._record, execution)
                self._late.clear()
                self._guarded(self._sync, None)
            if stopping:
                return

    def _guarded(self, step: Callable[[Any], None], argument: Any) -> None:
        """One bad message or a full disk costs that record, never the thread."""
        try:
            step(argument)
        except MloError as error:
            self._lost(f": {error}")
        except OSError as error:
            self._lost(
                f": {error}\n"
                "  hint: make room or set MLO_HOME to another place; then run the cell again"
            )
        except Exception as error:
            kind = type(error).__name__
            if kind not in self._logged:
                self._logged.add(kind)
                self._log.warning("jupyter-mlo could not record a cell", exc_info=True)
            self._lost(f" ({kind}; see the kernel's log)")
        finally:
            self._recording = None

    def _lost(self, why: str) -> None:
        self.lost += 1
        which = "a cell" if self._recording is None else f"cell [{self._recording}]"
        self._notice(f"{which} could not be recorded{why}")

    def _take(self, message: Passed | Shown) -> None:
        if isinstance(message, Shown):
            execution = self._executions.get(message.request)
            if execution is not None:
                self._observe(execution, execution.show, message.kind, message.content)
                self._also_late(execution)
            return
        try:
            self._take_passed(message)
        finally:
            self._worked_off += len(message.content or b"")
            if not self._full():
                self._relief.set()

    def _take_passed(self, message: Passed) -> None:
        execution = self._executions.get(self._request_of(message.parent))
        kind = self._unpack(message.header)["msg_type"]
        if execution is None and kind not in COMMS:
            return
        if message.content is None:
            if execution is not None and kind in OUTPUTS:
                execution.unseen = "more output came than could be digested in time"
            return
        if kind in COMMS:
            self._widgets.feed(kind, self._unpack(message.content))
        elif execution is None:
            return
        elif kind in OUTPUTS:
            if not self._widgets.take(execution.request):
                self._observe(execution, execution.observe, kind, self._unpack(message.content))
                self._also_late(execution)
        elif (
            kind == "status"
            and not execution.parts
            and self._unpack(message.content).get("execution_state") == "idle"
        ):
            self._end(execution)

    def _also_late(self, execution: Execution) -> None:
        """What came when the execution was on record already is put on record as well."""
        if execution.parts and execution not in self._late and self._goes_on(execution):
            self._late.append(execution)

    @staticmethod
    def _observe(
        execution: Execution, take: Callable[[str, Any], None], kind: str, content: Any
    ) -> None:
        """An output that has no digest leaves the whole cell without a record, and says so."""
        try:
            take(kind, content)
        except Exception as error:
            execution.unseen = execution.unseen or f"an output has no digest ({error})"

    def _request_of(self, parent: bytes) -> str:
        last, request = self._last_parent
        if parent != last:
            request = str(self._unpack(parent).get("msg_id", ""))
            self._last_parent = (parent, request)
        return request

    def _end(self, execution: Execution) -> None:
        if execution.signer is None:
            self._executions.pop(execution.request, None)
            self._tell(execution)
            return
        self._ended.append(execution.request)
        if len(self._ended) > KEEP_ENDED:
            self._executions.pop(self._ended.popleft(), None)
        try:
            self._record(execution)
        finally:
            self._behind = False
            self._owed.discard(execution.request)
            if not self._owed:
                self._paid.set()
            self._tell(execution)

    def _tell(self, execution: Execution) -> None:
        if self._recorded is not None:
            self._recorded(execution, execution.parts > 0)

    def _record(self, execution: Execution) -> None:
        self._recording = execution.count
        if execution.unseen:
            self._lost(f": {execution.unseen}")
            self._executions.pop(execution.request, None)
            return
        now = self._clock()
        if execution.finished is None or execution.parts:
            execution.finished = now
        if self._store is None:
            self._store = self._make_store()
        for envelope in execution.sign_records(self._kernel, now):
            assert execution.source is not None
            self._store.append(envelope, execution.source, execution.cell)
            self._synced = False

    def _sync(self, _: None) -> None:
        """What kernels lose records do not; what machines lose needs a disk, and cells no wait."""
        if self._store is not None and not self._synced:
            self._synced = True
            self._store.sync()
