"""Where all messages of the kernel pass: two methods, each wrapped on one instance.

``Session.send`` sees requests begin, replies and questions, and is the last place at which
an output can be given our light reference. ``send_multipart`` of the IOPub socket, which
only ipykernel's IOPub thread calls, sees what really goes to the front ends: every
message of every thread, in their order, as immutable bytes that user code can no longer
change, and also what forked children print, which ``Session.send`` never sees here. In the
children ``Session.send`` is ours as well; it takes no lock, and what it notes dies with them.

Source of the frames' order: the Jupyter messaging specification, "The wire protocol".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

#: Ends the routing prefix; signature, header, parent header, metadata and content follow.
DELIMITER = b"<IDS|MSG>"
#: Kinds of message that nbformat gives metadata, where the light reference goes.
MARKED = frozenset({"display_data", "execute_result", "update_display_data"})

Send = Callable[..., Any]


class Listener(Protocol):
    """Hears what passes. All but :meth:`passed` are called in the thread of the cell."""

    def begins(self, request: Mapping[str, Any], content: Mapping[str, Any]) -> None:
        """A cell is about to run; ``request`` is the execute_request with its metadata."""

    def reference(self, request_id: str) -> str | None:
        """The light reference for outputs of this request, if it is attributed."""

    def typed(self, request_id: str, prompt: str, answer: str | None) -> None:
        """``input()`` was answered; ``answer`` is None for a password."""

    def replied(self, request_id: str, content: Mapping[str, Any]) -> None:
        """The cell has ended, and this is its execute_reply."""

    def passed(self, header: bytes, parent: bytes, content: bytes) -> None:
        """A message goes out on IOPub. Called in the IOPub thread; must be quick."""


class KernelWire:
    """The wrapped methods of one kernel. Whatever fails here is logged, once, and no more."""

    def __init__(self, kernel: Any, listener: Listener) -> None:
        self._session = kernel.session
        self._socket = kernel.iopub_thread.socket
        self._listener = listener
        self._log = kernel.log
        self._open = False
        self._logged: set[str] = set()
        #: What each thread asks just now: request ID, prompt, and whether it is a password.
        self._asked: dict[int, tuple[str, str, bool]] = {}
        self._send: Send = self._session.send
        self._recv: Send = self._session.recv
        self._transmit: Send = self._socket.send_multipart
        # The bound methods as they were set, to be recognised when they are taken away again.
        self._wrappers = {
            "send": (self._session, self.send, self._send),
            "recv": (self._session, self.recv, self._recv),
            "send_multipart": (self._socket, self.send_multipart, self._transmit),
        }

    @staticmethod
    def possible(kernel: Any) -> bool:
        """True where the kernel is one of ipykernel's with its own IOPub thread."""
        thread = getattr(kernel, "iopub_thread", None)
        return (
            getattr(kernel, "session", None) is not None
            and getattr(thread, "socket", None) is not None
        )

    def attach(self) -> None:
        """Begin to listen."""
        for name, (owner, wrapper, _) in self._wrappers.items():
            setattr(owner, name, wrapper)
        self._open = True

    def detach(self) -> None:
        """Stop listening; where somebody wrapped us in the meantime, become a mere passage."""
        self._open = False
        for name, (owner, wrapper, original) in self._wrappers.items():
            if owner.__dict__.get(name) != wrapper:
                continue
            delattr(owner, name)
            if getattr(owner, name) != original:
                setattr(owner, name, original)

    def send(
        self,
        stream: Any,
        msg_or_type: Any,
        content: Any = None,
        parent: Any = None,
        *rest: Any,
        **named: Any,
    ) -> Any:
        """The session's."""
        if not self._open:
            return self._send(stream, msg_or_type, content, parent, *rest, **named)
        ready = isinstance(msg_or_type, Mapping)
        kind = msg_or_type.get("msg_type") if ready else msg_or_type
        try:
            if kind in MARKED:
                if ready:
                    msg_or_type = self._marked(msg_or_type)
                else:
                    content = self._with_reference(content, _request_id(parent))
            elif kind == "execute_input":
                self._listener.begins(parent, content)
            elif kind == "execute_reply":
                self._listener.replied(_request_id(parent), content)
            elif kind == "input_request":
                self._asked[threading.get_ident()] = (
                    _request_id(parent),
                    str(content["prompt"]),
                    bool(content.get("password")),
                )
        except Exception:
            self._failed(f"a message of kind {kind}")
        return self._send(stream, msg_or_type, content, parent, *rest, **named)

    def recv(self, socket: Any, *rest: Any, **named: Any) -> Any:
        """The session's: only answers to ``input()`` come by it."""
        received = self._recv(socket, *rest, **named)
        if self._open:
            try:
                self._answered(received)
            except Exception:
                self._failed("an answer to input()")
        return received

    def send_multipart(self, frames: Any, *rest: Any, **named: Any) -> Any:
        """The IOPub socket's."""
        # Sent first: nobody waits for what we do with it.
        sent = self._transmit(frames, *rest, **named)
        if self._open:
            try:
                self._passes(frames)
            except Exception:
                self._failed("an output")
        return sent

    def _marked(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        content = self._with_reference(message["content"], _request_id(message["parent_header"]))
        # Copied, not written into: the message, its content and its metadata may be the user's.
        return message if content is message["content"] else {**message, "content": content}

    def _with_reference(self, content: Any, request_id: str) -> Any:
        reference = self._listener.reference(request_id)
        if reference is None:
            return content
        return {**content, "metadata": {**(content.get("metadata") or {}), "mlo": reference}}

    def _answered(self, received: Any) -> None:
        message = received[1]
        if message is None or message.get("msg_type") != "input_reply":
            return
        asked = self._asked.pop(threading.get_ident(), None)
        if asked is None:
            return
        request_id, prompt, password = asked
        answer = None if password else str(message["content"]["value"])
        self._listener.typed(request_id, prompt, answer)

    def _passes(self, frames: list[bytes]) -> None:
        start = frames.index(DELIMITER)
        _, header, parent, _, content = frames[start + 1 : start + 6]
        self._listener.passed(header, parent, content)

    def _failed(self, what: str) -> None:
        if what not in self._logged:
            self._logged.add(what)
            # Not by logging's last resort: that is the cell's stderr, and would come here again.
            self._log.warning(
                "jupyter-mlo could not observe %s; the cell is not affected", what, exc_info=True
            )


def _request_id(parent: Mapping[str, Any]) -> str:
    header: Mapping[str, Any] = parent.get("header", parent)
    return str(header.get("msg_id", ""))
