"""``jupyter mlo run`` against papermill: the same notebooks, in turn, sharing the machine.

The MLO is logged in and the ledger is there: every run is stamped, sealed and published, and the
outputs are counted. Loops of papermill take minutes, which is why they go once.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.bench_papermill import _log_in, _write
from benchmarks.figure import Figure
from tests.throwaway import throwaway_environment

TIMEOUT = 3000
SHORT = ["seed = 0", "import math\nprint(seed)", "math.sqrt(seed)", "x = [1] * 1000", "sum(x)"]
WAITING = ["seed = 0", "import time\ntime.sleep(1)"]
#: Runs each notebook ``{n}.ipynb`` with papermill in one process.
LOOP = """
import sys
from papermill.execute import execute_notebook
for n in range(20):
    execute_notebook(f"{sys.argv[1]}/{n}.ipynb", "loop.ipynb", progress_bar=False)
"""


def measure() -> Iterator[Figure]:
    """Wall-clock seconds."""
    with tempfile.TemporaryDirectory(prefix="mlo-bench-") as name:
        folder = Path(name)
        environ = throwaway_environment(folder)
        _log_in(environ)
        for group, sources in (("short", SHORT), ("waiting", WAITING)):
            (folder / group).mkdir()
            for n in range(20):
                _write(folder / group / f"{n}.ipynb", sources)
        _write(folder / "one.ipynb", ["1 + 1"])
        bench = _Bench(folder, environ)
        bench.ours("one.ipynb")  # everything is compiled, the ledger is made
        bench.papermill("one.ipynb")
        yield bench.one_cell()
        yield from bench.short()
        yield bench.waiting()
        yield bench.cluster()
        yield bench.memory()


class _Bench:
    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self._folder = folder
        self._environ = environ

    def one_cell(self) -> Figure:
        ours, theirs = [], []
        for _ in range(5):
            theirs.append(self.papermill("one.ipynb"))
            ours.append(self.ours("one.ipynb"))
        return Figure(
            "run a notebook of 1 cell, runs a second",
            1 / statistics.median(ours),
            "/s",
            peer=1 / statistics.median(theirs),
            against="papermill",
            at_least=4,
        )

    def short(self) -> Iterator[Figure]:
        commands = self._seconds(
            lambda: [self.papermill(f"short/{n}.ipynb") for n in range(20)], rounds=1
        )
        loop = self._seconds(lambda: self._run("-c", LOOP, "short"), rounds=1)
        ours = self._seconds(lambda: self.ours("short", workers=2), rounds=3)
        for peer, against, bound in (
            (commands, "papermill commands", 10),
            (loop, "execute_notebook loop", 5),
        ):
            yield Figure(
                "20 short notebooks, --workers 2, notebooks a second",
                20 / ours,
                "/s",
                peer=20 / peer,
                against=against,
                at_least=bound,
            )

    def waiting(self) -> Figure:
        loop = self._seconds(lambda: self._run("-c", LOOP, "waiting"), rounds=1)
        ours = self._seconds(lambda: self.ours("waiting", workers=20), rounds=3)
        return Figure(
            "20 notebooks that wait 1 s, --workers 20, notebooks a second",
            20 / ours,
            "/s",
            peer=20 / loop,
            against="execute_notebook loop",
            at_least=8,
        )

    def cluster(self) -> Figure:
        """On two workers of a scheduler that is there already, against as many here."""
        file = self._folder / "scheduler.json"
        worker = ("worker", "--nthreads", "2", "--no-nanny", "--no-dashboard")
        begin = [sys.executable, "-m"]
        processes = [
            subprocess.Popen(
                [*begin, f"distributed.cli.dask_{what}", "--scheduler-file", str(file), *options],
                cwd=self._folder,
                env=self._environ,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for what, *options in (("scheduler", "--port", "0", "--no-dashboard"), worker, worker)
        ]
        try:
            while not file.exists():
                time.sleep(0.1)
            address = json.loads(file.read_text())["address"]
            for _ in range(2):  # both have imported what they need
                self.ours("short", workers=2, more=("--dask", address))
            here, there = [], []
            for _ in range(3):
                here.append(self.ours("short", workers=2))
                there.append(self.ours("short", workers=2, more=("--dask", address)))
        finally:
            for process in processes:
                process.kill()
                process.wait()
        return Figure(
            "20 short notebooks on 2 Dask workers, notebooks a second",
            20 / statistics.median(there),
            "/s",
            peer=20 / statistics.median(here),
            against="the local batch",
            at_least=0.9,
        )

    def memory(self) -> Figure:
        """Resident memory of the coordinating process when the 1,000th run has ended."""
        self._run(
            *("-c", _RESIDENT, "run", "one.ipynb", "--grid", "seed=1..1000"),
            *("--workers", "2", "--out", "out/{seed}.ipynb"),
        )
        early, late = map(int, (self._folder / "resident").read_text().split())
        return Figure(
            "memory of a batch of 1,000 notebooks at its end",
            late / 1024,
            "MB",
            peer=early / 1024,
            against="at its 10th",
            at_most=1.1,
        )

    def ours(self, what: str, workers: int = 1, more: tuple[str, ...] = ()) -> float:
        """Seconds of one batch."""
        path = self._folder / what
        names = [what] if path.is_file() else [f"{what}/{n}.ipynb" for n in range(20)]
        return self._seconds(
            lambda: self._run(
                *("-m", "jupyter_mlo.cli.main", "run", *names, "--workers", str(workers)),
                *("--out", "out/{notebook}.ipynb", "--json", *more),
                counted=len(names),
            ),
            rounds=1,
        )

    def papermill(self, what: str) -> float:
        """Seconds of one command."""
        return self._seconds(
            lambda: self._run("-m", "papermill", "--no-progress-bar", what, "out.ipynb"), rounds=1
        )

    def _run(self, *arguments: str, counted: int | None = None) -> None:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace"))
        if counted is not None:
            results = json.loads(done.stdout)
            good = [each for each in results if each["sealed"] and each["status"] == "succeeded"]
            if len(good) != counted:
                raise RuntimeError("not every run was sealed")

    def _seconds(self, what: Callable[[], object], rounds: int) -> float:
        taken = []
        for _ in range(rounds):
            began = time.perf_counter()
            what()
            taken.append(time.perf_counter() - began)
        return statistics.median(taken)


#: Writes down what the process has in memory when the 10th run ends, and when the last one does.
_RESIDENT = """
import re, sys
from jupyter_mlo.cli.main import main
from jupyter_mlo.verbs.run_shown import Lines
seen = []
kept = Lines.ended
def ended(self, result):
    kept(self, result)
    seen.append(result.job.number)
    if len(seen) in (10, 1000):
        now = re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1]
        open("resident", "a").write(f"{now} ")
Lines.ended = ended
sys.exit(main(sys.argv[1:]))
"""
