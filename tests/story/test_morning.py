"""One morning: people make mandates and go away; schedulers run; things break; the ledger tells.

Ada Sample trains, Grace Sample validates. A Dask batch, cron's papermill and jupyter-scheduler run
under their mandates, while a worker is killed, PostgreSQL is stopped and started, and a mandate is
revoked half-way. In the end an auditor computes from the ledger alone who answers for each run.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.dask_cluster import Dask
from tests.postgresql import wait_until
from tests.story.team import PASSPHRASE, ROOT, Home, Team, ended, give, statements

pytest.importorskip("distributed", reason="the extra dask is not installed")
pytest.importorskip("jupyter_scheduler", reason="the extra scheduler is not installed")

from tests.scheduler import conftest as scheduler
from tests.server.conftest import Running

#: Who answers, under which mandate, what for, which output, and what became of it.
Row = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Person:
    """Somebody who is enrolled by the registrar."""

    home: Home
    mlo: str
    activity: str

    def mandate(self, notebook: Path, *options: str) -> tuple[Path, str]:
        """The file, and the ID of a new mandate."""
        out = self.home.work / f"{notebook.stem}.mandate"
        self.home(
            *("mandate", "create", notebook, "--for", "1d", "--activity", self.activity),
            *("--model", "loan", "--out", out, *options),
            secret=True,
        )
        found = self.home("mandate", "show", out, "--json").json
        return out, found["id"]


class Gate:
    """Lets notebooks wait in the middle, and says which of them are there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder

    def cell(self) -> str:
        """A cell that says in whose home it runs, and waits."""
        return (
            "import os, time\n"
            f"with open(rf'{self._folder}/{{os.getpid()}}', 'w') as file:\n"
            "    file.write(os.environ['HOME'])\n"
            f"os.rename(file.name, rf'{self._folder}/begun-{{os.getpid()}}')\n"
            f"while not os.path.exists(r'{self._folder}/open'):\n"
            "    time.sleep(0.02)"
        )

    def reached(self, count: int) -> Path:
        """Wait until so many runs wait there, whichever began first; the home of one of them."""
        wait_until(lambda: len(self._waiting()) >= count, seconds=60, what=f"{count} runs")
        return Path(self._waiting()[0].read_text())

    def _waiting(self) -> list[Path]:
        return list(self._folder.glob("begun-*"))

    def open(self) -> None:
        """Let them go on."""
        (self._folder / "open").touch()


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Dask]:
    place = tmp_path / "dask"
    place.mkdir()
    started = Dask(place)
    yield started
    started.end()


def office_and_people(team: Team) -> tuple[Home, str, Person, Person]:
    """A registrar, its key, and two people whom it has enrolled."""
    office = team.home("office")
    office("registrar", "init", "--name", "Model risk", secret=True)
    key = str(office("registrar", "list", "--json").json["keyId"])
    people = []
    for name, role, activity in (
        ("Ada Sample", "ada", "training"),
        ("Grace Sample", "grace", "validation"),
    ):
        home = team.home(role)
        home("trust", "add", "--registrar", key)
        mlo = home.enrol(name)
        home("enroll", "--export", f"{role}.jsonl")
        office("registrar", "enrol", give(home.work / f"{role}.jsonl", office), secret=True)
        people.append(Person(home, mlo, activity))
    return office, key, people[0], people[1]


