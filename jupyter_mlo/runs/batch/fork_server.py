"""A process that has imported ipykernel once, and forks a kernel whenever it is asked to.

Started by its file, with the descriptor of a socket, and with an environment that holds no
secrets. It has one thread, opens nothing, and draws no random number for the kernels: what
they share is the code that was imported, and Python's hash seed. Each line that comes is a JSON
object ``{"id", "argv", "env", "cwd", "log"}`` (start a kernel) or ``{"id", "signal"}``; what goes
back is ``{"id", "pid"}`` and, when a kernel has ended, ``{"id", "exit"}``. When the other side is
gone, all kernels are killed.

Imports nothing of this package: kernels would inherit it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import selectors
import signal
import socket
import sys
import threading
from typing import Any

#: What a kernel of IPython imports until it is ready.
PRELOADED = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.zmqshell",
    "ipykernel.debugger",
    "IPython.core.completer",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.magics",
    "IPython.core.oinspect",
    "IPython.core.payloadpage",
    "IPython.extensions.storemagic",
    "comm",
    "email.parser",
    "encodings.idna",
    "faulthandler",
    "jupyter_client.session",
    "pydoc",
    "sqlite3",
    "tornado.platform.asyncio",
    "tornado.queues",
)


class Server:
    """Serves one connection; :meth:`serve` returns in a forked child what it is to be."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._kernels: dict[int, str] = {}  # pid → id
        self._buffer = b""

    def serve(self) -> dict[str, Any] | None:
        """Answer until the other side has gone (None), or this is a child."""
        told, tell = os.pipe()
        os.set_blocking(tell, False)
        os.set_blocking(told, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
        selector = selectors.DefaultSelector()
        selector.register(self._link, selectors.EVENT_READ)
        selector.register(told, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is self._link:
                    try:
                        data = self._link.recv(1 << 16)
                    except ConnectionError:
                        data = b""
                    if not data:
                        self._kill_all()
                        return None
                    *lines, self._buffer = (self._buffer + data).split(b"\n")
                    for line in lines:
                        request = json.loads(line)
                        if self._asked(request):
                            selector.close()
                            os.close(told)
                            os.close(tell)
                            return request  # type: ignore[no-any-return]
                else:
                    with contextlib.suppress(BlockingIOError):
                        os.read(told, 4096)
            self._reap()

    def _asked(self, request: dict[str, Any]) -> bool:
        """Do what is asked; True in a child."""
        if "signal" in request:
            for pid, name in self._kernels.items():
                if name == request["id"]:
                    _signal(pid, request["signal"])
            return False
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            self._link.close()
            return True
        self._kernels[pid] = request["id"]
        self._say({"id": request["id"], "pid": pid})
        return False

    def _reap(self) -> None:
        for pid in list(self._kernels):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                name = self._kernels.pop(pid)
                self._say({"id": name, "exit": os.waitstatus_to_exitcode(status)})

    def _say(self, what: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # its end shows when reading
            self._link.sendall(json.dumps(what).encode() + b"\n")

    def _kill_all(self) -> None:
        for pid in self._kernels:
            _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: int) -> None:
    """To the kernel and what it has started; not reaped yet, so the number is still its own."""
    try:
        os.killpg(pid, number)
    except OSError:  # it has not made its own group yet
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def become(request: dict[str, Any], parent: int) -> None:
    """Make of this child what a process started with that command would be."""
    os.setsid()
    for ending in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["env"])
    os.environ["JPY_PARENT_PID"] = str(parent)
    os.chdir(request["cwd"])
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    for target, descriptor in (
        ((0,), os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)),
        ((1, 2), os.open(request["log"], flags, 0o600)),
    ):
        for number in target:
            os.dup2(descriptor, number)
        os.close(descriptor)
    random = sys.modules.get("random")
    if random is not None:
        random.seed()
    launcher = importlib.util.find_spec("ipykernel_launcher")
    sys.argv = [(launcher and launcher.origin) or "ipykernel_launcher", *request["argv"]]


def _preload() -> None:
    """Import; what debuggers say of themselves is for nobody who runs a batch."""
    before = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        for name in PRELOADED:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    finally:
        os.dup2(before, 2)
        os.close(before)


def _end_control_first(app: Any) -> None:
    """Mend the order in which ipykernel ends: one kernel of six took seconds for it.

    Its control thread flushes after each request, and waits up to 10 s for the thread that
    publishes, which the interpreter's end stops first.
    """
    start = app.start

    def in_order(self: Any) -> None:
        try:
            start(self)
        finally:
            control = self.control_thread
            if control is not None and control.is_alive():
                control.stop()
                control.join(1.0)

    app.start = in_order


def main() -> None:
    """Import, serve, and in a child run the kernel; the interpreter then ends as always."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    link = socket.socket(fileno=int(sys.argv[2]))
    link.set_inheritable(False)
    gc.disable()
    _preload()
    parent = os.getpid()
    if threading.active_count() > 1:  # what forks must have one thread: start kernels otherwise
        return
    gc.freeze()
    gc.enable()
    request = Server(link).serve()
    if request is None:
        os._exit(0)  # nothing here has anything to put in order
    become(request, parent)
    from ipykernel import kernelapp

    _end_control_first(kernelapp.IPKernelApp)
    kernelapp.launch_new_instance()


if __name__ == "__main__":
    main()
