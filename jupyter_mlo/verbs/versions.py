"""Versions of a notebook that a person names: a file, or ``REVISION:PATH`` in git."""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_mlo.verbs.git_commands import blob, text


def version(name: str) -> Path | bytes:
    """The path of a file, or what git has kept.

    Raises:
        InvalidInput: there is no such revision, or no such file in it.
    """
    if os.path.lexists(name) or ":" not in name:
        return Path(name)
    revision, _, path = name.partition(":")
    return blob(revision, path)


def committed(path: Path) -> bytes:
    """A file as it was in the last commit of the repository that it is in.

    Raises:
        InvalidInput: it is in none, or was not in that commit.
    """
    folder = path.absolute().parent
    top = text("rev-parse", "--show-toplevel", folder=folder)
    return blob("HEAD", os.path.relpath(os.path.realpath(path), top), folder=folder)
