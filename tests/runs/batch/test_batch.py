"""Batches with real kernels: attributed, sealed, tried again, resumed, stopped."""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import nbformat
import pytest

from jupyter_mlo.delegation.mandate_store import MandateStore
from jupyter_mlo.delegation.mandates import read_mandate
from jupyter_mlo.ledger.mandate_standing import spent_uses
from jupyter_mlo.ledger.store import open_ledger
from jupyter_mlo.lifecycle.provenance import BATCH_BUILDER
from jupyter_mlo.runs.batch.batch import Manner
from jupyter_mlo.runs.batch.cells import Limits
from jupyter_mlo.runs.batch.jobs import Job
from jupyter_mlo.statements.predicates import types
from tests.runs.batch.conftest import Seen
from tests.runs.conftest import stamped, write
from tests.runs.test_kernels import install
from tests.runs.test_mandates import revocation_of

_TELL = """import os, sys, random, json
fds = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if n.isdigit()
       and os.path.exists(f"/proc/self/fd/{n}") or n in "012"]
print(json.dumps({
    "secrets": [n for n in os.environ if n.startswith(("MLO_MANDATE", "MLO_PASSPHRASE"))],
    "started with": [n for n in open("/proc/self/environ").read().split(chr(0))
                     if n.startswith(("MLO_MANDATE", "MLO_PASSPHRASE"))],
    "memory": b"MLO_MAN" + b"DATE=" in open("/proc/self/cmdline", "rb").read(),
    "random": random.random(),
    "run": "MLO_RUN" in os.environ,
    "modules": [n for n in sys.modules if n.startswith("jupyter_mlo")],
    "group": os.getpgid(0) == os.getpid(),
    "fds": sorted(set(each.split(":")[0] for each in fds)),
}))"""


def test_a_sweep_is_attributed_sealed_and_on_record(ada, batch, folder, holds, logged, monkeypatch):
    ada.login()
    write(folder / "in.ipynb", "seed = 0", "import jupyter_mlo", _TELL, tags={0: ["parameters"]})
    write(
        folder / "rec.ipynb",
        "import jupyter_mlo\njupyter_mlo.record({'auc': 0.8}, thresholds={'auc': 0.7})",
        "jupyter_mlo.record({'loss': 0.2})",
    )
    monkeypatch.setenv("MLO_PASSPHRASE_FILE", "/nowhere")
    jobs = [Job(n, "in.ipynb", f"out/{n}.ipynb", {"seed": n}) for n in (1, 2, 3)]
    jobs.append(Job(4, "rec.ipynb", "out/rec.ipynb", {}))
    seen = Seen()
    results = batch(jobs, manner=Manner(workers=2), show=seen)
    assert [result.status for result in results] == ["succeeded"] * 4
    told = []
    for job in jobs[:3]:
        report = holds(job.target)
        assert len(stamped(report)) == 4
        nb = nbformat.read(job.target, as_version=4)
        assert nb.cells[1].source == f"# Parameters\nseed = {job.number}\n"
        told.append(json.loads(nb.cells[3].outputs[0].text))
    assert all(each["secrets"] == each["started with"] == [] for each in told)
    assert all(each["run"] and each["group"] for each in told)
    assert len({each["random"] for each in told}) == 3
    assert results[3].metrics == {"loss": 0.2}
    assert results[3].tested == "PASSED"
    runs = logged(types.PROVENANCE)
    assert len(runs) == 4
    said = [run.predicate for run in runs]
    assert {each.run_details.builder.id for each in said} == {BATCH_BUILDER}
    assert {each.mlo_outcome for each in said} == {"succeeded"}
    assert sorted(run.mlo == ada.mlo for run in runs) == [True] * 4
    assert len(logged(types.SEAL)) == 4
    assert sum(each.predicate.kind == "run" for each in logged(types.DELEGATION)) == 4
    assert seen.cells[1][-1] == (4, 4)
    assert not list((ada.settings.runs).iterdir())  # nothing is left of any run


