"""A new log: its origin, its key, and the checkpoint of the empty tree."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from jupyter_mlo.config import Settings
from jupyter_mlo.identity.private_files import write_private
from jupyter_mlo.ledger.checkpoint import Checkpoint
from jupyter_mlo.ledger.merkle import EMPTY_ROOT
from jupyter_mlo.ledger.note_keys import NoteSigner
from jupyter_mlo.ledger.rows import Rows


def key_file(settings: Settings) -> Path:
    """The checkpoint key of this home's ledger, mode 0600."""
    return settings.ledger / "checkpoint.key"


def create_log(rows: Rows, settings: Settings) -> None:
    """Begin a log in empty tables, inside the caller's transaction.

    A key that is there already has perhaps signed checkpoints of a ledger that was lost.
    Signing others of the same sizes with it would make it a liar, so it is put aside and
    the new log has a new key and a new origin.
    """
    path = key_file(settings)
    if path.exists():
        os.rename(path, path.with_name(f"{path.name}.{secrets.token_hex(4)}.old"))
    signer = NoteSigner.generate(f"jupyter-mlo.local/{secrets.token_hex(8)}")
    write_private(path, signer.to_text().encode() + b"\n", replace=False)
    rows.add_log(signer.verifier.name, signer.verifier.public)
    rows.add_checkpoint(0, Checkpoint(signer.verifier.name, 0, EMPTY_ROOT).sign(signer))
