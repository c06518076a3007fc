"""A real PostgreSQL for tests: made in a folder of its own, stopped and started at will.

PostgreSQL runs as no administrator, so tests that run as root start it as the account
``postgres``, or ``nobody``.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.needs import not_here
from tests.ports import free_port

_OWNER = "mlo_test"


def _program(name: str) -> str:
    """The newest of the server's programs; ends the test where there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4])
    )
    if found:
        return str(found[-1])
    if name_on_path := shutil.which(name):
        return name_on_path
    not_here(f"there is no {name}; apt install postgresql, or its like")


class Server:
    """One PostgreSQL server on a Unix socket and a free port of the loopback interface."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        """Make one in ``folder``; it outlives the machine's crash only if it is ``durable``."""
        self._folder = folder
        self._data = folder / "data"
        self._account = self._unprivileged()
        if self._account is not None:
            shutil.chown(folder, self._account)
        self.port = free_port()
        self._run(
            _program("initdb"), "-D", str(self._data), "-U", _OWNER, "-E", "UTF8",
            "--locale=C", "--auth=trust", "--no-sync", "--no-instructions",
        )  # fmt: skip
        with (self._data / "postgresql.conf").open("a") as config:
            config.write(
                f"port = {self.port}\nlisten_addresses = '127.0.0.1'\n"
                f"unix_socket_directories = '{folder}'\nmax_connections = 60\n"
                f"shared_buffers = 64MB\nfsync = {'on' if durable else 'off'}\n"
            )

    def url(self, name: str, user: str = _OWNER, *, host: str | None = None) -> str:
        """``ledger.url`` of a database, by default over the socket."""
        if host is not None:
            return f"postgresql+psycopg://{user}@{host}:{self.port}/{name}"
        return f"postgresql+psycopg://{user}@/{name}?host={self._folder}&port={self.port}"

    def conninfo(self, name: str, user: str = _OWNER) -> str:
        """The same as psycopg and psql read it."""
        return f"host={self._folder} port={self.port} dbname={name} user={user}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        log = str(self._folder / "log")
        self._run(_program("pg_ctl"), "-D", str(self._data), "-w", "-t", "60", "-l", log, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop; ``immediate`` is what a power cut leaves."""
        self._run(_program("pg_ctl"), "-D", str(self._data), "-w", "-t", "60", "-m", mode, "stop")

    def freeze(self, *, on: bool) -> None:
        """Let the server and all its processes stand still, as behind a network that was cut."""
        first = int((self._data / "postmaster.pid").read_text().split()[0])
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(first)], capture_output=True, text=True, check=True
        )
        for pid in [first, *map(int, children.stdout.split())]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP if on else signal.SIGCONT)

    def allow_passwords(self) -> None:
        """Have every role on the loopback interface say its password."""
        rules = self._data / "pg_hba.conf"
        rules.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        self._run(_program("pg_ctl"), "-D", str(self._data), "reload")

    def sql(self, name: str, script: str, *, user: str = _OWNER, check: bool = True) -> str:
        """Run a script with psql; what it says, errors as well."""
        done = subprocess.run(
            [_program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
             "-h", str(self._folder), "-p", str(self.port), "-U", user, "-d", name, "-f", "-"],
            input=script, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout + done.stderr

    def _unprivileged(self) -> str | None:
        if os.geteuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(name).pw_name
        not_here("PostgreSQL does not run as root, and there is no account postgres or nobody")

    def _run(self, *command: str) -> None:
        log = self._folder / "commands"
        with log.open("ab") as said:
            done = subprocess.run(
                command, stdout=said, stderr=said, stdin=subprocess.DEVNULL, cwd="/", timeout=120,
                env=os.environ | {"LC_ALL": "C"}, check=False, user=self._account,
                extra_groups=None if self._account is None else [],
            )  # fmt: skip
        assert done.returncode == 0, log.read_text(errors="replace")[-2000:]


@contextlib.contextmanager
def running(*, durable: bool = False) -> Iterator[Server]:
    """A server that is gone afterwards; in a short path, because those of sockets are short.

    Without ``durable`` it leaves to the operating system when it writes to the disk: what a
    process has committed outlives every process, which is all that most tests ask.
    """
    for name in ("initdb", "pg_ctl", "psql"):
        _program(name)
    folder = Path(tempfile.mkdtemp(prefix="mlo-pg-", dir="/tmp"))
    folder.chmod(0o755)
    server = Server(folder, durable=durable)
    try:
        server.start()
        yield server
    finally:
        with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
            server.freeze(on=False)
        with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
            server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


def wait_until(true: object, *, seconds: float = 30.0, what: str = "it") -> None:
    """Wait until ``true()`` is; fails after ``seconds``."""
    assert callable(true)
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)
