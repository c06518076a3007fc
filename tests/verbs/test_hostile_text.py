"""What people typed, named or put into files acts on no terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.verbs.workshop import Workshop

#: Sets a window's title, clears the screen, reverses text, and pretends to be another line.
NAME = "a\x1b]0;pwned\x07\x1b[2J\u202e\nall: holds.ipynb"


def harmless(text: str) -> bool:
    """Whether a terminal only shows it, and no line of it is the name's."""
    lines = text.split("\n")
    return all(line.isprintable() for line in lines) and "all: holds.ipynb" not in lines


@pytest.mark.parametrize(
    "command",
    [
        ["blame"],
        ["verify"],
        ["seal"],
        ["recover"],
        ["enroll", "--import"],
        ["ledger", "verify", "--against"],
        ["mandate", "show"],
        ["trust", "remove"],
    ],
    ids=" ".join,
)
def test_of_names_of_files_that_are_not_there(cli, ada, secret, command) -> None:
    cli("login", MLO_PASSPHRASE_FILE=secret)
    done = cli(*command, NAME)
    assert done.status
    assert "pwned" in done.out + done.err
    assert harmless(done.out)
    assert harmless(done.err)


def test_of_a_file_in_a_folder_that_is_sealed_or_verified(cli, ada, secret, tmp_path) -> None:
    assert cli("login", MLO_PASSPHRASE_FILE=secret).status == 0
    (tmp_path / "esc").mkdir()
    (tmp_path / "esc" / NAME).write_text("{}")
    for verb in ("seal", "verify", "blame"):
        done = cli(verb, tmp_path / "esc")
        assert done.status == 2
        assert harmless(done.out + done.err)


def test_of_a_policy_in_a_folder_that_came_from_elsewhere(cli, tmp_path, monkeypatch) -> None:
    folder = tmp_path / "cloned"
    folder.mkdir()
    (folder / "mlo.toml").write_text('["\\u001b]0;pwned\\u0007\\u001b[2J"]\n')
    monkeypatch.chdir(folder)
    for verb, status in (("status", 0), ("log", 2)):
        done = cli(verb)
        assert done.status == status
        assert "pwned" in done.err
        assert harmless(done.err)


def test_of_a_name_that_somebody_is_asked_to_approve(
    cli, ada, secret, settings, tmp_path: Path
) -> None:
    assert cli("login", MLO_PASSPHRASE_FILE=secret).status == 0
    path = Workshop(settings, tmp_path / "work").executed(NAME)
    with cli.terminal("seal", "--meaning", "approved", str(path)) as child:
        child.expect(r"\[y/N\]")
        shown = child.before.replace("\r\n", "\n")
        child.sendline("n")
        child.wait()
    assert "pwned" in shown
    assert harmless(shown)


def test_of_a_home_with_an_odd_name(cli, tmp_path) -> None:
    odd = tmp_path / "home\x1b[2J\u202e"
    for arguments in (["status"], ["status", "--json"], ["log"], ["ledger", "verify"]):
        done = cli(*arguments, MLO_HOME=str(odd))
        assert harmless(done.out + done.err)
        if "--json" in arguments:
            assert json.loads(done.out)
