"""Batches over a team's ledger: uses, outages, resuming; by commands in homes of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dask_cluster import Dask
from tests.postgresql import wait_until
from tests.story.team import Home, Team, ended, give, runs_of, statements

OUT = "out/{seed}.ipynb"


def batch(mandate: Path, seeds: str, *options: str) -> list[str]:
    """A batch of one notebook over seeds."""
    arguments = ["run", "job.ipynb", "--mandate", str(mandate), "--grid", f"seed={seeds}"]
    return [*arguments, "--out", OUT, "--keep-going", "--json", *options]


def mandate_of(maker: Home, *options: str) -> Path:
    """A mandate for the maker's job, with any seed."""
    name = f"{len(list(maker.work.glob('*.mandate')))}.mandate"
    maker(
        *("mandate", "create", "job.ipynb", "--for", "1d", "--activity", "training"),
        *("--model", "loan", "--parameters", "seed", "--out", name, *options),
        secret=True,
    )
    return maker.work / name


@pytest.fixture
def job(ada: Home) -> Path:
    return ada.notebook("job.ipynb", "seed = 0", "print(seed)")


@pytest.fixture
def runner(team: Team, ada: Home, job: Path) -> Home:
    """An account that has nothing but the notebook."""
    home = team.home("runner")
    give(job, home)
    return home


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Dask]:
    place = tmp_path / "dask"
    place.mkdir()
    started = Dask(place)
    yield started
    started.end()


def runs_under(mandate: Path, home: Home) -> list[dict[str, Any]]:
    """The runs that the ledger has under one mandate."""
    named = home("mandate", "show", mandate, "--json").json["id"]
    return [run for run in runs_of(home) if run["mlo_delegation"] == named]


def once_each(home: Home) -> None:
    """The ledger holds, and nothing in it is there twice."""
    assert home("ledger", "verify").status == 0
    assert max(Counter(one["id"] for one in statements(home)).values()) == 1


@pytest.mark.parametrize("where", ["here", "on a cluster"])
def test_of_twelve_runs_with_five_uses_five_start_and_seven_say_why(
    team: Team, ada: Home, runner: Home, request: pytest.FixtureRequest, where: str
) -> None:
    file = give(mandate_of(ada, "--uses", "5"), runner)
    options = ["--workers", "3"]
    if where == "on a cluster":
        pytest.importorskip("distributed", reason="the extra dask is not installed")
        dask: Dask = request.getfixturevalue("dask")
        dask.worker("one")
        dask.registered(1)
        options += ["--dask", dask.address]
    done = runner(*batch(file, "1..12", *options), ok=[1])
    statuses = Counter(each["status"] for each in done.json)
    assert statuses == {"succeeded": 5, "refused": 7}
    for each in done.json:
        assert (each["status"] == "refused") is ("(uses)" in (each["reason"] or "")), each
    assert len(list((runner.work / "out").iterdir())) == 5
    assert len(runs_under(file, ada)) == 5
    once_each(ada)


def test_two_batches_that_race_for_the_same_uses_get_no_more_than_there_are(
    team: Team, ada: Home, runner: Home, job: Path
) -> None:
    other = team.home("other")
    give(job, other)
    file = mandate_of(ada, "--uses", "5")
    begun = [
        home.start(*batch(give(file, home), "1..6", "--workers", "2")) for home in (runner, other)
    ]
    results = [each for process in begun for each in ended(process, [0, 1]).json]
    assert Counter(each["status"] for each in results) == {"succeeded": 5, "refused": 7}
    assert all("(uses)" in each["reason"] for each in results if each["status"] == "refused")
    runs = runs_under(file, ada)
    assert Counter(run["mlo_run"] for run in runs) == Counter(
        each["attempts"][0]["run"] for each in results if each["attempts"]
    )
    # Nobody has paid for a run that did not start.
    spent = ada("mandate", "show", file, "--json").json["uses"]
    assert len(spent) >= 5
    assert [use["run"] in {run["mlo_run"] for run in runs} for use in spent][:5] == [True] * 5
    once_each(ada)
    for home in (runner, other):
        for path in (home.work / "out").iterdir():
            assert ada("verify", path).status == 0


def test_what_a_batch_signs_while_the_database_is_away_follows_and_resuming_repeats_nothing(
    team: Team, ada: Home, runner: Home, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.mkdir()
    wait = (
        f"import os, time\nopen(r'{gate}/begun-' + str(seed), 'w').close()\n"
        f"while seed > 2 and not os.path.exists(r'{gate}/go'): time.sleep(0.02)"
    )
    give(ada.notebook("job.ipynb", "seed = 0", wait), runner)
    runner("trust", "add", *pin(ada))
    file = give(mandate_of(ada), runner)
    counted = give(mandate_of(ada, "--uses", "9"), runner)
    process = runner.start(*batch(file, "1..6", "--workers", "2"))
    wait_until(lambda: list(gate.glob("begun-[3-6]")), what="a run that waits")
    team.server.stop("immediate")
    (gate / "go").touch()
    # Uses that are counted there cannot be had while it is away.
    refused = runner(*batch(counted, "7..7"), ok=[1, 2])
    assert "(uses)" in refused.err + refused.out
    done = ended(process, [0])
    assert [each["status"] for each in done.json] == ["succeeded"] * 6
    assert runner.waiting() > 0
    team.server.start()
    # The sequencer was killed as well, and comes back.
    team.sequencer.kill()
    team.sequencer.start()
    again = runner(*batch(file, "1..8", "--workers", "2", "--resume"))
    assert [each["status"] for each in again.json] == ["kept"] * 6 + ["succeeded"] * 2
    wait_until(lambda: runner.waiting() == 0, what="the outbox's end")
    outcomes = Counter(run["mlo_outcome"] for run in runs_under(file, ada))
    assert outcomes == {"succeeded": 8}
    once_each(ada)


def pin(home: Home) -> tuple[str, str]:
    """MLO ID and fingerprint of whoever is enrolled in a home."""
    (found,) = home("status", "--json").json["identities"]
    return found["mlo"], found["keyId"]


def test_a_killed_sequencer_neither_loses_nor_doubles_what_a_batch_signs(
    team: Team, ada: Home, runner: Home, job: Path
) -> None:
    file = give(mandate_of(ada), runner)
    process = runner.start(*batch(file, "1..8", "--workers", "2"))
    for count in (1, 3):
        wait_until(lambda count=count: len(runs_under(file, ada)) >= count, what=f"run {count}")
        team.sequencer.kill()
        team.sequencer.start()
    assert [each["status"] for each in ended(process).json] == ["succeeded"] * 8
    wait_until(lambda: runner.waiting() == 0, what="the outbox's end")
    assert len(runs_under(file, ada)) == 8
    once_each(ada)
