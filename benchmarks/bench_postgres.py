"""A team's ledger in PostgreSQL: many writers through the sequencer, and what an outage left."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from subprocess import Popen

import psycopg

from benchmarks.bench_ledger import _stamp
from benchmarks.figure import Figure
from jupyter_mlo.config import Policy, Settings
from jupyter_mlo.ledger.content import content_of
from jupyter_mlo.ledger.inbox import Inbox
from jupyter_mlo.ledger.outbox import Outbox
from jupyter_mlo.ledger.publish import publish
from jupyter_mlo.ledger.store import open_ledger, open_writer, upgrade
from tests.postgresql import running

WRITERS, EACH, ROUNDS = 16, 250, 5
WAITED = 20
WAITING = 10_000
_fork = multiprocessing.get_context("fork")


def measure() -> Iterator[Figure]:
    """The figures of a team's ledger."""
    with tempfile.TemporaryDirectory() as folder, running(durable=True) as server:
        here = Path(folder)
        for name in ("bare", "mlo", "outage"):
            server.sql("postgres", f"CREATE DATABASE {name}")
        server.sql(
            "bare",
            "CREATE TABLE t (id bigserial PRIMARY KEY, envelope bytea NOT NULL) "
            "WITH (toast_tuple_target = 8160)",
        )
        keeper = _settings(here / "keeper", server.url("mlo"))
        upgrade(keeper)
        bare = partial(_insert_bare, server.conninfo("bare"))
        writer = partial(_write, here, server.url("mlo"))
        taken: list[tuple[float, float]] = []
        with _sequencer(keeper):
            for _ in range(ROUNDS):
                taken.append((_together(writer, EACH), _together(bare, EACH)))
            waited = _together(partial(_wait, here, server.url("mlo")), WAITED)
        _check(keeper, WRITERS * (ROUNDS * EACH + WAITED))
        # Of the rounds the one with the middle ratio.
        ours, peer = sorted(taken, key=lambda pair: pair[1] / pair[0])[len(taken) // 2]
        many = WRITERS * EACH
        yield Figure(
            f"{WRITERS} writers, until the last receipt",
            many / ours,
            "/s",
            many / peer,
            "bare inserts, as durable",
            at_least=0.5,
        )
        yield Figure(
            f"{WRITERS} writers, each waiting for each receipt", WRITERS * WAITED / waited, "/s"
        )
        what = f"{WAITING:,} statements after an outage"
        rate = _outage(_settings(here / "sqlite", f"sqlite:///{here}/sqlite/ledger/l.sqlite3"))
        yield Figure(f"{what}, SQLite", rate, "/s", at_least=2_000)
        keeper = _settings(here / "outage", server.url("outage"))
        upgrade(keeper)
        with _sequencer(keeper):
            rate = _outage(keeper)
        yield Figure(f"{what}, PostgreSQL", rate, "/s", at_least=2_000)


def _insert_bare(conninfo: str, envelopes: list[bytes], begin: Barrier) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        begin.wait()
        for envelope in envelopes:
            connection.execute("INSERT INTO t (envelope) VALUES (%s)", (envelope,))


def _write(here: Path, url: str, envelopes: list[bytes], begin: Barrier) -> None:
    """Hand in one statement a transaction, and at the end check the receipts of all."""
    contents = [content_of(envelope) for envelope in envelopes]
    with open_writer(_settings(here / f"writer-{os.getpid()}", url), patience=60) as writer:
        assert isinstance(writer, Inbox)
        begin.wait()
        for content in contents:
            writer.hand_in([content])
        writer.receipts(contents)


def _wait(here: Path, url: str, envelopes: list[bytes], begin: Barrier) -> None:
    """Hand in one statement, wait for its receipt, and go on."""
    with open_writer(_settings(here / f"writer-{os.getpid()}", url), patience=60) as writer:
        begin.wait()
        for envelope in envelopes:
            writer.append([envelope])


def _together(act: partial[None], each: int) -> float:
    """Seconds until the last of all writers is done, each in a process of its own."""
    begin = _fork.Barrier(WRITERS + 1)
    shares = [[_stamp().to_bytes() for _ in range(each)] for _ in range(WRITERS)]
    processes = [_fork.Process(target=act, args=(share, begin)) for share in shares]
    for process in processes:
        process.start()
    begin.wait()
    began = time.perf_counter()
    for process in processes:
        process.join()
    taken = time.perf_counter() - began
    assert all(process.exitcode == 0 for process in processes)
    return taken


def _outage(settings: Settings) -> float:
    """Statements a second from the outbox into the ledger, where all are once."""
    Outbox(settings).put([content_of(_stamp()) for _ in range(WAITING)])
    began = time.perf_counter()
    published = publish(settings, [], patience=60)
    taken = time.perf_counter() - began
    assert (published.flushed, published.waiting) == (WAITING, 0), published.why
    _check(settings, WAITING)
    return WAITING / taken


def _check(settings: Settings, count: int) -> None:
    with open_ledger(settings, create=False) as ledger:
        assert ledger.verify().holds
        assert len({entry.statement_id for entry in ledger.entries()}) == ledger.size == count


@contextmanager
def _sequencer(settings: Settings) -> Iterator[None]:
    """`jupyter mlo ledger serve` in a process of its own."""
    (settings.home / "mlo.toml").write_text(f'[ledger]\nurl = "{settings.ledger_url}"\n')
    environ = os.environ | {"MLO_HOME": str(settings.home)}
    command = [sys.executable, "-m", "jupyter_mlo.cli.main", "ledger", "serve"]
    with ExitStack() as stack, (settings.home / "said").open("w+") as said:
        process = Popen(command, env=environ, stdout=said, stderr=said)
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)
        until = time.monotonic() + 60
        while " serving " not in (settings.home / "said").read_text():
            assert process.poll() is None, (settings.home / "said").read_text()
            assert time.monotonic() < until, "the sequencer does not start"
            time.sleep(0.05)
        yield


def _settings(home: Path, url: str) -> Settings:
    return Settings(home=home, runtime=home / "runtime", policy=Policy(), ledger_url=url)
