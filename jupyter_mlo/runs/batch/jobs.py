"""What a batch is to run: notebooks times a grid of parameters, each with a place of its own.

Pure: nothing is read or started. Whatever cannot be meant is refused here, before anything is.
"""

from __future__ import annotations

import itertools
import math
import os
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.identity.safe_text import terminal_safe

#: Runs in one batch.
MOST: Final = 100_000
_RANGE: Final = re.compile(r"(-?\d+)\.\.(-?\d+)(?:\.\.(\d+))?")
_BARE: Final = {"True": True, "False": False, "None": None}
#: Digits of a number in a grid.
_DIGITS: Final = 100
#: Of a whole number: more is no double.
_BITS: Final = 1024
#: Levels of lists and tables.
_DEPTH: Final = 20
_HINT: Final = "write --grid seed=1..20 or --grid alpha=0.1,0.2"


@dataclass(frozen=True)
class Job:
    """One notebook with one set of parameters."""

    number: int
    #: Path or address of the notebook, and of what it becomes.
    source: str
    target: str
    parameters: Mapping[str, Any]
    #: Name of the kernelspec in place of the notebook's own.
    kernel: str | None = None
    #: The output's local file, links on the way followed; found out once, when the batch begins.
    place: str | None = None


def parse_value(text: str) -> Any:
    """A value as papermill's ``-p`` reads it: ``True``, ``None``, numbers, else the text itself."""
    if text in _BARE:
        return _BARE[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def parse_grid(text: str) -> tuple[str, list[Any]]:
    """``seed=1..20``, ``seed=0..100..10`` or ``alpha=0.1,0.2``: name and values.

    Raises:
        InvalidInput: it is none of these, or has more values than a batch has runs.
    """
    name, equals, values = text.partition("=")
    shown = terminal_safe(text, limit=80)
    if not equals or not name.strip() or not values:
        raise InvalidInput(f"--grid {shown} is no name with values", hint=_HINT)
    found = _RANGE.fullmatch(values.strip())
    if found is None:
        return name.strip(), [parse_value(each.strip()) for each in values.split(",")]
    if max(map(len, filter(None, found.groups()))) > _DIGITS:
        raise InvalidInput(f"--grid {shown} has numbers that are too long", hint=_HINT)
    first, last, step = int(found[1]), int(found[2]), int(found[3] or 1)
    if step < 1 or abs(last - first) // step >= MOST:
        raise InvalidInput(f"--grid {shown} has too many values, or a step of 0", hint=_HINT)
    if first <= last:
        return name.strip(), list(range(first, last + 1, step))
    return name.strip(), list(range(first, last - 1, -step))


def _unfit(value: object, depth: int = 0) -> str:
    """Why no notebook can hold a value, however it runs; empty where it can."""
    if depth > _DEPTH:
        return "a value that is nested too deeply"
    if isinstance(value, int):
        return "a number that is too long" if value.bit_length() > _BITS else ""
    if value is None or isinstance(value, str | float):
        return ""
    if isinstance(value, list | tuple):
        return next(filter(None, (_unfit(one, depth + 1) for one in value)), "")
    if isinstance(value, Mapping):
        return next(filter(None, (_unfit(one, depth + 1) for one in value.values())), "")
    return f"a value of the type {type(value).__name__}: write it as text, in quotation marks"


def expand(
    sources: Sequence[str],
    *,
    parameters: Mapping[str, Any],
    grid: Mapping[str, Sequence[Any]],
    out: str,
    kernel: str | None = None,
    first: int = 1,
) -> list[Job]:
    """Every source with every point of the grid.

    Args:
        out: where each goes: ``{notebook}`` stands for the name of the notebook's file without
            its ending, ``{folder}`` for its folder, ``{run}`` for the job's number, and
            ``{name}`` for the parameter of that name.

    Raises:
        InvalidInput: a name is no parameter's, a value is given twice, the pattern names what
            there is not, or there are too many.
    """
    for name in (*parameters, *grid):
        if not isinstance(name, str) or not name.replace(".", "_").isidentifier():
            raise InvalidInput(
                f"{terminal_safe(str(name), limit=80)!r} cannot name a parameter",
                hint="a name is letters, digits and _ and begins with no digit",
            )
    for name, value in (*parameters.items(), *grid.items()):
        if why := _unfit(value):
            raise InvalidInput(
                f"the parameter {terminal_safe(name, limit=80)!r} has {why}",
                hint="a notebook holds text, numbers, true, false, lists and tables",
            )
    twice = sorted(parameters.keys() & grid.keys())
    if twice:
        raise InvalidInput(
            f"the parameter {twice[0]!r} has one value and a grid as well", hint="give one of them"
        )
    count = len(sources) * math.prod(len(values) for values in grid.values())
    if count + first - 1 > MOST:
        raise InvalidInput(f"that is {count:,} runs, and a batch has {MOST:,} at most", hint=_HINT)
    jobs: list[Job] = []
    for source in sources:
        for point in itertools.product(*grid.values()):
            number = first + len(jobs)
            given = {**parameters, **dict(zip(grid, point, strict=True))}
            jobs.append(Job(number, source, _target(out, source, given, number), given, kernel))
    return jobs


def check_targets(jobs: Sequence[Job]) -> None:
    """Refuse a batch in which two runs write to one place, or one over a notebook that is read.

    Raises:
        InvalidInput: both are named.
    """
    seen: dict[str, Job] = {}
    sources = {_place(job.source): job for job in jobs}
    for job in jobs:
        place = _place(job.target)
        if place in seen:
            raise InvalidInput(
                f"runs {seen[place].number} and {job.number} would both write "
                f"{terminal_safe(job.target, limit=200)}",
                hint="have --out name what tells them apart: "
                f"{{notebook}}, {{folder}}, {{run}}{_names(job)}",
            )
        if place in sources:
            raise InvalidInput(
                f"run {job.number} would write over {terminal_safe(job.target, limit=200)}, which "
                "is one of the notebooks that are to run",
                hint="write to another folder: --out runs/{notebook}.ipynb",
            )
        seen[place] = job


def _place(path: str) -> str:
    return path if "://" in path else os.path.realpath(path)


def _names(job: Job) -> str:
    return "".join(f", {{{name}}}" for name in job.parameters)


def _target(pattern: str, source: str, parameters: Mapping[str, Any], number: int) -> str:
    path = PurePosixPath(source.split("://", 1)[-1])
    built_in = {
        "notebook": path.name.removesuffix(".ipynb"),
        "folder": path.parent.as_posix() if "://" not in source else path.parent.name,
        "run": str(number),
    }
    values = {name: str(value) for name, value in parameters.items()} | built_in
    shown = terminal_safe(pattern, limit=200)
    parts = []
    try:
        for text, field, form, conversion in string.Formatter().parse(pattern):
            parts.append(text)
            if field is None:
                continue
            if form or conversion or field not in values:
                raise InvalidInput(
                    f"--out {shown}: there is no {{{terminal_safe(field, limit=80)}}}",
                    hint="known are " + ", ".join(f"{{{name}}}" for name in sorted(values)),
                )
            if field in parameters and field in built_in:
                raise InvalidInput(
                    f"--out {shown}: {{{field}}} may be the parameter of that name or not",
                    hint="have the pattern name something else, or give the parameter another name",
                )
            first = not any(parts)
            parts.append(
                _folder(values[field], first) if field == "folder" else _part(field, values[field])
            )
    except ValueError as error:
        raise InvalidInput(f"--out {shown}: {error}", hint="write {{ and }} for braces") from None
    return "".join(parts)


def _folder(text: str, begins: bool) -> str:
    """A notebook's folder; where something stands before it, it must not lead out of that."""
    if not begins and ".." in PurePosixPath(text).parts:
        raise InvalidInput(
            f"--out: {{folder}} is {terminal_safe(text, limit=80)!r} here, which leads elsewhere",
            hint="begin the pattern with {folder}, or leave it out",
        )
    return text


def _part(name: str, text: str) -> str:
    """A value as part of a file's name; one that would lead elsewhere has no place in it."""
    if "/" in text or "\0" in text or text in ("", ".", "..") or len(text) > 200:
        raise InvalidInput(
            f"the value of {name!r} cannot be part of a file's name: "
            f"{terminal_safe(text, limit=80)!r}",
            hint="have --out name something else: {notebook}, {run}",
        )
    return text
