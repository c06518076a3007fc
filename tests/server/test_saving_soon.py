"""What a save leaves for later, and what it remembers: without a server."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.ledger.outbox import Outbox
from jupyter_mlo.server import publishing
from jupyter_mlo.server.chains import Chains
from jupyter_mlo.server.saving import SaveHook
from tests.notebook.people import ALICE, Person


class Bench:
    """A hook, with what of the server it uses here."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.told: list[Any] = []
        self.troubles: list[str] = []
        self.waiting: list[Any] = []
        watching = SimpleNamespace(failed=self.troubles.append)
        app: Any = SimpleNamespace(
            settings=settings,
            watching=watching,
            on_loop=self.waiting.append,
        )
        self.app, self.hook = app, SaveHook(app)
        self.signer = Person(ALICE, "alice").session()

    def publish(self, path: str) -> None:
        self.hook._publishing.begin(path, self.signer.chain, lambda: self.told.append(path))

    def saved(self, path: str) -> int:
        """How many statements are on disk when a save is answered."""
        self.hook.saved(model={"path": path}, os_path=str(self.settings.home / path))
        return Outbox(self.settings).waiting()


@pytest.fixture
def bench(settings: Settings) -> Iterator[Bench]:
    found = Bench(settings)
    yield found
    found.hook._publishing._workers.shutdown(wait=True)


def test_what_is_published_is_on_disk_before_the_save_is_answered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        time.sleep(0.05)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    begun = time.monotonic()
    bench.publish("a.ipynb")
    assert time.monotonic() - begun < 0.05  # Jupyter writes meanwhile
    assert bench.saved("a.ipynb") == len(bench.signer.chain)


def test_no_save_waits_for_workers_that_wait_for_others(bench: Bench) -> None:
    free = threading.Event()
    for _ in range(2):
        bench.hook._publishing._workers.submit(free.wait, 30)
    bench.publish("a.ipynb")
    assert bench.saved("b.ipynb") == 0
    assert bench.saved("a.ipynb") == len(bench.signer.chain)
    free.set()


def test_a_disk_that_fails_costs_the_save_nothing_and_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    bench.publish("a.ipynb")
    assert bench.saved("a.ipynb") == 0
    assert bench.troubles == ["keep a seal for the ledger"]


def test_what_waits_is_published_once_when_nobody_saves_for_a_moment(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[float] = []
    monkeypatch.setattr(publishing, "QUIET", 0.1)
    monkeypatch.setattr(
        bench.hook._publishing, "_flush", lambda: published.append(time.monotonic())
    )

    async def save_thrice() -> float:
        loop = asyncio.get_running_loop()
        bench.app.on_loop = loop.call_soon_threadsafe
        for _ in range(3):
            bench.publish("a.ipynb")
            bench.saved("a.ipynb")
            await asyncio.sleep(0.02)
        last = time.monotonic()
        await asyncio.sleep(0.4)
        return last

    last = asyncio.run(save_thrice())
    assert len(published) == 1
    assert published[0] - last > 0.05
    assert len(bench.told) == 3


def test_a_pool_is_of_the_very_envelopes_that_were_asked_for(settings: Settings) -> None:
    with ThreadPoolExecutor(1) as workers:
        chains = Chains(settings, workers, print)
        signer = Person(ALICE, "alice").session()
        first = chains.pool([signer], ())
        assert chains.pool([signer], ()) is first
        # The statement's ID is the same; the signature does not hold.
        first_link, *rest = signer.chain
        broken = dataclasses.replace(first_link, signature=b"no signature")
        forged = dataclasses.replace(signer, chain=(broken, *rest))
        found = chains.pool([forged], ())
        assert found is not first
        (enrolment,) = found.enrolments[ALICE]
        assert enrolment.envelope.signature == b"no signature"
        again = chains.pool([signer], ()).enrolments[ALICE][0]
        assert again.envelope.signature == first_link.signature
