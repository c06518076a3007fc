"""Records of executed cells, and stamps: appended, and found again by the digest of the source.

    records/2026-11-22/4711-9f86d081.jsonl      0600, one file a process and day

Each line is ``{"source":"<mloSourceV1, b64u>","cell":<id or null>,"envelope":<DSSE>}``: the
digest stands where it can be found without parsing anything. A line is one ``write`` to a
file opened for appending, so that a kernel may be killed at any point; a torn last line is
passed over. Lines are hints of where to look: whoever takes an envelope out of them checks it.

On the path of every cell: no SQL and no pydantic in here.
"""

from __future__ import annotations

import base64
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from jupyter_mlo.errors import StatementError
from jupyter_mlo.identity.private_files import make_private_folder
from jupyter_mlo.ledger.record_index import HEAD, RecordIndex
from jupyter_mlo.statements.envelope import MAX_ENVELOPE, Envelope
from jupyter_mlo.statements.strict_json import read_json

_MAX_LINE: Final = MAX_ENVELOPE + 64 * 1024


@dataclass(frozen=True)
class Matches:
    """Records that were found, and how many lines were no records of ours."""

    envelopes: tuple[Envelope, ...]
    skipped: int

    def __iter__(self) -> Iterator[Envelope]:
        return iter(self.envelopes)

    def __len__(self) -> int:
        return len(self.envelopes)


class RecordStore:
    """A folder of statements about cells: this process appends to one file, and reads them all."""

    def __init__(self, folder: Path, *, now: Callable[[], float] = time.time) -> None:
        """Read and append below ``folder``, ``settings.records`` or ``settings.stamps``; ``now``
        gives seconds since 1970, whose UTC day names the folder in it."""
        self._folder = folder
        self._index = RecordIndex(folder, _MAX_LINE)
        self._now = now
        self._lock = threading.Lock()
        self._descriptor = -1
        self._day = -1
        self._process = 0
        self._torn = False

    def append(self, envelope: Envelope, source_digest: bytes, cell_id: str | None) -> None:
        """Keep one statement; it is with the operating system on return, and survives a killed
        kernel. :meth:`sync` has it on disk.

        Args:
            source_digest: ``mloSourceV1`` of the cell's source, 32 bytes.

        Raises:
            OSError: it cannot be written; it is then not kept.
        """
        line = b'%b%b","cell":%b,"envelope":%b}\n' % (
            HEAD,
            _key(source_digest),
            msgspec.json.encode(cell_id),
            envelope.to_bytes(),
        )
        with self._lock:
            self._open_today()
            if self._torn:  # the rest of a line that found no room must not spoil this one
                line = b"\n" + line
            written = os.write(self._descriptor, line)
            self._torn = written != len(line)
        if self._torn:
            raise OSError(f"only {written} of {len(line)} bytes of a record could be written")

    def sync(self) -> None:
        """Have what was appended on disk: what machines lose, kernels do not."""
        with self._lock:
            if self._descriptor >= 0 and self._process == os.getpid():
                os.fsync(self._descriptor)

    def close(self) -> None:
        """Close this process's file; the next append opens another."""
        with self._lock:
            self._close()

    def matching(self, source_digests: Iterable[bytes] | None = None) -> Matches:
        """All records of cells with one of these sources (or of any), each day's files in turn.

        Lines, and files, that cannot be read are skipped and counted.
        """
        keys = None if source_digests is None else map(_key, source_digests)
        lines, skipped = self._index.lines(keys)
        read = list(map(_envelope, lines))
        found = tuple(envelope for envelope in read if envelope is not None)
        return Matches(found, skipped + len(read) - len(found))

    def _open_today(self) -> None:
        """Open this process's file of today; a forked child and a new day get their own."""
        day, process = int(self._now() // 86400), os.getpid()
        if (
            day == self._day
            and process == self._process
            and self._descriptor >= 0
            and os.fstat(self._descriptor).st_nlink  # else somebody has removed the file
        ):
            return
        self._close()
        folder = self._folder / time.strftime("%Y-%m-%d", time.gmtime(day * 86400))
        make_private_folder(folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        path = folder / f"{process}-{secrets.token_hex(4)}.jsonl"
        self._descriptor = os.open(path, flags, 0o600)
        self._day, self._process, self._torn = day, process, False

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def _key(digest: bytes) -> bytes:
    """A 32-byte digest as it stands in the line: base64url without padding, 43 characters."""
    if len(digest) != 32:
        raise ValueError(f"a source digest has 32 bytes, not {len(digest)}")
    return base64.urlsafe_b64encode(digest)[:43]


def _envelope(line: bytes) -> Envelope | None:
    try:
        return Envelope.from_json(read_json(line)["envelope"])
    except (StatementError, LookupError, TypeError):
        return None
