"""Statements to put into ledgers, and the back ends that a ledger can have."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.ledger.address import ledger_folder
from jupyter_mlo.ledger.serving import Service
from jupyter_mlo.ledger.store import Ledger, database_path, open_ledger, upgrade
from jupyter_mlo.statements.envelope import Envelope, sign, statement_json
from jupyter_mlo.statements.predicates import types
from tests.postgresql import Server, wait_until

KEY = SigningKey.generate()
MakeEnvelope = Callable[..., Envelope]


def make_envelope(
    n: int,
    *,
    mlo: str = "mlo:7K3D-9QXA-2MFB",
    predicate_type: str = types.SEAL,
    activity: str = "training",
    time: str | None = None,
    padding: int = 0,
) -> Envelope:
    """A signed statement like those that are published; ``n`` makes it another one."""
    moment = time or f"2026-11-22T10:{n // 60 % 60:02d}:{n % 60:02d}.000Z"
    prefix = "mlo_" if predicate_type in types.STANDARD else ""
    predicate = {
        "mlo_id" if prefix else "mlo": mlo,
        f"{prefix}keyId": KEY.key_id,
        f"{prefix}nonce": f"{n:022d}",
        f"{prefix}time": moment,
        f"{prefix}checkpoint": None,
        f"{prefix}delegation": None,
        f"{prefix}activity": activity,
        "padding": "x" * padding,
    }
    subject = [{"name": f"notebook {n}", "digest": {"mloNotebookV1": f"{n:064x}"}}]
    return sign(statement_json(predicate_type, subject, predicate), KEY)


@pytest.fixture(scope="session")
def envelopes() -> list[Envelope]:
    """Thirty statements, all different."""
    return [make_envelope(n) for n in range(30)]


@dataclass(frozen=True)
class BackEnd:
    """One database that a ledger can be in, and the way round the ledger for attackers."""

    settings: Settings

    def open(self, **options: Any) -> Ledger:
        """Open the ledger as every user of it does."""
        return open_ledger(self.settings, **options)

    def attack(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Change rows behind the ledger's back; how many were changed."""
        connection = sqlite3.connect(database_path(self.settings))
        try:
            with connection:
                return connection.execute(sql, parameters).rowcount
        finally:
            connection.close()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a query gives, behind the ledger's back."""
        connection = sqlite3.connect(database_path(self.settings))
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    @property
    def key(self) -> Path:
        """The log's key."""
        return ledger_folder(self.settings) / "checkpoint.key"

    def another(self, home: Path) -> BackEnd:
        """A home with a ledger of its own, in the same kind of database."""
        return BackEnd(
            replace(self.settings, home=home, ledger_url=f"sqlite:///{home / 'l.sqlite3'}")
        )


@dataclass(frozen=True)
class PostgresBackEnd(BackEnd):
    """A database of its own in a PostgreSQL server."""

    server: Server
    name: str

    @classmethod
    def of(cls, settings: Settings, server: Server) -> PostgresBackEnd:
        """A new database, to which the home's ``ledger.url`` points."""
        name = f"mlo_{secrets.token_hex(4)}"
        server.sql("postgres", f"CREATE DATABASE {name}")
        return cls(replace(settings, ledger_url=server.url(name)), server, name)

    def open(self, **options: Any) -> Ledger:
        """Open the ledger; made before, where it is to be made."""
        if options.get("create", True):
            upgrade(self.settings)
        return super().open(**options)

    def attack(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Change rows behind the ledger's back; how many were changed."""
        import psycopg

        with psycopg.connect(self.server.conninfo(self.name)) as connection:
            # Whoever owns the database is not kept by foreign keys.
            connection.execute("SET session_replication_role = replica")
            return connection.execute(sql.replace("?", "%s"), parameters).rowcount

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a query gives, behind the ledger's back."""
        import psycopg

        with psycopg.connect(self.server.conninfo(self.name)) as connection:
            return connection.execute(sql.replace("?", "%s"), parameters).fetchall()

    def another(self, home: Path) -> BackEnd:
        """A home with a ledger of its own, in the same server."""
        return PostgresBackEnd.of(replace(self.settings, home=home), self.server)


@pytest.fixture
def backend(settings: Settings) -> BackEnd:
    """The embedded ledger."""
    return BackEnd(settings)


@pytest.fixture
def team(settings: Settings, postgres: Server) -> PostgresBackEnd:
    """A ledger in PostgreSQL."""
    return PostgresBackEnd.of(settings, postgres)


@pytest.fixture(params=["sqlite", "postgresql"])
def any_backend(request: pytest.FixtureRequest) -> BackEnd:
    """Every database that the store's contract holds for."""
    found: BackEnd = request.getfixturevalue(
        {"sqlite": "backend", "postgresql": "team"}[request.param]
    )
    return found


@pytest.fixture
def ledger(backend: BackEnd) -> Iterator[Ledger]:
    """A new ledger."""
    with backend.open() as opened:
        yield opened


@contextmanager
def served(settings: Settings, *, stand_by: bool = False) -> Iterator[list[str]]:
    """The sequencer in a thread, from when it serves (or stands by); what it has said so far."""
    said: list[str] = []
    errors: list[BaseException] = []
    service = Service(settings, said.append, stand_by=stand_by)

    def run() -> None:
        try:
            service.run()
        except BaseException as error:  # raised again in the thread that asked
            errors.append(error)

    thread = Thread(target=run)
    thread.start()
    try:
        wait_until(lambda: said or errors, what="the start of the sequencer")
        if errors:
            raise errors[0]
        yield said
    finally:
        service.stop()
        thread.join(60)
    if errors:
        raise errors[0]


@pytest.fixture
def writer(team: PostgresBackEnd, tmp_path: Path) -> Settings:
    """A home of somebody in the team: without the log's key. The team's tables are made."""
    upgrade(team.settings)
    return replace(team.settings, home=tmp_path / "writer")
