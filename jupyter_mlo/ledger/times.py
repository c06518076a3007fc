"""Since when an entry has been in the ledger: proven by signatures, never by a column.

A checkpoint by itself carries no time. A *cosignature* of it (C2SP tlog-cosignature) does: it
signs the checkpoint and the moment together. The proven time of an entry is that of the first
kept checkpoint which contains the entry, by its inclusion proof, and is cosigned by those whose
clock counts: a quorum of witnesses where one is configured, else the ledger's own key.

Whoever has not the keys of those can make a proven time later (by removing checkpoints), and
never earlier. Whoever has them can say any time; that is what several witnesses are for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from jupyter_mlo.errors import LedgerError
from jupyter_mlo.ledger.checkpoint import Checkpoint, read_checkpoint
from jupyter_mlo.ledger.leaf import SALT_SIZE, entry_hash
from jupyter_mlo.ledger.merkle import inclusion_holds, inclusion_proof
from jupyter_mlo.ledger.note import Note

if TYPE_CHECKING:
    from jupyter_mlo.ledger.note_keys import NoteVerifier
    from jupyter_mlo.ledger.rows import Rows

#: Seconds since 1970 that a ``datetime`` can hold: the end of the year 9999.
_LAST_SECOND: Final = 253_402_300_799


@dataclass(frozen=True)
class Clock:
    """Whose cosignatures prove a time, and how many of them it takes."""

    cosigners: tuple[NoteVerifier, ...]
    needed: int
    #: They are witnesses, not the log itself.
    by_witnesses: bool = False

    @classmethod
    def of_log(cls, log: NoteVerifier) -> Clock:
        """The ledger's own: the clock of the machine that keeps it."""
        return cls((log.cosigner,), 1)

    def read(self, note: bytes) -> int | None:
        """When (seconds since 1970) enough cosigners had seen a checkpoint; None if they have not.

        One that lies cannot make it earlier than an honest one among those needed.
        """
        times = sorted(self._cosigned(note).values())
        time = times[self.needed - 1] if 0 < self.needed <= len(times) else None
        return time if time is not None and time <= _LAST_SECOND else None

    def names(self, note: bytes) -> tuple[str, ...]:
        """Who of them has cosigned a checkpoint."""
        return tuple(sorted(one.name for one in self._cosigned(note)))

    def _cosigned(self, note: bytes) -> dict[NoteVerifier, int]:
        if note.count(b"\n\xe2\x80\x94 ") < 2:  # the log's own line, and no other
            return {}
        try:
            return Note.from_bytes(note).cosigned(self.cosigners)
        except LedgerError:
            return {}


class ProvenTimes:
    """The proven times of one open ledger's entries."""

    def __init__(self, rows: Rows, log: NoteVerifier, clock: Clock) -> None:
        self._rows = rows
        self._log = log
        self._clock = clock
        #: Whether these are the times of witnesses.
        self.by_witnesses = clock.by_witnesses
        #: The ledger's name.
        self.origin = log.name
        #: Size → the checkpoint of that size and its time; None where it proves none.
        self._read: dict[int, tuple[Checkpoint, datetime] | None] = {}
        self._found: dict[int, tuple[bytes, datetime] | None] = {}
        self._before: dict[int, datetime | None] = {}

    def of(self, index: int) -> datetime | None:
        """Since when the entry at ``index`` has been here; None where nothing proves it.

        Raises:
            LedgerUnreachable: the database does not answer.
        """
        first = self._first_over(index)
        return first[1] if first is not None else None

    def checkpoint_over(self, index: int) -> bytes | None:
        """The first checkpoint (a signed note) that proves a time of the entry at ``index``."""
        first = self._first_over(index)
        return first[0] if first is not None else None

    def before(self, index: int) -> datetime | None:
        """The latest proven moment before the entry was here; None where nothing proves it."""
        if self.of(index) is None:  # its place is not proven either
            return None
        if index not in self._before:
            read = (self._timed(size, note) for size, note in self._rows.notes_before(index))
            self._before[index] = next((found[1] for found in read if found is not None), None)
        return self._before[index]

    def _first_over(self, index: int) -> tuple[bytes, datetime] | None:
        if index not in self._found:
            self._found[index] = self._proven(index)
        return self._found[index]

    def _proven(self, index: int) -> tuple[bytes, datetime] | None:
        content = self._rows.content(index)
        if content is None or len(content[1]) != SALT_SIZE:
            return None
        leaf = entry_hash(content[1], content[2])
        for size, note in self._rows.notes(after=index):
            found = self._timed(size, note)
            if found is None:
                continue
            head, time = found
            try:
                proof = inclusion_proof(index, head.size, self._rows.node)
            except LookupError:
                continue
            if inclusion_holds(leaf, index, head.size, proof, head.root):
                return note, time
        return None

    def _timed(self, size: int, note: bytes) -> tuple[Checkpoint, datetime] | None:
        if size not in self._read:
            self._read[size] = self._judged(size, note)
        return self._read[size]

    def _judged(self, size: int, note: bytes) -> tuple[Checkpoint, datetime] | None:
        time = self._clock.read(note)
        if time is None:
            return None
        try:
            head = read_checkpoint(note, self._log)
        except LedgerError:
            return None
        return (head, datetime.fromtimestamp(time, UTC)) if head.size == size else None
