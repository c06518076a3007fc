"""What ``jupyter mlo run`` is asked for: the command line, over a plan where there is one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.runs.batch.jobs import Job, expand, parse_grid, parse_value

if TYPE_CHECKING:
    from jupyter_mlo.runs.batch.plan_file import PlanFile


@dataclass(frozen=True)
class Plan:
    """All of it, with defaults."""

    jobs: Sequence[Job]
    mandates: Sequence[str]
    activity: str | None
    model: str | None
    cwd: str | None
    workers: int
    cell_timeout: float | None
    timeout: float | None
    start_timeout: float
    #: MB.
    max_output: int
    retries: int
    keep_going: bool


def planned(arguments: argparse.Namespace) -> Plan:
    """Read the plan, if one is named, and put the command line over it; raises `InvalidInput`."""
    file = None
    if arguments.plan:
        if arguments.notebooks:
            raise InvalidInput(
                "notebooks are named on the command line and in a plan", hint="use one of them"
            )
        from jupyter_mlo.runs.batch.plan_file import read_plan

        file = read_plan(Path(arguments.plan))
    jobs = _jobs(arguments, file)

    def chosen(name: str, default: Any = None) -> Any:
        for place in (arguments, file):
            value = getattr(place, name, None)
            if value is not None:
                return value
        return default

    return Plan(
        jobs=jobs,
        mandates=arguments.mandate or (file.mandates if file else []),
        activity=chosen("activity"),
        model=chosen("model"),
        cwd=chosen("cwd"),
        workers=chosen("workers", 1),
        cell_timeout=chosen("cell_timeout"),
        timeout=chosen("timeout"),
        start_timeout=chosen("start_timeout", 60.0),
        max_output=chosen("max_output", 500),
        retries=chosen("retries", 1),
        keep_going=chosen("keep_going", False),
    )


def _jobs(arguments: argparse.Namespace, file: PlanFile | None) -> list[Job]:
    parameters = {name: parse_value(text) for name, text in arguments.parameters}
    parameters |= dict(arguments.raw)
    grid: dict[str, list[Any]] = {}
    for text in arguments.grid:
        name, values = parse_grid(text)
        if name in grid:
            raise InvalidInput(f"--grid {name} is given twice", hint="list all values at once")
        grid[name] = values
    if file is None:
        if not arguments.notebooks:
            raise InvalidInput(
                "no notebook is named", hint="jupyter mlo run NOTEBOOK… --out runs/{notebook}.ipynb"
            )
        return expand(
            arguments.notebooks,
            parameters=parameters,
            grid=grid,
            out=_needed(arguments.out),
            kernel=arguments.kernel,
        )
    jobs: list[Job] = []
    for each in file.runs:
        out = _needed(arguments.out or each.out or file.out)
        fixed = {**file.parameters, **each.parameters, **parameters}
        varied = {**file.grid, **each.grid, **grid}
        # What is nearer counts: a value given here takes the place of a grid given further out.
        for name in {**each.parameters, **parameters}:
            if name not in (grid if name in parameters else {**each.grid, **grid}):
                varied.pop(name, None)
        for name in {**each.grid, **grid}:
            if name not in parameters and name not in each.parameters:
                fixed.pop(name, None)
        jobs += expand(
            each.notebooks,
            parameters=fixed,
            grid=varied,
            out=out,
            kernel=arguments.kernel or each.kernel or file.kernel,
            first=len(jobs) + 1,
        )
    return jobs


def _needed(out: str | None) -> str:
    if not out:
        raise InvalidInput(
            "it is not said where outputs go", hint="say it: --out runs/{notebook}.ipynb"
        )
    return out
