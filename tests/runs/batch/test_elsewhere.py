"""A worker's side, without a cluster: kernels ahead of need, and what becomes of them."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mlo.runs.batch import elsewhere
from jupyter_mlo.runs.batch.brought_back import KINDS
from jupyter_mlo.runs.batch.cells import Limits, clear
from jupyter_mlo.runs.batch.elsewhere import Opening, Work


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A notebook that says which process it ran in."""
    cells = [new_code_cell("import os"), new_code_cell("os.getpid()")]
    notebook = new_notebook(cells=cells, metadata={"papermill": {}})
    clear(notebook, datetime.now(UTC))
    opening = Opening(
        run_id=f"urn:uuid:{uuid.uuid4()}",
        kernel="python3",
        code="0" * 64,
        delegation=None,
        key=b"",
        start_timeout=60.0,
        cwd=str(tmp_path),
    )
    return Work(opening, notebook, {}, Limits())


def kernel_of(work: Work) -> int:
    """The process of the kernel that was started ahead, once it is ready."""
    worker = elsewhere._Worker.here()
    task = soon(lambda: worker._ahead.get(work.opening.run_id))
    kernel = soon(lambda: task.done() and task.result().kernel)
    return int(kernel.manager.provisioner.pid)


def soon(what: Callable[[], Any], within: float = 30.0) -> Any:
    until = time.monotonic() + within
    while not (found := what()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_cells_run_in_the_kernel_that_was_started_ahead(work: Work) -> None:
    elsewhere.open_ahead(work.opening)
    pid = kernel_of(work)
    done = elsewhere.execute(work)
    assert done.fault is None
    assert done.notebook["cells"][1]["outputs"][0]["data"]["text/plain"] == str(pid)
    soon(lambda: gone(pid))


def test_without_one_they_run_all_the_same(work: Work) -> None:
    done = elsewhere.execute(work)
    assert done.fault is None
    assert done.notebook["cells"][1]["outputs"]


def test_one_that_is_not_wanted_any_more_ends(work: Work) -> None:
    elsewhere.open_ahead(work.opening)
    pid = kernel_of(work)
    elsewhere.stop(work.opening.run_id)
    soon(lambda: gone(pid))


def test_keys_that_no_run_comes_for_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere, "_KEYS", 4)
    first, second = elsewhere.make_keys(3), elsewhere.make_keys(3)
    assert list(elsewhere._keys) == [first[2], *second]


def test_one_that_nobody_comes_back_for_ends_and_is_replaced(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "LEASE", 3.0)
    elsewhere.open_ahead(work.opening)
    pid = kernel_of(work)
    soon(lambda: gone(pid))
    done = elsewhere.execute(work)
    assert done.fault is None
    assert done.notebook["cells"][1]["outputs"][0]["data"]["text/plain"] != str(pid)


def test_nothing_is_left_on_disk(work: Work) -> None:
    elsewhere.execute(work)
    folder = Path(elsewhere._Worker.here()._folder.name)
    soon(lambda: not list(folder.iterdir()))


def test_a_fault_of_ours_in_a_cell_comes_back(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*arguments: object) -> None:
        raise KeyError("comm_id")

    monkeypatch.setattr("jupyter_mlo.runs.batch.cells._stamp", stumble)
    done = elsewhere.execute(work)
    assert done.fault is not None
    assert done.fault[0] == "kernel"
    assert done.fault[3] in KINDS
    assert done.events[-1][0] == "done"