def cron(home: Home, notebook: Path, target: str, mandate: Path) -> subprocess.Popen[str]:
    """A line of cron: its shell, its environment, and nothing else."""
    papermill = Path(sys.executable).with_name("papermill")
    line = (
        f"cd {shlex.quote(str(home.work))} && MLO_HOME={home.mlo} MLO_MANDATE={mandate} "
        f"PYTHONPATH={ROOT} {papermill} --engine mlo --no-progress-bar {notebook.name} {target}"
    )
    environ = {
        "HOME": str(home.folder),
        "LOGNAME": "night",
        "PATH": "/usr/bin:/bin",
        "SHELL": "/bin/sh",
    }
    return subprocess.Popen(
        ["/bin/sh", "-c", line],
        env=environ,
        cwd=home.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Lab:
    """Ada's Jupyter server, with her home, and jobs that run for her when she is gone."""

    def __init__(self, folder: Path, person: Person) -> None:
        folder.mkdir()
        (folder / "mlo").symlink_to(person.home.mlo)
        ledger = (person.home.mlo / "mlo.toml").read_text()
        self.server: Running = scheduler.with_scheduler(folder, mlo_toml=ledger)
        self.user = self.server.user()
        form = {"mlo": person.mlo, "passphrase": PASSPHRASE, "activity": person.activity}
        self.user.post("/jupyter-mlo/login", form)
        scheduler.write(self.server, "train.ipynb", "seed = 0", "print(seed)")
        self.mandate = scheduler.mandate(self.user, "train.ipynb", parameters=["seed=1..9"])
        self._job = scheduler.made(self.user, "train.ipynb", parameters={"seed": "7"})
        form = scheduler.job_form("train.ipynb", name="each minute", parameters={"seed": "8"})
        form["schedule"] = "* * * * *"
        made = self.user.post("/scheduler/job_definitions", form)
        self._definition = made["job_definition_id"]
        assert self.user.post("/jupyter-mlo/logout")["session"] is None

    def outputs(self) -> list[Path]:
        """What the job and the first of the definition have written, when both have ended."""
        found: list[dict[str, Any]] = []

        def came() -> bool:
            path = f"/scheduler/jobs?job_definition_id={self._definition}"
            found[:] = self.user.get(path)["jobs"]
            return bool(found)

        wait_until(came, seconds=90, what="the definition's first minute")
        path = f"/scheduler/job_definitions/{self._definition}"
        assert self.user.ask("PATCH", path, json={"active": False}).ok
        came()
        jobs = [self._job, *(one["job_id"] for one in found)]
        for each in jobs:
            done = scheduler.ended(self.user, each)
            assert done["status"] == "COMPLETED", done
        return [scheduler.output(self.server, each)["path"] for each in jobs]


def rows_of(results: list[dict[str, Any]], person: Person, mandate: str) -> list[Row]:
    """What a batch says of its attempts."""
    return [
        (person.mlo, mandate, person.activity, Path(each["output"]).name, attempt["outcome"])
        for each in results
        for attempt in each["attempts"]
        if attempt["outcome"]
    ]


@pytest.fixture
def labs(tmp_path: Path) -> Iterator[Callable[[Person], Lab]]:
    """Starts Ada's server when she comes to it."""
    begun: list[Lab] = []

    def begin(person: Person) -> Lab:
        begun.append(Lab(tmp_path / "lab", person))
        return begun[-1]

    yield begin
    for each in begun:
        each.server.stop()


def test_a_morning(team: Team, dask: Dask, labs: Callable[[Person], Lab], tmp_path: Path) -> None:
    _, key, ada, grace = office_and_people(team)
    night = team.home("night")
    auditor = team.home("auditor", of="mlo_auditors")
    for home in (night, auditor):
        home("trust", "add", "--registrar", key)
    runner = night.work / "runner.pub"
    runner.write_text(night("mandate", "key").out)
    training, checking = Gate(tmp_path / "training"), Gate(tmp_path / "checking")

    # -- the evening before: two people make mandates, and go away ---------------------------
    train = ada.home.notebook("train.ipynb", "seed = 0", training.cell(), "print(seed)")
    sweep = ada.home.notebook("sweep.ipynb", "seed = 0", "seed * 2")
    check = grace.home.notebook("check.ipynb", "seed = 0", checking.cell(), "print(seed)")
    drift = grace.home.notebook("drift.ipynb", "1 + 1", parameters=False)
    to = ("--to", str(give(runner, ada.home)))
    train_file, train_id = ada.mandate(train, "--parameters", "seed=1..6", *to)
    sweep_file, sweep_id = ada.mandate(sweep, "--uses", "3", *to)
    check_file, check_id = grace.mandate(check, "--parameters", "seed=1..4")
    drift_file, drift_id = grace.mandate(drift)
    for each in (train, sweep, check, drift, train_file, sweep_file, check_file, drift_file):
        give(each, night)
    expected: list[Row] = []

    # -- a Dask batch trains; a worker is killed ----------------------------------------------
    for name in ("one", "two"):
        dask.worker(name)
    dask.registered(2)
    batch = night.start(
        *("run", "train.ipynb", "--mandate", "train.mandate", "--grid", "seed=1..6"),
        *("--out", "train-{seed}.ipynb", "--workers", "2", "--dask", dask.address),
        *("--keep-going", "--retries", "2", "--json"),
    )
    dask.kill(training.reached(1))
    dask.worker("three")

    # -- PostgreSQL is stopped: what needs no count goes on, what needs one says why it cannot --
    team.server.stop("immediate")
    offline = cron(night, drift, "drift-1.ipynb", night.work / drift_file.name)
    uncounted = cron(night, sweep, "sweep-0.ipynb", night.work / sweep_file.name)
    training.open()
    assert "wait for the ledger" in ended(offline).err
    expected.append((grace.mlo, drift_id, "validation", "drift-1.ipynb", "succeeded"))
    refused = ended(uncounted, [1])
    assert "the ledger that counts them cannot be" in refused.err
    team.server.start()

    # -- jupyter-scheduler: Ada makes a job and a definition, and signs out ---------------------
    lab = labs(ada)

    # -- cron's papermill: three uses, four wishes at one moment --------------------------------
    wishes = [
        cron(night, sweep, f"sweep-{n}.ipynb", night.work / sweep_file.name) for n in range(1, 5)
    ]
    said = [ended(each, [0, 1]) for each in wishes]
    assert Counter(each.status for each in said) == {0: 3, 1: 1}
    for n, each in enumerate(said, 1):
        if each.status:
            assert "permits 3 runs, and so many have been started (uses)" in each.err
            assert not (night.work / f"sweep-{n}.ipynb").exists()
        else:
            row = (ada.mlo, sweep_id, "training", f"sweep-{n}.ipynb", "succeeded")
            expected.append(row)
    trained = ended(batch).json
    assert [each["status"] for each in trained] == ["succeeded"] * 6, trained
    lost = [each for one in trained for each in one["attempts"] if each["outcome"] != "succeeded"]
    assert lost
    assert {each["reason"] for each in lost} == {"the worker was lost"}
    expected += rows_of(trained, ada, train_id)

    # -- a batch validates; its mandate is revoked half-way -------------------------------------
    batch = night.start(
        *("run", "check.ipynb", "--mandate", "check.mandate", "--grid", "seed=1..4"),
        *("--out", "check-{seed}.ipynb", "--workers", "2", "--keep-going", "--json"),
    )
    checking.reached(2)
    grace.home("mandate", "revoke", check_id, secret=True)
    checking.open()
    checked = ended(batch, [1]).json
    ended_well = Counter(each["status"] for each in checked)
    assert ended_well == {"succeeded": 2, "refused": 2}, checked
    assert all("was revoked" in each["reason"] for each in checked if each["status"] == "refused")
    expected += rows_of(checked, grace, check_id)

    scheduled = lab.outputs()
    for path in scheduled:
        expected.append((ada.mlo, lab.mandate, "training", path.name, "succeeded"))

    # -- by the ledger alone ---------------------------------------------------------------------
    for home in (night, ada.home, grace.home):
        wait_until(lambda home=home: home.waiting() == 0, what="the outbox's end")
    table = auditor("log", "--runs").out
    if place := os.environ.get("MLO_MORNING_TABLE"):
        Path(place).write_text(table)
    assert table_of(auditor) == Counter(expected)
    assert auditor("ledger", "verify").status == 0
    once = Counter(one["id"] for one in statements(auditor))
    assert set(once.values()) == {1}
    outputs = [give(path, auditor) for path in sorted(night.work.glob("*-[0-9].ipynb"))]
    assert len(outputs) == 6 + 3 + 2 + 1
    assert len(scheduled) >= 2
    outputs += [give(path, auditor) for path in scheduled]
    verified = auditor("verify", "--json", *outputs).json["notebooks"]
    seals = {one["subject"][0]["name"] for one in statements(auditor) if _seal(one)}
    for each in verified:
        assert each["holds"], each
        assert each["seal"]["assurance"] in ("enrolled", "witnessed")
    assert len(seals) == len([row for row in expected if row[-1]])


def _seal(statement: dict[str, Any]) -> bool:
    return bool(statement["predicateType"].endswith("/seal/v1"))


def table_of(home: Home) -> Counter[Row]:
    """Every run that the ledger has, as a home reads it."""
    done = home("log", "--runs", "--json")
    found = [json.loads(line) for line in done.out.splitlines()]
    assert {one["via"] for one in found} == {"mandate"}
    return Counter(
        (
            one["mlo"],
            one["delegation"],
            one["activity"],
            one["output"].rpartition("/")[2],
            one["outcome"],
        )
        for one in found
    )
