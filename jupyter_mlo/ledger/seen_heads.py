"""Checkpoints of other people's ledgers that were seen here: what shows a fork between two days.

A log that signed two trees of one size has forked; each of the two holds by itself, so only who
remembers the first one finds out. Kept are signed notes, so that whoever is accused can be shown
both. Of two sizes nothing follows without a proof of consistency: witnesses ask for that.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

import msgspec

from jupyter_mlo.errors import LedgerError
from jupyter_mlo.ledger.checkpoint import Checkpoint, read_checkpoint
from jupyter_mlo.ledger.note_keys import NoteVerifier

#: Bytes of the file that are read; and no more is written: some 60,000 checkpoints.
_LONGEST: Final = 32 * 1024 * 1024


class _Seen(msgspec.Struct, forbid_unknown_fields=True):
    """A line of the file."""

    origin: str
    size: int
    note: str


class SeenHeads:
    """What was seen here, in this command and before."""

    def __init__(self, path: Path) -> None:
        """Remember in ``path``, where its folder is there; read when first asked."""
        self._path = path
        self._known: dict[tuple[str, int], bytes] | None = None
        self._new: list[bytes] = []

    def fork(self, note: bytes, log: NoteVerifier) -> str:
        """Why ``note`` contradicts what was seen of this log, both heads named; empty if not.

        Args:
            note: a checkpoint that holds under ``log``; from now on it was seen.

        Raises:
            LedgerError: it does not hold.
        """
        head = read_checkpoint(note, log)
        if self._known is None:
            self._known = self._read()
        before = self._known.get((head.origin, head.size))
        if before is not None:
            # An accusation needs the log's own signature, whatever somebody wrote into the file.
            with contextlib.suppress(LedgerError):
                other = read_checkpoint(before, log)
                return "" if other == head else _forked(other, head)
        self._known[head.origin, head.size] = note
        seen = _Seen(head.origin, head.size, note.decode("utf-8", "replace"))
        self._new.append(msgspec.json.encode(seen) + b"\n")
        return ""

    def keep(self) -> None:
        """Remember what is new; raises :class:`OSError` where it cannot be written."""
        if not self._new or not self._path.parent.is_dir():
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(self._path, flags, 0o600), "ab", buffering=0) as file:
            # In one piece: another command may write at the same time.
            if os.fstat(file.fileno()).st_size < _LONGEST:
                file.write(b"".join(self._new))
        self._new.clear()

    def _read(self) -> dict[tuple[str, int], bytes]:
        found: dict[tuple[str, int], bytes] = {}
        try:
            with os.fdopen(
                os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb"
            ) as file:
                lines = file.read(_LONGEST).splitlines()
        except OSError:
            return found
        for line in lines:
            with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
                seen = msgspec.json.decode(line, type=_Seen)
                found.setdefault((seen.origin, seen.size), seen.note.encode())
        return found


def _forked(one: Checkpoint, other: Checkpoint) -> str:
    first, second = one.quoted(), other.quoted()
    return (
        f"the log {first['origin']} has forked: it signed {first['size']} entries with root "
        f"{first['root']}, and {second['size']} entries with root {second['root']}"
    )
