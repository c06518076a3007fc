"""Commit and dirtiness of the notebook's repository, and that nothing of it is run."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from jupyter_mlo.runs.repository import find_repository


def git(folder: Path, *arguments: str) -> str:
    named = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *named, *arguments]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, home_env: dict[str, str]) -> Path:
    place = tmp_path / "repository"
    (place / "sub").mkdir(parents=True)
    git(place, "init", "-q")
    (place / "sub" / "nb.ipynb").write_text("{}")
    (place / "module.py").write_text("a = 1\n")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "first")
    return place


def test_a_clean_repository(repository):
    found = find_repository(repository / "sub" / "nb.ipynb")
    assert found.commit == git(repository, "rev-parse", "HEAD")
    assert (found.dirty, found.tracked) == (False, True)


def test_a_changed_tracked_file_makes_it_dirty(repository):
    (repository / "module.py").write_text("a = 2\n")
    assert find_repository(repository / "sub" / "nb.ipynb").dirty is True


def test_a_staged_change_makes_it_dirty(repository):
    (repository / "module.py").write_text("a = 2\n")
    git(repository, "add", "-A")
    assert find_repository(repository / "sub" / "nb.ipynb").dirty is True


def test_untracked_files_do_not(repository):
    (repository / "notes.txt").write_text("x")
    assert find_repository(repository / "sub" / "nb.ipynb").dirty is False


def test_a_notebook_that_is_not_tracked_is_said_to_be(repository):
    (repository / "new[1].ipynb").write_text("{}")
    assert find_repository(repository / "new[1].ipynb").tracked is False


def test_no_repository_or_no_commit_is_none(tmp_path, home_env):
    assert find_repository(tmp_path / "nb.ipynb") is None
    git(tmp_path, "init", "-q")
    assert find_repository(tmp_path / "nb.ipynb") is None


def test_nothing_that_the_repository_names_is_run(repository, tmp_path):
    trap = tmp_path / "trapped"
    run = f"touch '{trap}'"
    for setting, value in {
        "core.fsmonitor": run,
        "core.pager": run,
        "core.sshCommand": run,
        "diff.external": run,
        "filter.evil.clean": f"{run}; cat",
        "filter.evil.smudge": f"{run}; cat",
        "filter.evil.process": run,
        "filter.evil.required": "true",
        "alias.status": f"!{run}",
        "alias.rev-parse": f"!{run}",
    }.items():
        git(repository, "config", setting, value)
    (repository / ".gitattributes").write_text("* filter=evil diff=evil\n")
    hooks = repository / ".git" / "hooks"
    for hook in ("post-index-change", "fsmonitor-watchman", "reference-transaction"):
        (hooks / hook).write_text(f"#!/bin/sh\n{run}\n")
        (hooks / hook).chmod(0o755)
    _age(repository / "module.py")
    assert find_repository(repository / "sub" / "nb.ipynb").tracked is True
    assert not trap.exists()
    # It is a trap: git by itself walks into it.
    subprocess.run(["git", "status"], cwd=repository, capture_output=True, check=False, timeout=30)
    assert trap.exists()


def test_a_filter_that_cannot_be_switched_off_leaves_dirtiness_unknown(repository, tmp_path):
    trap = tmp_path / "trapped"
    git(repository, "config", "filter.a=b.clean", f"touch '{trap}'; cat")
    (repository / ".gitattributes").write_text("* filter=a=b\n")
    _age(repository / "module.py")
    found = find_repository(repository / "sub" / "nb.ipynb")
    assert (found.dirty, found.tracked) == (None, None)
    assert not trap.exists()


def test_git_that_takes_too_long_is_given_up(repository, tmp_path, monkeypatch):
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nsleep 30\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}{os.pathsep}{os.environ['PATH']}")
    began = time.monotonic()
    assert find_repository(repository / "sub" / "nb.ipynb", timeout=0.2) is None
    assert time.monotonic() - began < 5


def test_without_git_there_is_none(repository, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert find_repository(repository / "sub" / "nb.ipynb") is None


def test_the_callers_git_variables_do_not_lead_elsewhere(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    assert find_repository(repository / "sub" / "nb.ipynb").dirty is False


def _age(path: Path) -> None:
    """Have git look into the file: its size is that of the index, its time is not."""
    os.utime(path, (time.time() + 10, time.time() + 10))
