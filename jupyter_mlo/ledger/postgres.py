"""The ledger's database when a team shares it: PostgreSQL, over psycopg.

Its isolation does what the store asks: one snapshot for a reader, and one writer at a time, who
holds the only row of ``log``; a role that may not write cannot lock it. The library is imported
when a PostgreSQL ledger is opened, and at no other time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlo.errors import InvalidInput, LedgerError, MissingExtra
from jupyter_mlo.ledger.address import Address
from jupyter_mlo.ledger.database import ContentRefused, LedgerUnreachable, Row, the_revision

if TYPE_CHECKING:
    from psycopg import Connection

#: Advisory locks of ours: of who brings the schema up to date, and of who is the sequencer.
_LOCKS: Final = 0x6D6C6F
#: Somebody who waits no longer than this is not kept waiting by a server that went silent.
_LONG: Final = 30.0
#: Seconds beyond the caller's patience that an answer may take.
_ANSWER: Final = 3.0
_TABLES: Final = ("log", "entries", "contents", "checkpoints", "inbox")


class PostgresDatabase:
    """One connection. Durable on commit, whatever the server's default for a role is."""

    def __init__(self, address: Address, *, patience: float) -> None:
        """Connect.

        Args:
            patience: seconds to wait for the server, and for another writer, before giving up.

        Raises:
            MissingExtra: psycopg is not installed.
            LedgerUnreachable: the server does not answer, or lets nobody in.
        """
        self._address = address
        self._errors, self._connection = _connect(address, patience)
        with self._named():
            self._connection.execute(
                f"SET lock_timeout = {max(1, int(1000 * patience))};"
                "SELECT set_config('synchronous_commit', 'on', false) "
                "WHERE current_setting('synchronous_commit') = 'off'"
            )

    @property
    def connection(self) -> Connection[Row]:
        """The connection itself, for what only PostgreSQL has."""
        return self._connection

    @property
    def shown(self) -> str:
        """The address, without a password."""
        return self._address.shown

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        status = self._connection.info.transaction_status
        return status.name in ("INTRANS", "INERROR", "ACTIVE")

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        with self._named():
            cursor = self._connection.execute(_translated(sql), parameters, binary=True)
            return cursor.fetchall()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement."""
        with self._named():
            self._connection.execute(_translated(sql), parameters)

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one ``INSERT INTO table (columns) VALUES …`` for all rows, as one ``COPY``."""
        head = sql.partition(" VALUES ")[0].removeprefix("INSERT INTO ")
        table, _, columns = head.partition(" (")
        columns = columns.rstrip(")")
        with self._named(), self._connection.cursor() as cursor:
            types = self._types(table, columns)
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(types)
                for row in rows:
                    copy.write_row(row)

    def begin(self, *, write: bool) -> None:
        """Begin a transaction; one that writes is the only one until it ends.

        Where there are no tables yet, it is so among those who begin to make them.
        """
        if not write:
            self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            return
        self.execute("BEGIN")
        try:
            if self.query("SELECT to_regclass('log') IS NOT NULL") == [(True,)]:
                self.execute("SELECT id FROM log FOR UPDATE")
            else:
                self.execute("SELECT pg_advisory_xact_lock(?, 0)", (_LOCKS,))
        except BaseException:
            with contextlib.suppress(LedgerError):
                self.rollback()
            raise

    def commit(self) -> None:
        """End the transaction; what it wrote is on disk on return."""
        with self._named():
            done = self._connection.execute("COMMIT").statusmessage if self.in_transaction else ""
        if done != "COMMIT":  # PostgreSQL answers with ROLLBACK where something failed before
            raise LedgerUnreachable(
                f"nothing was written to the ledger {self.shown}: its transaction had failed",
                hint=_WAITING,
            )

    def rollback(self) -> None:
        """End the transaction, with nothing changed; a lost connection has ended it before."""
        if self.in_transaction:
            self.execute("ROLLBACK")

    def revision(self) -> str | None:
        """The schema's revision; None where there is no schema yet."""
        marks = ", ".join("?" * len(_TABLES))
        ((known, tables),) = self.query(
            "SELECT to_regclass('alembic_version') IS NOT NULL, count(to_regclass(name)) "
            f"FROM unnest(ARRAY[{marks}]) AS name",
            _TABLES,
        )
        if not known and not tables:
            return None
        rows = self.query("SELECT version_num FROM alembic_version") if known else []
        return the_revision(rows, self.shown, _RESTORE)

    def migrate(self) -> None:
        """Bring the schema to what this code knows, inside the open transaction."""
        from jupyter_mlo.ledger.schema import migrate

        if (encoding := self.query("SHOW server_encoding")[0][0]) != "UTF8":
            raise LedgerUnreachable(
                f"the database {self.shown} is encoded in {encoding}, which has not every name",
                hint="make it anew: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
            )
        with self._named():
            migrate(self._connection, "postgresql+psycopg://")

    def faults(self) -> list[str]:
        """Nothing: PostgreSQL's own checks (``pg_amcheck``) are its administrator's."""
        return []

    def close(self) -> None:
        """Let go of the connection."""
        with contextlib.suppress(self._errors):
            self._connection.close()

    def become_sequencer(self) -> bool:
        """Whether this connection is the sequencer's from now on, until it is lost or closed."""
        ((taken,),) = self.query(
            "SELECT pg_try_advisory_lock((?::bigint << 32) | 'checkpoints'::regclass::oid::bigint)",
            (_LOCKS,),
        )
        return bool(taken)

    def has_sequencer(self) -> bool:
        """Whether a sequencer is connected."""
        return bool(
            self.query(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = ? AND granted "
                "AND objid = 'checkpoints'::regclass::oid AND objsubid = 1 AND database = "
                "(SELECT oid FROM pg_database WHERE datname = current_database())",
                (_LOCKS,),
            )
        )

    def wait_for(self, channel: str, seconds: float) -> None:
        """Wait for a notification on a channel that this connection listens to, or not at all."""
        with self._named():
            for _ in self._connection.notifies(timeout=seconds, stop_after=1):
                pass

    def _types(self, table: str, columns: str) -> list[int]:
        found = self._connection.execute(f"SELECT {columns} FROM {table} LIMIT 0").description
        return [column.type_code for column in found or ()]

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise self._error(error) from None

    def _error(self, error: Exception) -> LedgerUnreachable:
        state = getattr(error, "sqlstate", None) or ""
        if state.startswith(_CONTENT) or (not state and type(error).__name__ == "DataError"):
            first = next(iter(str(error).strip().splitlines()), "")[:300]
            return ContentRefused(
                f"the ledger {self.shown} does not take this: {first}", hint=_RESTORE
            )
        return _unreachable(error, self._address)


