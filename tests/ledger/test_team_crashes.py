"""Writers, sequencer and PostgreSQL are killed at any point: each statement counts once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.ledger.publish import publish
from jupyter_mlo.ledger.store import open_ledger, upgrade
from tests.ledger.conftest import PostgresBackEnd, make_envelope, served
from tests.ledger.test_crashes import Writer
from tests.ledger.test_team import CUT
from tests.postgresql import Server, running, wait_until

#: Publishes without end; says each statement ID, and how many reached the ledger at once.
PUBLISHER = """
import sys
from jupyter_mlo.config import load_settings
from jupyter_mlo.ledger.publish import publish
from tests.ledger.conftest import make_envelope
first = int(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for n in range(first, first + 100_000, 2):
    envelopes = [make_envelope(n), make_envelope(n + 1)]
    published = publish(load_settings(), envelopes, patience=2)
    for envelope in envelopes:
        print(envelope.statement_id, published.count, flush=True)
"""


class Sequencer:
    """`jupyter mlo ledger serve` in a process of its own."""

    def __init__(self, settings: Settings, env: dict[str, str]) -> None:
        self._log = settings.home / "said"
        self._env = home_of(settings, env)
        self.start()

    def start(self) -> None:
        """Start it, and wait until it serves."""
        with self._log.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyter_mlo.cli.main", "ledger", "serve"],
                env=self._env,
                stdout=said,
                stderr=said,
            )
        wait_until(lambda: " serving " in self.said(), what="the sequencer's start")

    def said(self) -> str:
        """What it has said so far."""
        return self._log.read_text()

    def kill(self) -> None:
        """As a machine that stops: it has no time to do anything."""
        self.process.kill()
        self.process.wait(30)


def home_of(settings: Settings, env: dict[str, str]) -> dict[str, str]:
    """The environment of processes in that home."""
    settings.home.mkdir(mode=0o700, exist_ok=True)
    config = settings.home / "mlo.toml"
    config.write_text(f'[ledger]\nurl = "{settings.ledger_url}"\n')
    here = str(Path(__file__).parents[2])
    return env | {"MLO_HOME": str(settings.home), "PYTHONPATH": os.pathsep.join([here, *sys.path])}


def count_once(settings: Settings, homes: list[Settings], said: Counter[str]) -> None:
    """What waits is handed over; then all that was ever said is there, each once."""
    for home in homes:  # the sequencer may still be on its way back
        wait_until(
            lambda home=home: publish(home, [], patience=30).waiting == 0, what="an empty outbox"
        )
    with open_ledger(settings) as ledger:
        report = ledger.verify()
        assert report.holds, [str(fault) for fault in report.faults]
        held = Counter(entry.statement_id for entry in ledger.entries())
    assert max(held.values()) == 1
    assert set(said) <= set(held)


@pytest.mark.parametrize("what", ["sequencer", "writers", "connections", "PostgreSQL"])
def test_whatever_is_killed_each_statement_counts_once(
    settings: Settings,
    postgres: Server,
    home_env: dict[str, str],
    tmp_path: Path,
    what: str,
) -> None:
    chance = random.Random(what)
    with running() if what == "PostgreSQL" else nullcontext(postgres) as server:
        team = PostgresBackEnd.of(settings, server)
        upgrade(team.settings)
        sequencer = Sequencer(team.settings, home_env)
        homes = [replace(team.settings, home=tmp_path / f"writer-{n}") for n in range(3)]

        def begin(n: int) -> Writer:
            first = n * 1_000_000 + chance.randrange(900_000)
            writer = Writer(PUBLISHER, home_of(homes[n], home_env), tmp_path, first)
            writer.begin()
            return writer

        writers = [begin(n) for n in range(3)]
        said: Counter[str] = Counter()
        acts: dict[str, Callable[[], None]] = {
            "sequencer": lambda: (sequencer.kill(), time.sleep(0.3), sequencer.start()),
            "connections": lambda: team.rows(CUT),
            "PostgreSQL": lambda: (server.stop("immediate"), time.sleep(0.3), server.start()),
            "writers": lambda: None,
        }
        for _ in range(2):
            for writer in writers:
                writer.wait_for(len(writer.lines()) + 4)
            time.sleep(chance.uniform(0, 0.1))
            acts[what]()
            if what == "writers":
                n = chance.randrange(3)
                said.update(line.split()[0] for line in writers[n].killed())
                writers[n] = begin(n)
        for writer in writers:
            said.update(line.split()[0] for line in writer.killed())
        assert len(said) > 20
        count_once(team.settings, homes, said)
        sequencer.process.send_signal(signal.SIGTERM)
        assert sequencer.process.wait(30) == 0, sequencer.said()
        assert " stopped; " in sequencer.said()


def test_many_statements_after_an_outage_are_all_there_once(
    team: PostgresBackEnd, writer: Settings
) -> None:
    from jupyter_mlo.ledger.content import content_of
    from jupyter_mlo.ledger.outbox import Outbox

    contents = [content_of(make_envelope(n)) for n in range(2_500)]
    Outbox(writer).put(contents)
    assert publish(writer, []).waiting == 2_500
    with served(team.settings):
        published = publish(writer, [], patience=60)
    assert (published.flushed, published.waiting) == (2_500, 0)
    with open_ledger(writer) as ledger:
        assert ledger.verify().holds
        held = [entry.statement_id for entry in ledger.entries()]
    assert held == [content.statement_id.hex() for content in contents]
