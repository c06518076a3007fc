"""A home's own ledger moves into a team's database, as it is, and goes on there.

The log stays the same log: every row is copied, so every root, receipt and cosignature holds on.
What makes a home the keeper of a log is its key, so the move ends with the key's file going, in one
rename, from the old folder into the new one: before that moment the old ledger can be used as ever,
and after it nothing is appended there, by this version or another. The old file stays, to be read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import Refused
from jupyter_mlo.identity.private_files import make_private_folder, sync_folder, write_private
from jupyter_mlo.ledger.content import kept_fact
from jupyter_mlo.ledger.creation import MOVED, key_file, log_in
from jupyter_mlo.ledger.last_seen import FILE_NAME, read_seen
from jupyter_mlo.ledger.log import Ledger
from jupyter_mlo.ledger.merkle import Frontier
from jupyter_mlo.ledger.report import LedgerReport
from jupyter_mlo.ledger.rows import Rows
from jupyter_mlo.ledger.store import connect, open_ledger, upgrade
from jupyter_mlo.ledger.verification import Progress

if TYPE_CHECKING:
    from jupyter_mlo.ledger.postgres import PostgresDatabase

_ANY: Final = "SELECT 1 FROM entries LIMIT 1"
#: Rows read at once.
_PAGE: Final = 1000
_COLUMNS: Final = {
    "entries": "leaf_index, leaf_hash, completed",
    "contents": "leaf_index, statement_id, predicate_type, mlo, key_id, activity, subject, time, "
    "salt, envelope",
    "checkpoints": "size, note",
}


@dataclass(frozen=True)
class Moved:
    """What is in the new place: how many entries; the old file; the new address."""

    entries: int
    source: Path
    shown: str


def move(
    settings: Settings,
    source: Path | None = None,
    *,
    erased: Callable[[Ledger], Mapping[int, bytes]] = lambda ledger: {},
    progress: Progress | None = None,
) -> Moved:
    """Move the embedded ledger into the empty database that ``ledger.url`` names.

    A move that was interrupted is done again; where only its last step was missing, it is ended.

    Args:
        source: the ledger's file, where it is not in this home's usual place.
        erased: the entries whose contents are rightly gone, by index.

    Raises:
        NotFound: there is no such ledger.
        Refused: the database holds another ledger, or the old one does not hold.
        KeyFileError: the log's key is not in this home.
        LedgerUnreachable: one of the two cannot be used.
    """
    file = (source or settings.ledger / "ledger.sqlite3").absolute()
    old_settings = replace(settings, ledger_url=f"sqlite:///{file}")
    old_key, new_key = key_file(old_settings), key_file(settings)
    database = connect(settings)
    try:
        with open_ledger(old_settings, create=False) as old:
            if not old_key.exists() and new_key.exists():
                return Moved(old.size, file, database.shown)  # by an earlier call
            old.check_appending()
            _check_key_place(new_key)
            _check(old.verify(progress, erased=erased(old)))
            upgrade(settings, begin_log=False)
            with old.transaction():  # what is signed meanwhile waits in outboxes
                entries = _copy(old, database)
                _close(old_key, new_key, database.shown)
            return Moved(entries, file, database.shown)
    finally:
        database.close()


def _check_key_place(new_key: Path) -> None:
    if new_key.exists():
        raise Refused(
            f"the key of another ledger is in {new_key}",
            hint="move its folder away (keep it: without it that ledger cannot go on)",
        )


def _check(report: LedgerReport) -> None:
    if not report.holds:
        raise Refused(
            f"the ledger does not hold, and is not moved: {report.faults[0]}",
            hint="jupyter mlo ledger verify, with the old ledger.url, names all that was changed",
        )


def _copy(old: Ledger, database: PostgresDatabase) -> int:
    """Copy what the target lacks, in one transaction; how many entries it has then."""
    rows, target = old.rows, Rows(database)
    database.begin(write=True)
    try:
        have = _already(old, target, database.shown)
        if have is None:
            target.add_log(old.verifier.name, old.verifier.public)
        for table in ("entries", "contents"):
            _copy_table(rows, database, table, "leaf_index", have or 0)
        _copy_table(rows, database, "checkpoints", "size", 0 if have is None else have + 1)
        _compare(old, target, database.shown)
        database.commit()
    except BaseException:
        database.rollback()
        raise
    return old.size


def _already(old: Ledger, target: Rows, shown: str) -> int | None:
    """How many entries an earlier attempt has brought there; None where there is nothing at all.

    Raises:
        Refused: there is something else.
    """
    last = target.last_checkpoint()
    why = ""
    if not target.log():
        if last is None and not target.count() and not target.database.query(_ANY):
            return None
        why = "its tables are not empty"
    elif log_in(target) != old.verifier:
        why = f"it holds another ledger, {log_in(target).name}"
    elif last is None:
        why = "what it holds is not whole"
    elif why := old.departure(last[1]):
        why = f"it holds what this ledger does not: {why}"
    if why or last is None:
        raise Refused(
            f"the ledger is not moved to {shown}: {why}",
            hint="a ledger moves into an empty database; the old one can be used as before",
        )
    return int(last[0])


def _copy_table(rows: Rows, database: PostgresDatabase, table: str, key: str, first: int) -> None:
    columns = _COLUMNS[table]
    marks = ", ".join("?" * len(columns.split(",")))

    def pages() -> Iterator[Sequence[object]]:
        start = first
        while True:
            page = rows.database.query(
                f"SELECT {columns} FROM {table} WHERE {key} >= ? ORDER BY {key} LIMIT ?",
                (start, _PAGE),
            )
            yield from ([_kept(value) for value in row] for row in page)
            if len(page) < _PAGE:
                return
            start = page[-1][0] + 1

    database.execute_many(f"INSERT INTO {table} ({columns}) VALUES ({marks})", pages())


def _kept(value: object) -> object:
    """Facts of ledgers of before may be longer than PostgreSQL's indexes take."""
    return kept_fact(value) if isinstance(value, str) else value


def _compare(old: Ledger, target: Rows, shown: str) -> None:
    """Raise :class:`Refused` unless the target holds the same tree, contents and checkpoint."""
    head = old.head()
    tree = Frontier()
    for _, leaf, _, _ in target.leaves(0, head.size):
        tree.append(leaf)
    same = (
        (tree.size, tree.root()) == (head.size, head.root)
        and target.count() == old.rows.count()
        and target.last_checkpoint() == old.rows.last_checkpoint()
    )
    if not same:
        raise Refused(
            f"the ledger is not moved to {shown}: what came there is not the same",
            hint="empty that database and move again; the old one can be used as before",
        )


def _close(old_key: Path, new_key: Path, shown: str) -> None:
    """Take the key from the old ledger to the new one: the moment at which it has moved."""
    seen = old_key.with_name(FILE_NAME)
    make_private_folder(new_key.parent)
    if seen.exists():
        write_private(new_key.with_name(FILE_NAME), read_seen(seen))
    write_private(old_key.with_name(MOVED), f"{shown}\n".encode())
    os.replace(old_key, new_key)
    sync_folder(new_key.parent)
    sync_folder(old_key.parent)
