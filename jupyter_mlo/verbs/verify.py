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
import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.progress import progress

if TYPE_CHECKING:
    from jupyter_mlo.notebook.reports import Demands
    from jupyter_mlo.verbs.judging import Judged

LEVELS = ("claimed", "signed", "enrolled", "witnessed")
#: Below these a second process costs more time than it saves.
_MANY_FILES, _MANY_BYTES = 8, 4_000_000


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
    for path, found in _with_progress(_verdicts(paths, context), len(paths), context):
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


def _verdicts(paths: Sequence[Path], context: Context) -> Iterator[tuple[Path, Judged]]:
    """The report on each notebook, in order; on all cores where that saves time."""
    from jupyter_mlo.verbs.judging import Judge, judge_here, start_judging

    cores = os.cpu_count() or 1
    # In a kernel there are threads, and whoever forks then may inherit a lock for ever.
    if context.in_kernel or cores < 2 or not _worth_processes(paths):
        with Judge(context.settings, context.now()) as judge:
            yield from zip(paths, map(judge, paths), strict=True)
        return
    method = "fork" if sys.platform == "linux" else "spawn"
    with ProcessPoolExecutor(
        min(cores, len(paths)),
        multiprocessing.get_context(method),
        initializer=start_judging,
        initargs=(context.settings, context.now()),
    ) as pool:
        yield from zip(paths, pool.map(judge_here, paths), strict=True)


def _with_progress(
    verdicts: Iterator[tuple[Path, Judged]], total: int, context: Context
) -> Iterator[tuple[Path, Judged]]:
    """The same, saying how many are done; not while what came of one is being written."""
    with progress("verifying", "notebooks", context) as moved:
        for done, each in enumerate(verdicts):
            moved(done, total)
            yield each


def _worth_processes(paths: Sequence[Path]) -> bool:
    if len(paths) < 2:
        return False
    total = 0
    for path in paths:
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return len(paths) >= _MANY_FILES or total >= _MANY_BYTES


def _status(found: Judged, demands: Demands) -> int:
    if found.report is None:
        return 2
    return 0 if found.report.holds(demands) else 1


def _entry(path: Path, found: Judged, demands: Demands) -> dict[str, Any]:
    if found.report is None:
        return {"path": str(path), "holds": False, "error": found.error, "hint": found.hint}
    return {"path": str(path), **found.report.to_json(demands)}