def _connect(address: Address, patience: float) -> tuple[type[Exception], Connection[Row]]:
    try:
        import psycopg
    except ImportError:
        raise MissingExtra(
            f"the ledger {address.shown} is in PostgreSQL, and the package psycopg is missing",
            hint='pip install "jupyter-mlo[postgres]"',
        ) from None

    longest = patience + _ANSWER

    class Patient(psycopg.Connection[Row]):
        """A connection that somebody waits for: a server that went silent is one that is down."""

        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            try:
                return super().wait(gen, interval, longest if timeout is None else timeout)
            except psycopg.OperationalError:
                if self.info.transaction_status.name == "ACTIVE":
                    self.close()  # what it was asked for may come later than the next question
                raise

    try:
        # Where somebody has time, a question may take as long as it takes.
        kind = Patient if patience < _LONG else psycopg.Connection[Row]
        connection = kind.connect(
            address.conninfo,
            autocommit=True,
            prepare_threshold=2,
            connect_timeout=max(2, round(patience)),
            application_name="jupyter-mlo",
            client_encoding="utf8",
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
        )
    except psycopg.ProgrammingError:  # it may quote any part of what it could not read
        raise InvalidInput(
            f"ledger.url, {address.shown}, is not what PostgreSQL's library reads",
            hint="see Connection URIs in PostgreSQL's documentation of libpq",
        ) from None
    except psycopg.Error as error:
        raise _unreachable(error, address) from None
    return psycopg.Error, connection


@lru_cache(512)
def _translated(sql: str) -> str:
    """The store's SQL, with psycopg's marks for parameters."""
    return sql.replace("%", "%%").replace("?", "%s")


def _unreachable(error: Exception, address: Address) -> LedgerUnreachable:
    """The error with its cause in words, by its SQLSTATE (PostgreSQL, appendix A)."""
    state = getattr(error, "sqlstate", None) or ""
    for codes, what, hint in _CAUSES:
        if state.startswith(codes):
            return LedgerUnreachable(f"the ledger {address.shown} {what}", hint=hint)
    # Its first line: what follows repeats the question, or tries of other addresses.
    first = next(iter(str(error).strip().splitlines()), "")
    said = address.without_secrets(first.removeprefix("connection failed: "))[:300]
    # Without a state it is the connection: not made, refused, or lost.
    what = f"cannot be used: {said}" if state else f"cannot be reached: {said}"
    return LedgerUnreachable(f"the ledger {address.shown} {what}", hint=_WAITING)


_WAITING = "what you sign waits in the outbox, and follows by itself when the database is back"
_RESTORE = "have its administrator look at it; jupyter mlo ledger verify says what is wrong"
#: Data exceptions, a column's own rules, and what is more than PostgreSQL can hold.
_CONTENT: Final = ("22", "23502", "23514", "54")
_CAUSES: Final = (
    (("55P03", "57014", "40001", "40P01"), "is locked by another process", "try again in a moment"),
    (("53100",), "cannot grow: the disk is full", _WAITING),
    (("57P01", "57P02"), "is being stopped", _WAITING),
    (("25006",), "is read-only here", "name the primary server in ledger.url, not a copy of it"),
    (("42501",), "does not permit this to your role", "docs/ledger-postgresql.md lists the GRANTs"),
    (("23",), "has rows beyond its last checkpoint", _RESTORE),
    (("XX001", "XX002"), "is damaged", _RESTORE),
)
