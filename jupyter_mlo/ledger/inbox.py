"""The team ledger's inbox: writers hand statements in, and believe only what is proven to them.

A writer may add to the table ``inbox`` and read; the sequencer takes what is there into the log
and out of the inbox in one transaction, so each statement counts once, whatever is killed when.
A writer takes a receipt only if its statement stands under a checkpoint of the log, and that
checkpoint continues the last one that this home saw. Until then the statement is not acknowledged.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from jupyter_mlo.errors import LedgerError
from jupyter_mlo.identity.private_files import make_private_folder
from jupyter_mlo.ledger.content import Content, content_of
from jupyter_mlo.ledger.database import LedgerUnreachable, Row
from jupyter_mlo.ledger.last_seen import Continuity
from jupyter_mlo.ledger.leaf import entry_hash
from jupyter_mlo.ledger.merkle import Proven
from jupyter_mlo.ledger.nodes import Nodes
from jupyter_mlo.ledger.places import Places
from jupyter_mlo.ledger.rows import Rows
from jupyter_mlo.ledger.sequencer import Receipt
from jupyter_mlo.statements.envelope import MAX_ENVELOPE, Envelope

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlo.ledger.note_keys import NoteVerifier
    from jupyter_mlo.ledger.postgres import PostgresDatabase

#: The channel on which the sequencer says that there is a new checkpoint.
CHANNEL: Final = "mlo_checkpoint"
_INSERT: Final = "INSERT INTO inbox (envelope) VALUES (?) ON CONFLICT DO NOTHING"
#: What comes first, as far as it may be in memory at once, and no more of one than is read.
_FIRST: Final = (
    "SELECT id FROM (SELECT id, sum(octet_length(envelope)) OVER (ORDER BY id) "
    "- octet_length(envelope) AS earlier "
    "FROM (SELECT id, envelope FROM inbox ORDER BY id LIMIT ?) AS firsts) AS sized "
    "WHERE earlier < ? ORDER BY id"
)
_TAKE: Final = (
    "DELETE FROM inbox WHERE id = ANY(?) "
    f"RETURNING id, substring(envelope FROM 1 FOR {MAX_ENVELOPE + 1}), writer"
)
#: Bytes taken at once.
_AT_ONCE: Final = 8 * MAX_ENVELOPE
#: Seconds after which a writer who has heard nothing looks for itself.
_LOOK: Final = 0.25
_START_IT: Final = "whoever keeps the ledger starts it: jupyter mlo ledger serve"


class Writer(Protocol):
    """What publishing needs of a ledger, wherever it is."""

    def __enter__(self) -> Self:
        """Use it as a context manager."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of the ledger."""

    def append(self, envelopes: Iterable[Envelope | bytes | Content]) -> list[Receipt]:
        """Have the ledger take statements; it has them for good on return."""

    def check_appending(self) -> None:
        """Raise :class:`LedgerError` where nobody would append what is handed in now."""

    def quoted(self) -> dict[str, Any]:
        """The newest checkpoint as statements quote it."""


