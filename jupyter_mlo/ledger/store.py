"""Opening the ledger: where it is, whether it is there, and bringing it up to date."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import InvalidInput, LedgerError, NotFound
from jupyter_mlo.identity.private_files import locked
from jupyter_mlo.ledger.address import SCHEME, Address, address_of, ledger_folder
from jupyter_mlo.ledger.creation import create_log, key_file, log_in, take_key, was_here
from jupyter_mlo.ledger.database import Database, SqliteDatabase
from jupyter_mlo.ledger.last_seen import FILE_NAME
from jupyter_mlo.ledger.log import Ledger
from jupyter_mlo.ledger.rows import Entry, Filter, Rows
from jupyter_mlo.ledger.schema import is_current
from jupyter_mlo.ledger.sequencer import Receipt

if TYPE_CHECKING:
    from jupyter_mlo.ledger.inbox import Writer
    from jupyter_mlo.ledger.postgres import PostgresDatabase

__all__ = [
    "PATIENCE",
    "Entry",
    "Filter",
    "Ledger",
    "Receipt",
    "connect",
    "database_path",
    "open_ledger",
    "open_writer",
    "upgrade",
]

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
        create: make a ledger where there is none, and there was none before. One in PostgreSQL
            is made by :func:`upgrade` only.
        patience: seconds to wait for other writers.
        on_network: whether a path lies on a network file system; this machine's mounts decide
            by default.
        clock: seconds since 1970, for what checkpoints say of when they were signed.

    Raises:
        NotFound: there is none, and ``create`` is False.
        LedgerUnreachable: the database does not answer.
        LedgerError: a newer version wrote it, or it is damaged, or lost.
    """
    address = address_of(settings)
    if address.path is None:
        return Ledger(_ready(settings, address, patience), key_file(settings), clock)
    path = address.path
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


def open_writer(settings: Settings, *, patience: float = PATIENCE) -> Writer:
    """The ledger for somebody who publishes: the embedded one itself, or a team's inbox.

    Raises:
        As :func:`open_ledger`.
    """
    address = address_of(settings)
    if address.path is not None:
        return open_ledger(settings, patience=patience)
    from jupyter_mlo.ledger.inbox import Inbox

    database = _ready(settings, address, patience)
    try:
        log = log_in(Rows(database))
        seen = ledger_folder(settings) / FILE_NAME
        return Inbox(database, log, seen, patience=patience)
    except BaseException:
        database.close()
        raise


def connect(settings: Settings, *, patience: float = PATIENCE) -> PostgresDatabase:
    """A connection to the PostgreSQL database that ``ledger.url`` names, whatever is in it.

    Raises:
        InvalidInput: it names none.
        LedgerUnreachable: the database does not answer.
    """
    address = address_of(settings)
    if address.path is not None:
        raise InvalidInput(
            f"the ledger of this home is the file {address.path}, which needs no server",
            hint=f'write [ledger] url = "{SCHEME}://USER@HOST/DATABASE" into '
            f"{settings.home / 'mlo.toml'}",
        )
    from jupyter_mlo.ledger.postgres import PostgresDatabase

    return PostgresDatabase(address, patience=patience)


def upgrade(settings: Settings, *, patience: float = PATIENCE, begin_log: bool = True) -> bool:
    """Bring the ledger's tables to the current schema; make what is missing, the log as well.

    Args:
        begin_log: False where another log is about to move in.

    Returns:
        whether anything was changed.

    Raises:
        LedgerUnreachable: the database does not answer, or does not permit it.
        LedgerError: a newer version wrote it, or it is damaged, or lost.
    """
    if address_of(settings).path is not None:
        open_ledger(settings, patience=patience).close()
        return False
    database = connect(settings, patience=patience)
    try:
        with locked(ledger_folder(settings) / ".creation.lock"):
            changed = _bring_up_to_date(database, settings, database.shown, begin_log=begin_log)
            if begin_log and Rows(database).log():
                take_key(settings, Ledger(database, key_file(settings)).verifier)
            return changed
    finally:
        database.close()


def _ready(settings: Settings, address: Address, patience: float) -> PostgresDatabase:
    """A connection to a ledger in PostgreSQL that can be used as it is.

    Whoever only uses it neither makes nor changes its tables.
    """
    database = connect(settings, patience=patience)
    try:
        revision = database.revision()
        if revision is None or (is_current(revision) and not Rows(database).log()):
            _not_lost(settings, address.shown, lambda: False)
            raise NotFound(
                f"there is no ledger in {address.shown} yet",
                hint="whoever keeps it makes it: jupyter mlo ledger upgrade, or ledger move",
            )
        if not is_current(revision):
            raise LedgerError(
                f"the ledger {address.shown} has an older schema than this version needs",
                hint="whoever keeps it brings it up to date: jupyter mlo ledger upgrade",
            )
        return database
    except BaseException:
        database.close()
        raise


def database_path(settings: Settings) -> Path:
    """The file of the embedded ledger; raises :class:`InvalidInput` where it is in PostgreSQL."""
    address = address_of(settings)
    if address.path is None:
        raise InvalidInput(
            f"the ledger {address.shown} is no file", hint="jupyter mlo status shows where it is"
        )
    return address.path


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


def _not_lost(settings: Settings, place: Path | str, came: Callable[[], bool]) -> None:
    """Refuse to take for new what is left of a ledger; ``came``: another process makes it now."""
    left = was_here(settings)
    if left is not None and not came():
        raise LedgerError(
            f"the ledger {place} is missing or empty, but there was one: {left} is here",
            hint="restore it from a backup; to begin a new one instead, move the folder "
            f"{left.parent} away (keep it: it shows what was lost)",
        )


def _bring_up_to_date(
    database: Database, settings: Settings, place: Path | str, *, begin_log: bool = True
) -> bool:
    """Whether there was anything to do; another process may have been quicker."""
    if is_current(database.revision()) and (not begin_log or Rows(database).log()):
        return False
    database.begin(write=True)
    try:
        revision = database.revision()
        empty = revision is None or (is_current(revision) and not Rows(database).log())
        if empty and begin_log:
            _not_lost(settings, place, lambda: False)
        if not is_current(revision):
            database.migrate()
        if empty and begin_log:
            create_log(Rows(database), settings)
        database.commit()
    except BaseException:
        database.rollback()
        raise
    if empty and begin_log:
        take_key(settings, Ledger(database, key_file(settings)).verifier)
    return True


def _on_network(path: Path) -> bool:
    from jupyter_mlo.identity.home import resolved, this_place

    return bool(this_place(os.environ).network_kind(resolved(path)))
