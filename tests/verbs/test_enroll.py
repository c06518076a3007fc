"""`enroll`: asks for what is missing, makes all or nothing, and keeps passphrases to itself."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from jupyter_mlo.config import load_settings
from jupyter_mlo.delegation.trust import TrustStore
from jupyter_mlo.identity.store import IdentityStore

PASSPHRASE = "correct horse battery staple"


def test_at_a_terminal_everything_is_asked(cli, home_env) -> None:
    with cli.terminal("enroll") as child:
        child.expect("your name: ")
        child.sendline("Ada Sample")
        child.expect("your e-mail .*: ")
        child.sendline("ada@example.org")
        child.expect("new passphrase for Ada Sample .*: ")
        child.sendline(PASSPHRASE)
        child.expect("the same again: ")
        child.sendline(PASSPHRASE)
        child.expect("enrolled Ada Sample")
        child.expect("next: jupyter mlo login")
        child.expect(pexpect.EOF)
        shown = child.before
    assert PASSPHRASE not in shown
    (identity,) = IdentityStore(load_settings(home_env)).all()
    assert (identity.profile.name, identity.profile.email) == ("Ada Sample", "ada@example.org")


def test_a_mistyped_passphrase_is_asked_again(cli) -> None:
    with cli.terminal("enroll", "--name", "Ada", "--email", "") as child:
        for first, second, said in [
            ("short", None, "shorter than 8 characters"),
            ("long enough", "lnog enough", "the two passphrases differ"),
            ("long enough", "long enough", "enrolled Ada"),
        ]:
            child.expect("new passphrase")
            child.sendline(first)
            if second is not None:
                child.expect("the same again: ")
                child.sendline(second)
            child.expect(said)


def test_after_three_slips_nothing_was_made(cli, home_env) -> None:
    with cli.terminal("enroll", "--name", "Ada", "--email", "") as child:
        for _ in range(3):
            child.expect("new passphrase")
            child.sendline("")
        child.expect("the passphrase is empty, three times; nothing was made")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 2
    assert IdentityStore(load_settings(home_env)).all() == []


def test_an_interrupt_at_the_passphrase_leaves_nothing(cli, home_env) -> None:
    with cli.terminal("enroll", "--name", "Ada", "--email", "") as child:
        child.expect("new passphrase")
        child.sendintr()
        child.expect("interrupted")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 130
    assert IdentityStore(load_settings(home_env)).all() == []


def test_automation_needs_no_terminal(cli, secret, home_env) -> None:
    done = cli("enroll", "--name", "nightly", "--kind", "service", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    (identity,) = IdentityStore(load_settings(home_env)).all()
    assert identity.kind == "service"
    assert identity.mlo in done.out
    assert identity.key_id in done.out
    assert str(identity.folder) in done.out
    assert "next: jupyter mlo login" in done.out
    assert TrustStore(load_settings(home_env)).load().pins == {identity.mlo: {identity.key_id}}


def test_a_descriptor_gives_the_passphrase(cli, passphrase_fd, home_env) -> None:
    descriptor = passphrase_fd(PASSPHRASE + "\n")
    done = subprocess.run(
        [*cli.command, "enroll", "--name", "Ada", "--passphrase-fd", str(descriptor)],
        env=home_env,
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert done.returncode == 0
    assert len(IdentityStore(load_settings(home_env)).all()) == 1


@pytest.mark.parametrize("form", [["--passphrase", "hunter2222"], ["--passphrase=hunter2222"]])
@pytest.mark.parametrize("verb", ["enroll", "login"])
def test_a_passphrase_on_the_command_line_is_refused_and_not_repeated(cli, form, verb) -> None:
    done = cli(verb, *form)
    assert done.status == 2
    assert done.told("not taken from the command line", "MLO_PASSPHRASE_FILE", "change it")
    assert "hunter" not in done.out + done.err


def test_without_a_terminal_what_is_missing_is_named(cli, secret) -> None:
    assert cli("enroll").told("your name was not given", "--help")
    done = cli("enroll", "--name", "Ada")
    assert done.status == 2
    assert done.told("a passphrase is needed", "MLO_PASSPHRASE_FILE", "--passphrase-fd")


def test_everything_that_was_made_is_private(cli, ada, home_env) -> None:
    home = Path(home_env["MLO_HOME"])
    for path in home.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_the_name_stands_in_no_statement(ada, home_env) -> None:
    for path in Path(home_env["MLO_HOME"]).rglob("*"):
        if path.is_file() and path.name != "profile.json":
            assert b"Ada Sample" not in path.read_bytes(), path


def test_the_same_name_is_not_enrolled_twice(cli, ada, secret) -> None:
    done = cli("enroll", "--name", "ada sample", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 1
    assert done.told("Ada Sample", ada, "enrolled here already")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--name", " "], "a name is empty"),
        (["--name", "evil\x1b[2J"], r"evil\x1b[2J holds control characters"),
        (["--name", "mlo:7K3D-9QXA-2MFB"], "reads as an MLO ID"),
        (["--name", "Ada", "--email", "nonsense"], "not an e-mail"),
        (["--name", "Ada", "--kind", "god"], "invalid choice"),
        (["--of", "Ada"], "--of goes with --export"),
        (["--export", "x", "--import", "y"], "not allowed with"),
    ],
)
def test_what_cannot_be_taken_is_named_and_nothing_is_made(
    cli, secret, home_env, arguments, said
) -> None:
    done = cli("enroll", *arguments, MLO_PASSPHRASE_FILE=secret)
    assert done.status == 2
    assert done.told(said)
    assert "\x1b" not in done.err
    assert IdentityStore(load_settings(home_env)).all() == []


def test_a_damaged_trust_file_is_said_before_anything_is_made(cli, secret, home_env) -> None:
    settings = load_settings(home_env)
    settings.trust_file.write_text("spoilt")
    done = cli("enroll", "--name", "Ada", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 2
    assert done.told("trust.json is damaged")
    assert IdentityStore(settings).all() == []


def test_a_home_that_cannot_be_written_is_named(cli, secret, home_env) -> None:
    done = cli("enroll", "--name", "Ada", MLO_PASSPHRASE_FILE=secret, MLO_HOME="/proc/nowhere")
    assert done.status == 2
    assert done.told("/proc/nowhere: No such file or directory", "ls -ld")


def test_the_enrolment_is_in_the_ledger(cli, ada) -> None:
    found = json.loads(cli("status", "--json").out)
    assert found["ledger"] == {"entries": 1, "waiting": 0, "why": "", "inbox": None}


# Handing over


def test_an_enrolment_is_exported_for_a_registrar(cli, ada, tmp_path: Path) -> None:
    target = tmp_path / "ada.jsonl"
    done = cli("enroll", "--export", target)
    assert done.status == 0
    assert "key fingerprint  sha256:" in done.out
    (line,) = target.read_text().splitlines()
    assert set(json.loads(line)) == {"payload", "payloadType", "signatures"}
    assert cli("enroll", "--export", "-").out.strip() == line
    again = cli("enroll", "--export", target)
    assert again.status == 2
    assert again.told("exists already; it was left as it is")


def test_with_several_here_one_has_to_be_named(
    cli, ada, enrolled: Callable[[str], str], tmp_path: Path
) -> None:
    grace = enrolled("Grace Sample")
    done = cli("enroll", "--export", tmp_path / "x")
    assert done.status == 2
    assert done.told("2 MLOs are enrolled here", "--of WHO", ada, grace)
    assert cli("enroll", "--export", tmp_path / "x", "--of", "Grace Sample").status == 0


def test_only_an_answer_for_an_mlo_of_this_home_is_imported(cli, ada, tmp_path: Path) -> None:
    cli("enroll", "--export", tmp_path / "own.jsonl")
    done = cli("enroll", "--import", tmp_path / "own.jsonl")
    assert done.status == 2
    assert done.told("enrols nobody, which is not enrolled in this home")
    assert cli("enroll", "--import", tmp_path / "none").told("none cannot be read")
    (tmp_path / "junk").write_text("junk")
    assert cli("enroll", "--import", tmp_path / "junk").told("line 1 of", "no signed statement")


def test_no_temporary_file_is_left(ada, home_env) -> None:
    left = [
        p for p in Path(home_env["MLO_HOME"]).rglob("*") if re.search(r"\.[0-9a-f]{12}$", str(p))
    ]
    assert left == []
    assert os.listdir(Path(home_env["MLO_HOME"]) / "identities") != []
