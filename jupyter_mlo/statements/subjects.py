"""Subjects of statements about keys, MLOs and other statements.

Part of logging in from a kernel: imports nothing heavy.
"""

from __future__ import annotations

import hashlib
from typing import Any


def key_subject(key_id: str) -> dict[str, Any]:
    """A public key: its ID, and the SHA-256 of its DER form."""
    return {"name": key_id, "digest": {"sha256": key_id.removeprefix("sha256:")}}


def statement_subject(statement_id: str) -> dict[str, Any]:
    """Another statement, by its ID."""
    return {"name": statement_id, "digest": {"mloStatementV1": statement_id}}


def mlo_subject(mlo: str) -> dict[str, Any]:
    """An MLO, by its ID."""
    return {"name": mlo, "digest": {"mloIdV1": hashlib.sha256(mlo.encode()).hexdigest()}}
