"""The ledger as those ask it who verify something else: where is this, and what is newest.

Nothing here is proof against whoever writes the database and holds its key; verifying the
ledger itself is :meth:`~jupyter_mlo.ledger.log.Ledger.verify`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from jupyter_mlo.delegation.revocation import Logged
from jupyter_mlo.errors import StatementError
from jupyter_mlo.ledger.log import Ledger
from jupyter_mlo.ledger.rows import Filter
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types

#: What :class:`~jupyter_mlo.delegation.pool.Pool` reads.


class LedgerView:
    """What one open ledger knows of statements."""

    #: Whether :meth:`logged` proves times.
    timed = False

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @cached_property
    def checkpoint(self) -> Mapping[str, Any]:
        """The checkpoint (origin, size, root) that answers are as of."""
        return self._ledger.quoted()

    def logged(self, statement_ids: Iterable[str]) -> dict[str, Logged]:
        """Which of these statements the ledger has, and where.

        No time is proven by an index alone: that takes a clock which the signer does not hold.
        """
        found = self._ledger.indexes(statement_ids)
        return {statement_id: Logged(index) for statement_id, index in found.items()}

    def newest_seal(self, notebook: str) -> tuple[str, int] | None:
        """Statement ID and index of the newest seal of the notebook with this ID."""
        wanted = Filter(predicate_type=types.SEAL, subject=notebook, newest=1)
        for entry in self._ledger.entries(wanted):
            return entry.statement_id, entry.index
        return None

    def pooled(self) -> Iterator[Envelope]:
        """All that binds keys, MLOs and teams, and can be read."""
        for predicate_type in sorted(types.BINDING):
            for entry in self._ledger.entries(Filter(predicate_type=predicate_type)):
                try:
                    yield entry.envelope
                except StatementError:
                    continue  # ledger verify names it
