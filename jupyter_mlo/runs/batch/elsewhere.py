"""The inner step: one prepared notebook, executed by whoever is asked to, with nothing secret.

A worker makes a key, is given a run delegation for it, executes, and gives back the notebook, what
happened to each cell when, and what the kernel has signed. It holds no session, no mandate and no
way into the ledger; stamps, seal and provenance are made by whoever coordinates, from what comes
back.

Everything that goes there and back is plain data. A process executes in one thread of its own,
whose kernels come from one fork server, however many runs it is asked for at once.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_mlo.delegation.runs import RunDelegation
from jupyter_mlo.errors import MloError
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.lifecycle.provenance import Environment
from jupyter_mlo.lifecycle.resources import FileDigest
from jupyter_mlo.runs import journal
from jupyter_mlo.runs.batch.cells import Cells, Limits, TimedOut
from jupyter_mlo.runs.batch.kernels import KernelFault, Kernels, RunningKernel, Specs
from jupyter_mlo.runs.journal import Journal
from jupyter_mlo.runs.run_key import STATEMENTS, RunKey
from jupyter_mlo.runs.surroundings import Surroundings
from jupyter_mlo.runs.withheld import kernel_environment

#: What happened to a cell: ``begins``, ``updated`` or ``done``, its position, when, which outputs.
Event = tuple[str, int, datetime, tuple[int, ...]]


@dataclass(frozen=True)
class Work:
    """What a worker is given."""

    run_id: str
    #: Prepared and cleared.
    notebook: dict[str, Any]
    kernel: str
    #: ``mloCodeV1``, hex.
    code: str
    #: For the data that they name.
    parameters: Mapping[str, Any]
    delegation: RunDelegation | None
    limits: Limits
    start_timeout: float
    #: Where the kernel runs; the worker's own folder by default.
    cwd: str | None = None
    name: str | None = None


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
    #: What ended it early: ``timeout``, ``kernel`` or ``stopped``, message, hint and kind.
    fault: tuple[str, str, str, str] | None = None
    remarks: list[str] = field(default_factory=list)


_keys: dict[str, SigningKey] = {}
_stops: dict[str, asyncio.Task[Done]] = {}


def make_key(run_id: str) -> bytes:
    """Make the key of a run, to stay in this process; its public part (DER)."""
    key = _keys[run_id] = SigningKey.generate()
    return key.public.der


def execute(work: Work) -> Done:
    """Execute; blocks, and may be called from several threads at once.

    Raises:
        KernelFault: the key of this run is not in this process: another one made it.
    """
    worker = _Worker.here()
    return asyncio.run_coroutine_threadsafe(worker.execute(work), worker.loop).result()


def stop(run_id: str) -> None:
    """Have a run that goes on interrupted; what it has done comes back all the same."""
    worker = _Worker.here()
    worker.loop.call_soon_threadsafe(worker.stop, run_id)


class _Worker:
    """The thread in which this process executes."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._specs = Specs()
        self._folder = tempfile.TemporaryDirectory(prefix="mlo-runs-")
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

    def stop(self, run_id: str) -> None:
        """See :func:`stop`."""
        task = _stops.get(run_id)
        if task is not None:
            task.cancel()

    async def execute(self, work: Work) -> Done:
        """See :func:`execute`."""
        done = Done(work.notebook)
        task = asyncio.ensure_future(self._execute(work, done))
        _stops[work.run_id] = task
        try:
            return await task
        except asyncio.CancelledError:
            done.fault = ("stopped", "", "", "")
            return done
        finally:
            _stops.pop(work.run_id, None)

    async def _execute(self, work: Work, done: Done) -> Done:
        folder = Path(self._folder.name) / work.run_id.removeprefix("urn:uuid:")
        log: Journal | None = None
        kernel: RunningKernel | None = None
        key: RunKey | None = None
        cwd = Path(work.cwd) if work.cwd else Path.cwd()
        try:
            # A kernel that records by itself asks whether its run goes on.
            log = Journal(folder, {"run": work.run_id, "pid": os.getpid()}, {})
            key = _key(work, folder)
            env = kernel_environment(os.environ, str(key.path) if key else None)
            kernel = await self._kernels.start(work.kernel, env, cwd)
            await kernel.ready(work.start_timeout)
            done.kernel_id = kernel.kernel_id
            around = Surroundings(
                notebook=None,
                parameters=work.parameters,
                folder=cwd,
                kernel_name=work.kernel,
                complain=done.remarks.append,
            )
            around.start(kernel.described(env), lambda: None)
            await Cells(work.notebook, kernel, _Noted(done.events), work.limits).execute()
            await asyncio.to_thread(around.wait)
            done.environment, done.data = around.environment, around.data
        except MloError as error:
            what = "timeout" if isinstance(error, TimedOut) else "kernel"
            kind = error.kind if isinstance(error, KernelFault) else ""
            done.fault = (what, error.message, error.hint, kind)
        finally:
            if key is not None:
                with contextlib.suppress(OSError):
                    done.said = (folder / STATEMENTS).read_bytes()
                key.remove()
            if kernel is not None:
                if done.fault is not None or asyncio.current_task().cancelling():  # type: ignore[union-attr]
                    await kernel.interrupt()
                await kernel.end(1.0 if done.fault else 5.0)
            if log is not None:
                log.close()
            journal.remove(folder)
        return done


_making = threading.Lock()
_made: list[_Worker] = []


class _Noted:
    """Notes what happens, and when."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events

    def cell_begins(self, position: int) -> None:
        self._events.append(("begins", position, datetime.now(UTC), ()))

    def outputs_updated(self, position: int, outputs: Sequence[int]) -> None:
        self._events.append(("updated", position, datetime.now(UTC), tuple(outputs)))

    def cell_done(self, cell: Any, position: int) -> None:
        self._events.append(("done", position, datetime.now(UTC), ()))


def _key(work: Work, folder: Path) -> RunKey | None:
    made = _keys.pop(work.run_id, None)
    if work.delegation is None:
        return None
    if made is None:
        raise KernelFault(
            "the key of this run was made by another process",
            hint="it is tried again",
            kind="the worker was lost",
        )
    key = RunKey(work.delegation.signer(made), folder, work.code, work.name)
    key.write()
    return key
