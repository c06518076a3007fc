"""Entries read one after another, and proven on the way: by the signed tree, never by a column.

Whoever writes the database can say anything in a column, put another envelope into a row, or take
one away. Each envelope is held against its leaf, and the leaves in the end against the root of the
newest checkpoint; what does not hold is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jupyter_mlo.errors import StatementError
from jupyter_mlo.ledger.leaf import entry_hash
from jupyter_mlo.ledger.merkle import Frontier
from jupyter_mlo.statements.envelope import Envelope

if TYPE_CHECKING:
    from jupyter_mlo.ledger.checkpoint import Checkpoint
    from jupyter_mlo.ledger.rows import Rows


class Stretch:
    """The entries from ``first`` on that a checkpoint covers. Iterate once; then ask the rest.

    Args:
        head: a checkpoint of this log whose signature holds.
    """

    def __init__(self, rows: Rows, head: Checkpoint, first: int) -> None:
        self._rows = rows
        self._head = head
        self._first = first
        #: What does not hold, in sentences.
        self.problems: list[str] = []
        #: Index → leaf hash of the entries without content: erased, or taken away.
        self.holes: dict[int, bytes] = {}

    def __iter__(self) -> Iterator[tuple[int, Envelope]]:
        """Index and envelope of each that is what was logged; raises LedgerUnreachable."""
        try:
            frontier = Frontier.of(self._first, self._rows.node)
        except LookupError as error:
            self.problems.append(str(error))
            return
        for index, leaf, salt, stored in self._rows.leaves(self._first, self._head.size):
            frontier.append(leaf)
            if stored is None:
                self.holes[index] = leaf
                continue
            try:
                if entry_hash(salt or b"", stored) != leaf:
                    raise ValueError("its envelope is not what its leaf says")
                envelope = Envelope.from_bytes(stored)
            except (StatementError, ValueError) as error:
                why = getattr(error, "message", str(error))
                self.problems.append(f"entry {index} is damaged: {why}")
                continue
            yield index, envelope
        if frontier.size != self._head.size or frontier.root() != self._head.root:
            self.problems.append("its entries are not those of its newest checkpoint")
