"""The MLO's own key at rest: PKCS#8 under a passphrase, at today's work factor.

PBES2 (RFC 8018, section 6.2) with PBKDF2-HMAC-SHA256 at 600,000 iterations (OWASP,
Password Storage Cheat Sheet, 2023) and AES-256-CBC, in the PEM of RFC 7468. The
structure is encoded here because ``cryptography`` encrypts PKCS#8 with 2,048 rounds and
lets nobody ask for more; it is read by ``cryptography`` itself, and by ``openssl pkey``.
scrypt at its recommended cost was not chosen: OpenSSL refuses the 128 MiB it needs.

CBC has no integrity of its own, so a damaged file and a wrong passphrase look alike. The
explanatory text before the PEM (RFC 7468, section 2) therefore carries a checksum of
what follows, against accidents only: who can write the file can write the checksum.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import textwrap

from cryptography.hazmat.primitives.asymmetric import ec

from jupyter_mlo.errors import KeyFileError, WrongPassphrase

ITERATIONS = 600_000

_LABEL = "ENCRYPTED PRIVATE KEY"
_PEM = re.compile(rf"-----BEGIN {_LABEL}-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END {_LABEL}-----")
_CHECKSUM = re.compile(r"^Checksum: sha256:([0-9a-f]{64})$", re.MULTILINE)

# Object identifiers as DER (RFC 8018, appendix C; RFC 8018, B.1.2; NIST AES).
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("06082a864886f70d0209")
_AES256_CBC = bytes.fromhex("060960864801650304012a")
_NULL = b"\x05\x00"


def encrypt_key(
    pkcs8: bytes,
    passphrase: str,
    *,
    note: str = "",
    salt: bytes | None = None,
    iv: bytes | None = None,
    iterations: int = ITERATIONS,
) -> bytes:
    """PEM ``ENCRYPTED PRIVATE KEY`` holding the DER ``pkcs8``.

    Args:
        note: a line of explanatory text before the PEM; nothing secret.
        salt, iv: 16 bytes each; random unless a test vector fixes them.
        iterations: of PBKDF2; fewer than :data:`ITERATIONS` is for test vectors only.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    salt = os.urandom(16) if salt is None else salt
    iv = os.urandom(16) if iv is None else iv
    key = hashlib.pbkdf2_hmac("sha256", passphrase.encode("utf-8"), salt, iterations, dklen=32)
    padder = PKCS7(128).padder()
    padded = padder.update(pkcs8) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    encrypted = encryptor.update(padded) + encryptor.finalize()
    kdf = _sequence(
        _PBKDF2,
        _sequence(_octets(salt), _integer(iterations), _sequence(_HMAC_SHA256, _NULL)),
    )
    algorithm = _sequence(_PBES2, _sequence(kdf, _sequence(_AES256_CBC, _octets(iv))))
    der = _sequence(algorithm, _octets(encrypted))
    lines = [
        "jupyter-mlo private key, encrypted with its owner's passphrase. Give it to nobody.",
        *([note] if note else []),
        f"Checksum: sha256:{hashlib.sha256(der).hexdigest()}",
        f"-----BEGIN {_LABEL}-----",
        *textwrap.wrap(base64.b64encode(der).decode("ascii"), 64),
        f"-----END {_LABEL}-----",
        "",
    ]
    return "\n".join(lines).encode("ascii")


def decrypt_key(pem: bytes, passphrase: str) -> ec.EllipticCurvePrivateKey:
    """The elliptic-curve key in ``pem``.

    Raises:
        WrongPassphrase: the file is whole and the passphrase does not open it.
        KeyFileError: the file holds no such key, or is damaged.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    der = _armoured(pem)
    try:
        key = load_der_private_key(der, password=passphrase.encode("utf-8"))
    except UnsupportedAlgorithm as error:
        raise _broken(f"it uses a cipher that is not supported here ({error})") from None
    except (ValueError, TypeError) as error:
        if not _is_encrypted_key(der):
            raise _broken(f"it is not an encrypted PKCS#8 key ({error})") from None
        raise WrongPassphrase(
            "the passphrase does not open this key",
            hint="try again, with an eye on caps lock and keyboard layout; "
            "there is no way to recover a lost passphrase",
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _broken("it is not an elliptic-curve key")
    return key


def check_pem(pem: bytes) -> None:
    """Raise :class:`KeyFileError` where damage to ``pem`` shows without opening it."""
    if not _is_encrypted_key(_armoured(pem)):
        raise _broken("it is not an encrypted PKCS#8 key")


def _armoured(pem: bytes) -> bytes:
    """The DER inside the PEM armour, held against the checksum where there is one."""
    if not pem.strip():
        raise _broken("it is empty")
    try:
        text = pem.decode("ascii")
    except UnicodeDecodeError:
        raise _broken("it is not a PEM file") from None
    found = _PEM.search(text)
    if found is None:
        if "-----BEGIN" in text and _LABEL not in text:
            raise _broken("it is not an encrypted key")
        raise _broken("it is cut short" if "-----BEGIN" in text else "it is not a PEM file")
    try:
        der = base64.b64decode("".join(found[1].split()), validate=True)
    except (binascii.Error, ValueError):
        raise _broken("its base64 is damaged") from None
    checksum = _CHECKSUM.search(text[: found.start()])
    if checksum is not None and hashlib.sha256(der).hexdigest() != checksum[1]:
        raise _broken("its checksum does not match, so it was changed or damaged")
    return der


def _is_encrypted_key(der: bytes) -> bool:
    """Whether ``der`` is one whole SEQUENCE that begins with an algorithm of PBES2."""
    head = der[: len(der) - _content_size(der)]
    return (
        0 < len(head) < len(der)
        and head == _head(0x30, len(der) - len(head))
        and _PBES2 in der[:32]
    )


def _content_size(der: bytes) -> int:
    if len(der) < 2 or der[0] != 0x30:
        return 0
    if der[1] < 0x80:
        return der[1]
    count = der[1] & 0x7F
    return int.from_bytes(der[2 : 2 + count], "big") if count <= 4 else 0


def _broken(why: str) -> KeyFileError:
    return KeyFileError(
        f"the key file cannot be read: {why}",
        hint="restore it from a backup; without it the key is lost, and a registrar "
        "or a new enrolment has to replace it",
    )


def _head(tag: int, size: int) -> bytes:
    """Tag and definite length (X.690, section 8.1.3)."""
    if size < 0x80:
        return bytes([tag, size])
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets


def _sequence(*members: bytes) -> bytes:
    content = b"".join(members)
    return _head(0x30, len(content)) + content


def _octets(content: bytes) -> bytes:
    return _head(0x04, len(content)) + content


def _integer(value: int) -> bytes:
    content = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return _head(0x02, len(content)) + content
