"""Statements that wait for the ledger: one file each, on disk before anybody is told.

A file is named after its statement and appears whole or not at all. It goes only after the
ledger has the statement, and the ledger takes each statement once, so killing anything at any
point neither loses nor doubles one. They go in the order in which they came.

Names are given before the disk is waited for, so that it is waited for once. A machine that loses
its power meanwhile can leave a name without content: of a statement that nobody was told of.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import StatementError
from jupyter_mlo.identity.private_files import make_private_folder, sync_folder, write_private
from jupyter_mlo.ledger.content import Content, content_of
from jupyter_mlo.statements.envelope import MAX_ENVELOPE

_SUFFIX: Final = ".json"
#: The file that says why they wait.
_WHY: Final = ".why"
#: Its modification time (ns) is not before that of any statement that was put here.
_NEWEST: Final = ".newest"
#: Between what two who put at once could both take for the newest.
_STEP: Final = 1_000_000
_LONGEST: Final = 4096
#: Files that are open at once while they are written.
_OPEN: Final = 100
#: Statements that go to the ledger in one transaction.
_BATCH: Final = 1000
#: Bytes read at once.
_PIECE: Final = 65536
_READING: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: From so many files on, threads remove them.
_FEW: Final = 8
_THREADS: Final = 16


@dataclass(frozen=True)
class Flushed:
    """How many statements reached the ledger, and which files are none (name and reason)."""

    count: int
    damaged: tuple[str, ...] = ()


class Outbox:
    """The folder ``settings.outbox``."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.outbox

    def put(self, contents: Iterable[Content], why: str = "") -> None:
        """Keep statements until the ledger can be reached; on disk on return.

        Args:
            why: why they wait, for whoever asks.

        Raises:
            OSError: the outbox cannot be written; nobody may be told that they are kept.
        """
        left = iter(contents)
        while some := list(islice(left, _OPEN)):
            self.begin(some)()
        if why:
            with contextlib.suppress(OSError):  # the statements are kept, and that is what counts
                write_private(self._folder / _WHY, why.encode("utf-8", "replace"))

    def begin(self, contents: Iterable[Content]) -> Callable[[], None]:
        """Write statements, and leave the waiting for the disk to whoever calls what is returned.

        Until that has returned nobody may be told that they are kept. It must be called, once;
        from any thread.

        Raises:
            OSError: the outbox cannot be written, here or there.
        """
        make_private_folder(self._folder)
        contents = list(contents)
        first = self._reserve(len(contents))
        written: list[_Written] = []
        try:
            for moment, content in enumerate(contents, first):
                path = self._folder / (content.statement_id.hex() + _SUFFIX)
                written.append(
                    _waiting_already(path, content.envelope)
                    or _write(path, content.envelope, moment)
                )
        except BaseException:
            _forget(written)
            raise
        return lambda: self._finish(written)

    def _finish(self, written: list[_Written]) -> None:
        named: list[Path] = []
        try:
            for one in written:
                if one.temporary is not None:
                    os.replace(one.temporary, one.path)
                    named.append(one.path)
            for one in written:
                os.fsync(one.descriptor)
            sync_folder(self._folder)
        except BaseException:
            for path in named:
                path.unlink(missing_ok=True)
            raise
        finally:
            _forget(written)

    def why(self) -> str:
        """Why what waits does so, as it was said last; empty where nothing waits or was said."""
        try:
            with os.fdopen(os.open(self._folder / _WHY, _READING), "rb") as file:
                said = file.read(_LONGEST).decode("utf-8", "replace")
        except OSError:
            return ""
        return said if self.waiting() else ""

    def waiting(self) -> int:
        """How many statements wait."""
        return len(self._files())

    def flush(self, append: Callable[[Sequence[Content]], Any]) -> Flushed:
        """Hand over what waits, oldest first, and forget what was taken.

        A file that holds no statement, or another than its name says, is left where it is.

        Args:
            append: takes statements in order, and returns when the ledger has them for good.
        """
        count = 0
        damaged: list[str] = []
        for taken in self._batches(damaged):
            if taken:
                append([content for _, content in taken])
                _remove([path for path, _ in taken])
                count += len(taken)
        if count:
            sync_folder(self._folder)
        return Flushed(count, tuple(damaged))

    def _batches(self, damaged: list[str]) -> Iterator[list[tuple[Path, Content]]]:
        """What waits, oldest first; of several batches one is read while another is handed over."""
        files = self._files()

        def read(start: int) -> list[tuple[Path, Content]]:
            return list(_readable(files[start : start + _BATCH], damaged))

        if len(files) <= _BATCH:
            yield read(0)
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(read, 0)
            for start in range(_BATCH, len(files) + _BATCH, _BATCH):
                batch, coming = coming.result(), ahead.submit(read, start)
                yield batch

    def _files(self) -> list[Path]:
        """What waits, oldest first."""
        return [self._folder / name for _, name in sorted(self._waiting())]

    def _reserve(self, count: int) -> int:
        """The first of so many modification times, never given here before: they keep the order.

        A clock that was set back must not put a revocation before what it is to follow.
        """
        mark = self._folder / _NEWEST
        try:
            newest = os.stat(mark, follow_symlinks=False).st_mtime_ns
        except FileNotFoundError:
            newest = max((moment for moment, _ in self._waiting()), default=0)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        first = max(newest + _STEP, time.time_ns())
        last = first + count
        os.utime(mark, ns=(last, last), follow_symlinks=False)
        return first

    def _waiting(self) -> list[tuple[int, str]]:
        """Modification time (ns) and name of each file."""
        try:
            with os.scandir(self._folder) as found:
                return [
                    (entry.stat(follow_symlinks=False).st_mtime_ns, entry.name)
                    for entry in found
                    if entry.name.endswith(_SUFFIX) and not entry.name.startswith(".")
                ]
        except FileNotFoundError:
            return []


