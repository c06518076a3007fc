"""What a ledger's leaf says: that an envelope was there, without saying what it was.

The leaf commits to a salted hash, so that salt and envelope can be erased one day and
nothing can be learnt from the leaf that stays (``docs/formats.md``, "Ledger").
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

SALT_SIZE: Final = 32
_DOMAIN: Final = b"mlo-leaf-v1\x00"


def leaf_content(salt: bytes, envelope: bytes) -> bytes:
    """The 32-byte content of a leaf: SHA-256(``mlo-leaf-v1`` ‖ 0x00 ‖ salt ‖ envelope).

    Args:
        salt: 32 random bytes; a fixed length keeps salt and envelope apart.
        envelope: the envelope's JSON text exactly as it is stored.

    Raises:
        ValueError: the salt has another length.
    """
    if len(salt) != SALT_SIZE:
        raise ValueError(f"a salt has {SALT_SIZE} bytes, not {len(salt)}")
    return sha256(_DOMAIN + salt + envelope).digest()


def entry_hash(salt: bytes, envelope: bytes) -> bytes:
    """The Merkle leaf hash of an entry: SHA-256(0x00 ‖ leaf content)."""
    return sha256(b"\x00" + leaf_content(salt, envelope)).digest()
