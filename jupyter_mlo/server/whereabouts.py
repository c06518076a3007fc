"""In which notebook each execution of this server was asked for.

A kernel serves the notebooks of the Jupyter sessions that name it. Where that is one, an execution
is that notebook's, also when it is renamed; where somebody has another notebook share the kernel,
nobody can tell.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

#: Executions that are remembered.
_EXECUTIONS = 20_000
#: Before the paths of documents that jupyter-collaboration keeps.
_TOGETHER = "RTC:"


class Whereabouts:
    """On the event loop only."""

    def __init__(self, session_manager: Any) -> None:
        self._sessions = session_manager
        #: Execution → Jupyter session, and the path of its notebook when last looked at.
        self._places: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def began(self, execution: str, kernel_id: str) -> None:
        """An execution has begun at a kernel."""
        found = self._ask(
            "SELECT session_id, path FROM session WHERE kernel_id=? AND type='notebook'", kernel_id
        )
        if len(found) == 1:
            self._places[execution] = found[0]
            if len(self._places) > _EXECUTIONS:
                self._places.popitem(last=False)

    def is_of(self, execution: str, path: str) -> bool:
        """Whether an execution was asked for in the notebook that is at this path now."""
        place = self._places.get(execution)
        if place is None:
            return False
        session, before = place
        now = self._ask("SELECT session_id, path FROM session WHERE session_id=?", session)
        if now:
            self._places[execution] = now[0]
            before = now[0][1]
        return before.removeprefix(_TOGETHER).strip("/") == path.strip("/")

    def _ask(self, question: str, value: str) -> list[tuple[str, str]]:
        """Rows of Jupyter's own table; none from a session manager that has another."""
        try:
            asked = self._sessions.connection.execute(question, (value,))
            return [(str(session), str(path)) for session, path in asked.fetchall()]
        except Exception:
            return []
