"""A new key in place of an old one, on disk: interrupted at any moment, it can be finished.

A rotation lies whole in ``next/`` beside the old key before anybody hears of it. Then its
statements are published, which may be done again, and its files take the places of the old
ones. Whoever finds ``next/`` goes on from there: nothing that was published is without its
key, and no key is lost.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from jupyter_mlo.config import open_plain
from jupyter_mlo.errors import KeyFileError
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.identity.private_files import MAX_SIZE, read_private, sync_folder, write_private
from jupyter_mlo.identity.store import Identity, stored_identity

#: In the order in which they are moved: while the last is there, the rotation is not over.
_FILES = ("enrolments.jsonl", "key.pem", "identity.json")
_STATEMENTS = "statements.jsonl"


def pending(identity: Identity) -> list[bytes] | None:
    """The statements of a rotation that was begun and not finished; None where there is none."""
    folder = identity.folder / "next"
    if not folder.is_dir():
        return None
    try:
        return read_private(folder / _STATEMENTS, what="rotation").splitlines()
    except FileNotFoundError:
        raise KeyFileError(
            f"{folder} is damaged: {_STATEMENTS} is missing",
            hint="restore the MLO's folder from a backup, or move next/ away to go on without",
        ) from None


def begin(
    identity: Identity,
    key: SigningKey,
    passphrase: str,
    *,
    enrolments: Sequence[bytes],
    statements: Sequence[bytes],
) -> None:
    """Put everything that :func:`finish` needs beside the old key: all of it, or nothing.

    Args:
        key: the new one.
        enrolments: those of ``identity`` from then on, the new key's own first.
        statements: what has to be published.
    """
    unfinished = identity.folder / f".next-{secrets.token_hex(6)}"
    unfinished.mkdir(mode=0o700)
    try:
        write_private(unfinished / "key.pem", key.encrypt(passphrase))
        write_private(unfinished / "enrolments.jsonl", _lines(enrolments))
        write_private(unfinished / _STATEMENTS, _lines(statements))
        stored = stored_identity(identity.mlo, identity.kind, key.public)
        write_private(unfinished / "identity.json", stored)
        os.rename(unfinished, identity.folder / "next")
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    sync_folder(identity.folder)


def keep_aside(identity: Identity) -> Path | None:
    """Copy a revoked key to a name of its own, before another takes its place.

    Returns:
        Where it is; None where the key file is gone.
    """
    path: Path = identity.folder / f"key.revoked-{identity.key_id.partition(':')[2][:12]}.pem"
    try:
        with open_plain(identity.key_file) as file:
            write_private(path, file.read(MAX_SIZE))
    except FileNotFoundError:
        return None
    return path


def finish(identity: Identity) -> None:
    """Let the new files take the places of the old ones, once their statements are published."""
    folder: Path = identity.folder / "next"
    for name in _FILES:
        if (folder / name).exists():
            os.replace(folder / name, identity.folder / name)
            sync_folder(identity.folder)
    (folder / _STATEMENTS).unlink(missing_ok=True)
    folder.rmdir()
    sync_folder(identity.folder)


def _lines(envelopes: Sequence[bytes]) -> bytes:
    return b"".join(envelope + b"\n" for envelope in envelopes)