def test_each_run_spends_one_use_of_a_mandate_and_beyond_them_none_starts(
    ada, batch, folder, holds
):
    write(folder / "in.ipynb", "seed = 0", "print(seed)", tags={0: ["parameters"]})
    file = ada.mandate(folder / "in.ipynb", parameters={"seed": "*"}, uses=2)
    other = ada.mandate(folder / "in.ipynb", parameters={"seed": [2]}, uses=1, file="b.mandate")
    jobs = [Job(n, "in.ipynb", f"out/{n}.ipynb", {"seed": n}) for n in (1, 2, 3, 4)]
    results = batch(jobs, manner=Manner(keep_going=True), mandates=(str(file), str(other)))
    assert [result.status for result in results] == ["succeeded"] * 2 + ["refused"] * 2
    assert all("so many have been started (uses)" in str(each.remarks) for each in results[2:])
    for job in jobs[:2]:
        holds(job.target)
    # The second one permits only what was not asked of it while the first had uses left.
    assert batch([jobs[1]], mandates=(str(file), str(other)))[0].status == "succeeded"
    with open_ledger(ada.settings) as ledger:
        assert [
            len(spent_uses(ada.settings, ledger, read_mandate(each))) for each in (file, other)
        ] == [2, 1]


def test_a_mandate_is_asked_before_anything_starts_and_reaches_the_next_run(
    ada, batch, folder, holds, logged
):
    write(folder / "in.ipynb", "seed = 0", "1", tags={0: ["parameters"]})
    write(folder / "other.ipynb", "2")
    file = ada.mandate(folder / "in.ipynb", parameters={"seed": "*"})

    class Revoking(Seen):
        """Has the mandate revoked when a run begins; the next is prepared already."""

        def begun(self, result):
            super().begun(result)
            if [what for what, _ in self.events].count("begun") == 1:
                revocation = revocation_of(ada, file)
                mandate = read_mandate(file).mandate_id
                MandateStore(ada.settings).add_revocation(mandate, revocation)

    jobs = [Job(n, "in.ipynb", f"{n}.ipynb", {"seed": n}) for n in range(1, 6)]
    results = batch(
        [*jobs[:1], Job(6, "other.ipynb", "6.ipynb", {}), *jobs[1:]],
        manner=Manner(workers=1, keep_going=True),
        mandates=(str(file),),
        show=Revoking(),
    )
    # Whichever kernel was ready first.
    (ran,) = [result for result in results if result.status == "succeeded"]
    refused = [result for result in results if result is not ran]
    assert {result.status for result in refused} == {"refused"}
    assert "code" in results[1].reason
    assert all("revoked" in result.reason for result in refused if result is not results[1])
    assert [path.name for path in folder.glob("?.ipynb")] == [ran.job.target]
    assert holds(ran.job.target).seal.mlo == ada.mlo
    assert len(logged(types.PROVENANCE)) == 1


def test_only_infrastructure_is_tried_again(ada, batch, folder, holds, logged):
    ada.login()
    write(
        folder / "dies.ipynb",
        "import os\nif not os.path.exists('flag'):\n    open('flag', 'w').close(); os._exit(9)",
        "'survived'",
    )
    write(folder / "fails.ipynb", "1/0", "2")
    write(folder / "always.ipynb", "import os; os._exit(9)")
    names = ("dies", "fails", "always")
    jobs = [Job(n, f"{name}.ipynb", f"{n}.ipynb", {}) for n, name in enumerate(names, 1)]
    dies, fails, always = batch(jobs, manner=Manner(workers=3, retries=1, keep_going=True))
    assert dies.status == "succeeded"
    assert [each.outcome for each in dies.attempts] == ["failed", "succeeded"]
    assert dies.attempts[0].reason == "the kernel died"
    assert fails.status == "failed"
    assert len(fails.attempts) == 1
    assert "ZeroDivisionError" in fails.reason
    assert (always.status, len(always.attempts)) == ("failed", 2)
    for n in (1, 2, 3):
        holds(f"{n}.ipynb")
    said = [run.predicate for run in logged(types.PROVENANCE)]
    assert len(said) == 5  # every attempt
    assert {each.mlo_run for each in said} >= {each.run_id for each in dies.attempts}
    # What the notebook said is not in the ledger.
    assert not any("ZeroDivision" in str(each) for each in said)