@dataclass(frozen=True)
class _Written:
    """A statement on its way to the disk."""

    path: Path
    #: None where it stood there already.
    temporary: Path | None
    #: Open.
    descriptor: int


def _write(path: Path, envelope: bytes, moment: int) -> _Written:
    """Into a temporary file."""
    temporary = path.with_name(f".{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    written = _Written(path, temporary, os.open(temporary, flags, 0o600))
    try:
        with os.fdopen(written.descriptor, "wb", closefd=False) as file:
            file.write(envelope)
        os.utime(written.descriptor, ns=(moment, moment))
    except BaseException:
        _forget([written])
        raise
    return written


def _forget(written: list[_Written]) -> None:
    """Close what was written, and remove what did not get its name."""
    for one in written:
        os.close(one.descriptor)
        if one.temporary is not None:
            one.temporary.unlink(missing_ok=True)


def _remove(paths: list[Path]) -> None:
    """Remove files; many at a time, because each waits for the disk longer than it works."""

    def remove(some: list[Path]) -> None:
        for path in some:
            path.unlink(missing_ok=True)

    if len(paths) < _FEW:
        return remove(paths)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_THREADS) as threads:
        shares = [paths[first::_THREADS] for first in range(_THREADS)]
        for _ in threads.map(remove, shares):
            pass  # the first failure is raised here


def _readable(paths: list[Path], damaged: list[str]) -> Iterator[tuple[Path, Content]]:
    """The statements in files; which are none, or another than the name says, is noted."""
    for path in paths:
        try:
            held = _held(path)
            if not held and stat.S_ISREG(os.lstat(path).st_mode):
                path.unlink(missing_ok=True)  # the power failed before it was on disk
                continue
            yield path, _content(path, held)
        except FileNotFoundError:
            continue  # another process was quicker
        except (OSError, StatementError) as error:
            why = error.message if isinstance(error, StatementError) else str(error)
            damaged.append(f"{path}: {why}")


def _waiting_already(path: Path, envelope: bytes) -> _Written | None:
    """The file that is named after a statement, if that is in it; else it is written (again)."""
    try:
        descriptor = os.open(path, _READING)
    except OSError:
        return None
    try:
        held = _whole(descriptor)
        if held == envelope or _content(path, held) is not None:
            return _Written(path, None, descriptor)
    except (OSError, StatementError):
        pass
    os.close(descriptor)
    return None


def _held(path: Path) -> bytes:
    descriptor = os.open(path, _READING)
    try:
        return _whole(descriptor)
    finally:
        os.close(descriptor)


def _content(path: Path, held: bytes) -> Content:
    content = content_of(held)
    if content.statement_id.hex() != path.stem:
        raise StatementError(
            "it holds another statement than its name says",
            hint="it was changed while it waited",
        )
    return content


def _whole(descriptor: int) -> bytes:
    """All that is in a file, up to what no envelope has; without a buffer, as there are many."""
    parts, left = [], MAX_ENVELOPE + 1
    while left and (part := os.read(descriptor, min(left, _PIECE))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
