"""Who hears what of the events: where users are told apart, nobody hears of another's session.

Events go to every handler and listener of the server, an operator's audit log among them; only
the front ends' channel, ``/api/events/subscribe``, is narrowed. What concerns one person reaches
that person. What concerns a kernel reaches those who have been connected to it: their notebooks
run there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from jupyter_server.services.events.handlers import SubscribeWebsocket

if TYPE_CHECKING:
    from jupyter_mlo.server.app import MloApp

#: Names of the users whom the event that is being emitted concerns; None where it is for all.
#: Listeners run in tasks, and a task has a copy of the context in which it was made.
_CONCERNED: ContextVar[frozenset[str] | None] = ContextVar("jupyter_mlo_concerned", default=None)


@contextmanager
def only_for(users: frozenset[str] | None) -> Iterator[None]:
    """What is emitted meanwhile is for these users; None: for all."""
    before = _CONCERNED.set(users)
    try:
        yield
    finally:
        _CONCERNED.reset(before)


class EventsHandler(SubscribeWebsocket):
    """The server's own event channel, without what concerns others."""

    async def event_listener(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        """Pass an event on, if it is for this user."""
        concerned = _CONCERNED.get()
        app: MloApp = self.settings["jupyter_mlo"]
        if concerned is None or app.watching.person(self.current_user).username in concerned:
            await super().event_listener(logger, schema_id, data)


#: Beside our own routes: in the place of the server's.
EVENTS: list[tuple[str, type[Any]]] = [(r"/api/events/subscribe", EventsHandler)]
