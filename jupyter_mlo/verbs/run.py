"""Run notebooks, many at once, each attributed, sealed and on record.

Parameters, tags, errors and metadata are papermill's. --grid multiplies: every notebook with every
combination of values. Outputs appear whole; where two would fall on one file nothing is started.
--resume leaves out what is done: outputs whose seal and provenance show the same code, parameters
and data. Ctrl-C ends what runs and records it; a second one kills the kernels.

Exit status: 0 if every run succeeded, 1 if one did not, 130 after Ctrl-C.

Examples:
  jupyter mlo run train.ipynb --out runs/{notebook}.ipynb
  jupyter mlo run a.ipynb b.ipynb --mandate job.mandate -p alpha 0.1 --out runs/{notebook}.ipynb
  jupyter mlo run train.ipynb --grid seed=1..20 --workers 4 --out runs/{seed}.ipynb
  jupyter mlo run --plan nightly.toml --resume --index runs/index.html
"""

from __future__ import annotations

import argparse
import gc
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlo.config import open_plain
from jupyter_mlo.errors import InvalidInput, MloError
from jupyter_mlo.identity.safe_text import terminal_safe

if TYPE_CHECKING:
    from jupyter_mlo.runs.batch.results import Done, Result
    from jupyter_mlo.verbs.context import Context


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help="path or address")
    parser.add_argument("--plan", metavar="FILE", help="what to run, as TOML")
    parser.add_argument(
        "--out",
        metavar="PATTERN",
        help="where outputs go: {notebook}, {folder}, {run} and {PARAMETER} are filled in",
    )
    parser.add_argument(
        "-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="a parameter; numbers, True, False and None are read as such",
    )  # fmt: skip
    parser.add_argument(
        "-r", dest="raw", nargs=2, action="append", default=[], metavar=("NAME", "TEXT"),
        help="a parameter that is a text, whatever it looks like",
    )  # fmt: skip
    parser.add_argument(
        "--grid", action="append", default=[], metavar="NAME=VALUES",
        help="run with each value: seed=1..20, alpha=0.1,0.2",
    )  # fmt: skip
    parser.add_argument(
        "--kernel", metavar="NAME", help="kernelspec in place of the notebooks' own"
    )
    parser.add_argument("--cwd", metavar="FOLDER", help="where kernels run (default: here)")
    parser.add_argument(
        "--mandate", action="append", default=[], metavar="FILE",
        help="run under this mandate, else MLO_MANDATE, else the session; repeatable: the first "
        "that permits a run",
    )  # fmt: skip
    parser.add_argument("--activity", metavar="NAME", help="why: training, validation, …")
    parser.add_argument("--model", metavar="NAME", help="which model")
    parser.add_argument(
        "--workers", type=_count, metavar="N", help="runs at a time (default: 1, in order)"
    )
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="run on the workers of this Dask scheduler"
    )
    parser.add_argument("--cell-timeout", type=_seconds, metavar="SECONDS", help="for each cell")
    parser.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="for each run")
    parser.add_argument(
        "--start-timeout", type=_seconds, metavar="SECONDS", help="for a kernel (default: 60)"
    )
    parser.add_argument(
        "--max-output", type=_megabytes, metavar="MB",
        help="what a run may put out, in memory (default: 500)",
    )  # fmt: skip
    parser.add_argument(
        "--retries", type=_number, metavar="N",
        help="further attempts after a kernel did not start or died (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--keep-going", action="store_true", default=None, help="go on when a run fails"
    )
    parser.add_argument("--resume", action="store_true", help="leave out what is done")
    parser.add_argument("--index", metavar="FILE", help="write an HTML table of the results")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError("1 to 1000")
    return value


