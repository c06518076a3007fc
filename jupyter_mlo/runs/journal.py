"""The journal of a run: every completed cell, on disk before the next one starts.

One folder a run, one JSON text a line, only ever appended. It replaces writing the whole
notebook at the start and at the end of every cell, and is what :mod:`~jupyter_mlo.runs.recovery`
builds the notebook from after the runner was killed. Lines reach the operating system at
once, so they outlive the process; a thread has them on disk within a second, so that little
is lost with the machine. While a run lasts its journal is locked.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import stat
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from jupyter_mlo.errors import NotFound
from jupyter_mlo.identity.private_files import make_private_folder

VERSION: Final = 1
JOURNAL: Final = "journal.jsonl"
#: Seconds between two syncs of the file.
SYNC_EVERY: Final = 1.0


def run_folder(runs: Path, run_id: str) -> Path:
    """The folder of the run ``urn:uuid:…`` below ``runs``."""
    return runs / run_id.removeprefix("urn:uuid:")


class Journal:
    """An open journal. Used by one thread; methods raise :class:`OSError` where the disk does.

    Args:
        folder: the run's folder; it is made, and must be new.
        head: what identifies the run: small, the first line.
        base: the notebook as it was when the run began.
    """

    def __init__(self, folder: Path, head: Mapping[str, Any], base: Mapping[str, Any]) -> None:
        self.folder = folder
        make_private_folder(folder.parent)
        folder.mkdir(mode=0o700)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(folder / JOURNAL, flags, 0o600)
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._torn = False
        self._written = threading.Event()
        self._closed = threading.Event()
        self._append({"version": VERSION, **head})
        self._append({"base": base})
        threading.Thread(target=self._keep_synced, name="mlo-journal", daemon=True).start()

    def cell(self, position: int, cell: Mapping[str, Any]) -> None:
        """A cell has completed."""
        self._append({"cell": position, "value": _result(cell)})

    def outputs(self, position: int, cell: Mapping[str, Any], changed: Sequence[int]) -> None:
        """Some outputs of a completed cell were updated by a later one."""
        outputs = {str(at): cell["outputs"][at] for at in sorted(set(changed))}
        self._append({"cell": position, "outputs": outputs, "metadata": cell["metadata"]})

    def metadata(self, metadata: Mapping[str, Any]) -> None:
        """The notebook's metadata has changed."""
        self._append({"metadata": metadata})

    def chain(self, chain: Sequence[Mapping[str, Any]]) -> None:
        """Enrolments and delegations that what the run's kernel signs hangs on."""
        self._append({"chain": chain})

    def notebook(self, notebook: Mapping[str, Any]) -> None:
        """Cells were inserted: the whole notebook anew."""
        self._append({"base": notebook})

    def ended(self, outcome: str, seal: str | None) -> None:
        """Nothing more comes; ``seal`` is the statement ID of the notebook's seal."""
        self._append({"ended": outcome, "seal": seal})

    def close(self, *, kept: bool = True) -> None:
        """Give up the lock; the files stay.

        Args:
            kept: they are still of use, and so are on disk then.
        """
        if not self._closed.is_set():
            self._closed.set()
            self._written.set()
            if kept:
                with contextlib.suppress(OSError):
                    os.fsync(self._descriptor)
            os.close(self._descriptor)

    def _append(self, line: Mapping[str, Any]) -> None:
        # ASCII, so that whatever a kernel has sent (lone surrogates, too) comes back as it was.
        data = json.dumps(line, separators=(",", ":")).encode("ascii")
        parts = (b"\n", data, b"\n") if self._torn else (data, b"\n")
        self._torn = True
        for part in parts:  # apart, because one of them may be large
            view = memoryview(part)
            while view:
                view = view[os.write(self._descriptor, view) :]
        self._torn = False
        self._written.set()

    def _keep_synced(self) -> None:
        while not self._closed.is_set():
            self._written.wait()
            self._written.clear()
            if self._closed.wait(SYNC_EVERY):
                return
            with contextlib.suppress(OSError):
                os.fsync(self._descriptor)


def read_journal(folder: Path) -> tuple[dict[str, Any], list[tuple[int, dict[str, Any]]]]:
    """Head and numbered further lines of a run's journal, without those that were cut short.

    Raises:
        NotFound: there is no journal, or its head cannot be read.
    """
    lines: list[tuple[int, dict[str, Any]]] = []
    with contextlib.suppress(OSError), _opened(folder) as file:
        for number, raw in enumerate(file, 1):
            with contextlib.suppress(ValueError, RecursionError):
                line = json.loads(raw)
                if isinstance(line, dict):
                    lines.append((number, line))
    if not lines or not _is_head(lines[0][1]):
        raise NotFound(
            f"there is no journal of a run in {folder}",
            hint="jupyter mlo recover lists the runs that were cut short",
        )
    return lines[0][1], lines[1:]


def read_head(folder: Path) -> dict[str, Any] | None:
    """The first line of a run's journal alone; None where it has none."""
    try:
        with _opened(folder) as file:
            head = json.loads(file.readline(1 << 20))
    except (OSError, ValueError, RecursionError):
        return None
    return head if isinstance(head, dict) and _is_head(head) else None


def run_folders(runs: Path) -> list[Path]:
    """The folders of runs below ``runs``. Symbolic links are none: nothing of ours makes any."""
    try:
        with os.scandir(runs) as entries:
            return [Path(each.path) for each in entries if each.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def is_running(folder: Path) -> bool:
    """Whether the run still holds the lock on its journal; without locks, whether it lives."""
    try:
        file = _opened(folder)
    except OSError:
        return False
    with file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return _lives((read_head(folder) or {}).get("pid"))
    return False


def _lives(pid: object) -> bool:
    """Whether there is such a process on this machine."""
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def open_plain(path: Path | str, *, follow: bool = False) -> BinaryIO:
    """Open a regular file for reading, and nothing that one could wait for.

    Args:
        follow: whether the last part of the path may be a symbolic link.

    Raises:
        OSError: it is no regular file, or cannot be opened.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return os.fdopen(descriptor, "rb")


def _opened(folder: Path) -> BinaryIO:
    return open_plain(folder / JOURNAL)


def _is_head(line: Mapping[str, Any]) -> bool:
    version = line.get("version")
    return version == VERSION and not isinstance(version, bool)


def remove(folder: Path) -> None:
    """Remove a run's folder and all that is in it; what cannot be removed stays."""
    shutil.rmtree(folder, ignore_errors=True)


def last_line(folder: Path) -> bytes:
    """The journal's last line, if it is a short one."""
    try:
        with _opened(folder) as file:
            file.seek(-min(4096, os.fstat(file.fileno()).st_size), os.SEEK_END)
            lines = file.read().splitlines()
    except OSError:
        return b""
    return lines[-1] if lines else b""


def has_ended(folder: Path) -> bool:
    """Whether the run came to its own end, well or not."""
    return last_line(folder).startswith(b'{"ended":')


def age(folder: Path) -> float:
    """Seconds since the journal was last written to; 0 where it cannot be seen."""
    try:
        return max(0.0, time.time() - (folder / JOURNAL).lstat().st_mtime)
    except OSError:
        return 0.0


def _result(cell: Mapping[str, Any]) -> dict[str, Any]:
    """What running a cell has changed in it."""
    members = ("outputs", "execution_count", "metadata")
    return {name: cell[name] for name in members if name in cell}
