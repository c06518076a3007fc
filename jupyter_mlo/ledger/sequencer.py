"""Gives entries their index, grows the tree, and signs its head: the one who may.

Runs inside the transaction of the use case that calls it. It signs no checkpoint that
would not continue the last one: before it appends to a tree that it has not itself left
so, it computes the root again from the stored nodes and holds it against the last
checkpoint (C2SP tlog-checkpoint: a log must not sign an inconsistent one).

At most once a second it also says when it was, in a cosignature of its own under the
checkpoint (``times.py``); never earlier than it has said before, whatever its clock does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from jupyter_mlo.errors import LedgerError
from jupyter_mlo.ledger.checkpoint import Checkpoint, read_checkpoint
from jupyter_mlo.ledger.content import Content
from jupyter_mlo.ledger.database import Row
from jupyter_mlo.ledger.last_seen import named
from jupyter_mlo.ledger.leaf import SALT_SIZE, entry_hash
from jupyter_mlo.ledger.merkle import Frontier
from jupyter_mlo.ledger.note_keys import NoteSigner
from jupyter_mlo.ledger.places import Places
from jupyter_mlo.ledger.rows import Rows, content_row
from jupyter_mlo.ledger.times import Clock

#: Seconds between checkpoints that say when they were signed.
_TIMED_EVERY: Final = 1.0


@dataclass(frozen=True)
class Receipt:
    """Where a statement stands in the ledger, from now on."""

    index: int
    statement_id: str


class Sequencer:
    """Appends to one ledger over one connection."""

    def __init__(self, rows: Rows, signer: NoteSigner, clock: Callable[[], float]) -> None:
        """Begin; ``clock`` gives seconds since 1970."""
        self._rows = rows
        self._signer = signer
        self._clock = clock
        self._places = Places(rows, signer.verifier)
        self._frontier: Frontier | None = None
        #: Size and root of the tree that this process committed last.
        self._committed: tuple[int, bytes] | None = None
        #: The last time that is known to have been said, and what this process's clock said then.
        self._said = 0
        self._said_at: float | None = None
        #: The newest checkpoint is from here, and does not say when it was.
        self.silent = False

    def append(self, contents: Sequence[Content]) -> list[Receipt]:
        """Append what is not there yet; a receipt for each, in the order given.

        Raises:
            LedgerError: the stored tree is not the one that the last checkpoint names, or a row
                says falsely that a statement is there already.
        """
        held: dict[bytes, int] = {}
        if len(contents) == 1:  # the common case, and one question instead of two
            index, last = self._rows.place(contents[0].statement_id)
            if index is not None:
                held[contents[0].statement_id] = index
        else:
            held = self._rows.indexes([content.statement_id for content in contents])
            last = self._rows.last_checkpoint()
        for statement_id, index in held.items():
            if why := self._places.flaw(index, statement_id.hex()):
                raise _inconsistent(f"entry {index} is damaged: {why}")
        new: dict[bytes, Content] = {}
        for content in contents:
            if content.statement_id not in held:
                new.setdefault(content.statement_id, content)
        if new:
            first = self._add(list(new.values()), last)
            held.update(zip(new, range(first, first + len(new)), strict=True))
        return [
            Receipt(held[content.statement_id], content.statement_id.hex()) for content in contents
        ]

    def forget(self) -> None:
        """What was appended last was not kept: read the stored tree again before the next."""
        self._frontier = None
        self._said_at = None

    def committed(self) -> None:
        """What was appended is kept: whatever is here later must continue it."""
        if self._frontier is not None:
            self._committed = self._frontier.size, self._frontier.root()

    def say_when(self) -> None:
        """Have the newest checkpoint say when it was, unless it does."""
        last = self._rows.last_checkpoint()
        if last is None or Clock.of_log(self._signer.verifier).read(last[1]) is not None:
            return
        size, note = last
        head = read_checkpoint(note, self._signer.verifier)
        time = max(int(self._clock()), self._said_before(size))
        self._rows.sign_again(size, note + self._signer.cosignature(head.to_text(), time))

    def _add(self, contents: list[Content], last: Row | None) -> int:
        frontier = self._continued(last)
        first = frontier.size
        entries, rows = [], []
        for index, content in enumerate(contents, first):
            salt = os.urandom(SALT_SIZE)
            leaf = entry_hash(salt, content.envelope)
            entries.append((index, leaf, b"".join(frontier.append(leaf))))
            rows.append(content_row(index, salt, content))
        self._rows.add_entries(entries, rows)
        head = Checkpoint(self._signer.verifier.name, frontier.size, frontier.root())
        time = self._time(first)
        self._rows.add_checkpoint(head.size, head.sign(self._signer, time))
        self.silent = time is None
        return first

    def _time(self, size: int) -> int | None:
        """What the next checkpoint says of when it is; None where one said so just now."""
        now = self._clock()
        if self._said_at is not None and 0 <= now - self._said_at < _TIMED_EVERY:
            return None
        self._said = max(int(now), self._said_before(size))
        self._said_at = now
        return self._said

    def _said_before(self, size: int) -> int:
        """The newest time said by checkpoints up to ``size``, of this process or another."""
        clock = Clock.of_log(self._signer.verifier)
        for _, note in self._rows.notes_before(size):
            time = clock.read(note)
            if time is not None:
                return max(time, self._said)
        return self._said

    def _continued(self, last: Row | None) -> Frontier:
        """The tree that the last checkpoint names; other processes may have grown it."""
        if last is None:
            raise _inconsistent("it has no checkpoint")
        size, note = last
        if self._frontier is not None and self._frontier.size == size:
            if named(note).root == self._frontier.root():
                return self._frontier
            raise _inconsistent(f"its {size} entries are not those that were appended here")
        head = read_checkpoint(note, self._signer.verifier)
        if head.size != size:
            raise _inconsistent(f"the checkpoint of size {size} says {head.size}")
        try:
            frontier = Frontier.of(size, self._rows.node)
        except LookupError as error:
            raise _inconsistent(str(error)) from None
        if frontier.root() != head.root:
            raise _inconsistent(f"its tree of size {size} has another root than its checkpoint")
        self._check_continued(size)
        self._frontier = frontier
        return frontier

    def _check_continued(self, size: int) -> None:
        """Two histories under one key would be worse than none: never append to an older tree."""
        if self._committed is None:
            return
        before, root = self._committed
        if size < before:
            raise _inconsistent(f"it was rolled back: it had {before} entries, and has {size}")
        try:
            same = Frontier.of(before, self._rows.node).root() == root
        except LookupError as error:
            raise _inconsistent(str(error)) from None
        if not same:
            raise _inconsistent(f"its first {before} entries are not those that were here before")


def _inconsistent(why: str) -> LedgerError:
    return LedgerError(
        f"nothing is appended to this ledger, because it does not hold: {why}",
        hint="jupyter mlo ledger verify names what was changed; what you sign waits in the outbox",
    )
