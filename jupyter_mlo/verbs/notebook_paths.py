"""Which notebooks are meant by paths, folders and patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from jupyter_mlo.errors import NotFound

#: Folders that hold copies, not notebooks that somebody works with.
SKIPPED = frozenset({".ipynb_checkpoints", ".git", "node_modules", "__pycache__", ".venv"})


def notebooks_at(names: Iterable[str]) -> list[Path]:
    """The notebooks that are named, each once, in the order of the names.

    A folder means every ``.ipynb`` below it, checkpoints left out; a name with ``*``, ``?`` or
    ``[`` that is no file is a pattern (``**`` goes into folders). Links to folders are
    followed, each folder once.

    Raises:
        NotFound: a name means no notebook at all.
    """
    found: dict[str, Path] = {}
    for name in names:
        matched = list(_matching(name))
        if not matched:
            raise NotFound(
                f"{name} names no notebook",
                hint="give notebooks (.ipynb), folders that hold some, or quoted patterns",
            )
        for path in matched:
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def _matching(name: str) -> Iterator[Path]:
    path = Path(name)
    if path.is_dir():
        yield from _below(path)
    elif glob.has_magic(name) and not os.path.lexists(path):
        for match in sorted(glob.glob(name, recursive=True, include_hidden=False)):
            there = Path(match)
            if there.is_dir():
                if not match.endswith(os.sep) and "**" not in name:
                    yield from _below(there)
            elif there.suffix == ".ipynb" and SKIPPED.isdisjoint(there.parts):
                yield there
    else:
        yield path  # reading it says what is wrong with it


def _below(folder: Path) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()
    for root, folders, files in os.walk(folder, followlinks=True):
        status = os.stat(root)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for file in sorted(files):
            if file.endswith(".ipynb"):
                yield Path(root, file)
