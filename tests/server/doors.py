"""A server extension of somebody else's, with doors that Jupyter's own extensions do not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado import web
from tornado.ioloop import PeriodicCallback
from tornado.websocket import WebSocketHandler


class Elsewhere(APIHandler):
    """Names what it is about at each method, and not at the class."""

    @web.authenticated
    @authorized(resource="terminals")
    def get(self) -> None:
        """Whatever there is."""
        self.finish("{}")

    @web.authenticated
    @authorized(resource="events")
    def post(self) -> None:
        """Whatever there is."""
        self.finish("{}")


class Feed(WebSocketHandler, JupyterHandler):  # type: ignore[misc]
    """Says something again and again, and writes down what it is told."""

    #: Whether it fails when it is closed.
    fails = False

    @property
    def _told(self) -> Path:
        return Path(self.settings["server_root_dir"]).expanduser() / "told"

    def open(self, *_: str, **__: str) -> None:
        """Begin."""
        self._tells = PeriodicCallback(lambda: self.write_message("news"), 50)
        self._tells.start()

    def on_message(self, message: Any) -> None:
        """Somebody says something."""
        self._told.write_text(str(message))

    def on_close(self) -> None:
        """Nobody listens."""
        self._tells.stop()

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """End it."""
        if self.fails:
            raise RuntimeError("it cannot be closed")
        super().close(code, reason)


class Stuck(Feed):
    """Cannot be closed."""

    fails = True


def _load_jupyter_server_extension(server: Any) -> None:
    doors = [(r"/doors/elsewhere", Elsewhere), (r"/doors/feed", Feed), (r"/doors/stuck", Stuck)]
    server.web_app.add_handlers(".*", [(server.base_url.rstrip("/") + at, to) for at, to in doors])


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "tests.server.doors"}]
