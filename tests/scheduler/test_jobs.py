"""Jobs over the scheduler's own REST API: whoever makes one answers for it, or nobody does."""

from __future__ import annotations

from pathlib import Path
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
from tests.server.conftest import PASSPHRASE, Running, User, until

Two = tuple[User, User]


def jobs_of(user: User, uri: str) -> list[Any]:
    return [one for one in user.get("/scheduler/jobs")["jobs"] if one["input_filename"] == uri]


def test_a_job_is_its_makers(server: Running, two: Two) -> None:
    ada, grace = two
    mlo = ada.enrol(f"Ada {ada.name}")
    other = grace.enrol(f"Grace {grace.name}")
    write(server, "train-1.ipynb", "seed = 0", "open('side.txt', 'w').close()", "print(seed)")
    mandate(ada, "train-1.ipynb", parameters=["seed=1..9"])
    mandate(grace, "train-1.ipynb", activities=["validation"])
    job = made(ada, "train-1.ipynb", parameters={"seed": "7"}, output_formats=["ipynb", "html"])
    theirs = made(grace, "train-1.ipynb")
    assert ended(ada, job)["status"] == "COMPLETED"
    assert ended(grace, theirs)["status"] == "COMPLETED"
    done = output(server, job)
    assert done["found"]["holds"], done["found"]
    assert mlos(done["found"]) == {mlo}
    assert ada.get(f"/scheduler/jobs/{job}")["packaged_files"] == ["side.txt"]
    assert mlos(output(server, theirs)["found"]) == {other}
    assert done["notebook"]["cells"][3]["outputs"][0]["text"] in ("7\n", ["7\n"])
    [page] = done["path"].parent.glob("*.html")
    assert "<pre>7\n" in page.read_text()
    assert [(one["mlo"], one["via"]) for one in runs(server, mlo)] == [(mlo, "mandate")]
    assert [(one["mlo"], one["via"]) for one in runs(server, other)] == [(other, "mandate")]


def test_without_a_mandate_that_covers_it_a_job_is_refused(server: Running, two: Two) -> None:
    ada, _ = two
    ada.enrol(f"Ada {ada.name}")
    write(server, "train-2.ipynb", "seed = 0  # 2", "print(seed)")
    said = refused(ada.ask("POST", "/scheduler/jobs", json=job_form("train-2.ipynb")))
    assert "on this server, with its key, covers this notebook" in said
    assert "panel MLO" in said
    mandate(ada, "train-2.ipynb", parameters=["seed=1..9"])
    write(server, "train-2.ipynb", "seed = 0", "print(seed + 1)")
    said = refused(ada.ask("POST", "/scheduler/jobs", json=job_form("train-2.ipynb")))
    assert "as it is now" in said
    assert jobs_of(ada, "train-2.ipynb") == []


def test_what_the_mandate_refuses_is_said_at_once(server: Running, two: Two) -> None:
    ada, _ = two
    ada.enrol(f"Ada {ada.name}")
    write(server, "train-3.ipynb", "seed = 0  # 3", "print(seed)")
    mandate(ada, "train-3.ipynb", parameters=["seed=1..9"])
    form = job_form("train-3.ipynb", parameters={"seed": "10"})
    said = refused(ada.ask("POST", "/scheduler/jobs", json=form))
    assert "does not permit this run" in said
    assert "(parameters" in said


def test_anothers_mandate_is_nobodys(server: Running, two: Two) -> None:
    ada, grace = two
    ada.enrol(f"Ada {ada.name}")
    grace.enrol(f"Grace {grace.name}")
    write(server, "train-4.ipynb", "seed = 0  # 4", "print(seed)")
    hers = mandate(ada, "train-4.ipynb")
    said = [
        refused(
            grace.ask(
                "POST", "/scheduler/jobs", json=job_form("train-4.ipynb", tags=[f"mandate={one}"])
            )
        )
        for one in (hers, "0" * 64)
    ]
    assert said[0].replace(hers, "0" * 64) == said[1]
    assert "you have no mandate" in said[0]
    assert jobs_of(grace, "train-4.ipynb") == []


def test_one_of_several_mandates_is_chosen_by_a_tag(server: Running, two: Two) -> None:
    ada, _ = two
    mlo = ada.enrol(f"Ada {ada.name}")
    write(server, "train-5.ipynb", "seed = 0  # 5", "print(seed)")
    mandate(ada, "train-5.ipynb")
    wanted = mandate(ada, "train-5.ipynb", activities=["validation"])
    job = made(ada, "train-5.ipynb", tags=["nightly", f"mandate={wanted[:12]}"])
    assert ended(ada, job)["status"] == "COMPLETED"
    [run] = runs(server, mlo)
    assert (run["delegation"], run["activity"]) == (wanted, "validation")
    said = refused(
        ada.ask("POST", "/scheduler/jobs", json=job_form("train-5.ipynb", tags=["mandate=abc"]))
    )
    assert "at least the first eight digits" in said


