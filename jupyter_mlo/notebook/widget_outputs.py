"""Which outputs go into an Output widget, and so never into the cell.

``with ipywidgets.Output():`` sets the widget's ``msg_id`` to the running request; from
that message on front ends take this request's outputs for the widget, until it is set back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OUTPUT_MODULE = "@jupyter-widgets/output"


class WidgetOutputs:
    """Follows the comm messages of Output widgets."""

    def __init__(self) -> None:
        #: Comm ID of every Output widget → the request whose outputs it takes, or "".
        self._takes: dict[str, str] = {}

    def feed(self, kind: str, content: Mapping[str, Any]) -> None:
        """A comm_open, comm_msg or comm_close goes out."""
        comm = str(content.get("comm_id"))
        data = content.get("data") or {}
        state = data.get("state") or {}
        if kind == "comm_close":
            self._takes.pop(comm, None)
        elif kind == "comm_open" and state.get("_model_module") == OUTPUT_MODULE:
            self._takes[comm] = str(state.get("msg_id") or "")
        elif comm in self._takes and "msg_id" in state:
            self._takes[comm] = str(state["msg_id"] or "")

    def take(self, request_id: str) -> bool:
        """True while outputs of this request go into a widget."""
        return bool(self._takes) and request_id in self._takes.values()
