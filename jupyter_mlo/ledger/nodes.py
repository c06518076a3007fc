"""The tree's nodes near some entries, fetched from PostgreSQL as one value instead of many rows.

Who checks many receipts needs many nodes, and what costs is not their bytes but their rows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from jupyter_mlo.ledger.merkle import HASH_SIZE, last_leaf
from jupyter_mlo.ledger.rows import Rows

if TYPE_CHECKING:
    from jupyter_mlo.ledger.postgres import PostgresDatabase

_MOST: Final = 65536
_TREE: Final = (
    "SELECT count(*), string_agg(leaf_hash, ''::bytea ORDER BY leaf_index), "
    "string_agg(completed, ''::bytea ORDER BY leaf_index) FROM entries "
    "WHERE leaf_index BETWEEN ? AND ?"
)


class Nodes:
    """A reader of nodes (:data:`~jupyter_mlo.ledger.merkle.Node`) that asks for each once."""

    def __init__(self, database: PostgresDatabase, first: int, last: int) -> None:
        """Entries from ``first`` to ``last`` and their neighbours will be asked for."""
        self._node = lru_cache(_MOST)(Rows(database).node)
        self._first = first
        self._leaves = self._completed = b""
        #: Where in ``_completed`` the hashes of each entry begin.
        self._starts: list[int] = []
        if 0 < last - first < _MOST:
            self._fetch(database, first, last)

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree; raises :class:`LookupError` where it is missing."""
        at = last_leaf(level, index) - self._first
        if not 0 <= at < len(self._starts):
            return self._node(level, index)
        if level == 0:
            return self._leaves[at * HASH_SIZE : (at + 1) * HASH_SIZE]
        start = self._starts[at] + (level - 1) * HASH_SIZE
        return self._completed[start : start + HASH_SIZE]

    def _fetch(self, database: PostgresDatabase, first: int, last: int) -> None:
        ((count, leaves, completed),) = database.query(_TREE, (first, last))
        starts, end = [], 0
        for index in range(first, last + 1):
            starts.append(end)
            # A leaf completes one subtree for each one at the end of its index.
            end += ((index ^ (index + 1)).bit_length() - 1) * HASH_SIZE
        # Of rows that are damaged or missing each is asked for by itself.
        whole = (last + 1 - first, (last + 1 - first) * HASH_SIZE, end)
        if (count, len(leaves or b""), len(completed or b"")) == whole:
            self._leaves, self._completed, self._starts = leaves, completed or b"", starts
