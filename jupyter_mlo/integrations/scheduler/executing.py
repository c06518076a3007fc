"""Running a job: as a batch of one, so that it is stamped, sealed and on record.

In a process of its own, which jupyter-scheduler starts. Whoever answers for the job came with it,
from the process that made it; nothing in the scheduler's database says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import nbformat
from jupyter_scheduler.executors import DefaultExecutionManager
from jupyter_scheduler.models import DescribeJob, Status
from jupyter_scheduler.orm import Job as JobRecord
from jupyter_scheduler.utils import get_utc_timestamp

from jupyter_mlo.config import Settings, load_settings
from jupyter_mlo.delegation.leases import LeaseStore
from jupyter_mlo.errors import MloError, Refused
from jupyter_mlo.integrations.scheduler.answering import (
    NOBODY,
    NOBODY_SIGNED_IN,
    Answerable,
    values,
)
from jupyter_mlo.integrations.scheduler.processes import Processes
from jupyter_mlo.ledger.mandate_standing import mandate_standing
from jupyter_mlo.runs.batch.attempt import Surrounding, ready
from jupyter_mlo.runs.batch.batch import Here, Manner, run_batch
from jupyter_mlo.runs.batch.jobs import Job
from jupyter_mlo.runs.batch.kernels import Specs
from jupyter_mlo.runs.batch.publisher import Together
from jupyter_mlo.runs.batch.results import Result
from jupyter_mlo.runs.identity import Acting, Request
from jupyter_mlo.runs.on_record import OneByOne, OnRecord
from jupyter_mlo.runs.withheld import Withheld

#: Who answers for jobs that are made now, in this context.
_whose: ContextVar[Answerable] = ContextVar("jupyter-mlo job", default=NOBODY)
#: Characters of a status message: the scheduler's column has as many.
_LONGEST: Final = 1000
#: Mandates of which it is said why each does not permit a job.
_REASONS: Final = 3


@contextmanager
def answered_by(whose: Answerable) -> Iterator[None]:
    """Jobs that are made in here run for them."""
    before = _whose.set(whose)
    try:
        yield
    finally:
        _whose.reset(before)


class Unfinished(Exception):
    """A job did not succeed; says why.

    Args:
        status: what the scheduler is to show.
    """

    def __init__(self, message: str, status: Status = Status.FAILED) -> None:
        super().__init__(message)
        self.status = status


class MloExecutionManager(DefaultExecutionManager):  # type: ignore[misc]
    """Runs a notebook for whoever made the job; outputs and side effects are where they were."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        #: Goes to the job's process with this object.
        self.whose = _whose.get()

    def before_start(self) -> None:
        """Note which process it is, and say that it runs."""
        with suppress(MloError, OSError):  # it runs all the same, and nobody can stop it later
            Processes(load_settings()).begun(self.job_id)
        super().before_start()

    def execute(self) -> None:
        """Run, and write what was asked for; raises :class:`Unfinished`."""
        job = self.model
        source = Path(self.staging_paths["input"])
        wanted = self.staging_paths.get("ipynb")
        target = Path(wanted) if wanted else source.with_name(f".{self.job_id}.ipynb")
        try:
            result = _run(load_settings(), job, source, target, self.whose)
        except MloError as error:
            raise Unfinished(str(error)) from None
        try:
            if target.is_file():
                self._write_others(job, target)
        finally:
            if wanted is None:
                target.unlink(missing_ok=True)
            if result.attempts:
                self._note_side_effects(source.parent)
        if result.status == "interrupted":
            raise Unfinished("stopped; what had run is on record", Status.STOPPED)
        if not result.good:
            raise Unfinished(result.remarks[-1] if not result.attempts else result.reason)

    def on_complete(self) -> None:
        """Say that it did, where the scheduler shows it."""
        super().on_complete()
        self._over()

    def on_failure(self, e: Exception) -> None:
        """Say what became of it, where the scheduler shows it."""
        status = e.status if isinstance(e, Unfinished) else Status.FAILED
        message = str(e) or type(e).__name__
        with self.db_session() as session:
            session.query(JobRecord).filter(JobRecord.job_id == self.job_id).update(
                {
                    "status": status,
                    "status_message": message[:_LONGEST],
                    "end_time": get_utc_timestamp(),
                }
            )
            session.commit()
        self._over()

    def _over(self) -> None:
        with suppress(MloError, OSError):
            Processes(load_settings()).over(self.job_id)

    def _note_side_effects(self, folder: Path) -> None:
        """Files that the notebook has written come with a job's downloads."""
        ours = {Path(one).name for one in self.staging_paths.values()}
        there = {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()}
        with self.db_session() as session:
            job = session.query(JobRecord).filter(JobRecord.job_id == self.job_id).one()
            job.packaged_files = sorted({*(job.packaged_files or ()), *there} - ours)
            session.commit()

    def _write_others(self, job: DescribeJob, notebook: Path) -> None:
        others = [each for each in job.output_formats or () if each != "ipynb"]
        if others:
            value: Any = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
            self.create_output_files(job.copy(update={"output_formats": others}), value)


