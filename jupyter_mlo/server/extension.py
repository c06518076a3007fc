"""The server extension's application."""

from __future__ import annotations

from jupyter_server.extension.application import ExtensionApp


class MloServerExtension(ExtensionApp):
    """What a Jupyter server loads; the front end stands beside it in the wheel."""

    name = "jupyter_mlo"
