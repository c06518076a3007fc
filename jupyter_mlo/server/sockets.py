"""The connections that assistants have open: each ends with the token that it was opened with."""

from __future__ import annotations

import logging
import weakref
from typing import Any, Final

from tornado.websocket import WebSocketHandler

#: Policy violation (RFC 6455 §7.4.1).
_POLICY: Final = 1008
_WHY: Final = "the grant of this assistant has ended, or was revoked"


class Sockets:
    """By grant. Called on the event loop."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._open: dict[str, weakref.WeakSet[Any]] = {}

    def asks(self, grant: str, handler: Any) -> None:
        """An assistant asks something of this handler."""
        if isinstance(handler, WebSocketHandler):
            self._open.setdefault(grant, weakref.WeakSet()).add(handler)

    def end(self, grant: str) -> None:
        """Nothing goes in or out any more by what was opened under this grant."""
        for handler in self._open.pop(grant, ()):
            # Whoever does not answer the closing handshake could go on talking for seconds.
            handler.on_message = _unheard
            handler.open = _closed(handler)
            try:
                handler.close(_POLICY, _WHY)
            except Exception as error:  # an extension's own; the others are closed all the same
                self._log.warning("jupyter-mlo: a connection could not be closed: %r", error)
                _cut(handler)


def _cut(handler: Any) -> None:
    """End what does not let itself be closed."""
    connection = getattr(handler, "ws_connection", None)
    if connection is not None:
        connection.close(_POLICY, _WHY)


def _unheard(*_: Any) -> None:
    pass


def _closed(handler: Any) -> Any:
    """In place of ``open``, where the token ended while the connection was being made."""
    return lambda *_, **__: handler.close(_POLICY, _WHY)
