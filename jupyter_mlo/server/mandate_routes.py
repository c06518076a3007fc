"""The routes about mandates: each reads what came in, and hands on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_mlo.errors import InvalidInput, NotebookError, NotFound, Refused
from jupyter_mlo.server import answers
from jupyter_mlo.server.forms import MandateMaking, MandateRenewal, MandateRevocation, Wish
from jupyter_mlo.server.handlers import MloHandler
from jupyter_mlo.server.mandate_views import Covered, file_answer, view
from jupyter_mlo.server.reading import reason_of
from jupyter_mlo.server.who import People, refuse_assistant
from jupyter_mlo.verbs.mandate_acts import check_count

if TYPE_CHECKING:
    from jupyter_mlo.delegation.mandates import MandateFile
    from jupyter_mlo.server.mandates import Held

#: Folders within folders that are looked into, and folders altogether.
_DEEP: Final = 20
_FOLDERS: Final = 2000


class _Mandates(MloHandler):
    """Routes about the mandates of whoever asks."""

    def _view(self, held: Held) -> answers.Mandate:
        return view(held, People(self.mlo.settings), self.mlo.clock())

    def _made(self, held: Held, file: MandateFile | None) -> Any:
        said = None if file is None else file_answer(held.mandate, file)
        return answers.MadeMandate(mandate=self._view(held), file=said).model_dump()

    def _tell(self, act: str, held: Held) -> None:
        mandate = held.mandate
        self.mlo.act(
            act,
            mlo=mandate.mlo,
            detail=f"{mandate.mandate_id[:12]} {mandate.notebook}",
            users=frozenset({self.person.username}),
        )

    async def _covered(self, wish: Wish) -> Covered:
        """What a wish comes to, of notebooks that this user may read."""
        await self.may("read", "contents")
        found = await self._notebooks(wish.paths)
        covered: Covered = await self.mlo.in_worker(lambda: Covered(wish, found))
        return covered

    async def _notebooks(self, paths: list[str]) -> list[tuple[str, Mapping[str, Any]]]:
        """Path → content, of the notebooks that were named and those in folders, in order."""
        named: dict[str, None] = {}
        folders = [0]
        for path in paths:
            inside = await self._inside(path.strip("/"), folders)
            if not inside:
                raise InvalidInput(f"there is no notebook in {path[:200]}", hint="name one")
            named.update(dict.fromkeys(inside))
            check_count(len(named))
        return [(path, await self.content_of(path)) for path in named]

    async def _inside(self, path: str, folders: list[int], deep: int = 0) -> list[str]:
        """The notebooks of a folder and those below it; a notebook is all that is in itself."""
        contents: Any = self.contents_manager
        if path.endswith(".ipynb") and not await ensure_async(contents.dir_exists(path)):
            return [path]
        folders[0] += 1
        if deep > _DEEP or folders[0] > _FOLDERS:
            raise InvalidInput("there are too many folders in it", hint="name the notebooks")
        try:
            model = await ensure_async(contents.get(path, content=True, type="directory"))
        except web.HTTPError as error:
            kind = NotFound if error.status_code == 404 else NotebookError
            raise kind(
                f"{path[:200]} cannot be read: {reason_of(error)}",
                hint="name notebooks, or folders, below the server's root",
            ) from None
        except UnicodeError:
            raise NotebookError("a path is no text", hint="name a notebook") from None
        found: list[str] = []
        for one in sorted(model["content"], key=lambda one: str(one["path"])):
            if one["type"] == "notebook":
                found.append(str(one["path"]).strip("/"))
                check_count(len(found))
            elif one["type"] == "directory" and one["name"] != ".ipynb_checkpoints":
                found += await self._inside(str(one["path"]).strip("/"), folders, deep + 1)
        return found


class MandatesHandler(_Mandates):
    """Your mandates."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """All of them, and how each stands."""
        app, person = self.mlo, self.person

        def read() -> Any:
            held, problems = app.mandates.of(person)
            people, now = People(app.settings), app.clock()
            shown = [view(one, people, now) for one in held]
            return answers.Mandates(mandates=shown, problems=problems).model_dump()

        await self.answer(lambda: app.in_worker(read))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Make the one that the preview has shown; its file is in the answer, unless it is kept."""
        app, person = self.mlo, self.person

        async def work() -> Any:
            refuse_assistant(person, self.acting_assistant)
            form = self.read_body(MandateMaking)
            if form.handover == "download":
                self.only_unheard()
            covered = await self._covered(form.wish)
            if covered.shown != form.shown:
                raise Refused(
                    "a notebook was changed since the mandate was shown, or is another",
                    hint="look at it again, and make it then",
                )
            secret = form.passphrase.get_secret_value()
            held, file = await app.in_worker(
                lambda: app.mandates.made(person, covered.terms, secret, form.handover)
            )
            self._tell("mandate", held)
            return await app.in_worker(lambda: self._made(held, file))

        await self.answer(work)


