"""People, each with a home and a clone of one repository, who run cells and use real git."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jupyter_mlo.config import load_settings
from jupyter_mlo.delegation.sessions import load_session
from tests.notebook.people import Kernel, stream
from tests.throwaway import throwaway_environment
from tests.verbs.conftest import Cli
from tests.verbs.workshop import Workshop, read

ROOT = Path(__file__).parents[2]


class Clone:
    """One person's home, and a work tree."""

    def __init__(
        self, folder: Path, secret: str, home: Path | None = None, *, name: str = ""
    ) -> None:
        folder.mkdir()
        if home is not None:
            shutil.copytree(home, folder / "mlo")
            (folder / "mlo").chmod(0o700)
        self.environ = throwaway_environment(folder)
        # jsonschema's optional check of IRIs builds a grammar at import; nobody here needs it.
        (folder / "quick").mkdir()
        quick = "import sys\nsys.modules['rfc3987_syntax'] = None\n"
        (folder / "quick" / "sitecustomize.py").write_text(quick)
        self.environ |= {"PYTHONPATH": f"{folder / 'quick'}{os.pathsep}{ROOT}"}
        self.environ |= {"GIT_CONFIG_NOSYSTEM": "1"}
        self.cli = Cli(self.environ)
        self.tree = folder / "tree"
        if home is None:
            done = self.cli("enroll", "--name", name, "--email", "", MLO_PASSPHRASE_FILE=secret)
            assert done.status == 0, done.err
        (kept,) = (folder / "mlo" / "identities").iterdir()
        self.mlo = kept.name.replace("-", ":", 1)
        assert self.cli("login", MLO_PASSPHRASE_FILE=secret).status == 0
        settings = load_settings(self.environ)
        runtime = Path(self.environ["JUPYTER_RUNTIME_DIR"])
        self.settings = replace(settings, runtime=runtime)
        self.shop = Workshop(self.settings, self.tree)

    def mlo_run(self, *arguments: str | Path, **environ: str) -> Any:
        """A command of ours in the work tree."""
        before = Path.cwd()
        os.chdir(self.tree)
        try:
            return self.cli(*arguments, **environ)
        finally:
            os.chdir(before)

    def begin(self) -> None:
        self.tree.mkdir(exist_ok=True)
        self.git("init", "-q", "-b", "main")
        self._named()

    def clone(self, other: Clone) -> None:
        subprocess.run(
            ["git", "clone", "-q", str(other.tree), str(self.tree)], env=self.environ, check=True
        )
        self._named()

    def _named(self) -> None:
        self.git("config", "user.name", "Sample")
        self.git("config", "user.email", "sample@example.org")

    def git(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["git", *arguments], cwd=self.tree, env=self.environ, text=True,
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def commit(self, message: str = "work") -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def run_cells(self, name: str, outputs: Mapping[str, str], **sources: str) -> None:
        """Run cells by id, with new sources where given, and keep the records."""
        value = read(self.tree / name)
        now = datetime.now(UTC)
        kernel = Kernel(load_session(self.settings, now), now)
        kernel.step = timedelta(milliseconds=10)
        ran = []
        for cell in value["cells"]:
            if cell["cell_type"] == "code" and cell["id"] in outputs:
                cell["source"] = sources.get(cell["id"], cell["source"])
                kernel.run(cell, stream(outputs[cell["id"]]))
                ran.append(cell)
        self.shop.keep(kernel, {"cells": ran})
        self.shop.write(name, value)

    def verdicts(self, name: str) -> dict[str, str]:
        """Cell id → verdict and reason, as this person sees it."""
        import json

        found = json.loads(self.mlo_run("verify", "--json", name).out)["notebooks"][0]
        return {
            cell["id"]: f"{cell['verdict']} {' '.join(cell['changed'])}".strip()
            for cell in found["cells"]
        }
