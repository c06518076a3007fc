"""Definitions: cron's jobs run for whoever made the definition, under the mandate of then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scheduler.conftest import ended, job_form, mandate, runs, write
from tests.server.conftest import PASSPHRASE, Running, User, until

Two = tuple[User, User]
#: croniter's sixth field: seconds. Each job is a process, so that more of them would drown us.
OFTEN = "* * * * * */15"


def define(user: User, uri: str, **more: Any) -> str:
    form = job_form(uri, **more)
    found: str = user.post("/scheduler/job_definitions", form)["job_definition_id"]
    return found


def change(user: User, definition: str, **what: Any) -> str:
    """What the server says against it; empty where it is done."""
    answer = user.ask("PATCH", f"/scheduler/job_definitions/{definition}", json=what)
    return "" if answer.ok else str(answer.json()["message"])


def jobs(user: User, definition: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = user.get("/scheduler/jobs", job_definition_id=definition)["jobs"]
    return found


def test_crons_jobs_are_whoevers_definition_it_is(server: Running, two: Two) -> None:
    ada, _ = two
    mlo = ada.enrol(f"Ada {ada.name}")
    write(server, "cron.ipynb", "seed = 0", "'cron', seed")
    under = mandate(ada, "cron.ipynb", parameters=["seed=1..9"])
    definition = define(ada, "cron.ipynb", schedule=OFTEN, parameters={"seed": "3"})
    ada.post("/jupyter-mlo/logout")
    assert ada.get("/jupyter-mlo/me")["mlo"] is None
    until(lambda: jobs(ada, definition), 60)
    assert change(ada, definition, active=False) == ""
    done = [ended(ada, one["job_id"], 120) for one in jobs(ada, definition)]
    assert {one["status"] for one in done} == {"COMPLETED"}
    found = runs(server, mlo)
    assert len(found) == len(done)
    assert {(one["delegation"], one["outcome"]) for one in found} == {(under, "succeeded")}
    # Revoked: the next one is refused, and says why.
    ada.post(f"/jupyter-mlo/mandates/{under}/revoke", {"passphrase": PASSPHRASE})
    assert "was revoked" in change(ada, definition, active=True, schedule=OFTEN)


def test_a_revoked_mandate_ends_what_cron_runs(server: Running, two: Two) -> None:
    ada, grace = two
    mlo = ada.enrol(f"Ada {ada.name}")
    write(server, "soon.ipynb", "seed = 0", "'soon'")
    under = mandate(ada, "soon.ipynb")
    definition = define(ada, "soon.ipynb", schedule=OFTEN)
    ada.post(f"/jupyter-mlo/mandates/{under}/revoke", {"passphrase": PASSPHRASE})
    known = {one["job_id"] for one in jobs(ada, definition)}
    until(lambda: [one for one in jobs(ada, definition) if one["job_id"] not in known], 60)
    assert change(grace, definition, active=False) == "", "anybody may pause it"
    late = [one for one in jobs(ada, definition) if one["job_id"] not in known]
    for one in late:
        done = ended(ada, one["job_id"], 120)
        assert done["status"] == "FAILED"
        assert "was revoked" in done["status_message"]
    assert len(runs(server, mlo)) <= len(known)


def test_nobody_changes_what_runs_in_anothers_name(server: Running, two: Two) -> None:
    ada, grace = two
    ada.enrol(f"Ada {ada.name}")
    other = grace.enrol(f"Grace {grace.name}")
    write(server, "hers.ipynb", "seed = 0", "'hers'")
    write(server, "mine.ipynb", "seed = 0", "'mine'")
    hers = mandate(ada, "hers.ipynb", parameters=["seed=1..9"])
    definition = define(ada, "hers.ipynb", parameters={"seed": "1"}, tags=[f"mandate={hers}"])
    for what in (
        {"input_uri": "mine.ipynb", "schedule": "0 3 * * *"},
        {"parameters": {"seed": "2"}, "schedule": "0 3 * * *"},
        {"schedule": OFTEN},
        {"active": True},
    ):
        assert "only its maker" in change(grace, definition, **what)
    route = f"/scheduler/job_definitions/{definition}/jobs"
    answer = grace.ask("POST", route, json={"parameters": {"seed": "5"}})
    assert "covers this notebook" in answer.json()["message"]
    more = {"activities": ["validation"], "parameters": ["seed=1..9"]}
    own = mandate(grace, "hers.ipynb", **more)
    job = grace.post(route)["job_id"]
    assert ended(grace, job, 120)["status"] == "COMPLETED"
    assert [(one["delegation"], one["activity"]) for one in runs(server, other)] == [
        (own, "validation")
    ]


def test_nobody_takes_a_definition_that_nobody_answers_for(server: Running, two: Two) -> None:
    ada, guest = two
    write(server, "nobodys.ipynb", "seed = 0", "'nobodys'")
    definition = define(guest, "nobodys.ipynb", schedule="0 3 * * *")
    ada.enrol(f"Ada {ada.name}")
    mandate(ada, "nobodys.ipynb")
    assert "only its maker" in change(ada, definition, schedule="0 4 * * *")
    assert change(guest, definition, schedule="0 5 * * *") == ""
    assert change(ada, definition, active=False) == "", "anybody may pause it"
    # One that was made before this package was there.
    (server.root.parent / "mlo" / "scheduled" / f"{definition}.json").unlink()
    for one in (ada, guest):
        assert "only its maker" in change(one, definition, schedule="0 6 * * *")
    assert guest.get(f"/scheduler/job_definitions/{definition}")["schedule"] == "0 5 * * *"


def test_its_maker_changes_it_within_the_mandate(server: Running, two: Two) -> None:
    ada, _ = two
    ada.enrol(f"Ada {ada.name}")
    write(server, "changes.ipynb", "seed = 0", "'changes'")
    write(server, "other.ipynb", "seed = 0", "'other'")
    mandate(ada, "changes.ipynb", parameters=["seed=1..9"])
    definition = define(ada, "changes.ipynb", parameters={"seed": "1"}, schedule="0 2 * * *")
    assert change(ada, definition, parameters={"seed": "9"}, schedule="0 3 * * *") == ""
    said = change(ada, definition, parameters={"seed": "10"}, schedule="0 4 * * *")
    assert "does not permit this run" in said
    assert "covers this notebook" in change(ada, definition, input_uri="other.ipynb")
    assert "does not exist" in change(ada, definition, input_uri="../../etc/passwd")
    kept = ada.get(f"/scheduler/job_definitions/{definition}")
    assert (kept["parameters"], kept["schedule"]) == ({"seed": "9"}, "0 3 * * *")
    assert ada.ask("DELETE", f"/scheduler/job_definitions/{definition}").ok
    assert not (server.root.parent / "mlo" / "scheduled" / f"{definition}.json").exists()


@pytest.mark.parametrize("content", ["", "{", '{"version": 1, "somebody": 1}', "[]"])
def test_a_damaged_note_of_whose_it_is_runs_nothing(
    server: Running, two: Two, content: str
) -> None:
    ada, _ = two
    ada.enrol(f"Ada {ada.name}")
    write(server, "damaged.ipynb", "seed = 0", "'damaged'")
    mandate(ada, "damaged.ipynb")
    definition = define(ada, "damaged.ipynb")
    (server.root.parent / "mlo" / "scheduled" / f"{definition}.json").write_text(content)
    answer = ada.ask("POST", f"/scheduler/job_definitions/{definition}/jobs", json={})
    assert "who answers for this job definition cannot be read" in answer.json()["message"]


def test_none_is_made_where_it_cannot_be_noted_for_whom_it_runs(server: Running, two: Two) -> None:
    ada, _ = two
    ada.enrol(f"Ada {ada.name}")
    write(server, "unnoted.ipynb", "seed = 0", "'unnoted'")
    mandate(ada, "unnoted.ipynb")
    define(ada, "unnoted.ipynb")
    before = ada.get("/scheduler/job_definitions")["total_count"]
    folder = server.root.parent / "mlo" / "scheduled"
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.write_text("in the way")
    try:
        form = job_form("unnoted.ipynb", schedule=OFTEN)
        answer = ada.ask("POST", "/scheduler/job_definitions", json=form)
        assert "could not be written down" in answer.json()["message"]
    finally:
        folder.unlink()
        aside.rename(folder)
    assert ada.get("/scheduler/job_definitions")["total_count"] == before
