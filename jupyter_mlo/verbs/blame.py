"""Show who executed each cell, when and why, and who first sealed its source.

"Executed by" is what a valid stamp proves; "first sealed by" is the earliest seal with that source.
Neither says who wrote it. Names are those of the MLOs enrolled here.

Examples:
  jupyter mlo blame train.ipynb
  jupyter mlo blame --json train.ipynb
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.shown_people import names_here, when, who, with_names

if TYPE_CHECKING:
    from jupyter_mlo.notebook.blame import Blamed, FirstSealed
    from jupyter_mlo.notebook.reports import CellReport

_HEADINGS = ("cell", "executed by", "when", "activity", "model", "first sealed by", "verdict")
_WIDEST = 48


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebook", metavar="NB", help="the notebook")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Blame one notebook."""
    from jupyter_mlo.notebook.blame import blame
    from jupyter_mlo.verbs.judging import Judge

    path = Path(arguments.notebook)
    if path.is_dir():
        raise InvalidInput(
            f"{path} is a folder, and one notebook is blamed at a time",
            hint="give a notebook (.ipynb); jupyter mlo verify takes folders",
        )
    with Judge(context.settings, context.now()) as judge:
        notebook = judge.read(path)
        for problem in judge.here.said:
            context.note(f"note: {problem}")
        examined = judge.examine(notebook)
        lines = blame(examined)
    if arguments.json:
        cells = [line.to_json() for line in lines]
        whole = {"version": 1, "notebook": examined.entries.notebook, "cells": cells}
        context.say(json.dumps(whole, indent=2))
        return 0
    names = names_here(context.settings)
    for row in _table([_row(line, names) for line in lines]):
        context.say(row)
    return 0


def _row(line: Blamed, names: Mapping[str, str]) -> tuple[str, ...]:
    cell, sealed = line.cell, line.first_sealed
    changed = f" ({' and '.join(cell.changed)})" if cell.changed else ""
    reason = f": {with_names(cell.reason, names)}" if cell.reason else ""
    executed = line.executed_by is not None
    return (
        str(cell.position + 1),
        who(line.executed_by, names) + _beside(cell, names) if line.executed_by else "-",
        when(cell.started) if executed else "-",
        (cell.activity or "-") if executed else "-",
        (cell.model or "-") if executed else "-",
        f"{names.get(sealed.mlo, sealed.mlo)}{_beside(sealed, names)}, {when(sealed.time)}"
        if sealed
        else "not sealed yet",
        f"{cell.verdict}{changed}{reason}",
    )


def _beside(one: CellReport | FirstSealed, names: Mapping[str, str]) -> str:
    """The assistant that acted, and the team that it was for."""
    return "".join(
        f" {word} {names.get(mlo, mlo)}"
        for word, mlo in (("through", one.assistant), ("for", one.on_behalf_of))
        if mlo
    )


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows under their headings, aligned; the last column is as wide as it needs to be."""
    from jupyter_mlo.identity.safe_text import terminal_safe

    limits = [*([_WIDEST] * (len(_HEADINGS) - 1)), 200]
    # Times stand at the end of the column "first sealed by": that one may be wider.
    # And an assistant or a team beside the MLO.
    limits[1], limits[5] = 3 * _WIDEST, 3 * _WIDEST + 24
    safe = [
        [terminal_safe(text, limit=limit) for text, limit in zip(row, limits, strict=True)]
        for row in (_HEADINGS, *rows)
    ]
    widths = [max(len(row[column]) for row in safe) for column in range(len(_HEADINGS))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in safe
    ]
