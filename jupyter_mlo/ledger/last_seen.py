"""The last checkpoint that was seen here, kept outside the database that it speaks of.

A database that was put back to an older copy is whole in itself, and so is another one in
its place: only what was seen before shows it. The file stands beside the checkpoint key.

It is replaced whole, but nobody waits for the disk: it is written after the commit, so that
it never runs ahead of the ledger, and one that a power cut left behind or empty still
accuses nobody wrongly.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from jupyter_mlo.errors import LedgerError
from jupyter_mlo.ledger.checkpoint import Checkpoint, read_checkpoint
from jupyter_mlo.ledger.merkle import Frontier, consistency_holds, consistency_proof
from jupyter_mlo.ledger.note import Note
from jupyter_mlo.ledger.note_keys import NoteVerifier
from jupyter_mlo.ledger.rows import Rows

FILE_NAME: Final = "last-checkpoint"
_LONGEST: Final = 1024 * 1024


def read_seen(path: Path) -> bytes:
    """The signed note in ``path``; empty where nothing was seen yet.

    Raises:
        LedgerError: the file is there and cannot be read.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            return file.read(_LONGEST + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise LedgerError(
            f"the last checkpoint that was seen, {path}, cannot be read: {error.strerror}",
            hint="see who owns the file and who may read it",
        ) from None


def keep_seen(path: Path, note: bytes) -> None:
    """Keep a newer checkpoint; raises :class:`OSError` where it cannot be written.

    Of two processes the slower may put back a slightly older one, which is as true.
    """
    with contextlib.suppress(LedgerError):
        seen = read_seen(path)
        if seen and named(seen).size >= named(note).size:
            return
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(note)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def named(note: bytes) -> Checkpoint:
    """The checkpoint that a note names, whoever signed it; raises :class:`LedgerError`."""
    return Checkpoint.from_text(Note.from_bytes(note).text)


def departure(note: bytes, log: NoteVerifier, rows: Rows) -> str:
    """Why the ledger in ``rows`` does not continue the checkpoint in ``note``; empty if it does.

    Reads O(log n) of the stored tree, which `ledger verify` holds against the leaves.
    """
    try:
        seen = named(note)
    except LedgerError as error:
        return f"what was seen cannot be read, {error.message}; here is {_head(log, rows)}"
    last = rows.last_checkpoint()
    size = last[0] if last is not None else 0
    if seen.origin != log.name:
        why = "it is another log (another file, or another ledger than you had)"
    elif not _signed(note, log):
        why = (
            f"the key of {log.name} here has not signed what was seen (it was changed, or the key)"
        )
    elif not isinstance(size, int) or size < seen.size:
        why = "entries are gone"
    else:
        try:
            if Frontier.of(seen.size, rows.node).root() == seen.root:
                return ""
            why = f"its first {seen.size} entries are others"
        except LookupError as error:
            why = str(error)
    return f"{why}: {_shown(seen)} was seen, and here is {_head(log, rows)}"


class Continuity:
    """Follows a log that somebody else keeps: each checkpoint must continue the one seen before.

    The first one that a home sees it believes; whoever wants more keeps the log's key beforehand.
    """

    def __init__(self, path: Path, log: NoteVerifier, rows: Rows) -> None:
        """Follow ``log``; what was seen last is kept in the file ``path``."""
        self._path = path
        self._log = log
        self._rows = rows
        self._note = read_seen(path)
        self._head: Checkpoint | None = None
        self._new = False

    def newest(self) -> Checkpoint:
        """The newest checkpoint.

        Raises:
            LedgerError: it is not signed by the log, or does not continue what was seen.
        """
        last = self._rows.last_checkpoint()
        if last is None:
            raise _not_continued("it has no checkpoint")
        note = last[1]
        if self._head is not None and note == self._note:
            return self._head
        head = read_checkpoint(note, self._log)
        if self._note and not self._continues(head):
            why = departure(self._note, self._log, self._rows)
            raise _not_continued(why or "what it shows does not prove that its tree continues")
        self._head, self._note, self._new = head, note, True
        return head

    def keep(self) -> None:
        """Keep what was seen for the next time, where it can be written."""
        if self._new:
            with contextlib.suppress(OSError, LedgerError):
                keep_seen(self._path, self._note)

    def _continues(self, head: Checkpoint) -> bool:
        try:
            seen = self._head or read_checkpoint(self._note, self._log)
            proof = consistency_proof(seen.size, head.size, self._rows.node)
        except (LedgerError, LookupError, ValueError):
            return False
        return consistency_holds(seen.size, head.size, proof, seen.root, head.root)


def _not_continued(why: str) -> LedgerError:
    return LedgerError(
        f"the ledger is not believed, because it does not continue what was seen here: {why}",
        hint="tell whoever keeps it; what you sign waits in the outbox",
    )


def _signed(note: bytes, log: NoteVerifier) -> bool:
    try:
        read_checkpoint(note, log)
    except LedgerError:
        return False
    return True


def _head(log: NoteVerifier, rows: Rows) -> str:
    last = rows.last_checkpoint()
    try:
        return _shown(read_checkpoint(last[1], log)) if last else "no checkpoint"
    except LedgerError as error:
        return f"a checkpoint that does not hold ({error.message})"


def _shown(head: Checkpoint) -> str:
    root = base64.b64encode(head.root).decode("ascii")
    return f"the checkpoint of {head.size} entries with root {root} of {head.origin}"
