"""Which schema a ledger has, and how it comes to the one that this code knows.

Knowing costs one row; only a ledger that has to be changed imports Alembic and SQLAlchemy.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any, Final

from jupyter_mlo.errors import LedgerError

#: Every revision, oldest first (a test holds this against the migrations).
REVISIONS: Final = ("0001",)
CURRENT: Final = REVISIONS[-1]


def is_current(revision: str | None) -> bool:
    """Whether a ledger of ``revision`` can be used as it is.

    Raises:
        LedgerError: this code does not know that revision.
    """
    if revision is not None and revision not in REVISIONS:
        raise LedgerError(
            f"the ledger has the schema {revision[:40]!r}, and this version of jupyter-mlo knows "
            f"none after {CURRENT!r}",
            hint="a newer version has written it: install that one, pip install -U jupyter-mlo",
        )
    return revision == CURRENT


def migrate(connection: Any, dialect: str) -> None:
    """Bring a ledger to the current schema, inside the transaction that the caller has begun.

    Args:
        connection: the driver's; in a transaction, and still in the same one afterwards.
        dialect: the driver as SQLAlchemy names it, such as ``sqlite://``.

    Raises:
        Exception: the driver's own, where the database refuses; the transaction is to be rolled
            back.
    """
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import StaticPool

    # SQLAlchemy would look for PostgreSQL's type hstore, which is none of ours.
    options = {"use_native_hstore": False} if dialect.startswith("postgresql") else {}
    engine = create_engine(
        dialect, creator=lambda: _Lent(connection), poolclass=StaticPool, **options
    )
    config = Config()
    config.set_main_option("script_location", "jupyter_mlo.ledger:migrations")
    try:
        with engine.connect() as lent:
            config.attributes["connection"] = lent
            with _quiet():
                command.upgrade(config, "head")
    except DBAPIError as error:  # the caller knows the driver's own errors
        raise error.orig or error from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Alembic's remarks on its work are no news to whoever has papermill log what runs."""
    alembic = logging.getLogger("alembic")
    before = alembic.level
    alembic.setLevel(logging.WARNING)
    try:
        yield
    finally:
        alembic.setLevel(before)


class _Lent:
    """A connection whose transaction ends only by its owner's hand."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def commit(self) -> None:
        """Leave the transaction open."""

    def rollback(self) -> None:
        """Leave the transaction open."""

    def close(self) -> None:
        """Leave the connection open."""
