"""``jupyter mlo run`` as a command: terminals, signals, results, resuming."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pexpect
import pytest

from jupyter_mlo.runs.batch.index import OutputVerdict, index
from jupyter_mlo.runs.batch.jobs import Job
from jupyter_mlo.runs.batch.results import Result, Tried
from jupyter_mlo.statements.predicates import types
from tests.runs.conftest import write

COMMAND = [sys.executable, "-m", "jupyter_mlo.cli.main", "run"]


@pytest.fixture
def environ(folder):
    root = str(Path(__file__).parents[3])
    return dict(os.environ) | {"PYTHONPATH": root, "TERM": "xterm"}


@pytest.fixture
def run_command(folder, environ):
    def run(*arguments, timeout=60):
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


def test_results_are_lines_a_table_json_and_a_page(ada, folder, run_command, holds):
    ada.login()
    write(folder / "in.ipynb", "seed = 0", "1 / seed", tags={0: ["parameters"]})
    done = run_command(
        *("in.ipynb", "-p", "alpha", "<b>", "--grid", "seed=0..2", "--keep-going", "--json"),
        *("--out", "out/{seed}.ipynb", "--index", "out/index.html", "--workers", "2"),
    )
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert "[3/3]" in done.stderr
    assert "unknown parameter alpha" in done.stderr
    results = json.loads(done.stdout)
    assert [each["status"] for each in results] == ["failed", "succeeded", "succeeded"]
    assert "ZeroDivisionError" in results[0]["reason"]
    assert {each["mlo"] for each in results} == {ada.mlo}
    assert all(each["sealed"] for each in results)
    page = (folder / "out" / "index.html").read_text()
    assert "<b>" not in page
    assert "alpha = &lt;b&gt;" in page
    assert ada.mlo in page
    assert 'href="0.ipynb"' in page
    assert page.count("<span class=good>holds; 3 cells: 3 verified</span>") == 2
    assert page.count("<span class=good>holds; 5 cells: 5 verified</span>") == 1
    for seed in range(3):
        holds(f"out/{seed}.ipynb")


def test_a_page_that_cannot_be_written_costs_no_results(ada, folder, run_command):
    ada.login()
    write(folder / "in.ipynb", "x = 0", tags={0: ["parameters"]})
    name = os.fsdecode(b"caf\xe9.ipynb")
    (folder / name).write_bytes((folder / "in.ipynb").read_bytes())

    def refuse(value):
        raise AssertionError(value)

    for page in ("in.ipynb/index.html", "index.html"):
        done = run_command(
            *(name, "-p", "x", "1e999", "--json", "--index", page),
            *("--out", "out/{notebook}.ipynb"),
        )
        assert done.returncode == 0, done.stderr
        (result,) = json.loads(done.stdout, parse_constant=refuse)
        assert result["parameters"] == {"x": "inf"}
        assert ("is not written" in done.stderr) == (page != "index.html")
    assert 'href="out/caf%E9.ipynb"' in (folder / "index.html").read_text()


def test_a_page_has_the_verdict_of_each_output_that_this_batch_made(ada, folder, run_command):
    write(folder / "in.ipynb", "seed = 0", "1 / seed", tags={0: ["parameters"]})
    arguments = ["in.ipynb", "--out", "{seed}.ipynb", "--index", "i.html"]
    run_command(*arguments, "--grid", "seed=1..2")  # nobody is logged in: nobody answers for these
    assert Path("i.html").read_text().count("<span class=bad>DOES NOT HOLD; 3 cells: ") == 2
    ada.login()
    (folder / "2.ipynb").write_text("what an earlier one has left")
    done = run_command(*arguments, "--grid", "seed=1,0,2", "--workers", "1")
    assert done.returncode == 1
    page = Path("i.html").read_text()
    assert page.count("<span class=good>holds; 3 cells: 3 verified</span>") == 1
    assert "<span class=bad>not started</span><td>-<td>" in page


def test_everything_on_a_page_is_escaped(tmp_path):
    evil = "<script>alert(1)</script>\u202e\"'"
    result = Result(Job(1, evil, f"{evil}.ipynb", {evil: evil}), "failed", evil, evil, evil, evil)
    result.metrics = {evil: 1.0}
    result.remarks = [evil]
    result.attempts = [Tried(evil, "failed", evil)]
    import datetime

    verdicts = {1: OutputVerdict(False, evil)}
    page = index([result], verdicts, {evil: evil}, datetime.datetime.now(datetime.UTC), tmp_path)
    assert "<script" not in page
    assert "\u202e" not in page


def test_what_is_refused_starts_nothing(ada, folder, run_command):
    ada.login()
    write(folder / "in.ipynb", "1")
    (folder / "plan.toml").write_text("out = 'x/{run}.ipynb'\n[[runs]]\nnotebok = 'in.ipynb'\n")
    for arguments, said in (
        (["in.ipynb", "in.ipynb", "--out", "x/{notebook}.ipynb"], "would both write"),
        (["in.ipynb"], "where outputs go"),
        ([], "no notebook is named"),
        (["in.ipynb", "gone.ipynb", "--out", "x/{notebook}.ipynb"], "no notebook gone.ipynb"),
        (["in.ipynb", "-p", "a b", "1", "--out", "x/o.ipynb"], "cannot name a parameter"),
        (["in.ipynb", "-p", "in", "1", "--out", "x/o.ipynb"], "cannot be given these parameters"),
        (["in.ipynb", "--kernel", "none", "--out", "x/o.ipynb"], "is not installed here"),
        (["in.ipynb", "--mandate", "gone", "--out", "x/o.ipynb"], "mandate"),
        (["--plan", "plan.toml"], "runs.0.note"),
        (["in.ipynb", "--workers", "0", "--out", "x/o.ipynb"], "workers"),
    ):
        done = run_command(*arguments)
        assert done.returncode == 2, arguments
        assert said in done.stderr, done.stderr
        assert not (folder / "x").exists()


def test_resuming_repeats_nothing_that_is_done(ada, folder, run_command, logged):
    ada.login()
    (folder / "data.csv").write_text("1,2\n")
    source = ["seed = 0\ndata = ''", "open(data).read()"]
    write(folder / "in.ipynb", *source, tags={0: ["parameters"]})
    arguments = ["in.ipynb", "-p", "data", "data.csv", "--grid", "seed=1..3", "--json"]
    arguments += ["--out", "out/{seed}.ipynb", "--workers", "2", "--resume"]

    def statuses():
        return [each["status"] for each in json.loads(run_command(*arguments).stdout)]

    assert statuses() == ["succeeded"] * 3
    assert statuses() == ["kept"] * 3
    assert len(logged(types.PROVENANCE)) == 3
    # Not because a file is there: one was touched, one is another's, one has failed.
    nb = nbformat.read("out/1.ipynb", as_version=4)
    nb.cells[2].outputs[0].data["text/plain"] = "'3,4'"
    nbformat.write(nb, "out/1.ipynb")
    Path("out/3.ipynb").write_bytes(Path("out/2.ipynb").read_bytes())
    assert statuses() == ["succeeded", "kept", "succeeded"]
    # Its results are gone, though its code holds.
    nb = nbformat.read("out/2.ipynb", as_version=4)
    for cell in nb.cells:
        cell.outputs = []
    nbformat.write(nb, "out/2.ipynb")
    assert statuses() == ["kept", "succeeded", "kept"]
    (folder / "data.csv").write_text("5,6\n")
    assert statuses() == ["succeeded"] * 3
    write(folder / "in.ipynb", source[0], source[1] + "  # changed", tags={0: ["parameters"]})
    assert statuses() == ["succeeded"] * 3


def test_what_is_kept_shows_who_did_it_and_what_was_measured(ada, folder, run_command):
    ada.login()
    source = ["seed = 0", "from jupyter_mlo import record\nrecord(metrics={'auc': 0.5 + seed})"]
    source.append("record(metrics={'auc': 0.5}, thresholds={'auc': 0.9})")
    write(folder / "in.ipynb", *source, tags={0: ["parameters"]})
    arguments = ["in.ipynb", "--grid", "seed=1..2", "--json", "--out", "out/{seed}.ipynb"]
    arguments += ["--resume", "--index", "index.html"]

    def told():
        found = json.loads(run_command(*arguments).stdout)
        names = ("status", "mlo", "via", "activity", "model", "metrics", "tested", "sealed")
        return [tuple(each[name] for name in names) for each in found]

    first = told()
    assert [(one[1], one[5], one[6]) for one in first] == [
        (ada.mlo, {"auc": 1.5}, "FAILED"),
        (ada.mlo, {"auc": 2.5}, "FAILED"),
    ]
    assert told() == [("kept", *one[1:]) for one in first]
    page = Path("index.html").read_text()
    assert page.count(ada.mlo) == 2
    assert "auc = 2.5" in page


def test_ctrl_c_ends_what_runs_and_records_it(ada, folder, environ, holds, logged):
    ada.login()
    write(folder / "in.ipynb", "open('begun', 'w').close()", "import time; time.sleep(60)", "3")
    process = subprocess.Popen(
        [*COMMAND, "in.ipynb", "--grid", "n=1..5", "--out", "{n}.ipynb", "--json"],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for(folder / "begun")
    time.sleep(0.3)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 15
    assert process.returncode == 130, err
    statuses = [each["status"] for each in json.loads(out)]
    # Whichever kernel was ready first.
    assert sorted(set(statuses)) == ["interrupted", "not started"]
    assert statuses.count("interrupted") == 1
    report = holds(f"{statuses.index('interrupted') + 1}.ipynb")
    assert report.cells[0].mlo == ada.mlo
    said = [run.predicate.mlo_outcome for run in logged(types.PROVENANCE)]
    assert said == ["interrupted"]
    assert not list(ada.settings.runs.iterdir())


def test_a_second_ctrl_c_kills_what_does_not_end(ada, folder, environ, holds):
    ada.login()
    stubborn = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    stubborn += "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nopen('begun', 'w').close()\n"
    write(folder / "in.ipynb", stubborn + "while True: time.sleep(1)")
    process = subprocess.Popen(
        [*COMMAND, "in.ipynb", "--out", "out.ipynb"],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for(folder / "begun")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130
    holds("out.ipynb")


def test_on_a_terminal_there_is_a_live_table(ada, folder, environ):
    ada.login()
    write(folder / "in.ipynb", "import time", "time.sleep(0.5)", "3")
    child = pexpect.spawn(
        COMMAND[0],
        [*COMMAND[1:], "in.ipynb", "--out", "out.ipynb"],
        cwd=str(folder),
        env=environ,
        encoding="utf-8",
        timeout=30,
    )
    child.expect(r"0 of 1 runs")
    child.expect(r"\[#+\.*\] +\d/3")
    child.expect("1 succeeded")
    child.expect(pexpect.EOF)


def _wait_for(path: Path) -> None:
    until = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.02)
