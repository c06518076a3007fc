"""All SQL of the ledger: rows in, rows out, no rules and no commits.

Plain text that SQLite and PostgreSQL both read, with ``?`` for parameters; ``tables.py``
describes the tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from jupyter_mlo.ledger.content import (
    Content,
    Facts,
    from_microseconds,
    kept_fact,
    to_microseconds,
)
from jupyter_mlo.ledger.database import Database, Row
from jupyter_mlo.ledger.merkle import HASH_SIZE, last_leaf
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types

#: Statement IDs asked for in one query.
_AT_ONCE: Final = 500
#: Entries fetched in one query when reading many.
_PAGE: Final = 200
#: Checkpoints fetched in one query: mostly the first is the one that was looked for.
_NOTES: Final = 16
#: More than any ledger holds, and a number that every database takes.
_MANY: Final = 2**62

_FACTS: Final = "predicate_type, mlo, key_id, activity, subject, time"
_ENTRY: Final = f"leaf_index, statement_id, {_FACTS}, envelope"
#: Partial indexes are used only where the type stands in the query itself.
_LITERALS: Final = {
    uri: f"predicate_type = '{uri}'"
    for uri in (types.ENROLMENT, types.DELEGATION, types.REVOCATION, types.SEAL)
}
_NODES: Final = "SELECT leaf_hash, completed FROM entries WHERE leaf_index = ?"
_INSERT_ENTRY: Final = "INSERT INTO entries (leaf_index, leaf_hash, completed) VALUES (?, ?, ?)"
_PLACE: Final = (
    "SELECT (SELECT leaf_index FROM contents WHERE statement_id = ?), size, note "
    "FROM checkpoints ORDER BY size DESC LIMIT 1"
)
_INSERT_CONTENT: Final = (
    f"INSERT INTO contents (leaf_index, statement_id, {_FACTS}, salt, envelope) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True)
class Filter:
    """Which entries are asked for; every member that is not None must hold.

    Facts are compared as the ledger read them; ``since`` and ``until`` (both included) with
    the time that the signer claims.
    """

    mlo: str | None = None
    activity: str | None = None
    predicate_type: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    #: Entries before this index are left out.
    first: int = 0
    #: Of those that match, only so many newest.
    newest: int | None = None

    def where(self) -> tuple[str, list[Any]]:
        """The condition as SQL, and its parameters."""
        literal = _LITERALS.get(self.predicate_type or "")
        texts: dict[str, str | None] = {
            "mlo": self.mlo,
            "activity": self.activity,
            "subject": self.subject,
            "predicate_type": None if literal else self.predicate_type,
        }
        given: dict[str, list[Any]] = {}
        for column, text in texts.items():
            if text is not None:
                # As it is kept, and as ledgers of before may have it.
                forms = list(dict.fromkeys((kept_fact(text), text)))
                given[f"{column} IN ({', '.join('?' * len(forms))})"] = forms
        if self.since is not None:
            given["time >= ?"] = [to_microseconds(self.since)]
        if self.until is not None:
            given["time <= ?"] = [to_microseconds(self.until)]
        # Left out where it says nothing: it would draw the planner away from the indexes.
        if self.first:
            given["leaf_index >= ?"] = [min(self.first, _MANY)]
        conditions = [*given, literal] if literal else list(given)
        values = [value for some in given.values() for value in some]
        return f"WHERE {' AND '.join(conditions)}" if conditions else "", values


@dataclass(frozen=True)
class Entry:
    """An entry of the ledger, with the facts that were read from it when it was appended."""

    index: int
    statement_id: str
    facts: Facts
    #: The envelope's JSON text as it was stored.
    stored: bytes

    @property
    def envelope(self) -> Envelope:
        """The envelope; raises :class:`~jupyter_mlo.errors.StatementError` if it was damaged."""
        return Envelope.from_bytes(self.stored)

    @property
    def time(self) -> datetime | None:
        """When the signer says that it was; None where the statement does not say."""
        try:
            return None if self.facts.time is None else from_microseconds(self.facts.time)
        except OverflowError:
            return None


class Rows:
    """The ledger's rows over one database connection."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._query = database.query

    def log(self) -> list[Row]:
        """(origin, public key): exactly one row in a whole ledger."""
        return self._query("SELECT origin, public_key FROM log")

    def add_log(self, origin: str, public_key: bytes) -> None:
        """Say once which log this is."""
        self.database.execute(
            "INSERT INTO log (id, origin, public_key) VALUES (1, ?, ?)", (origin, public_key)
        )

    def last_checkpoint(self) -> Row | None:
        """(size, note) of the newest checkpoint."""
        rows = self._query("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
        return (rows[0][0], _bytes(rows[0][1])) if rows else None

    def notes(self, after: int) -> Iterator[tuple[int, bytes]]:
        """(size, note) of the checkpoints of more than ``after`` entries, smallest first."""
        return self._notes("size > ? ORDER BY size", after, step=0)

    def notes_before(self, size: int) -> Iterator[tuple[int, bytes]]:
        """(size, note) of the checkpoints of at most ``size`` entries, largest first."""
        return self._notes("size <= ? ORDER BY size DESC", size, step=-1)

    def _notes(self, which: str, bound: int, *, step: int) -> Iterator[tuple[int, bytes]]:
        while True:
            rows = self._query(
                f"SELECT size, note FROM checkpoints WHERE {which} LIMIT ?", (bound, _NOTES)
            )
            yield from ((size, _bytes(note)) for size, note in rows)
            if len(rows) < _NOTES:
                return
            bound = rows[-1][0] + step

    def place(self, statement_id: bytes) -> tuple[int | None, Row | None]:
        """Where a statement stands, and the newest checkpoint, in one question."""
        rows = self._query(_PLACE, (statement_id,))
        if not rows:
            return None, None
        index, size, note = rows[0]
        return index, (size, _bytes(note))

    def count(self) -> int:
        """How many entries have content."""
        ((count,),) = self._query("SELECT count(*) FROM contents")
        return int(count)

    def holes(self) -> dict[int, bytes]:
        """Index → leaf hash of the entries that have no content."""
        rows = self._query(
            "SELECT e.leaf_index, e.leaf_hash FROM entries e LEFT JOIN contents c "
            "ON c.leaf_index = e.leaf_index WHERE c.leaf_index IS NULL"
        )
        return {index: _bytes(leaf) for index, leaf in rows}

    def add_checkpoint(self, size: int, note: bytes) -> None:
        """Keep a signed checkpoint."""
        self.database.execute("INSERT INTO checkpoints (size, note) VALUES (?, ?)", (size, note))

    def sign_again(self, size: int, note: bytes) -> None:
        """Keep a checkpoint with more signature lines under it."""
        self.database.execute("UPDATE checkpoints SET note = ? WHERE size = ?", (note, size))

    def node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree; raises :class:`LookupError` where it is missing."""
        rows = self._query(_NODES, (last_leaf(level, index),))
        if rows:
            leaf, completed = rows[0]
            start = (level - 1) * HASH_SIZE
            found = completed[start : start + HASH_SIZE] if level else leaf
            if isinstance(found, bytes) and len(found) == HASH_SIZE:
                return found
        raise LookupError(f"the hash of the subtree at level {level}, index {index} is missing")

    def indexes(self, statement_ids: Sequence[bytes]) -> dict[bytes, int]:
        """The index of each statement that the ledger holds already."""
        found: dict[bytes, int] = {}
        for start in range(0, len(statement_ids), _AT_ONCE):
            some = statement_ids[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            found.update(
                self._query(
                    "SELECT statement_id, leaf_index FROM contents "
                    f"WHERE statement_id IN ({marks})",
                    some,
                )
            )
        return found

    def salts(self, statement_ids: Sequence[bytes]) -> dict[bytes, Row]:
        """(index, salt) of each statement that the ledger holds already."""
        found: dict[bytes, Row] = {}
        for start in range(0, len(statement_ids), _AT_ONCE):
            some = statement_ids[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            rows = self._query(
                f"SELECT statement_id, leaf_index, salt FROM contents "
                f"WHERE statement_id IN ({marks})",
                some,
            )
            found.update((name, (index, _bytes(salt))) for name, index, salt in rows)
        return found

    def add_entries(
        self, entries: Sequence[tuple[int, bytes, bytes]], contents: Sequence[Row]
    ) -> None:
        """Add entries as (index, leaf hash, completed), with their :func:`content_row`."""
        if len(entries) == 1:  # one at a time is the common case, and quicker so
            self.database.execute(_INSERT_ENTRY, entries[0])
            self.database.execute(_INSERT_CONTENT, contents[0])
        else:
            self.database.execute_many(_INSERT_ENTRY, entries)
            self.database.execute_many(_INSERT_CONTENT, contents)

    def content(self, key: int | bytes) -> Row | None:
        """(index, salt, envelope) by index or by statement ID."""
        column = "leaf_index" if isinstance(key, int) else "statement_id"
        rows = self._query(
            f"SELECT leaf_index, salt, envelope FROM contents WHERE {column} = ?", (key,)
        )
        return (rows[0][0], _bytes(rows[0][1]), _bytes(rows[0][2])) if rows else None

    def envelopes(self, first: int, end: int | None) -> Iterator[tuple[int, str | None, bytes]]:
        """(index, predicate type as it was read, envelope) from ``first`` up to ``end``."""
        last = _MANY if end is None else end - 1
        while True:
            rows = self._query(
                "SELECT leaf_index, predicate_type, envelope FROM contents "
                "WHERE leaf_index BETWEEN ? AND ? ORDER BY leaf_index LIMIT ?",
                (min(first, _MANY), last, _PAGE),
            )
            for index, kind, stored in rows:
                yield index, kind if isinstance(kind, str) else None, _bytes(stored)
            if len(rows) < _PAGE:
                return
            first = rows[-1][0] + 1

    def leaves(
        self, first: int, size: int
    ) -> Iterator[tuple[int, bytes, bytes | None, bytes | None]]:
        """(index, leaf hash, salt, envelope) from ``first`` up to ``size``, a page at a time.

        Without content the last two are None.
        """
        while first < size:
            rows = self._query(
                "SELECT e.leaf_index, e.leaf_hash, c.salt, c.envelope FROM entries e LEFT JOIN "
                "contents c ON c.leaf_index = e.leaf_index WHERE e.leaf_index >= ? AND "
                f"e.leaf_index < ? ORDER BY e.leaf_index LIMIT {_PAGE}",
                (first, size),
            )
            for index, leaf, salt, stored in rows:
                absent = salt is None and stored is None
                yield (
                    index,
                    _bytes(leaf),
                    None if absent else _bytes(salt),
                    None if absent else _bytes(stored),
                )
            if len(rows) < _PAGE:
                return
            first = rows[-1][0] + 1

    def at(self, indexes: Sequence[int]) -> Iterator[Entry]:
        """The entries that have these indexes, in order."""
        for start in range(0, len(indexes), _AT_ONCE):
            some = indexes[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            yield from map(
                _entry,
                self._query(
                    f"SELECT {_ENTRY} FROM contents WHERE leaf_index IN ({marks}) "
                    "ORDER BY leaf_index",
                    some,
                ),
            )

    def entries(self, wanted: Filter) -> Iterator[Entry]:
        """Matching entries in order, newest last, a page at a time."""
        if wanted.newest is not None:
            where, values = wanted.where()
            rows = self._query(
                f"SELECT {_ENTRY} FROM contents {where} ORDER BY leaf_index DESC LIMIT ?",
                [*values, min(wanted.newest, _MANY)],
            )
            yield from map(_entry, reversed(rows))
            return
        while True:
            where, values = wanted.where()
            rows = self._query(
                f"SELECT {_ENTRY} FROM contents {where} ORDER BY leaf_index LIMIT {_PAGE}", values
            )
            yield from map(_entry, rows)
            if len(rows) < _PAGE:
                return
            wanted = replace(wanted, first=rows[-1][0] + 1)


def content_row(index: int, salt: bytes, content: Content) -> Row:
    """The row of ``contents`` for one entry."""
    return (index, content.statement_id, *content.facts, salt, content.envelope)


def _entry(row: Row) -> Entry:
    index, statement_id, *texts, time, stored = row
    # SQLite lets any type into any column.
    said = [value if isinstance(value, str) else None for value in texts]
    facts = Facts._make([*said, time if isinstance(time, int) else None])
    return Entry(index, _bytes(statement_id).hex(), facts, _bytes(stored))


def _bytes(value: object) -> bytes:
    """A damaged column of another type reads as what no envelope is."""
    return value if isinstance(value, bytes) else b""
