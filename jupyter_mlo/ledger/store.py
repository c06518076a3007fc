"""Opening the ledger: where it is, whether it is there, and bringing it up to date."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import InvalidInput, NotFound
from jupyter_mlo.identity.private_files import locked
from jupyter_mlo.ledger.creation import create_log, key_file
from jupyter_mlo.ledger.database import Database, SqliteDatabase
from jupyter_mlo.ledger.log import Ledger
from jupyter_mlo.ledger.rows import Entry, Filter, Rows
from jupyter_mlo.ledger.schema import is_current
from jupyter_mlo.ledger.sequencer import Receipt

__all__ = ["PATIENCE", "Entry", "Filter", "Ledger", "Receipt", "database_path", "open_ledger"]

#: Seconds to wait for other writers before the ledger counts as unreachable.
PATIENCE: Final = 30.0


def open_ledger(
    settings: Settings,
    *,
    create: bool = True,
    patience: float = PATIENCE,
    on_network: Callable[[Path], bool] | None = None,
) -> Ledger:
    """Open this home's ledger; make it, or bring it to the current schema, where needed.

    Args:
        create: make a ledger where there is none.
        patience: seconds to wait for other writers.
        on_network: whether a path lies on a network file system; this machine's mounts decide
            by default.

    Raises:
        NotFound: there is none, and ``create`` is False.
        LedgerUnreachable: the database does not answer.
        LedgerError: a newer version wrote it, or it is damaged.
    """
    path = database_path(settings)
    if not create and not path.exists():
        raise NotFound(
            "there is no ledger here yet",
            hint="logging in, sealing a notebook or running one makes it",
        )
    database = SqliteDatabase(path, patience=patience, on_network=on_network or _on_network)
    try:
        if not is_current(database.revision()):
            with locked(settings.ledger / ".creation.lock"):
                _bring_up_to_date(database, settings)
        return Ledger(database, key_file(settings))
    except BaseException:
        database.close()
        raise


def database_path(settings: Settings) -> Path:
    """The file of the embedded ledger; raises :class:`InvalidInput` for other databases."""
    kind, separator, rest = settings.ledger_url.partition(":///")
    if not separator or kind != "sqlite" or not rest:
        raise InvalidInput(
            f"ledger.url {settings.ledger_url.split('@')[-1]!r} names no ledger that this version "
            "can open",
            hint="write sqlite:////absolute/path/ledger.sqlite3, or leave ledger.url out",
        )
    return settings.home / rest


def _bring_up_to_date(database: Database, settings: Settings) -> None:
    """Under the lock: another process may have been quicker."""
    revision = database.revision()
    if is_current(revision):
        return
    database.begin(write=True)
    try:
        database.migrate()
        if revision is None:
            create_log(Rows(database), settings)
        database.commit()
    except BaseException:
        database.rollback()
        raise


def _on_network(path: Path) -> bool:
    from jupyter_mlo.identity.home import resolved, this_place

    return bool(this_place(os.environ).network_kind(resolved(path)))
