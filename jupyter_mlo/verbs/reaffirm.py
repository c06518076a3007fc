"""Say again, under a key that is in force, what became only claimed when your old key ended.

For what your key signed and the ledger shows only after that key was revoked, or that may have been
signed by somebody else since it was compromised: look at it first, then affirm what is yours. Name
notebooks (their newest seal and the stamps in it), or statements by their ID. The affirmation is
signed by your own key and stands in the ledger.

Examples:
  jupyter mlo reaffirm train.ipynb
  jupyter mlo reaffirm notebooks/
  jupyter mlo reaffirm 3f0c0f6e2b0a4c59a9d3b1f8e7c6d5a43f0c0f6e2b0a4c59a9d3b1f8e7c6d5a4
"""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.unlocking import add_passphrase_options, unlock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_mlo.notebook.claims import Claim

_SHOWN = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "what", nargs="+", metavar="PATH_OR_ID", help="notebook, folder, pattern or statement ID"
    )
    parser.add_argument("--as", dest="who", metavar="WHO", help="where several are enrolled here")
    add_passphrase_options(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Show what would be affirmed, ask for the passphrase, and affirm it."""
    from jupyter_mlo.delegation.affirmation import affirm
    from jupyter_mlo.delegation.enrolment import kept_enrolments
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.choosing import choose
    from jupyter_mlo.verbs.publishing import last_checkpoint, publish

    store = IdentityStore(context.settings)
    identity = choose(store, arguments.who, option="--as WHO")
    named = [text for text in arguments.what if re.fullmatch(r"[0-9a-f]{64}", text)]
    lines = [f"statement {text}" for text in named]
    paths = [text for text in arguments.what if text not in named]
    for path, where, claim in _lapsed(paths, context) if paths else ():
        found = claim.attribution
        if found is None or identity.mlo not in (found.mlo, found.on_behalf_of):
            continue
        named.append(claim.envelope.statement_id)
        lines.append(f"{path}, {where}: {claim.envelope.statement_id[:12]}")
    if not named:
        context.say(f"nothing there of {identity.label} needs to be affirmed")
        return 0
    context.note(f"{identity.label} answers for {len(named)} statements:")
    for line in lines[:_SHOWN]:
        context.note(f"  {line}")
    if len(lines) > _SHOWN:
        context.note(f"  and {len(lines) - _SHOWN} more")
    key = unlock(context, store, identity, arguments.passphrase_fd)
    enrolments = kept_enrolments(store, identity)
    signer = Signer.own(identity.mlo, key, enrolments, last_checkpoint(context))
    affirmation = affirm(signer, named, now=context.now())
    publish(context, [*enrolments, affirmation])
    context.say(f"affirmed {len(named)} statements under the key {key.key_id}")
    return 0


def _lapsed(texts: list[str], context: Context) -> Iterator[tuple[Path, str, Claim]]:
    """What in notebooks is only claimed because its key ended: seals and stamps."""
    from jupyter_mlo.identity.safe_text import terminal_safe
    from jupyter_mlo.notebook.reading import read_notebook
    from jupyter_mlo.verbs.judging import Judge
    from jupyter_mlo.verbs.notebook_paths import notebooks_at

    paths = notebooks_at(texts)
    if not paths:
        raise InvalidInput(
            f"there is no notebook in {terminal_safe(', '.join(texts), limit=200)}",
            hint="name notebooks, folders, or statements by their whole ID",
        )
    with Judge(context.settings, context.now()) as judge:
        for path in paths:
            examined = judge.examine(read_notebook(path))
            claims = [("seal", seal.claim) for seal in examined.sealed.believed()]
            claims += [
                (f"cell {position + 1}", stamped.claim)
                for position, stamped in examined.stamped.items()
            ]
            for where, claim in claims:
                if claim.attribution is not None and claim.attribution.lapsed:
                    yield path, where, claim
