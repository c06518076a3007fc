"""A team for stories: PostgreSQL with the roles of the docs, its sequencer, and people's homes.

Everything is a process of its own, as people and schedulers start it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from tests.postgresql import Server, running, wait_until

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "ledger-postgresql.md"
PASSPHRASE = "correct horse battery staple"
JUPYTER_MLO = [sys.executable, "-m", "jupyter_mlo.cli.main"]
PYTHON = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read."""
        return json.loads(self.out)


@dataclass
class Home:
    """An account: its folder, its environment, and what it runs."""

    folder: Path
    #: As what it comes into the database.
    url: str
    extra: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("mlo", "work"):
            (self.folder / name).mkdir(parents=True, mode=0o700)
        (self.mlo / "mlo.toml").write_text(f'[ledger]\nurl = "{self.url}"\n')
        secret = self.folder / "secret"
        secret.write_text(PASSPHRASE)
        secret.chmod(0o600)

    @property
    def mlo(self) -> Path:
        """MLO_HOME."""
        return self.folder / "mlo"

    @property
    def work(self) -> Path:
        """Where its notebooks are."""
        return self.folder / "work"

    @property
    def environ(self) -> dict[str, str]:
        """What its processes have, and no passphrase."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "MLO_HOME": str(self.mlo),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
            **self.extra,
        }

    def start(self, *arguments: str | Path, secret: bool = False) -> subprocess.Popen[str]:
        """Begin ``jupyter mlo …``."""
        opens = {"MLO_PASSPHRASE_FILE": str(self.folder / "secret")} if secret else {}
        return subprocess.Popen(
            [*JUPYTER_MLO, *map(str, arguments)],
            cwd=self.work,
            env=self.environ | opens,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(
        self, *arguments: str | Path, secret: bool = False, ok: Sequence[int] = (0,)
    ) -> Done:
        """Run ``jupyter mlo …`` to its end."""
        return ended(self.start(*arguments, secret=secret), ok)

    def waiting(self) -> int:
        """How many statements wait here, after ``status`` has tried to publish them."""
        return int(self("status", "--json").json["ledger"]["waiting"])

    def enrol(self, name: str, *options: str) -> str:
        """Enrol somebody here; the MLO ID."""
        done = self("enroll", "--name", name, "--email", "", *options, secret=True)
        (line,) = (line for line in done.out.splitlines() if "MLO ID" in line)
        return line.split()[-1]

    def notebook(self, name: str, *sources: str, parameters: bool = True) -> Path:
        """Write a notebook; its first cell is that of its parameters."""
        nb = nbformat.v4.new_notebook(metadata=PYTHON)
        nb.cells = [nbformat.v4.new_code_cell(text, id=f"c{n}") for n, text in enumerate(sources)]
        if parameters:
            nb.cells[0].metadata["tags"] = ["parameters"]
        path = self.work / name
        nbformat.write(nb, path)
        return path


def ended(process: subprocess.Popen[str], ok: Sequence[int] = (0,), seconds: float = 100) -> Done:
    """What became of a process that ends by itself."""
    out, err = process.communicate(timeout=seconds)
    assert "Traceback" not in err, err
    assert process.returncode in ok, f"{process.args}: {process.returncode}\n{out}\n{err}"
    return Done(process.returncode, out, err)


class Sequencer:
    """``jupyter mlo ledger serve``, which can be killed and started again."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._log = home.folder / "served"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it serves."""
        with self._log.open("w") as said:
            self.process = subprocess.Popen(
                [*JUPYTER_MLO, "ledger", "serve"], env=self._home.environ, stdout=said, stderr=said
            )
        wait_until(lambda: " serving " in self._log.read_text(), what="the sequencer's start")

    def kill(self) -> None:
        """As a machine that stops."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)

    def end(self) -> None:
        """Stop it as its administrator does, where it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(30) == 0, self._log.read_text()


class Team:
    """The database, its keeper, and a folder for everybody's home."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.server = server
        first, grants, _ = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
        server.sql("postgres", first)
        self.keeper = Home(folder / "keeper", server.url("mlo", "mlo_owner"))
        self.keeper("ledger", "upgrade")
        server.sql("mlo", grants, user="mlo_owner")
        # From here on with the rights of the running service, in the same home.
        url = server.url("mlo", "mlo_sequencer")
        (self.keeper.mlo / "mlo.toml").write_text(f'[ledger]\nurl = "{url}"\n')
        self.sequencer = Sequencer(self.keeper)
        self.sequencer.start()

    def home(self, name: str, *, of: str = "mlo_writers", **extra: str) -> Home:
        """A new home whose database role is one of writers, or of auditors."""
        name = f"{name}{len(list(self.folder.glob(name + '*'))) or ''}"
        self.server.sql("postgres", f"CREATE ROLE {name} LOGIN IN ROLE {of}")
        return Home(self.folder / name, self.server.url("mlo", name), extra)


@contextmanager
def a_team(folder: Path) -> Iterator[Team]:
    """A team with a server of its own, which may be stopped."""
    with running() as server:
        team = Team(folder, server)
        try:
            yield team
        finally:
            team.sequencer.end()


def give(path: Path, to: Home) -> Path:
    """Hand a file over."""
    target = to.work / path.name
    shutil.copy(path, target)
    target.chmod(path.stat().st_mode & 0o777)
    return target


def runs_of(home: Home) -> list[dict[str, Any]]:
    """The provenance of every run in the ledger, its predicate, in the order of the ledger."""
    return [
        one["predicate"] | {"index": one["index"], "subject": one["subject"]}
        for one in statements(home, "https://slsa.dev/provenance/v1")
    ]


def statements(home: Home, predicate_type: str | None = None) -> list[dict[str, Any]]:
    """The statements of the ledger that a home may read: payload and index."""
    done = subprocess.run(
        [sys.executable, "-c", _READER],
        env=home.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [one for one in found if predicate_type in (None, one["predicateType"])]


_READER = """
import json
from jupyter_mlo.config import load_settings
from jupyter_mlo.ledger.store import open_ledger
with open_ledger(load_settings(), create=False) as ledger:
    for entry in ledger.entries():
        said = json.loads(entry.envelope.payload)
        print(json.dumps(said | {"index": entry.index, "id": entry.statement_id}))
"""
