"""What jupyter-mlo costs where somebody waits for it: in a cell, at loading, at ``--help``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from benchmarks.figure import Figure

#: A cell as in a notebook: 2 kB of source, a line on stdout and a result.
CELL = "print('a line')\n" + "# " + "x" * 2_000 + "\n1 + 1"
WARM_UP, CELLS = 20, 400
STARTS = 7


def measure() -> Iterator[Figure]:
    """The figures of the kernel's path and of starting up."""
    with tempfile.TemporaryDirectory() as folder:
        env = _environment(Path(folder))
        _log_in(env)
        yield Figure(
            "one interactive cell, in the kernel's path", 1e6 * _path(env), "µs", at_most=150
        )
        plain, ours = _cells(env)
        yield Figure("one interactive cell, round trip", 1e3 * ours, "ms", 1e3 * plain, "without")
        yield Figure("%load_ext with a session", 1e3 * _load(env), "ms", at_most=100)
        imported = _best(lambda: _import(env))
        yield Figure("import jupyter_mlo", 1e3 * imported, "ms", at_most=30)
        bare = _best(lambda: _run(env, sys.executable, "-c", "pass"))
        jupyter = str(Path(sys.executable).with_name("jupyter"))
        helped = _best(lambda: _run(env, jupyter, "mlo", "--help"))
        yield Figure(
            "jupyter mlo --help, over the bare interpreter",
            1e3 * (helped - bare),
            "ms",
            at_most=150,
        )


#: Runs in a kernel: what our wrappers take of the cell's and of the IOPub thread, without what
#: they wrap. Each cell's time is appended to `spent`.
WATCH = """
import time
wire = get_ipython()._jupyter_mlo_extension.recorder._wire
clock, spent = time.perf_counter, []
def around(name, owner, original):
    wrapper, inner = getattr(wire, name), getattr(wire, original)
    def outside(*args, **named):
        if name == "send" and args[1] == "execute_input":
            spent.append(0.0)
        began = clock()
        try:
            return wrapper(*args, **named)
        finally:
            spent[-1] += clock() - began
    def inside(*args, **named):
        began = clock()
        try:
            return inner(*args, **named)
        finally:
            spent[-1] -= clock() - began
    setattr(owner, name, outside)
    setattr(wire, original, inside)
spent.append(0.0)
around("send", wire._session, "_send")
around("send_multipart", wire._socket, "_transmit")
"""


def _path(env: dict[str, str]) -> float:
    """Time in the kernel's path of one cell, in seconds."""
    with _kernel(env) as client:
        _execute(client, "%load_ext jupyter_mlo")
        _execute(client, WATCH)
        for _ in range(WARM_UP + CELLS):
            _execute(client, CELL)
        spent = json.loads(_expression(client, "spent"))
    return _undisturbed(spent[-1 - CELLS : -1])


def _cells(env: dict[str, str]) -> tuple[float, float]:
    """Round trip of a cell without and with us, in seconds.

    Taken in turns, and of each the quarter that was disturbed least: what else the machine does
    adds milliseconds to some round trips, and what we add is sought in microseconds.
    """
    with _kernel(env) as plain, _kernel(env) as ours:
        _execute(ours, "%load_ext jupyter_mlo")
        times: dict[BlockingKernelClient, list[float]] = {plain: [], ours: []}
        for at in range(WARM_UP + CELLS):
            for client in (plain, ours):
                taken = _execute(client, CELL)
                if at >= WARM_UP:
                    times[client].append(taken)
        return _undisturbed(times[plain]), _undisturbed(times[ours])


def _undisturbed(times: list[float]) -> float:
    return median(sorted(times)[: len(times) // 4])


def _load(env: dict[str, str]) -> float:
    """Median time of loading the extension in a fresh kernel, in seconds."""
    code = (
        "import time; _began = time.perf_counter()\n"
        "get_ipython().extension_manager.load_extension('jupyter_mlo')\n"
        "_took = time.perf_counter() - _began"
    )
    taken = []
    for _ in range(STARTS):
        with _kernel(env) as client:
            _execute(client, code)
            taken.append(float(_expression(client, "_took")))
    return median(taken)


def _import(env: dict[str, str]) -> float:
    code = (
        "import time; began = time.perf_counter(); import jupyter_mlo; "
        "print(time.perf_counter() - began)"
    )
    return float(subprocess.check_output([sys.executable, "-c", code], env=env, timeout=60))


def _run(env: dict[str, str], *command: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, timeout=60)
    return time.perf_counter() - began


def _best(act: Callable[[], float]) -> float:
    act()
    return median(act() for _ in range(STARTS))


def _environment(folder: Path) -> dict[str, str]:
    from tests.throwaway import throwaway_environment

    return throwaway_environment(folder)


def _log_in(env: dict[str, str]) -> None:
    """A session of a new MLO, in a process of its own because its places are in ``env``."""
    code = (
        "from datetime import UTC, datetime\n"
        "from pathlib import Path\n"
        "from jupyter_mlo.config import load_settings\n"
        "from jupyter_mlo.delegation.enrolment import enrol_oneself\n"
        "from jupyter_mlo.delegation.sessions import open_session\n"
        "from jupyter_mlo.identity.ids import new_mlo_id\n"
        "from jupyter_mlo.identity.keys import SigningKey\n"
        "from jupyter_mlo.identity.profiles import Profile\n"
        "from jupyter_mlo.identity.store import Identity\n"
        f"now = datetime.fromisoformat('{datetime.now(UTC)}')\n"
        "key, mlo = SigningKey.generate(), new_mlo_id()\n"
        "who = Identity(mlo, 'person', Profile(name='Bench'), key.public, Path('/nowhere'))\n"
        "enrolment = enrol_oneself(mlo, 'person', key, now=now)\n"
        "open_session(load_settings(), who, key, now=now, enrolments=[enrolment])\n"
    )
    subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=60)


@contextmanager
def _kernel(env: dict[str, str]) -> Iterator[BlockingKernelClient]:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=env, cwd=env["HOME"], stderr=subprocess.DEVNULL)
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def _execute(client: BlockingKernelClient, code: str, **more: Any) -> float:
    """Seconds until both the reply and the kernel's idle are here."""
    began = time.perf_counter()
    request = client.execute(code, **more)
    while True:
        message = client.get_iopub_msg(timeout=60)
        if (
            message["parent_header"].get("msg_id") == request
            and message["content"].get("execution_state") == "idle"
        ):
            break
    _reply(client, request)
    return time.perf_counter() - began


def _expression(client: BlockingKernelClient, expression: str) -> str:
    reply = _reply(client, client.execute("None", user_expressions={"value": expression}))
    return str(reply["content"]["user_expressions"]["value"]["data"]["text/plain"])


def _reply(client: BlockingKernelClient, request: str) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = client.get_shell_msg(timeout=60)
        if message["parent_header"].get("msg_id") == request:
            return message
