"""Many jobs, some at a time: kernels ahead of need, retries, an end that loses nothing.

One task a job, and no more tasks than runs that are open: a thousand notebooks hold no more than
what runs. Only infrastructure is tried again; what a notebook's code says stands.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from jupyter_mlo.errors import MloError
from jupyter_mlo.notebook.seals import forget_lines
from jupyter_mlo.runs.batch.allocator import give_back, one_arena
from jupyter_mlo.runs.batch.attempt import Attempt, Surrounding, placed
from jupyter_mlo.runs.batch.cells import Exceeded
from jupyter_mlo.runs.batch.forked import ForkServer
from jupyter_mlo.runs.batch.jobs import Job
from jupyter_mlo.runs.batch.kernels import KernelFault, Kernels, Specs
from jupyter_mlo.runs.batch.results import Done, Result

#: Kernels that start ahead of need, at most.
_AHEAD: Final = 4
#: Runs after which free memory is given back.
_TIDY: Final = 25


class Show(Protocol):
    """Is told how the batch gets on."""

    def begun(self, result: Result) -> None:
        """A job's cells are being executed."""

    def moved(self, result: Result, done: int, cells: int) -> None:
        """So many of its cells are done."""

    def ended(self, result: Result) -> None:
        """A job has come to its end, well or not."""


class Place(Protocol):
    """Where attempts are made; entered and left once."""

    async def __aenter__(self) -> object: ...

    async def __aexit__(self, *exception: object) -> None: ...

    def attempt(
        self,
        job: Job,
        around: Surrounding,
        say: Callable[[str], None],
        progress: Callable[[int, int], None],
    ) -> Attempt:
        """One attempt at a job."""


class Here:
    """Kernels of this machine.

    Args:
        server: a fork server that was started early; it is closed.
    """

    def __init__(self, specs: Specs, server: ForkServer | None = None) -> None:
        self._kernels = Kernels(specs, server)

    async def __aenter__(self) -> Kernels:
        return await self._kernels.__aenter__()

    async def __aexit__(self, *exception: object) -> None:
        await self._kernels.__aexit__(*exception)

    def attempt(
        self,
        job: Job,
        around: Surrounding,
        say: Callable[[str], None],
        progress: Callable[[int, int], None],
    ) -> Attempt:
        """See :class:`Place`."""
        return Attempt(job, around, self._kernels, say, progress)


@dataclass(frozen=True)
class Manner:
    """How a batch goes about it."""

    workers: int = 1
    #: Further attempts after a fault of the infrastructure.
    retries: int = 1
    keep_going: bool = False
    #: Number of each job that needs not be run again → why not.
    done: Mapping[int, Done] = field(default_factory=dict)


