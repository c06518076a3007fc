"""Checkpoints: a log's signed tree head.

Source: C2SP tlog-checkpoint (https://c2sp.org/tlog-checkpoint). The signer's name is the
log's origin.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from jupyter_mlo.errors import LedgerError
from jupyter_mlo.ledger.merkle import HASH_SIZE
from jupyter_mlo.ledger.note import Note
from jupyter_mlo.ledger.note_keys import NoteSigner, NoteVerifier

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True)
class Checkpoint:
    """The root hash (32 bytes) of the log ``origin`` at ``size`` leaves."""

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """The note text: origin, size and base64 root, each on a line."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"

    @classmethod
    def from_text(cls, text: str) -> Checkpoint:
        """Read a note text; extension lines are passed over, as nobody may rely on them.

        Raises:
            LedgerError: it is not the text of a checkpoint.
        """
        lines = text.split("\n")
        if lines.pop() != "" or len(lines) < 3 or not all(lines):
            raise _malformed("it is not at least three lines that are not empty")
        if not _SIZE.fullmatch(lines[1]) or int(lines[1]) >= 2**63:
            raise _malformed("its second line is not a tree size")
        try:
            root = base64.b64decode(lines[2], validate=True)
        except ValueError:
            root = b""
        if len(root) != HASH_SIZE or base64.b64encode(root).decode("ascii") != lines[2]:
            raise _malformed("its third line is not the base64 of a root hash")
        return cls(lines[0], int(lines[1]), root)

    def sign(self, signer: NoteSigner, time: int | None = None) -> bytes:
        """The checkpoint as a signed note.

        Args:
            time: seconds since 1970, where the log says in a cosignature of its own when it was.

        Raises:
            ValueError: the signer's name is not this log's origin.
        """
        if signer.verifier.name != self.origin:
            raise ValueError(f"{signer.verifier.name} does not sign for the log {self.origin}")
        text = self.to_text()
        note = signer.sign(text)
        return note if time is None else note + signer.cosignature(text, time)

    def quoted(self) -> dict[str, Any]:
        """``{origin, size, root}`` as statements quote the last checkpoint that they saw."""
        return {
            "origin": self.origin,
            "size": self.size,
            "root": base64.b64encode(self.root).decode("ascii"),
        }


def read_checkpoint(note: bytes, log: NoteVerifier, *others: NoteVerifier) -> Checkpoint:
    """Read a signed checkpoint of ``log`` and check its signature, and those of ``others``.

    Raises:
        LedgerError: it is not a checkpoint of that log, the log has not signed it, or a
            signature of a known key does not hold.
    """
    checkpoint, signers = _checked(note, (log, *others))
    if checkpoint.origin != log.name:
        raise LedgerError(
            f"this checkpoint is of the log {checkpoint.origin!r}, not of {log.name!r}",
            hint="every log has an origin of its own; ask for the right one",
        )
    if log not in signers:
        raise LedgerError(
            f"the log {log.name} has not signed this checkpoint",
            hint="signatures of witnesses alone do not make a checkpoint",
        )
    return checkpoint


def _checked(
    note: bytes, verifiers: Iterable[NoteVerifier]
) -> tuple[Checkpoint, frozenset[NoteVerifier]]:
    read = Note.from_bytes(note)
    return Checkpoint.from_text(read.text), read.check(verifiers)


def _malformed(why: str) -> LedgerError:
    return LedgerError(
        f"this is not a checkpoint: {why}", hint="see https://c2sp.org/tlog-checkpoint"
    )
