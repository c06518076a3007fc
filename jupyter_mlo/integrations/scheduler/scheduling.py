"""jupyter-scheduler's own scheduler, which knows for whom a job is made.

The user is the one whom the server authenticated for the request. Jobs of a definition run for
whoever made the definition; a user who runs or changes another's does it for themselves, or not at
all.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil
from jupyter_scheduler.exceptions import InputUriError, SchedulerError
from jupyter_scheduler.models import (
    CreateJob,
    CreateJobDefinition,
    CreateJobFromDefinition,
    Status,
    UpdateJobDefinition,
)
from jupyter_scheduler.orm import Job as JobRecord
from jupyter_scheduler.scheduler import Scheduler
from jupyter_server.base.call_context import CallContext
from traitlets import Type

from jupyter_mlo.config import load_settings
from jupyter_mlo.errors import MloError, Refused
from jupyter_mlo.integrations.scheduler.answering import Answerable, Definitions, answerable
from jupyter_mlo.integrations.scheduler.executing import (
    MloExecutionManager,
    answered_by,
    asked,
    check,
)

#: Seconds that a stopped job has to seal and record what it did.
_GRACE: Final = 20.0


class MloScheduler(Scheduler):  # type: ignore[misc]
    """Makes jobs and definitions for the user who asks, under one of their mandates."""

    execution_manager_class = Type(
        default_value=MloExecutionManager,
        klass="jupyter_scheduler.executors.ExecutionManager",
        config=True,
        help="Runs jobs; the default one attributes them.",
    )

    def create_job(self, model: CreateJob) -> Any:
        """The new job's ID; awaitable, where a user asks for it."""
        asking = _asking()
        if asking is None:  # its definition's time has come
            whose = self._definitions().get(str(model.job_definition_id))
            with answered_by(whose):
                return super().create_job(model)
        source = self._inside(model.input_uri)
        return self._made(
            asking,
            lambda: asking.answerable(source, model.parameters, model.tags),
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
        whose = self._whose(job_definition_id)
        tags = definition.tags if asking.is_of(whose) else None
        return self._made(
            asking,
            lambda: asking.answerable(source, wanted.parameters, tags),
            lambda: super(MloScheduler, self).create_job(wanted),
        )

    def create_job_definition(self, model: CreateJobDefinition) -> Any:
        """The new definition's ID; awaitable, where a user asks for it."""
        asking = _asking()
        if asking is None:
            return super().create_job_definition(model)
        source = self._inside(model.input_uri)
        return self._defined(
            asking,
            lambda: asking.answerable(source, model.parameters, model.tags),
            lambda: str(super(MloScheduler, self).create_job_definition(model)),
        )

    def update_job_definition(self, job_definition_id: str, model: UpdateJobDefinition) -> Any:
        """Change it, where it is one's own or nobody's; anybody may pause it."""
        asking = _asking()
        changed = model.dict(exclude_unset=True)
        if asking is None or changed == {"active": False}:
            return super().update_job_definition(job_definition_id, model)
        whose = self._whose(job_definition_id)
        if whose.somebody and not asking.is_of(whose):
            raise SchedulerError(
                "this job definition runs for another user, who alone may change it; "
                "make one of your own"
            )
        known = self.get_job_definition(job_definition_id)
        source = Path(self.get_staging_paths(known)["input"])
        if model.input_uri:
            source = self._inside(model.input_uri)
        parameters = known.parameters if model.parameters is None else model.parameters
        tags = known.tags if model.tags is None else model.tags

        def change() -> str:
            super(MloScheduler, self).update_job_definition(job_definition_id, model)
            return job_definition_id

        return self._defined(asking, lambda: asking.answerable(source, parameters, tags), change)

    def delete_job_definition(self, job_definition_id: str) -> None:
        """Delete it, and forget for whom it ran."""
        super().delete_job_definition(job_definition_id)
        self._definitions().forget(job_definition_id)

    def stop_job(self, job_id: str) -> None:
        """Have a job stop: it seals and records what has run, and is ended if that takes long."""
        with self.db_session() as session:
            jobs = session.query(JobRecord).filter(JobRecord.job_id == job_id)
            pid, status = jobs.one().pid, Status(jobs.one().status)
            if not pid or status != Status.IN_PROGRESS:
                return
            children = [one for one in psutil.Process().children() if one.pid == pid]
            jobs.update({"status": Status.STOPPING if children else Status.STOPPED})
            session.commit()
        for child in children:
            child.terminate()
            threading.Thread(target=self._end, args=(job_id, child), daemon=True).start()

    def _end(self, job_id: str, child: psutil.Process) -> None:
        try:
            child.wait(_GRACE)
        except psutil.TimeoutExpired:
            for one in [*child.children(recursive=True), child]:
                one.kill()
        with self.db_session() as session:
            session.query(JobRecord).filter(
                JobRecord.job_id == job_id, JobRecord.status == Status.STOPPING
            ).update({"status": Status.STOPPED})
            session.commit()

    async def _made(
        self, asking: _Asking, choose: Callable[[], Answerable], make: Callable[[], Any]
    ) -> Any:
        whose = await asking.in_worker(choose)
        with answered_by(whose):
            return make()

    async def _defined(
        self, asking: _Asking, choose: Callable[[], Answerable], make: Callable[[], str]
    ) -> str:
        whose = await asking.in_worker(choose)
        definition = make()
        self._definitions().put(definition, whose)
        return definition

    def _whose(self, definition: str) -> Answerable:
        try:
            return self._definitions().get(definition)
        except MloError as error:
            raise _said(error) from None

    def _definitions(self) -> Definitions:
        return Definitions(load_settings())

    def _inside(self, uri: str) -> Path:
        """A file that a user names; raises :class:`SchedulerError` outside the server's root."""
        root = os.path.realpath(self.root_dir)
        path = os.path.realpath(os.path.join(root, uri.lstrip("/")))
        if os.path.commonpath([root, path]) != root or not os.path.isfile(path):
            raise _NotThere(uri)
        return Path(path)


class _NotThere(InputUriError, SchedulerError):  # type: ignore[misc]
    """Changing a definition knows only the second, creating shows the words of both."""


class _Asking:
    """The user who asks for something."""

    def __init__(self, app: Any, person: Any) -> None:
        self._app = app
        self._person = person

    @property
    def owner(self) -> str | None:
        """Whose mandates may be taken; None for the account's."""
        return None if self._person.shared else str(self._person.username)

    def is_of(self, whose: Answerable) -> bool:
        """Whether that is this user."""
        return whose.somebody and whose.owner == self.owner

    def answerable(
        self, source: Path, parameters: dict[str, str] | None, tags: Sequence[str] | None
    ) -> Answerable:
        """Who is to answer for a job of theirs; raises :class:`MloError` where nobody can."""
        if self._person.assistant:
            raise Refused(
                f"{self._person.username} is an assistant: a job is a person's own act",
                hint="whoever granted it makes the job, with a token of their own",
            )
        app = self._app
        now = datetime.now(UTC)
        request = asked(app.settings, source, parameters)
        whose = answerable(
            app.settings,
            self.owner,
            tags,
            request,
            here=app.sessions.signer(self._person, now) is not None,
        )
        check(app.settings, source.parent, request, whose)
        return whose

    async def in_worker(self, choose: Callable[[], Answerable]) -> Answerable:
        """Beside the event loop; raises :class:`SchedulerError`, which the form shows."""
        try:
            found: Answerable = await self._app.in_worker(choose)
        except MloError as error:
            raise _said(error) from None
        except OSError as error:
            raise SchedulerError(str(error)) from None
        return found


def _said(error: MloError) -> SchedulerError:
    """In one line, as the form shows it."""
    return SchedulerError(f"{error.message}; {error.hint}" if error.hint else error.message)


def _asking() -> _Asking | None:
    """Who asks now; None where nobody does: the scheduler's own clock."""
    handler = CallContext.get(CallContext.JUPYTER_HANDLER)
    if handler is None:
        return None
    app = handler.settings.get("jupyter_mlo")
    if app is None:
        raise SchedulerError(
            "jupyter-mlo does nothing on this server, and nobody could answer for the job; "
            "the server's log says why"
        )
    return _Asking(app, app.watching.person(handler.current_user))
