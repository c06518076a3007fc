"""What a kernel publishes while a cell runs becomes the cell's outputs, as nbclient has it.

Display IDs, clearing (also delayed), widgets' state and output widgets included; that both do the
same is tested side by side.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from jupyter_mlo.runs.messages import OUTPUT_MEMBERS

#: Position of a cell, and which of its outputs were replaced.
Updated = Callable[[int, list[int]], None]
_DISPLAYED: Final = frozenset({"execute_result", "display_data", "update_display_data"})
_QUIET: Final = frozenset({"execute_input", "update_display_data", "status"})


class Outputs:
    """The outputs of one notebook's cells while it runs.

    Args:
        cells: the notebook's cells, changed in place.
        client: of the kernel; output widgets answer through it.
        updated: told when outputs of a cell were replaced.
    """

    def __init__(self, cells: list[Any], client: Any, updated: Updated) -> None:
        self._cells = cells
        self._client = client
        self._updated = updated
        self._clear_next = False
        #: Display ID → position of a cell → its outputs of that ID.
        self._displays: dict[str, dict[int, list[int]]] = {}
        #: Request → output widgets that take its outputs, the newest last.
        self._taken: dict[str, list[Any]] = {}
        self._widgets: dict[str, Any] = {}
        #: Read and written by nbclient's output widgets.
        self.widget_state: dict[str, dict[str, Any]] = {}
        self._buffers: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}

    def begin(self, position: int) -> None:
        """A cell is about to be executed."""
        self._cells[position]["outputs"] = []
        self._clear_next = False

    def take(self, message: Mapping[str, Any], position: int) -> None:
        """A message of the running cell's request, in which there is no flaw.

        Raises:
            Exception: an output widget takes it otherwise than it is; the cell stays as it was.
        """
        kind, content = message["msg_type"], message["content"]
        cell = self._cells[position]
        display = (content.get("transient") or {}).get("display_id")
        if display and kind in _DISPLAYED:
            self._update(display, kind, content)
        if "execution_count" in content:
            cell["execution_count"] = content["execution_count"]
        if kind == "clear_output":
            self._clear(cell["outputs"], message, position)
        elif kind in ("comm_open", "comm_msg"):
            self._comm(message)
        elif kind not in _QUIET:
            self._add(cell["outputs"], message, display, position)

    def weight(self) -> int:
        """:func:`weight` of all outputs and the state of widgets."""
        outputs = [cell.get("outputs") for cell in self._cells]
        return weight(outputs) + weight(self.widget_state) + weight(self._buffers)

    def widgets(self) -> dict[str, Any] | None:
        """The state of widgets for the notebook's metadata; None where there were none."""
        if not self.widget_state:
            return None
        shown: dict[str, Any] = {}
        for name, state in self.widget_state.items():
            if "_model_name" not in state:
                continue
            shown[name] = {
                "model_name": state.get("_model_name"),
                "model_module": state.get("_model_module"),
                "model_module_version": state.get("_model_module_version"),
                "state": state,
            }
            if self._buffers.get(name):
                shown[name]["buffers"] = list(self._buffers[name].values())
        whole = {"state": shown, "version_major": 2, "version_minor": 0}
        return {"application/vnd.jupyter.widget-state+json": whole}

    def _update(self, display: str, kind: str, content: Mapping[str, Any]) -> None:
        for position, places in self._displays.get(display, {}).items():
            outputs = self._cells[position]["outputs"]
            for at in places:
                outputs[at]["data"] = content["data"]
                outputs[at]["metadata"] = content["metadata"]
            self._updated(position, places)

    def _clear(self, outputs: list[Any], message: Mapping[str, Any], position: int) -> None:
        taker = self._taker(message)
        if taker is not None:
            taker.clear_output(outputs, message, position)
        elif message["content"].get("wait"):
            self._clear_next = True
        else:
            self._empty(outputs, position)

    def _empty(self, outputs: list[Any], position: int) -> None:
        outputs[:] = []
        for places in self._displays.values():
            if position in places:
                places[position] = []

    def _add(
        self, outputs: list[Any], message: Mapping[str, Any], display: str | None, position: int
    ) -> None:
        taker = self._taker(message)
        if taker is not None:
            taker.output(outputs, message, display, position)
            return
        output = _output(message["msg_type"], message["content"])
        if output is None:
            return
        if self._clear_next:
            self._empty(outputs, position)
            self._clear_next = False
        if display:
            self._displays.setdefault(display, {}).setdefault(position, []).append(len(outputs))
        outputs.append(output)

    def _taker(self, message: Mapping[str, Any]) -> Any:
        takers = self._taken.get(message["parent_header"].get("msg_id", ""))
        return takers[-1] if takers else None

    def _comm(self, message: Mapping[str, Any]) -> None:
        content = message["content"]
        data, name = content["data"], content["comm_id"]
        if "state" in data:
            self.widget_state.setdefault(name, {}).update(data["state"])
            if data.get("buffer_paths"):
                held = self._buffers.setdefault(name, {})
                for path, buffer in zip(data["buffer_paths"], message["buffers"], strict=False):
                    text = base64.b64encode(buffer).decode()
                    held[tuple(path)] = {"data": text, "encoding": "base64", "path": path}
        if message["msg_type"] == "comm_open":
            state = data.get("state") or {}
            model = (state.get("_model_module"), state.get("_model_name"))
            if content.get("target_name") == "jupyter.widget" and model == (
                "@jupyter-widgets/output",
                "OutputModel",
            ):
                from nbclient.output_widget import OutputWidget

                self._widgets[name] = OutputWidget(name, state, self._client, self)
        elif message["msg_type"] == "comm_msg" and name in self._widgets:
            self._widgets[name].handle_msg(message)

    def register_output_hook(self, request: str, widget: Any) -> None:
        """An output widget takes what this request puts out; called by nbclient's widgets."""
        self._taken.setdefault(request, []).append(widget)

    def remove_output_hook(self, request: str, widget: Any) -> None:
        """It does so no more."""
        takers = self._taken.get(request)
        if takers:
            takers.pop()


def weight(value: Any) -> int:
    """Bytes in memory of a value of JSON, roughly."""
    if isinstance(value, str | bytes):
        return 50 + len(value)
    if isinstance(value, Mapping):
        return 200 + sum(map(weight, value.values()))
    if isinstance(value, list | tuple):
        return 50 + sum(map(weight, value))
    return 30


def _output(kind: str, content: Mapping[str, Any]) -> dict[str, Any] | None:
    """The output of a message; None where it is none."""
    members = OUTPUT_MEMBERS.get(kind)
    if members is None:
        return None
    return {"output_type": kind, **{name: content[name] for name in members}}
