"""One writer for all runs of a batch: what ends together goes to the ledger together."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Final

from jupyter_mlo.config import Settings
from jupyter_mlo.ledger.publish import Published, publish
from jupyter_mlo.runs.on_record import OneByOne
from jupyter_mlo.statements.envelope import Envelope

#: Statements that are published at once at most, beside those of one run.
_MANY: Final = 500

_Asked = tuple[Sequence[Envelope], "Future[Published]"]


class Together:
    """The home's ledger, with one append for whatever waits when the last one is done.

    Used from any thread; entered and left once.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queue: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._head: Mapping[str, Any] | None = None
        self._asked = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="mlo-publisher", daemon=True)

    def __enter__(self) -> Together:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._queue.put(None)
        self._thread.join()

    def head(self) -> Mapping[str, Any] | None:
        """The newest checkpoint that this batch has seen."""
        with self._asked:
            if self._head is None:
                self._head = OneByOne(self._settings).head()
            return self._head

    def publish(self, envelopes: Sequence[Envelope]) -> Published:
        """Append, or have them wait; raises as :func:`~jupyter_mlo.ledger.publish.publish`."""
        done: Future[Published] = Future()
        self._queue.put((envelopes, done))
        return done.result()

    def _work(self) -> None:
        while True:
            batch = [self._queue.get()]
            while None not in batch and sum(len(each[0]) for each in batch if each) < _MANY:
                try:
                    batch.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            asked = [each for each in batch if each is not None]
            if asked:
                self._publish(asked)
            if None in batch:
                return

    def _publish(self, asked: Sequence[_Asked]) -> None:
        # A chain that several runs share goes once.
        envelopes = {one.statement_id: one for each, _ in asked for one in each}
        try:
            published = publish(self._settings, envelopes.values())
        except BaseException as error:
            for _, done in asked:
                done.set_exception(error)
            return
        if published.checkpoint is not None:
            self._head = published.checkpoint
        for each, done in asked:
            count = len(each) if published.count else 0
            done.set_result(replace(published, count=count, receipts=()))
