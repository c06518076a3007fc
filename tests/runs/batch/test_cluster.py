"""Runs on a real Dask scheduler with real worker processes, which hold nothing."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest

from jupyter_mlo.errors import NotFound
from jupyter_mlo.runs.batch.batch import Manner
from jupyter_mlo.runs.batch.cells import Limits
from jupyter_mlo.runs.batch.jobs import Job
from jupyter_mlo.statements.predicates import types
from tests.dask_cluster import Dask
from tests.runs.batch.conftest import Seen
from tests.runs.conftest import stamped, write

pytest.importorskip("distributed", reason="the extra dask is not installed")
from jupyter_mlo.runs.batch.cluster import Cluster


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Dask]:
    place = tmp_path / "dask"
    place.mkdir()
    started = Dask(place)
    yield started
    started.end()


def test_workers_execute_and_this_side_seals(
    ada, batch: Callable, folder: Path, holds, logged, dask
) -> None:
    write(
        folder / "in.ipynb",
        "seed = 0",
        "import os, jupyter_mlo\nprint(os.environ['HOME'], 'MLO_MANDATE' in os.environ)",
        "jupyter_mlo.record({'auc': seed / 10}); jupyter_mlo.current()",
        "from IPython.display import display\nh = display(1, display_id='x')",
        "h.update(seed)",
        tags={0: ["parameters"]},
    )
    write(folder / "fails.ipynb", "1/0")
    file = ada.mandate(folder / "in.ipynb", parameters={"seed": "*"})
    other = ada.mandate(folder / "fails.ipynb", file="other.mandate")
    dask.worker("one")
    dask.worker("two")
    dask.registered(2)
    jobs = [Job(n, "in.ipynb", f"{n}.ipynb", {"seed": n}) for n in range(1, 5)]
    jobs.append(Job(5, "fails.ipynb", "5.ipynb", {}))
    results = batch(
        jobs,
        manner=Manner(workers=2, keep_going=True),
        mandates=(str(file), str(other)),
        place=Cluster(dask.address),
    )
    assert [result.status for result in results] == ["succeeded"] * 4 + ["failed"], results
    assert [result.metrics.get("auc") for result in results[:4]] == [0.1, 0.2, 0.3, 0.4]
    homes = set()
    for n in range(1, 5):
        report = holds(f"{n}.ipynb")
        assert len(stamped(report)) == 6
        nb = nbformat.read(f"{n}.ipynb", as_version=4)
        home, mandated = nb.cells[2].outputs[0].text.split()
        homes.add(home)
        assert mandated == "False"
        assert ada.mlo in str(nb.cells[3].outputs)
        assert nb.cells[4].outputs[0].data["text/plain"] == str(n)
    assert len(homes) == 2
    holds("5.ipynb")
    runs = logged(types.PROVENANCE)
    assert len(runs) == 5
    packages = runs[0].predicate.build_definition.internal_parameters["packages"]
    assert packages["count"] > 10
    assert len(logged(types.EVIDENCE)) == 4
    for home in homes:
        assert not (Path(home) / "mlo").exists() or not list((Path(home) / "mlo").glob("ledger*"))


def test_a_killed_worker_is_made_up_for_elsewhere(ada, batch, folder, holds, logged, dask) -> None:
    ada.login()
    write(
        folder / "in.ipynb",
        "import os, time",
        f"open('{folder}/pid', 'a').write(f'{{os.getppid()}}\\n')\n"
        f"n = len(open('{folder}/pid').readlines())",
        "time.sleep(60 if n == 1 else 0)",
    )
    one = dask.worker("one")

    class Killing(Seen):
        """Kills the only worker while it executes, and starts another."""

        def begun(self, result):
            super().begun(result)
            if len(self.events) == 1:
                threading.Thread(target=self._kill, daemon=True).start()

        def _kill(self) -> None:
            while not (folder / "pid").exists():
                time.sleep(0.05)
            one.send_signal(signal.SIGKILL)
            dask.worker("two")

    (result,) = batch(
        [Job(1, "in.ipynb", "out.ipynb", {})], place=Cluster(dask.address), show=Killing()
    )
    assert result.status == "succeeded", result
    assert [each.outcome for each in result.attempts] == ["failed", "succeeded"]
    assert result.attempts[0].reason == "the worker was lost"
    holds("out.ipynb")
    said = {run.predicate.mlo_run: run.predicate.mlo_outcome for run in logged(types.PROVENANCE)}
    assert said == {each.run_id: each.outcome for each in result.attempts}


def _lie(how: str) -> None:
    """On a worker: what it executes comes back otherwise."""
    import datetime

    from jupyter_mlo.runs.batch import elsewhere

    execute = elsewhere.execute

    def lie(work):
        done = execute(work)
        match how:
            case "output":
                done.notebook["cells"][-1]["outputs"] = [5]
            case "kernel":
                done.notebook["metadata"]["kernelspec"]["name"] = "evil"
            case "parameters":
                done.notebook["metadata"]["papermill"]["parameters"] = {"seed": 999}
            case "times":
                days = datetime.timedelta(days=4000)
                done.events = [(w, p, t - days, o) for w, p, t, o in done.events]
            case "nothing":
                done.events = []
            case "remark":
                done.remarks = [5]
            case "other":
                return 5
        return done

    elsewhere.execute = lie


@pytest.mark.parametrize("answer", ["[]", "5", "['x'*91]", "[b'x']", "'text'", "[10**12]"])
def test_a_worker_that_makes_no_key_gets_no_run(answer, ada, batch, folder, dask) -> None:
    write(folder / "in.ipynb", "1")
    ada.login()
    from distributed import Client

    dask.worker("one")
    dask.registered(1)
    lie = f"import jupyter_mlo.runs.batch.elsewhere as e; e.make_keys = lambda count: {answer}"
    with Client(dask.address, set_as_default=False) as client:
        client.run(exec, lie)
    (result,) = batch(
        [Job(1, "in.ipynb", "out.ipynb", {})], manner=Manner(retries=0), place=Cluster(dask.address)
    )
    assert (result.status, result.attempts[0].reason) == ("failed", "the worker was lost")
    assert "made no key" in str(result.remarks)


def test_what_a_worker_makes_up_is_refused(ada, batch, folder, holds, logged, dask) -> None:
    write(folder / "in.ipynb", "seed = 0", "print(seed)", tags={0: ["parameters"]})
    file = ada.mandate(folder / "in.ipynb", parameters={"seed": "*"})
    from distributed import Client

    refused = ["output", "kernel", "times", "nothing", "remark", "other"]
    dask.worker("one")
    dask.registered(1)
    original = "import jupyter_mlo.runs.batch.elsewhere as e, sys; e.execute = e.true"
    with Client(dask.address, set_as_default=False) as client:
        client.run(exec, original.replace("e.execute = e.true", "e.true = e.execute"))
        for how in [*refused, "parameters"]:
            client.run(exec, original)
            client.run(_lie, how)
            (result,) = batch(
                [Job(1, "in.ipynb", f"{how}.ipynb", {"seed": 5})],
                mandates=(str(file),),
                place=Cluster(dask.address),
            )
            json.dumps(result.to_json(), allow_nan=False)
            if how == "parameters":
                assert result.status == "succeeded", result
            else:
                assert result.status == "failed", (how, result)
                assert result.reason == "what came back from a worker was refused"
            report = holds(f"{how}.ipynb")
            assert bool(stamped(report)) == (how == "parameters")
    nb = nbformat.read("parameters.ipynb", as_version=4)
    assert nb.metadata.papermill.parameters == {"seed": 5}
    outcomes = [run.predicate.mlo_outcome for run in logged(types.PROVENANCE)]
    assert outcomes == ["failed"] * len(refused) + ["succeeded"]


@pytest.mark.parametrize("when", ["while it runs", "before it makes a key"])
def test_a_frozen_worker_does_not_hold_a_run(ada, batch, folder, holds, dask, when, monkeypatch):
    monkeypatch.setattr("jupyter_mlo.runs.batch.cluster._PATIENCE", 2.0)
    ada.login()
    write(
        folder / "in.ipynb", f"open('{folder}/there', 'w').close()", "import time; time.sleep(60)"
    )
    worker = dask.worker("one")
    dask.registered(1)

    class Freezing(Seen):
        def begun(self, result):
            super().begun(result)
            threading.Thread(target=self._freeze, daemon=True).start()

        def _freeze(self) -> None:
            while not (folder / "there").exists():
                time.sleep(0.05)
            worker.send_signal(signal.SIGSTOP)

    if when != "while it runs":
        worker.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    (result,) = batch(
        [Job(1, "in.ipynb", "out.ipynb", {})],
        manner=Manner(retries=0),
        limits=Limits(run=5),
        start_timeout=5.0 if when != "while it runs" else 60.0,
        place=Cluster(dask.address),
        show=Freezing(),
    )
    assert time.monotonic() - began < 30
    assert (result.status, result.reason) == ("failed", "the worker was lost"), result
    assert result.sealed
    holds("out.ipynb")


def test_a_scheduler_that_is_not_there_is_said(ada, batch, folder):
    write(folder / "in.ipynb", "1")
    with pytest.raises(NotFound, match="no Dask scheduler answers"):
        batch([Job(1, "in.ipynb", "out.ipynb", {})], place=Cluster("tcp://127.0.0.1:9", patience=1))
    assert not (folder / "out.ipynb").exists()


def test_a_lost_worker_that_is_still_listed_is_given_nothing(dask, monkeypatch):
    """A scheduler may list it for a while, and with nothing to do it would come first."""
    import asyncio

    dask.worker("one")
    dask.worker("two")
    dask.registered(2)

    async def chosen() -> list[str | None]:
        async with Cluster(dask.address) as cluster:
            first = await cluster.idlest()
            assert first is not None
            cluster.open[first] += 1
            other = await cluster.idlest()
            assert other is not None
            found = [first, other]
            cluster.lost(other, "it was killed")
            found.append(await cluster.idlest())
            cluster.lost(first, "it was killed, too")
            found.append(await cluster.idlest())
            monkeypatch.setattr("jupyter_mlo.runs.batch.cluster._AVOIDED", 0)
            found.append(await cluster.idlest())
            return found

    one, two, *later = asyncio.run(chosen())
    assert one != two
    assert later == [one, None, two]
