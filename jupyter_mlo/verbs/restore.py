"""Give a notebook back the stamps that a tool took away.

Stamps that were made here, by `seal` and by runs, are kept in your home. Each comes back to the
cell that it is of, if that is as it was stamped; with them the notebook's ID, the chains that lead
to you (from the ledger, for sessions that have ended), and the references in outputs. The seal
comes back where it still covers everything; else seal anew. --from takes stamps from another
version of the notebook as well: a file, or REVISION:PATH in git.

Exit status: 0 every executed cell has a stamp that holds, 1 some have not; each is named.

Examples:
  jupyter mlo restore train.ipynb
  jupyter mlo restore --from HEAD~1:train.ipynb train.ipynb
  jupyter mlo restore --from MERGE_HEAD:train.ipynb train.ipynb
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.delegation.pool import Pool
    from jupyter_mlo.notebook.claims import Claim
    from jupyter_mlo.notebook.restoring import Restored
    from jupyter_mlo.statements.envelope import Envelope
    from jupyter_mlo.verbs.at_hand import AtHand
    from jupyter_mlo.verbs.judging import Judge

_MOST_LINES = 40
_WIDTH = 400


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebook", metavar="NB", help="the notebook")
    parser.add_argument(
        "--from",
        dest="sources",
        action="append",
        default=[],
        metavar="VERSION",
        help="another version of it that has stamps: a file, or REVISION:PATH in git",
    )


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Restore one notebook."""
    from jupyter_mlo.notebook.restoring import restore_examined
    from jupyter_mlo.verbs.judging import Judge
    from jupyter_mlo.verbs.notebook_files import NotebookFile

    file = NotebookFile.read(Path(arguments.notebook))
    with Judge(context.settings, context.now()) as judge:
        here = judge.here
        for problem in here.said:
            context.note(f"note: {problem}")
        stamps = list(here.stamps(file.notebook))
        links: list[Envelope] = []
        for source in arguments.sources:
            found, chains = _carried(source, judge)
            stamps += found
            links += chains
        examined = judge.examine(file.notebook)
        pool = here.pool.also([*examined.entries.chains, *links])
        if here.ledger is not None and stamps:
            pool = pool.also(here.ledger.chains_of(stamps, pool))
        restored = restore_examined(
            file.value,
            examined,
            stamps,
            pool=pool,
            trust=here.trust,
            now=context.now(),
            seal=_newest_seal(here, examined.entries.notebook, stamps, pool, context),
        )
    if restored.changed:
        trusted = file.trusted()
        file.write(restored.value)
        if trusted:
            file.trust_again()
    _report(Path(arguments.notebook), restored, context)
    return 1 if restored.missing else 0


def _carried(source: str, judge: Judge) -> tuple[list[Envelope], tuple[Envelope, ...]]:
    """The stamps and chains that another version carries."""
    from jupyter_mlo.notebook.layout import read_notebook_entries, read_stamp
    from jupyter_mlo.verbs.versions import version

    notebook = judge.read(version(source))
    stamps = [read_stamp(cell.metadata)[0] for cell in notebook.cells]
    chains = read_notebook_entries(notebook.metadata).chains
    return [stamp for stamp in stamps if stamp is not None], chains


def _newest_seal(
    here: AtHand, notebook: str | None, stamps: list[Envelope], pool: Pool, context: Context
) -> Claim | None:
    """The ledger's newest seal of the notebook, or of the one that most stamps were made for."""
    from collections import Counter

    from jupyter_mlo.errors import MloError
    from jupyter_mlo.notebook.claims import Verifier
    from jupyter_mlo.notebook.stamps import place_of
    from jupyter_mlo.statements.predicates import types

    if here.ledger is None:
        return None
    if notebook is None:
        places = Counter(place[1] for stamp in stamps if (place := place_of(stamp)) is not None)
        notebook = places.most_common(1)[0][0] if places else None
    newest = here.ledger.newest_seal(notebook) if notebook is not None else None
    if newest is None:
        return None
    try:
        envelope = here.ledger.ledger.envelope(newest[0])
    except MloError:
        return None
    pool = pool.also(here.ledger.chains_of([envelope], pool))
    (claim,) = Verifier(pool, here.trust, context.now()).claims([envelope], types.SEAL)
    return claim


def _report(path: Path, found: Restored, context: Context) -> None:
    from jupyter_mlo.identity.safe_text import terminal_safe

    name = terminal_safe(str(path), limit=_WIDTH)
    parts = []
    if found.stamps:
        parts.append(f"{len(found.stamps)} stamps came back")
    if found.references:
        parts.append(f"{found.references} references in outputs")
    if found.sealed:
        parts.append("its seal, which covers it")
    context.say(f"{name}: {', '.join(parts) or 'nothing came back'}")
    for position, reason in found.missing[:_MOST_LINES]:
        line = f"cell {position + 1}: {reason}"
        context.say(f"  without a stamp that holds: {terminal_safe(line, limit=_WIDTH)}")
    if len(found.missing) > _MOST_LINES:
        context.say(f"  … and {len(found.missing) - _MOST_LINES} more: jupyter mlo verify --json")
    if found.stamps and not found.sealed:
        context.note(f"then: jupyter mlo seal {name}")
