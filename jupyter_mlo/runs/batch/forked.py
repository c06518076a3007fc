"""This side of the fork server: started early, asked for kernels, told when they end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jupyter_mlo.runs.withheld import kernel_environment

#: Runs that file without its folder, or the current one, to import from (as ``ipykernel_launcher``
#: does: the current folder is there from when IPython says so).
_BEGIN: Final = """
import sys
if sys.path[:1] == [""]:
    del sys.path[0]
with open(sys.argv[1], "rb") as file:
    code = file.read()
exec(compile(code, sys.argv[1], "exec"))
"""
_FILE: Final = str(Path(__file__).with_name("fork_server.py"))
_LAUNCHER: Final = "ipykernel_launcher"


class ForkedProcess:
    """A kernel that was forked, with what of ``subprocess.Popen`` jupyter_client uses."""

    stdin = stdout = stderr = None

    def __init__(self, server: ForkServer, name: str) -> None:
        self._server = server
        self.name = name
        self.pid = 0
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code; None while it lives."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """The same: who asks has polled before."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal it and what it has started, unless it has ended."""
        if self.returncode is None:
            self._server.say({"id": self.name, "signal": int(number)})

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


class ForkServer:
    """The server's process: begins at once, and is connected to when a loop runs.

    Args:
        options: what stands between the interpreter and ``-m`` in the kernelspec.
    """

    def __init__(self, options: Sequence[str] = ()) -> None:
        self.options = tuple(options)
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, *self.options, "-c", _BEGIN, _FILE, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env=kernel_environment(os.environ),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._socket = ours
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._kernels: dict[str, tuple[ForkedProcess, asyncio.Future[None]]] = {}

    async def connect(self) -> None:
        """Listen; once."""
        reader, self._writer = await asyncio.open_unix_connection(sock=self._socket)
        self._reading = asyncio.create_task(self._read(reader))

    @property
    def usable(self) -> bool:
        """Whether kernels can be asked for."""
        return self._reading is not None and not self._reading.done()

    async def launch(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], cwd: str, log: str
    ) -> ForkedProcess:
        """Fork a kernel; raises :class:`OSError` where the server has gone."""
        process = ForkedProcess(self, name)
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._kernels[name] = (process, started)
        request = {"id": name, "argv": list(argv), "env": dict(env), "cwd": cwd, "log": log}
        self.say(request)
        if not self.usable:
            self._end_all()
        await started
        return process

    def say(self, what: Mapping[str, Any]) -> None:
        """Send a request."""
        if self._writer is not None:
            # ASCII: names in the environment that are no UTF-8 go there as they are.
            self._writer.write(json.dumps(what).encode("ascii") + b"\n")

    def close(self) -> None:
        """End it, and every kernel that is left."""
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            self._writer.close()
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)
        self._process.kill()
        self._process.wait()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                said = json.loads(line)
                process, started = self._kernels[said["id"]]
                if "pid" in said:
                    process.pid = said["pid"]
                    if not started.done():
                        started.set_result(None)
                else:
                    process.returncode = said["exit"]
                    del self._kernels[said["id"]]
        except (OSError, ValueError, LookupError):
            pass
        finally:
            self._end_all()

    def _end_all(self) -> None:
        for process, started in self._kernels.values():
            process.returncode = -signal.SIGKILL
            if not started.done():
                started.set_exception(OSError("the process that forks kernels has gone"))
        self._kernels.clear()


def forkable(argv: Sequence[str], env: Mapping[str, str], metadata: Mapping[str, Any]) -> bool:
    """Whether a kernelspec starts this environment's own ipykernel, and in no special way.

    Args:
        argv, env, metadata: the kernelspec's.
    """
    if not argv or _LAUNCHER not in argv or "kernel_provisioner" in metadata:
        return False
    if any(name.upper().startswith(("PYTHON", "LD_")) for name in env):
        return False
    at = list(argv).index(_LAUNCHER)
    options = list(argv[1 : at - 1])
    return (
        at >= 2
        and argv[at - 1] == "-m"
        and list(argv[at + 1 :]) == ["-f", "{connection_file}"]
        and all(option.startswith("-X") and len(option) > 2 for option in options)
        and _is_this_python(argv[0])
    )


def options_of(argv: Sequence[str]) -> tuple[str, ...]:
    """The interpreter's options in a kernelspec that is :func:`forkable`."""
    return tuple(argv[1 : list(argv).index(_LAUNCHER) - 1])


def _is_this_python(command: str) -> bool:
    # jupyter_client takes these names for the interpreter that it runs in.
    version = sys.version_info
    names = ("python", f"python{version[0]}", f"python{version[0]}.{version[1]}")
    return command in names or os.path.abspath(command) == os.path.abspath(sys.executable)
