"""Processes of jobs: which one is a job's, also after the server was started anew.

The scheduler's database has a process's number, which is given to others in time, and which any
user of the server can change. So a job's process notes itself in a private folder of the home.
"""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Final

import psutil

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import KeyFileError, Refused
from jupyter_mlo.identity.private_files import read_private, write_private

#: Seconds that a stopped job has to seal and record what it did.
_GRACE: Final = 20.0
#: Seconds between looks whether it has.
_LOOK: Final = 0.1
#: In the command line of a process that :mod:`multiprocessing` has begun.
_FORKED: Final = "--multiprocessing-fork"
#: Seconds by which what the system says of one start differs when it is asked again.
_SLACK: Final = 2.0


class Processes:
    """Which process is whose, in a private folder of the home."""

    def __init__(self, settings: Settings) -> None:
        self._root = settings.home / "scheduled" / "running"

    def begun(self, job: str) -> None:
        """This process is that job's; raises :class:`OSError`."""
        me = psutil.Process()
        note = {"version": 1, "pid": me.pid, "started": me.create_time()}
        write_private(self._file(job), json.dumps(note).encode())

    def over(self, job: str) -> None:
        """It has ended."""
        with contextlib.suppress(OSError):
            self._file(job).unlink(missing_ok=True)

    def find(self, job: str, pid: int, begun: float) -> psutil.Process | None:
        """The process of a job; None where it has ended.

        Args:
            pid: its number, as the scheduler's database has it.
            begun: Unix time, seconds, at which it ran at the latest.

        Raises:
            Refused: there is a process of that number, and nobody knows whether it is the job's.
        """
        noted = self._noted(job)
        if noted is None and (starting := _starting(pid)) is not None:
            return starting
        try:
            process = psutil.Process(pid if noted is None else noted[0])
            started = process.create_time()
        except psutil.Error:
            return None
        if has_ended(process):
            return None
        if noted is not None:
            return process if abs(started - noted[1]) <= _SLACK else None
        if started > begun + _SLACK:
            return None
        raise Refused(
            f"the job could not be stopped: nothing here says whether process {pid} is the job's",
            hint="whoever runs the server can look at it, and end it",
        )

    def _noted(self, job: str) -> tuple[int, float] | None:
        try:
            note = json.loads(read_private(self._file(job), what="note of a job's process"))
            pid, started = note["pid"], note["started"]
        except (KeyFileError, OSError, ValueError, LookupError, TypeError):
            return None
        whole = type(pid) is int and pid > 0 and isinstance(started, float)
        return (pid, started) if whole else None

    def _file(self, job: str) -> Path:
        return self._root / f"{job}.json"


def _starting(pid: int) -> psutil.Process | None:
    """A process of that number that this one has begun for a job, and that runs no kernel yet.

    Kernels are children of the server, too, and whose they are no job says.
    """
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children():
            if child.pid == pid and _FORKED in child.cmdline() and not has_ended(child):
                return child
    return None


def has_ended(process: psutil.Process) -> bool:
    """Whether it runs no more; one whose parent has not looked yet counts as ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_or_kill(process: psutil.Process) -> None:
    """Wait until it has ended; kill it, and what it started, if that takes too long."""
    end = time.monotonic() + _GRACE
    while not has_ended(process):
        if time.monotonic() > end:
            with contextlib.suppress(psutil.Error):
                for one in [*process.children(recursive=True), process]:
                    with contextlib.suppress(psutil.Error):
                        one.kill()
            return
        time.sleep(_LOOK)
