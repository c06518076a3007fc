"""When the notebook is written while a run goes on, and how."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import nbformat
import papermill.iorw
import pytest

from jupyter_mlo.runs import saving
from jupyter_mlo.runs.saving import SparingManager, write_notebook
from tests.runs.conftest import notebook


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(saving, "time", made)
    return made


@pytest.fixture
def writes(monkeypatch, clock):
    """Counts writes, each of which takes ``writes.cost`` seconds."""

    class Writes(list):
        cost = 0.0

        def __call__(self, nb, path):
            self.append(clock.now)
            clock.now += self.cost

    made = Writes()
    monkeypatch.setattr(saving, "write_notebook", made)
    return made


@pytest.fixture
def manager(folder, writes):
    nb = notebook(*map(str, range(100)))
    nb.metadata["papermill"] = {}
    for cell in nb.cells:
        cell.metadata["papermill"] = {}
    done: list[int] = []
    made = SparingManager(
        nb, output_path="o.ipynb", cell_done=lambda _, at: done.append(at), progress_bar=False
    )
    made.done = done
    made.notebook_start()
    return made


def cells(manager, clock, seconds, count=100):
    for at, cell in enumerate(manager.nb.cells[:count]):
        manager.cell_start(cell, at)
        clock.now += seconds
        manager.cell_complete(cell, cell_index=at)


def test_it_is_written_at_the_start(manager, writes):
    assert len(writes) == 1


def test_then_every_two_seconds_however_many_cells_there_are(manager, clock, writes):
    cells(manager, clock, 0.1)
    assert len(writes) == 1 + 5  # in 10 seconds


def test_less_often_where_writing_is_slow(manager, clock, writes):
    writes.cost = 1.0
    clock.now += 100
    manager.save()
    began = clock.now
    cells(manager, clock, 1.0, 100)
    spent = len(writes[2:]) * writes.cost
    assert 0 < spent <= 0.06 * (clock.now - began)


def test_what_waits_is_written_without_any_further_cell(manager, clock, writes):
    cells(manager, clock, 0.1, 3)
    assert len(writes) == 1
    clock.now += 2
    manager.save_if_due()
    manager.save_if_due()
    assert len(writes) == 2


def test_nothing_is_written_where_nothing_was_asked_for(manager, clock, writes):
    manager.output_path = None
    cells(manager, clock, 5)
    assert len(writes) == 1


def test_every_cell_is_told_once_with_papermills_metadata_in_place(manager, clock):
    cells(manager, clock, 0.1)
    assert manager.done == list(range(100))
    assert manager.nb.cells[99].metadata.papermill["status"] == "completed"


def test_the_end_leaves_writing_to_who_seals(manager, clock, writes):
    cells(manager, clock, 5)
    before = len(writes)
    clock.now += 100
    manager.notebook_complete()
    manager.notebook_complete()
    assert len(writes) == before
    assert manager.nb.metadata.papermill["duration"] >= 0


def test_a_failing_write_meanwhile_does_not_end_the_run(manager, clock, monkeypatch, caplog):
    monkeypatch.setattr(
        saving, "write_notebook", lambda nb, path: (_ for _ in ()).throw(OSError("disk full"))
    )
    cells(manager, clock, 1)
    said = [record for record in caplog.records if "disk full" in record.getMessage()]
    assert 1 <= len(said) <= 4, "once every half minute"


def test_a_failing_write_at_the_start_does(folder, writes, monkeypatch):
    monkeypatch.setattr(
        saving, "write_notebook", lambda nb, path: (_ for _ in ()).throw(OSError("disk full"))
    )
    nb = notebook()
    nb.metadata["papermill"] = {}
    manager = SparingManager(
        nb, output_path="o.ipynb", cell_done=lambda *_: None, progress_bar=False
    )
    with pytest.raises(OSError, match="disk full"):
        manager.notebook_start()


def test_what_is_written_is_what_nbformat_would_write(folder):
    nb = notebook("a\nb", "# md c")
    write_notebook(nb, "o.ipynb")
    assert Path("o.ipynb").read_text() == nbformat.writes(nb) + "\n"


def test_a_file_is_exchanged_whole_and_keeps_its_mode(folder):
    Path("o.ipynb").write_text("old")
    os.chmod("o.ipynb", 0o640)
    with open("o.ipynb") as reader:
        write_notebook(notebook("1"), "o.ipynb")
        assert reader.read() == "old"
    assert stat.S_IMODE(os.stat("o.ipynb").st_mode) == 0o640
    assert os.listdir(folder) == ["o.ipynb"]


def test_a_new_file_has_the_mode_that_the_umask_gives(folder):
    before = os.umask(0o027)
    try:
        write_notebook(notebook("1"), "o.ipynb")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat("o.ipynb").st_mode) == 0o640


def test_a_symbolic_link_stays_one(folder):
    Path("real.ipynb").write_text("{}")
    Path("o.ipynb").symlink_to("real.ipynb")
    write_notebook(notebook("1"), "o.ipynb")
    assert Path("o.ipynb").is_symlink()
    assert nbformat.read("real.ipynb", 4).cells


def test_a_second_name_of_the_file_sees_the_notebook_too(folder):
    Path("o.ipynb").write_text("{}")
    os.link("o.ipynb", "other.ipynb")
    write_notebook(notebook("1"), "o.ipynb")
    assert nbformat.read("other.ipynb", 4).cells


def test_other_handlers_of_papermill_are_left_to_write(folder, monkeypatch):
    written = {}

    class Handler:
        def write(self, buf, path):
            written[path] = buf

    monkeypatch.setattr(
        papermill.iorw.papermill_io,
        "_handlers",
        [("mine://", Handler()), *papermill.iorw.papermill_io._handlers],
    )
    write_notebook(notebook("1"), "mine://o.ipynb")
    assert len(json.loads(written["mine://o.ipynb"])["cells"]) == 1


def test_nothing_is_left_behind_where_it_cannot_be_written(folder):
    class Unwritable(dict):
        pass

    nb = notebook("1")
    nb.cells[0].metadata["bad"] = Unwritable(bad=object())
    with pytest.raises(Exception, match="object"):
        write_notebook(nb, "o.ipynb")
    assert os.listdir(folder) == []
