"""Where in a folder of records the lines about a source stand, so that it is read once.

Kept in memory by whoever asks for more than one notebook. Files only grow: what was appended
since is read when somebody asks, and where a file has shrunk or gone everything is read anew.
A line that is found is held against the digest again, so that nothing here is relied upon.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

#: A line begins with this and the digest of the source, base64url, 43 characters.
HEAD: Final = b'{"source":"'
KEY: Final = slice(len(HEAD), len(HEAD) + 43)
#: A place is one number: which file, and these bits of offset in it (bytes).
_OFFSET_BITS: Final = 44


class RecordIndex:
    """An index of the ``*/*.jsonl`` in one folder."""

    def __init__(self, folder: Path, longest: int) -> None:
        """``longest``: bytes of the longest line that is a record."""
        self._folder = folder
        self._longest = longest
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._paths: list[str] = []
        #: File → its number, how far it was read (bytes), lines in it that are none of ours.
        self._files: dict[str, tuple[int, int, int]] = {}
        #: Hash of the key → places.
        self._places: dict[int, int | list[int]] = {}

    def lines(self, keys: Iterable[bytes] | None) -> tuple[list[bytes], int]:
        """The lines under these keys, or all, each day's files in turn; and how many lines and
        files could not be read."""
        wanted = None if keys is None else set(keys)
        with self._lock:
            unread = self._refresh()
            skipped = sum(count for _, _, count in self._files.values()) + unread
            hashes = self._places if wanted is None else set(map(hash, wanted))
            places = [place for one in hashes for place in _listed(self._places.get(one, []))]
            paths = list(self._paths)
        in_file: dict[str, list[int]] = {}
        for place in set(places):
            offset = place & ((1 << _OFFSET_BITS) - 1)
            in_file.setdefault(paths[place >> _OFFSET_BITS], []).append(offset)
        found: list[bytes] = []
        for path in sorted(in_file):
            try:
                with _open(path) as file:
                    for offset in sorted(in_file[path]):
                        file.seek(offset)
                        line = file.readline(self._longest)
                        found += [line] if wanted is None or line[KEY] in wanted else []
            except OSError:
                skipped += 1
        return found, skipped

    def _refresh(self) -> int:
        """Read what is new; the result is how many files could not be read."""
        sizes = dict(_sizes(self._folder))
        if any(sizes.get(path, -1) < read for path, (_, read, _) in self._files.items()):
            self._forget()
        unread = 0
        new = (path for path, size in sizes.items() if size != self._files.get(path, (0, 0))[1])
        for path in sorted(new):
            number, read, skipped = self._files.get(path, (len(self._paths), 0, 0))
            if path not in self._files:
                self._paths.append(path)
            try:
                for offset, line, end in _lines(path, read, self._longest):
                    if line.startswith(HEAD):
                        self._add(hash(line[KEY]), (number << _OFFSET_BITS) | offset)
                    else:
                        skipped += bool(line.strip())
                    read = end
            except OSError:
                unread += 1
            self._files[path] = number, read, skipped
        return unread

    def _add(self, key: int, place: int) -> None:
        known = self._places.get(key)
        if known is None:
            self._places[key] = place
        elif isinstance(known, list):
            known.append(place)
        else:
            self._places[key] = [known, place]


def _listed(places: int | list[int]) -> list[int]:
    return places if isinstance(places, list) else [places]


def _sizes(folder: Path) -> Iterator[tuple[str, int]]:
    """The ``*/*.jsonl`` of a folder and how long they are (bytes)."""
    for day in _entries(str(folder)):
        for entry in _entries(day.path):
            if entry.name.endswith(".jsonl"):
                try:
                    yield entry.path, entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:  # removed just now
                    continue


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def _open(path: str) -> BinaryIO:
    """A plain file, no link to one; raises :class:`OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a plain file", path)
    return os.fdopen(descriptor, "rb")


def _lines(path: str, start: int, longest: int) -> Iterator[tuple[int, bytes, int]]:
    """The whole lines of a file from ``start`` on: where each begins, the line, where it ends.

    One that is longer than any record comes as ``b"?"``.
    """
    with _open(path) as file:
        file.seek(start)
        while line := file.readline(longest):
            first, end = line, start + len(line)
            while not line.endswith(b"\n"):
                line = file.readline(longest)
                if not line:
                    return  # torn, or still being written
                first, end = b"?\n", end + len(line)
            yield start, first, end
            start = end
