"""What all routes have in common: who may, what comes in, and how errors go out.

The one mapping from our errors to HTTP's is here.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, TypeVar

from jupyter_core.utils import ensure_async
from jupyter_server.base.handlers import APIHandler
from pydantic import BaseModel, ValidationError
from tornado import web

from jupyter_mlo.errors import (
    InvalidInput,
    KeyFileError,
    LedgerError,
    MloError,
    NotebookError,
    NotFound,
    PassphraseUnavailable,
    Refused,
    SessionError,
    WrongPassphrase,
)
from jupyter_mlo.server.reading import Read, notebook_at

if TYPE_CHECKING:
    from jupyter_mlo.server.app import MloApp
    from jupyter_mlo.server.people import Person

Model = TypeVar("Model", bound=BaseModel)
#: The largest body of a request, in bytes: nobody sends notebooks here.
MAX_BODY: Final = 64 * 1024
#: The first that fits counts.
STATUSES: Final[tuple[tuple[type[MloError], int, str], ...]] = (
    (WrongPassphrase, 403, "wrong-passphrase"),
    (PassphraseUnavailable, 400, "passphrase"),
    (SessionError, 409, "session"),
    (NotFound, 404, "not-found"),
    (Refused, 403, "refused"),
    (InvalidInput, 400, "invalid"),
    (NotebookError, 422, "notebook"),
    (KeyFileError, 409, "key-file"),
    (LedgerError, 503, "ledger"),
    (MloError, 500, "error"),
)


class MloHandler(APIHandler):
    """A route of ours. Authenticated, authorised for the resource ``mlo``, bounded."""

    auth_resource = "mlo"

    @property
    def mlo(self) -> MloApp:
        """What this server shares."""
        found: MloApp = self.settings["jupyter_mlo"]
        return found

    @property
    def person(self) -> Person:
        """Who asks."""
        return self.mlo.watching.person(self.current_user)

    @property
    def acting_assistant(self) -> str | None:
        """MLO ID of the assistant whose session the asker's is, if it is one's."""
        return self.mlo.sessions.acting_assistant(self.person, self.mlo.clock())

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Errors that are not ours, in the form of ours."""
        error = kwargs.get("exc_info", (None, None))[1]
        message = "the request cannot be answered"
        if isinstance(error, web.HTTPError):
            message = str(error.log_message or error.reason or message)
        self._answer_error(status_code, message, "", "http")

    async def answer(self, work: Callable[[], Awaitable[Any]]) -> None:
        """Send what ``work`` returns as JSON, or the error that it raises."""
        try:
            found = await work()
        except MloError as error:
            status, reason = next(
                (status, reason) for kind, status, reason in STATUSES if isinstance(error, kind)
            )
            self._answer_error(status, error.message, error.hint, reason)
            return
        self._answer(200, found)

    def read_body(self, form: type[Model]) -> Model:
        """The request's body; raises :class:`InvalidInput`, naming the first wrong member."""
        if len(self.request.body) > MAX_BODY:
            raise InvalidInput("the request is too long", hint=f"at most {MAX_BODY} bytes")
        try:
            return form.model_validate_json(self.request.body or b"{}")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "the body"
            raise InvalidInput(f"{place}: {first['msg']}", hint="see openapi.json") from None

    def only_unheard(self) -> None:
        """Raises :class:`Refused` where others could read the answer, and the request, on its way.

        With the passphrase of the one and the encrypted key of the other they had the key.
        """
        try:
            near = ip_address(str(self.request.remote_ip)).is_loopback
        except ValueError:
            near = False  # a name, or a socket of the file system behind an unknown proxy
        if self.request.protocol != "https" and not near:
            raise Refused(
                "a key does not leave this server without HTTPS",
                hint="in a terminal of the server: jupyter mlo key backup FILE",
            )

    async def may_read(self, path: str) -> str:
        """The path of a notebook that this user may read; raises HTTP 403."""
        await self.may("read", "contents")
        return path.strip("/")

    async def may_write(self, path: str) -> str:
        """The path of a notebook that this user may change; raises HTTP 403."""
        await self.may("write", "contents")
        return path.strip("/")

    async def content_of(self, path: str) -> Mapping[str, Any]:
        """The notebook in a file; see :func:`~jupyter_mlo.server.reading.notebook_at`."""
        return (await self.file_at(path)).content

    async def file_at(self, path: str) -> Read:
        """The same, with what is known of the file."""
        return await notebook_at(path, self.contents_manager, self.mlo)

    async def may(self, action: str, resource: str) -> None:
        """Raises HTTP 403 where this user may not do this to one of Jupyter's own resources."""
        user = self.current_user
        if not await ensure_async(self.authorizer.is_authorized(self, user, action, resource)):
            raise web.HTTPError(403, f"you may not {action} {resource} here")

    def _answer(self, status: int, value: Any) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(value, ensure_ascii=True))

    def _answer_error(self, status: int, message: str, hint: str, reason: str) -> None:
        self._answer(status, {"message": message, "hint": hint, "reason": reason})
