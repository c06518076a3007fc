"""The routes below ``/jupyter-mlo/``: each reads what came in, and hands on to a use case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jupyter_server.auth.decorator import authorized
from pydantic import BaseModel
from tornado import web

from jupyter_mlo.delegation.roles import JUDGED
from jupyter_mlo.errors import InvalidInput, NotFound
from jupyter_mlo.server.assistants import Assistants
from jupyter_mlo.server.forms import (
    Acting,
    Admitting,
    Enrolling,
    KeyBackup,
    Login,
    Renewal,
    Sealing,
)
from jupyter_mlo.server.handlers import MloHandler
from jupyter_mlo.server.mandate_routes import MANDATE_ROUTES
from jupyter_mlo.server.notebooks import Reader
from jupyter_mlo.server.who import Desk, refuse_assistant


class _Who(MloHandler):
    """Routes about the person who asks."""

    async def _at_desk(self, act: Callable[[Desk], BaseModel]) -> Any:
        app = self.mlo
        desk = Desk(app.settings, app.sessions, app.clock, app.hooked, app.problems)
        found = await app.in_worker(lambda: act(desk))
        return found.model_dump()

    async def _acts(self, act: str, work: Callable[[Desk], BaseModel]) -> Any:
        before = self.mlo.sessions.signer(self.person, self.mlo.clock())
        if before is not None:
            self.mlo.chains.keep(before)
        found = await self._at_desk(work)
        now, was = found["mlo"], None if before is None else before.mlo
        if now is not None or was is not None:  # whoever signs out does it as who they were
            mine = frozenset({self.person.username})
            self.mlo.act(act, mlo=was if now is None else now["id"], users=mine)
        return found


class MeHandler(_Who):
    """Who you are."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Who this user is here."""
        person = self.person
        if self.get_query_argument("panel", "") == "1":
            self.mlo.watching.has_panel(person)
        await self.answer(lambda: self._at_desk(lambda desk: desk.me(person)))


class LoginHandler(_Who):
    """Sign in."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Open a session."""
        person = self.person

        async def work() -> Any:
            form = self.read_body(Login)
            return await self._acts("login", lambda desk: desk.log_in(person, form))

        await self.answer(work)


class RenewHandler(_Who):
    """Stay signed in."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """A new session like the one that is open."""
        person = self.person

        async def work() -> Any:
            form = self.read_body(Renewal)
            return await self._acts("renewal", lambda desk: desk.renew(person, form))

        await self.answer(work)


class LogoutHandler(_Who):
    """Sign out."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """End the session."""
        person = self.person
        await self.answer(lambda: self._acts("logout", lambda desk: desk.log_out(person)))


class EnrolHandler(_Who):
    """Become an MLO."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Make an MLO, and sign in as it."""
        person = self.person

        async def work() -> Any:
            form = self.read_body(Enrolling)
            return await self._acts("enrolment", lambda desk: desk.enrol(person, form))

        await self.answer(work)


class BackupHandler(_Who):
    """Your key, to take along."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """The back-up of the signed-in MLO's key, encrypted: what jupyter mlo key backup writes."""
        person = self.person

        async def work() -> Any:
            self.only_unheard()
            form = self.read_body(KeyBackup)
            return await self._at_desk(lambda desk: desk.back_up(person, form))

        await self.answer(work)


class SessionHandler(_Who):
    """What you are doing."""

    @web.authenticated
    @authorized
    async def patch(self) -> None:
        """Say what the session is for from now on."""
        person = self.person

        async def work() -> Any:
            form = self.read_body(Acting)
            return await self._acts("activity", lambda desk: desk.act(person, form))

        await self.answer(work)


class AssistantsHandler(_Who):
    """Assistants that act on this server under grants."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Who is let in now."""
        await self.answer(lambda: self._at_desk(lambda desk: desk.assistants(self._admitted.all())))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """A token for an assistant, shown once."""
        person, user = self.person, self.current_user

        async def work() -> Any:
            refuse_assistant(person, self.acting_assistant)
            grant = self.read_body(Admitting).grant
            token, admitted = await self.mlo.in_worker(lambda: self._admitted.admit(grant, user))
            self.mlo.act("assistant", mlo=admitted.signer.mlo, detail=admitted.user.grant)
            return await self._at_desk(lambda desk: desk.token(token, admitted))

        await self.answer(work)

    @property
    def _admitted(self) -> Assistants:
        return self.mlo.assistants


class AssistantHandler(_Who):
    """One assistant."""

    @web.authenticated
    @authorized
    async def delete(self, username: str) -> None:
        """Its token counts no more; an assistant may end its own only."""
        person = self.person

        async def work() -> Any:
            if person.username != username:
                refuse_assistant(person)
            assistants = self.mlo.assistants
            if not assistants.dismiss(username):
                raise NotFound(f"no assistant {username!r} is let in", hint="GET lists them")
            return await self._at_desk(lambda desk: desk.assistants(assistants.all()))

        await self.answer(work)


