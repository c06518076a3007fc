"""A front end of jupyter-collaboration: a copy of the shared document, over a real websocket."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import websocket
from jupyter_ydoc import YNotebook
from pycrdt import (
    Doc,
    YMessageType,
    create_sync_message,
    create_update_message,
    handle_sync_message,
)

from tests.server.conftest import User


class SharedNotebook:
    """One user's view of a notebook that is open together. For one thread."""

    def __init__(self, user: User, path: str) -> None:
        form = {"format": "json", "type": "notebook"}
        answer = user.ask("PUT", f"/api/collaboration/session/{path}", json=form)
        assert answer.ok, answer.text
        session = answer.json()
        self.file: str = session["fileId"]
        room = f"json:notebook:{self.file}"
        self._socket = websocket.create_connection(
            f"{user.server.url.replace('http', 'ws', 1)}/api/collaboration/room/{room}"
            f"?sessionId={session['sessionId']}",
            header=user.headers,
            timeout=30,
        )
        user.server.closing.append(self.close)
        self._doc: Doc[Any] = Doc()
        self.notebook = YNotebook(self._doc)
        self._socket.send_binary(create_sync_message(self._doc))
        self.until(lambda: self.cells or None)

    @property
    def cells(self) -> list[Any]:
        """Of this copy."""
        found: list[Any] = self.notebook.get()["cells"]
        return found

    @property
    def metadata(self) -> Any:
        """Of the notebook, in this copy."""
        return self.notebook.get()["metadata"]

    def change(self, act: Callable[[YNotebook], object]) -> None:
        """Change the document, for all."""
        self.pump(0.01)
        updates: list[bytes] = []
        subscription = self._doc.observe(lambda event: updates.append(event.update))
        with self._doc.transaction():
            act(self.notebook)
        self._doc.unobserve(subscription)
        for update in updates:
            self._socket.send_binary(create_update_message(update))

    def shows(self, cell: dict[str, Any]) -> None:
        """What a front end does when a cell has run: outputs and count are everybody's."""

        def put(notebook: YNotebook) -> None:
            ids = [one["id"] for one in self.cells]
            if cell["id"] not in ids:
                notebook.append_cell(cell)
                return
            found = notebook.ycells[ids.index(cell["id"])]
            if str(found["source"]) != cell["source"]:
                notebook.set_cell(ids.index(cell["id"]), source=cell["source"])
            notebook._set_ycell_outputs(found, cell["outputs"])
            found["execution_count"] = float(cell["execution_count"])

        self.change(put)

    def pump(self, seconds: float) -> None:
        """Take in what others did."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                message = self._socket.recv()
            except websocket.WebSocketTimeoutException:
                return
            if isinstance(message, bytes) and message[0] == YMessageType.SYNC:
                answer = handle_sync_message(message[1:], self._doc)
                if answer is not None:
                    self._socket.send_binary(answer)

    def until(self, there: Callable[[], Any], seconds: float = 10) -> Any:
        """What ``there`` returns as soon as it is true."""
        end = time.monotonic() + seconds
        while not (found := there()):
            assert time.monotonic() < end, "it did not come"
            self.pump(0.05)
        return found

    def close(self) -> None:
        """Close the page."""
        self._socket.close()
