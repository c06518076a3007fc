"""Whose a job is, where several MLOs have mandates in one place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scheduler.conftest import (
    ended,
    job_form,
    made,
    mandate,
    mlos,
    output,
    refused,
    runs,
    with_scheduler,
    write,
)
from tests.server.conftest import PASSPHRASE, Running, User


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with one token for everybody."""
    running = with_scheduler(tmp_path_factory.mktemp("together"))
    yield running
    running.stop()


def said(user: User, uri: str, **more: Any) -> str:
    """Why a job is not made, and no definition of it either."""
    why = refused(user.ask("POST", "/scheduler/jobs", json=job_form(uri, **more)))
    form = job_form(uri, schedule="0 3 * * *", **more)
    assert refused(user.ask("POST", "/scheduler/job_definitions", json=form)) == why
    return why


def kept(server: Running, definition: str) -> dict[str, Any]:
    path = server.root.parent / "mlo" / "scheduled" / f"{definition}.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def define(user: User, uri: str, **more: Any) -> str:
    form = job_form(uri, schedule="0 3 * * *", **more)
    found: str = user.post("/scheduler/job_definitions", form)["job_definition_id"]
    return found


def login(user: User, mlo: str) -> None:
    form = {"mlo": mlo, "passphrase": PASSPHRASE}
    user.post("/jupyter-mlo/login", form)


def take_turns(server: Running, user: User) -> None:
    """Two MLOs at one desk, one after the other."""
    ada = user.enrol("Ada Sample")
    write(server, "turns.ipynb", "seed = 0", "'turns'")
    hers = mandate(user, "turns.ipynb")
    user.post("/jupyter-mlo/logout")
    grace = user.enrol("Grace Sample")
    assert f"no mandate of {grace} on this server" in said(user, "turns.ipynb")
    why = said(user, "turns.ipynb", tags=[f"mandate={hers[:12]}"])
    assert f"is that of {ada}, and {grace} is signed in" in why
    assert user.get("/scheduler/jobs")["jobs"] == []
    own = mandate(user, "turns.ipynb", activities=["validation"])
    job = made(user, "turns.ipynb")
    definition = define(user, "turns.ipynb")
    assert ended(user, job)["status"] == "COMPLETED"
    assert mlos(output(server, job)["found"]) == {grace}
    assert kept(server, definition)["mlo"] == grace
    assert kept(server, definition)["mandate"] == own
    login(user, ada)
    route = f"/scheduler/job_definitions/{definition}"
    answer = user.ask("PATCH", route, json={"schedule": "0 4 * * *"})
    assert "only its maker" in refused(answer)
    job = user.post(f"{route}/jobs")["job_id"]
    assert ended(user, job)["status"] == "COMPLETED"
    assert mlos(output(server, job)["found"]) == {ada}


def test_who_is_signed_in_answers_where_all_have_one_token(together: Running) -> None:
    take_turns(together, together.user())


def test_signed_out_where_all_have_one_token_no_mandate_is_used(together: Running) -> None:
    user = together.user()
    mlo = user.enrol("Ada Solo")
    write(together, "solo.ipynb", "seed = 0", "'solo'")
    hers = mandate(user, "solo.ipynb")
    user.post("/jupyter-mlo/logout")
    why = said(user, "solo.ipynb", tags=[f"mandate={hers}"])
    assert "does not tell its users apart" in why
    job = made(user, "solo.ipynb")
    assert ended(user, job)["status"] == "COMPLETED"
    assert runs(together, mlo) == []
    definition = define(user, "solo.ipynb")
    nobody = {"somebody": False, "owner": None, "mlo": None, "mandate": None}
    assert kept(together, definition) == {"version": 1, **nobody}


def test_a_user_who_has_two_mlos(server: Running, two: tuple[User, User]) -> None:
    user, _ = two
    take_turns(server, user)
    user.post("/jupyter-mlo/logout")
    assert "mandates of several MLOs cover this notebook" in said(user, "turns.ipynb")
