"""What the store needs of a database, and SQLite: connection, durability, locks, faults.

The store speaks plain SQL with ``?`` for parameters through :class:`Database`. SQLite is
driven by its own driver, without SQLAlchemy, whose import alone costs more than a hundred
appends (docs/adr/0006); ``postgres.py`` is the other one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

from jupyter_mlo.errors import LedgerError
from jupyter_mlo.identity.private_files import make_private_folder, sync_folder

Row = tuple[Any, ...]
#: Most envelopes take 2 kB: only one would fit into a page of the usual 4 kB.
_PAGE_SIZE: Final = 8192
_CACHE_KIB: Final = 16 * 1024


class LedgerUnreachable(LedgerError):
    """The ledger's database cannot be read or written now: locked, full, read-only, damaged."""


class ContentRefused(LedgerUnreachable):
    """The database does not take what was to be written, and does answer."""


class Database(Protocol):
    """What the store needs of a database.

    Every method raises :class:`LedgerUnreachable` where the database does not answer.
    """

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement."""

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row."""

    def begin(self, *, write: bool) -> None:
        """Begin a transaction; one that writes is the only one until it ends."""

    def commit(self) -> None:
        """End the transaction; what it wrote is on disk on return."""

    def rollback(self) -> None:
        """End the transaction, with nothing changed."""

    def revision(self) -> str | None:
        """The schema's revision; None where there is no schema yet."""

    def migrate(self) -> None:
        """Bring the schema to what this code knows, inside the open transaction."""

    def faults(self) -> list[str]:
        """What the database says is wrong with its own files."""

    def close(self) -> None:
        """Let go of the database."""