def asked(settings: Settings, source: Path, parameters: dict[str, str] | None) -> Request:
    """What a job is going to run; raises :class:`MloError` where it cannot be read."""
    around = _surrounding(settings, source.parent, OneByOne(settings))
    return ready(_job(source, source.with_name("output.ipynb"), parameters), around)[2]


def settled(
    settings: Settings, folder: Path, request: Request, candidates: Sequence[Answerable]
) -> Answerable:
    """The first of these that could run it now; spends nothing.

    Raises:
        Refused: none could: why each could not.
    """
    refused: list[Refused] = []
    with Withheld() as secrets:
        for one in candidates:
            try:
                around = _answered(settings, folder, one, OneByOne(settings), secrets)
                _require_use(settings, around.acting(request))
            except Refused as error:
                refused.append(error)
            else:
                return one
    if len(refused) == 1:
        raise refused[0]
    more = len(refused) - _REASONS
    raise Refused(
        f"none of {len(refused)} mandates permits this job: "
        + "; ".join(error.message for error in refused[:_REASONS])
        + (f"; and {more} more" if more > 0 else ""),
        hint="change the job, or make another mandate in the panel MLO",
    )


def _require_use(settings: Settings, acting: Acting) -> None:
    """Raise :class:`Refused` where its mandate counts uses, and none is left here or there."""
    mandate, now = acting.counted, datetime.now(UTC)
    if mandate is None or LeaseStore(settings).left(mandate.mandate_id, now):
        return
    standing = mandate_standing(settings, mandate, now)
    if standing.element == "uses":
        raise Refused(
            f"{mandate.label} does not permit this run: {standing.reason} (uses)",
            hint="make another in the panel MLO",
        )


def _run(
    settings: Settings, job: DescribeJob, source: Path, target: Path, whose: Answerable
) -> Result:
    wanted = _job(source, target, job.parameters)
    with Withheld() as secrets, Together(settings) as on_record:
        around = _answered(settings, source.parent, whose, on_record, secrets)
        results, _ = run_batch([wanted], around, Manner(), _Silent(), Here(around.specs))
    return results[0]


def _answered(
    settings: Settings,
    folder: Path,
    whose: Answerable,
    on_record: OnRecord,
    secrets: Mapping[str, str],
) -> Surrounding:
    if whose.somebody:
        named: dict[str, Any] = {"mandates": (whose.file(settings),)}
    else:
        named = {"nobody": NOBODY_SIGNED_IN}
    return _surrounding(settings, folder, on_record, secrets=secrets, **named)


def _job(source: Path, target: Path, parameters: dict[str, str] | None) -> Job:
    return Job(1, source.name, target.name, values(parameters))


def _surrounding(settings: Settings, folder: Path, on_record: OnRecord, **more: Any) -> Surrounding:
    more.setdefault("secrets", {})
    return Surrounding(
        settings=settings, folder=folder, cwd=folder, on_record=on_record, specs=Specs(), **more
    )


class _Silent:
    """The scheduler shows how its jobs get on."""

    def begun(self, result: Result) -> None: ...

    def moved(self, result: Result, done: int, cells: int) -> None: ...

    def ended(self, result: Result) -> None: ...