def test_signed_out_a_job_is_nobodys_and_says_so(server: Running, two: Two) -> None:
    guest, _ = two
    write(server, "train-6.ipynb", "seed = 0  # 6", "print(seed)")
    job = made(guest, "train-6.ipynb")
    assert ended(guest, job)["status"] == "COMPLETED"
    found = server.verified(str(output(server, job)["path"]), "--allow-unstamped")
    assert mlos(found) == set()


def test_a_job_of_nobody_is_refused_where_policy_asks_for_somebody(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = with_scheduler(tmp_path, "ada", mlo_toml="[identity]\nrequired = true\n")
    request.addfinalizer(server.stop)
    write(server, "train-7.ipynb", "seed = 0")
    said = refused(
        server.user("ada").ask("POST", "/scheduler/jobs", json=job_form("train-7.ipynb"))
    )
    assert "policy asks for an identity" in said


def test_parameters_are_values_and_never_code(server: Running, two: Two) -> None:
    ada, _ = two
    ada.enrol(f"Ada {ada.name}")
    write(server, "train-8.ipynb", "seed = 0", "print(repr(seed))")
    mandate(ada, "train-8.ipynb", parameters=["*"])
    evil = "open('owned', 'w').close()"
    job = made(ada, "train-8.ipynb", parameters={"seed": evil})
    assert ended(ada, job)["status"] == "COMPLETED"
    done = output(server, job)
    assert not list(server.root.parent.rglob("owned"))
    text = "".join(done["notebook"]["cells"][2]["outputs"][0]["text"])
    assert text == repr(evil) + "\n"


def test_a_file_outside_the_servers_root_is_not_run(server: Running, two: Two) -> None:
    ada, _ = two
    ada.enrol(f"Ada {ada.name}")
    write(server, "train-9.ipynb", "seed = 0")
    outside = server.root.parent / "outside.ipynb"
    outside.write_bytes((server.root / "train-9.ipynb").read_bytes())
    (server.root / "link.ipynb").symlink_to(outside)
    for uri in ("../outside.ipynb", str(outside), "link.ipynb"):
        form = job_form(uri, job_definition_id="9f6c2a52-2f3e-4b6e-9a1d-4f1f6c1f2a11")
        assert "does not exist" in refused(ada.ask("POST", "/scheduler/jobs", json=form))


def test_a_failed_cell_and_a_stopped_job_are_on_record(server: Running, two: Two) -> None:
    ada, _ = two
    mlo = ada.enrol(f"Ada {ada.name}")
    write(server, "fails.ipynb", "seed = 0", "1 / 0")
    write(
        server, "waits.ipynb", "seed = 0", "open('begun', 'w').close()\nimport time\ntime.sleep(60)"
    )
    mandate(ada, "fails.ipynb", "waits.ipynb")
    done = ended(ada, made(ada, "fails.ipynb"))
    assert done["status"] == "FAILED"
    assert "ZeroDivisionError" in done["status_message"]
    job = made(ada, "waits.ipynb")
    until(lambda: list(server.root.parent.rglob("begun")), 60)
    assert ada.ask("PATCH", f"/scheduler/jobs/{job}", json={"status": "STOPPED"}).ok
    assert ended(ada, job)["status"] == "STOPPED"
    assert {one["outcome"] for one in runs(server, mlo)} == {"failed", "interrupted"}


def test_a_revoked_mandate_runs_nothing(server: Running, two: Two) -> None:
    ada, _ = two
    ada.enrol(f"Ada {ada.name}")
    write(server, "train-11.ipynb", "seed = 0", "'of eleven'")
    gone = mandate(ada, "train-11.ipynb")
    ada.post(f"/jupyter-mlo/mandates/{gone}/revoke", {"passphrase": PASSPHRASE})
    said = refused(ada.ask("POST", "/scheduler/jobs", json=job_form("train-11.ipynb")))
    assert "was revoked" in said
    # Beside one that is in force, and does not permit it either, both reasons are said.
    mandate(ada, "train-11.ipynb", parameters=["seed=1..20"])
    form = job_form("train-11.ipynb", parameters={"seed": "99"})
    said = refused(ada.ask("POST", "/scheduler/jobs", json=form))
    assert "none of 2 mandates permits this job" in said
    assert "was revoked" in said
    assert "seed" in said


def test_a_used_up_mandate_is_said_at_once(server: Running, two: Two) -> None:
    ada, _ = two
    mlo = ada.enrol(f"Ada {ada.name}")
    write(server, "once.ipynb", "seed = 0", "'once'")
    once = mandate(ada, "once.ipynb", uses=1)
    form = job_form("once.ipynb")
    assert ended(ada, made(ada, "once.ipynb"))["status"] == "COMPLETED"
    for route in ("/scheduler/jobs", "/scheduler/job_definitions"):
        said = refused(ada.ask("POST", route, json=form))
        assert "it permits 1 runs, and so many have been started (uses)" in said
    assert len(jobs_of(ada, "once.ipynb")) == 1
    another = mandate(ada, "once.ipynb", uses=1, activities=["validation"])
    assert ended(ada, made(ada, "once.ipynb"))["status"] == "COMPLETED"
    assert {one["delegation"] for one in runs(server, mlo)} == {once, another}
