"""Runs on the workers of a Dask cluster: this side holds the mandate, and writes to the ledger.

A worker gets a notebook and a delegation to a key that it has made itself, for one run. A worker
that is lost ends the attempt, which is on record; the next one is made elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar, Final

from jupyter_mlo.errors import MloError, NotFound, StatementError
from jupyter_mlo.identity.keys import PublicKey
from jupyter_mlo.identity.private_files import write_private
from jupyter_mlo.lifecycle.provenance import Environment
from jupyter_mlo.runs.batch import elsewhere
from jupyter_mlo.runs.batch.attempt import Attempt, Surrounding
from jupyter_mlo.runs.batch.brought_back import BroughtBack, judge
from jupyter_mlo.runs.batch.cells import Exceeded
from jupyter_mlo.runs.batch.elsewhere import Opening, Work
from jupyter_mlo.runs.batch.heavy import without_arrays_and_pages
from jupyter_mlo.runs.batch.jobs import Job
from jupyter_mlo.runs.batch.kernels import KernelFault
from jupyter_mlo.runs.names import name_here
from jupyter_mlo.runs.run import NotebookRun, utc_now
from jupyter_mlo.runs.run_key import STATEMENTS

#: Seconds between two looks whether a worker is still there.
_LOOK: Final = 0.5
#: Seconds to reach the scheduler, and that a worker has to give back what it was stopped at.
_PATIENCE: Final = 15.0
#: Keys that a worker is asked for at once.
_KEYS: Final = 16
#: Seconds in which a worker that was lost is given nothing: a scheduler may still list it, and with
#: nothing to do it would be the first to be asked.
_AVOIDED: Final = 10.0


def load_dask() -> Any:
    """Import ``distributed``, which takes a while; raises :class:`NotFound` where there is none."""
    try:
        with without_arrays_and_pages():
            import distributed
    except ImportError:
        raise NotFound(
            "Dask is not installed here", hint="pip install 'jupyter-mlo[dask]'"
        ) from None
    return distributed


class Cluster:
    """The workers of the scheduler at ``address``.

    Args:
        cwd: where kernels run there; the workers' own folders by default.
        patience: seconds to reach the scheduler.
    """

    def __init__(self, address: str, cwd: str | None = None, patience: float = _PATIENCE) -> None:
        self.address = address
        self._patience = patience
        self.cwd = cwd
        self.client: Any = None
        self._workers: list[str] = []
        self._stale = 0.0
        self._asking = asyncio.Lock()
        #: Attempts that are open, by worker.
        self.open: Counter[str] = Counter()
        #: Worker → public parts (DER) of keys that it has made for runs to come.
        self.keys: dict[str, list[Any]] = {}
        #: Worker → when it was lost.
        self._lost: dict[str, float] = {}

    async def __aenter__(self) -> Cluster:
        client: Any = load_dask().Client
        try:
            self.client = await client(
                self.address, asynchronous=True, timeout=self._patience, set_as_default=False
            )
        except (OSError, ValueError, TimeoutError) as error:
            raise NotFound(
                f"no Dask scheduler answers at {self.address}: {error}",
                hint="dask scheduler says its address when it starts: tcp://HOST:8786",
            ) from None
        return self

    async def __aexit__(self, *exception: object) -> None:
        with contextlib.suppress(Exception):
            await self.client.close()

    async def workers(self) -> list[str]:
        """Addresses of those that are there, or were half a second ago.

        Raises:
            TimeoutError, OSError: the scheduler says nothing any more.
        """
        async with self._asking:
            if time.monotonic() >= self._stale:
                async with asyncio.timeout(self._patience):
                    there = await self.client.scheduler.identity()
                self._workers = list(there["workers"])
                self._stale = time.monotonic() + (_LOOK if self._workers else 0)
            return self._workers

    async def idlest(self) -> str | None:
        """The worker with the fewest open attempts, of those that were not just lost."""
        now = time.monotonic()
        there = [
            each
            for each in await self.workers()
            if now - self._lost.get(each, -_AVOIDED) >= _AVOIDED
        ]
        return min(there, key=lambda each: self.open[each], default=None)

    def lost(self, worker: str, message: str) -> KernelFault:
        """What ends an attempt whose worker was lost; for a while that one is given nothing."""
        self._lost[worker] = time.monotonic()
        self.keys.pop(worker, None)
        return _lost(message)

    def attempt(
        self,
        job: Job,
        around: Surrounding,
        say: Callable[[str], None],
        progress: Callable[[int, int], None],
    ) -> Attempt:
        """See :class:`~jupyter_mlo.runs.batch.batch.Place`."""
        return AttemptElsewhere(self, job, around, say, progress)


class AttemptElsewhere(Attempt):
    """An attempt whose kernel a worker has."""

    key_here: ClassVar[bool] = False

    def __init__(
        self,
        cluster: Cluster,
        job: Job,
        around: Surrounding,
        say: Callable[[str], None],
        progress: Callable[[int, int], None],
    ) -> None:
        super().__init__(job, around, None, say, progress)
        self._cluster = cluster
        self._worker = ""
        self._opening: Opening | None = None
        #: Whether the worker has a kernel that nothing was executed in.
        self._waits = False

    async def start(self) -> None:
        """Have the worker with the fewest runs make a key, delegate to it, and start a kernel."""
        run, cluster = self.run, self._cluster
        assert run is not None
        until = time.monotonic() + self._around.start_timeout
        try:
            while (idlest := await cluster.idlest()) is None:
                if time.monotonic() > until:
                    raise _lost("the cluster has no workers")
                await asyncio.sleep(_LOOK)
        except (OSError, TimeoutError) as error:
            raise _lost(f"the scheduler of the cluster says nothing: {error!r:.200}") from None
        self._worker = idlest
        cluster.open[self._worker] += 1
        public = await self._key(until) if run.acting.signer else None
        self._opening = Opening(
            run_id=run.run_id,
            kernel=self._kernel_name,
            code=run.request.code,
            delegation=run.delegate_to(public) if public else None,
            key=public.der if public else b"",
            start_timeout=self._around.start_timeout,
            cwd=cluster.cwd,
            name=name_here(run.settings, run.acting.signer.mlo) if run.acting.signer else None,
        )
        self._waits = True
        await self._ask(elsewhere.open_ahead, self._opening, until - time.monotonic())

    async def _key(self, until: float) -> PublicKey:
        """A key that the worker has made for this run alone."""
        keys = self._cluster.keys.setdefault(self._worker, [])
        try:
            if not keys:
                keys += await self._ask(elsewhere.make_keys, _KEYS, until - time.monotonic())
            return PublicKey.from_der(keys.pop())
        except (StatementError, TypeError, ValueError, LookupError) as error:
            raise self._cluster.lost(
                self._worker, f"the worker {self._worker} made no key: {error!r:.200}"
            ) from None

    async def _ask(self, what: Callable[..., Any], about: Any, within: float | None = None) -> Any:
        """Have the worker call ``what``; raises :class:`KernelFault` where it cannot.

        Args:
            within: seconds that it has, :data:`_PATIENCE` by default: it may be frozen.
        """
        client = self._cluster.client
        try:
            async with asyncio.timeout(_PATIENCE if within is None else max(within, 0.1)):
                answers = await client.run(what, about, workers=[self._worker])
            return answers[self._worker]
        except Exception as error:  # whatever has become of the worker
            self._waits = False
            raise self._cluster.lost(
                self._worker, f"the worker {self._worker} was lost: {error!r:.200}"
            ) from None

    async def _cells(self, run: NotebookRun) -> BaseException | None:
        assert self._opening is not None
        work = Work(
            opening=self._opening,
            notebook=run.nb,
            parameters={} if run.request.tampered else run.request.parameters,
            limits=self._around.limits,
        )
        self._waits = False
        begun = utc_now()
        future = self._cluster.client.submit(
            elsewhere.execute,
            work,
            workers=[self._worker],
            allow_other_workers=False,
            pure=False,
            retries=0,
            key=f"mlo-{run.run_id}",
        )
        stopped: asyncio.CancelledError | None = None
        try:
            try:
                done = await self._result(future, run.run_id)
            except asyncio.CancelledError as error:
                stopped = error
                async with asyncio.timeout(_PATIENCE):
                    await self._ask(elsewhere.stop, run.run_id)
                    done = await self._result(future, run.run_id)
        except MloError as error:
            return stopped or error
        except Exception as error:  # Dask's, of many kinds
            why = f"the worker {self._worker} was lost: {error!r:.200}"
            return stopped or self._cluster.lost(self._worker, why)
        finally:
            future.release()
        try:
            return self._taken(run, judge(run.nb, done, begun, utc_now())) or stopped
        except MloError as error:
            return error

    async def _result(self, future: Any, run_id: str) -> object:
        """What the worker returns, whatever it is.

        Raises:
            KernelFault: it is gone; or it has had all the time that the run was given, and says
                nothing any more, or that the run still goes on.
        """
        limit = self._around.limits.run
        look = None if limit is None else time.monotonic() + limit + _PATIENCE
        waiting = asyncio.ensure_future(future.result())
        try:
            while True:
                finished, _ = await asyncio.wait({waiting}, timeout=_LOOK)
                if finished:
                    return waiting.result()
                if self._worker not in await self._cluster.workers():
                    why = f"the worker {self._worker} is gone"
                    raise self._cluster.lost(self._worker, why)
                if limit is not None and look is not None and time.monotonic() > look:
                    look = time.monotonic() + await self._left(run_id, limit)
        finally:
            waiting.cancel()

    async def _left(self, run_id: str, limit: float) -> float:
        """Seconds until the worker is to be asked again, as it may have had other work before.

        Raises:
            KernelFault: it says nothing, or has had all its time.
        """
        taken = await self._ask(elsewhere.seconds_of, run_id)
        if taken is None:
            return _PATIENCE
        left: float = limit + self._around.start_timeout + _PATIENCE - float(taken)
        if not left > 0:
            why = f"the worker {self._worker} does not end a run whose time is over"
            raise self._cluster.lost(self._worker, why)
        return max(1.0, min(left, _PATIENCE))

    def _taken(self, run: NotebookRun, back: BroughtBack) -> BaseException | None:
        """Make of what came back what would have been made here."""
        for ours, theirs in zip(run.nb["cells"], back.cells, strict=True):
            ours.update(theirs or {})
        run.nb["metadata"].update(back.metadata)
        environment = back.environment or Environment(
            self._kernel_name, unknown="the worker did not say"
        )
        run.ran_elsewhere(back.kernel_id, environment, back.data)
        if back.said:
            # What a kernel of this machine says is not waited for until it is on disk, either.
            write_private(run.folder / STATEMENTS, back.said, durable=False)
        for remark in back.remarks:
            self._say(remark)
        total = len(run.nb["cells"])
        for what, position, when, outputs in back.events:
            run.now = lambda when=when: when  # type: ignore[misc]
            if what == "begins":
                run.cell_begins(position)
            elif what == "updated":
                run.outputs_updated(position, list(outputs))
            else:
                run.cell_done(run.nb["cells"][position], position)
                self._progress(position + 1, total)
        run.now = utc_now
        match back.fault:
            case None:
                return None
            case ("limit", message, hint, _):
                return Exceeded(message, hint=hint)
            case ("stopped", *_):
                return asyncio.CancelledError()
            case (_, message, hint, kind):
                self._cluster.keys.pop(self._worker, None)  # it may have none of them any more
                return KernelFault(message, hint=hint, kind=kind or "the kernel did not start")

    async def end(self, *, hastily: bool = False) -> None:
        """See :class:`Attempt`."""
        if self._worker:
            self._cluster.open[self._worker] -= 1
        if self._waits and self.run is not None:
            with contextlib.suppress(MloError):
                await self._ask(elsewhere.stop, self.run.run_id)
        await super().end(hastily=hastily)


def _lost(message: str) -> KernelFault:
    return KernelFault(message, hint="it is tried elsewhere", kind="the worker was lost")