class MandatePreviewHandler(_Mandates):
    """Before it is signed."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """What a mandate would permit, of the notebooks as they are now; nothing is made."""

        async def work() -> Any:
            refuse_assistant(self.person, self.acting_assistant)
            covered = await self._covered(self.read_body(Wish))
            return (await self.mlo.in_worker(covered.preview)).model_dump()

        await self.answer(work)


class MandateHandler(_Mandates):
    """One mandate."""

    @web.authenticated
    @authorized
    async def get(self, mandate_id: str) -> None:
        """What it permits, and how it stands; nobody is told of another's."""
        app, person = self.mlo, self.person
        await self.answer(
            lambda: app.in_worker(
                lambda: self._view(app.mandates.one(person, mandate_id)).model_dump()
            )
        )


class MandateRenewHandler(_Mandates):
    """Before it ends."""

    @web.authenticated
    @authorized
    async def post(self, mandate_id: str) -> None:
        """The same again with a new end, for the same hands; the old one goes on until its own."""
        app, person = self.mlo, self.person

        async def work() -> Any:
            form = self.read_body(MandateRenewal)
            old = await app.in_worker(lambda: app.mandates.one(person, mandate_id))
            if not (old.mandate.runner or old.kept):
                self.only_unheard()
            lasts, secret = timedelta(hours=form.hours), form.passphrase.get_secret_value()
            held, file = await app.in_worker(
                lambda: app.mandates.renewed(person, mandate_id, lasts, secret)
            )
            self._tell("mandate-renewal", held)
            return await app.in_worker(lambda: self._made(held, file))

        await self.answer(work)


class MandateRevokeHandler(_Mandates):
    """Taking it back."""

    @web.authenticated
    @authorized
    async def post(self, mandate_id: str) -> None:
        """It ends now, for runs that see this server's home or its ledger."""
        app, person = self.mlo, self.person

        async def work() -> Any:
            form = self.read_body(MandateRevocation)
            secret = form.passphrase.get_secret_value()
            held, ended = await app.in_worker(
                lambda: app.mandates.revoked(person, mandate_id, form.reason, secret)
            )
            if ended:
                self._tell("mandate-revocation", held)
            return (await app.in_worker(lambda: self._view(held))).model_dump()

        await self.answer(work)


_ID: Final = "([0-9a-f]{64})"
MANDATE_ROUTES: list[tuple[str, type[MloHandler]]] = [
    (r"/jupyter-mlo/mandates", MandatesHandler),
    (r"/jupyter-mlo/mandates/preview", MandatePreviewHandler),
    (rf"/jupyter-mlo/mandates/{_ID}", MandateHandler),
    (rf"/jupyter-mlo/mandates/{_ID}/renew", MandateRenewHandler),
    (rf"/jupyter-mlo/mandates/{_ID}/revoke", MandateRevokeHandler),
]