def test_one_worker_runs_them_in_the_order_given(ada, batch, folder, holds):
    """As a loop does: each finds the output of the one before, also where that was tried again."""
    ada.login()
    write(
        folder / "1.ipynb",
        "import os, time\ntime.sleep(0.5)\nif not os.path.exists('flag'):\n"
        "    open('flag', 'w').close(); os._exit(9)",
        "open('1', 'w').close()",
    )
    for n in (2, 3, 4, 5):
        reads = f"open('out/{n - 1}.ipynb').close(); open('{n - 1}').close()"
        write(folder / f"{n}.ipynb", reads, f"open('{n}', 'w').close()")
    jobs = [Job(n, f"{n}.ipynb", f"out/{n}.ipynb", {}) for n in (1, 2, 3, 4, 5)]
    results = batch(jobs, manner=Manner(workers=1, retries=1))
    assert [(each.status, len(each.attempts)) for each in results] == [
        ("succeeded", 2),
        *[("succeeded", 1)] * 4,
    ]
    assert max(each.seconds for each in results[1:]) < results[0].seconds
    for job in jobs:
        holds(job.target)


def test_a_failure_ends_the_batch_and_time_is_limited(ada, batch, folder, holds):
    ada.login()
    write(folder / "long.ipynb", "import time; time.sleep(60)", "2")
    write(folder / "in.ipynb", "1")
    jobs = [
        Job(1, "long.ipynb", "1.ipynb", {}),
        *(Job(n, "in.ipynb", f"{n}.ipynb", {}) for n in range(2, 9)),
    ]
    results = batch(jobs, limits=Limits(cell=0.5))
    assert results[0].status == "failed"
    assert "took longer than 0.5 s" in results[0].reason
    assert "give it longer: --cell-timeout SECONDS" in results[0].remarks
    assert results[-1].status == "not started"
    holds("1.ipynb")
    (result,) = batch([jobs[0]], limits=Limits(run=0.5))
    assert "the run took longer" in result.reason


@pytest.mark.parametrize(
    "code",
    [
        "while True: print('x' * 1000)",
        "while True: display({'text/plain': 'x' * 1000}, raw=True)",
    ],
)
def test_what_a_run_puts_out_is_limited(ada, batch, folder, holds, code):
    ada.login()
    write(folder / "long.ipynb", "print('first')", code, "2")
    write(folder / "in.ipynb", "1")
    jobs = [Job(1, "long.ipynb", "1.ipynb", {}), Job(2, "in.ipynb", "2.ipynb", {})]
    manner = Manner(workers=2, keep_going=True)
    endless, other = batch(jobs, manner=manner, limits=Limits(output=1_000_000))
    assert endless.status == "failed"
    assert endless.reason == "the run has put out more than 1 MB"
    assert any("--max-output" in remark for remark in endless.remarks)
    assert len(endless.attempts) == 1
    assert other.status == "succeeded"
    assert (folder / "1.ipynb").stat().st_size < 2_000_000
    holds("1.ipynb")


def test_what_was_cleared_does_not_count(ada, batch, folder, holds):
    ada.login()
    loop = (
        "from IPython.display import clear_output\n"
        "for _ in range(100):\n    print('x' * 50_000)\n    clear_output(wait=True)\nprint('done')"
    )
    write(folder / "in.ipynb", loop)
    (result,) = batch([Job(1, "in.ipynb", "1.ipynb", {})], limits=Limits(output=1_000_000))
    assert result.status == "succeeded", result.reason
    holds("1.ipynb")


def test_a_kernel_that_does_not_start_is_a_fault_of_the_infrastructure(ada, batch, folder, holds):
    ada.login()
    install("broken", ["false", "{connection_file}"], "python")
    write(folder / "in.ipynb", "1")
    (result,) = batch([Job(1, "in.ipynb", "out.ipynb", {}, "broken")])
    assert (result.status, len(result.attempts)) == ("failed", 2)
    assert result.attempts[0].reason == "the kernel did not start"
    holds("out.ipynb")


