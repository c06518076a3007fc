"""ECDSA P-256 keys: the MLO's own, and those of sessions, mandates and runs.

A key's ID is ``sha256:`` and the lower-case hex SHA-256 of its DER SubjectPublicKeyInfo
(``docs/formats.md``, "Envelope"), so exactly one DER form is accepted: named curve,
uncompressed point. Importing this module costs ``cryptography`` and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from jupyter_mlo.errors import InvalidInput, KeyFileError, StatementError

#: SubjectPublicKeyInfo of a P-256 key up to its point: id-ecPublicKey, prime256v1 and the
#: BIT STRING's head (RFC 5480, section 2). 65 bytes of uncompressed point follow.
_SPKI_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
_SPKI_SIZE = len(_SPKI_HEAD) + 65
_KEY_ID = re.compile(r"sha256:[0-9a-f]{64}")

#: Made once, and with hashing by :mod:`hashlib`: takes a twentieth off each signature's check.
_OVER_DIGEST = ec.ECDSA(Prehashed(hashes.SHA256()))


@dataclass(frozen=True)
class PublicKey:
    """A P-256 public key: its DER SubjectPublicKeyInfo (91 bytes), read by :meth:`from_der`."""

    der: bytes

    @classmethod
    def from_der(cls, der: bytes) -> PublicKey:
        """Read a DER SubjectPublicKeyInfo.

        Raises:
            StatementError: it is not a P-256 key with a named curve and an uncompressed
                point, or the point is not on the curve. Any second encoding of a key would
                have a second key ID, so none is read.
        """
        if len(der) != _SPKI_SIZE or not der.startswith(_SPKI_HEAD + b"\x04"):
            raise StatementError(
                "a public key is not a P-256 key in the one form that is read here",
                hint="DER SubjectPublicKeyInfo, curve prime256v1 by name, uncompressed point: "
                "openssl pkey -pubout -outform DER writes it",
            )
        key = cls(bytes(der))
        try:
            key._verifier  # noqa: B018 - reading the point checks that it is on the curve
        except ValueError:
            raise StatementError(
                "a public key's point is not on the curve P-256",
                hint="the key was changed after it was written, or is none",
            ) from None
        return key

    @classmethod
    def from_text(cls, text: str) -> PublicKey:
        """Read the base64 of a DER SubjectPublicKeyInfo; raises :class:`StatementError`."""
        try:
            der = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise StatementError(
                "a public key is not base64", hint="standard base64 with padding, on one line"
            ) from None
        key = cls.from_der(der)
        if key.to_text() != text:  # unused bits of the last character may be set
            raise StatementError(
                "a public key's base64 is not in its one form",
                hint="copy the key as it was written",
            )
        return key

    def to_text(self) -> str:
        """Standard base64 of :attr:`der`."""
        return base64.b64encode(self.der).decode("ascii")

    @cached_property
    def key_id(self) -> str:
        """``sha256:`` and the hex SHA-256 of :attr:`der`."""
        return "sha256:" + hashlib.sha256(self.der).hexdigest()

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether ``signature`` (ASN.1 DER) over ``data`` with SHA-256 was made by this key."""
        return self.verifies_digest(signature, hashlib.sha256(data).digest())

    def verifies_digest(self, signature: bytes, digest: bytes) -> bool:
        """:meth:`verifies` of data whose SHA-256 (32 bytes) is at hand."""
        try:
            self._verifier.verify(signature, digest, _OVER_DIGEST)
        except InvalidSignature:
            return False
        return True

    @cached_property
    def _verifier(self) -> ec.EllipticCurvePublicKey:
        point = self.der[len(_SPKI_HEAD) :]
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


class SigningKey:
    """A P-256 private key, unlocked. Its text forms never show it."""

    __slots__ = ("_key", "public")

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        """Wrap a key of ``cryptography``; raises :class:`KeyFileError` unless it is on P-256."""
        if not isinstance(key.curve, ec.SECP256R1):
            raise KeyFileError(
                f"the key is on the curve {key.curve.name}, not P-256",
                hint="jupyter-mlo signs with ECDSA P-256 only; jupyter mlo enroll makes such a key",
            )
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self._key = key
        #: The public half.
        self.public = PublicKey(_SPKI_HEAD + point)

    @classmethod
    def generate(cls) -> SigningKey:
        """A new random key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @property
    def key_id(self) -> str:
        """The public half's key ID."""
        return self.public.key_id

    def sign(self, data: bytes) -> bytes:
        """ASN.1 DER signature over ``data`` with SHA-256."""
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))

    def to_pkcs8(self) -> bytes:
        """Unencrypted DER PKCS#8, for the short-lived keys of sessions, mandates and runs."""
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        return self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    @classmethod
    def from_pkcs8(cls, der: bytes) -> SigningKey:
        """Read unencrypted DER PKCS#8; raises :class:`KeyFileError`."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_der_private_key

        try:
            key = load_der_private_key(der, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise KeyFileError(
                "a private key cannot be read: it is not unencrypted PKCS#8",
                hint="the file that held it is damaged; log in again, or make the mandate anew",
            ) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise KeyFileError(
                "a private key is not an elliptic-curve key",
                hint="jupyter-mlo signs with ECDSA P-256 only",
            )
        return cls(key)

    def encrypt(self, passphrase: str) -> bytes:
        """PEM of this key, encrypted at today's work factor (:mod:`jupyter_mlo.identity.pbes2`)."""
        from jupyter_mlo.identity.pbes2 import encrypt_key

        return encrypt_key(self.to_pkcs8(), passphrase, note=f"Key-ID: {self.key_id}")

    @classmethod
    def decrypt(cls, pem: bytes, passphrase: str) -> SigningKey:
        """Open what :meth:`encrypt` or ``openssl`` wrote.

        Raises:
            WrongPassphrase: the file is whole, the passphrase is another.
            KeyFileError: the file is no encrypted P-256 key, or is damaged.
        """
        from jupyter_mlo.identity.pbes2 import decrypt_key

        return cls(decrypt_key(pem, passphrase))

    def __repr__(self) -> str:
        return f"<SigningKey {self.key_id}>"

    def __reduce__(self) -> str:
        # A pickled key would travel to wherever pickles go: workers, caches, logs.
        raise TypeError("a signing key is not pickled; hand on a run delegation instead")


def parse_key_id(text: str) -> str:
    """A key fingerprint as typed, in its one form ``sha256:<64 hex>``.

    Raises:
        InvalidInput: it is anything else. A shortened fingerprint is refused: another key
            with the same first characters is cheap to make.
    """
    key_id = text.strip().lower()
    if _KEY_ID.fullmatch(key_id):
        return key_id
    digits = key_id.removeprefix("sha256:")
    if re.fullmatch(r"[0-9a-f]+", digits):
        why = (
            "it lacks 'sha256:' in front"
            if len(digits) == 64
            else f"it has {len(digits)} hexadecimal digits, not 64"
        )
    else:
        why = "it is not sha256: and 64 hexadecimal digits"
    raise InvalidInput(
        f"{text.strip()[:80]!r} is not a key fingerprint: {why}",
        hint="copy all of it; its owner sees it with: jupyter mlo status",
    )
