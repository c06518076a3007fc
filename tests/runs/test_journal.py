"""The journal on disk: what was put in comes back, whatever was cut off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jupyter_mlo.errors import NotFound
from jupyter_mlo.runs import journal
from jupyter_mlo.runs.journal import Journal, is_running, read_head, read_journal

HEAD = {"run": "urn:uuid:1", "output": "/out.ipynb"}
BASE = {"cells": [{"cell_type": "code", "source": "1", "outputs": [], "metadata": {}}]}


@pytest.fixture
def opened(tmp_path: Path):
    made = Journal(tmp_path / "runs" / "1", HEAD, BASE)
    yield made
    made.close()


def test_head_and_base_are_there_at_once(opened):
    head, lines = read_journal(opened.folder)
    assert head == {"version": 1, **HEAD} == read_head(opened.folder)
    assert lines == [(2, {"base": BASE})]


def test_a_completed_cell_comes_back_as_it_was(opened):
    odd = {"output_type": "stream", "name": "stdout", "text": "é\ud800\u2028\n\0"}
    number = {
        "output_type": "display_data",
        "data": {"application/json": [float("inf"), 1e400, 2**70]},
    }
    cell = {
        "cell_type": "code",
        "source": "x",
        "outputs": [odd, number],
        "metadata": {"a": 1},
        "execution_count": 3,
        "id": "c",
    }
    opened.cell(0, cell)
    _, lines = read_journal(opened.folder)
    assert lines[-1][1]["value"] == {
        "outputs": [odd, number],
        "execution_count": 3,
        "metadata": {"a": 1},
    }


def test_others_cannot_read_it(opened):
    assert os.stat(opened.folder).st_mode & 0o077 == 0
    assert os.stat(opened.folder / journal.JOURNAL).st_mode & 0o077 == 0


def test_it_is_locked_while_the_run_lasts(opened):
    assert is_running(opened.folder)
    opened.close()
    assert not is_running(opened.folder)
    assert not is_running(opened.folder / "absent")


def test_a_kernel_that_outlives_its_runner_does_not_hold_the_lock(tmp_path):
    code = (
        "import subprocess, sys, os\n"
        "from pathlib import Path\n"
        "from jupyter_mlo.runs.journal import Journal\n"
        f"made = Journal(Path({str(tmp_path / 'run')!r}), {{}}, {{}})\n"
        "child = subprocess.Popen(['sleep', '30'], close_fds=False, stdout=2)\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False)
    try:
        assert not is_running(tmp_path / "run")
    finally:
        os.kill(int(done.stdout), 9)


def test_after_a_write_that_was_cut_short_the_next_line_is_whole(opened, monkeypatch):
    real = os.write

    def full(descriptor: int, data: memoryview) -> int:
        real(descriptor, bytes(data)[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal.os, "write", full)
    with pytest.raises(OSError, match="No space"):
        opened.cell(0, BASE["cells"][0])
    monkeypatch.undo()
    opened.ended("failed", None)
    _, lines = read_journal(opened.folder)
    assert lines == [(2, {"base": BASE}), (4, {"ended": "failed", "seal": None})]
    assert journal.has_ended(opened.folder)


@given(st.data())
@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
def test_cut_off_anywhere_it_gives_all_whole_lines(tmp_path, data):
    texts = data.draw(st.lists(st.text(st.characters(), max_size=20), max_size=4))
    folder = Path(tempfile.mkdtemp(dir=tmp_path)) / "run"
    made = Journal(folder, HEAD, BASE)
    for text in texts:
        made.cell(0, {"outputs": [text], "metadata": {}})
    made.close()
    path = folder / journal.JOURNAL
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:at])
    whole = [
        json.loads(line) for line in content[:at].splitlines(keepends=True) if line[-1:] == b"\n"
    ]
    if not whole and not _is_json(content[:at]):
        with pytest.raises(NotFound):
            read_journal(folder)
        assert read_head(folder) is None
        return
    head, lines = read_journal(folder)
    assert [head, *(line for _, line in lines)][: len(whole)] == whole
    assert len(lines) <= len(whole)


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def test_a_folder_is_never_used_twice(opened):
    with pytest.raises(FileExistsError):
        Journal(opened.folder, HEAD, BASE)


def test_lines_reach_the_disk_without_being_waited_for(opened, monkeypatch):
    synced = threading.Event()
    real = os.fsync
    monkeypatch.setattr(journal, "SYNC_EVERY", 0.05)
    monkeypatch.setattr(journal.os, "fsync", lambda descriptor: (real(descriptor), synced.set())[0])
    opened.ended("succeeded", None)
    assert synced.wait(5)


def test_what_is_no_journal_is_not_read(tmp_path):
    for content in (b"", b"{}\n", b'{"version": 2}\n', b"\xff\n", b"[" * 100_000):
        (tmp_path / journal.JOURNAL).write_bytes(content)
        assert read_head(tmp_path) is None
        with pytest.raises(NotFound):
            read_journal(tmp_path)


def test_what_one_could_wait_for_is_no_journal(tmp_path):
    os.mkfifo(tmp_path / journal.JOURNAL)
    assert read_head(tmp_path) is None
    assert not is_running(tmp_path)
    assert not journal.has_ended(tmp_path)
    with pytest.raises(NotFound):
        read_journal(tmp_path)


def test_a_journal_elsewhere_is_not_followed(opened, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / journal.JOURNAL).symlink_to(opened.folder / journal.JOURNAL)
    assert read_head(other) is None
    assert not is_running(other)