class SqliteDatabase:
    """SQLite in a file of mode 0600.

    Durable on commit: write-ahead log with synchronous FULL. Where the file is on a network
    file system that log fails, so a rollback journal is used there, with synchronous
    EXTRA: FULL does not sync the folder after the journal's unlinking, and a power cut
    could then undo a commit.
    """

    def __init__(self, path: Path, *, patience: float, on_network: Callable[[Path], bool]) -> None:
        """Open or make ``path``.

        Args:
            patience: seconds to wait for another writer before giving up.
            on_network: whether a path lies on a network file system.
        """
        self._path = path
        with self._named():
            self._connection = self._connect(patience)
            self._connection.text_factory = _text
            if not self._read_only():
                self._set_durability(on_network(path), time.monotonic() + patience)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._connection.in_transaction

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise _unreachable(error, self._path) from error

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement."""
        try:
            self._connection.execute(sql, parameters)
        except sqlite3.Error as error:
            raise _unreachable(error, self._path) from error

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row."""
        try:
            self._connection.executemany(sql, rows)
        except sqlite3.Error as error:
            raise _unreachable(error, self._path) from error

    def begin(self, *, write: bool) -> None:
        """Begin a transaction; one that writes takes the database's one write lock now."""
        self.execute("BEGIN IMMEDIATE" if write else "BEGIN")

    def commit(self) -> None:
        """End the transaction; what it wrote is on disk on return."""
        self.execute("COMMIT")

    def rollback(self) -> None:
        """End the transaction, with nothing changed; a full disk may have ended it before."""
        if self._connection.in_transaction:
            self.execute("ROLLBACK")

    def revision(self) -> str | None:
        """The schema's revision; None where there is no schema yet."""
        tables = {name for (name,) in self.query("SELECT name FROM sqlite_master")}
        if not tables:
            return None
        known = "alembic_version" in tables
        rows = self.query("SELECT version_num FROM alembic_version") if known else []
        return the_revision(rows, self._path, _RESTORE)

    def migrate(self) -> None:
        """Bring the schema to what this code knows, inside the open transaction."""
        from jupyter_mlo.ledger.schema import migrate

        with self._named():
            migrate(self._connection, "sqlite://")

    def faults(self) -> list[str]:
        """What SQLite finds wrong with the file's pages and indexes."""
        rows = self.query("PRAGMA integrity_check(20)")
        return [str(row[0]) for row in rows if row[0] != "ok"]

    def close(self) -> None:
        """Let go of the file."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def _connect(self, patience: float) -> sqlite3.Connection:
        if not os.path.exists(self._path):
            # SQLite would make it as readable as the umask allows; its log files get this mode.
            make_private_folder(self._path.parent)
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self._path, flags, 0o600))
            sync_folder(self._path.parent)
        return sqlite3.connect(
            f"file:{quote(str(self._path))}{self._mode()}",
            uri=True,
            timeout=patience,
            isolation_level=None,
        )

    def _mode(self) -> str:
        if not self._read_only():
            return "?mode=rw"
        log = self._path.with_name(self._path.name + "-wal")
        waiting = log.exists() and log.stat().st_size > 0
        return "?mode=ro" if waiting else "?mode=ro&immutable=1"

    def _read_only(self) -> bool:
        return not (os.access(self._path, os.W_OK) and os.access(self._path.parent, os.W_OK))

    def _set_durability(self, network: bool, end: float) -> None:
        wanted, synchronous = ("delete", "EXTRA") if network else ("wal", "FULL")
        run = self._connection.execute
        while run("PRAGMA journal_mode").fetchone()[0] != wanted:
            try:
                run(f"PRAGMA page_size = {_PAGE_SIZE}")  # of a new file only
                run(f"PRAGMA journal_mode = {wanted}")
                break
            except sqlite3.OperationalError as error:
                # Where several make the file at once, SQLite does not wait for this one lock.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
                time.sleep(0.01)
        run(f"PRAGMA synchronous = {synchronous}")
        run(f"PRAGMA cache_size = -{_CACHE_KIB}")
        if sys.platform == "darwin":  # there fsync leaves data in the drive's cache
            run("PRAGMA fullfsync = 1")

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise _unreachable(error, self._path) from error


def _text(stored: bytes) -> str:
    """Text as stored; what is no UTF-8 must not keep a changed row from being named."""
    return stored.decode("utf-8", "backslashreplace")


def _unreachable(error: Exception, path: Path) -> LedgerUnreachable:
    """The error with its cause in words, by SQLite's extended result code or ``errno``."""
    if isinstance(error, OSError):
        code = errno.errorcode.get(error.errno or 0, "")
    else:
        code = getattr(error, "sqlite_errorname", None) or ""
    for names, what, hint in _CAUSES:
        if code.startswith(names):
            return LedgerUnreachable(f"the ledger {path} {what}", hint=hint)
    return LedgerUnreachable(
        f"the ledger {path} cannot be used: {error}",
        hint="jupyter mlo ledger verify says what is wrong with it",
    )


def the_revision(rows: Sequence[Row], ledger: object, hint: str) -> str:
    """The schema that Alembic's one row names; raises :class:`LedgerUnreachable` without it."""
    if len(rows) != 1:
        raise LedgerUnreachable(
            f"the ledger {ledger} is damaged: it does not say which schema it has", hint=hint
        )
    return str(rows[0][0])


_ROOM = "make room on its disk; what waits in the outbox follows by itself"
_ACCESS = "see who owns it and who may write there, or set MLO_HOME to a place of your own"
_RESTORE = (
    "keep the file as it is for inspection, restore a backup in its place, "
    "then run jupyter mlo ledger verify"
)
_CAUSES: Final = (
    (("SQLITE_BUSY", "SQLITE_LOCKED"), "is locked by another process", "try again in a moment"),
    (("SQLITE_FULL", "ENOSPC", "EDQUOT"), "cannot grow: the disk is full", _ROOM),
    (("SQLITE_READONLY", "EROFS", "EACCES", "EPERM"), "is read-only here", _ACCESS),
    (("SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH"), "cannot be opened", _ACCESS),
    (("SQLITE_IOERR",), "cannot be read or written: the disk reports an error", _ROOM),
    (("SQLITE_CORRUPT", "SQLITE_NOTADB"), "is damaged", _RESTORE),
    (("SQLITE_CONSTRAINT",), "has rows beyond its last checkpoint", _RESTORE),
)
