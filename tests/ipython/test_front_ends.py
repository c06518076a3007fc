"""Front ends without a server of ours, on real kernels: from their messages to verdicts.

VS Code sends the document's URI as cell id and saves base64 without line feeds; a console on a
notebook's kernel is a second client; subshells and `await` let cells overlap.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pexpect
import pytest

from tests.ipython.conftest import Home, Recording, held, recorded
from tests.ipython.frontend import Cell, FrontEnd, start_kernel, stop_kernel
from tests.ipython.test_sealing import command

PICTURE = (
    "import base64\nfrom IPython.display import Image\n"
    "Image(base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk"
    "+A8AAQUBAScY42YAAAAASUVORK5CYII='))"
)
SOURCES = [
    "x = 1",
    "print(1)",
    "print(1)",
    PICTURE,
    "handle = display('first', display_id=True)",
    "handle.update('second')",
    "import asyncio\nfor i in range(3):\n    await asyncio.sleep(0.01)\n    print(i)",
    "1 / 0",
]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """One kernel for all tests of the module, somebody logged in who is known there."""
    home = Home(tmp_path_factory.mktemp("home"))
    signer = home.log_in()
    done = command(home, "trust", "add", signer.mlo, own_key(signer))
    assert done.returncode == 0, done.stderr
    frontend = FrontEnd(start_kernel(home.env), shows_input=False)
    try:
        assert frontend.run("%load_ext jupyter_mlo", id="load").reply["status"] == "ok"
        yield Recording(home, frontend, signer)
    finally:
        frontend.close()
        stop_kernel(frontend.manager)


def own_key(signer: Any) -> str:
    """Fingerprint of the MLO's own key, from its enrolment."""
    return str(signer.chain[0].key_id)


def save(
    home: Home, name: str, cells: list[Cell], *, minor: int, ids: list[str] | None = None
) -> Path:
    """As VS Code does: base64 on one line, members sorted, the file's own indentation."""
    values = [cell.as_json() for cell in cells]
    for at, value in enumerate(values):
        value.pop("id")
        if ids:
            value["id"] = ids[at]
        for output in value["outputs"]:
            for mime, data in output.get("data", {}).items():
                if mime == "image/png":
                    output["data"][mime] = data.replace("\n", "")
    notebook = {
        "cells": values,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "nbformat": 4,
        "nbformat_minor": minor,
    }
    nbformat.validate(nbformat.from_dict(notebook))
    path = Path(home.env["HOME"]) / name
    path.write_text(json.dumps(notebook, sort_keys=True, indent=2, ensure_ascii=False))
    return path


def verdicts(home: Home, path: Path) -> list[str]:
    sealed = command(home, "seal", str(path))
    assert sealed.returncode == 0, sealed.stderr
    found = json.loads(command(home, "verify", "--json", str(path)).stdout)["notebooks"][0]
    return [cell["verdict"] for cell in found["cells"]]


@pytest.mark.parametrize("minor", [2, 5])
def test_vs_codes_uris_are_no_cell_ids_and_content_decides(
    recording: Recording, minor: int
) -> None:
    uri = "vscode-notebook-cell:/c%3A/notebooks/Ünï/train.ipynb#W{}sZmlsZQ%3D%3D"
    cells = [recording.frontend.run(source, id=uri.format(at)) for at, source in enumerate(SOURCES)]
    ids = [f"{minor}{at:07x}" for at in range(len(cells))] if minor >= 5 else None
    path = save(recording.home, f"code{minor}.ipynb", cells, minor=minor, ids=ids)
    assert verdicts(recording.home, path) == ["verified"] * len(cells)
    value = json.loads(path.read_text())
    stamped = [cell["metadata"]["mlo"]["stamp"]["payload"] for cell in value["cells"]]
    assert len(set(stamped)) == len(cells)


def test_what_uris_leave_ambiguous_stays_unstamped(recording: Recording) -> None:
    cells = [recording.frontend.run("print('twice')", id=f"uri:#{at}") for at in range(2)]
    for cell in cells:
        cell.count = 7  # as when somebody has edited the numbers
    path = save(recording.home, "twice.ipynb", cells, minor=2)
    assert verdicts(recording.home, path) == ["unattributed"] * 2


def test_a_console_on_the_kernel_is_recorded_and_is_of_no_notebook(recording: Recording) -> None:
    home, frontend = recording.home, recording.frontend
    first = frontend.run("print('in the notebook')", id="n1")
    connection = Path(home.env["HOME"]) / "kernel.json"
    frontend.manager.write_connection_file()
    connection.write_text(Path(frontend.manager.connection_file).read_text())
    child = pexpect.spawn(
        sys.executable,
        ["-m", "jupyter_console", "--existing", str(connection), "--simple-prompt"],
        env={**os.environ, **home.env, "TERM": "dumb"}, timeout=30, encoding="utf-8",
        cwd=home.env["HOME"],
    )  # fmt: skip
    try:
        child.expect(r"In \[\d+\]: ")
        child.sendline("print('in the ' + 'console')")
        child.expect("in the console")
        child.expect(r"In \[\d+\]: ")
        child.sendline("print('in the notebook')")
        child.expect(r"In \[\d+\]: ")
    finally:
        child.close(force=True)
    frontend.listen(0.3)
    second = frontend.run("x = 2", id="n2")
    records = home.records()
    sources = {record.source for record in records}
    console = [record for record in records if record.cell is None]
    assert len(console) >= 2, "both cells of the console were recorded"
    assert {record.mlo for record in console} == {recording.signer.mlo}
    assert home.record(first).source in sources
    path = save(home, "console.ipynb", [first, second], minor=5, ids=["n1", "n2"])
    assert verdicts(home, path) == ["verified", "verified"]
    text = path.read_text()
    executions = {record.execution.id for record in console}
    stamps = json.loads(command(home, "blame", "--json", str(path)).stdout)["cells"]
    assert not executions & {cell["executed"]["execution"] for cell in stamps}
    assert "console')" not in text


def test_cells_that_overlap_in_subshells_and_awaits_keep_their_own_outputs(
    recording: Recording,
) -> None:
    frontend = recording.frontend
    subshell = frontend.request("create_subshell_request", {}, "control")["subshell_id"]
    slow = "import asyncio\nfor i in range(4):\n    await asyncio.sleep(0.05)\n    print('{}', i)"
    try:
        one = frontend.send(slow.format("main"), id="s1")
        other = frontend.send(
            "import time\nfor i in range(4):\n    time.sleep(0.05)\n    print('shell', i)",
            id="s2", subshell=subshell,
        )  # fmt: skip
        frontend.wait(one)
        frontend.wait(other)
    finally:
        frontend.request("delete_subshell_request", {"subshell_id": subshell}, "control")
    for cell, word in ((one, "main"), (other, "shell")):
        record = recording.home.record(cell)
        assert recorded(record) == held(cell), cell.outputs
        assert cell.text.count(word) == 4
    path = save(recording.home, "shells.ipynb", [one, other], minor=5, ids=["s1", "s2"])
    assert verdicts(recording.home, path) == ["verified", "verified"]


def test_what_a_task_prints_after_its_cell_is_a_further_part(recording: Recording) -> None:
    frontend = recording.frontend
    cell = frontend.run(
        "import asyncio\n"
        "async def later():\n    await asyncio.sleep(0.1)\n    print('later')\n"
        "task = asyncio.create_task(later())\nprint('now')",
        id="t1",
    )
    frontend.run("await task", id="t2")
    frontend.listen(0.2)
    records = recording.home.records(cell, at_least=2)
    assert recorded(records[-1]) == held(cell), cell.outputs
