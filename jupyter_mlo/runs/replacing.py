"""Exchanging a file for another, so that whoever looks sees one or the other whole."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable


def replace_file(target: str, chunks: Iterable[bytes]) -> bool:
    """Exchange a plain file of our own for one of ``chunks``; False where that is not possible."""
    mode = None
    with contextlib.suppress(FileNotFoundError):
        status = os.stat(target)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1 or status.st_uid != os.geteuid():
            return False
        mode = stat.S_IMODE(status.st_mode)
    temporary = f"{target}.{secrets.token_hex(4)}.part"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except OSError:
        return False
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(descriptor, mode)
            file.writelines(chunks)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return True
