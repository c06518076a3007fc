"""An assistant makes no jobs and changes none, with a token of its own or in a session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.scheduler.conftest import job_form, made, mandate, refused, with_scheduler, write
from tests.server.conftest import User
from tests.server.test_assistants import admitted, grant

DEFINITIONS, JOBS = "/scheduler/job_definitions", "/scheduler/jobs"


def attempts(agent: User, job: str, definition: str) -> dict[str, str]:
    """What the scheduler says to all that changes something."""
    one, its_job = f"{DEFINITIONS}/{definition}", f"{JOBS}/{job}"
    asked: list[tuple[str, str, Any]] = [
        ("POST", JOBS, job_form("theirs.ipynb")),
        ("POST", DEFINITIONS, job_form("theirs.ipynb", schedule="0 3 * * *")),
        ("POST", f"{one}/jobs", {}),
        ("PATCH", one, {"active": False}),
        ("PATCH", one, {"schedule": "0 4 * * *"}),
        ("PATCH", its_job, {"name": "other"}),
        ("PATCH", its_job, {"status": "STOPPED"}),
        ("DELETE", one, None),
        ("DELETE", its_job, None),
        ("DELETE", f"/scheduler/batch/jobs?job_id={job}", None),
    ]
    return {
        f"{method} {path}": refused(agent.ask(method, path, json=what))
        for method, path, what in asked
    }


@pytest.mark.parametrize("people", [(), ("ada",)], ids=["a session", "a token"])
def test_an_assistant_makes_and_changes_nothing(
    tmp_path: Path, request: pytest.FixtureRequest, people: tuple[str, ...]
) -> None:
    server = with_scheduler(tmp_path, *people)
    request.addfinalizer(server.stop)
    ada = agent = server.user(*people)
    ada.enrol("Ada Sample")
    write(server, "theirs.ipynb", "seed = 0", "'theirs'")
    mandate(ada, "theirs.ipynb")
    job = made(ada, "theirs.ipynb")
    form = job_form("theirs.ipynb", schedule="0 3 * * *")
    definition = ada.post(DEFINITIONS, form)["job_definition_id"]
    granted = grant(server)
    if people:
        agent, _ = admitted(ada, granted)
    else:
        ada.post("/jupyter-mlo/logout")
        file = server.root / "agent.grant"
        file.write_text(json.dumps(granted))
        file.chmod(0o600)
        server.jupyter_mlo("login", "--grant", file.name)
    before = agent.get(f"{DEFINITIONS}/{definition}")
    for what, said in attempts(agent, job, definition).items():
        assert "jobs are a person's own act" in said, what
    assert agent.get(f"{DEFINITIONS}/{definition}") == before
    assert [one["name"] for one in agent.get(JOBS)["jobs"]] == ["nightly"]
