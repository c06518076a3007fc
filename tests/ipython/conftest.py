"""Real kernels in a throw-away home, with and without somebody logged in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlo.config import Settings, load_settings
from jupyter_mlo.delegation.enrolment import enrol_oneself
from jupyter_mlo.delegation.sessions import open_session
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.identity.ids import new_mlo_id
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.identity.profiles import Profile
from jupyter_mlo.identity.store import Identity
from jupyter_mlo.notebook.digests import output_digests, short
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates.notebook import Record
from jupyter_mlo.statements.statement import read_statement
from tests.ipython.frontend import Cell, FrontEnd, start_kernel, stop_kernel
from tests.throwaway import throwaway_environment

Start = Callable[..., FrontEnd]


class Home:
    """A throw-away home, its environment, and what was recorded in it."""

    def __init__(self, folder: Path) -> None:
        self.env = throwaway_environment(folder)
        self.settings: Settings = load_settings(self.env)
        runtime = Path(self.env["JUPYTER_RUNTIME_DIR"])
        self.settings = Settings(
            self.settings.home, runtime, self.settings.policy, self.settings.ledger_url
        )

    def log_in(self, name: str = "Ada", now: datetime | None = None, **options: Any) -> Signer:
        """A session, as `login` in a terminal would open it, for a new MLO."""
        key, mlo = SigningKey.generate(), new_mlo_id()
        now = now or datetime.now(UTC)
        who = Identity(mlo, "person", Profile(name=name), key.public, Path("/nowhere"))
        enrolment = enrol_oneself(mlo, "person", key, now=now)
        return open_session(self.settings, who, key, now=now, enrolments=[enrolment], **options)

    def envelopes(self) -> list[Envelope]:
        """All records of this home, in no order of kernels."""
        return [
            Envelope.from_json(json.loads(line)["envelope"])
            for path in sorted(self.settings.records.rglob("*.jsonl"))
            for line in path.read_bytes().splitlines()
            if line.strip()
        ]

    def records(self, cell: Cell | None = None, *, at_least: int = 0) -> list[Record]:
        """The records (of one execution), each checked to be well-formed and in parts' order."""
        deadline = time.monotonic() + 10
        while True:
            found = []
            for envelope in self.envelopes():
                predicate = read_statement(envelope).predicate
                assert isinstance(predicate, Record)
                if cell is None or predicate.request == cell.request:
                    found.append(predicate)
            if len(found) >= at_least or time.monotonic() > deadline:
                return sorted(found, key=lambda record: (record.started, record.part))
            time.sleep(0.02)

    def record(self, cell: Cell) -> Record:
        """The one record of ``cell``; waits for the background thread."""
        (record,) = self.records(cell, at_least=1)
        return record


def held(cell: Cell) -> list[str]:
    """Digests of the outputs that the front end holds."""
    return [short(digest) for digest in output_digests(cell.outputs)]


def recorded(record: Record) -> list[str]:
    """Digests of the outputs that the record holds."""
    return [emission.output for emission in record.outputs]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def start(home: Home) -> Iterator[Start]:
    """Starts kernels that end with the test."""
    started: list[FrontEnd] = []

    def start(load: bool = True, **env: str) -> FrontEnd:
        frontend = FrontEnd(start_kernel({**home.env, **env}))
        started.append(frontend)
        if load:
            loaded = frontend.run("%load_ext jupyter_mlo", id="load")
            assert loaded.reply["status"] == "ok", loaded.text
        return frontend

    yield start
    for frontend in started:
        frontend.close()
        stop_kernel(frontend.manager)


class Recording:
    """A kernel in which somebody is logged in."""

    def __init__(self, home: Home, frontend: FrontEnd, signer: Signer) -> None:
        self.home, self.frontend, self.signer = home, frontend, signer

    def run(self, source: str, **options: Any) -> Cell:
        """Run a cell that must end well."""
        cell = self.frontend.run(source, **options)
        assert cell.reply["status"] == "ok", cell.text
        return cell

    def check(self, source: str, **options: Any) -> Record:
        """Run a cell; its record must hold exactly what the front end holds."""
        cell = self.frontend.run(source, **options)
        record = self.home.record(cell)
        assert recorded(record) == held(cell), cell.outputs
        assert record.status == cell.reply["status"]
        assert record.mlo == self.signer.mlo
        return record


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """One kernel for all tests of a module, somebody logged in."""
    home = Home(tmp_path_factory.mktemp("home"))
    signer = home.log_in()
    frontend = FrontEnd(start_kernel(home.env))
    try:
        assert frontend.run("%load_ext jupyter_mlo", id="load").reply["status"] == "ok"
        yield Recording(home, frontend, signer)
    finally:
        frontend.close()
        stop_kernel(frontend.manager)
