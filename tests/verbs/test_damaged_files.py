"""Damaged configuration is in the way of what depends on it, and of nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose mlo.toml is no TOML, in which everything is run."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "mlo.toml").write_text("[identity\n")
    monkeypatch.chdir(project)
    return project


@pytest.mark.parametrize(
    "command",
    [
        ["login"],
        ["activity", "training"],
        ["logout"],
        ["status"],
        ["enroll", "--name", "Grace Sample", "--email", ""],
        ["key", "list"],
        ["mandate", "list"],
        ["trust", "list"],
        ["witness", "list"],
        ["autoload"],
    ],
)
def test_a_projects_damaged_policy_is_not_in_the_way_of_the_own_home(
    cli, ada, secret, damaged, command
) -> None:
    if command[0] == "activity":
        assert cli("login", MLO_PASSPHRASE_FILE=secret).status == 0
    done = cli(*command, MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    assert ("mlo.toml cannot be read" in done.err) == (command == ["status"])


def test_what_depends_on_the_policy_says_what_is_wrong(cli, ada, damaged) -> None:
    for verb in (["verify", "x.ipynb"], ["ledger", "verify"], ["seal", "x.ipynb"]):
        done = cli(*verb)
        assert done.status == 2
        assert done.told("mlo.toml cannot be read", "mend or remove")


def test_nothing_is_in_the_way_of_a_logout(cli, ada, secret, home_env) -> None:
    assert cli("login", MLO_PASSPHRASE_FILE=secret).status == 0
    os.mkfifo(Path(home_env["MLO_HOME"]) / "mlo.toml")
    assert cli("status").told("mlo.toml cannot be read")
    done = cli("logout")
    assert (done.status, "logged out" in done.out) == (0, True)


def test_a_damaged_profile_is_named_and_its_mlo_still_signs(
    cli, ada, secret, identity_folder
) -> None:
    (identity_folder(ada) / "profile.json").write_text("{")
    assert cli("status").told("profile.json is damaged", ada)
    done = cli("login", MLO_PASSPHRASE_FILE=secret)
    assert (done.status, f"logged in as {ada}:" in done.out) == (0, True)


@pytest.mark.parametrize(
    "command",
    [("key", "restore"), ("enroll", "--import"), ("key", "add", "--sign"), ("team", "join")],
    ids=" ".join,
)
def test_a_pipe_where_a_sent_file_should_be_is_not_waited_for(
    cli, ada, tmp_path: Path, command: tuple[str, ...]
) -> None:
    os.mkfifo(tmp_path / "sent")
    done = subprocess.run(
        [*cli.command, *command, tmp_path / "sent"],
        env=cli.environ,
        capture_output=True,
        text=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 2, done.stderr
    assert "not a plain file" in done.stderr
