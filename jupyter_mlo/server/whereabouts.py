"""In which notebook each execution of this server was asked for.

Jupyter's sessions say which kernel serves which notebook, and every user of a server can change
each of them. So a user's execution is where that user's own sessions say; of those who opened none
at a kernel, where its one session was when they first came to it. What others do to sessions
afterwards moves nobody's executions. Renaming a notebook does: it is the same notebook.

Where a kernel serves more than one notebook, nobody can tell.

Nor do records say that a cell was run again after its kernel was started anew, as they know kernels
by their processes. Who asked for it last in its notebook is known here.
"""

from __future__ import annotations

import posixpath
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

#: Executions that are remembered.
_EXECUTIONS = 20_000
#: Users, and of each the sessions and kernels that are remembered.
_USERS, _EACH = 10_000, 1_000
#: Before the paths of documents that jupyter-collaboration keeps.
_TOGETHER = "RTC:"


@dataclass(frozen=True)
class JupyterSession:
    """One of Jupyter's own sessions, as it is at a time."""

    id: str
    path: str
    type: str
    kernel: str


@dataclass(eq=False)
class _Place:
    """A notebook, wherever it goes."""

    path: str


class _User:
    """What is known of one: others cannot have it forgotten."""

    def __init__(self) -> None:
        #: Sessions as this user has left them, and their notebooks.
        self.own: OrderedDict[str, tuple[JupyterSession, _Place]] = OrderedDict()
        #: Kernel → the notebook that it served when this user came, if it was one.
        self.came: OrderedDict[str, _Place | None] = OrderedDict()


class Whereabouts:
    """On the event loop only. Users are told apart by whatever name the server gives them."""

    def __init__(self, sessions_at: Callable[[str], Sequence[JupyterSession]]) -> None:
        """Nothing is known yet.

        Args:
            sessions_at: the sessions of a kernel now.
        """
        self._sessions_at = sessions_at
        self._users: OrderedDict[str, _User] = OrderedDict()
        self._places: OrderedDict[str, _Place] = OrderedDict()
        #: Notebook, cell and source → the execution that was asked for last.
        self._last: OrderedDict[tuple[str, str, bytes], str] = OrderedDict()
        #: Executions after which the same was asked for again.
        self._over: OrderedDict[str, None] = OrderedDict()

    def left(self, user: str, session: JupyterSession) -> None:
        """A user has made or changed a session: it is so for what that user runs, and has run."""
        own = self._user(user).own
        _, place = own.pop(session.id, (None, _Place("")))
        place.path = _plain(session.path)
        _keep(own, session.id, (session, place), _EACH)

    def comes(self, user: str, kernel: str) -> None:
        """A user connects to a kernel."""
        came = self._user(user).came
        if kernel not in came:
            found = [one for one in self._sessions_at(kernel) if one.type == "notebook"]
            place = _Place(_plain(found[0].path)) if len(found) == 1 else None
            _keep(came, kernel, place, _EACH)

    def renamed(self, before: str, after: str) -> None:
        """The server has renamed a file or a folder."""
        before, after = _plain(before), _plain(after)
        places = {*self._places.values()}
        for user in self._users.values():
            places |= {place for _, place in user.own.values()}
            places |= {place for place in user.came.values() if place is not None}
        for place in places:
            place.path = _moved(place.path, before, after)
        self._last = OrderedDict(
            ((_moved(path, before, after), cell, source), execution)
            for (path, cell, source), execution in self._last.items()
        )

    def began(
        self, execution: str, user: str, kernel: str, cell: str | None, source: bytes
    ) -> None:
        """An execution that a user has asked for has begun at a kernel.

        Args:
            source: whatever tells sources apart.
        """
        place = self._place(user, kernel)
        if place is None:
            return
        _keep(self._places, execution, place, _EXECUTIONS)
        if cell is not None:
            what = place.path, cell, source
            before = self._last.pop(what, None)
            _keep(self._last, what, execution, _EXECUTIONS)
            if before is not None:
                _keep(self._over, before, None, _EXECUTIONS)

    def _place(self, user: str, kernel: str) -> _Place | None:
        known = self._user(user)
        own = [one for one in known.own.values() if one[0].kernel == kernel]
        if own:
            notebooks = [place for session, place in own if session.type == "notebook"]
            return notebooks[0] if len(notebooks) == 1 else None
        self.comes(user, kernel)
        return known.came[kernel]

    def _user(self, user: str) -> _User:
        if user not in self._users:
            _keep(self._users, user, _User(), _USERS)
        return self._users[user]

    def is_over(self, execution: str) -> bool:
        """Whether its cell was run again, just so, in the same notebook."""
        return execution in self._over

    def is_of(self, execution: str, path: str) -> bool:
        """Whether an execution was asked for in the notebook that is at this path now."""
        place = self._places.get(execution)
        return place is not None and place.path == _plain(path)


def _plain(path: str) -> str:
    return posixpath.normpath(path.removeprefix(_TOGETHER).strip("/"))


def _moved(path: str, before: str, after: str) -> str:
    if path == before:
        return after
    return f"{after}{path[len(before) :]}" if path.startswith(f"{before}/") else path


def _keep(known: OrderedDict[Any, Any], key: Any, value: Any, bound: int) -> None:
    known[key] = value
    if len(known) > bound:
        known.popitem(last=False)
