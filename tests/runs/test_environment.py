"""What is known of a kernel's packages from outside."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path

from jupyter_mlo.runs.environment import find_environment, installed


def test_the_own_interpreters_packages_are_those_that_importlib_finds():
    found = find_environment("python3", "python", [sys.executable, "-m", "x"], os.environ)
    known = {
        each.metadata["Name"].lower().replace("_", "-").replace(".", "-"): each.version
        for each in metadata.distributions()
        if each.metadata["Name"]
    }
    assert found.unknown is None
    assert dict(found.packages) == known


def test_another_interpreter_is_asked_for_its_own(tmp_path):
    home = tmp_path / "site"
    (home / "Some_Thing-1.2.dist-info").mkdir(parents=True)
    python = tmp_path / "python3"
    python.symlink_to(sys.executable)
    environ = dict(os.environ) | {"PYTHONPATH": str(home)}
    found = find_environment("other", "Python", [str(python)], environ)
    assert ("some-thing", "1.2") in found.packages


def test_nothing_from_the_current_folder_is_run_when_asking(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    python = tmp_path / "bin" / "python3"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    assert find_environment("other", "python", [str(python)], os.environ).packages
    assert not (tmp_path / "ran").exists()


def test_other_languages_and_wrappers_are_unknown():
    found = find_environment("bash", "bash", [sys.executable, "-m", "bash_kernel"], os.environ)
    assert (found.packages, found.unknown) == (None, "the kernel's language is bash")
    found = find_environment("p", "python", ["conda", "run", "python"], os.environ)
    assert found.unknown == "the kernel is not started by a Python interpreter"


def test_an_interpreter_that_does_not_answer_is_unknown(tmp_path):
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nsleep 30\n")
    slow.chmod(0o755)
    for command in ([str(slow)], [str(tmp_path / "absent" / "python3")]):
        found = find_environment("p", "python", command, os.environ, timeout=0.2)
        assert found.packages is None
        assert "did not say" in found.unknown


def test_the_first_of_a_name_counts_and_eggs_too(tmp_path):
    first, second = tmp_path / "1", tmp_path / "2"
    for place, names in (
        (first, ["a-1.dist-info", "b-2-py3.11.egg-info", "c.egg-info", "d.txt"]),
        (second, ["A-9.dist-info", "e.f-3.dist-info"]),
    ):
        for name in names:
            (place / name).mkdir(parents=True)
    found = installed([str(first), str(second), str(tmp_path / "absent"), str(Path(__file__))])
    assert found == (("a", "1"), ("b", "2"), ("c", ""), ("e-f", "3"))
