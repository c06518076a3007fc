"""Jupyter's own sessions, and who made or changed each: it keeps no note of that.

What fails here is logged, once, and Jupyter does what it was asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from jupyter_mlo.server.whereabouts import JupyterSession, Whereabouts

if TYPE_CHECKING:
    from jupyter_mlo.server.watching import Watching

_COLUMNS = "session_id, path, type, kernel_id"


class SessionTable:
    """The table of a server's session manager."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    def at_kernel(self, kernel: str) -> list[JupyterSession]:
        """The sessions of a kernel."""
        return self._where("kernel_id", kernel)

    def session(self, session: str) -> JupyterSession | None:
        """One session."""
        found = self._where("session_id", session)
        return found[0] if len(found) == 1 else None

    def _where(self, column: str, value: str) -> list[JupyterSession]:
        """None from a session manager that has another table."""
        try:
            asked = self._manager.connection.execute(
                f"SELECT {_COLUMNS} FROM session WHERE {column}=?",
                (value,),
            )
            return [JupyterSession(*map(str, row)) for row in asked.fetchall()]
        except Exception:
            return []


def watch_sessions(manager: Any, whereabouts: Whereabouts, watching: Watching) -> None:
    """Note from now on who makes or changes a session."""
    table = SessionTable(manager)

    def note(session: str) -> None:
        found, user = table.session(session), _user(watching)
        if found is not None and user is not None:
            whereabouts.left(user, found)

    def noting(act: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def noted(session_id: str, *rest: Any, **named: Any) -> Any:
            done = await act(session_id, *rest, **named)
            try:
                note(str(session_id))
            except Exception:
                watching.failed("note who changed a Jupyter session")
            return done

        return noted

    manager.save_session = noting(manager.save_session)
    manager.update_session = noting(manager.update_session)


def watch_renames(contents: Any, whereabouts: Whereabouts) -> None:
    """Follow what a contents manager renames from now on."""
    rename = contents.rename

    async def later(done: Awaitable[Any], before: str, after: str) -> None:
        await done
        whereabouts.renamed(before, after)

    def followed(before: str, after: str) -> Any:
        done = rename(before, after)
        if inspect.isawaitable(done):
            return later(done, before, after)
        whereabouts.renamed(before, after)
        return done

    contents.rename = followed


def _user(watching: Watching) -> str | None:
    """Whose request is being answered; None where it is nobody's."""
    from jupyter_server import CallContext

    handler = CallContext.get(CallContext.JUPYTER_HANDLER)
    if handler is None or handler._finished or handler.current_user is None:
        return None
    return watching.person(handler.current_user).account
