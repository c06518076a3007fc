"""A small front end over the real protocol, that keeps outputs as JupyterLab 4.6 does."""

from __future__ import annotations

import copy
import queue
import tempfile
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_client.manager import KernelManager


@dataclass
class Cell:
    """What a front end holds of a cell after it ran."""

    source: str
    id: str | None
    request: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)
    count: int | None = None
    reply: dict[str, Any] = field(default_factory=dict)
    idle: bool = False
    #: Answers that the kernel asked for, as prompts.
    asked: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that the cell shows as plain text."""
        parts = []
        for output in self.outputs:
            if output["output_type"] == "stream":
                parts.append(output["text"])
            elif output["output_type"] == "error":
                parts.append("\n".join(output["traceback"]))
            else:
                parts.append(str(output["data"].get("text/plain", "")))
        return "\n".join(parts)

    def as_json(self) -> dict[str, Any]:
        """The cell as nbformat has it."""
        return {
            "cell_type": "code",
            "id": self.id,
            "metadata": {},
            "execution_count": self.count,
            "source": self.source,
            "outputs": copy.deepcopy(self.outputs),
        }


class FrontEnd:
    """One connection to a kernel: one notebook's worth of cells."""

    def __init__(self, manager: KernelManager, *, shows_input: bool = True) -> None:
        self.manager = manager
        self.client = manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.cells: dict[str, Cell] = {}
        self._clearing: set[str] = set()
        self._displays: dict[str, list[tuple[Cell, int]]] = {}
        #: JupyterLab adds typed answers and pages to the outputs; others do not.
        self.shows_input = shows_input

    def run(
        self,
        source: str,
        *,
        id: str | None = None,
        answers: Sequence[str] = (),
        allow_stdin: bool = True,
        timeout: float = 60,
        **options: Any,
    ) -> Cell:
        """Execute a cell and wait until the kernel has replied and gone idle."""
        cell = self.send(source, id=id, allow_stdin=allow_stdin, **options)
        return self.wait(cell, answers=answers, timeout=timeout)

    def send(
        self, source: str, *, id: str | None = None, subshell: str | None = None, **options: Any
    ) -> Cell:
        """Send an execute_request and do not wait."""
        session = self.client.session
        content = {
            "code": source,
            "silent": options.pop("silent", False),
            "store_history": options.pop("store_history", True),
            "user_expressions": options.pop("user_expressions", {}),
            "allow_stdin": options.pop("allow_stdin", True),
            "stop_on_error": options.pop("stop_on_error", True),
        }
        message = session.msg("execute_request", content)
        message["metadata"] = {"cellId": id} if id else {}
        message["metadata"].update(options.pop("metadata", {}))
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        assert not options, options
        cell = Cell(source, id, message["header"]["msg_id"])
        self.cells[cell.request] = cell
        self.client.shell_channel.send(message)
        return cell

    def wait(self, cell: Cell, *, answers: Sequence[str] = (), timeout: float = 60) -> Cell:
        """Take in messages until ``cell`` is done."""
        left = list(answers)
        deadline = time.monotonic() + timeout
        while not (cell.idle and cell.reply):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no end of {cell.source!r}; so far: {cell.text!r}")
            if self.client.stdin_channel.msg_ready():
                question = self.client.get_stdin_msg(timeout=1)
                cell.asked.append(question["content"]["prompt"])
                # A person answers after having seen what the cell has shown so far.
                while self._published(0.05):
                    pass
                if not left:
                    raise AssertionError(f"unexpected question {question['content']}")
                self._answer(cell, question["content"], left.pop(0))
            while self.client.shell_channel.msg_ready():
                self._reply(self.client.get_shell_msg(timeout=1))
            self._published(0.02)
        return cell

    def listen(self, seconds: float) -> None:
        """Take in what comes late."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for _ in self._published(0.05):
                pass

    def request(self, kind: str, content: dict[str, Any], channel: str = "shell") -> dict[str, Any]:
        """Any other request and its reply."""
        message = self.client.session.msg(kind, content)
        getattr(self.client, f"{channel}_channel").send(message)
        while True:
            get = getattr(self.client, f"get_{channel}_msg")
            reply = get(timeout=30)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return dict(reply["content"])

    def close(self) -> None:
        """Leave the kernel to others."""
        self.client.stop_channels()

    def _answer(self, cell: Cell, question: dict[str, Any], answer: str) -> None:
        self.client.input(answer)
        if self.shows_input:
            shown = "·" * 8 if question["password"] else answer
            text = f"{question['prompt']} {shown}\n"
            self._add(cell, {"output_type": "stream", "name": "stdin", "text": text})

    def _reply(self, message: dict[str, Any]) -> None:
        cell = self.cells.get(message["parent_header"].get("msg_id"))
        if cell is None or message["msg_type"] != "execute_reply":
            return
        cell.reply = message["content"]
        pages = [p for p in cell.reply.get("payload", []) if p.get("source") == "page"]
        if pages and self.shows_input:
            self._add(
                cell, {"output_type": "display_data", "data": pages[0]["data"], "metadata": {}}
            )

    def _published(self, timeout: float) -> list[dict[str, Any]]:
        messages = []
        try:
            messages.append(self.client.get_iopub_msg(timeout=timeout))
            while self.client.iopub_channel.msg_ready():
                messages.append(self.client.get_iopub_msg(timeout=timeout))
        except queue.Empty:
            pass
        for message in messages:
            self._take(message)
        return messages

    def _take(self, message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        cell = self.cells.get(message["parent_header"].get("msg_id", ""))
        display = content.get("transient", {}).get("display_id")
        if kind == "update_display_data":
            for owner, at in self._displays.get(display, []):
                owner.outputs[at].update(data=content["data"], metadata=content["metadata"])
        if cell is None:
            return
        if kind == "status":
            cell.idle |= content["execution_state"] == "idle"
        elif kind == "execute_input":
            cell.count = content["execution_count"]
        elif kind == "clear_output":
            if content["wait"]:
                self._clearing.add(cell.request)
            else:
                cell.outputs.clear()
        elif kind in ("stream", "error", "display_data", "execute_result"):
            output = {"output_type": kind, **copy.deepcopy(content)}
            output.pop("transient", None)
            self._add(cell, output)
            if display is not None and kind == "display_data":
                self._displays.setdefault(display, []).append((cell, len(cell.outputs) - 1))

    def _add(self, cell: Cell, output: dict[str, Any]) -> None:
        if cell.request in self._clearing:
            self._clearing.discard(cell.request)
            cell.outputs.clear()
        last = cell.outputs[-1] if cell.outputs else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
        else:
            cell.outputs.append(output)


def start_kernel(env: dict[str, str], **options: Any) -> KernelManager:
    """A real kernel in a throw-away home; over IPC, as ports are taken now and then meanwhile."""
    manager = KernelManager(kernel_name="python3", transport="ipc")
    sockets = tempfile.TemporaryDirectory(prefix="mlo-test-", dir="/tmp")
    weakref.finalize(manager, sockets.cleanup)
    manager.ip = f"{sockets.name}/kernel"
    manager.start_kernel(env=env, cwd=env["HOME"], **options)
    return manager


def stop_kernel(manager: KernelManager) -> None:
    """End it, and everything that it started."""
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def kernel_pid(manager: KernelManager) -> int:
    """The kernel's process."""
    return int(manager.provisioner.pid)  # type: ignore[union-attr]
