"""Write the stamps that records vouch for, and seal notebooks as they are now.

Needs a session. Only your own records become stamps; what nobody recorded stays unattributed, and
is named. Changes metadata only. A seal normally means "this is what was there" (held); with
--meaning you say more, and are first shown what changed since the last seal.

Examples:
  jupyter mlo seal train.ipynb
  jupyter mlo seal notebooks/*.ipynb
  jupyter mlo seal --meaning reviewed train.ipynb
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlo.errors import MloError, Refused, SessionError
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.words import count_of

if TYPE_CHECKING:
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.notebook.sealing import SealedNotebook
    from jupyter_mlo.notebook.verification import Examined
    from jupyter_mlo.verbs.judging import Judge

MEANINGS = ("held", "authored", "reviewed", "approved")
_MOST_LINES = 40
_WIDTH = 400


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebooks", nargs="+", metavar="NB", help="notebook, folder or pattern")
    parser.add_argument(
        "--meaning", choices=MEANINGS, default="held", help="what you mean by it (default: held)"
    )
    parser.add_argument(
        "--yes", action="store_true", help="with --meaning: do not ask, I know what changed"
    )


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Seal each; one that cannot be sealed is named, and the others are sealed all the same."""
    from jupyter_mlo.delegation.sessions import load_session
    from jupyter_mlo.verbs.judging import Judge
    from jupyter_mlo.verbs.notebook_paths import notebooks_at
    from jupyter_mlo.verbs.publishing import last_checkpoint

    signer = load_session(context.settings, context.now())
    if signer is None:
        raise SessionError(
            "nobody is logged in here, so nobody can seal",
            hint="log in first: jupyter mlo login, or %mlo_login in a notebook",
        )
    checkpoint = last_checkpoint(context)
    if checkpoint is not None:
        signer = signer.quoting(checkpoint)
    paths = notebooks_at(arguments.notebooks)
    status = 0
    with Judge(context.settings, context.now()) as judge:
        for problem in judge.here.said:
            context.note(f"note: {problem}")
        for path in paths:
            try:
                _seal(path, signer, judge, arguments, context)
            except MloError as error:
                if len(paths) == 1:
                    raise
                context.note(f"error: {path}: {error}")
                status = max(status, error.exit_status)
    return status


def _seal(
    path: Path, signer: Signer, judge: Judge, arguments: argparse.Namespace, context: Context
) -> None:
    from jupyter_mlo.notebook.sealing import seal_examined
    from jupyter_mlo.verbs.notebook_files import NotebookFile
    from jupyter_mlo.verbs.publishing import publish

    file = NotebookFile.read(path)
    examined = judge.examine(file.notebook)
    if arguments.meaning != "held":
        _show_changes(path, examined, arguments.meaning, context)
        if not arguments.yes:
            _confirm(path, arguments.meaning, context)
    found = seal_examined(
        file.value,
        examined,
        signer=signer,
        now=context.now(),
        meaning=arguments.meaning,
        placed=judge.here.placed(file.notebook),
    )
    if found.seal is not None:
        _keep(found, examined, context)
        trusted = file.trusted()
        file.write(found.value)
        if trusted:
            file.trust_again()
    # Where nothing is new as well: the last seal may not have reached the ledger then.
    publish(context, found.to_publish)
    _report(path, found, signer.mlo, arguments.meaning, context)


def _keep(found: SealedNotebook, examined: Examined, context: Context) -> None:
    """Keep the new stamps here: they say of which notebook an execution is."""
    from jupyter_mlo.ledger.records import RecordStore

    store = RecordStore(context.settings.stamps)
    for position, stamp in found.stamps.items():
        listed = examined.cells[position].listed
        store.append(stamp, listed.source, listed.id)
    store.sync()
    store.close()


def _show_changes(path: Path, examined: Examined, meaning: str, context: Context) -> None:
    """What is different since the last seal, before a person says something about it."""
    from jupyter_mlo.identity.safe_text import terminal_safe
    from jupyter_mlo.notebook.verdicts import Verdict
    from jupyter_mlo.notebook.verification import report
    from jupyter_mlo.verbs.shown_people import names_here, who
    from jupyter_mlo.verbs.shown_verdicts import cell_line

    found = report(examined)
    seal = found.seal
    names = names_here(context.settings)
    by = terminal_safe(who(seal.mlo, names), limit=120) if seal.mlo else ""
    lines = [f"altered: {problem}" for problem in found.problems]
    if seal.time is None:
        lines.append(f"there is no seal that counts here: {seal.reason}")
    lines += seal.changes
    unlike = (cell for cell in found.cells if cell.verdict is not Verdict.VERIFIED)
    lines += [cell_line(cell, names) for cell in unlike]
    since = f"since the seal of {seal.time} by {by}" if seal.time else "in it"
    name = terminal_safe(str(path), limit=_WIDTH)
    context.note(f"{name}, to be sealed as {meaning}: what changed {since}")
    for line in lines[:_MOST_LINES]:
        context.note(f"  {terminal_safe(line, limit=_WIDTH)}")
    if len(lines) > _MOST_LINES:
        context.note(f"  … and {len(lines) - _MOST_LINES} more: jupyter mlo verify --json")
    if not lines:
        context.note("  nothing")


def _confirm(path: Path, meaning: str, context: Context) -> None:
    answer = context.ask.text(f"seal {path.name} as {meaning}? [y/N]")
    if answer.strip().lower() not in ("y", "yes"):
        raise Refused(f"{path} was not sealed", hint="nothing was changed")


def _report(path: Path, found: SealedNotebook, mlo: str, meaning: str, context: Context) -> None:
    from jupyter_mlo.identity.safe_text import terminal_safe
    from jupyter_mlo.verbs.shown_people import names_here, who, with_names

    names = names_here(context.settings)
    by = terminal_safe(who(mlo, names), limit=120)
    name = terminal_safe(str(path), limit=_WIDTH)
    if found.seal is None:
        context.say(f"{name}: nothing has changed since your last seal; {found.kept} stamps hold")
    else:
        context.say(
            f"{name}: sealed ({meaning}) by {by}; {count_of(len(found.stamps), 'cell')} stamped, "
            f"{found.kept} stamps kept"
        )
    for cell in found.unvouched[:_MOST_LINES]:
        why = with_names(cell.reason, names)
        line = f"cell {cell.position + 1}: {cell.verdict}: {why}"
        context.say(f"  not vouched for: {terminal_safe(line, limit=_WIDTH)}")
    if len(found.unvouched) > _MOST_LINES:
        context.say(f"  … and {len(found.unvouched) - _MOST_LINES} more: jupyter mlo verify --json")
    for note in found.notes:
        context.note(f"note: {terminal_safe(note, limit=_WIDTH)}")
