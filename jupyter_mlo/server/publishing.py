"""What saves publish: on disk before a save is answered, in the ledger when it is quiet."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mlo.server.app import MloApp
    from jupyter_mlo.statements.envelope import Envelope

#: Seconds after the last save until seals are put into the ledger.
QUIET = 0.5


class Publishing:
    """On the event loop, but for what its workers do."""

    def __init__(self, app: MloApp) -> None:
        self._app = app
        #: What waits in the outbox is published when nobody has saved for a moment.
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = False
        #: One may wait for the ledger, which others hold; the other waits for the disk only.
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="jupyter-mlo-saving")
        self._flushing: Future[None] | None = None
        #: Path → its statements on their way to the disk, and what brings them there.
        self._finishing: dict[str, tuple[Future[None], Callable[[], None]]] = {}

    def begin(self, path: str, statements: Sequence[Envelope], then: Callable[[], None]) -> None:
        """What the save of a notebook publishes goes to the disk, beside Jupyter's own writing.

        Args:
            then: called on the event loop when it is there.
        """
        from jupyter_mlo.ledger.content import content_of
        from jupyter_mlo.ledger.outbox import Outbox

        self.finish(path)  # of a save that nobody has told us the end of
        finish = Outbox(self._app.settings).begin([content_of(one) for one in statements])
        self._waiting = True
        future = self._workers.submit(finish)
        self._finishing[path] = future, finish

        def tell() -> None:
            then()
            self._soon()

        future.add_done_callback(lambda _: self._app.on_loop(tell))

    def finish(self, path: str) -> None:
        """Have what a save publishes on disk; here, where no worker has come to it yet."""
        future, finish = self._finishing.pop(path, (None, None))
        if future is None or finish is None:
            return
        try:
            if future.cancel():
                finish()
            else:
                future.result()
        except Exception:
            self._app.watching.failed("keep a seal for the ledger")

    def _soon(self) -> None:
        """On the event loop."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(QUIET, self._now)

    def _now(self) -> None:
        if self._flushing is not None and not self._flushing.done():
            self._soon()  # the ledger is waited for: one at a time
            return
        self._timer = None
        with contextlib.suppress(RuntimeError):  # the server ends, and sees to it itself
            self._flushing = self._workers.submit(self._flush)

    def _flush(self) -> None:
        """What waits in the outbox, into the ledger."""
        from jupyter_mlo.ledger.publish import publish

        self._waiting = False
        try:
            publish(self._app.settings, [])
        except Exception:
            self._app.watching.failed("put a seal into the ledger: it waits in the outbox")

    def close(self) -> None:
        """Publish what waits."""
        for path in list(self._finishing):
            self.finish(path)
        if self._timer is not None:
            self._timer.cancel()
        self._workers.shutdown(wait=True)
        if self._waiting:
            self._flush()
