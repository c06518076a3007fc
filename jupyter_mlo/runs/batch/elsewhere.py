"""The inner step: one prepared notebook, executed by whoever is asked to, with nothing secret.

A worker makes a key, is given a run delegation for it, starts a kernel ahead of need, executes,
and gives back the notebook, what happened to each cell when, and what the kernel has signed. It
holds no session, no mandate and no way into the ledger; stamps, seal and provenance are made by
whoever coordinates, from what comes back.

Everything that goes there and back is plain data. A process executes in one thread of its own,
whose kernels come from one fork server, however many runs it is asked for at once.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import itertools
import os
import tempfile
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jupyter_mlo.delegation.runs import RunDelegation
from jupyter_mlo.errors import MloError
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.lifecycle.provenance import Environment
from jupyter_mlo.lifecycle.resources import FileDigest
from jupyter_mlo.runs import journal
from jupyter_mlo.runs.batch.cells import MALFORMED, Cells, Exceeded, Limits
from jupyter_mlo.runs.batch.kernels import GRACE, KernelFault, Kernels, RunningKernel, Specs
from jupyter_mlo.runs.journal import Journal
from jupyter_mlo.runs.run_key import STATEMENTS, RunKey
from jupyter_mlo.runs.surroundings import Surroundings
from jupyter_mlo.runs.withheld import kernel_environment

#: What happened to a cell: ``begins``, ``updated`` or ``done``, its position, when, which outputs.
Event = tuple[str, int, datetime, tuple[int, ...]]

#: Seconds that a kernel which was started ahead waits for its cells: whoever wanted it may be gone.
LEASE: Final = 300.0
#: Keys that wait for their runs, at most: whoever wanted them may be gone.
_KEYS: Final = 1024
#: Kernels that are coming to their end, at most, while others run.
_ENDING: Final = 4
#: Seconds that a kernel has to end which has failed, or is to stop.
_HASTE: Final = 1.0


@dataclass(frozen=True)
class Opening:
    """What a worker needs to have the kernel of a run started."""

    run_id: str
    kernel: str
    #: ``mloCodeV1``, hex.
    code: str
    #: To the key ``key`` of this worker (DER), where somebody answers for the run.
    delegation: RunDelegation | None
    key: bytes
    start_timeout: float
    #: Where the kernel runs; the worker's own folder by default.
    cwd: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Work:
    """What a worker is given to execute."""

    opening: Opening
    #: Prepared and cleared.
    notebook: dict[str, Any]
    #: For the data that they name.
    parameters: Mapping[str, Any]
    limits: Limits


@dataclass
class Done:
    """What a worker gives back."""

    notebook: dict[str, Any]
    kernel_id: str = "unknown"
    events: list[Event] = field(default_factory=list)
    #: The lines that the kernel has signed, to be judged.
    said: bytes = b""
    environment: Environment | None = None
    data: tuple[FileDigest, ...] = ()
    #: What ended it early: ``limit``, ``kernel`` or ``stopped``, message, hint and kind.
    fault: tuple[str, str, str, str] | None = None
    remarks: list[str] = field(default_factory=list)


#: By their public part (DER), the oldest first.
_keys: dict[bytes, SigningKey] = {}


def make_keys(count: int) -> list[bytes]:
    """Make keys for as many runs to come, to stay in this process; their public parts (DER)."""
    made = [SigningKey.generate() for _ in range(count)]
    _keys.update((key.public.der, key) for key in made)
    for old in list(_keys)[:-_KEYS]:
        _keys.pop(old, None)
    return [key.public.der for key in made]


def open_ahead(opening: Opening) -> None:
    """Have the kernel of a run started; returns at once. It waits :data:`LEASE` seconds."""
    worker = _Worker.here()
    worker.loop.call_soon_threadsafe(worker.open_ahead, opening)


def execute(work: Work) -> Done:
    """Execute; blocks, and may be called from several threads at once.

    What comes back names what has failed; the kernel may still be ending then.
    """
    worker = _Worker.here()
    return asyncio.run_coroutine_threadsafe(worker.execute(work), worker.loop).result()


def stop(run_id: str) -> None:
    """Have a run interrupted, or its kernel ended where it has executed nothing.

    What a run has done comes back all the same.
    """
    worker = _Worker.here()
    worker.loop.call_soon_threadsafe(worker.stop, run_id)


def seconds_of(run_id: str) -> float | None:
    """For how long this process has been executing a run; None where it is not, or not yet."""
    began = _Worker.here().began.get(run_id)
    return None if began is None else time.monotonic() - began


class _Open:
    """The kernel of a run, with its key and the lock by which it sees that its run goes on."""

    def __init__(self, opening: Opening, folder: Path) -> None:
        self.opening = opening
        self.cwd = Path(opening.cwd) if opening.cwd else Path.cwd()
        self._folder = folder
        self._log: Journal | None = None
        self._key: RunKey | None = None
        self.kernel: RunningKernel | None = None
        self.environ: dict[str, str] = {}

    async def start(self, kernels: Kernels) -> None:
        """Start the kernel, and wait until it is ready; raises :class:`MloError`."""
        opening = self.opening
        # A kernel that records by itself asks whether its run goes on.
        self._log = Journal(self._folder, {"run": opening.run_id, "pid": os.getpid()}, {})
        self._key = _key(opening, self._folder)
        self.environ = kernel_environment(os.environ, str(self._key.path) if self._key else None)
        self.kernel = await kernels.start(opening.kernel, self.environ, self.cwd)
        await self.kernel.ready(opening.start_timeout)

    def said(self) -> bytes:
        """What the kernel has signed; it can sign nothing more."""
        if self._key is None:
            return b""
        self._key.remove()
        with contextlib.suppress(OSError):
            return (self._folder / STATEMENTS).read_bytes()
        return b""

    async def end(self, grace: float) -> None:
        """End the kernel, and leave nothing behind."""
        try:
            if self.kernel is not None:
                await self.kernel.end(grace)
        finally:
            if self._key is not None:
                self._key.remove()
            await asyncio.to_thread(self._leave)

    def _leave(self) -> None:
        journal.remove(self._folder)
        if self._log is not None:
            self._log.close(kept=False)


class _Worker:
    """The thread in which this process executes."""

    def __init__(self) -> None:
        # Whoever starts a worker has imported much: looking for garbage in that takes longer than
        # a cell does.
        gc.collect()
        gc.freeze()
        self.loop = asyncio.new_event_loop()
        self._specs = Specs()
        self._folder = tempfile.TemporaryDirectory(prefix="mlo-runs-")
        self._numbers = itertools.count(1)
        #: Kernels that were started ahead, and are not wanted yet.
        self._ahead: dict[str, asyncio.Task[_Open]] = {}
        self._leases: dict[str, asyncio.TimerHandle] = {}
        self._running: dict[str, asyncio.Task[Done]] = {}
        #: Run → when it began, by the monotonic clock.
        self.began: dict[str, float] = {}
        self._ending: set[asyncio.Task[None]] = set()
        started = threading.Event()
        threading.Thread(target=self._run, args=(started,), name="mlo-worker", daemon=True).start()
        started.wait()
        atexit.register(self._end)

    @staticmethod
    def here() -> _Worker:
        """The one of this process."""
        with _making:
            if not _made:
                _made.append(_Worker())
            return _made[0]

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        self._kernels = Kernels(self._specs)
        self.loop.run_until_complete(self._kernels.__aenter__())
        started.set()
        self.loop.run_forever()

    def _end(self) -> None:
        leave = asyncio.run_coroutine_threadsafe(self._kernels.__aexit__(), self.loop)
        with contextlib.suppress(Exception):
            leave.result(2.0)
        self._folder.cleanup()

    def open_ahead(self, opening: Opening) -> None:
        """See :func:`open_ahead`."""
        run_id = opening.run_id
        if run_id not in self._ahead and run_id not in self._running:
            self._ahead[run_id] = self.loop.create_task(self._open(opening))
            self._leases[run_id] = self.loop.call_later(LEASE, self._close, run_id)

    def stop(self, run_id: str) -> None:
        """See :func:`stop`."""
        if running := self._running.get(run_id):
            running.cancel()
        else:
            self._close(run_id)

    def _close(self, run_id: str) -> None:
        if opening := self._taken(run_id):
            self._later(_drop(opening))

    async def execute(self, work: Work) -> Done:
        """See :func:`execute`."""
        done = Done(work.notebook)
        run_id = work.opening.run_id
        self.began[run_id] = time.monotonic()
        opened = self._taken(run_id) or self.loop.create_task(self._open(work.opening))
        task = self._running[run_id] = asyncio.ensure_future(self._execute(work, opened, done))
        try:
            return await task
        except asyncio.CancelledError:
            done.fault = ("stopped", "", "", "")
            return done
        finally:
            del self._running[run_id], self.began[run_id]
            while len(self._ending) > _ENDING:
                await asyncio.wait(self._ending, return_when=asyncio.FIRST_COMPLETED)

    def _taken(self, run_id: str) -> asyncio.Task[_Open] | None:
        lease = self._leases.pop(run_id, None)
        if lease is not None:
            lease.cancel()
        return self._ahead.pop(run_id, None)

    async def _open(self, opening: Opening) -> _Open:
        opened = _Open(opening, Path(self._folder.name) / str(next(self._numbers)))
        try:
            await opened.start(self._kernels)
        except BaseException:
            self._later(opened.end(_HASTE))
            raise
        return opened

    async def _execute(self, work: Work, opening: asyncio.Task[_Open], done: Done) -> Done:
        opened: _Open | None = None
        try:
            opened = await opening
            kernel = opened.kernel
            assert kernel is not None
            done.kernel_id = kernel.kernel_id
            around = Surroundings(
                notebook=None,
                parameters=work.parameters,
                folder=opened.cwd,
                kernel_name=work.opening.kernel,
                complain=done.remarks.append,
            )
            around.start(kernel.described(opened.environ), lambda: None)
            await Cells(work.notebook, kernel, _Noted(done), work.limits).execute()
            await asyncio.to_thread(around.wait)
            done.environment, done.data = around.environment, around.data
        except MloError as error:
            what = "limit" if isinstance(error, Exceeded) else "kernel"
            kind = error.kind if isinstance(error, KernelFault) else ""
            done.fault = (what, error.message, error.hint, kind)
        except Exception as error:  # whatever a kernel has made of it
            done.fault = ("kernel", f"{error!r:.200}", "see what the cells do", MALFORMED)
        finally:
            if opened is not None:
                stopped = asyncio.current_task().cancelling() > 0  # type: ignore[union-attr]
                if (done.fault or stopped) and opened.kernel is not None:
                    await opened.kernel.interrupt()
                done.said = opened.said()
                self._later(opened.end(_HASTE if done.fault else GRACE))
        return done

    def _later(self, ending: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(ending)
        self._ending.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        if not task.cancelled():
            task.exception()  # whatever is left of it goes with the worker's folder


async def _drop(opening: asyncio.Task[_Open]) -> None:
    """End a kernel that is not wanted any more."""
    opening.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await (await opening).end(0)


_making = threading.Lock()
_made: list[_Worker] = []


class _Noted:
    """Notes what happens, and when."""

    def __init__(self, done: Done) -> None:
        self._events = done.events
        self.remark = done.remarks.append

    def cell_begins(self, position: int) -> None:
        self._events.append(("begins", position, datetime.now(UTC), ()))

    def outputs_updated(self, position: int, outputs: Sequence[int]) -> None:
        self._events.append(("updated", position, datetime.now(UTC), tuple(outputs)))

    def cell_done(self, cell: Any, position: int) -> None:
        self._events.append(("done", position, datetime.now(UTC), ()))


def _key(opening: Opening, folder: Path) -> RunKey | None:
    if opening.delegation is None:
        return None
    made = _keys.pop(opening.key, None)
    if made is None:
        raise KernelFault(
            "the key of this run was made by another process",
            hint="it is tried again",
            kind="the worker was lost",
        )
    key = RunKey(opening.delegation.signer(made), folder, opening.code, opening.name)
    key.write()
    return key
