"""Files that one person alone may read: written whole or not at all, read with suspicion.

Keys, sessions and mandates are refused where anybody else could have read or replaced
them, as ``ssh`` does. Used wherever a file of mode 0600 is kept; knows nothing of what
is in it. Imports nothing heavy.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from jupyter_mlo.errors import KeyFileError

#: Nothing that is kept here is larger (bytes).
MAX_SIZE = 4 * 1024 * 1024
#: Whoever puts secrets into containers.
_ROOT = 0


def read_private(path: Path, *, what: str) -> bytes:
    """The content of a file that only its owner, this user, may read.

    Args:
        what: the word for it in messages, such as ``"key file"``.

    Raises:
        FileNotFoundError: it does not exist; the caller knows what that means.
        KeyFileError: it is a symbolic link or no plain file, belongs to another user, or
            is readable or writable by others; the hint has the command that mends it.
    """
    return _read(path, what, mounted=False)


def read_mounted(path: Path, *, what: str) -> bytes:
    """:func:`read_private`, also of a secret that the system mounted for this user's group.

    Kubernetes writes secrets as root, readable by the pod's group (``fsGroup``), behind symbolic
    links. Such a file is read if it and the links to it belong to root, and we are not root;
    if nobody but root can write it; and if it is not open to everybody.
    """
    return _read(path, what, mounted=True)


def mounted_for_group(path: Path) -> int | None:
    """The group that may read what root mounted at ``path``; None where it is another's file."""
    status = os.stat(path)
    shared = status.st_uid == _ROOT and os.geteuid() != _ROOT and status.st_mode & stat.S_IRGRP
    return status.st_gid if shared else None


def _read(path: Path, what: str, *, mounted: bool) -> bytes:
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    links_are_roots = mounted and os.geteuid() != _ROOT and _leads_through_root(path)
    try:
        descriptor = os.open(path, flags if links_are_roots else flags | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise KeyFileError(
                f"the {what} {path} is a symbolic link",
                hint="put the file itself there: whoever can change the link's target "
                "could exchange it",
            ) from None
        raise KeyFileError(
            f"the {what} {path} cannot be read: {error.strerror}",
            hint=f"see who may read it: ls -l {shlex.quote(str(path))}",
        ) from None
    try:
        status = os.fstat(descriptor)
        if links_are_roots and status.st_uid == _ROOT:
            _check_mounted(status, path, what)
        else:
            _check_owner_and_mode(status, path, what)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_SIZE + 1)
    finally:
        os.close(descriptor)
    if len(content) > MAX_SIZE:
        raise KeyFileError(
            f"the {what} {path} is larger than {MAX_SIZE} bytes", hint="it is none of ours"
        )
    return content


def _leads_through_root(path: Path, most: int = 8) -> bool:
    """Whether every symbolic link from ``path`` on, in its last part, was made by root."""
    for _ in range(most):
        try:
            if os.lstat(path).st_uid != _ROOT:
                return False
            path = path.parent / os.readlink(path)
        except OSError:
            return True  # no link, or not there: said when it is opened
    return False


def _check_mounted(status: os.stat_result, path: Path, what: str) -> None:
    """Root lets a group read it, and nobody but root write it."""
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode) or mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise KeyFileError(
            f"the {what} {path} is root's, and open to more than a group (mode {mode:04o})",
            hint="mount it so that only a group of yours can read it: defaultMode 0440 and "
            "fsGroup in Kubernetes, mode 0440 and its gid with Docker",
        )


def _check_owner_and_mode(status: os.stat_result, path: Path, what: str) -> None:
    quoted = shlex.quote(str(path))
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileError(f"the {what} {path} is not a plain file", hint=f"look: ls -ld {quoted}")
    if status.st_uid != os.geteuid():
        raise KeyFileError(
            f"the {what} {path} belongs to user {status.st_uid}, not to you ({os.geteuid()})",
            hint=f"if it is yours: sudo chown {os.geteuid()} {quoted}; "
            "or set MLO_HOME to a folder of your own",
        )
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise KeyFileError(
            f"the {what} {path} can be read or written by others (mode {mode:04o})",
            hint=f"make it yours alone: chmod 600 {quoted}; if others use this machine, "
            "take what was in it as known to them",
        )


def write_private(
    path: Path, content: bytes, *, replace: bool = True, durable: bool = True
) -> None:
    """Write a file of mode 0600, whole and on disk, or not at all.

    Missing folders are made with mode 0700.

    Args:
        path: the file.
        content: all that will be in it.
        replace: whether it may be there already.
        durable: wait until it is on disk; not for what is worthless after a crash.

    Raises:
        FileExistsError: it exists and ``replace`` is False.
        OSError: it cannot be written; nothing was changed.
    """
    make_private_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # whatever the umask
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        if replace:
            os.replace(temporary, path)
        else:
            _rename_new(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if durable:
        sync_folder(path.parent)


def _rename_new(temporary: Path, path: Path) -> None:
    """Rename, but never over anything."""
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        # No hard links here: claim the name first.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        os.replace(temporary, path)
    else:
        os.unlink(temporary)


def make_private_folder(folder: Path) -> None:
    """Make ``folder`` with mode 0700, and what is missing above it; leave what exists alone."""
    if folder.is_dir():
        return
    make_private_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)


def sync_folder(folder: Path) -> None:
    """Have the names in ``folder`` on disk, where the file system can do that."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock, among all processes, on what the lock file ``path`` stands for."""
    import fcntl

    make_private_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
