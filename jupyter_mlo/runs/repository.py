"""The git repository that a notebook stands in: its commit, and whether files differ from it.

A repository's own configuration can name programs that git then runs (file system
monitors, filters, hooks, transports). A notebook's repository is not trusted, so each of
these is switched off on the command line, which outranks every configuration file; filters
are listed first, because they have names of their own. A file that only differs by such a
filter counts as changed.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from jupyter_mlo.lifecycle.provenance import Repository

#: Seconds that one call of git may take; huge or remote work trees are left out after that.
TIMEOUT: Final = 10.0

_OFF: Final = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.untrackedCache=false",
    "core.attributesFile=/dev/null",
    "core.pager=cat",
    "core.alternateRefsCommand=",
    "log.showSignature=false",
    "diff.external=",
    "status.submoduleSummary=false",
)
_HEX: Final = frozenset("0123456789abcdef")


def find_repository(notebook: Path, *, timeout: float = TIMEOUT) -> Repository | None:
    """State of the repository around the file ``notebook``; None where there is none to be had."""
    folder = notebook.parent
    if not any((place / ".git").exists() for place in [folder, *folder.parents]):
        return None
    git = _Git(folder, timeout)
    commit = (git.read("rev-parse", "--verify", "HEAD^{commit}") or "").strip()
    if len(commit) not in (40, 64) or not set(commit) <= _HEX:
        return None
    filters = git.read("config", "--null", "--name-only", "--get-regexp", r"^filter\.")
    # Without a match git fails too; it lists nothing then, and so there is nothing to fear.
    if git.timed_out or not git.switch_off((filters or "").split("\0")):
        return Repository(commit, None, None)
    changed = git.read("status", "--porcelain", "-z", "-uno", "--ignore-submodules=all")
    listed = git.read("ls-files", "-z", "--", f":(literal){notebook.name}")
    return Repository(
        commit,
        dirty=None if changed is None else bool(changed),
        tracked=None if listed is None else bool(listed),
    )


class _Git:
    """git in one folder, with everything off that would run another program."""

    def __init__(self, folder: Path, timeout: float) -> None:
        self._folder = folder
        self._timeout = timeout
        self._settings = list(_OFF)
        self.timed_out = False

    def switch_off(self, filter_settings: list[str]) -> bool:
        """Have these ``filter.<name>.<member>`` settings run nothing; False where one cannot."""
        for setting in filter_settings:
            driver, _, member = setting.rpartition(".")
            if "=" in driver:  # git splits -c at the first one
                return False
            if member in ("clean", "smudge", "process"):
                self._settings += [f"{setting}=", f"{driver}.required=false"]
        return True

    def read(self, *arguments: str) -> str | None:
        """Output of one git command; None where it fails or takes too long."""
        command = ["git", "--no-pager", "--no-replace-objects"]
        for setting in self._settings:
            command += ["-c", setting]
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        env |= {
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ASKPASS": "true",
            "LC_ALL": "C",
        }
        try:
            done = subprocess.run(
                [*command, *arguments],
                cwd=self._folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self._timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            self.timed_out = True
            return None
        except OSError:
            return None
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
