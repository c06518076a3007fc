"""Signed notes: text with Ed25519 signature lines under it.

Source: C2SP signed-note (https://c2sp.org/signed-note). Lines of keys that the reader does
not know stay where they are and are not judged, as the specification asks, so that
witnesses can add theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from jupyter_mlo.errors import LedgerError
from jupyter_mlo.ledger.note_keys import CONTROL, NoteVerifier, is_name, unb64

#: The specification asks for at least 16; cosignatures of post-quantum keys take 5 kB each.
_MAX_SIGNATURES: Final = 100
_MAX_NOTE: Final = 1024 * 1024


@dataclass(frozen=True)
class NoteSignature:
    """One signature line: who is said to have signed, the 4-byte key ID, and the rest."""

    name: str
    key_hash: bytes
    signature: bytes


@dataclass(frozen=True)
class Note:
    """A note that was read. That it was read says nothing of its signatures."""

    text: str
    signatures: tuple[NoteSignature, ...]

    @classmethod
    def from_bytes(cls, data: bytes) -> Note:
        """Read a signed note; raises :class:`LedgerError` where it is not one."""
        if len(data) > _MAX_NOTE:
            raise _malformed(f"it has {len(data)} bytes, and {_MAX_NOTE} are read")
        try:
            whole = data.decode("utf-8")
        except UnicodeDecodeError:
            raise _malformed("it is not UTF-8") from None
        if CONTROL.search(whole):
            raise _malformed("it holds a control character")
        text, separator, rest = whole.rpartition("\n\n")
        if not separator or not rest.endswith("\n"):
            raise _malformed("it has no signature lines under an empty line")
        lines = rest[:-1].split("\n")
        if len(lines) > _MAX_SIGNATURES:
            raise _malformed(f"it has more than {_MAX_SIGNATURES} signatures")
        return cls(text + "\n", tuple(map(_read_line, lines)))

    def check(self, verifiers: Iterable[NoteVerifier]) -> frozenset[NoteVerifier]:
        """Those of ``verifiers`` who signed this note.

        Raises:
            LedgerError: a line under a known name and key ID does not hold, or nobody
                known has signed.
        """
        known = {(verifier.name, verifier.key_hash): verifier for verifier in verifiers}
        signed = set()
        text = self.text.encode()
        for line in self.signatures:
            verifier = known.get((line.name, line.key_hash))
            if verifier is None:
                continue
            if not verifier.verifies(line.signature, text):
                raise LedgerError(
                    f"the signature of {line.name} on this note does not hold",
                    hint="the note was changed after it was signed",
                )
            signed.add(verifier)
        if not signed:
            raise LedgerError(
                "nobody known here has signed this note",
                hint="it is signed by "
                + ", ".join(sorted({line.name for line in self.signatures}))
                + "; compare the key with the one that you expect",
            )
        return frozenset(signed)

    def cosigned(self, cosigners: Iterable[NoteVerifier]) -> dict[NoteVerifier, int]:
        """Which of ``cosigners`` put their name to this note, and first when (seconds since 1970).

        A line that does not hold counts for nothing.
        """
        known = {(verifier.name, verifier.key_hash): verifier for verifier in cosigners}
        times: dict[NoteVerifier, int] = {}
        text = self.text.encode()
        for line in self.signatures:
            verifier = known.get((line.name, line.key_hash))
            time = None if verifier is None else verifier.cosigned(line.signature, text)
            if verifier is not None and time is not None:
                times[verifier] = min(time, times.get(verifier, time))
        return times


def _read_line(line: str) -> NoteSignature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "—" or not is_name(name):
        raise _malformed("a signature line is not of the form '— name base64'")
    try:
        data = unb64(encoded)
    except ValueError:
        raise _malformed(f"the signature of {name!r} is not base64") from None
    if len(data) < 5:
        raise _malformed(f"the signature of {name!r} is too short")
    return NoteSignature(name, data[:4], data[4:])


def _malformed(why: str) -> LedgerError:
    return LedgerError(f"this is not a signed note: {why}", hint="see https://c2sp.org/signed-note")
