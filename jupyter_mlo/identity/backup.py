"""An MLO in one file, encrypted: key, enrolments and profile.

AES-256-GCM under a key that PBKDF2-HMAC-SHA256 makes of the MLO's own passphrase, at the
work factor of the key file; the key inside is encrypted once more, as it lies at home. The
file is JSON, so that it survives whatever carries text.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from jupyter_mlo.errors import KeyFileError, StatementError, WrongPassphrase
from jupyter_mlo.identity.keys import PublicKey, SigningKey
from jupyter_mlo.identity.pbes2 import ITERATIONS
from jupyter_mlo.identity.profiles import KINDS, Profile

_ABOUT: Final = "jupyter-mlo backup, version 1"
_MOST_ITERATIONS: Final = 10_000_000


@dataclass(frozen=True)
class Backup:
    """What is kept of an MLO."""

    mlo: str
    kind: str
    public: PublicKey
    profile: Profile
    key_pem: bytes
    enrolments: Sequence[bytes]


def seal_backup(backup: Backup, passphrase: str) -> bytes:
    """The file's content."""
    value = {
        "mlo": backup.mlo,
        "kind": backup.kind,
        "publicKey": backup.public.to_text(),
        "profile": backup.profile.model_dump(mode="json"),
        "key": backup.key_pem.decode(),
        "enrolments": [line.decode() for line in backup.enrolments],
    }
    salt, nonce = os.urandom(16), os.urandom(12)
    sealed = AESGCM(_derive(passphrase, salt, ITERATIONS)).encrypt(
        nonce, json.dumps(value).encode(), _ABOUT.encode()
    )
    file = {
        "about": _ABOUT,
        "iterations": ITERATIONS,
        "salt": base64.b64encode(salt).decode(),
        "nonce": base64.b64encode(nonce).decode(),
        "sealed": base64.b64encode(sealed).decode(),
    }
    return json.dumps(file, indent=1).encode() + b"\n"


def open_backup(content: bytes, passphrase: str) -> Backup:
    """What :func:`seal_backup` kept, once the key in it was opened with the same passphrase.

    Raises:
        KeyFileError: it is no backup, or is damaged.
        WrongPassphrase: it is another passphrase, or the file was altered.
    """
    iterations, salt, nonce, sealed = _read(content)
    try:
        plain = AESGCM(_derive(passphrase, salt, iterations)).decrypt(
            nonce, sealed, _ABOUT.encode()
        )
    except InvalidTag:
        raise WrongPassphrase(
            "the backup does not open with this passphrase",
            hint="it is the MLO's own, as it was when the backup was made; an altered file does "
            "not open either",
        ) from None
    try:
        value: dict[str, Any] = json.loads(plain)
        backup = Backup(
            mlo=str(value["mlo"]),
            kind=str(value["kind"]),
            public=PublicKey.from_text(value["publicKey"]),
            profile=Profile.from_json(json.dumps(value["profile"]).encode()),
            key_pem=str(value["key"]).encode(),
            enrolments=[str(line).encode() for line in value["enrolments"]],
        )
    except (ValueError, LookupError, TypeError, StatementError):
        raise _damaged("what it holds is no MLO") from None
    key = SigningKey.decrypt(backup.key_pem, passphrase)
    if key.key_id != backup.public.key_id or backup.kind not in KINDS:
        raise _damaged("its key is another than it says")
    return backup


def _read(content: bytes) -> tuple[int, bytes, bytes, bytes]:
    try:
        file = json.loads(content)
        if file["about"] != _ABOUT:
            raise ValueError
        iterations = file["iterations"]
        parts = [
            base64.b64decode(file[name], validate=True) for name in ("salt", "nonce", "sealed")
        ]
        if type(iterations) is not int or not ITERATIONS <= iterations <= _MOST_ITERATIONS:
            raise ValueError
        if len(parts[0]) != 16 or len(parts[1]) != 12:
            raise ValueError
    except (ValueError, LookupError, TypeError, RecursionError, binascii.Error):
        raise _damaged("it is not in the form that jupyter mlo key backup writes") from None
    return iterations, parts[0], parts[1], parts[2]


def _derive(passphrase: str, salt: bytes, iterations: int) -> bytes:
    derivation = PBKDF2HMAC(hashes.SHA256(), length=32, salt=salt, iterations=iterations)
    return derivation.derive(passphrase.encode())


def _damaged(why: str) -> KeyFileError:
    return KeyFileError(
        f"this is no backup of an MLO, or it is damaged: {why}",
        hint="name the file that jupyter mlo key backup wrote",
    )
