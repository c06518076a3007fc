"""The ledger, opened: read, appended to, verified.

Whoever uses it owns the transaction: :meth:`Ledger.append` is one by itself, and joins the
one that :meth:`Ledger.transaction` has begun.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from jupyter_mlo.errors import KeyFileError, LedgerError, NotFound
from jupyter_mlo.identity.private_files import read_private
from jupyter_mlo.ledger.checkpoint import Checkpoint, read_checkpoint
from jupyter_mlo.ledger.content import Content, content_of
from jupyter_mlo.ledger.creation import log_in, no_key
from jupyter_mlo.ledger.database import Database
from jupyter_mlo.ledger.labels import Labels, read_labels
from jupyter_mlo.ledger.last_seen import FILE_NAME, departure, keep_seen, read_seen
from jupyter_mlo.ledger.merkle import consistency_proof, inclusion_proof
from jupyter_mlo.ledger.note_keys import NoteSigner
from jupyter_mlo.ledger.places import Places
from jupyter_mlo.ledger.proofs import TlogProof
from jupyter_mlo.ledger.report import LedgerReport
from jupyter_mlo.ledger.rows import Entry, Filter, Rows
from jupyter_mlo.ledger.sequencer import Receipt, Sequencer
from jupyter_mlo.ledger.times import Clock, ProvenTimes
from jupyter_mlo.ledger.verification import Progress, verify_rows
from jupyter_mlo.ledger.witnesses import add_cosignatures, newest_cosigned
from jupyter_mlo.statements.envelope import Envelope

#: Trees have fewer leaves, and databases no larger numbers.
_NO_INDEX: Final = 2**63
#: Seconds between writes of the last checkpoint while the ledger stays open.
_KEEP_EVERY: Final = 1.0


class Ledger:
    """An open ledger. Use it as a context manager, in one thread."""

    def __init__(
        self, database: Database, key: Path, clock: Callable[[], float] = time.time
    ) -> None:
        """Take over an open database of the current schema; ``key`` is read on first append.

        Args:
            clock: seconds since 1970, for what checkpoints say of when they were signed.
        """
        self._database = database
        self._clock = clock
        #: The rows as they are stored.
        self.rows = Rows(database)
        self._key = key
        self._seen = key.with_name(FILE_NAME)
        self._unkept = False
        self._kept_at = 0.0
        self._sequencer: Sequencer | None = None
        self.verifier = log_in(self.rows)
        self._places = Places(self.rows, self.verifier)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database; a transaction that is open is rolled back."""
        try:
            if not self._database.in_transaction:
                self._say_when()
                if self._unkept:
                    self._keep_head()
        finally:
            self._database.close()

    @property
    def origin(self) -> str:
        """The log's name, for ever."""
        return self.verifier.name

    @property
    def size(self) -> int:
        """How many entries the last checkpoint covers."""
        return int(self._last()[0])

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is appended inside, on disk when this ends.

        An append that fails inside ends the transaction then and there.
        """
        self._database.begin(write=True)
        try:
            self._check_key()
            yield
            self._database.commit()
        except BaseException:
            self._roll_back()
            raise
        self._committed()

    def append(self, envelopes: Iterable[Envelope | bytes | Content]) -> list[Receipt]:
        """Append statements; on disk on return unless inside :meth:`transaction`.

        A statement that the ledger has already keeps its place and gets that receipt again.

        Args:
            envelopes: bytes are stored as they are, an :class:`Envelope` as canonical JSON.

        Returns:
            One receipt for each, in the order given.

        Raises:
            StatementError: bytes that are not a DSSE envelope of ours; nothing was appended.
            LedgerUnreachable: the database does not answer; nothing was appended.
            LedgerError: the ledger does not hold, so nothing may be appended to it.
            KeyFileError: the checkpoint key cannot be used.
        """
        contents = [content_of(envelope) for envelope in envelopes]
        if not contents:
            return []
        sequencer = self._sequencing()
        if self._database.in_transaction:
            try:
                return sequencer.append(contents)
            except BaseException:
                # Half an append must not be committed, even if the caller goes on.
                self._roll_back()
                raise
        with self.transaction():
            return sequencer.append(contents)

    def check_appending(self) -> None:
        """Raise what :meth:`append` would, where this home may not append."""
        self._sequencing()

    def entries(self, wanted: Filter | None = None) -> Iterator[Entry]:
        """Matching entries in the order of the log, newest last."""
        return self.rows.entries(wanted or Filter())

    def stored_from(
        self, first: int, end: int | None = None
    ) -> Iterator[tuple[int, str | None, bytes]]:
        """(index, predicate type, envelope) of entries, and nothing else of them."""
        return self.rows.envelopes(first, end)

    def labels(self, kept: Path | None) -> Labels:
        """Which entries are of which predicate (:func:`~jupyter_mlo.ledger.labels.read_labels`)."""
        return read_labels(self.rows, self.verifier, kept)

    def at(self, indexes: Sequence[int]) -> Iterator[Entry]:
        """The entries that have these indexes, in order; those without content are left out."""
        return self.rows.at(indexes)

    def envelope(self, which: int | str) -> Envelope:
        """The envelope at an index, or with a statement ID; raises :class:`NotFound`."""
        return Envelope.from_bytes(self._content(which)[2])

    def index(self, statement_id: str) -> int:
        """Where a statement stands, proven; raises :class:`NotFound`, or LedgerError if damaged."""
        flaws: list[str] = []
        found = self.indexes([statement_id], flaws.append)
        if flaws:
            raise LedgerError(f"the ledger's {flaws[0]}", hint="jupyter mlo ledger verify")
        if not found:
            self._content(statement_id)
        return found[statement_id]

    def indexes(
        self, statement_ids: Iterable[str], damaged: Callable[[str], None] | None = None
    ) -> dict[str, int]:
        """Where those of these statements stand that the ledger has.

        Args:
            damaged: told of each row that names one of them and is not what was logged there;
                such a statement is not in the ledger.
        """
        wanted = list(map(_statement_id, statement_ids))
        found: dict[str, int] = {}
        for key, index in self.rows.indexes(wanted).items():
            if why := self._places.flaw(index, key.hex()):
                if damaged is not None:
                    damaged(f"entry {index} is damaged: {why}")
            else:
                found[key.hex()] = index
        return found

    def checkpoint(self) -> bytes:
        """The newest checkpoint, as a signed note."""
        return bytes(self._last()[1])

    def quoted(self) -> dict[str, Any]:
        """``{origin, size, root}`` of the newest checkpoint, as statements quote it."""
        return self.head().quoted()

    def times(self, clock: Clock | None = None) -> ProvenTimes:
        """Since when entries have been here, by ``clock``; by default the ledger's own."""
        return ProvenTimes(self.rows, self.verifier, clock or Clock.of_log(self.verifier))

    def head(self) -> Checkpoint:
        """The newest checkpoint, read; raises :class:`LedgerError` if its signature is broken."""
        return read_checkpoint(self.checkpoint(), self.verifier)

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """The inclusion proof of an entry in the tree of ``size`` (default: the newest)."""
        return self._proved(inclusion_proof, index, self.size if size is None else size)

    def consistency(self, first: int, second: int | None = None) -> list[bytes]:
        """The proof that the tree of ``second`` (default: the newest) continues ``first``."""
        return self._proved(consistency_proof, first, self.size if second is None else second)

    def receipt(self, which: int | str, clock: Clock | None = None) -> TlogProof:
        """The receipt of an entry to take away: salt, inclusion proof, checkpoint.

        Args:
            clock: take the first checkpoint that proves a time by it, where there is one; the
                newest otherwise.
        """
        index, salt, _ = self._content(which)
        note = self.times(clock).checkpoint_over(index) if clock is not None else None
        if note is None:
            note = self.checkpoint()
        size = read_checkpoint(note, self.verifier).size
        return TlogProof(index, tuple(self.inclusion(index, size)), note, salt)

    def stored(self, which: int | str) -> bytes:
        """An entry's envelope as its leaf commits to it (JSON text); raises :class:`NotFound`."""
        return bytes(self._content(which)[2])

    def verify(
        self,
        progress: Progress | None = None,
        *,
        since: int = 0,
        erased: Mapping[int, bytes] | None = None,
    ) -> LedgerReport:
        """Compute everything again and compare; every difference is named in the report.

        Whose the statements' signatures are is not looked at; ``since`` and ``erased`` as in
        :func:`~jupyter_mlo.ledger.verification.verify_rows`.
        """
        return verify_rows(self.rows, self.verifier, progress, since=since, erased=erased)

    def cosigned_by(self, vkeys: Iterable[str]) -> int:
        """The size of the newest checkpoint that one of these witnesses cosigned; 0 if none."""
        return newest_cosigned(self.rows, self.size, vkeys)

    def add_cosignatures(
        self, lines: Iterable[bytes], vkeys: Iterable[str]
    ) -> list[tuple[str, int]]:
        """Put witnesses' signature lines under the checkpoints that they are of.

        Lines that hold under none of ``vkeys`` and no checkpoint here are passed over.

        Returns:
            the witness's name, and the size of the checkpoint, for each that was found.
        """
        with self.transaction():
            return add_cosignatures(self.rows, self.size, lines, vkeys)

    def departure(self, note: bytes) -> str:
        """Why this ledger does not continue a checkpoint kept elsewhere; empty if it does."""
        return departure(note, self.verifier, self.rows)

    def rolled_back(self) -> str:
        """Why this is not the ledger that was seen here last; empty if it is, or goes on from it.

        Raises:
            LedgerUnreachable: the database does not answer.
        """
        try:
            seen = read_seen(self._seen)
        except LedgerError as error:
            return error.message
        why = self.departure(seen) if seen else ""
        return f"the ledger was rolled back or replaced: {why}" if why else ""

    def missing(self) -> int:
        """How many entries, of those under the newest checkpoint, have no content here."""
        size = self.size
        return max(0, size - self.rows.count())

    def holes(self) -> dict[int, bytes]:
        """Index → stored leaf hash of the entries that have no content here; reads every row."""
        return self.rows.holes()

    def flaw(self, entry: Entry) -> str:
        """Why an entry is not what the newest checkpoint covers; empty if it is."""
        why = self._places.flaw(entry.index, entry.statement_id)
        if why or self.stored(entry.index) == entry.stored:
            return why
        return "its envelope is another than it was a moment ago"

    def _committed(self) -> None:
        """Something is on disk that the file of the last checkpoint does not know yet."""
        if self._sequencer is not None:
            self._sequencer.committed()
        self._unkept = True
        if time.monotonic() - self._kept_at >= _KEEP_EVERY:
            self._keep_head()

    def _keep_head(self) -> None:
        # What was appended is safe: that this cannot be written is no reason to fail.
        with contextlib.suppress(OSError, LedgerError):
            keep_seen(self._seen, self.checkpoint())
            self._unkept = False
            self._kept_at = time.monotonic()

    def _say_when(self) -> None:
        if self._sequencer is None or not self._sequencer.silent:
            return
        # What was appended is safe; without this its proven time is that of a later checkpoint.
        with contextlib.suppress(LedgerError, KeyFileError):
            self._database.begin(write=True)
            try:
                self._check_key()
                self._sequencer.say_when()
                self._database.commit()
            finally:
                self._database.rollback()

    def _check_key(self) -> None:
        """Whoever waited for the database may have waited for the end of a move.

        Raises:
            KeyFileError: the key that was read before is not here any more.
        """
        if self._sequencer is not None and not self._key.exists():
            self._sequencer = None
            raise no_key(self._key)

    def _roll_back(self) -> None:
        if self._sequencer is not None:
            self._sequencer.forget()
        self._database.rollback()

    def _content(self, which: int | str) -> Any:
        key = which if isinstance(which, int) else _statement_id(which)
        row = None if isinstance(key, int) and not 0 <= key < _NO_INDEX else self.rows.content(key)
        if row is None:
            raise NotFound(
                f"the ledger holds no entry {which}", hint="jupyter mlo log lists what it holds"
            )
        return row

    def _last(self) -> Any:
        row = self.rows.last_checkpoint()
        if row is None:
            raise LedgerError(
                "the ledger has no checkpoint: its table checkpoints is damaged",
                hint="restore the ledger from a backup",
            )
        return row

    def _proved(
        self, prove: Callable[[int, int, Callable[[int, int], bytes]], list[bytes]], *at: int
    ) -> list[bytes]:
        try:
            if at[1] > self.size:
                raise ValueError(f"the ledger has {self.size} entries, not {at[1]}")
            return prove(at[0], at[1], self.rows.node)
        except ValueError as error:
            raise NotFound(f"there is no such proof: {error}", hint="jupyter mlo log") from None
        except LookupError as error:
            raise LedgerError(str(error), hint="jupyter mlo ledger verify") from None

    def _sequencing(self) -> Sequencer:
        if self._sequencer is None:
            try:
                text = read_private(self._key, what="checkpoint key")
            except FileNotFoundError:
                raise no_key(self._key) from None
            signer = NoteSigner.from_text(text.decode("ascii", "replace").strip())
            if signer.verifier != self.verifier:
                raise KeyFileError(
                    f"{self._key} is the key of {signer.verifier.vkey}, and this ledger is "
                    f"{self.verifier.vkey}",
                    hint="restore ledger and key from the same backup",
                )
            if why := self.rolled_back():
                raise LedgerError(
                    f"nothing is appended to this ledger, because it does not hold: {why}",
                    hint="restore the newest backup of its folder, or move the folder "
                    f"{self._key.parent} away to begin a new ledger; what you sign waits in the "
                    "outbox",
                )
            self._sequencer = Sequencer(self.rows, signer, self._clock)
        return self._sequencer


def _statement_id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise NotFound(
            f"{text[:80]!r} is no statement ID",
            hint="64 hexadecimal digits, as jupyter mlo log --json prints them",
        ) from None
