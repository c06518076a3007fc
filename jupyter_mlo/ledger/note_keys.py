"""The keys of those who sign notes: names, key IDs and their text forms.

Source: C2SP signed-note (https://c2sp.org/signed-note), Ed25519 with signature type 0x01,
and C2SP tlog-cosignature (https://c2sp.org/tlog-cosignature), Ed25519 with a time, type 0x04.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from jupyter_mlo.errors import KeyFileError, LedgerError

_ED25519: Final = b"\x01"
_COSIGNATURE: Final = b"\x04"
#: Bytes of the time (seconds since 1970, big-endian) before the signature of type 0x04.
_TIME_SIZE: Final = 8
_SIGNING_PREFIX: Final = "PRIVATE+KEY+"
#: Control characters that neither notes nor their text may hold.
CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True)
class NoteVerifier:
    """The name and Ed25519 public key (32 bytes) of one who signs notes, in one of two ways."""

    name: str
    public: bytes
    #: The signature type: 0x01 signs the text, 0x04 (a cosignature) a time and the text.
    kind: bytes = _ED25519

    @cached_property
    def key_hash(self) -> bytes:
        """The 4-byte key ID: SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4]."""
        return sha256(self.name.encode() + b"\n" + self.kind + self.public).digest()[:4]

    @cached_property
    def vkey(self) -> str:
        """The text form: ``name+hex(key ID)+base64(type ‖ public key)``."""
        return f"{self.name}+{self.key_hash.hex()}+{_b64(self.kind + self.public)}"

    @cached_property
    def cosigner(self) -> NoteVerifier:
        """The same name and key, for cosignatures."""
        return NoteVerifier(self.name, self.public, _COSIGNATURE)

    @classmethod
    def from_vkey(cls, vkey: str, *, cosigner: bool = False) -> NoteVerifier:
        """Read the text form; raises :class:`LedgerError` where it is not of an Ed25519 key.

        Args:
            cosigner: the key must be one for cosignatures (type 0x04) instead of type 0x01.
        """
        kind = _COSIGNATURE if cosigner else _ED25519
        name, key = _read_key(vkey, kind)
        verifier = cls(name, key, kind)
        if verifier.vkey != vkey:
            raise _bad_key("its key ID is not that of its name and key", kind)
        try:
            verifier._key  # noqa: B018 - reading the key checks that it is one
        except ValueError:
            raise _bad_key("it is no Ed25519 key", kind) from None
        return verifier

    def verifies(self, signature: bytes, text: bytes) -> bool:
        """Whether this key signed ``text``."""
        if self.kind == _COSIGNATURE:
            return self.cosigned(signature, text) is not None
        return self._holds(signature, text)

    def cosigned(self, signature: bytes, text: bytes) -> int | None:
        """When (seconds since 1970) a key for cosignatures signed ``text``; None if it did not."""
        time = int.from_bytes(signature[:_TIME_SIZE], "big")
        if self.kind == _COSIGNATURE and self._holds(signature[_TIME_SIZE:], _timed(time, text)):
            return time
        return None

    def _holds(self, signature: bytes, data: bytes) -> bool:
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    @cached_property
    def _key(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.public)


class NoteSigner:
    """An Ed25519 private key with the name under which it signs. Its text forms never show it."""

    __slots__ = ("_key", "_seed", "verifier")

    def __init__(self, name: str, seed: bytes) -> None:
        """Make a signer from its 32-byte seed; raises :class:`LedgerError` for a name that
        no signature line can carry."""
        if not is_name(name):
            raise LedgerError(
                f"{name!r} cannot name a key in signed notes",
                hint="a name is not empty and holds neither spaces nor '+'",
            )
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = NoteVerifier(name, self._key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str) -> NoteSigner:
        """A new random key."""
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_text(cls, text: str) -> NoteSigner:
        """Read what :meth:`to_text` wrote; raises :class:`KeyFileError`."""
        try:
            if not text.startswith(_SIGNING_PREFIX):
                raise _bad_key("it does not begin as one", _ED25519)
            signer = cls(*_read_key(text.removeprefix(_SIGNING_PREFIX), _ED25519))
        except LedgerError:
            signer = None
        if signer is None or signer.to_text() != text:
            raise KeyFileError(
                "this is not the private key of a signer of notes",
                hint="restore the key file from a backup; it was damaged",
            )
        return signer

    def to_text(self) -> str:
        """The private text form (``PRIVATE+KEY+name+hash+base64(0x01 ‖ seed)``)."""
        verifier = self.verifier
        secret = _b64(_ED25519 + self._seed)
        return f"{_SIGNING_PREFIX}{verifier.name}+{verifier.key_hash.hex()}+{secret}"

    def sign(self, text: str) -> bytes:
        """``text`` (ending in a newline) as a note with this signer's one signature.

        Raises:
            ValueError: ``text`` cannot be the text of a note.
        """
        data = text.encode()
        if not text.endswith("\n") or CONTROL.search(text):
            raise ValueError("a note's text ends in a newline and holds no other control character")
        return data + b"\n" + _line(self.verifier, self._key.sign(data))

    def cosignature(self, text: str, time: int) -> bytes:
        """A signature line over ``text`` and ``time`` (seconds since 1970), to put under a note."""
        signature = self._key.sign(_timed(time, text.encode()))
        return _line(self.verifier.cosigner, time.to_bytes(_TIME_SIZE, "big") + signature)

    def __repr__(self) -> str:
        return f"<NoteSigner {self.verifier.vkey}>"


def is_name(name: str) -> bool:
    """Whether a signature line can carry ``name``."""
    return name != "" and "+" not in name and not any(char.isspace() for char in name)


def _timed(time: int, text: bytes) -> bytes:
    """What a cosignature signs; the header keeps it apart from every other signed text."""
    return b"cosignature/v1\ntime %d\n%b" % (time, text)


def _line(verifier: NoteVerifier, signature: bytes) -> bytes:
    encoded = _b64(verifier.key_hash + signature)
    return b"\xe2\x80\x94 %b %b\n" % (verifier.name.encode(), encoded.encode())


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def unb64(text: str) -> bytes:
    """Standard base64 in its one form; raises :class:`ValueError`."""
    data = base64.b64decode(text, validate=True)
    if _b64(data) != text:  # unused bits of the last character may be set
        raise binascii.Error("not in its one form")
    return data


def _read_key(text: str, kind: bytes) -> tuple[str, bytes]:
    """Name and 32 bytes of key from ``name+hash+base64``; the hash is the caller's to check."""
    parts = text.split("+", 2)
    if len(parts) != 3 or not is_name(parts[0]):
        raise _bad_key("it is not of the form name+hash+base64", kind)
    try:
        data = unb64(parts[2])
    except ValueError:
        raise _bad_key("it is not base64", kind) from None
    if len(data) == 33 and data[:1] == (_ED25519 if kind == _COSIGNATURE else _COSIGNATURE):
        raise _bad_key("it is a ledger's" if kind == _COSIGNATURE else "it is a witness's", kind)
    if len(data) != 33 or data[:1] != kind:
        raise _bad_key(f"it is not 32 bytes of type 0x{kind.hex()}", kind)
    return parts[0], data[1:]


def _bad_key(why: str, kind: bytes) -> LedgerError:
    whose, printed = (
        ("a witness", "jupyter mlo witness init")
        if kind == _COSIGNATURE
        else ("a ledger", "jupyter mlo ledger checkpoint --vkey")
    )
    return LedgerError(
        f"this is not the key of {whose}: {why}",
        hint=f"copy the whole line that `{printed}` prints there",
    )
