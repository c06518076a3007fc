"""`status`: shows what is, says what needs attention, and changes nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jupyter_mlo.config import load_settings


def tree(home: str) -> dict[str, tuple[int, int]]:
    return {
        str(p): (p.stat().st_mtime_ns, p.stat().st_size)
        for p in Path(home).rglob("*")
        if p.is_file() and not p.name.endswith(("-wal", "-shm"))
    }


def test_in_an_empty_home(cli, home_env) -> None:
    done = cli("status")
    assert done.status == 0
    assert "nobody is logged in" in done.out
    assert "next: jupyter mlo enroll" in done.out
    assert os.listdir(home_env["MLO_HOME"]) == []
    found = json.loads(cli("status", "--json").out)
    assert (found["session"], found["identities"]) == (None, [])
    assert found["ledger"] == {"entries": 0, "waiting": 0, "why": "", "inbox": None}


def test_logged_in(cli, ada, secret, home_env) -> None:
    cli("login", "--activity", "training", "--model", "loan@3", MLO_PASSPHRASE_FILE=secret)
    before = tree(home_env["MLO_HOME"])
    done = cli("status")
    assert done.status == 0
    for part in (
        f"logged in as Ada Sample ({ada})",
        "training on loan@3",
        "7 h 59 min",
        "key fingerprint  sha256:",
        "assurance here   signed",
        home_env["MLO_HOME"],
        str(load_settings(home_env).session_file),
        "2 entries",
    ):
        assert part in done.out, part
    found = json.loads(cli("status", "--json").out)
    assert found["session"]["mlo"] == ada
    assert 28_000 < found["session"]["secondsLeft"] < 28_800
    (one,) = found["identities"]
    assert (one["name"], one["kind"], one["assurance"]) == ("Ada Sample", "person", "signed")
    assert tree(home_env["MLO_HOME"]) == before


def test_the_one_who_is_unpinned_is_only_claimed(cli, ada) -> None:
    assert cli("trust", "remove", ada).status == 0
    assert "assurance here   claimed" in cli("status").out


def test_a_conflict_is_shown_and_does_not_hide_the_rest(cli, ada) -> None:
    other = "sha256:" + "ab" * 32
    assert cli("trust", "add", ada, other, "--replace").status == 0
    done = cli("status")
    assert done.status == 0
    assert "assurance here   see the warning" in done.out
    assert done.told("warning: conflict", other)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p: p.chmod(0o640), "read or written by others"),
        (lambda p: p.write_text("junk"), "is damaged"),
    ],
)
def test_a_session_that_cannot_be_used_is_a_warning(
    cli, ada, secret, home_env, spoil, said
) -> None:
    cli("login", MLO_PASSPHRASE_FILE=secret)
    spoil(load_settings(home_env).session_file)
    done = cli("status")
    assert done.status == 0
    assert "nobody is logged in" in done.out
    assert done.told("warning: the session file", said)


def test_a_session_that_has_ended_is_a_warning(cli, ended_session) -> None:
    done = cli("status")
    assert done.status == 0
    assert "nobody is logged in" in done.out
    assert done.told(f"warning: the session of {ended_session} ended at", "log in again")


def test_a_broken_key_file_is_a_warning(cli, ada, identity_folder) -> None:
    (identity_folder(ada) / "key.pem").chmod(0o644)
    done = cli("status")
    assert done.status == 0
    assert done.told("warning: the key file", "chmod 600")
    (identity_folder(ada) / "identity.json").unlink()
    assert cli("status").told("identity.json is missing")


def test_hostile_names_do_not_reach_the_terminal(cli, ada, identity_folder) -> None:
    profile = identity_folder(ada) / "profile.json"
    profile.write_text(json.dumps({"name": "\x1b[2Jroot\u202e"}))
    done = cli("status")
    assert done.status == 0
    assert "\x1b" not in done.out + done.err
    assert "\u202e" not in done.out
    assert r"\x1b[2Jroot\u202e" in done.out
    assert json.loads(cli("status", "--json").out)["identities"][0]["name"] == "\x1b[2Jroot\u202e"


def test_a_home_that_will_not_last_is_noticed(cli, secret) -> None:
    done = cli("status", MLO_HOME="/dev/shm/jupyter-mlo-not-there")
    assert done.status == 0
    assert done.told("warning: /dev/shm/jupyter-mlo-not-there will not last", "memory")


def test_enroll_and_login_say_the_same(cli, home_env, secret) -> None:
    home = f"/dev/shm/jupyter-mlo-test-{os.getpid()}"
    try:
        done = cli("enroll", "--name", "Ada", MLO_PASSPHRASE_FILE=secret, MLO_HOME=home)
        assert done.status == 0
        assert done.told("will not last")
        done = cli("login", MLO_PASSPHRASE_FILE=secret, MLO_HOME=home)
        assert done.status == 0
        assert done.told("will not last")
    finally:
        import shutil

        shutil.rmtree(home, ignore_errors=True)
