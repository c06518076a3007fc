"""Where statements stand: by the signed tree, never by a column.

A row says which statement it holds; whoever writes the database can make it say any. A place
counts only where the envelope in it is that of the statement, and its leaf is under a
checkpoint that the log has signed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from jupyter_mlo.errors import LedgerError, StatementError
from jupyter_mlo.ledger.checkpoint import Checkpoint, read_checkpoint
from jupyter_mlo.ledger.leaf import entry_hash
from jupyter_mlo.ledger.merkle import inclusion_holds, inclusion_proof
from jupyter_mlo.statements.envelope import Envelope

if TYPE_CHECKING:
    from jupyter_mlo.ledger.note_keys import NoteVerifier
    from jupyter_mlo.ledger.rows import Rows

#: Hashes of subtrees kept: neighbouring entries share nearly all of theirs.
_KEPT: Final = 8192


class Places:
    """Looks into one open ledger; keeps what the next look needs again."""

    def __init__(self, rows: Rows, log: NoteVerifier) -> None:
        self._rows = rows
        self._log = log
        self._head: Checkpoint | None = None
        self._node = lru_cache(_KEPT)(rows.node)

    def flaw(self, index: int, statement_id: str) -> str:
        """Why the entry at ``index`` is not this statement, as it was logged; empty if it is.

        Raises:
            LedgerUnreachable: the database does not answer.
        """
        row = self._rows.content(index)
        if row is None:
            return "it has no content"
        _, salt, stored = row
        try:
            if Envelope.from_bytes(stored).statement_id != statement_id:
                return "its envelope is that of another statement"
            leaf = entry_hash(salt, stored)
        except (StatementError, ValueError) as error:
            return getattr(error, "message", str(error))
        if (
            self._head is not None
            and index < self._head.size
            and self._under(self._head, index, leaf)
        ):
            return ""
        # What was kept may be of a transaction that was rolled back.
        self._node.cache_clear()
        last = self._rows.last_checkpoint()
        if last is None:
            return "there is no checkpoint"
        try:
            self._head = read_checkpoint(last[1], self._log)
        except LedgerError as error:
            return error.message
        if self._under(self._head, index, leaf):
            return ""
        return "its leaf is not under the newest checkpoint"

    def _under(self, head: Checkpoint, index: int, leaf: bytes) -> bool:
        try:
            proof = inclusion_proof(index, head.size, self._node)
        except (LookupError, ValueError):
            return False
        return inclusion_holds(leaf, index, head.size, proof, head.root)
