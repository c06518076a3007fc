"""The connections that assistants have open: each ends with the token that it was opened with."""

from __future__ import annotations

import weakref
from typing import Any, Final

from tornado import web
from tornado.websocket import WebSocketHandler

#: Whose acts those in a terminal are nobody can say, and what people do is not theirs to hear.
_NOT_THEIRS: Final = frozenset({"terminals", "events"})
#: Policy violation (RFC 6455 §7.4.1).
_POLICY: Final = 1008
_WHY: Final = "the grant of this assistant has ended, or was revoked"


class Sockets:
    """By grant. Called on the event loop."""

    def __init__(self) -> None:
        self._open: dict[str, weakref.WeakSet[Any]] = {}

    def asks(self, grant: str, handler: Any) -> None:
        """An assistant asks something of this handler.

        Raises:
            HTTPError: 403, where that is for no assistant.
        """
        resource = getattr(handler, "auth_resource", None)
        if resource in _NOT_THEIRS:
            raise web.HTTPError(403, f"an assistant has no use of this server's {resource}")
        if isinstance(handler, WebSocketHandler):
            self._open.setdefault(grant, weakref.WeakSet()).add(handler)

    def end(self, grant: str) -> None:
        """Nothing goes in or out any more by what was opened under this grant."""
        for handler in self._open.pop(grant, ()):
            # Whoever does not answer the closing handshake could go on talking for seconds.
            handler.on_message = _unheard
            handler.open = _closed(handler)
            handler.close(_POLICY, _WHY)


def _unheard(*_: Any) -> None:
    pass


def _closed(handler: Any) -> Any:
    """In place of ``open``, where the token ended while the connection was being made."""
    return lambda *_, **__: handler.close(_POLICY, _WHY)
