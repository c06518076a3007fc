"""papermill with the engine ``mlo`` against plain papermill, command against command.

Both commands are started anew each time, in turn, so that what else the machine does hits
both. The MLO is logged in and the ledger is there: every run is stamped, sealed and published.
The peer needs minutes for its 1,000 cells, which is why it runs them once.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from benchmarks.figure import Figure
from tests.throwaway import throwaway_environment

TIMEOUT = 1800


@dataclass(frozen=True)
class Case:
    """A notebook, how often each command runs it, and the ratio that must be reached."""

    what: str
    sources: list[str]
    rounds: int
    peer_rounds: int
    at_most: float


CASES = [
    Case("run a notebook of 1 cell", ["1 + 1"], 7, 7, 1.05),
    Case("run a notebook of 100 cells", [f"{n} + 1" for n in range(100)], 3, 3, 0.7),
    Case(
        "run a cell with 2,000 outputs",
        ["from IPython.display import display\nfor n in range(2_000): display(n)"],
        5,
        5,
        1.05,
    ),
    Case(
        "run 20 cells beside a 50 MB output",
        ["print('x' * 50_000_000)", *(f"{n} + 1" for n in range(20))],
        3,
        3,
        0.35,
    ),
    Case("run a notebook of 1,000 cells", [f"{n} + 1" for n in range(1_000)], 3, 1, 0.05),
]


def measure() -> Iterator[Figure]:
    """Medians of wall-clock seconds."""
    with tempfile.TemporaryDirectory(prefix="mlo-bench-") as name:
        folder = Path(name)
        environ = throwaway_environment(folder)
        _log_in(environ)
        _write(folder / "warm.ipynb", ["1"])
        for engine in ("nbclient", "mlo"):
            _seconds(engine, folder, "warm.ipynb", environ)
        for case in CASES:
            yield _figure(case, folder, environ)


def _figure(case: Case, folder: Path, environ: dict[str, str]) -> Figure:
    _write(folder / "in.ipynb", case.sources)
    taken: dict[str, list[float]] = {"nbclient": [], "mlo": []}
    for turn in range(max(case.rounds, case.peer_rounds)):
        for engine, rounds in (("nbclient", case.peer_rounds), ("mlo", case.rounds)):
            if turn < rounds:
                taken[engine].append(_seconds(engine, folder, "in.ipynb", environ))
    return Figure(
        case.what,
        statistics.median(taken["mlo"]),
        "s",
        peer=statistics.median(taken["nbclient"]),
        against="papermill",
        at_most=case.at_most,
    )


def _seconds(engine: str, folder: Path, notebook: str, environ: dict[str, str]) -> float:
    command = [sys.executable, "-m", "papermill", "--engine", engine, notebook, "out.ipynb"]
    began = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=TIMEOUT,
        check=False,
    )
    taken = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    if (b'"stamp"' in (folder / "out.ipynb").read_bytes()) != (engine == "mlo"):
        raise RuntimeError(f"the engine {engine} did not do what is measured here")
    return taken


def _log_in(environ: dict[str, str]) -> None:
    """Enrol and log in, without a key on disk that would have to be unlocked."""
    from jupyter_mlo.config import load_settings
    from jupyter_mlo.delegation.enrolment import enrol_oneself
    from jupyter_mlo.delegation.sessions import open_session
    from jupyter_mlo.identity.ids import new_mlo_id
    from jupyter_mlo.identity.keys import SigningKey

    kept = dict(os.environ)
    os.environ.update(environ)  # the runtime folder is found by Jupyter, which asks the process
    try:
        settings = load_settings()
    finally:
        os.environ.clear()
        os.environ.update(kept)
    now = datetime.now(UTC)
    key, mlo = SigningKey.generate(), new_mlo_id()
    open_session(
        settings,
        cast(Any, SimpleNamespace(mlo=mlo)),
        key,
        now=now,
        duration=timedelta(hours=8),
        activity="training",
        model="loan@3",
        enrolments=[enrol_oneself(mlo, "person", key, now=now)],
    )


def _write(path: Path, sources: list[str]) -> None:
    import nbformat

    nb = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        cells=[nbformat.v4.new_code_cell(source) for source in sources],  # type: ignore[no-untyped-call]
    )
    nbformat.write(nb, path)  # type: ignore[no-untyped-call]
