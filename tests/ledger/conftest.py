"""Statements to put into ledgers, and the back ends that a ledger can have."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.ledger.store import Ledger, database_path, open_ledger
from jupyter_mlo.statements.envelope import Envelope, sign, statement_json
from jupyter_mlo.statements.predicates import types

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


@pytest.fixture(params=["sqlite"])
def backend(request: pytest.FixtureRequest, settings: Settings) -> BackEnd:
    """Every database that the store's contract holds for."""
    return BackEnd(settings)


@pytest.fixture
def ledger(backend: BackEnd) -> Iterator[Ledger]:
    """A new ledger."""
    with backend.open() as opened:
        yield opened