class _Notebooks(MloHandler):
    """Routes about a notebook, which the user must be allowed to read."""

    def _reader(self) -> Reader:
        return Reader(self.mlo.settings, self.mlo.clock)

    def _path(self) -> str:
        path = self.get_query_argument("path", "")
        if not path.strip("/"):
            raise InvalidInput("no notebook was named", hint="?path=folder/notebook.ipynb")
        return path

    async def _of_notebook(
        self, work: Callable[[Reader, str, Mapping[str, Any]], BaseModel]
    ) -> Any:
        path = await self.may_read(self._path())
        content = await self.content_of(path)
        reader = self._reader()
        return (await self.mlo.in_worker(lambda: work(reader, path, content))).model_dump()


class NotebookHandler(_Notebooks):
    """A notebook's verdict."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """What verifying finds, of the notebook as it is on disk."""

        async def work() -> Any:
            path = await self.may_read(self._path())
            read, reader = await self.file_at(path), self._reader()
            found = await self.mlo.in_worker(
                lambda: reader.verdict(path, read.content, read.modified)
            )
            return found.model_dump()

        await self.answer(work)


class ChangesHandler(_Notebooks):
    """What a person should see before sealing."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """What changed since the last seal with a meaning."""
        await self.answer(
            lambda: self._of_notebook(lambda reader, path, value: reader.changes(path, value))
        )


class HistoryHandler(_Notebooks):
    """Seals and runs."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Statements of the ledger about the notebook, newest first."""
        text = self.get_query_argument("before", "")

        async def work() -> Any:
            if text and not (text.isdecimal() and len(text) < 19):
                raise InvalidInput("before is no index of an entry", hint="before=120")
            before = int(text) if text else None
            return await self._of_notebook(
                lambda reader, path, value: reader.history(path, value, before)
            )

        await self.answer(work)


class MetadataHandler(_Notebooks):
    """What a save has written into the notebook, for the document that is open."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """``metadata.mlo`` of the notebook and of its cells, by id."""

        async def work() -> Any:
            path = await self.may_read(self._path())
            return self.mlo.hook.written(path).model_dump()

        await self.answer(work)


class SealHandler(_Notebooks):
    """Say something about a notebook."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """The next save by this user, within a minute, seals with this meaning."""
        person = self.person

        async def work() -> Any:
            form = self.read_body(Sealing)
            if form.meaning in JUDGED:
                refuse_assistant(person, self.acting_assistant)
            path = await self.may_write(form.path)
            return self.mlo.hook.intend(person, path, form.meaning, form.shown).model_dump()

        await self.answer(work)


class StatementHandler(_Notebooks):
    """One statement."""

    @web.authenticated
    @authorized
    async def get(self, statement_id: str) -> None:
        """The statement, the chain behind it, its receipt, and a bundle to download."""
        reader = self._reader()
        path = self.get_query_argument("path", "")

        async def work() -> Any:
            content = None
            await self.may_read(path)
            if path.strip("/"):
                content = await self.content_of(path.strip("/"))
            found = await self.mlo.in_worker(lambda: reader.statement(statement_id, content))
            return found.model_dump()

        await self.answer(work)


class MarksHandler(_Notebooks):
    """Who ran what at a kernel."""

    @web.authenticated
    @authorized
    async def get(self, kernel_id: str) -> None:
        """The last execution of each cell that was asked for at this kernel."""
        reader, seen = self._reader(), self.mlo.marks(kernel_id)

        async def work() -> Any:
            await self.may("read", "kernels")
            return (await self.mlo.in_worker(lambda: reader.marks(kernel_id, seen))).model_dump()

        await self.answer(work)


ROUTES: list[tuple[str, type[MloHandler]]] = [
    (r"/jupyter-mlo/me", MeHandler),
    (r"/jupyter-mlo/login", LoginHandler),
    (r"/jupyter-mlo/renew", RenewHandler),
    (r"/jupyter-mlo/logout", LogoutHandler),
    (r"/jupyter-mlo/enroll", EnrolHandler),
    (r"/jupyter-mlo/key/backup", BackupHandler),
    (r"/jupyter-mlo/session", SessionHandler),
    (r"/jupyter-mlo/assistants", AssistantsHandler),
    (r"/jupyter-mlo/assistants/(mlo-assistant-[0-9a-f]{16})", AssistantHandler),
    *MANDATE_ROUTES,
    (r"/jupyter-mlo/notebook", NotebookHandler),
    (r"/jupyter-mlo/notebook/changes", ChangesHandler),
    (r"/jupyter-mlo/notebook/history", HistoryHandler),
    (r"/jupyter-mlo/notebook/metadata", MetadataHandler),
    (r"/jupyter-mlo/notebook/seal", SealHandler),
    (r"/jupyter-mlo/statement/([0-9a-f]{64})", StatementHandler),
    (r"/jupyter-mlo/kernels/([0-9a-f-]{36})/marks", MarksHandler),
]
