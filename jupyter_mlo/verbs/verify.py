"""Check who ran which cell of a notebook, and whether anything was changed since.

Needs the file and your trust configuration, no network and no kernel. PATH is a notebook, a
folder (every notebook below it), a quoted pattern, or a file that `jupyter mlo export` has written
(.jsonl). Exit status: 0 everything holds, 1 something
does not, 2 something could not be read.

Examples:
  jupyter mlo verify train.ipynb
  jupyter mlo verify notebooks/ 'runs/2026-*/*.ipynb' --quiet
  jupyter mlo verify --require enrolled --require-outputs train.ipynb
  jupyter mlo verify --json train.ipynb
  jupyter mlo verify train.jsonl
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.notebook.reports import Demands
    from jupyter_mlo.verbs.judging import Judged

LEVELS = ("claimed", "signed", "enrolled", "witnessed")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="notebook, folder or pattern")
    parser.add_argument("--json", action="store_true", help="everything that was found, as JSON")
    parser.add_argument(
        "--allow-unstamped",
        action="store_true",
        help="let cells pass that nobody has stamped or sealed yet",
    )
    parser.add_argument(
        "--require",
        choices=LEVELS,
        default="signed",
        help="how sure it must be whose keys signed (default: signed: you pinned them)",
    )
    parser.add_argument(
        "--require-outputs", action="store_true", help="miss outputs that were removed"
    )
    parser.add_argument(
        "--require-sealed",
        action="store_true",
        help="let no notebook pass that nobody sealed, even where nothing was executed",
    )
    parser.add_argument("--quiet", action="store_true", help="only what does not hold")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Verify them all; the exit status is the worst of them."""
    from jupyter_mlo.delegation.assurance import Assurance
    from jupyter_mlo.notebook.reports import Demands
    from jupyter_mlo.verbs.judging_many import judged_in_order
    from jupyter_mlo.verbs.notebook_paths import notebooks_at
    from jupyter_mlo.verbs.shown_people import names_here
    from jupyter_mlo.verbs.shown_verdicts import shown
    from jupyter_mlo.verbs.verify_export import is_export

    demands = Demands(
        level=Assurance[arguments.require.upper()],
        allow_unstamped=arguments.allow_unstamped,
        outputs=arguments.require_outputs,
        sealed=arguments.require_sealed,
    )
    exports = [Path(name) for name in arguments.paths if is_export(Path(name))]
    names = [name for name in arguments.paths if not is_export(Path(name))]
    paths = notebooks_at(names)
    entries: list[dict[str, Any]] = []
    tally = [0, 0, 0]
    said: set[str] = set()
    people = {} if arguments.json else names_here(context.settings)
    exported = _exports(exports, arguments, demands, people, context)
    for entry in exported:
        tally[2 if "error" in entry else 0 if entry["holds"] else 1] += 1
    for path, found in judged_in_order(paths, context):
        for problem in found.problems:
            if problem not in said:
                said.add(problem)
                context.note(f"note: {problem}")
        status = _status(found, demands)
        tally[status] += 1
        if arguments.json:
            entries.append(_entry(path, found, demands))
        elif status or not arguments.quiet:
            for line in shown(path, found, demands, people):
                context.say(line)
    worst = max(status for status, count in enumerate(tally) if count or not status)
    if arguments.json:
        listed = {"notebooks": entries, **({"exports": exported} if exported else {})}
        context.say(json.dumps({"version": 1, "status": worst, **listed}, indent=2))
    elif len(paths) > 1:
        holding, failing, unread = tally
        context.say(
            f"{len(paths)} notebooks: {holding} hold, {failing} do not, {unread} could not be read"
        )
    return worst


def _exports(
    exports: Sequence[Path],
    arguments: argparse.Namespace,
    demands: Demands,
    people: Mapping[str, str],
    context: Context,
) -> list[dict[str, Any]]:
    """The reports on exports, said one by one unless JSON is asked for."""
    from jupyter_mlo.errors import MloError
    from jupyter_mlo.ledger.seen_heads import SeenHeads
    from jupyter_mlo.verbs.at_hand import at_hand
    from jupyter_mlo.verbs.judging import Judged
    from jupyter_mlo.verbs.verify_export import judge_export, shown

    found: list[dict[str, Any]] = []
    if not exports:
        return found
    heads = SeenHeads(context.settings.home / "ledger-heads.jsonl")
    with contextlib.closing(at_hand(context.settings, context.now())) as here:
        for path in exports:
            try:
                report = judge_export(path, here, context.now(), heads)
            except MloError as error:
                found.append(_entry(path, Judged(None, error.message, error.hint), demands))
                if not arguments.json:
                    context.note(str(error))
                continue
            found.append({"path": str(path), **report.to_json(demands.level)})
            if not arguments.json and not (arguments.quiet and report.holds(demands.level)):
                for line in shown(path, report, demands.level, people):
                    context.say(line)
        for note in here.notes:
            context.note(f"note: {note}")
    try:
        heads.keep()
    except OSError as error:
        context.note(f"note: what these ledgers showed is not remembered: {error.strerror}")
    return found


def _status(found: Judged, demands: Demands) -> int:
    if found.report is None:
        return 2
    return 0 if found.report.holds(demands) else 1


def _entry(path: Path, found: Judged, demands: Demands) -> dict[str, Any]:
    if found.report is None:
        return {"path": str(path), "holds": False, "error": found.error, "hint": found.hint}
    return {"path": str(path), **found.report.to_json(demands)}
