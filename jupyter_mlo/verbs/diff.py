"""Show whose cells changed between two versions of a notebook.

A version is a file, or REVISION:PATH in git. With one notebook: what changed in it since the last
commit. Cells are added, removed or moved; their source or outputs differ; they were executed again.
Beside each stands who executed it, when, and the verdict, before and after. Whether the versions
were sealed is no difference: `jupyter mlo verify` says that of each.

Exit status: 0 they are the same, 1 they differ, 2 one could not be read.

Examples:
  jupyter mlo diff train.ipynb
  jupyter mlo diff HEAD~3:train.ipynb train.ipynb
  jupyter mlo diff --json old.ipynb new.ipynb
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.shown_people import names_here, when, who

if TYPE_CHECKING:
    from jupyter_mlo.notebook.blame import Blamed
    from jupyter_mlo.notebook.differing import CellDifference

_WIDTH = 400


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("before", metavar="A", help="a notebook, or REVISION:PATH")
    parser.add_argument(
        "after", metavar="B", nargs="?", help="the later one (default: A, since the last commit)"
    )
    parser.add_argument("--json", action="store_true", help="everything that differs, as JSON")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Compare two versions."""
    from jupyter_mlo.identity.safe_text import terminal_safe
    from jupyter_mlo.notebook.differing import difference
    from jupyter_mlo.verbs.judging import Judge
    from jupyter_mlo.verbs.versions import committed, version

    with Judge(context.settings, context.now()) as judge:
        for problem in judge.here.said:
            context.note(f"note: {problem}")
        if arguments.after is None:
            before = judge.read(committed(Path(arguments.before)))
            after = judge.read(Path(arguments.before))
        else:
            before, after = (
                judge.read(version(name)) for name in (arguments.before, arguments.after)
            )
        found = difference(judge.examine(before), judge.examine(after))
    if arguments.json:
        names = {"before": arguments.before, "after": arguments.after or arguments.before}
        context.say(json.dumps({"version": 1, **names, **found.to_json()}, indent=2))
        return 0 if found.same else 1
    people = names_here(context.settings)
    for line in found.notebook:
        context.say(terminal_safe(f"notebook: {line}", limit=_WIDTH))
    for cell in found.cells:
        for line in _shown(cell, people):
            context.say(terminal_safe(line, limit=_WIDTH))
    if found.same:
        context.say("the same")
    return 0 if found.same else 1


def _shown(cell: CellDifference, people: Mapping[str, str]) -> list[str]:
    there = cell.after or cell.before
    assert there is not None
    place = f"cell {there.cell.position + 1}" + (f" ({there.cell.id})" if there.cell.id else "")
    what = ", ".join(cell.changes)
    if cell.before and cell.after and "moved" in cell.changes:
        what = what.replace("moved", f"moved from {cell.before.cell.position + 1}", 1)
    if cell.before is None or cell.after is None:
        return [f"{place}: {what}: {_side(there, people)}"]
    sides = _side(cell.before, people), _side(cell.after, people)
    if sides[0] == sides[1]:
        return [f"{place}: {what}: {sides[0]}"]
    return [f"{place}: {what}", f"  before: {sides[0]}", f"  after:  {sides[1]}"]


def _side(line: Blamed, people: Mapping[str, str]) -> str:
    cell = line.cell
    changed = f" ({' and '.join(cell.changed)})" if cell.changed else ""
    verdict = f"{cell.verdict}{changed}"
    if line.executed_by is None:
        return verdict
    return f"{who(line.executed_by, people)}, {when(cell.started)}, {verdict}"
