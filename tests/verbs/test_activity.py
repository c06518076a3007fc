"""`activity`: what somebody is doing, for everything that is recorded from then on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jupyter_mlo.config import load_settings
from jupyter_mlo.delegation.sessions import load_session
from jupyter_mlo.statements.predicates.types import ACTIVITIES


@pytest.fixture
def logged_in(cli, ada, secret) -> None:
    assert cli("login", MLO_PASSPHRASE_FILE=secret).status == 0


def test_it_is_set_and_shown(cli, logged_in, home_env) -> None:
    assert cli("activity").out == "exploration on no particular model\n"
    assert cli("activity", "training", "--model", "loan@3").out == "training on loan@3\n"
    assert cli("activity", "validation").out == "validation on loan@3\n"
    assert cli("activity", "--model", "risk").out == "validation on risk\n"
    assert cli("activity", "--no-model").out == "validation on no particular model\n"
    signer = load_session(load_settings(home_env), datetime.now(UTC))
    assert signer is not None
    assert (signer.activity, signer.model) == ("validation", None)


def test_an_unknown_one_gets_the_list(cli, logged_in) -> None:
    done = cli("activity", "trainign")
    assert done.status == 2
    assert done.told("there is no activity 'trainign'", *ACTIVITIES)
    assert cli("activity").out.startswith("exploration")


def test_a_bad_model_changes_nothing(cli, logged_in) -> None:
    done = cli("activity", "training", "--model", "../x")
    assert done.status == 2
    assert done.told("'../x' is not the name of a model")
    assert cli("activity").out == "exploration on no particular model\n"


def test_without_a_session_there_is_none(cli) -> None:
    done = cli("activity")
    assert done.status == 2
    assert done.told("nobody is logged in here", "jupyter mlo login")


def test_in_a_session_that_has_ended_there_is_none(cli, ended_session) -> None:
    for arguments in ([], ["training"]):
        done = cli("activity", *arguments)
        assert done.status == 2
        assert done.told(f"the session of {ended_session} ended at", "log in again")
