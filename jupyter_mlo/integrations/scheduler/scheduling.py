"""jupyter-scheduler's own scheduler, which knows for whom a job is made.

The user is the one whom the server authenticated for the request. Jobs of a definition run for
whoever made the definition; a user who runs or changes another's does it for themselves, or not at
all.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil
from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.models import (
    CreateJob,
    CreateJobDefinition,
    CreateJobFromDefinition,
    DescribeJob,
    Status,
    UpdateJob,
    UpdateJobDefinition,
)
from jupyter_scheduler.orm import Job as JobRecord
from jupyter_scheduler.scheduler import Scheduler
from jupyter_server.base.call_context import CallContext
from traitlets import Type

from jupyter_mlo.config import load_settings
from jupyter_mlo.errors import MloError
from jupyter_mlo.integrations.scheduler.answering import Answerable, Definitions, answerables
from jupyter_mlo.integrations.scheduler.eligible import Asker
from jupyter_mlo.integrations.scheduler.executing import (
    MloExecutionManager,
    answered_by,
    asked,
    settled,
)
from jupyter_mlo.integrations.scheduler.processes import Processes, wait_or_kill
from jupyter_mlo.integrations.scheduler.taken import (
    check_filename,
    check_folder,
    check_formats,
    check_schedule,
    inside,
)

#: Seconds after which a job's process, however slowly, was started.
_TO_BEGIN: Final = 600.0
_RUNNING: Final = (Status.IN_PROGRESS, Status.STOPPING)


class MloScheduler(Scheduler):  # type: ignore[misc]
    """Makes jobs and definitions for the user who asks, under one of their mandates."""

    execution_manager_class = Type(
        default_value=MloExecutionManager,
        klass="jupyter_scheduler.executors.ExecutionManager",
        config=True,
        help="Runs jobs; the default one attributes them.",
    )

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        #: Jobs that were told to, and have not yet.
        self._stopping: set[str] = set()

    def create_job(self, model: CreateJob) -> Any:
        """The new job's ID; awaitable, where a user asks for it."""
        asking = _asking()
        model.output_formats = self._formats(model.output_formats)
        if asking is None:  # its definition's time has come
            whose = self._definitions().get(str(model.job_definition_id))
            with answered_by(whose):
                return super().create_job(model)
        source = self._taken(model)
        return self._made(
            asking,
            lambda: self._answerable(asking, source, model),
            lambda: super(MloScheduler, self).create_job(model),
        )

    def create_job_from_definition(
        self, job_definition_id: str, model: CreateJobFromDefinition
    ) -> Any:
        """Run it now, for whoever asks: under the definition's mandate only if it is theirs."""
        asking = _asking()
        definition = self.get_job_definition(job_definition_id)
        source = Path(self.get_staging_paths(definition)["input"])
        attributes = {
            **definition.dict(exclude={"schedule", "timezone"}, exclude_none=True),
            **model.dict(exclude_none=True),
            "input_uri": str(source),
        }
        wanted = CreateJob(**attributes)
        if asking is None:
            return self.create_job(wanted)
        wanted.output_formats = self._formats(wanted.output_formats)
        whose = self._whose(job_definition_id)
        tags = definition.tags if asking.made(whose) else None
        return self._made(
            asking,
            lambda: asking.answerable(source, wanted.parameters, tags),
            lambda: super(MloScheduler, self).create_job(wanted),
        )

    def create_job_definition(self, model: CreateJobDefinition) -> Any:
        """The new definition's ID; awaitable, where a user asks for it."""
        asking = _asking()
        model.output_formats = self._formats(model.output_formats)
        with _words():
            check_schedule(model.schedule, model.timezone)
        if asking is None:
            return super().create_job_definition(model)
        source = self._taken(model)
        return self._defined(
            asking,
            lambda: self._answerable(asking, source, model),
            lambda: str(super(MloScheduler, self).create_job_definition(model)),
            undo=lambda made: super(MloScheduler, self).delete_job_definition(made),
        )

    def update_job_definition(self, job_definition_id: str, model: UpdateJobDefinition) -> Any:
        """Change it, where it is one's own; any user may pause it."""
        asking = _asking()
        changed = model.dict(exclude_unset=True)
        if asking is None or changed == {"active": False}:
            return super().update_job_definition(job_definition_id, model)
        if not asking.made(self._whose(job_definition_id)):
            raise SchedulerError(
                "only its maker changes a job definition, signed in as when it was made; "
                "make one of your own"
            )
        known = self.get_job_definition(job_definition_id)
        self._formats(model.output_formats)
        with _words():
            check_schedule(model.schedule or known.schedule, model.timezone or known.timezone)
        source = Path(self.get_staging_paths(known)["input"])
        if model.input_uri:
            source = self._inside(model)
        parameters = known.parameters if model.parameters is None else model.parameters
        tags = known.tags if model.tags is None else model.tags

        def change() -> str:
            super(MloScheduler, self).update_job_definition(job_definition_id, model)
            return job_definition_id

        return self._defined(asking, lambda: asking.answerable(source, parameters, tags), change)

    def delete_job_definition(self, job_definition_id: str) -> None:
        """Delete it, and forget for whom it ran."""
        _asking()
        super().delete_job_definition(job_definition_id)
        self._definitions().forget(job_definition_id)

    def update_job(self, job_id: str, model: UpdateJob) -> None:
        """Call it something else."""
        _asking()
        super().update_job(job_id, model)

    def delete_job(self, job_id: str) -> None:
        """Delete it, and end it where it runs."""
        self.stop_job(job_id)
        super().delete_job(job_id)
        self._processes().over(job_id)

    def stop_job(self, job_id: str) -> None:
        """Have a job stop: it seals and records what has run, and is ended if that takes long.

        Raises:
            SchedulerError: it could not be.
        """
        _asking()
        if job_id in self._stopping:
            return
        with self.db_session() as session:
            jobs = session.query(JobRecord).filter(JobRecord.job_id == job_id)
            job = jobs.one()
            staged = Path(self.get_staging_paths(DescribeJob.from_orm(job))["input"]).parent
            begun = job.start_time is not None
            if not job.pid or (begun and Status(job.status) not in _RUNNING):
                return
            latest = job.start_time / 1000 if begun else job.create_time / 1000 + _TO_BEGIN
            try:
                with _words():
                    process = self._processes().find(job_id, job.pid, latest)
                if process is not None:
                    process.terminate()
            except psutil.NoSuchProcess:
                process = None
            except psutil.Error as error:
                raise SchedulerError(f"the job could not be stopped: {error}") from None
            jobs.update({"status": Status.STOPPED if process is None else Status.STOPPING})
            session.commit()
        if process is not None:
            self._stopping.add(job_id)
            end = threading.Thread(target=self._end, args=(job_id, process, staged), daemon=True)
            end.start()

    def _end(self, job_id: str, process: psutil.Process, staged: Path) -> None:
        try:
            wait_or_kill(process)
            self._processes().over(job_id)
            with self.db_session() as session:
                # It may have begun to run just when it was stopped.
                jobs = session.query(JobRecord).filter(JobRecord.job_id == job_id)
                jobs.filter(JobRecord.status.in_(_RUNNING)).update({"status": Status.STOPPED})
                session.commit()
                deleted = jobs.count() == 0
            if deleted:  # while it ran: what it sealed then went to the folder that was its own
                shutil.rmtree(staged, ignore_errors=True)
        finally:
            self._stopping.discard(job_id)

    async def _made(
        self, asking: _Asking, choose: Callable[[], Answerable], make: Callable[[], Any]
    ) -> Any:
        whose = await asking.in_worker(choose)
        with answered_by(whose):
            return make()

    async def _defined(
        self,
        asking: _Asking,
        choose: Callable[[], Answerable],
        make: Callable[[], str],
        undo: Callable[[str], object] = lambda definition: None,
    ) -> str:
        whose = await asking.in_worker(choose)
        definition = make()
        try:
            self._definitions().put(definition, whose)
        except (OSError, MloError) as error:
            undo(definition)  # it would run for nobody
            raise SchedulerError(
                f"for whom the job definition runs could not be written down: {error}"
            ) from None
        return definition

    def _whose(self, definition: str) -> Answerable:
        with _words():
            return self._definitions().get(definition)

    def _definitions(self) -> Definitions:
        return Definitions(load_settings())

    def _processes(self) -> Processes:
        return Processes(load_settings())

    def _formats(self, wanted: list[str] | None) -> list[str]:
        """Formats to write; raises :class:`SchedulerError` for one that nobody can."""
        with _words():
            check_formats(wanted or (), self.environments_manager.output_formats_mapping())
        return wanted or []

    def _inside(self, model: CreateJob | CreateJobDefinition | UpdateJobDefinition) -> Path:
        """The file that a user names, which the scheduler is to read as we did."""
        found = inside(self.root_dir, model.input_uri)
        model.input_uri = model.input_uri.lstrip("/")
        return found

    def _taken(self, model: CreateJob | CreateJobDefinition) -> Path:
        with _words():
            check_filename(model.input_filename)
        return self._inside(model)

    def _answerable(
        self, asking: _Asking, source: Path, model: CreateJob | CreateJobDefinition
    ) -> Answerable:
        if model.package_input_folder:
            check_folder(self.root_dir, Path(self.root_dir, model.input_uri).parent)
        return asking.answerable(source, model.parameters, model.tags)


