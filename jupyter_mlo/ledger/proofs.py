"""Receipts to take away: an entry's inclusion proof and the checkpoint it leads to, as text.

Source: C2SP tlog-proof (https://c2sp.org/tlog-proof). The ``extra`` line carries the
entry's salt: with it and the envelope anyone computes the leaf again, offline.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jupyter_mlo.errors import LedgerError
from jupyter_mlo.ledger.checkpoint import Checkpoint, read_checkpoint
from jupyter_mlo.ledger.leaf import SALT_SIZE, entry_hash
from jupyter_mlo.ledger.merkle import HASH_SIZE, inclusion_holds
from jupyter_mlo.ledger.note_keys import NoteVerifier

_HEADER: Final = "c2sp.org/tlog-proof@v1"
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)
#: No tree of fewer than 2**63 leaves needs more.
_MAX_HASHES: Final = 63
_MAX_EXTRA: Final = 64 * 1024


@dataclass(frozen=True)
class TlogProof:
    """That the leaf at ``index`` stands under ``checkpoint`` (a signed note, as it was signed).

    ``hashes`` go from the leaf's sibling up to the root's child, 32 bytes each. ``extra``
    is not authenticated by itself; None where there is none.
    """

    index: int
    hashes: Sequence[bytes]
    checkpoint: bytes
    extra: bytes | None = None

    def to_bytes(self) -> bytes:
        """The text form, in UTF-8."""
        lines = [_HEADER]
        if self.extra is not None:
            lines.append("extra " + _b64(self.extra))
        lines.append(f"index {self.index}")
        lines += map(_b64, self.hashes)
        return "\n".join([*lines, "", ""]).encode("ascii") + self.checkpoint

    @classmethod
    def from_bytes(cls, data: bytes) -> TlogProof:
        """Read the text form; raises :class:`LedgerError` where it is not one.

        The checkpoint is passed on as it stands, and not looked at.
        """
        head, separator, checkpoint = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise _malformed("its first lines are not ASCII") from None
        if not separator or lines.pop(0) != _HEADER:
            raise _malformed(f"it does not begin with {_HEADER}")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = _unb64(lines.pop(0)[6:])
            if len(extra) > _MAX_EXTRA:
                raise _malformed(f"its extra data has more than {_MAX_EXTRA} bytes")
        index = _INDEX.fullmatch(lines.pop(0)) if lines else None
        if index is None or int(index[1]) >= 2**63:
            raise _malformed("it names no index")
        if len(lines) > _MAX_HASHES:
            raise _malformed(f"it has more than {_MAX_HASHES} hashes")
        hashes = tuple(map(_unb64, lines))
        if any(len(hash_) != HASH_SIZE for hash_ in hashes):
            raise _malformed("a hash has not 32 bytes")
        return cls(int(index[1]), hashes, checkpoint, extra)

    def check(self, envelope: bytes, log: NoteVerifier) -> Checkpoint:
        """Check that ``log`` holds ``envelope`` (as stored); the checkpoint that says so.

        Raises:
            LedgerError: the checkpoint is not the log's, or the proof does not lead from
                salt and envelope to its root.
        """
        checkpoint = read_checkpoint(self.checkpoint, log)
        if self.extra is None or len(self.extra) != SALT_SIZE:
            raise _malformed(f"its extra data is not a salt of {SALT_SIZE} bytes")
        leaf = entry_hash(self.extra, envelope)
        if not inclusion_holds(leaf, self.index, checkpoint.size, self.hashes, checkpoint.root):
            raise LedgerError(
                f"the proof does not lead from this envelope, at index {self.index}, to the root "
                f"of {checkpoint.origin} at size {checkpoint.size}",
                hint="the envelope, the proof or its salt was changed, or they do not belong "
                "together",
            )
        return checkpoint


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unb64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if not data or _b64(data) != text:
        raise _malformed("a line is not base64")
    return data


def _malformed(why: str) -> LedgerError:
    return LedgerError(f"this is not a tlog-proof: {why}", hint="see https://c2sp.org/tlog-proof")
