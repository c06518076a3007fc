"""One attempt at one job: prepared, run in a kernel, sealed, written and published.

The order is the engine's: whoever may not run is refused before a kernel starts; the kernel's
environment holds no mandate; the notebook is sealed before it is written, and appears whole.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

from jupyter_mlo import __version__
from jupyter_mlo.config import Settings
from jupyter_mlo.errors import MloError, Refused
from jupyter_mlo.lifecycle.provenance import BATCH_BUILDER, RunOutcome
from jupyter_mlo.runs import journal
from jupyter_mlo.runs.batch import prepare
from jupyter_mlo.runs.batch.cells import MALFORMED, Cells, Exceeded, Limits, clear, complete
from jupyter_mlo.runs.batch.failed_cell import FailedCell, has_failed, mark_failed_cell
from jupyter_mlo.runs.batch.jobs import Job
from jupyter_mlo.runs.batch.kernels import KernelFault, Kernels, RunningKernel, Specs
from jupyter_mlo.runs.batch.writing import write
from jupyter_mlo.runs.ending import Ending
from jupyter_mlo.runs.identity import (
    MANDATE_VARIABLE,
    Acting,
    Request,
    act_for_nobody,
    decide,
    reserve,
)
from jupyter_mlo.runs.on_record import OnRecord
from jupyter_mlo.runs.request import read_request
from jupyter_mlo.runs.run import NotebookRun
from jupyter_mlo.runs.withheld import kernel_environment

#: Seconds that a kernel which is to stop has before it is killed.
_HASTE: Final = 1.0


@dataclass(frozen=True)
class Surrounding:
    """What all attempts of a batch have in common."""

    settings: Settings
    #: What paths of notebooks are relative to, and where kernels run.
    folder: Path
    cwd: Path
    on_record: OnRecord
    specs: Specs
    #: Secret variables that were withheld.
    secrets: Mapping[str, str]
    #: Files of mandates; the one in the environment, or the session, where there are none.
    mandates: tuple[str, ...] = ()
    #: Why nobody acts, whatever session or mandate this account has; empty where somebody may.
    nobody: str = ""
    activity: str | None = None
    model: str | None = None
    limits: Limits = field(default_factory=Limits)
    start_timeout: float = 60.0

    def acting(self, request: Request, *, spend: bool = False) -> Acting:
        """Who acts for a run, under the first mandate that permits it; raises :class:`Refused`.

        Args:
            spend: spend a use of a mandate that counts them: the run starts now.
        """
        if self.nobody:
            return act_for_nobody(request, self.settings, self.nobody)
        refused: MloError | None = None
        for given in self.mandates or (None,):
            secrets = dict(self.secrets)
            if given is not None:
                secrets[MANDATE_VARIABLE] = given
            try:
                now = datetime.now(UTC)
                acting = decide(
                    request,
                    settings=self.settings,
                    environ=os.environ,
                    secrets=secrets,
                    now=now,
                )
                return reserve(acting, self.settings, now) if spend else acting
            except Refused as error:
                refused = refused or error
        assert refused is not None
        raise refused


class BatchSide:
    """The batch's :class:`~jupyter_mlo.runs.ending.Side`."""

    builder = BATCH_BUILDER

    def __init__(self, job: Job) -> None:
        self._job = job

    @property
    def versions(self) -> Mapping[str, str]:
        """See :class:`~jupyter_mlo.runs.ending.Side`."""
        return {"jupyter-mlo": __version__, "jupyter-client": _client_version()}

    def failed_cell(self, nb: Any) -> FailedCell | None:
        """Mark a failed cell as papermill does."""
        return mark_failed_cell(nb)

    def outcome_of(self, error: BaseException | None) -> tuple[RunOutcome, str | None]:
        """How a run ended, and why: in words of ours only."""
        match error:
            case None:
                return "succeeded", None
            case FailedCell():
                return "failed", f"cell {error.position + 1} failed"
            case Exceeded() | KernelFault():
                return "failed", error.message if isinstance(error, Exceeded) else error.kind
            case Refused():
                return "failed", "what came back from a worker was refused"
            case asyncio.CancelledError():
                return "interrupted", "interrupted"
            case _:
                return "failed", type(error).__name__

    def write(self, nb: Any, error: BaseException | None, failed_cell: Exception | None) -> None:
        """Write the notebook, whole or not at all."""
        write(nb, self._job.target, self._job.place)


