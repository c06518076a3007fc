"""The real command, in a process of its own and in a throw-away home."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pexpect
import pytest

import jupyter_mlo.delegation.chain  # imported once, before the forks
import jupyter_mlo.ledger.publish  # noqa: F401
from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.enrolment import kept_enrolments
from jupyter_mlo.delegation.sessions import open_session
from jupyter_mlo.identity.store import IdentityStore

PASSPHRASE = "correct horse battery staple"


@dataclass(frozen=True)
class Ended:
    """A command that has ended: its status, and what it wrote."""

    status: int
    out: str
    err: str

    def told(self, *parts: str) -> bool:
        """Whether every part stands in what was written to the person beside the result."""
        missing = [part for part in parts if part not in self.err]
        assert not missing, f"{missing} not in:\n{self.err}"
        assert "Traceback" not in self.err
        return True


class Cli:
    """Runs ``jupyter mlo`` as people do."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self.command = [sys.executable, "-m", "jupyter_mlo.cli.main"]

    def __call__(self, *arguments: str | Path, **environ: str) -> Ended:
        """Without a terminal: nobody can be asked. A process of its own, forked to save imports."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                _become({**self.environ, **environ}, out.fileno(), err.fileno())
                _run_and_exit([str(argument) for argument in arguments])
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        return Ended(status, *texts)

    @contextmanager
    def terminal(self, *arguments: str, **environ: str) -> Iterator[pexpect.spawn]:
        """At a terminal, where a person types."""
        child = pexpect.spawn(
            self.command[0],
            [*self.command[1:], *arguments],
            env={**self.environ, **environ},
            timeout=30,
            encoding="utf-8",
            dimensions=(50, 300),
        )
        try:
            yield child
        finally:
            child.close(force=True)


def _become(environ: dict[str, str], out: int, err: int) -> None:
    """Everything that a process of its own would not share with the tests."""
    os.setsid()  # no terminal, whoever runs the tests
    os.environ.clear()
    os.environ.update(environ)
    for source, target in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (err, 2)):
        os.dup2(source, target)
    sys.stdin, sys.stdout, sys.stderr = (open(n, mode) for n, mode in enumerate("rww"))  # noqa: SIM115


def _run_and_exit(arguments: list[str]) -> NoReturn:
    status = 70
    try:
        from jupyter_mlo.cli.main import main

        status = main(arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(status)


@pytest.fixture(scope="session")
def home_of_ada(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which Ada Sample is enrolled, made once; tests get copies."""
    folder = tmp_path_factory.mktemp("ada")
    (folder / "secret").write_text(PASSPHRASE)
    (folder / "secret").chmod(0o600)
    environ = {**os.environ, "MLO_HOME": str(folder / "mlo"), "HOME": str(folder)}
    environ["MLO_PASSPHRASE_FILE"] = str(folder / "secret")
    command = [sys.executable, "-m", "jupyter_mlo.cli.main", "enroll", "--name", "Ada Sample"]
    subprocess.run(command, env=environ, check=True, timeout=60, stdin=subprocess.DEVNULL)
    return folder / "mlo"


@pytest.fixture
def cli(home_env: dict[str, str]) -> Cli:
    """The command in an empty home."""
    return Cli(home_env)


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """A file with the passphrase, for MLO_PASSPHRASE_FILE."""
    path = tmp_path / "secret"
    path.write_text(PASSPHRASE + "\n")
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def enrolled(cli: Cli, secret: str) -> Callable[[str], str]:
    """Enrols somebody; the result is the MLO ID."""

    def enrol(name: str) -> str:
        done = cli("enroll", "--name", name, "--email", "", MLO_PASSPHRASE_FILE=secret)
        assert done.status == 0, done.err
        (line,) = (line for line in done.out.splitlines() if "MLO ID" in line)
        return line.split()[-1]

    return enrol


@pytest.fixture
def ada(home_of_ada: Path, home_env: dict[str, str]) -> str:
    """MLO ID of Ada Sample, who is enrolled."""
    shutil.copytree(home_of_ada, home_env["MLO_HOME"], dirs_exist_ok=True)
    (folder,) = (Path(home_env["MLO_HOME"]) / "identities").iterdir()
    return folder.name.replace("-", ":", 1)


@pytest.fixture
def ended_session(ada: str, settings: Settings) -> str:
    """MLO ID of Ada Sample, whose session has ended an hour ago."""
    store = IdentityStore(settings)
    identity = store.find(ada)
    key = store.unlock(identity, PASSPHRASE, datetime.now(UTC))
    open_session(
        settings,
        identity,
        key,
        now=datetime.now(UTC) - timedelta(hours=9),
        duration=timedelta(hours=8),
        enrolments=kept_enrolments(store, identity),
    )
    return ada


@pytest.fixture
def identity_folder(home_env: dict[str, str]) -> Callable[[str], Path]:
    """The folder of an MLO."""
    return lambda mlo: Path(home_env["MLO_HOME"]) / "identities" / mlo.replace(":", "-")


@pytest.fixture
def passphrase_fd() -> Iterator[Callable[[str], int]]:
    """A descriptor from which a passphrase can be read by a child."""
    opened: list[int] = []

    def pipe(text: str) -> int:
        reading, writing = os.pipe()
        os.write(writing, text.encode())
        os.close(writing)
        os.set_inheritable(reading, True)
        opened.append(reading)
        return reading

    yield pipe
    for descriptor in opened:
        os.close(descriptor)
