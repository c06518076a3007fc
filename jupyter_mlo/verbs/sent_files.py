"""Files that people send one another: read whole, written never in place of another."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from jupyter_mlo.config import open_plain
from jupyter_mlo.errors import InvalidInput, LedgerError, MloError

if TYPE_CHECKING:
    from jupyter_mlo.statements.envelope import Envelope

#: Nothing that is sent is longer (bytes).
_MOST: Final = 64 * 1024 * 1024
#: No checkpoint, request or cosignature is longer.
_MOST_CARRIED: Final = 1024 * 1024 + 8192
_HINT: Final = "name the file that was sent"
Read = TypeVar("Read")


def read_file(path: Path, most: int = _MOST, hint: str = _HINT) -> bytes:
    """The content of a file that the person named; raises :class:`InvalidInput`."""
    try:
        with open_plain(path) as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", hint=hint) from None
    if len(content) > most:
        raise InvalidInput(f"{path} is too long", hint=hint)
    return content


def read_carried(name: str, *, written_by: str, reader: Callable[[bytes], Read]) -> Read:
    """What ``reader`` makes of a checkpoint, request or cosignature in a file that somebody names.

    Args:
        written_by: the command that writes such files, for the hint.
        reader: takes its bytes; raises :class:`LedgerError` where they are none of its own.

    Raises:
        InvalidInput: it cannot be read, it is empty or too long, or another program has changed
            its line ends, without which no signature in it holds.
    """
    hint = f"name the file that `{written_by}` has written"
    data = read_file(Path(name), _MOST_CARRIED, hint)
    if not data:
        raise InvalidInput(f"{name} is empty", hint=hint)
    try:
        return reader(data)
    except LedgerError as error:
        if b"\r\n" not in data:
            raise InvalidInput(f"{name}: {error.message}", hint=hint) from None
        quoted = shlex.quote(name)
        raise InvalidInput(
            f"the lines of {name} end with CR LF: a program on its way has changed them",
            hint="carry it as a binary file; or take the CRs out again: "
            f"tr -d '\\r' < {quoted} > {quoted}.mended",
        ) from None


def read_statements(path: Path) -> list[Envelope]:
    """The statements in a file, one a line; raises :class:`InvalidInput`."""
    from jupyter_mlo.delegation.enrolment import read_lines

    return read_lines(read_file(path), where=str(path))


def refuse_existing(path: Path, *, hint: str = "name another file") -> None:
    """Before anybody is asked for anything: raises :class:`InvalidInput` for a file that is there.

    What writes the file later still never writes over another.
    """
    if path.exists() or path.is_symlink():
        raise InvalidInput(f"{path} exists already; it was left as it is", hint=hint)


def write_new(path: Path, content: bytes) -> None:
    """A file that is not secret, and never in place of another; raises :class:`MloError`."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise InvalidInput(
            f"{path} exists already; it was left as it is", hint="name another file"
        ) from None
    except OSError as error:
        raise MloError(f"{path} cannot be written: {error.strerror}", hint="name another") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
