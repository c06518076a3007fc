"""Kernels for runs: forked where that is honest, else started; over IPC where they can.

A kernel of this environment's own ipykernel comes from the fork server; all others are started as
jupyter_client starts them. Both are driven through jupyter_client from then on.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Empty
from typing import Any, Final

import zmq.asyncio
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from jupyter_core.paths import jupyter_path

from jupyter_mlo.errors import MloError, NotFound
from jupyter_mlo.runs.batch.forked import ForkServer, forkable, options_of
from jupyter_mlo.runs.surroundings import Kernel
from jupyter_mlo.runs.transport import socket_folder, speaks_ipc

#: Seconds between two looks whether a kernel has got further.
_LOOK: Final = 0.003
#: Seconds that a kernel has to end by itself, so that what it registered for its end can run.
GRACE: Final = 5.0
#: Of nbclient: what is typed in a run is nobody's history.
_NO_HISTORY: Final = "--HistoryManager.hist_file=:memory:"


class KernelFault(MloError):
    """A kernel did not start, or died: nothing that the notebook's code has said.

    ``kind`` says so in words that may stand in the ledger.
    """

    def __init__(self, message: str, *, hint: str, kind: str = "the kernel did not start") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class _Forked(LocalProvisioner):
    """A provisioner whose process is a forked one."""

    server: ForkServer
    log_file: str

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        argv = cmd[cmd.index("ipykernel_launcher") + 1 :]
        cwd = kwargs.get("cwd") or os.getcwd()
        process = await self.server.launch(
            str(self.kernel_id), argv, kwargs["env"], cwd, self.log_file
        )
        self.process, self.pid = process, process.pid  # type: ignore[assignment]
        return self.connection_info


class RunningKernel:
    """A kernel that is being started, or runs."""

    def __init__(self, manager: Any, log_file: Path) -> None:
        self.manager = manager
        self.client: Any = None
        self.info: Mapping[str, Any] = {}
        self._log_file = log_file

    @property
    def kernel_id(self) -> str:
        """jupyter_client's ID of it."""
        return self.manager.kernel_id or "unknown"

    def described(self, environ: Mapping[str, str]) -> Kernel:
        """What it is, for the provenance."""
        spec = self.manager.kernel_spec
        return Kernel(
            name=self.manager.kernel_name,
            language=spec.language,
            argv=tuple(spec.argv),
            command=tuple(self.manager.format_kernel_cmd()),
            environ=environ,
        )

    async def alive(self) -> bool:
        """Whether its process lives."""
        return bool(await self.manager.is_alive())

    async def ready(self, timeout: float) -> None:
        """Wait until it answers, and what it publishes is heard.

        Raises:
            KernelFault: it has ended, or takes longer than ``timeout`` seconds.
        """
        until = time.monotonic() + timeout
        manager = self.manager
        # Before its sockets exist, connecting fails and is tried again only every 100 ms.
        ipc = manager.transport == "ipc"
        sockets = [f"{manager.ip}-{port}" for port in manager.ports] if ipc else []
        while not all(map(os.path.exists, sockets)):
            await self._still(until)
            await asyncio.sleep(_LOOK)
        self.client = manager.client()
        self.client.start_channels(stdin=False, hb=False)
        self.client.allow_stdin = False
        while True:
            request = self.client.kernel_info()
            while not (reply := await _message(self.client.shell_channel, 0.1)) or (
                reply["parent_header"].get("msg_id") != request
            ):
                await self._still(until)
            self.info = reply["content"]
            heard = time.monotonic() + 0.1
            while (left := heard - time.monotonic()) > 0:
                said = await _message(self.client.iopub_channel, left)
                if (
                    said
                    and said["parent_header"].get("msg_id") == request
                    and said["content"].get("execution_state") == "idle"
                ):
                    return
            await self._still(until)

    async def _still(self, until: float) -> None:
        if not await self.alive():
            raise KernelFault(
                f"the kernel {self.manager.kernel_name!r:.80} ended before it was ready"
                f"{self._why()}",
                hint="see whether it starts by itself: jupyter console --kernel NAME",
            )
        if time.monotonic() > until:
            raise KernelFault(
                f"the kernel {self.manager.kernel_name!r:.80} was not ready in time",
                hint="give it longer: --start-timeout SECONDS",
            )

    def _why(self) -> str:
        with contextlib.suppress(OSError):
            lines = self._log_file.read_text("utf-8", "replace")[-4000:].strip().splitlines()
            if lines:
                return f": {lines[-1][:300]}"
        return ""

    async def interrupt(self) -> None:
        """As Ctrl-C."""
        with contextlib.suppress(Exception):
            await self.manager.interrupt_kernel()

    async def end(self, grace: float = GRACE) -> None:
        """Ask it to end, then have it ended; leaves no file behind."""
        manager = self.manager
        try:
            if manager.has_kernel and await self.alive():
                if self.client is not None and grace > 0:
                    await manager.request_shutdown()
                    await self._gone(grace / 2)
                if grace > 0 and await self.alive():
                    await manager.signal_kernel(15)
                    await self._gone(grace / 2)
                if await self.alive():
                    await manager.signal_kernel(9)
                    await self._gone(2.0)
        except (OSError, RuntimeError):
            pass
        finally:
            with contextlib.suppress(Exception):
                if manager.has_kernel:
                    await manager.provisioner.wait()
            with contextlib.suppress(Exception):
                if self.client is not None:
                    self.client.stop_channels()
            with contextlib.suppress(Exception):
                await manager.cleanup_resources()
            with contextlib.suppress(OSError):
                self._log_file.unlink()

    async def _gone(self, within: float) -> None:
        until = time.monotonic() + within
        while await self.alive() and time.monotonic() < until:
            await asyncio.sleep(_LOOK)