class Attempt:
    """Made once for each attempt; :meth:`prepare`, then :meth:`start`, then :meth:`execute`.

    Args:
        kernels: where its kernel comes from.
        say: told, in a sentence, what could not be done.
        progress: told how many cells are done, of how many.
    """

    #: Whether the kernel runs in this process's charge, with a key made here.
    key_here: ClassVar[bool] = True

    def __init__(
        self,
        job: Job,
        around: Surrounding,
        kernels: Kernels | None,
        say: Callable[[str], None],
        progress: Callable[[int, int], None],
    ) -> None:
        self.job = job
        self._around = around
        self._kernels = kernels
        self._say = say
        self._progress = progress
        self.run: NotebookRun | None = None
        self.ending: Ending | None = None
        #: What has ended it early, and whether that or a cell has failed.
        self.fault: BaseException | None = None
        self.failed = False
        self._kernel: RunningKernel | None = None
        self._request: Request | None = None
        self._environ: dict[str, str] = {}

    def prepare(self) -> None:
        """Read, inject, decide who acts, and open the journal.

        Raises:
            MloError: it is refused, or cannot be read; nothing was started.
        """
        around, job = self._around, self.job
        nb, kernel_name, request = ready(job, around)
        acting = around.acting(request, spend=True)
        if acting.reason:
            self._say(acting.reason)
        local = not prepare.is_remote(job.source)
        now = datetime.now(UTC)
        self._request = request
        self.run = NotebookRun(
            nb,
            acting=acting,
            request=request,
            kernel_name=kernel_name,
            settings=around.settings,
            source=around.folder / job.source if local else None,
            complain=self._say,
            announce=lambda text: None,
            folder=around.cwd,
        )
        self._kernel_name = kernel_name
        clear(nb, now)
        head = {"output": job.place or job.target, "pid": os.getpid()}
        self.run.begin(head, key_here=self.key_here)
        self._environ = kernel_environment(os.environ, self.run.kernel_file)

    async def start(self) -> None:
        """Start its kernel and wait until it is ready; raises :class:`KernelFault`."""
        assert self._kernels is not None
        self._kernel = await self._kernels.start(self._kernel_name, self._environ, self._around.cwd)
        await self._kernel.ready(self._around.start_timeout)

    async def execute(self, fault: BaseException | None = None) -> None:
        """Execute all cells and end the run; what became of it is in :attr:`ending`.

        Args:
            fault: why there is no kernel.

        Raises:
            Refused: who acts may not do so any more; no cell was executed.
        """
        run = self.run
        assert run is not None
        error = fault or await self._cells(run)
        self.fault = error
        self.failed = error is not None or any(map(has_failed, run.nb["cells"]))
        complete(run.nb, datetime.now(UTC))
        self.ending = Ending(run, BatchSide(self.job), self._around.on_record)
        self.ending.begin(error)

    async def _cells(self, run: NotebookRun) -> BaseException | None:
        """Execute all cells; what has ended that early."""
        kernel = self._kernel
        assert kernel is not None
        run.kernel_started(kernel.kernel_id, kernel.described(self._environ))
        try:
            await Cells(run.nb, kernel, _Told(run, self._progress), self._around.limits).execute()
        except asyncio.CancelledError as error:
            await asyncio.shield(kernel.interrupt())
            return error
        except MloError as error:
            if isinstance(error, Exceeded):
                await kernel.interrupt()
            return error
        except Exception as error:  # whatever a kernel has made of it: the run has an end on record
            return KernelFault(
                f"what the kernel said could not be taken: {error!r:.200}",
                hint="see what the cells do to their kernel",
                kind=MALFORMED,
            )
        return None

    def check_again(self) -> None:
        """Whether a mandate still permits it, just before its cells; raises :class:`Refused`.

        It was asked when the run was prepared, ahead of need, and may have been revoked since.
        """
        assert self._request is not None
        assert self.run is not None
        if self.run.acting.via == "mandate":
            self._around.acting(self._request)

    async def end(self, *, hastily: bool = False) -> None:
        """Wait until all is on disk, and leave no kernel or file behind."""
        try:
            if self._kernel is not None:
                await self._kernel.end(_HASTE if hastily else 5.0)
        finally:
            await asyncio.to_thread(self._tidy)

    async def kill(self) -> None:
        """Have its kernel killed at once."""
        if self._kernel is not None:
            await self._kernel.end(0)

    def _tidy(self) -> None:
        if self.ending is not None:
            self.ending.wait()
        run = self.run
        if run is None:
            return
        if run.key is not None:
            run.key.remove()
        unwritten = run.has_begun if self.ending is None else self.ending.unwritten is not None
        if run.journal is not None:
            run.journal.close(kept=unwritten)
        if unwritten:
            why = self.ending.unwritten if self.ending else "its end went wrong"
            self._say(
                f"The notebook could not be written ({why}); "
                f"get it back with: jupyter mlo recover {run.run_id}"
            )
        else:
            journal.remove(run.folder)


class _Told:
    """Passes on to the run what happens, and counts."""

    def __init__(self, run: NotebookRun, progress: Callable[[int, int], None]) -> None:
        self._run = run
        self._progress = progress
        self.cell_begins = run.cell_begins
        self.outputs_updated = run.outputs_updated

    def cell_done(self, cell: Any, position: int) -> None:
        self._run.cell_done(cell, position)
        self._progress(position + 1, len(self._run.nb["cells"]))

    def remark(self, text: str) -> None:
        self._run.complain(text)


def ready(job: Job, around: Surrounding) -> tuple[Any, str, Request]:
    """A job's notebook with its parameters, the kernel's name, and what it asks to run.

    Raises:
        MloError: it cannot be read, takes no such parameters, or its kernel is not installed.
    """
    nb = prepare.read(job.source, around.folder)
    kernel_name = prepare.kernel_of(nb, job.kernel, job.source)
    if job.parameters:
        prepare.inject(nb, job.parameters, kernel_name, job.source)
    prepare.finish(nb, job.source, job.target)
    around.specs.get(kernel_name)
    request = read_request(
        nb,
        kernel_name,
        activity=around.activity,
        model=around.model,
        language_of=around.specs.language,
    )
    return nb, kernel_name, request


def placed(job: Job, folder: Path) -> Job:
    """``job`` with the place of its output, as links lead there now."""
    if prepare.is_remote(job.target):
        return job
    return replace(job, place=os.path.realpath(folder / job.target))


@cache
def _client_version() -> str:
    from importlib.metadata import version

    return version("jupyter-client")
