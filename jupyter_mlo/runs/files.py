"""Digests of files that are put on record: streamed, plain files only.

A symbolic link is refused, because what it points to can change without the link doing so.
A folder stands for the files in it, one by one.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jupyter_mlo.errors import InvalidInput, NotFound
from jupyter_mlo.lifecycle.resources import FileDigest

_CHUNK: Final = 1 << 20
#: Files in one folder: more are named by one file that lists or packs them.
MAX_FILES: Final = 10_000


def digest_path(path: Path, name: str) -> list[FileDigest]:
    """Digest a file, or every file below a folder (as ``name/relative/path``), sorted by name.

    Raises:
        NotFound: there is nothing of that name.
        InvalidInput: a symbolic link, a device, an empty or too large folder, or a file that
            cannot be read or changes while it is read.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        raise NotFound(
            f"there is no file {path} to put on record",
            hint=f"the current folder is {Path.cwd()}; write the file first",
        ) from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from None
    if not stat.S_ISDIR(mode):
        return [digest_file(path, name)]
    found = [
        digest_file(file, f"{name}/{file.relative_to(path).as_posix()}") for file in _walk(path)
    ]
    if not found:
        raise InvalidInput(
            f"the folder {path} has no files in it", hint="name the file that is meant"
        )
    return found


def digest_file(path: Path, name: str) -> FileDigest:
    """SHA-256 of one plain file (see :func:`digest_path` for what it raises)."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise InvalidInput(
                f"{path} is a symbolic link, which can be turned to another file at any time",
                hint=f"name the file itself: {_target(path)}",
            ) from None
        raise _unreadable(path, error.strerror or str(error)) from None
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise InvalidInput(
                f"{path} is not a plain file", hint="only the bytes of files can go on record"
            )
        digest = hashlib.sha256()
        read = 0
        try:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                read += len(chunk)
        except OSError as error:
            raise _unreadable(path, error.strerror or str(error)) from None
        after = os.fstat(descriptor)
    if read != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
        raise InvalidInput(
            f"{path} was written to while it was read",
            hint="close it first, then put it on record",
        )
    return FileDigest(name, digest.hexdigest())


def _walk(folder: Path) -> Iterator[Path]:
    files: list[Path] = []
    for parent, folders, names in os.walk(folder):
        for name in folders:
            if os.path.islink(os.path.join(parent, name)):
                raise InvalidInput(
                    f"{Path(parent, name)} is a symbolic link, and its target may change",
                    hint="name the files themselves",
                )
        files.extend(Path(parent, name) for name in names)
        if len(files) > MAX_FILES:
            raise InvalidInput(
                f"the folder {folder} has more than {MAX_FILES:,} files in it",
                hint="pack them into one file, or put a list of their digests on record",
            )
    return iter(sorted(files, key=lambda file: file.as_posix()))


def _target(path: Path) -> str:
    try:
        return str(path.resolve(strict=True))
    except (OSError, RuntimeError):
        return "its target does not exist"


def _unreadable(path: Path, why: str) -> InvalidInput:
    return InvalidInput(f"{path} cannot be put on record: {why}", hint="see who may read it: ls -l")
