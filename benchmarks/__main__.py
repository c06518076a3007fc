"""Measure every promised figure and print one table: ``python -m benchmarks``.

The exit status is 1 where a figure misses its bound. Seconds depend on the machine and on what else
it does; trust the ratios.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figure import Figure

HEAD = ("what", "ours", "peer", "ratio", "must reach", "holds")


def names() -> list[str]:
    """``bench_kernel.py`` → ``kernel``, in alphabetical order."""
    return sorted(
        path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py")
    )


def machine() -> str:
    """One line that says where the figures come from."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.system()} {platform.machine()}, "
        f"{cores} cores{load}, Python {platform.python_version()}"
    )


def table(rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as they need to be; numbers to the right."""
    lines = [HEAD, *rows]
    widths = [max(len(row[column]) for row in lines) for column in range(len(HEAD))]
    left = {0, 4, 5}
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in lines
    )


def figures(chosen: Sequence[str]) -> Iterator[tuple[str, Figure]]:
    """Run the chosen modules, each saying on stderr that it does."""
    for name in chosen:
        print(f"measuring {name} …", end="", file=sys.stderr, flush=True)
        began = time.perf_counter()
        found = list(importlib.import_module(f"benchmarks.bench_{name}").measure())
        print(f" {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        yield from ((name, figure) for figure in found)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``python -m benchmarks``; the result is the exit status."""
    known = names()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=known, metavar="NAME", help=f"of {', '.join(known)}"
    )
    parser.add_argument("--json", action="store_true", help="numbers instead of a table")
    arguments = parser.parse_args(argv)
    # What is installed has its bytecode, ours as well as the peers'.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    where = machine()
    found = list(figures(arguments.only or known))
    if arguments.json:
        listed = [{"bench": name, **figure.as_json()} for name, figure in found]
        print(json.dumps({"machine": where, "figures": listed}, indent=1, ensure_ascii=False))
    else:
        print(where, "", table(figure.row() for _, figure in found), sep="\n")
    missed = sum(figure.holds is False for _, figure in found)
    if missed and not arguments.json:
        print(f"\n{missed} of {len(found)} figures miss what they must reach")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
