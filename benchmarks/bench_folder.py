"""Verifying a folder of notebooks by the command, against ``jupyter trust`` on each of them.

Notebooks as they mostly are: a few cells, some output. The peer is one command a notebook, which
is how it is used; some of them are timed, and their median counts for all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.bench_verify import MLO, new_session, write_sealed
from benchmarks.figure import Figure
from jupyter_mlo.config import load_settings
from jupyter_mlo.delegation.trust import TrustStore

NOTEBOOKS = 1000
#: How many of them the peer is timed on.
SAMPLE = 5
TIMEOUT = 600


def measure() -> Iterator[Figure]:
    """The ratio of the rates, in notebooks a second."""
    with tempfile.TemporaryDirectory() as name:
        home, folder = Path(name, "home"), Path(name, "notebooks")
        env = _environment(home)
        folder.mkdir()
        session = new_session()
        for number in range(NOTEBOOKS):
            write_sealed(folder / f"{number}.ipynb", 8, 1000, session)
        trust = TrustStore(load_settings({"MLO_HOME": env["MLO_HOME"]}))
        for key_id in session[1].pins[MLO]:
            trust.add(MLO, key_id)
        ours = _seconds(env, "mlo", "verify", "--quiet", str(folder))
        each = median(
            _seconds(env, "trust", str(folder / f"{number}.ipynb")) for number in range(SAMPLE)
        )
        yield Figure(
            f"verify a folder of {NOTEBOOKS:,} notebooks",
            NOTEBOOKS / ours,
            "/s",
            peer=1 / each,
            against="jupyter trust on each",
            at_least=10,
        )


def _environment(home: Path) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("MLO_")}
    for variable in ("HOME", "MLO_HOME", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        env[variable] = str(home / variable.lower())
        (home / variable.lower()).mkdir(parents=True, mode=0o700)
    return env


def _seconds(env: dict[str, str], *arguments: str) -> float:
    jupyter = str(Path(sys.executable).with_name("jupyter"))
    began = time.perf_counter()
    subprocess.run(
        [jupyter, *arguments], env=env, check=True, stdout=subprocess.DEVNULL, timeout=TIMEOUT
    )
    return time.perf_counter() - began
