"""Notebooks as they stand in files, read through a contents manager: never outside its root.

Read as files. A contents manager that is asked for a notebook and finds half of one takes it for a
write that was cut short, and puts what was there before in its place, though it is being written.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http.client import responses
from typing import TYPE_CHECKING, Any, Final

from jupyter_core.utils import ensure_async
from tornado import web

from jupyter_mlo.errors import MloError, NotebookError, NotFound

if TYPE_CHECKING:
    from jupyter_mlo.server.app import MloApp

#: How often a notebook is read that is written meanwhile, and seconds between the times.
_READS: Final = 10
_PAUSE: Final = 0.1


@dataclass(frozen=True)
class Read:
    """A notebook that was read."""

    content: Mapping[str, Any]
    #: When its file was last written, as the contents manager says.
    modified: datetime | None


async def notebook_at(path: str, contents: Any, app: MloApp) -> Read:
    """The notebook in a file, upgraded to format 4 where it is older.

    Args:
        path: from the server's root, as Jupyter has it.

    Raises:
        NotFound: there is none.
        NotebookError: it cannot be read.
    """
    problem: MloError | None = None
    content: Mapping[str, Any] | None = None
    modified: datetime | None = None
    for _ in range(_READS):
        await app.hook.at_rest(path)
        writes = app.hook.writes
        text, modified = await _text(path, contents)
        try:
            content, problem = await app.in_worker(partial(_notebook, path, text)), None
        except NotebookError as error:
            content, problem = None, error
            await asyncio.sleep(_PAUSE)  # somebody may be writing it past this server
            continue
        if app.hook.writes == writes:
            break
    if content is None:
        assert problem is not None
        raise problem
    return Read(content, modified)


def reason_of(error: web.HTTPError) -> str:
    """Why a contents manager refused, without the file's place on the server and what is in it."""
    return error.reason or responses.get(error.status_code, str(error.status_code))


async def _text(path: str, contents: Any) -> tuple[str, datetime | None]:
    try:
        model = await ensure_async(contents.get(path, content=True, type="file", format="text"))
    except web.HTTPError as error:
        kind = NotFound if error.status_code == 404 else NotebookError
        raise kind(
            f"{path[:200]} cannot be read: {reason_of(error)}",
            hint="name a notebook below the server's root",
        ) from None
    except UnicodeError:
        raise NotebookError(f"{path} is no text", hint="name a notebook") from None
    text = model.get("content")
    if not isinstance(text, str):
        raise NotebookError(f"{path} is no notebook", hint="name a notebook")
    modified = model.get("last_modified")
    aware = isinstance(modified, datetime) and modified.utcoffset() is not None
    return text, modified if aware else None


def _notebook(path: str, text: str) -> Mapping[str, Any]:
    import nbformat

    reads: Any = nbformat.reads
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = reads(text, as_version=4)
    except Exception:  # it trusts what it reads, and its own words repeat that
        raise NotebookError(
            f"{path[:200]} is no notebook that can be read",
            hint="open it in Jupyter, mend it, save it",
        ) from None
    if not isinstance(content, Mapping):
        raise NotebookError(f"{path} is no notebook", hint="name a notebook")
    return content
