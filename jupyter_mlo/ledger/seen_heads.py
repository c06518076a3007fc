"""Checkpoints of other people's ledgers that were seen here: what shows a fork between two days.

A log that signed two trees of one size has forked; each of the two holds by itself, so only who
remembers the first one finds out. Kept are signed notes, so that whoever is accused can be shown
both. Of two sizes nothing follows without a proof of consistency: witnesses ask for that.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final

import msgspec

from jupyter_mlo.config import open_plain
from jupyter_mlo.errors import LedgerError
from jupyter_mlo.identity.private_files import locked, write_private
from jupyter_mlo.ledger.checkpoint import Checkpoint, read_checkpoint
from jupyter_mlo.ledger.note_keys import NoteVerifier

#: Bytes of the file at most, some 60,000 checkpoints; beyond that the older half goes.
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
        """Remember what is new; raises :class:`OSError` where it cannot be written.

        A file that is full keeps its newer half: what was seen last is what a fork shows next.
        """
        if not self._new or not self._path.parent.is_dir():
            return
        new = b"".join(self._new)
        with locked(self._path.with_suffix(".lock")):
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK
            descriptor = os.open(self._path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "r+b", buffering=0) as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise OSError(errno.EINVAL, "it is not a plain file", str(self._path))
                size = file.seek(0, os.SEEK_END)
                if size + len(new) > _LONGEST:
                    file.seek(-min(size, _LONGEST // 2), os.SEEK_END)
                    kept = file.read().partition(b"\n")[2]  # the first may be the rest of a line
                    torn = kept and not kept.endswith(b"\n")
                    write_private(self._path, kept + (b"\n" if torn else b"") + new)
                else:
                    file.seek(max(0, size - 1))
                    # A line that a crash cut short must not swallow the next one.
                    torn = file.read(1) not in (b"", b"\n")
                    file.write((b"\n" if torn else b"") + new)
        self._new.clear()

    def _read(self) -> dict[tuple[str, int], bytes]:
        found: dict[tuple[str, int], bytes] = {}
        try:
            with open_plain(self._path) as file:
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
