"""Batches in this process, and beside them papermill itself."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from papermill.exceptions import PapermillExecutionError

from jupyter_mlo.config import Settings, load_settings
from jupyter_mlo.errors import MloError
from jupyter_mlo.runs.batch.attempt import Surrounding
from jupyter_mlo.runs.batch.batch import Here, Manner, run_batch
from jupyter_mlo.runs.batch.cells import Limits
from jupyter_mlo.runs.batch.failed_cell import FailedCell
from jupyter_mlo.runs.batch.jobs import Job
from jupyter_mlo.runs.batch.kernels import Specs
from jupyter_mlo.runs.batch.publisher import Together
from jupyter_mlo.runs.batch.results import Result
from jupyter_mlo.runs.withheld import Withheld
from tests.runs.conftest import *  # noqa: F403 - their fixtures


class Seen:
    """What was told of a batch."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []
        self.cells: dict[int, list[tuple[int, int]]] = {}

    def begun(self, result: Result) -> None:
        self.events.append(("begun", result.job.number))

    def moved(self, result: Result, done: int, cells: int) -> None:
        self.cells.setdefault(result.job.number, []).append((done, cells))

    def ended(self, result: Result) -> None:
        self.events.append(("ended", result.job.number))


def run_jobs(
    settings: Settings,
    jobs: list[Job],
    *,
    manner: Manner = Manner(),  # noqa: B008
    limits: Limits = Limits(),  # noqa: B008
    show: Any = None,
    cwd: Path | None = None,
    mandates: tuple[str, ...] = (),
    place: Any = None,
    **options: Any,
) -> list[Result]:
    """Run jobs in this process."""
    with Withheld() as secrets, Together(settings) as on_record:
        around = Surrounding(
            settings=settings,
            folder=Path.cwd(),
            cwd=Path.cwd() / (cwd or ""),
            on_record=on_record,
            specs=Specs(),
            secrets=secrets,
            limits=limits,
            mandates=mandates,
            **options,
        )
        where = place or Here(around.specs)
        results, _ = run_batch(jobs, around, manner, show or Seen(), where)
    return results


@pytest.fixture
def batch(settings: Settings, folder: Path) -> Callable[..., list[Result]]:
    """``batch([Job(1, "in.ipynb", "out.ipynb", {})], manner=…)``."""

    def run(jobs: list[Job], **options: Any) -> list[Result]:
        return run_jobs(settings, jobs, **options)

    return run


def execute_like_papermill(
    input_path: Any,
    output_path: Any,
    parameters: Mapping[str, Any] | None = None,
    kernel_name: str | None = None,
    cwd: Any = None,
    **options: Any,
) -> Any:
    """``papermill.execute_notebook`` by this driver: the same arguments, the same exception."""
    unknown = options.keys() - {"progress_bar", "execution_timeout", "log_output"}
    if unknown:
        pytest.skip(f"no such option here: {unknown}")
    job = Job(1, str(input_path), str(output_path), dict(parameters or {}), kernel_name)
    seen: list[Any] = []
    kept = Result.ended

    def watch(self: Result, run: Any, ending: Any) -> None:
        seen.append(ending)
        kept(self, run, ending)

    Result.ended = watch  # type: ignore[method-assign]
    try:
        (result,) = run_jobs(
            load_settings(),
            [job],
            manner=Manner(retries=0),
            limits=Limits(cell=options.get("execution_timeout")),
            cwd=Path(cwd) if cwd else None,
        )
    finally:
        Result.ended = kept  # type: ignore[method-assign]
    if not seen:
        raise MloError(result.reason)
    nb = nbformat.from_dict(seen[0]._run.nb)
    failed = seen[0].failed_cell
    if isinstance(failed, FailedCell):
        cell = nb.cells[failed.position + 2]
        raise PapermillExecutionError(
            cell_index=failed.position,
            exec_count=failed.count,
            source=cell.source,
            ename=failed.ename,
            evalue=failed.evalue,
            traceback=[
                line
                for output in cell.outputs
                if output.output_type == "error"
                for line in output.traceback
            ],
        )
    if seen[0].error is not None:
        raise seen[0].error
    return nb


_TIMES = {"start_time", "end_time", "duration"}


def comparable(path: Path | str) -> Any:
    """A notebook's file without what differs from one run to the next, and without what is ours."""
    nb = json.loads(Path(path).read_bytes())
    nb["metadata"].pop("mlo", None)
    entry = nb["metadata"].get("papermill", {})
    for name in _TIMES | {"output_path"}:
        if entry.get(name) is not None:
            entry[name] = "…"
    tagged = {"injected-parameters", "papermill-error-cell-tag"}
    for cell in nb["cells"]:
        cell["metadata"].pop("mlo", None)
        if tagged & set(cell["metadata"].get("tags", [])):
            cell["id"] = "…"
        for name in _TIMES:
            if cell["metadata"].get("papermill", {}).get(name) is not None:
                cell["metadata"]["papermill"][name] = "…"
        if "execution" in cell["metadata"]:
            cell["metadata"]["execution"] = sorted(cell["metadata"]["execution"])
        for output in cell.get("outputs", []):
            output.get("metadata", {}).pop("mlo", None)
    return copy.deepcopy(nb)
