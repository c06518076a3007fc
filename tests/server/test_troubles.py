"""A ledger that somebody holds, a server that is killed: people go on working, nothing is lost."""

from __future__ import annotations

import copy
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.server.conftest import PASSPHRASE, Start, notebook, on_disk, until
from tests.server.test_attribution import executors, marks

#: Another process that writes into the ledger, and takes its time.
HOLDS = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("ROLLBACK")
"""


@contextmanager
def held(home: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the write lock of the ledger that is somewhere below ``home``."""
    (database,) = home.rglob("ledger.sqlite3")
    command = [sys.executable, "-c", HOLDS, str(database), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
        holder.kill()


def test_while_the_ledger_is_locked_one_saves_and_signs_in(start: Start) -> None:
    server = start("ada", "grace")
    ada, grace = server.user("ada"), server.user("grace")
    mlo, other = ada.enrol("Ada Sample"), grace.enrol("Grace Sample")
    grace.post("/jupyter-mlo/logout")
    kernel = ada.kernel()
    wire = ada.connect(kernel)
    first = wire.run("'first'", "c1")
    marks(ada, kernel, "c1")
    ada.save("one.ipynb", notebook(first))
    history = {"path": "one.ipynb"}
    until(lambda: len(ada.get("/jupyter-mlo/notebook/history", **history)["entries"]) == 1)
    with held(server.root.parent / "mlo", 10):
        begun = time.monotonic()
        second = wire.run("'second'", "c2")
        marks(ada, kernel, "c2")
        ada.save("one.ipynb", notebook(first, second))
        assert time.monotonic() - begun < 2
        assert len(on_disk(server, "one.ipynb")["metadata"]["mlo"]["seals"]) >= 1
        assert "mlo" in on_disk(server, "one.ipynb")["cells"][1]["metadata"]
        begun = time.monotonic()
        me = grace.post("/jupyter-mlo/login", {"mlo": other, "passphrase": PASSPHRASE})
        assert me["mlo"]["id"] == other
        assert time.monotonic() - begun < 8
        # Others are not kept waiting by that.
        begun = time.monotonic()
        assert ada.ask("GET", "/api/status").ok
        assert time.monotonic() - begun < 1
    ada.save("one.ipynb", notebook(first, second, wire.run("'third'", "c3")))
    until(lambda: len(ada.get("/jupyter-mlo/notebook/history", **history)["entries"]) == 3, 20)
    found = server.verified("one.ipynb")
    assert [cell["mlo"] for cell in found["cells"]] == [mlo] * 3
    assert server.log.read_text().count("Traceback") == 0


def test_what_a_killed_server_saw_is_its_executors_after_they_sign_in_again(start: Start) -> None:
    server = start("ada", "grace")
    ada, grace = server.user("ada"), server.user("grace")
    mlo = ada.enrol("Ada Sample")
    other = grace.enrol("Grace Sample")
    kernel = ada.kernel()
    one, two = ada.connect(kernel), grace.connect(kernel)
    cells = [one.run("'ada'", "c1"), two.run("'grace'", "c2")]
    marks(ada, kernel, "c1", "c2")
    one.send("execute_request", {"code": "import time; time.sleep(60)", "silent": False})
    until(lambda: server.records() == 2)
    server.process.kill()
    server.process.wait(10)
    server.begin()
    # Sessions were in its memory: nobody is signed in, and nobody's name is used.
    assert ada.get("/jupyter-mlo/me")["session"] is None
    ada.save("left.ipynb", notebook(*cells))
    assert not any("mlo" in cell["metadata"] for cell in on_disk(server, "left.ipynb")["cells"])
    kernel = ada.kernel()
    ada.connect(kernel).run("1", "c3")
    assert executors(ada, kernel, "c3") == [None]
    ada.post("/jupyter-mlo/login", {"mlo": mlo, "passphrase": PASSPHRASE})
    grace.post("/jupyter-mlo/login", {"mlo": other, "passphrase": PASSPHRASE})
    # Nor does it know any more for which notebook they ran them: each one saves what is theirs.
    for user in (ada, grace):
        user.save("left.ipynb", notebook(*copy.deepcopy(cells)))
    found = server.verified("left.ipynb")
    assert [cell["mlo"] for cell in found["cells"]] == [mlo, other]
    assert found["holds"]
