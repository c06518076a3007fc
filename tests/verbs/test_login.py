"""`login` and `logout`: who, for how long, and each thing that can go wrong in its own words."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pexpect
import pytest

from jupyter_mlo.config import Settings, load_settings
from jupyter_mlo.delegation.sessions import load_session
from jupyter_mlo.errors import InvalidInput, NotFound, PassphraseUnavailable
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.parser import run_verb

PASSPHRASE = "correct horse battery staple"


def session(home_env: dict[str, str]):
    return load_session(load_settings(home_env), datetime.now(UTC))


def test_at_a_terminal_the_passphrase_is_asked_and_not_shown(cli, ada, home_env) -> None:
    with cli.terminal("login") as child:
        child.expect("passphrase of Ada Sample .*: ")
        child.sendline(PASSPHRASE)
        child.expect("logged in as Ada Sample .*: exploration, for 8 h")
        child.expect("next: ")
        child.expect(pexpect.EOF)
        assert PASSPHRASE not in child.before
    assert session(home_env).mlo == ada


def test_automation_logs_in_with_activity_model_and_time(cli, ada, secret, home_env) -> None:
    done = cli(
        *["login", "Ada Sample", "--for", "30m", "--activity", "training", "--model", "loan@3"],
        MLO_PASSPHRASE_FILE=secret,
    )
    assert done.status == 0, done.err
    assert "logged in as Ada Sample" in done.out
    assert ": training on loan@3, for 30 min" in done.out
    signer = session(home_env)
    assert (signer.mlo, signer.activity, signer.model) == (ada, "training", "loan@3")
    assert timedelta(0) < signer.expires - datetime.now(UTC) <= timedelta(minutes=30)


def test_the_session_is_published(cli, ada, secret) -> None:
    cli("login", MLO_PASSPHRASE_FILE=secret)
    assert '"entries": 2' in cli("status", "--json").out


def test_a_descriptor_gives_the_passphrase(cli, ada, passphrase_fd, home_env) -> None:
    descriptor = passphrase_fd(PASSPHRASE)
    command = [*cli.command, "login", "--passphrase-fd", str(descriptor)]
    subprocess.run(command, env=home_env, pass_fds=[descriptor], check=True, timeout=60)
    assert session(home_env).mlo == ada


def test_a_wrong_passphrase_says_whose_which_attempt_and_whence(cli, ada, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong passphrase")
    wrong.chmod(0o600)
    for number in (1, 2):
        done = cli("login", MLO_PASSPHRASE_FILE=str(wrong))
        assert done.status == 2
        assert done.told(f"wrong passphrase for Ada Sample ({ada}) (attempt {number})")
    assert done.told("it was read from the file that MLO_PASSPHRASE_FILE names")
    assert "wrong passphrase\n" not in done.err.replace("error: wrong passphrase", "")


def test_after_three_the_right_one_has_to_wait(cli, ada, tmp_path: Path, secret) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong")
    wrong.chmod(0o600)
    for _ in range(5):  # the fourth and fifth may come too early, and are not tried then
        done = cli("login", MLO_PASSPHRASE_FILE=str(wrong))
    assert done.told("has to wait")
    assert cli("login", MLO_PASSPHRASE_FILE=secret).told("the next attempt has to wait")


def test_a_mistyped_passphrase_at_the_terminal_is_no_traceback(cli, ada) -> None:
    with cli.terminal("login") as child:
        child.expect("passphrase of")
        child.sendline("oops, wrong")
        child.expect("error: wrong passphrase for Ada Sample")
        child.expect("caps lock")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 2


def test_nobody_enrolled(cli) -> None:
    done = cli("login")
    assert done.status == 2
    assert done.told("nobody is enrolled here", "hint: jupyter mlo enroll")


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("Ada Sampel", "did you mean Ada Sample"),
        ("Zebra", "known here: Ada Sample"),
        ("mlo:7K3D-9QXA-2MFB", "there is no MLO mlo:7K3D-9QXA-2MFB in this home"),
        ("mlo:7K3D-9QXA-2MFC", "its check character does not match"),
        ("\x1b[31mred", r"\x1b[31mred"),
    ],
)
def test_unknown_people(cli, ada, who: str, said: str) -> None:
    done = cli("login", who)
    assert done.status == 2
    assert done.told(said)
    assert "\x1b" not in done.err


def test_a_slip_in_an_id_names_whom_it_is_near(cli, ada) -> None:
    swapped = next(
        ada[:i] + ada[i + 1] + ada[i] + ada[i + 2 :]
        for i in range(4, len(ada) - 1)
        if "-" not in ada[i : i + 2] and ada[i] != ada[i + 1]
    )
    done = cli("login", swapped)
    assert done.status == 2
    assert done.told(f"did you mean {ada}")


def test_of_several_one_has_to_be_named(cli, ada, enrolled, secret, home_env) -> None:
    grace = enrolled("Grace Sample")
    done = cli("login", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 2
    assert done.told("2 MLOs are enrolled here, and none was named", "Ada Sample", grace)
    assert cli("login", "grace sample", MLO_PASSPHRASE_FILE=secret).status == 0
    assert session(home_env).mlo == grace


def test_a_broken_neighbour_has_to_be_stepped_over_by_name(
    cli, ada, enrolled, identity_folder, secret
) -> None:
    grace = enrolled("Grace Sample")
    (identity_folder(grace) / "identity.json").unlink()
    done = cli("login", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 2
    assert done.told("identity.json is missing, and no MLO was named", ada)
    assert cli("login", "Ada Sample", MLO_PASSPHRASE_FILE=secret).status == 0


Spoil = Callable[[Path], object]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p: p.unlink(), "is missing"),
        (lambda p: p.write_bytes(b""), "it is empty"),
        (lambda p: p.write_bytes(p.read_bytes()[:300]), "it is cut short"),
        (lambda p: p.write_bytes(os.urandom(400)), "it is not a PEM file"),
        (lambda p: p.write_bytes(p.read_bytes().replace(b"\nM", b"\nN", 1)), "checksum"),
        (lambda p: p.chmod(0o644), "chmod 600"),
        (lambda p: p.symlink_to(p.rename(p.with_name("x"))), "is a symbolic link"),
    ],
    ids=["missing", "empty", "truncated", "garbage", "changed", "readable", "link"],
)
def test_a_bad_key_file_is_said_before_the_passphrase_is_asked(
    cli, ada, identity_folder, home_env, spoil: Spoil, said: str
) -> None:
    spoil(identity_folder(ada) / "key.pem")
    done = cli("login")  # no terminal: had it asked, it would say so
    assert done.status == 2
    assert done.told("key.pem", said)
    assert session(home_env) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--for", "25h"], "1 minute to 24 hours"),
        (["--for", "soon"], "'soon' is not a duration"),
        (["--for", "0s"], "1 minute to 24 hours"),
        (["--activity", "trainign"], "training, validation, deployment"),
        (["--model", "a b"], "'a b' is not the name of a model"),
        (["a", "b"], "unrecognized arguments: b"),
        (["--passphrase-fd", "x"], "invalid int value"),
        (["--passphrase-fd", "97"], "descriptor 97"),
    ],
)
def test_arguments_that_cannot_be_are_refused(cli, ada, arguments: list[str], said: str) -> None:
    done = cli("login", *arguments)
    assert done.status == 2
    assert done.told(said)


def test_a_world_readable_passphrase_file_is_refused(cli, ada, secret) -> None:
    Path(secret).chmod(0o644)
    assert cli("login", MLO_PASSPHRASE_FILE=secret).told("by every user", "chmod 600")


def test_a_ledger_that_cannot_be_reached_does_not_keep_anybody_out(
    cli, ada, secret, home_env
) -> None:
    ledger = Path(home_env["MLO_HOME"]) / "ledger" / "ledger.sqlite3"
    ledger.write_bytes(b"no database")
    done = cli("login", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0
    assert done.told("2 statements wait in", "nothing is lost")
    assert session(home_env).mlo == ada
    assert '"waiting": 2' in cli("status", "--json").out


def test_the_key_ring_is_asked_before_the_person(cli, secret, tmp_path: Path, home_env) -> None:
    (tmp_path / "ring.py").write_text(
        "import json, pathlib, keyring.backend\n"
        "class Ring(keyring.backend.KeyringBackend):\n"
        "    priority = 1\n"
        "    path = pathlib.Path(__file__).with_suffix('.json')\n"
        "    def set_password(self, service, user, password):\n"
        "        self.path.write_text(json.dumps([service, user, password]))\n"
        "    def get_password(self, service, user):\n"
        "        kept = json.loads(self.path.read_text())\n"
        "        return kept[2] if kept[:2] == [service, user] else None\n"
    )
    environ = {**home_env, "PYTHON_KEYRING_BACKEND": "ring.Ring", "PYTHONPATH": str(tmp_path)}

    def command(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*cli.command, *arguments],
            env={**environ, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    done = command("enroll", "--name", "Ada", "--keyring", MLO_PASSPHRASE_FILE=secret)
    assert done.returncode == 0, done.stderr
    assert command("login").returncode == 0
    (tmp_path / "ring.json").write_text('["jupyter-mlo", "somebody else", "x"]')
    done = command("login")
    assert "the key ring has no passphrase of mlo:" in done.stderr
    assert "a passphrase is needed" in done.stderr


# Logout


def test_logout_ends_the_session(cli, ada, secret, home_env) -> None:
    cli("login", MLO_PASSPHRASE_FILE=secret)
    done = cli("logout")
    assert done.status == 0
    assert f"logged out: the session of {ada} was overwritten and removed" in done.out
    assert not load_settings(home_env).session_file.exists()


def test_logout_of_nobody_is_no_error(cli) -> None:
    done = cli("logout")
    assert (done.status, done.err) == (0, "")
    assert "nobody was logged in" in done.out


def test_logout_removes_a_session_that_cannot_be_used(cli, ada, secret, home_env) -> None:
    cli("login", MLO_PASSPHRASE_FILE=secret)
    path = load_settings(home_env).session_file
    path.chmod(0o644)
    done = cli("logout")
    assert done.status == 0
    assert "could not be used any more" in done.out
    assert not path.exists()


# In a kernel


class Front:
    """A front end that types the given lines; with none, one that has no input fields."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)

    def text(self, question: str, *, default: str = "") -> str:
        if not self.lines:
            raise InvalidInput(f"{question} was not given", hint="pass it")
        return self.lines.pop(0) or default

    def secret(self, question: str) -> str:
        if not self.lines:
            raise PassphraseUnavailable("no input", hint="MLO_PASSPHRASE_FILE, mandate create")
        return self.lines.pop(0)


