"""Rebuild the notebook of a papermill run that was killed.

While a notebook runs under the engine mlo, every completed cell is put into a journal. After
the runner was killed (kill -9, power, memory) this writes the notebook as far as it had got,
with the stamps of the cells that had completed; at most the cell that was running is
missing. It is not sealed then: look at it, and seal it. A file that is not this run's own
output is not overwritten.

Examples:
  jupyter mlo recover                     list runs that were cut off
  jupyter mlo recover out.ipynb           write out.ipynb again from its run's journal
  jupyter mlo recover 7c9e6679 --to x.ipynb
  jupyter mlo seal out.ipynb && jupyter mlo verify out.ipynb
"""

from __future__ import annotations

import argparse
from pathlib import Path

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.verbs.context import Context


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``recover``."""
    parser.add_argument(
        "run",
        nargs="?",
        metavar="OUTPUT_OR_RUN",
        help="the output notebook of the run, or the run's ID (its beginning will do)",
    )
    parser.add_argument(
        "--to", type=Path, metavar="PATH", help="write there instead of the run's own output"
    )
    parser.add_argument(
        "--force", action="store_true", help="overwrite the file there, whatever it is"
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the journal; it is removed otherwise"
    )


def run(arguments: argparse.Namespace, context: Context) -> int:
    """List runs, or recover one."""
    from jupyter_mlo.runs import recovery

    if arguments.run is None:
        return _list(context)
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.identity.safe_text import terminal_safe
    from jupyter_mlo.runs import journal

    found = recovery.find_run(context.settings, arguments.run, Path.cwd())
    trust = TrustStore(context.settings).load()
    recovered = recovery.rebuild(found, context.now(), trust)
    target = arguments.to or found.local
    if target is None:
        raise InvalidInput(
            f"the run {terminal_safe(found.folder.name)} writes to "
            f"{terminal_safe(found.output or 'no file')}",
            hint="say where the notebook goes: --to PATH",
        )
    if not arguments.force:
        recovery.check_target(found, recovered, target)
    recovery.write(recovered, target)
    shown = terminal_safe(str(target))
    context.say(
        f"{shown}: {recovered.completed} of {recovered.code_cells} code cells recovered"
        f"{', sealed' if recovered.sealed else ''}"
    )
    for problem in recovered.problems:
        context.note(f"not counted: {problem}")
    if recovered.statements:
        context.note(_carry_on(recovered, context))
    if not arguments.keep:
        journal.remove(found.folder)
    context.note(
        f"next: jupyter mlo verify {shown}"
        if recovered.sealed
        else f"next: jupyter mlo seal {shown}, then jupyter mlo verify {shown}"
    )
    return 0


def _list(context: Context) -> int:
    from jupyter_mlo.identity.safe_text import terminal_safe
    from jupyter_mlo.runs.recovery import cut_off_runs

    runs = cut_off_runs(context.settings)
    if not runs:
        context.say("no run was cut off here")
    for each in runs:
        state = "running" if each.running else "ended" if each.ended else "cut off"
        place = terminal_safe(each.output or "no file")
        context.say(
            f"{terminal_safe(each.folder.name)}  {terminal_safe(each.started)}  {state}  {place}"
        )
    if any(not each.running and not each.ended for each in runs):
        context.note("jupyter mlo recover ID writes the notebook of a run that was cut off")
    return 0


def _carry_on(recovered: object, context: Context) -> str:
    from jupyter_mlo.ledger.publish import publish
    from jupyter_mlo.runs.recovery import Recovered

    assert isinstance(recovered, Recovered)
    published = publish(context.settings, recovered.statements)
    if published.why:
        return f"{published.waiting} statements of the run wait for the ledger: {published.why}"
    return f"{published.count} statements that the run had made are in the ledger now"
