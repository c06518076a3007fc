"""A new log: its origin, its key, and the checkpoint of the empty tree."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import KeyFileError, LedgerError
from jupyter_mlo.identity.private_files import read_private, sync_folder, write_private
from jupyter_mlo.ledger.address import ledger_folder
from jupyter_mlo.ledger.checkpoint import Checkpoint
from jupyter_mlo.ledger.last_seen import FILE_NAME
from jupyter_mlo.ledger.merkle import EMPTY_ROOT
from jupyter_mlo.ledger.note_keys import NoteSigner, NoteVerifier
from jupyter_mlo.ledger.rows import Rows

#: Beside the file of a ledger that has moved: where it is now.
MOVED: Final = "moved-to"


def key_file(settings: Settings) -> Path:
    """The checkpoint key of this home's ledger, mode 0600."""
    return ledger_folder(settings) / "checkpoint.key"


def was_here(settings: Settings) -> Path | None:
    """What is left of a ledger that was begun here, whatever its database says; None if nothing.

    The key gets its name only after the database of its log is on disk.
    """
    for path in (key_file(settings), ledger_folder(settings) / FILE_NAME):
        if path.exists():
            return path
    return None


def no_key(key: Path) -> KeyFileError:
    """The error of a ledger whose key is not here: it has moved, is somebody else's, or lost."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        where = key.with_name(MOVED).read_text("utf-8").strip()
        return KeyFileError(
            f"this ledger is closed: it has moved to {where}, and goes on there",
            hint=f'write [ledger] url = "{where}" into mlo.toml',
        )
    return KeyFileError(
        f"the checkpoint key {key} is missing: the ledger can be read, not appended to",
        hint="restore it from a backup; or move the ledger's folder away, and a new ledger is "
        "begun",
    )


def create_log(rows: Rows, settings: Settings) -> None:
    """Begin a log in empty tables, inside the caller's transaction; no key may be there.

    A key that is there has perhaps signed checkpoints of a ledger that was lost, and signing
    others of the same sizes with it would make it a liar. The new one waits under a name of
    its own until :func:`take_key`: a creation that is killed leaves no key.
    """
    signer = NoteSigner.generate(f"jupyter-mlo.local/{secrets.token_hex(8)}")
    write_private(_new_key_file(settings), signer.to_text().encode() + b"\n")
    rows.add_log(signer.verifier.name, signer.verifier.public)
    rows.add_checkpoint(0, Checkpoint(signer.verifier.name, 0, EMPTY_ROOT).sign(signer))


def log_in(rows: Rows) -> NoteVerifier:
    """Which log a database holds; raises :class:`LedgerError` where it does not say so."""
    log = rows.log()
    if len(log) != 1 or not isinstance(log[0][0], str) or not isinstance(log[0][1], bytes):
        raise LedgerError(
            "the ledger does not say which log it is: its table log is damaged",
            hint="restore the ledger from a backup",
        )
    return NoteVerifier(*log[0])


def take_key(settings: Settings, log: NoteVerifier) -> None:
    """Give the key of a log that is on disk its name, unless it has it."""
    new = _new_key_file(settings)
    if key_file(settings).exists() or not new.exists():
        return
    # Whoever cannot do this, or has no such key, reads the ledger without it.
    with contextlib.suppress(OSError, KeyFileError):
        text = read_private(new, what="checkpoint key").decode("ascii", "replace")
        if NoteSigner.from_text(text.strip()).verifier == log:
            os.replace(new, key_file(settings))
            sync_folder(key_file(settings).parent)


def _new_key_file(settings: Settings) -> Path:
    path = key_file(settings)
    return path.with_name(f"{path.name}.new")
