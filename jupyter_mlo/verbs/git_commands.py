"""Asking git: its configuration, its attributes, and files as they were."""

from __future__ import annotations

import subprocess
from pathlib import Path

from jupyter_mlo.errors import InvalidInput, MloError, NotFound

#: Seconds that git may take for one answer.
_PATIENCE = 60


def git(*arguments: str, folder: Path | None = None, fine: tuple[int, ...] = (0,)) -> bytes:
    """What git writes.

    Args:
        fine: exit statuses that are answers.

    Raises:
        NotFound: there is no git.
        InvalidInput: git refused, with what it says.
    """
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        raise NotFound("there is no git here", hint="install git, or check PATH") from None
    except subprocess.TimeoutExpired:
        raise MloError(f"git {arguments[0]} gave no answer", hint="see what it waits for") from None
    if done.returncode not in fine:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise InvalidInput(
            f"git {arguments[0]}: {said[0] if said else f'exit status {done.returncode}'}",
            hint="see that you are in a repository, and that the name is right; git takes paths "
            "from the top of the repository, or with ./ from where you are",
        )
    return done.stdout


def text(*arguments: str, folder: Path | None = None, fine: tuple[int, ...] = (0,)) -> str:
    """The same as text, without the last line feed."""
    return git(*arguments, folder=folder, fine=fine).decode(errors="surrogateescape").strip("\n")


def config(name: str, *scope: str) -> str:
    """A configured value; empty where there is none."""
    return text("config", *scope, "--get", name, fine=(0, 1))


def work_tree() -> Path | None:
    """The top folder of the work tree; None in a bare repository and in git's own folder.

    Raises:
        InvalidInput: this is no repository.
    """
    if text("rev-parse", "--is-inside-work-tree") != "true":
        return None
    return Path(text("rev-parse", "--show-toplevel"))


def blob(revision: str, path: str, *, folder: Path | None = None) -> bytes:
    """A file as it was in a revision; ``path`` from the top, or from here with ``./``.

    Raises:
        InvalidInput: there is no such revision, or no such file in it.
    """
    if revision.startswith("-"):
        raise InvalidInput(f"{revision} is no revision", hint="give REVISION:PATH")
    return git("cat-file", "blob", f"{revision}:{path}", folder=folder)
