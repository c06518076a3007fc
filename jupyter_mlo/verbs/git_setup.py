"""Setting git up for notebooks, and keeping other tools from what is ours."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jupyter_mlo.errors import MloError
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.verbs import git_commands
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.git_neighbours import (
    filter_jupytext,
    jupytext_file,
    jupytext_filters,
    nbdime_ignores,
    nbdime_is_told,
    tell_nbdime,
)

DRIVER = "mlo"
#: Added to an attributes file, and by that found again.
LINE = f"*.ipynb diff={DRIVER} merge={DRIVER}"
DIFF_LINE = f"*.ipynb diff={DRIVER}"
_SECTIONS = (f"diff.{DRIVER}", f"merge.{DRIVER}")


@dataclass(frozen=True)
class Setup:
    """Of which clones: this one, or all of this account."""

    everywhere: bool = False

    @property
    def scope(self) -> str:
        """The option of ``git config``."""
        return "--global" if self.everywhere else "--local"

    @property
    def attributes(self) -> Path:
        """The attributes file, which is nobody's but this clone's or this account's."""
        if not self.everywhere:
            folder = Path(git_commands.text("rev-parse", "--git-common-dir"))
            return folder.absolute() / "info" / "attributes"
        if named := git_commands.text("config", "--path", "--get", _NAMED, fine=(0, 1)):
            return Path(named)
        base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        return Path(base, "git", "attributes")


_NAMED = "core.attributesFile"


def can_merge() -> bool:
    """Whether what merges cells is installed."""
    return importlib.util.find_spec("nbdime") is not None


def command(action: str) -> str:
    """What git is to call: this interpreter, whatever PATH is then.

    git calls it in the work tree, from which nothing may be imported: hence ``-P``.
    """
    return f"{shlex.quote(sys.executable)} -P -m jupyter_mlo.cli.main git {action}"


def install(setup: Setup, context: Context, *, jupytext: bool) -> int:
    """Set everything up; doing it again renews it."""
    attributes = setup.attributes
    wanted = {f"diff.{DRIVER}.textconv": command("textconv")}
    if can_merge():
        wanted[f"merge.{DRIVER}.name"] = "cells, with their stamps"
        wanted[f"merge.{DRIVER}.driver"] = f"{command('merge')} %O %A %B %P"
    for name, value in wanted.items():
        git_commands.git("config", setup.scope, name, value)
    _write_lines(attributes, _with(LINE if can_merge() else DIFF_LINE, _others(attributes)))
    context.say(f"git shows notebooks with who executed their cells ({_where(setup)})")
    if can_merge():
        context.say("git merges cells; stamps stay with them, seals end and are named")
    else:
        context.note(
            "note: nbdime is not installed, so git merges lines of text as before; "
            "pip install 'jupyter-mlo[git]', and do this again"
        )
    if can_merge():
        tell_nbdime(True)
        context.say(f"nbdime's views leave our metadata out ({_safe(nbdime_ignores())})")
    _install_jupytext(setup, context, begin=jupytext)
    for warning in _warnings(setup):
        context.note(f"note: {warning}")
    return 0


def uninstall(setup: Setup, context: Context) -> int:
    """Take out what :func:`install` put there."""
    for section in _SECTIONS:
        git_commands.git("config", setup.scope, "--remove-section", section, fine=(0, 1, 128))
    attributes = setup.attributes
    before = _lines(attributes)
    others = _others(attributes)
    if others != before:
        _write_lines(attributes, others)
    tell_nbdime(False)
    context.say(f"git treats notebooks as before ({_where(setup)})")
    folder = None if setup.everywhere else git_commands.work_tree()
    file = jupytext_file(folder) if folder is not None else None
    if file is not None and jupytext_filters(file):
        context.say(f"left as it is: cell_metadata_filter in {_safe(file)}")
    return 0


