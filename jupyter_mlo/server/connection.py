"""A kernel's websocket, with somebody who notes who asks for what.

The class is a subclass of whichever the server is configured with. What fails here is logged, once,
and the message goes on as if we were not there; only where the policy refuses does it not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupyter_mlo.runs.noted import MEMBER
from jupyter_mlo.server.messages import V1, read_binary, read_v1, write_binary, write_v1

if TYPE_CHECKING:
    from jupyter_mlo.server.observer import KernelObserver
    from jupyter_mlo.server.people import Person
    from jupyter_mlo.server.watching import Watching

#: Contents up to so many bytes get our light reference; it would cost too much beyond.
_MARKED_UP_TO = 1 << 20


def watched(base: type[Any], watching: Watching) -> type[Any]:
    """``base``, a kernel websocket connection class, watched by ``watching``."""

    class WatchedConnection(base):  # type: ignore[misc]
        """Notes requests and what front ends show of their own; marks outputs."""

        def connect(self) -> Any:
            """Begin to listen to the kernel, if nobody does."""
            self._quietly("observe a kernel", self._connects)
            return super().connect()

        def handle_incoming_message(self, incoming_msg: Any) -> None:
            """From the front end."""
            try:
                message = _Incoming.read(incoming_msg, v1=self.subprotocol == V1)
            except Exception:
                # Whose ID it bears is not known: it could speak in another user's cell.
                watching.failed("read a message to a kernel: it was not passed on")
                return
            try:
                passed_on = self._incoming(message)
            except Exception:
                watching.failed("note a request")
                passed_on = incoming_msg
                if watching.required:
                    # Where somebody must answer for each cell, what cannot be noted is not run.
                    passed_on = None
                    watching.refused(self, message.header, "this server could not note it")
            if passed_on is not None:
                super().handle_incoming_message(passed_on)

        def _on_zmq_reply(self, stream: Any, msg_list: Any) -> None:
            """To the front end."""
            self._quietly("mark an output", lambda: self._outgoing(stream, msg_list))
            super()._on_zmq_reply(stream, msg_list)

        def _quietly(self, what: str, act: Callable[[], None]) -> None:
            try:
                act()
            except Exception:
                watching.failed(what)

        def _connects(self) -> None:
            watching.sure(self.kernel_manager)
            watching.connects(self.kernel_id, self._person())

        def _person(self) -> Person:
            return watching.person(self.websocket_handler.current_user)

        def _observer(self) -> KernelObserver | None:
            return watching.observer(self.kernel_id)

        def _incoming(self, message: _Incoming) -> Any:
            """The message as it goes on; None where it does not."""
            watching.sure(self.kernel_manager)
            observer = self._observer()
            if observer is None:
                return message.raw
            person = self._person()
            if watching.over(person):
                return None
            if message.kind == "input_reply":
                asked = str(message.parent.get("msg_id", ""))
                typed = observer.typed(asked, str(message.content.get("value", "")), person)
                return message.raw if typed else None
            request_id = str(message.header.get("msg_id", ""))
            if why := observer.refuses(request_id, person) or self._why_not(message, person):
                watching.refused(self, message.header, why)
                return None
            first = observer.comes(request_id, person)
            key = self.kernel_manager.session.key
            if message.kind != "execute_request" or not key:
                return message.raw
            code = message.content.get("code")
            if not isinstance(code, str) or message.content.get("silent"):
                return message.raw
            if first:
                more = bool(message.content.get("user_expressions"))
                asked_for = watching.asked(person, code, message.cell, more=more)
                observer.asked(request_id, asked_for)
            return message.noted(watching.noted(person).to_json(key, request_id))

        def _why_not(self, message: _Incoming, person: Person) -> str | None:
            """Why the policy does not let this be run; None where it does, or nothing is run."""
            content = message.content
            if message.kind == "execute_request":
                code = content.get("code")
                expressions = content.get("user_expressions")
                return watching.why_not(person, str(code or ""), expressions)
            if message.kind == "debug_request":  # it evaluates whatever it is sent
                return watching.why_not(person, json.dumps(content))
            return None

        def _outgoing(self, stream: Any, message: Any) -> None:
            channel = getattr(stream, "channel", None)
            observer = self._observer()
            if observer is None or channel == "control":
                return
            if isinstance(message, dict):
                if channel == "iopub" and observer.settling:
                    pack = self.session.pack
                    names = ("header", "parent_header", "content")
                    observer.settles(*(pack(message[name]) for name in names))
                _look(observer, channel, message)
                return
            header = bytes(message[0])
            if channel == "iopub":
                if observer.settling:
                    observer.settles(header, bytes(message[1]), bytes(message[3]))
                marks = b'"display_data"' in header or b'"execute_result"' in header
                if not marks and b'"update_display_data"' not in header:
                    return
                if len(message[3]) > _MARKED_UP_TO:
                    return
            whole = {
                "header": json.loads(header),
                "parent_header": json.loads(message[1]),
                "content": json.loads(message[3]),
            }
            if _look(observer, channel, whole):
                message[3] = json.dumps(whole["content"], ensure_ascii=False).encode(
                    "utf-8", "surrogatepass"
                )

    return WatchedConnection


def _look(observer: KernelObserver, channel: str | None, message: dict[str, Any]) -> bool:
    """Note what front ends show of their own; mark an output. Whether it was marked."""
    kind = message["header"].get("msg_type")
    request_id = str((message.get("parent_header") or {}).get("msg_id", ""))
    content = message["content"]
    if kind == "input_request":
        observer.question(
            str(message["header"].get("msg_id", "")),
            request_id,
            str(content.get("prompt", "")),
            password=bool(content.get("password")),
        )
    elif kind == "execute_reply":
        observer.replied(request_id, content)
    elif channel == "iopub" and kind in ("display_data", "execute_result", "update_display_data"):
        reference = observer.reference(request_id)
        if reference is not None:
            content["metadata"] = {**(content.get("metadata") or {}), "mlo": reference}
            return True
    return False


class _Incoming:
    """A message of a front end's, in either protocol."""

    def __init__(self, raw: Any, channel: str, parts: list[Any], whole: dict[str, Any]) -> None:
        #: As it came.
        self.raw = raw
        #: In parts it goes to the kernel as it came; else the server packs it anew.
        self._channel, self._parts, self._whole = channel, parts, whole
        self.header: dict[str, Any] = whole["header"]
        self.kind = str(self.header.get("msg_type", ""))

    @property
    def parent(self) -> dict[str, Any]:
        """The header of what it answers."""
        return self._part(1, "parent_header")

    @property
    def content(self) -> dict[str, Any]:
        """What it says."""
        return self._part(3, "content")

    @property
    def cell(self) -> str | None:
        """The ID of the cell that front ends name in metadata."""
        cell = self._part(2, "metadata").get("cellId")
        return cell if isinstance(cell, str) and cell else None

    def _part(self, at: int, name: str) -> dict[str, Any]:
        if name not in self._whole:
            self._whole[name] = json.loads(bytes(self._parts[at]))
        part = self._whole[name] or {}
        if not isinstance(part, dict):
            raise ValueError(f"the {name} of a message is no object")
        return part

    @classmethod
    def read(cls, raw: Any, *, v1: bool) -> _Incoming:
        """Read its header; the rest when it is asked for.

        Raises:
            ValueError: its header can be read in two ways, or in none.
        """
        if v1:
            channel, parts = read_v1(raw)
            # Goes to the kernel as it came, and others read a member that stands twice otherwise.
            header = json.loads(bytes(parts[0]), object_pairs_hook=_each_once)
            return cls(raw, channel, parts, {"header": header})
        whole = json.loads(raw) if isinstance(raw, str) else read_binary(raw)
        return cls(raw, str(whole.get("channel") or "shell"), [], whole)

    def noted(self, note: dict[str, Any]) -> Any:
        """The message, with a note in its metadata that the server has seen it: as it was read."""
        metadata = {**self._part(2, "metadata"), MEMBER: note}
        if self._parts:
            parts = [self.header, self.parent, metadata, self.content]
            packed = [json.dumps(part).encode() for part in parts]
            return write_v1([*packed, *self._parts[4:]], self._channel)
        whole = {**self._whole, "metadata": metadata}
        return json.dumps(whole) if isinstance(self.raw, str) else write_binary(whole)


def _each_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member stands there twice")
    return found
