"""A real Dask scheduler with real worker processes, which hold nothing of the caller's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_ROOT = str(Path(__file__).parents[1])


class Dask:
    """A scheduler and its workers, each a process with a HOME of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Killed workers leave their files; paths of sockets are short.
        self._temporary = tempfile.TemporaryDirectory(prefix="d-")
        self._file = folder / "scheduler.json"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._begin("scheduler", "--port", "0", "--no-dashboard")
        self.address = self._wait()

    def worker(self, name: str) -> subprocess.Popen[bytes]:
        """Start a worker that runs one notebook at a time."""
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name)
        return self._begin("worker", *options)

    def kill(self, home: Path) -> None:
        """Kill the process that has this HOME, as a machine that goes away."""
        number = int(home.name.removeprefix("home-"))
        self._processes[number].kill()
        self._processes[number].wait(30)

    def _begin(self, what: str, *options: str) -> subprocess.Popen[bytes]:
        home = self._folder / f"home-{len(self._processes)}"
        home.mkdir()
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "MLO_HOME": str(home / "mlo"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "PYTHONPATH": _ROOT,
            "TMPDIR": self._temporary.name,
        }
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}"]
        command += ["--scheduler-file", str(self._file), *options]
        with open(self._folder / f"{what}-{len(self._processes)}.log", "wb") as log:
            process = subprocess.Popen(command, cwd=home, env=environ, stdout=log, stderr=log)
        self._processes.append(process)
        return process

    def registered(self, number: int) -> None:
        """Wait until so many workers are there."""
        until = time.monotonic() + 60
        while sum("Registered to" in each.read_text() for each in self._logs()) < number:
            assert time.monotonic() < until
            time.sleep(0.05)

    def _logs(self) -> list[Path]:
        return list(self._folder.glob("worker-*.log"))

    def _wait(self) -> str:
        until = time.monotonic() + 60
        while True:
            try:
                return str(json.loads(self._file.read_text())["address"])
            except (OSError, ValueError):
                assert time.monotonic() < until
                time.sleep(0.05)

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self._temporary.cleanup()