class _Asking:
    """The user who asks for something."""

    def __init__(self, app: Any, person: Any) -> None:
        self._app = app
        now = datetime.now(UTC)
        signer = app.sessions.signer(person, now)
        #: Whether an assistant asks: with a token of its own, or in the account's session.
        self.assistant = person.assistant or app.sessions.acting_assistant(person, now) is not None
        owner = None if person.shared else str(person.username)
        self._asker = Asker(owner, None if signer is None else signer.mlo)

    def made(self, whose: Answerable) -> bool:
        """Whether that was made by this user."""
        return self._asker.is_maker(whose.owner, whose.mlo)

    def answerable(
        self, source: Path, parameters: dict[str, str] | None, tags: Sequence[str] | None
    ) -> Answerable:
        """Who is to answer for a job of theirs; raises :class:`MloError` where nobody can."""
        settings = self._app.settings
        request = asked(settings, source, parameters)
        found = answerables(settings, self._asker, tags, request)
        return settled(settings, source.parent, request, found)

    async def in_worker(self, choose: Callable[[], Answerable]) -> Answerable:
        """Beside the event loop; raises :class:`SchedulerError`, which the form shows."""
        with _words():
            found: Answerable = await self._app.in_worker(choose)
        return found


@contextmanager
def _words() -> Iterator[None]:
    """What is refused in here is said in one line, as the form shows it."""
    try:
        yield
    except MloError as error:
        said = f"{error.message}; {error.hint}" if error.hint else error.message
        raise SchedulerError(said) from None
    except OSError as error:
        raise SchedulerError(str(error)) from None


def _asking() -> _Asking | None:
    """Who asks now; None where nobody does: the scheduler's own clock.

    Raises:
        SchedulerError: an assistant, which makes and changes nothing here.
    """
    handler = CallContext.get(CallContext.JUPYTER_HANDLER)
    if handler is None:
        return None
    app = handler.settings.get("jupyter_mlo")
    if app is None:
        raise SchedulerError(
            "jupyter-mlo does nothing on this server, and nobody could answer for the job; "
            "the server's log says why"
        )
    asking = _Asking(app, app.watching.person(handler.current_user))
    if asking.assistant:
        raise SchedulerError(
            "an assistant asks, and jobs are a person's own act; whoever granted it makes, "
            "changes and ends them, in a session or with a token of their own"
        )
    return asking
