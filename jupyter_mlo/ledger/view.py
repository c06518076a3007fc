"""The ledger as those ask it who verify something else: where is this, and what is newest.

Nothing here is proof against whoever writes the database and holds its key; verifying the
ledger itself is :meth:`~jupyter_mlo.ledger.log.Ledger.verify`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path

from jupyter_mlo.delegation.revocation import Logged
from jupyter_mlo.delegation.uses import Spent
from jupyter_mlo.errors import StatementError
from jupyter_mlo.ledger.log import Ledger
from jupyter_mlo.ledger.rows import Entry, Filter
from jupyter_mlo.ledger.since_mandate import counts_here, read_since
from jupyter_mlo.ledger.times import Clock, ProvenTimes
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import Statement

_NOTEBOOK = re.compile(rb'"notebook":"(urn:uuid:[0-9a-f-]{36})"')


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

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock | None = None,
        damaged: Callable[[str], None] | None = None,
        kept: Path | None = None,
        counted: Path | None = None,
    ) -> None:
        """Look into ``ledger``.

        Args:
            clock: proven times are by it, by default by the ledger's own.
            damaged: told of each entry that was looked at and is not what was logged there.
            kept: where it is kept which entries are of which predicate; None where nowhere.
            counted: the folder where it is kept what was found about each mandate.
        """
        self._ledger = ledger
        self._times = ledger.times(clock)
        self._damaged = damaged or (lambda what: None)
        self._kept = kept
        self._counted = counted

    def logged(self, statement_ids: Iterable[str]) -> dict[str, Logged]:
        """Which of these statements the ledger has, where, and (proven) since when."""
        found = self._ledger.indexes(statement_ids, self._damaged)
        return {name: ProvenPlace(index, self._times) for name, index in found.items()}

    def seals(self, notebook: str) -> Iterator[tuple[Envelope, int]]:
        """The seals of the notebook with this ID and their indexes, newest first; whole ones."""
        yield from reversed(self._seals.get(notebook, []))

    def uses(self, mandate: Statement) -> Spent | None:
        """The uses of a mandate, and what was revoked; None where this ledger does not count them.

        Args:
            mandate: its delegation, whose signature was checked.
        """
        if not counts_here(self._ledger, mandate):
            return None
        kept = self._counted / f"{mandate.statement_id}.json" if self._counted else None
        since = read_since(self._ledger, mandate, kept)
        for problem in since.problems:
            self._damaged(problem)
        revocations: dict[str, int] = {}
        for index, envelope in since.revocations:
            revocations.setdefault(envelope.statement_id, index)
        return Spent(since.uses, revocations)

    def binding(self, predicate_type: str) -> Iterator[Envelope]:
        """All statements of one kind that can be read; one that is damaged is said, and counts.

        It may be a revocation: that its row was touched must not make it lapse.
        """
        for entry in self._of(predicate_type):
            self._whole(entry)
            with contextlib.suppress(StatementError):
                yield entry.envelope

    @cached_property
    def _seals(self) -> dict[str, list[tuple[Envelope, int]]]:
        found: dict[str, list[tuple[Envelope, int]]] = {}
        for entry in self._of(types.SEAL):
            named = _NOTEBOOK.search(entry.envelope.payload) if self._whole(entry) else None
            if named:
                found.setdefault(named[1].decode(), []).append((entry.envelope, entry.index))
        return found

    def _of(self, predicate_type: str) -> Iterator[Entry]:
        """Entries of one kind by what their envelopes say, whatever the columns do."""
        return self._ledger.at(self._indexes.get(predicate_type, []))

    @cached_property
    def _indexes(self) -> Mapping[str, list[int]]:
        labels = self._ledger.labels(self._kept)
        for problem in labels.problems:
            self._damaged(problem)
        return labels.indexes

    def pooled(self) -> Iterator[Envelope]:
        """All that binds keys, MLOs and teams, and can be read; ledger verify names the rest."""
        for predicate_type in sorted(types.BINDING):
            for entry in self._ledger.entries(Filter(predicate_type=predicate_type)):
                with contextlib.suppress(StatementError):
                    yield entry.envelope

    def _whole(self, entry: Entry) -> bool:
        flaw = self._ledger.flaw(entry)
        if flaw:
            what = types.short_name(entry.facts.predicate_type or "statement")
            article = "an" if what[0] in "ae" else "a"
            self._damaged(f"entry {entry.index}, {article} {what}, is damaged: {flaw}")
        return not flaw
