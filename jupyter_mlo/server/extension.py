"""``jupyter_mlo`` as an extension of Jupyter Server."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Enum, Unicode

from jupyter_mlo.config import load_settings
from jupyter_mlo.errors import MloError
from jupyter_mlo.server.app import MloApp
from jupyter_mlo.server.assistants import let_in
from jupyter_mlo.server.connection import watched
from jupyter_mlo.server.people import knows_people

_FILE = "MLO_PASSPHRASE_FILE"


class MloServerExtension(ExtensionApp):
    """Sees who runs what on this server's kernels, stamps on save, answers the MLO panel."""

    name = "jupyter_mlo"
    extension_url = "/jupyter-mlo/me"

    sessions = Enum(
        ["auto", "user", "account"],
        default_value="auto",
        config=True,
        help="Whose a session is. user: each authenticated user's own, in the server's memory. "
        "account: the operating system account's, shared with terminals and kernels. auto: user "
        "where the identity provider knows people, account where a token or password lets anybody "
        "in.",
    )

    service_mlo = Unicode(
        "",
        config=True,
        help="MLO ID, or name, of a service enrolled here that seals what is saved while no single "
        "user saves it, as under real-time collaboration. Its passphrase is in the file that "
        "MLO_PASSPHRASE_FILE names when the server starts; kernels do not inherit that variable "
        "then. Empty: such saves write stamps, and no seal.",
    )

    def initialize_settings(self) -> None:
        """Make what handlers, connections and hooks share."""
        server: Any = self.serverapp
        if not hasattr(server.extension_manager, "start_all_extensions"):
            self.log.error(
                "jupyter-mlo does nothing on this server: it needs Jupyter Server 2.16 or newer\n"
                "  hint: pip install --upgrade jupyter-server, and start the server again"
            )
            return
        named = self.sessions == "user" or (
            self.sessions == "auto" and knows_people(server.identity_provider)
        )
        try:
            app = MloApp(
                load_settings(),
                server,
                self.log,
                _now,
                named=named,
                service_mlo=self.service_mlo,
                # Whoever can run a cell could read it from the environment of a kernel.
                passphrase_file=os.environ.pop(_FILE, "") if self.service_mlo else "",
            )
        except MloError as error:
            self.log.error("jupyter-mlo does nothing on this server: %s", error)
            return
        self.settings["jupyter_mlo"] = app
        let_in(server.identity_provider, server.authorizer, app.assistants)
        self.settings["kernel_websocket_connection_class"] = watched(
            server.kernel_websocket_connection_class, app.watching
        )

    def initialize_handlers(self) -> None:
        """All routes."""
        from jupyter_mlo.server.hearing import EVENTS
        from jupyter_mlo.server.routes import ROUTES

        if "jupyter_mlo" in self.settings:
            self.handlers.extend([*ROUTES, *EVENTS])

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """Everything else is loaded now: other extensions replace the contents manager."""
        app: Any = self.settings.get("jupyter_mlo")
        if app is not None:
            app.start()

    async def stop_extension(self) -> None:
        """Write what waits."""
        app: Any = self.settings.get("jupyter_mlo")
        if app is not None:
            await app.stop()


def _now() -> datetime:
    return datetime.now(UTC)
