"""Files that people send one another: read whole, written never in place of another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyter_mlo.errors import InvalidInput, MloError

if TYPE_CHECKING:
    from jupyter_mlo.statements.envelope import Envelope

#: Nothing that is sent is longer (bytes).
_MOST: Final = 64 * 1024 * 1024


def read_file(path: Path, most: int = _MOST) -> bytes:
    """The content of a file that the person named; raises :class:`InvalidInput`."""
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror}", hint="name the file that was sent"
        ) from None
    if len(content) > most:
        raise InvalidInput(f"{path} is too long", hint="name the file that was sent")
    return content


def read_statements(path: Path) -> list[Envelope]:
    """The statements in a file, one a line; raises :class:`InvalidInput`."""
    from jupyter_mlo.delegation.enrolment import read_lines

    return read_lines(read_file(path), where=str(path))


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