class Inbox:
    """A writer's way into a ledger that somebody else keeps. A context manager, in one thread."""

    def __init__(
        self, database: PostgresDatabase, log: NoteVerifier, seen: Path, *, patience: float
    ) -> None:
        """Take over a connection to a ledger of the current schema.

        Args:
            seen: the file of the last checkpoint that was seen here.
            patience: seconds to wait for the sequencer.
        """
        self._database = database
        self._rows = Rows(database)
        self._log = log
        self._patience = patience
        make_private_folder(seen.parent)
        self._continuity = Continuity(seen, log, self._rows)
        self._listens = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._continuity.keep()
        finally:
            self._database.close()

    def append(self, envelopes: Iterable[Envelope | bytes | Content]) -> list[Receipt]:
        """Hand statements in, and wait until they stand under a checkpoint of the log.

        Raises:
            StatementError: bytes that are not a DSSE envelope of ours; nothing was handed in.
            LedgerUnreachable: the database does not answer, or no sequencer took them in time.
                They may be taken later; handed in again, they count once.
            LedgerError: what the ledger shows does not hold.
        """
        contents = [content_of(envelope) for envelope in envelopes]
        if not contents:
            return []
        places = self._places(contents)
        new = [content for content in contents if content.statement_id not in places]
        if new:
            self.hand_in(new)
        return self.receipts(contents, places)

    def receipts(
        self, contents: Sequence[Content], known: Mapping[bytes, Row] | None = None
    ) -> list[Receipt]:
        """Wait until what was handed in stands under a checkpoint of the log; as :meth:`append`.

        Args:
            known: (index, salt) of those that are there already.
        """
        places = self._wait(contents, dict(known or {}))
        self._check(contents, places)
        return [
            Receipt(places[content.statement_id][0], content.statement_id.hex())
            for content in contents
        ]

    def hand_in(self, contents: Sequence[Content]) -> None:
        """Put statements into the inbox, and wait for nothing; on the server's disk on return."""
        if len(contents) == 1:
            self._database.execute(_INSERT, (contents[0].envelope,))
            return
        # One parameter for all of them; their order is that of the rows.
        self._database.execute(
            "INSERT INTO inbox (envelope) SELECT unnest(?::bytea[]) ON CONFLICT DO NOTHING",
            ([content.envelope for content in contents],),
        )

    def check_appending(self) -> None:
        """Raise :class:`LedgerUnreachable` where no sequencer runs now."""
        if not self._database.has_sequencer():
            raise LedgerUnreachable(
                f"no sequencer runs for the ledger {self._database.shown}", hint=_START_IT
            )

    def quoted(self) -> dict[str, Any]:
        """The newest checkpoint as statements quote it, once it is shown to continue the last."""
        return self._continuity.newest().quoted()

    def _wait(self, contents: Sequence[Content], found: dict[bytes, Row]) -> dict[bytes, Row]:
        """(index, salt) of each statement, when the ledger has them all."""
        until = time.monotonic() + self._patience
        missing = [one for one in contents if one.statement_id not in found]
        if missing and not self._listens:
            self._database.execute(f"LISTEN {CHANNEL}")
            self._listens = True
        while missing:
            # They are taken in order: until the last of them is there, nobody asks for the others.
            if self._places(missing[-1:]):
                found.update(self._places(missing))
                missing = [one for one in missing if one.statement_id not in found]
                continue
            now = time.monotonic()
            self._database.wait_for(CHANNEL, min(_LOOK, max(0.001, until - now)))
            if time.monotonic() - now >= _LOOK and not self._database.has_sequencer():
                raise LedgerUnreachable(
                    f"no sequencer runs for the ledger {self._database.shown}: what was handed "
                    "in waits there",
                    hint=_START_IT,
                )
            if time.monotonic() >= until:
                if self._left_out(missing):
                    raise LedgerUnreachable(
                        f"the sequencer of the ledger {self._database.shown} has left out what "
                        "was handed in",
                        hint="it says itself why: ask whoever keeps the ledger",
                    )
                raise LedgerUnreachable(
                    f"the sequencer of the ledger {self._database.shown} has not taken what was "
                    f"handed in within {self._patience:g} s",
                    hint="it says itself what keeps it; what was handed in waits there",
                )
        return found

    def _left_out(self, contents: Sequence[Content]) -> bool:
        """Whether one of them is neither in the inbox nor, then, in the ledger."""
        digests = [sha256(one.envelope).digest() for one in contents]
        rows = self._database.query(
            "SELECT count(*) FROM inbox WHERE digest = ANY(?)", (list(set(digests)),)
        )
        gone = rows[0][0] < len(set(digests))
        return gone and len(self._places(contents)) < len({one.statement_id for one in contents})

    def _places(self, contents: Sequence[Content]) -> dict[bytes, Row]:
        return self._rows.salts([content.statement_id for content in contents])

    def _check(self, contents: Sequence[Content], places: dict[bytes, Row]) -> None:
        """Hold each place against a checkpoint that continues the last one seen.

        Raises:
            LedgerError: one of them is not there, or the log has forked or was rolled back.
        """
        head = self._continuity.newest()
        indexes = [index for index, _ in places.values()]
        nodes = Nodes(self._database, min(indexes), max(indexes))
        others = Places(self._rows, self._log)
        proven: Proven | None = None
        with contextlib.suppress(LookupError, ValueError):
            proven = Proven(head.size, head.root, nodes)
        for content in contents:
            index, salt = places[content.statement_id]
            with contextlib.suppress(LookupError, ValueError):
                if proven is not None and proven.holds(index, entry_hash(salt, content.envelope)):
                    continue
            # Another envelope of the same statement may have come first.
            if why := others.flaw(index, content.statement_id.hex()):
                raise LedgerError(
                    f"the ledger says that statement {content.statement_id.hex()} is its entry "
                    f"{index}, which does not hold: {why}",
                    hint="jupyter mlo ledger verify names what was changed; what you sign waits in "
                    "the outbox",
                )


def first_waiting(database: PostgresDatabase, most: int) -> list[int]:
    """The IDs of what came first into the inbox."""
    return [one for (one,) in database.query(_FIRST, (most, _AT_ONCE))]


def take(database: PostgresDatabase, ids: Sequence[int]) -> list[tuple[bytes, str]]:
    """(envelope, role) of these, taken out of the inbox in the open transaction.

    Of an envelope that is longer than any may be, only so much that it is seen.
    """
    rows = sorted(database.query(_TAKE, (list(ids),)))
    return [(envelope, writer) for _, envelope, writer in rows]


def announce(database: PostgresDatabase) -> None:
    """Wake the writers that wait, when the open transaction is committed."""
    database.execute(f"NOTIFY {CHANNEL}")


def waiting(database: PostgresDatabase) -> int:
    """How many statements wait for the sequencer."""
    ((count,),) = database.query("SELECT count(*) FROM inbox")
    return int(count)