def kernel(settings: Settings, front: Front) -> tuple[Context, StringIO]:
    out = StringIO()
    return Context(settings, out, StringIO(), front, lambda: datetime.now(UTC), in_kernel=True), out


def test_the_first_login_in_a_notebook_enrols_on_the_way(settings: Settings) -> None:
    context, out = kernel(settings, Front("", "", PASSPHRASE, PASSPHRASE))
    assert run_verb(["login", "Ada"], context, prog="%mlo", magic=True) == 0
    assert "enrolled Ada (mlo:" in out.getvalue()
    assert "logged in as Ada (mlo:" in out.getvalue()
    assert PASSPHRASE not in out.getvalue()
    signer = load_session(settings, datetime.now(UTC))
    assert signer is not None
    context, out = kernel(settings, Front(PASSPHRASE))
    assert run_verb(["login"], context, prog="%mlo", magic=True) == 0


def test_a_notebook_without_input_is_told_of_the_other_ways(settings: Settings) -> None:
    context, _ = kernel(settings, Front())
    with pytest.raises(NotFound, match="nobody is enrolled here yet") as caught:
        run_verb(["login"], context, prog="%mlo", magic=True)
    assert "in a terminal: jupyter mlo enroll" in caught.value.hint


def test_a_second_login_says_what_becomes_of_the_first(cli, enrolled, secret) -> None:
    ada, _ = enrolled("Ada Sample"), enrolled("Grace Sample")
    first = cli("login", "Ada Sample", "--for", "2h", MLO_PASSPHRASE_FILE=secret)
    assert "replaces" not in first.out
    again = cli("login", "Ada Sample", "--for", "4h", MLO_PASSPHRASE_FILE=secret)
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"
    said = rf"this replaces your session until ({moment}); the new one ends at ({moment})"
    earlier, later = re.search(said, again.out).groups()
    assert earlier < later
    other = cli("login", "Grace Sample", MLO_PASSPHRASE_FILE=secret)
    assert f"this replaces the session of Ada Sample ({ada}) until {later}" in other.out
    assert cli("logout").status == 0
    assert "replaces" not in cli("login", "Ada Sample", MLO_PASSPHRASE_FILE=secret).out