class Batch:
    """Runs jobs once; see :func:`run_batch`."""

    def __init__(self, around: Surrounding, manner: Manner, show: Show, place: Place) -> None:
        self._around = around
        self._manner = manner
        self._show = show
        self._place = place
        #: 1 after the first request to stop, 2 after the second.
        self._stopping = 0
        self._failed = False
        self._ended = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, jobs: Sequence[Job]) -> list[Result]:
        """All results, in the order of the jobs."""
        ahead = min(self._manner.workers, _AHEAD)
        # Open: what is prepared, what runs, and what is still being written.
        open_runs = asyncio.Semaphore(self._manner.workers + 2 * ahead)
        self._ready = asyncio.Semaphore(self._manner.workers + ahead)
        self._running = asyncio.Semaphore(self._manner.workers)
        results = [Result(placed(job, self._around.folder)) for job in jobs]
        one_arena()
        with self._signals():
            async with self._place:
                turn = asyncio.Event()
                turn.set()
                for result in results:
                    await open_runs.acquire()
                    if self._over:
                        break
                    ended = asyncio.Event()
                    task = asyncio.create_task(self._job(result, turn, ended))
                    if self._manner.workers == 1:
                        turn = ended
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                    task.add_done_callback(lambda _: open_runs.release())
                while self._tasks:
                    await asyncio.wait(self._tasks)
        return results

    @property
    def interrupted(self) -> bool:
        """Whether somebody has asked it to stop."""
        return self._stopping > 0

    @property
    def _over(self) -> bool:
        return self._stopping > 0 or (self._failed and not self._manner.keep_going)

    @contextlib.contextmanager
    def _signals(self):  # type: ignore[no-untyped-def]
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        try:
            for number in numbers:
                loop.add_signal_handler(number, self._stop)
        except (RuntimeError, ValueError):  # not the main thread, which alone can
            yield
            return
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self._stopping += 1
        for task in self._tasks:
            task.cancel()

    async def _job(self, result: Result, turn: asyncio.Event, ended: asyncio.Event) -> None:
        """Run a job, not before its ``turn``, and say when it has ``ended``."""
        try:
            if result.job.number in self._manner.done:
                result.keep(self._manner.done[result.job.number])
                return
            for left in range(self._manner.retries, -1, -1):
                first = left == self._manner.retries
                again = await self._attempt(result, turn, first=first, last=not left)
                if not again or not left or self._over:
                    break
                result.remark(f"tried again: {result.reason}")
        except asyncio.CancelledError:
            if result.status == "not started" and result.attempts:
                result.status = "interrupted"
        except MloError as error:
            result.status = "refused"
            result.reason = error.message
            result.remark(str(error))
        except OSError as error:
            result.status, result.reason = "failed", str(error)
        except Exception as error:  # a fault of ours: the other runs go on
            result.status, result.reason = "failed", f"its end went wrong: {error!r:.200}"
            result.remark(result.reason)
        finally:
            if result.began is not None:
                result.seconds = time.monotonic() - result.began
            if not result.good:
                self._failed = True
            ended.set()
            self._show.ended(result)
            self._ended += 1
            if self._ended % _TIDY == 0:
                forget_lines()
                give_back()

    async def _attempt(
        self, result: Result, turn: asyncio.Event, *, first: bool, last: bool
    ) -> bool:
        """Try once; True where a fault of the infrastructure has ended it."""
        # Where those that wait for this one's end hold all places, trying again must need none.
        ready = self._ready if first else contextlib.nullcontext()
        attempt = self._place.attempt(
            result.job,
            self._around,
            result.remark,
            lambda done, cells: self._show.moved(result, done, cells),
        )
        fault: BaseException | None = None
        stopped: asyncio.CancelledError | None = None
        try:
            async with ready:
                if self._over:
                    return False
                attempt.prepare()
                assert attempt.run is not None
                result.acted(attempt.run)
                try:
                    await attempt.start()
                except KernelFault as error:
                    fault = error
                    result.remark(str(error))
                await turn.wait()
                async with self._running:
                    if self._over:
                        return False
                    attempt.check_again()
                    if first:
                        result.began = time.monotonic()
                    self._show.begun(result)
                    try:
                        await attempt.execute(fault)
                    except asyncio.CancelledError as error:
                        stopped = error
                    # Before the next one begins, and long before this one is on record.
                    fault = attempt.fault
                    if isinstance(fault, Exceeded):
                        result.remark(fault.hint)
                    if attempt.failed and (last or not isinstance(fault, KernelFault)):
                        self._failed = True
            if self._stopping and attempt.ending is not None:
                stopped = asyncio.CancelledError()
        finally:
            await self._end(attempt, hastily=stopped is not None or self._stopping > 0)
        if attempt.ending is not None:
            assert attempt.run is not None
            result.ended(attempt.run, attempt.ending)
        return isinstance(fault, KernelFault)

    async def _end(self, attempt: Attempt, *, hastily: bool) -> None:
        """End an attempt whatever is asked meanwhile; the second request has kernels killed."""
        ending = asyncio.ensure_future(attempt.end(hastily=hastily))
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                if self._stopping > 1:
                    await attempt.kill()


def run_batch(
    jobs: Sequence[Job], around: Surrounding, manner: Manner, show: Show, place: Place
) -> tuple[list[Result], bool]:
    """Run ``jobs``; their results in order, and whether somebody has asked to stop."""
    batch = Batch(around, manner, show, place)
    results = asyncio.run(batch.run(jobs))
    return results, batch.interrupted
