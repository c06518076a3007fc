"""Opening the ledger: where it is, whether it is there, and bringing it up to date."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import InvalidInput, LedgerError, NotFound
from jupyter_mlo.identity.private_files import locked
from jupyter_mlo.ledger.creation import create_log, key_file, take_key, was_here
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
    clock: Callable[[], float] = time.time,
) -> Ledger:
    """Open this home's ledger; make it, or bring it to the current schema, where needed.

    Args:
        create: make a ledger where there is none, and there was none before.
        patience: seconds to wait for other writers.
        on_network: whether a path lies on a network file system; this machine's mounts decide
            by default.
        clock: seconds since 1970, for what checkpoints say of when they were signed.

    Raises:
        NotFound: there is none, and ``create`` is False.
        LedgerUnreachable: the database does not answer.
        LedgerError: a newer version wrote it, or it is damaged, or lost.
    """
    path = database_path(settings)
    if not _begun(path):  # seen before SQLite makes a database of an empty file
        _not_lost(settings, path, lambda: _begun(path))
        if not create:
            raise _none_yet()
    database = SqliteDatabase(path, patience=patience, on_network=on_network or _on_network)
    try:
        if not is_current(database.revision()):
            if database.revision() is None:
                _not_lost(settings, path, lambda: database.revision() is not None)
                if not create:
                    raise _none_yet()
            with locked(settings.ledger / ".creation.lock"):
                _bring_up_to_date(database, settings, path)
        ledger = Ledger(database, key_file(settings), clock)
        take_key(settings, ledger.verifier)
        return ledger
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


def _begun(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False


def _none_yet() -> NotFound:
    return NotFound(
        "there is no ledger here yet",
        hint="logging in, sealing a notebook or running one makes it",
    )


def _not_lost(settings: Settings, path: Path, came: Callable[[], bool]) -> None:
    """Refuse to take for new what is left of a ledger; ``came``: another process makes it now."""
    left = was_here(settings)
    if left is not None and not came():
        raise LedgerError(
            f"the ledger {path} is missing or empty, but there was one: {left} is here",
            hint="restore it from a backup; to begin a new one instead, move the folder "
            f"{settings.ledger} away (keep it: it shows what was lost)",
        )


def _bring_up_to_date(database: Database, settings: Settings, path: Path) -> None:
    """Under the lock: another process may have been quicker."""
    revision = database.revision()
    if is_current(revision):
        return
    if revision is None:
        _not_lost(settings, path, lambda: False)
    database.begin(write=True)
    try:
        database.migrate()
        if revision is None:
            create_log(Rows(database), settings)
        database.commit()
    except BaseException:
        database.rollback()
        raise
    if revision is None:
        take_key(settings, Ledger(database, key_file(settings)).verifier)


def _on_network(path: Path) -> bool:
    from jupyter_mlo.identity.home import resolved, this_place

    return bool(this_place(os.environ).network_kind(resolved(path)))
