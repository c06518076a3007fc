"""Stopping and deleting jobs that run, also those of a server that was started anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import Refused
from jupyter_mlo.integrations.scheduler.processes import Processes
from tests.scheduler.conftest import (
    ended,
    made,
    mandate,
    refused,
    runs,
    with_scheduler,
    write,
)
from tests.server.conftest import Running, User, until

JOB = "9f6c2a52-2f3e-4b6e-9a1d-4f1f6c1f2a11"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that may be killed."""
    running = with_scheduler(tmp_path_factory.mktemp("own"), "ada", "grace", "joan")
    yield running
    running.stop()


def begin(server: Running, user: User, name: str) -> tuple[str, str, psutil.Process]:
    """A job whose second cell waits; who answers for it, and the job's kernel."""
    mlo = user.enrol(f"{user.name.title()} Sample")
    begun = server.root.parent / f"{name}.begun"
    write(
        server,
        name,
        "seed = 0",
        f"import os, time\nwith open({str(begun)!r} + '.new', 'w') as file:\n"
        f"    print(os.getpid(), file=file)\nos.rename({str(begun)!r} + '.new', {str(begun)!r})",
        "for _ in range(600):\n    time.sleep(0.1)",
        "'the end'",
    )
    mandate(user, name)
    job = made(user, name)
    until(begun.exists, 60)
    return job, mlo, psutil.Process(int(begun.read_text()))


def gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def stop(user: User, job: str) -> Any:
    return user.ask("PATCH", f"/scheduler/jobs/{job}", json={"status": "STOPPED"})


def test_a_job_is_stopped_after_the_server_was_killed(own: Running) -> None:
    user = own.user("ada")
    job, mlo, kernel = begin(own, user, "outlives.ipynb")
    own.process.kill()
    own.process.wait()
    own.begin()
    assert user.get(f"/scheduler/jobs/{job}")["status"] == "IN_PROGRESS"
    assert stop(user, job).ok
    assert ended(user, job)["status"] == "STOPPED"
    until(lambda: gone(kernel), 30)
    assert [one["outcome"] for one in runs(own, mlo)] == ["interrupted"]
    assert not list((own.root.parent / "mlo" / "scheduled" / "running").iterdir())


def test_a_process_of_which_nothing_is_known_is_not_ended_and_that_is_said(own: Running) -> None:
    user = own.user("grace")
    job, _, kernel = begin(own, user, "unknown.ipynb")
    [note] = (own.root.parent / "mlo" / "scheduled" / "running").iterdir()
    content = note.read_bytes()
    own.process.kill()
    own.process.wait()
    note.unlink()
    own.begin()
    assert "could not be stopped" in refused(stop(user, job))
    assert user.get(f"/scheduler/jobs/{job}")["status"] == "IN_PROGRESS"
    assert not gone(kernel)
    note.write_bytes(content)
    note.chmod(0o600)
    assert stop(user, job).ok
    assert ended(user, job)["status"] == "STOPPED"


def test_a_job_that_is_deleted_while_it_runs_leaves_nothing_but_its_run(own: Running) -> None:
    user = own.user("joan")
    job, mlo, kernel = begin(own, user, "deleted.ipynb")
    staged = own.root.parent / "jupyter-data" / "scheduler_staging_area" / job
    assert staged.is_dir()
    assert user.ask("DELETE", f"/scheduler/jobs/{job}").ok
    assert job not in [one["job_id"] for one in user.get("/scheduler/jobs")["jobs"]]
    until(lambda: [one["outcome"] for one in runs(own, mlo)] == ["interrupted"], 30)
    until(lambda: gone(kernel), 30)
    until(lambda: not staged.exists(), 30)
    assert not list((own.root.parent / "mlo" / "scheduled" / "running").iterdir())


@pytest.fixture
def other() -> Iterator[psutil.Process]:
    """A process that was started by somebody else: its parent has ended."""
    script = "import subprocess; print(subprocess.Popen(['sleep', '60'], stdout=-3, stderr=-3).pid)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    process = psutil.Process(int(said.stdout))
    yield process
    process.kill()


@pytest.fixture
def processes(settings: Settings) -> Processes:
    return Processes(settings)


def note(settings: Settings, **what: Any) -> None:
    path = settings.home / "scheduled" / "running" / f"{JOB}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(what))
    path.chmod(0o600)


def test_a_number_that_another_process_has_by_now(
    settings: Settings, processes: Processes, other: psutil.Process
) -> None:
    pid, started = other.pid, other.create_time()
    note(settings, pid=pid, started=started)
    assert processes.find(JOB, pid, started + 1) == other
    assert processes.find(JOB, os.getpid(), started + 1) == other, "the database decides nothing"
    note(settings, pid=pid, started=started - 10)
    assert processes.find(JOB, pid, started - 9) is None
    processes.over(JOB)
    assert processes.find(JOB, pid, started - 9) is None
    for damaged in ({}, {"pid": str(pid), "started": started}, {"pid": -1, "started": 1.0}):
        note(settings, **damaged)
        with pytest.raises(Refused, match="could not be stopped"):
            processes.find(JOB, pid, started + 1)


def test_a_child_that_is_no_jobs_process_is_not_ended(
    settings: Settings, processes: Processes, other: psutil.Process
) -> None:
    with subprocess.Popen(["sleep", "60"]) as kernel:
        try:
            note(settings, pid=other.pid, started=other.create_time())
            assert processes.find(JOB, kernel.pid, time.time()) == other
            processes.over(JOB)
            with pytest.raises(Refused, match="could not be stopped"):
                processes.find(JOB, kernel.pid, time.time())
        finally:
            kernel.kill()


def test_ones_own_note_is_of_this_process(processes: Processes) -> None:
    processes.begun(JOB)
    assert processes.find(JOB, 1, 0) == psutil.Process()