def _number(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError("0 to 100")
    return value


def _megabytes(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1_000_000:
        raise argparse.ArgumentTypeError("1 to 1000000")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError("a number of seconds above 0")
    return value


def run(arguments: argparse.Namespace, context: Context) -> int:
    """See the module's text."""
    gc.disable()  # what is imported stays: looking for garbage takes as long as a short run
    server = None if arguments.dask else _early(arguments.notebooks)
    try:
        return _run(arguments, context, server)
    finally:
        gc.enable()
        if server is not None:
            server.close()


def _early(notebooks: list[str]) -> Any:
    """A fork server begun before everything else, where the first notebook looks like Python."""
    from jupyter_mlo.runs.withheld import Withheld

    try:
        with open_plain(Path(notebooks[0])) as file:
            content = file.read(1 << 22)
    except (OSError, IndexError, ValueError):
        return None
    if b'"name": "python3"' not in content:
        return None
    from jupyter_mlo.runs.batch.forked import ForkServer

    with Withheld():
        return ForkServer()


def _run(arguments: argparse.Namespace, context: Context, server: Any) -> int:
    from jupyter_mlo.runs.batch.attempt import Surrounding
    from jupyter_mlo.runs.batch.batch import Here, Manner, run_batch
    from jupyter_mlo.runs.batch.cells import Limits
    from jupyter_mlo.runs.batch.jobs import check_targets
    from jupyter_mlo.runs.batch.kernels import Specs
    from jupyter_mlo.runs.batch.preflight import check_all
    from jupyter_mlo.runs.batch.publisher import Together
    from jupyter_mlo.runs.withheld import Withheld
    from jupyter_mlo.verbs.run_plan import planned
    from jupyter_mlo.verbs.run_shown import shown

    if arguments.dask:
        from jupyter_mlo.runs.batch.cluster import Cluster, load_dask

        load_dask()
    gc.freeze()
    gc.enable()
    plan = planned(arguments)
    check_targets(plan.jobs)
    with Withheld() as secrets, Together(context.settings) as on_record:
        around = Surrounding(
            settings=context.settings,
            folder=Path.cwd(),
            cwd=_folder(plan.cwd),
            on_record=on_record,
            specs=Specs(),
            secrets=secrets,
            mandates=tuple(plan.mandates),
            activity=plan.activity,
            model=plan.model,
            limits=Limits(
                cell=plan.cell_timeout, run=plan.timeout, output=plan.max_output * 1_000_000
            ),
            start_timeout=plan.start_timeout,
        )
        for remark in check_all(plan.jobs, around):
            context.note(remark)
        done: dict[int, Done] = {}
        if arguments.resume:
            from jupyter_mlo.verbs.run_resume import done_before

            done = done_before(plan.jobs, around, context)
        place: Any = Here(around.specs, server)
        if arguments.dask:
            place = Cluster(arguments.dask, plan.cwd)
        manner = Manner(plan.workers, plan.retries, plan.keep_going, done)
        with shown(plan.jobs, context) as show:
            results, interrupted = run_batch(plan.jobs, around, manner, show, place)
    _report(results, arguments, context)
    if arguments.index:
        _write_index(Path(arguments.index), results, context)
    if interrupted:
        return 130
    return 0 if all(result.good for result in results) else 1


def _folder(text: str | None) -> Path:
    path = Path.cwd() / (text or "")
    if not path.is_dir():
        raise InvalidInput(f"there is no folder {text}", hint="--cwd names where kernels run")
    return path


def _write_index(path: Path, results: list[Result], context: Context) -> None:
    """Write the page; what is in its way is said, as all has run."""
    from jupyter_mlo.runs.batch.index import write_index
    from jupyter_mlo.verbs.run_verdicts import verdicts_on
    from jupyter_mlo.verbs.shown_people import names_here

    try:
        verdicts = verdicts_on(results, context)
        write_index(path, results, verdicts, names_here(context.settings), context.now())
    except (MloError, OSError, ValueError) as error:
        context.note(f"The table of results is not written: {terminal_safe(str(error))}")


def _report(results: list[Result], arguments: argparse.Namespace, context: Context) -> None:
    if arguments.json:
        text = json.dumps([result.to_json() for result in results], indent=2, allow_nan=False)
        context.say(text)
        return
    from jupyter_mlo.verbs.run_shown import table
    from jupyter_mlo.verbs.shown_people import names_here

    context.say(table(results, names_here(context.settings)))