def status(setup: Setup, context: Context) -> int:
    """Say what is set up; 0 where diff and merge are ours, else 1."""
    shows = bool(git_commands.config(f"diff.{DRIVER}.textconv"))
    merges = bool(git_commands.config(f"merge.{DRIVER}.driver"))
    if setup.everywhere:
        lines = [line.rstrip("\r\n") for line in _lines(setup.attributes)]
        shows = shows and any(line in lines for line in (LINE, DIFF_LINE))
        merges = merges and LINE in lines
    else:
        applied = _applied()
        shows = shows and applied.get("diff") == DRIVER
        merges = merges and applied.get("merge") == DRIVER
    context.say(f"diff and blame: {'who executed each cell' if shows else 'not set up'}")
    context.say(f"merge: {'cells, with their stamps' if merges else 'not set up'}")
    told = "leaves our metadata out" if nbdime_is_told() else "shows our metadata"
    context.say(f"nbdime: {told if can_merge() else 'not installed'}")
    folder = None if setup.everywhere else git_commands.work_tree()
    if folder is not None:
        file = jupytext_file(folder)
        if file is None:
            context.say("jupytext: no jupytext.toml here")
        else:
            kept = "keeps our metadata out" if jupytext_filters(file) else "writes our metadata"
            context.say(f"jupytext: {kept} ({_safe(file)})")
    for warning in _warnings(setup):
        context.note(f"note: {warning}")
    if not (shows and merges):
        context.note("hint: jupyter mlo git install")
    return 0 if shows and merges else 1


def _install_jupytext(setup: Setup, context: Context, *, begin: bool) -> None:
    folder = None if setup.everywhere else git_commands.work_tree()
    if folder is None:
        return
    file = jupytext_file(folder) or (folder / "jupytext.toml" if begin else None)
    if file is None:
        return
    if filter_jupytext(file):
        context.say(f"jupytext's text files do not get our metadata ({_safe(file)}; commit it)")
    else:
        context.note(
            f'note: add "-mlo" to cell_metadata_filter in {_safe(file)}, '
            "or stamps go into text files as well"
        )


def _warnings(setup: Setup) -> Iterator[str]:
    """What else is configured here that takes stamps away or gets in the way."""
    extra = git_commands.config("filter.nbstripout.extrakeys").split()
    lost = [key for key in extra if re.search(r"(^|\.)mlo(\.|$)", key)]
    if lost:
        yield (
            f"nbstripout is told to strip {terminal_safe(' '.join(lost))}: stamps and seals do not "
            "reach git"
        )
    if setup.everywhere:
        return
    applied = _applied()
    for name, what in (("diff", "shown"), ("merge", "merged")):
        found = applied.get(name, "unspecified")
        if found not in (DRIVER, "unspecified", "set"):
            yield (
                f"notebooks are {what} by {terminal_safe(found)}, by an attribute that comes later"
            )


def _applied() -> dict[str, str]:
    """Which attributes a notebook at the top has."""
    try:
        found = git_commands.text("check-attr", "-z", "diff", "merge", "--", "some.ipynb")
    except MloError:
        return {}
    fields = found.split("\0")
    return dict(zip(fields[1::3], fields[2::3], strict=False))


def _lines(path: Path) -> list[str]:
    """The lines of a file with their ends, which are the file's own to choose."""
    try:
        text = path.read_bytes().decode(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return []
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _others(path: Path) -> list[str]:
    return [line for line in _lines(path) if line.rstrip("\r\n") not in (LINE, DIFF_LINE)]


def _with(line: str, others: list[str]) -> list[str]:
    """``others`` and one line more, with their ends."""
    end = "\r\n" if others and others[0].endswith("\r\n") else "\n"
    if others and not others[-1].endswith("\n"):
        others = [*others[:-1], others[-1] + end]
    return [*others, line + end]


def _write_lines(path: Path, lines: list[str]) -> None:
    """Write the file; one in which nothing stands any more is removed, unless it is a link."""
    if not lines and not path.is_symlink():
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(lines).encode("utf-8", errors="surrogateescape"))


def _where(setup: Setup) -> str:
    return "all clones of this account" if setup.everywhere else "this clone"


def _safe(path: Path) -> str:
    return terminal_safe(str(path), limit=300)
