"""The hook `mlo-verify`, run by the real pre-commit before a real commit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.notebook.people import code, notebook
from tests.verbs.conftest import PASSPHRASE
from tests.verbs.people_with_clones import ROOT, Clone
from tests.verbs.workshop import altered

HOOKS = ROOT / ".pre-commit-hooks.yaml"


@pytest.fixture
def ada(tmp_path: Path, home_of_ada: Path) -> Clone:
    secret = tmp_path / "secret"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    one = Clone(tmp_path / "ada", str(secret), home_of_ada)
    one.begin()
    # The hook as it is published, but for where it is installed: here it is already.
    (hook,) = yaml.safe_load(HOOKS.read_text())
    hook["language"] = "system"
    config = {"repos": [{"repo": "local", "hooks": [hook]}]}
    (one.tree / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    command = one.settings.home.parent / "bin" / "jupyter-mlo"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m jupyter_mlo.cli.main "$@"\n')
    command.chmod(0o700)
    one.environ["PATH"] = f"{command.parent}{os.pathsep}{one.environ['PATH']}"
    one.git("add", "-A")
    pre_commit(one, "install")
    return one


def pre_commit(one: Clone, *arguments: str) -> None:
    command = [sys.executable, "-m", "pre_commit", *arguments]
    subprocess.run(
        command, cwd=one.tree, env=one.environ, check=True, capture_output=True, timeout=60
    )


def test_the_manifest_is_valid(ada: Clone) -> None:
    pre_commit(ada, "validate-manifest", str(HOOKS))


def test_a_notebook_that_does_not_hold_is_not_committed(ada: Clone) -> None:
    ada.shop.write("train.ipynb", notebook(code("print(1)", "a")))
    ada.run_cells("train.ipynb", {"a": "1\n"})
    ada.git("add", "-A")
    done = ada.git("commit", "-qm", "unsealed", check=False)
    assert done.returncode == 1
    assert "cell 1 (a): unstamped" in done.stdout + done.stderr
    assert ada.mlo_run("seal", "train.ipynb").status == 0
    ada.git("add", "-A")
    ada.git("commit", "-qm", "sealed")
    altered(ada.tree / "train.ipynb", lambda value: value["cells"][0].update(source="print(2)"))
    done = ada.git("commit", "-qam", "changed", check=False)
    assert done.returncode == 1
    assert "changed since" in done.stdout + done.stderr
