"""Small files that people carry from one place to another: checkpoints, requests, cosignatures."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from jupyter_mlo.errors import InvalidInput, LedgerError

#: None of them is longer (bytes).
_MOST: Final = 1024 * 1024 + 8192
Read = TypeVar("Read")


def read_carried(name: str, *, written_by: str, reader: Callable[[bytes], Read]) -> Read:
    """What ``reader`` makes of a file that somebody names.

    Args:
        written_by: the command that writes such files, for the hint.
        reader: takes its bytes; raises :class:`LedgerError` where they are none of its own.

    Raises:
        InvalidInput: it cannot be read, it is empty or too long, or another program has changed
            its line ends, without which no signature in it holds.
    """
    hint = f"name the file that `{written_by}` has written"
    try:
        with Path(name).open("rb") as file:
            data = file.read(_MOST + 1)
    except OSError as error:
        raise InvalidInput(f"{name} cannot be read: {error.strerror}", hint=hint) from None
    if not data:
        raise InvalidInput(f"{name} is empty", hint=hint)
    if len(data) > _MOST:
        raise InvalidInput(f"{name} is too long", hint=hint)
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