class Specs:
    """The kernelspecs that are installed, each looked for once."""

    def __init__(self) -> None:
        # As jupyter_client has it, which imports IPython to find the last one.
        ipython = os.environ.get("IPYTHONDIR") or "~/.ipython"
        folders = [*jupyter_path("kernels"), os.path.expanduser(f"{ipython}/kernels")]
        self.manager = KernelSpecManager(kernel_dirs=folders)
        self._known: dict[str, KernelSpec] = {}

    def get(self, name: str) -> KernelSpec:
        """The kernelspec ``name``; raises :class:`NotFound`."""
        if name not in self._known:
            try:
                self._known[name] = self.manager.get_kernel_spec(name)
            except (NoSuchKernel, OSError, ValueError, TypeError):
                raise NotFound(
                    f"the kernel {name!r:.80} is not installed here",
                    hint="jupyter kernelspec list shows what is; --kernel NAME names another",
                ) from None
        return self._known[name]

    def language(self, name: str) -> str:
        """Its language; raises :class:`NotFound`."""
        return str(self.get(name).language)


class Kernels:
    """Starts kernels; used as an asynchronous context manager.

    Args:
        specs: those that are installed.
        server: a fork server that was started before, perhaps with other options than are needed.
    """

    def __init__(self, specs: Specs, server: ForkServer | None = None) -> None:
        self._specs = specs
        self._server = server
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Kernels:
        self._folder = socket_folder()
        self._context = zmq.asyncio.Context()
        self._connecting = asyncio.Lock()
        self._connected = False
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._server is not None:
            self._server.close()
        self._context.destroy(linger=0)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def start(self, name: str, env: Mapping[str, str], cwd: Path) -> RunningKernel:
        """Start a kernel; it is not :meth:`~RunningKernel.ready` yet.

        Raises:
            NotFound: there is no such kernelspec.
            KernelFault: its process cannot be started.
        """
        spec = self._specs.get(name)
        number = next(self._numbers)
        log_file = self._folder / f"{number}.log"
        manager = AsyncKernelManager(
            kernel_name=name,
            connection_file=str(self._folder / f"{number}.json"),
            context=self._context,
            kernel_spec_manager=self._specs.manager,
        )
        manager._kernel_spec = spec
        if speaks_ipc(spec):
            manager.transport, manager.ip = "ipc", str(self._folder / str(number))
        arguments: dict[str, Any] = {"env": dict(env), "cwd": str(cwd)}
        if manager.ipykernel:
            arguments["extra_arguments"] = [_NO_HISTORY]
        server = await self._fork_server(spec)
        try:
            if server is not None:
                # Instead of what the factory of provisioners would make.
                forked = _Forked(
                    kernel_id=f"k{number}", kernel_spec=spec, parent=manager, log=manager.log
                )
                forked.server, forked.log_file = server, str(log_file)
                manager.provisioner = forked
                await manager.start_kernel(**arguments)
            else:
                with open(log_file, "wb") as log:
                    await manager.start_kernel(stdout=log, stderr=log, **arguments)
        except (OSError, RuntimeError) as error:
            raise KernelFault(
                f"the kernel {name!r:.80} could not be started: {error}",
                hint="see whether it starts by itself: jupyter console --kernel NAME",
            ) from None
        return RunningKernel(manager, log_file)

    async def _fork_server(self, spec: KernelSpec) -> ForkServer | None:
        if not hasattr(os, "fork") or not forkable(spec.argv, spec.env, spec.metadata):
            return None
        options = options_of(spec.argv)
        if self._server is None:
            self._server = ForkServer(options)
        if self._server.options != options:
            return None
        async with self._connecting:
            if not self._connected:
                self._connected = True
                await self._server.connect()
        return self._server if self._server.usable else None


async def _message(channel: Any, timeout: float) -> Any:
    try:
        return await channel.get_msg(timeout=timeout)
    except Empty:
        return None
