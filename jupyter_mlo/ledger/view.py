"""The ledger as those ask it who verify something else: where is this, and what is newest.

Nothing here is proof against whoever writes the database and holds its key; verifying the
ledger itself is :meth:`~jupyter_mlo.ledger.log.Ledger.verify`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from jupyter_mlo.delegation.revocation import Logged
from jupyter_mlo.errors import StatementError
from jupyter_mlo.ledger.log import Ledger
from jupyter_mlo.ledger.rows import Filter
from jupyter_mlo.ledger.times import Clock, ProvenTimes
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types


class ProvenPlace(Logged):
    """Where the ledger has a statement; its time is proven when somebody asks for it."""

    __slots__ = ("_times",)

    _times: ProvenTimes

    def __init__(self, index: int, times: ProvenTimes) -> None:
        object.__setattr__(self, "index", index)
        object.__setattr__(self, "origin", times.origin)
        object.__setattr__(self, "_times", times)

    @property
    def at(self) -> datetime | None:
        """Since when it has been there; None where nothing proves it."""
        return self._times.of(self.index)

    @property
    def witnessed(self) -> bool:
        """Whether the configured quorum of witnesses has seen a checkpoint over it."""
        return self._times.by_witnesses and self.at is not None

    @property
    def after(self) -> datetime | None:
        """The latest proven moment at which the ledger did not have it yet; None if there is none.

        Whoever writes the database can make it earlier, never later.
        """
        return self._times.before(self.index)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Logged):
            return NotImplemented
        return (self.origin, self.index, self.at) == (other.origin, other.index, other.at)

    def __hash__(self) -> int:
        return hash((self.origin, self.index, self.at))


class LedgerView:
    """What one open ledger knows of statements."""

    def __init__(self, ledger: Ledger, clock: Clock | None = None) -> None:
        """Look into ``ledger``; proven times are by ``clock``, by default the ledger's own."""
        self._ledger = ledger
        self._times = ledger.times(clock)

    @cached_property
    def checkpoint(self) -> Mapping[str, Any]:
        """The checkpoint (origin, size, root) that answers are as of."""
        return self._ledger.quoted()

    def logged(self, statement_ids: Iterable[str]) -> dict[str, Logged]:
        """Which of these statements the ledger has, where, and (proven) since when."""
        found = self._ledger.indexes(statement_ids)
        return {name: ProvenPlace(index, self._times) for name, index in found.items()}

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
