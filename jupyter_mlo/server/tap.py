"""The server's own ear at each of its kernels.

Jupyter's kernel manager subscribes to each kernel's IOPub channel to know whether the kernel is
busy. That subscription exists from the kernel's start to its end, whether a browser is connected
or not, and its messages are checked for the kernel's signature: we listen there as well, which
costs no second socket. Where a manager has none, we subscribe ourselves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

#: Ends the routing prefix; signature, header, parent header, metadata and content follow.
DELIMITER = b"<IDS|MSG>"
Hear = Callable[[bytes, bytes, bytes], None]


class Tap:
    """Listens to one kernel; :meth:`sure` is called whenever it may have to listen anew."""

    def __init__(self, kernel_manager: Any, hear: Hear, log: logging.Logger) -> None:
        self._kernel = kernel_manager
        self._hear = hear
        self._log = log
        self._stream: Any = None
        self._own: Any = None
        self._said = False

    def sure(self) -> None:
        """Listen where the kernel publishes now; a restart may have moved it."""
        stream = getattr(self._kernel, "_activity_stream", None)
        callback = getattr(stream, "_recv_callback", None)
        if stream is None or callback is None:
            self._subscribe()
        elif stream is not self._stream:
            self.close()  # ours, from before there was another: nothing is to be heard twice
            self._stream = stream
            stream.on_recv(self._after(callback))

    def close(self) -> None:
        """Stop listening where the socket is ours."""
        if self._own is not None and not self._own.closed():
            self._own.close()
        self._own = None

    def _subscribe(self) -> None:
        ports = getattr(self._kernel, "ports", None)
        if self._own is not None and not self._own.closed() and self._stream == ports:
            return
        from jupyter_client.session import Session

        self.close()
        session = Session(config=self._kernel.session.config, key=self._kernel.session.key)

        def check(frames: list[bytes]) -> None:
            session.deserialize(session.feed_identities(frames)[1], content=False)

        self._stream, self._own = ports, self._kernel.connect_iopub()
        self._own.on_recv(self._after(check))

    def _after(self, checked: Callable[[list[bytes]], object]) -> Callable[[list[bytes]], None]:
        def received(frames: list[bytes]) -> None:
            checked(frames)  # raises where the signature is not the kernel's
            try:
                start = frames.index(DELIMITER)
                _, header, parent, _, content = frames[start + 1 : start + 6]
                self._hear(header, parent, content)
            except Exception:
                self._failed()

        return received

    def _failed(self) -> None:
        if not self._said:
            self._said = True
            self._log.warning("jupyter-mlo could not observe a kernel's message", exc_info=True)
