"""What a witness does: cosign a log's checkpoint that continues the one it saw last.

The exchange is that of C2SP tlog-witness (https://c2sp.org/tlog-witness), ``add-checkpoint``, with
its request and response bodies as files. A witness keeps, for each log, the checkpoint that
it cosigned last, and never cosigns one that does not continue it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jupyter_mlo.errors import KeyFileError, LedgerError, Refused
from jupyter_mlo.identity.private_files import locked, read_private, write_private
from jupyter_mlo.ledger.checkpoint import Checkpoint, read_checkpoint
from jupyter_mlo.ledger.last_seen import named, read_seen
from jupyter_mlo.ledger.merkle import HASH_SIZE, consistency_holds
from jupyter_mlo.ledger.note import Note
from jupyter_mlo.ledger.note_keys import NoteSigner, NoteVerifier, unb64

_OLD: Final = re.compile(rb"old (0|[1-9][0-9]{0,18})", re.ASCII)
_MAX_HASHES: Final = 63
#: A whole request is no longer than a note and its proof.
MAX_REQUEST: Final = 1024 * 1024 + 8192


@dataclass(frozen=True)
class Request:
    """A checkpoint (a signed note), and the proof that it continues that of ``old`` entries."""

    old: int
    proof: Sequence[bytes]
    checkpoint: bytes

    def to_bytes(self) -> bytes:
        """The body of ``add-checkpoint``."""
        lines = [f"old {self.old}", *(base64.b64encode(hash_).decode() for hash_ in self.proof)]
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint

    @classmethod
    def from_bytes(cls, data: bytes) -> Request:
        """Read a body; raises :class:`LedgerError` where it is not one."""
        head, separator, checkpoint = data.partition(b"\n\n")
        first, *rest = head.split(b"\n")
        old = _OLD.fullmatch(first)
        if not separator or old is None or int(old[1]) >= 2**63:
            raise _malformed("it does not begin with 'old' and a size")
        if len(rest) > _MAX_HASHES:
            raise _malformed(f"it has more than {_MAX_HASHES} hashes")
        try:
            proof = [unb64(line.decode("ascii")) for line in rest]
        except ValueError:  # UnicodeDecodeError among them
            raise _malformed("a line of its proof is not base64") from None
        if any(len(hash_) != HASH_SIZE for hash_ in proof):
            raise _malformed("a hash has not 32 bytes")
        return cls(int(old[1]), tuple(proof), checkpoint)


class Witness:
    """A witness's key and what it saw, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def _key(self) -> Path:
        return self._folder / "witness.key"

    def create(self, name: str) -> NoteVerifier:
        """Make the key; raises :class:`Refused` where there is one."""
        signer = NoteSigner.generate(name)
        try:
            write_private(self._key, signer.to_text().encode() + b"\n", replace=False)
        except FileExistsError:
            raise Refused(
                f"there is a witness here already: {self.signer().verifier.name}",
                hint="one home is one witness; take another MLO_HOME for another one",
            ) from None
        return signer.verifier.cosigner

    def signer(self) -> NoteSigner:
        """The key; raises :class:`KeyFileError` where there is none, or it is damaged."""
        try:
            text = read_private(self._key, what="witness key")
        except FileNotFoundError:
            raise KeyFileError(
                "there is no witness here", hint="jupyter mlo witness init NAME makes its key"
            ) from None
        return NoteSigner.from_text(text.decode("ascii", "replace").strip())

    def seen(self, origin: str) -> bytes:
        """The checkpoint of a log that was cosigned last; empty where there is none yet.

        Raises:
            LedgerError: what was kept cannot be read.
        """
        return read_seen(self._seen(origin))

    def cosign(self, request: Request, log: NoteVerifier, time: int) -> bytes:
        """The cosignature (signature lines, the body of the response) of what is asked for.

        Kept before it is returned; of two requests at once one waits for the other.

        Args:
            log: the key of the log, by the witness's own configuration.
            time: now, in seconds since 1970.

        Raises:
            LedgerError: the checkpoint is not the log's, or what was kept cannot be read.
            Refused: the request is not from what was seen last.
            Forked: the log has signed two histories.
        """
        signer = self.signer()
        head = read_checkpoint(request.checkpoint, log)
        with locked(self._folder / ".lock"):
            last = self.seen(log.name)
            before = read_checkpoint(last, log) if last else Checkpoint(log.name, 0, b"")
            _check_continues(before, last, head, request)
            line = signer.cosignature(Note.from_bytes(request.checkpoint).text, time)
            write_private(self._seen(log.name), request.checkpoint)
        return line

    def _seen(self, origin: str) -> Path:
        return self._folder / f"{hashlib.sha256(origin.encode()).hexdigest()}.checkpoint"


class Forked(Refused):
    """A log has signed two checkpoints of which neither continues the other."""


def _check_continues(before: Checkpoint, last: bytes, head: Checkpoint, request: Request) -> None:
    if request.old > head.size:
        raise Refused(
            f"the request is from {request.old} entries to {head.size}",
            hint="the log has lost entries, or the request was put together wrongly",
        )
    if head.size < before.size:
        raise Refused(
            f"this witness has cosigned {before.size} entries already, and is asked for "
            f"{head.size}; the one seen: {shown(before)}; the one asked for: {shown(head)}",
            hint="make the request anew from the newest checkpoint; if that is no larger, the "
            "log was rolled back",
        )
    if request.old != before.size:
        raise Refused(
            f"the request is from {request.old} entries, and this witness has seen {before.size}",
            hint=f"make it anew: jupyter mlo witness request --old {before.size}",
        )
    holds = (
        not request.proof
        if before.size == 0
        else consistency_holds(before.size, head.size, request.proof, before.root, head.root)
    )
    if holds:
        return
    if before.size == head.size:
        raise Forked(
            f"the log has forked; seen: {shown(before)}; asked for: {shown(head)}",
            hint="both are signed by the log's key: keep both files, they prove it",
        )
    raise Forked(
        "nothing shows that the checkpoint continues the one seen; "
        f"seen: {shown(before)}; asked for: {shown(head)}",
        hint="ask for a new request from the log; if that does not hold either, the log was "
        "rewritten, and both checkpoints (signed by its key) prove it: "
        + (named(last).origin if last else ""),
    )


def shown(head: Checkpoint) -> str:
    """A checkpoint in a few words."""
    root = base64.b64encode(head.root).decode("ascii")
    return f"{head.size} entries with root {root} of {head.origin}"


def cosignature_lines(data: bytes) -> list[bytes]:
    """The signature lines of a response body; raises :class:`LedgerError` where it is none."""
    lines = data.split(b"\n")
    if lines.pop() != b"" or not lines or len(data) > MAX_REQUEST:
        raise _malformed("it is not a list of signature lines")
    Note.from_bytes(b"x\n\n" + data)
    return [line + b"\n" for line in lines]


def _malformed(why: str) -> LedgerError:
    return LedgerError(
        f"this is no witness's exchange: {why}", hint="see https://c2sp.org/tlog-witness"
    )