def test_other_kernels_start_as_always(ada, batch, folder, holds):
    """bash is no fork of ours, and who knows how it writes the path of a socket."""
    install("bash", [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"], "bash")
    ada.login()
    nb = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {"name": "bash", "display_name": "Bash", "language": "bash"},
            "language_info": {"name": "bash"},
        },
        cells=[
            nbformat.v4.new_code_cell("echo $x"),
            nbformat.v4.new_code_cell(
                "grep -o 'transport.*tcp' $(tr '\\0' '\\n' </proc/$PPID/cmdline | tail -n 1)"
            ),
        ],
    )
    nbformat.write(nb, folder / "in.ipynb")
    (result,) = batch([Job(1, "in.ipynb", "out.ipynb", {"x": "there"})])
    assert result.status == "succeeded", result
    holds("out.ipynb")
    cells = nbformat.read("out.ipynb", as_version=4).cells
    assert cells[1].outputs[0].text == "there\n"
    assert cells[2].outputs, "not over TCP"


class _Store(BaseHTTPRequestHandler):
    """Keeps what is put, and gives it back."""

    kept: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        self.send_response(200 if self.path in self.kept else 404)
        self.end_headers()
        self.wfile.write(self.kept.get(self.path, b""))

    def do_PUT(self) -> None:
        self.kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def test_addresses_go_through_papermills_handlers(ada, batch, folder, holds, logged):
    ada.login()
    _Store.kept["/in.ipynb"] = write(folder / "in.ipynb", "1 + 1").read_bytes()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Store) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_port}"
        results = batch(
            [
                Job(1, f"{place}/in.ipynb", f"{place}/out.ipynb", {}),
                Job(2, f"{place}/gone.ipynb", "gone.ipynb", {}),
            ],
            manner=Manner(keep_going=True),
        )
        server.shutdown()
    assert [result.status for result in results] == ["succeeded", "refused"]
    (folder / "out.ipynb").write_bytes(_Store.kept["/out.ipynb"])
    assert len(stamped(holds("out.ipynb"))) == 1
    (run,) = logged(types.PROVENANCE)
    assert run.predicate.build_definition.external_parameters["notebook"] == f"{place}/in.ipynb"


def test_what_cannot_be_written_is_said_and_can_be_recovered(ada, batch, folder, verb):
    ada.login()
    write(folder / "in.ipynb", "'worked'")
    (folder / "out.ipynb").mkdir()
    (result,) = batch([Job(1, "in.ipynb", "out.ipynb", {})])
    assert result.status == "failed"
    assert "could not be written" in result.reason
    run_id = result.attempts[0].run_id.removeprefix("urn:uuid:")
    status, said = verb("recover", run_id[:12], "--to", "back.ipynb")
    assert status == 0, said
    assert "'worked'" in Path("back.ipynb").read_text()


def test_what_is_no_notebook_is_refused_without_a_traceback(ada, batch, folder):
    ada.login()
    os.mkfifo(folder / "fifo.ipynb")
    (folder / "dir.ipynb").mkdir()
    cell = {"cell_type": "code", "metadata": {}, "source": "1", "outputs": []}
    texts = {
        "empty": b"",
        "list": b"[]",
        "binary": bytes(range(256)),
        "deep": b"[" * 100_000,
        "other": b'{"nbformat": 9, "nbformat_minor": 0, "cells": [], "metadata": {}}',
        "no cells": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
        "no kernel": json.dumps(
            {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]}
        ).encode(),
        "odd kernel": json.dumps(
            {
                "nbformat": 4,
                "nbformat_minor": 4,
                "metadata": {"kernelspec": {"name": ["python3"]}},
                "cells": [cell],
            }
        ).encode(),
        "odd cell": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [7]}',
    }
    for name, text in texts.items():
        (folder / f"{name}.ipynb").write_bytes(text)
    names = ["fifo", "dir", "nul\0", "gone", *texts]
    jobs = [Job(n, f"{name}.ipynb", f"out/{n}.ipynb", {}) for n, name in enumerate(names, 1)]
    results = batch(jobs, manner=Manner(keep_going=True))
    assert {result.status for result in results} == {"refused"}
    assert not (folder / "out").exists()
