"""`mandate`: made, shown, listed, revoked; and every way in which it is not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pexpect
import pytest

from jupyter_mlo.config import load_settings
from jupyter_mlo.delegation.mandate_rules import check_run
from jupyter_mlo.delegation.mandate_store import MandateStore
from jupyter_mlo.delegation.mandates import read_mandate
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.errors import Refused
from jupyter_mlo.notebook.code import code_digest
from jupyter_mlo.notebook.reading import read_notebook

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def notebook(home_env: dict[str, str]) -> Path:
    """A notebook with one code cell, in the working folder."""
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": "a",
        "metadata": {"tags": ["parameters"]},
        "outputs": [],
        "source": "seed = 1",
    }
    path = Path("train.ipynb").absolute()
    path.write_text(
        json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    return path


@pytest.fixture
def create(cli, ada, secret, notebook) -> Callable[..., Any]:
    """Makes a mandate for training `loan`; further arguments come after."""

    def make(*arguments: str, **environ: str) -> Any:
        usual = ["mandate", "create", "train.ipynb", "--for", "30d", "--activity", "training"]
        return cli(*usual, *arguments, **({"MLO_PASSPHRASE_FILE": secret} | environ))

    return make


def test_a_mandate_is_made_and_says_how_to_use_it(create, ada, notebook) -> None:
    done = create("--model", "loan", "--parameters", "seed,alpha=0.1")
    assert done.status == 0, done.err
    file = Path("train.mandate")
    assert file.stat().st_mode & 0o777 == 0o600
    mandate = read_mandate(file)
    assert f"made the mandate {mandate.mandate_id[:12]}" in done.out
    assert "MLO_MANDATE=train.mandate papermill --engine mlo train.ipynb OUTPUT.ipynb" in done.out
    assert f"jupyter mlo mandate revoke {mandate.mandate_id[:12]}" in done.out
    scope = mandate.scope
    assert (mandate.mlo, mandate.notebook) == (ada, "train.ipynb")
    assert scope.code == {code_digest(read_notebook(notebook))}
    assert (scope.activities, scope.models) == ({"training"}, {"loan"})
    assert scope.parameters == {"seed": "*", "alpha": {"0.1"}}
    assert scope.not_after - scope.not_before == timedelta(days=30)


def test_the_whole_scope_is_shown_before_the_passphrase_is_asked(cli, ada, notebook) -> None:
    arguments = ["mandate", "create", "train.ipynb", "--for", "12h", "--activity", "training"]
    with cli.terminal(*arguments, "--parameters", "seed,alpha=0.1") as child:
        child.expect("passphrase of Ada Sample .*: ")
        shown = child.before
        for part in ("train.ipynb", "(only with the code ", "training", "model         none",
                     "alpha = 0.1, seed (any value)", "for 12 h"):  # fmt: skip
            assert part in shown, part
        assert code_digest(read_notebook(notebook))[:16] in shown
        child.sendline(PASSPHRASE)
        child.expect("made the mandate")
        child.expect(pexpect.EOF)
        assert PASSPHRASE not in child.before


def test_a_descriptor_gives_the_passphrase(cli, ada, notebook, passphrase_fd, home_env) -> None:
    descriptor = passphrase_fd(PASSPHRASE)
    command = [*cli.command, "mandate", "create", "train.ipynb", "--for", "1d", "--activity",
               "training", "--passphrase-fd", str(descriptor)]  # fmt: skip
    subprocess.run(command, env=home_env, pass_fds=[descriptor], check=True, timeout=60)
    assert read_mandate(Path("train.mandate")).mlo == ada


def test_it_can_be_put_elsewhere_and_never_over_something(create) -> None:
    assert create("--out", "secrets/a.mandate").status == 0
    assert Path("secrets").stat().st_mode & 0o777 == 0o700
    before = Path("secrets/a.mandate").read_bytes()
    done = create("--out", "secrets/a.mandate")
    assert (done.status, done.told("secrets/a.mandate exists already", "--out")) == (2, True)
    assert Path("secrets/a.mandate").read_bytes() == before


def test_the_chain_reaches_the_ledger(create, cli) -> None:
    before = json.loads(cli("status", "--json").out)["ledger"]["entries"]
    assert create().status == 0
    assert json.loads(cli("status", "--json").out)["ledger"]["entries"] == before + 1


def test_activity_and_model_come_from_the_session_where_they_were_chosen(
    cli, ada, secret, notebook
) -> None:
    bare = ["mandate", "create", "train.ipynb", "--for", "1d"]
    done = cli(*bare, MLO_PASSPHRASE_FILE=secret)
    assert (done.status, done.told("the activity is missing", "training, validation")) == (2, True)
    cli("login", MLO_PASSPHRASE_FILE=secret)
    done = cli(*bare, MLO_PASSPHRASE_FILE=secret)
    assert (done.status, done.told("the activity is missing")) == (2, True)
    login = ["login", "--activity", "validation", "--model", "loan@3"]
    cli(*login, MLO_PASSPHRASE_FILE=secret)
    assert cli(*bare, MLO_PASSPHRASE_FILE=secret).status == 0
    scope = read_mandate(Path("train.mandate")).scope
    assert (scope.activities, scope.models) == ({"validation"}, {"loan@3"})


def test_of_several_mlos_one_is_named_or_logged_in(cli, enrolled, secret, notebook) -> None:
    ada, bob = enrolled("Ada Sample"), enrolled("Bob")
    bare = ["mandate", "create", "train.ipynb", "--for", "1d", "--activity", "training"]
    done = cli(*bare, MLO_PASSPHRASE_FILE=secret)
    assert (done.status, done.told("2 MLOs are enrolled here", "--as WHO")) == (2, True)
    assert cli(*bare, "--as", "Bob", "--out", "b", MLO_PASSPHRASE_FILE=secret).status == 0
    assert read_mandate(Path("b")).mlo == bob
    cli("login", "Ada Sample", MLO_PASSPHRASE_FILE=secret)
    assert cli(*bare, "--out", "a", MLO_PASSPHRASE_FILE=secret).status == 0
    assert read_mandate(Path("a")).mlo == ada


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none.ipynb", "--for", "1d", "--activity", "training"], "none.ipynb"),
        (["train.ipynb", "--for", "soon", "--activity", "training"], "'soon' is not a duration"),
        (["train.ipynb", "--for", "400d", "--activity", "training"], "up to 366 days"),
        (["train.ipynb", "--for", "0s", "--activity", "training"], "is not made"),
        (["train.ipynb", "--for", "1d", "--activity", "traning"], "no activity 'traning'"),
        (["train.ipynb", "--for", "1d", "--activity", "training", "--model", "a b"], "'a b'"),
        (["train.ipynb", "--for", "1d", "--activity", "training", "--parameters", "1"], "a name"),
        (["train.ipynb", "--activity", "training"], "--for"),
        (["train.ipynb", "--for", "1d", "--activity", "training", "--as", "Eve"], "Eve"),
        (
            ["train.ipynb", "--for", "1d", "--activity", "training", "--passphrase", "x"],
            "not taken",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_the_passphrase(
    cli, ada, notebook, arguments: list[str], told: str
) -> None:
    done = cli("mandate", "create", *arguments)
    assert (done.status, done.told(told, "hint:")) == (2, True)
    assert "passphrase of" not in done.err
    assert not Path("train.mandate").exists()


def test_without_anybody_to_ask_it_says_where_a_passphrase_may_come_from(
    cli, ada, notebook
) -> None:
    done = cli("mandate", "create", "train.ipynb", "--for", "1d", "--activity", "training")
    assert (done.status, done.told("MLO_PASSPHRASE_FILE")) == (2, True)
    assert not Path("train.mandate").exists()


def test_mandates_are_listed_and_shown(create, cli, ada) -> None:
    assert "no mandate was made" in cli("mandate", "list").out
    create("--model", "loan", "--parameters", "seed")
    mandate = read_mandate(Path("train.mandate"))
    (line,) = cli("mandate", "list").out.splitlines()
    for part in (mandate.mandate_id[:12], "in force until", "training", "loan", "train.ipynb", ada):
        assert part in line
    listed = json.loads(cli("mandate", "list", "--json").out)
    assert listed["version"] == 1
    assert [one["id"] for one in listed["mandates"]] == [mandate.mandate_id]
    assert listed["mandates"][0]["state"] == "in force"
    for which in ("train.mandate", mandate.mandate_id[:6]):
        done = cli("mandate", "show", which)
        assert done.status == 0
        for part in (mandate.mandate_id, ada, "seed (any value)", "loan", "in force until"):
            assert part in done.out
    assert json.loads(cli("mandate", "show", "train.mandate", "--json").out)["mlo"] == ada
    assert "key" not in cli("mandate", "show", "train.mandate", "--json").out


def test_what_is_shown_of_a_hostile_mandate_is_escaped(create, cli) -> None:
    create()
    value = json.loads(Path("train.mandate").read_text())
    value["notebook"] = "\x1b[2J\u202eevil.ipynb"
    Path("odd.mandate").write_text(json.dumps(value))
    Path("odd.mandate").chmod(0o600)
    done = cli("mandate", "show", "odd.mandate")
    assert done.status == 0
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out


def test_what_is_not_there_or_not_private_is_named(create, cli) -> None:
    done = cli("mandate", "show", "abc")
    assert (done.status, done.told("no mandate abc", "mandate list")) == (2, True)
    create()
    Path("train.mandate").chmod(0o644)
    done = cli("mandate", "show", "train.mandate")
    assert (done.status, done.told("read or written by others", "chmod 600")) == (2, True)


def test_a_revoked_mandate_starts_nothing_and_is_shown_as_such(
    create, cli, secret, notebook, home_env
) -> None:
    create()
    mandate = read_mandate(Path("train.mandate"))
    store = MandateStore(load_settings(home_env))
    run = {"code": next(iter(mandate.scope.code)), "parameters": {}, "activity": "training",
           "model": None, "now": datetime.now(UTC)}  # fmt: skip
    check_run(mandate, **run, revocations=store.revocations_for(mandate, Trust()))
    done = cli("mandate", "revoke", mandate.mandate_id[:8], MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    assert "is revoked" in done.out
    with pytest.raises(Refused, match="was revoked"):
        check_run(mandate, **run, revocations=store.revocations_for(mandate, Trust()))
    assert "revoked" in cli("mandate", "list").out
    assert "revoked" in cli("mandate", "show", "train.mandate").out
    again = cli("mandate", "revoke", "train.mandate", MLO_PASSPHRASE_FILE=secret)
    assert (again.status, "already" in again.out) == (0, True)


def test_a_revocation_in_the_ledger_is_seen_without_the_homes_own_copy(
    create, cli, secret, home_env
) -> None:
    create()
    cli("mandate", "revoke", "train.mandate", MLO_PASSPHRASE_FILE=secret)
    for path in load_settings(home_env).mandates.glob("*.revocation"):
        path.unlink()
    assert "revoked" in cli("mandate", "list").out


def test_a_compromise_says_since_when(create, cli, secret) -> None:
    create()
    revoke = ["mandate", "revoke", "train.mandate"]
    done = cli(*revoke, "--reason", "compromised", MLO_PASSPHRASE_FILE=secret)
    assert (done.status, done.told("--compromised-since goes with")) == (2, True)
    done = cli(*revoke, "--compromised-since", "2026-11-22T10:00:00Z", MLO_PASSPHRASE_FILE=secret)
    assert (done.status, done.told("--compromised-since goes with")) == (2, True)
    since = ["--reason", "compromised", "--compromised-since"]
    done = cli(*revoke, *since, "yesterday", MLO_PASSPHRASE_FILE=secret)
    assert (done.status, done.told("'yesterday' is no moment")) == (2, True)
    assert cli(*revoke, *since, "2026-11-22T10:00:00Z", MLO_PASSPHRASE_FILE=secret).status == 0


def test_a_wrong_passphrase_revokes_and_makes_nothing(create, cli, tmp_path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not the passphrase\n")
    wrong.chmod(0o600)
    done = create(MLO_PASSPHRASE_FILE=str(wrong))
    assert (done.status, done.told("wrong passphrase")) == (2, True)
    assert not Path("train.mandate").exists()
    assert create().status == 0
    done = cli("mandate", "revoke", "train.mandate", MLO_PASSPHRASE_FILE=str(wrong))
    assert (done.status, done.told("wrong passphrase")) == (2, True)
    assert "in force" in cli("mandate", "list").out


def test_help_shows_an_example(cli) -> None:
    done = cli("mandate", "--help")
    assert done.status == 0
    assert "MLO_MANDATE=train.mandate papermill --engine mlo" in done.out


@pytest.mark.parametrize("command", [["list"], ["show", "train.mandate"]])
def test_where_the_ledger_cannot_be_asked_what_was_revoked_that_is_said(
    create, cli, settings, command
) -> None:
    create()
    (settings.ledger / "ledger.sqlite3").write_bytes(b"no database" * 1000)
    done = cli("mandate", *command)
    assert done.status == 0
    assert "in force until" in done.out
    assert done.told("the ledger could not be asked what was revoked")
