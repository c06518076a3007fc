"""Every verb with a team's ledger in PostgreSQL, and those of whoever keeps it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.ledger.store import open_ledger
from tests.ledger.conftest import PostgresBackEnd
from tests.postgresql import Server, wait_until
from tests.verbs.conftest import Cli
from tests.verbs.workshop import Workshop


@pytest.fixture
def team(cli: Cli, ada: str, settings: Settings, postgres: Server) -> Settings:
    """Ada's home, which keeps a team's ledger; it has one of its own as well."""
    made = PostgresBackEnd.of(settings, postgres).settings
    config = Path(cli.environ["MLO_HOME"]) / "mlo.toml"
    config.write_text(f'[ledger]\nurl = "{made.ledger_url}"\n')
    return made


@contextmanager
def serving(cli: Cli, *options: str) -> Iterator[Path]:
    """`ledger serve` until SIGTERM; the file of what it says."""
    log = Path(cli.environ["HOME"]) / "served"
    # Not of another installation: commands of tests are forks of this process, services are not.
    environ = cli.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with log.open("w") as said:
        process = subprocess.Popen(
            [*cli.command, "ledger", "serve", *options], env=environ, stdout=said, stderr=said
        )
    try:
        wait_until(lambda: " serving " in log.read_text(), what="its start")
        yield log
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(30)
    assert status == 0, log.read_text()
    assert " stopped; " in log.read_text()


def test_from_upgrade_to_receipts(
    cli: Cli, team: Settings, secret: str, tmp_path: Path, ada: str
) -> None:
    assert cli("ledger", "verify").told("no ledger in postgresql+psycopg://")
    done = cli("ledger", "upgrade")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("made, or brought up to date: jupyter-mlo.local/")
    assert cli("ledger", "upgrade").out.startswith("up to date: ")
    with serving(cli) as log:
        assert cli("login", "--activity", "training", MLO_PASSPHRASE_FILE=secret).status == 0
        path = Workshop(team, tmp_path / "work").executed()
        done = cli("seal", path)
        assert (done.status, done.err) == (0, "")
        with open_ledger(team) as ledger:
            size = ledger.size
        found = json.loads(cli("status", "--json").out)
        expected = {"entries": size, "waiting": 0, "why": "", "inbox": 0}
        assert found["ledger"] == expected
        assert not [warning for warning in found["warnings"] if "ledger" in warning]
        second = cli("ledger", "serve")
        assert second.status == 1
        assert second.told("a sequencer runs already")
    assert "serving jupyter-mlo.local/" in log.read_text()
    assert cli("verify", path).status == 0
    assert "seal" in cli("log").out
    assert "Ada Sample" in cli("blame", path).out
    done = cli("ledger", "verify")
    assert done.status == 0, done.out
    assert f"the ledger holds: {size} entries" in done.out
    kept = tmp_path / "kept"
    kept.write_text(cli("ledger", "checkpoint").out)
    assert cli("ledger", "verify", "--against", kept).status == 0
    receipt = tmp_path / "seal.tlog-proof"
    assert cli("ledger", "prove", str(size - 1), "--out", receipt).status == 0
    vkey = cli("ledger", "checkpoint", "--vkey").out.strip()
    assert cli("ledger", "check", receipt, "--vkey", vkey).status == 0
    export = tmp_path / "all.jsonl"
    assert cli("export", "--all", "--out", export).status == 0
    assert cli("verify", export).status == 0


def test_while_nobody_serves_status_says_how_many_wait_and_why(
    cli: Cli, team: Settings, secret: str
) -> None:
    opens = {"MLO_PASSPHRASE_FILE": secret}
    before = json.loads(cli("status", "--json").out)["ledger"]
    assert (before["entries"], before["waiting"]) == (0, 0)
    cli("ledger", "upgrade")
    done = cli("login", "--activity", "training", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0
    assert done.told("wait in", "no sequencer runs", "nothing is lost")
    done = cli("status")
    assert done.status == 0
    assert "statements wait for it" in done.out
    assert "why they wait    no sequencer runs" in done.out
    assert "in its inbox" in done.out
    assert done.told("no sequencer runs for the ledger")
    with serving(cli):
        assert cli("logout").status == 0
        assert "wait in" not in cli("login", "--activity", "training", **opens).err
    found = json.loads(cli("status", "--json").out)["ledger"]
    assert (found["waiting"], found["why"], found["inbox"]) == (0, "", 0)
    assert cli("ledger", "verify").status == 0


def test_a_home_s_own_ledger_moves(cli: Cli, team: Settings, secret: str) -> None:
    opens = {"MLO_PASSPHRASE_FILE": secret}
    own = replace(team, ledger_url=f"sqlite:///{team.home}/ledger/ledger.sqlite3")
    with open_ledger(own) as ledger:
        origin, size = ledger.origin, ledger.size
    done = cli("ledger", "move")
    assert (done.status, done.err) == (0, "")
    assert f"moved: {size} entries" in done.out
    assert "jupyter mlo ledger serve" in done.out
    assert origin in cli("ledger", "verify").out
    with serving(cli):
        assert "wait in" not in cli("login", "--activity", "training", **opens).err
    assert cli("ledger", "verify").status == 0
    (team.home / "mlo.toml").unlink()
    done = cli("login", "--activity", "training", MLO_PASSPHRASE_FILE=secret)
    assert done.told("this ledger is closed: it has moved to postgresql+psycopg://")
    assert cli("ledger", "verify").status == 0
    assert "it has moved to" in cli("status").out


def test_without_a_team_s_ledger_there_is_nothing_to_serve(cli: Cli, ada: str) -> None:
    for action in ("serve", "move"):
        done = cli("ledger", action)
        assert done.status == 2
        assert done.told("which needs no server", "[ledger] url")
    assert cli("ledger", "upgrade").status == 0


def test_a_database_that_is_not_there_is_said_by_every_verb_in_a_sentence(
    cli: Cli, ada: str, tmp_path: Path
) -> None:
    config = Path(cli.environ["MLO_HOME"]) / "mlo.toml"
    config.write_text('[ledger]\nurl = "postgresql+psycopg://ada:hush@127.0.0.1:9/mlo"\n')
    config.chmod(0o600)
    shutil.rmtree(Path(cli.environ["MLO_HOME"]) / "ledger")
    for verb in (["ledger", "verify"], ["log"], ["ledger", "upgrade"], ["ledger", "move"]):
        done = cli(*verb)
        assert done.status == 2
        assert done.told("cannot be reached")
        assert "hush" not in done.out + done.err
    done = cli("status")
    assert done.status == 0
    assert done.told("cannot be reached")
    assert "hush" not in done.out + done.err
