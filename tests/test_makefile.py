"""The commands of README on machines that lack something: a clear message, nothing half made."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_OUTER = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"}


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in ``folder``, as if no other make had started the tests."""
    if not (folder / "Makefile").exists():
        shutil.copy(ROOT / "Makefile", folder)
        (folder / "pyproject.toml").touch()
    environ = {name: value for name, value in os.environ.items() if name not in _OUTER}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environ, capture_output=True, text=True, timeout=60
    )


def interpreter(folder: Path, body: str) -> Path:
    path = folder / "some-python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("target", ["demo", "test", "lint"])
def test_a_python_that_is_too_old_is_said_and_nothing_is_made(tmp_path: Path, target: str) -> None:
    old = interpreter(tmp_path, "exit 1")
    done = make(tmp_path, target, f"PYTHON={old}")
    assert done.returncode != 0
    assert f"no Python 3.11 or newer was found at {old}" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_python_without_venv_names_the_package(tmp_path: Path) -> None:
    bare = interpreter(tmp_path, 'test "$1" = -m && exit 1; echo Python 3.12.0')
    done = make(tmp_path, "demo", f"PYTHON={bare}")
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_make_alone_says_what_there_is(tmp_path: Path) -> None:
    done = make(tmp_path)
    assert done.returncode == 0
    for target in ("demo", "test", "lint", "bench", "docs", "clean"):
        assert f"make {target} " in done.stdout


def test_packages_are_installed_again_only_after_pyproject_has_changed(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    assert "install --editable" in make(tmp_path, "--dry-run", "lint").stdout
    for stamp in (".made", ".installed-test", ".installed-demo"):
        (tmp_path / ".venv" / stamp).touch()
    assert "install" not in make(tmp_path, "--dry-run", "lint").stdout
    later = time.time() + 10
    os.utime(tmp_path / "pyproject.toml", (later, later))
    assert "install --editable" in make(tmp_path, "--dry-run", "lint").stdout
