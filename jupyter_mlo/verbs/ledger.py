"""Verify the ledger; show its checkpoint.

`verify` computes everything again: each entry against its leaf, the whole tree, the root
under every checkpoint that was ever signed, and each statement's signature and chain. It
names whatever differs. A database that was put back to an older copy, or another one in its
place, is whole in itself: the last checkpoint that was seen here shows it, and `--against
FILE` holds the ledger against a checkpoint that you kept elsewhere. Exit status 0: all holds;
1: something does not; 2: it could not be read. `checkpoint` prints the newest checkpoint, a
C2SP signed note: kept elsewhere, it proves later that nothing before it was changed or taken
away.

Examples:
  jupyter mlo ledger verify
  jupyter mlo ledger verify --json
  jupyter mlo ledger checkpoint > checkpoint-2026-11-22.txt
  jupyter mlo ledger verify --against checkpoint-2026-11-22.txt
  jupyter mlo ledger checkpoint --vkey
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.ledger.report import Fault, LedgerReport
    from jupyter_mlo.ledger.statements import StatementsReport
    from jupyter_mlo.ledger.store import Ledger
    from jupyter_mlo.statements.envelope import Envelope


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="verify|checkpoint")
    verify = actions.add_parser(
        "verify", allow_abbrev=False, help="compute everything again, and name what differs"
    )
    verify.add_argument("--json", action="store_true", help="as JSON")
    verify.add_argument(
        "--against",
        metavar="FILE",
        help="a checkpoint kept elsewhere, which the ledger must continue",
    )
    checkpoint = actions.add_parser(
        "checkpoint", allow_abbrev=False, help="print the newest checkpoint, a signed note"
    )
    checkpoint.add_argument(
        "--vkey", action="store_true", help="print the key that checks the ledger's checkpoints"
    )


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Verify or show."""
    from jupyter_mlo.ledger.store import open_ledger

    with open_ledger(context.settings, create=False) as ledger:
        if arguments.action == "verify":
            kept = _kept(Path(arguments.against)) if arguments.against else None
            return verify(ledger, context, as_json=arguments.json, kept=kept)
        if arguments.vkey:
            context.say(ledger.verifier.vkey)
        else:
            ledger.head()  # not a note that does not hold
            if why := ledger.rolled_back():
                context.note(f"warning: {why}")
            context.out.write(ledger.checkpoint().decode())
            context.out.flush()
    return 0


def verify(ledger: Ledger, context: Context, *, as_json: bool, kept: bytes | None = None) -> int:
    """Verify ``ledger`` and say what was found; the result is the exit status.

    Args:
        kept: a checkpoint, as a signed note, that the ledger must continue.
    """
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.ledger.statements import check_statements

    with _progress("tree", context) as progress:
        tree = ledger.verify(progress)
    if why := ledger.rolled_back():
        tree.add("last-checkpoint", why)
    if kept is not None and (why := ledger.departure(kept)):
        tree.add("--against", f"the ledger does not continue the checkpoint kept: {why}")
    with _progress("signatures", context) as progress:
        statements = check_statements(
            ledger,
            trust=TrustStore(context.settings).load(),
            now=context.now(),
            others=_own_enrolments(context),
            progress=progress,
        )
    holds = tree.holds and not statements.faults
    if as_json:
        context.say(json.dumps(_as_json(tree, statements, holds=holds), indent=2))
    else:
        _say(tree, statements, context, holds=holds)
    return 0 if holds else 1


def _kept(path: Path) -> bytes:
    """The signed note in a file that somebody names."""
    from jupyter_mlo.errors import InvalidInput, LedgerError
    from jupyter_mlo.ledger.last_seen import named

    try:
        note = path.read_bytes()
        named(note)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror}", hint="name a file with a checkpoint"
        ) from None
    except LedgerError as error:
        raise InvalidInput(
            f"{path}: {error.message}",
            hint="name a file that jupyter mlo ledger checkpoint has written",
        ) from None
    return note


def _own_enrolments(context: Context) -> Iterator[Envelope]:
    """Enrolments of this home: a ledger that was begun anew may lack them."""
    from jupyter_mlo.delegation.enrolment import kept_enrolments
    from jupyter_mlo.errors import MloError
    from jupyter_mlo.identity.store import IdentityStore

    store = IdentityStore(context.settings)
    for identity in store.all():
        with contextlib.suppress(MloError):
            yield from kept_enrolments(store, identity)


def _say(
    tree: LedgerReport, statements: StatementsReport, context: Context, *, holds: bool
) -> None:
    from jupyter_mlo.identity.safe_text import terminal_safe

    def name(fault: Fault) -> str:
        return f"  {terminal_safe(str(fault), limit=400)}"

    faults = [*tree.faults, *statements.faults]
    for fault in faults:
        context.say(name(fault))
    if tree.more:
        context.say(f"  and {tree.more} more")
    if statements.refused:
        context.note(
            f"{len(statements.refused)} statements are as they were logged, but do not count here:"
        )
        for fault in statements.refused[:20]:
            context.note(name(fault))
        if len(statements.refused) > 20:
            context.note(f"  and {len(statements.refused) - 20} more: --json names them all")
    for fault in statements.late[:20]:
        context.note(name(fault))
    if len(statements.late) > 20:
        context.note(
            f"  and {len(statements.late) - 20} more that came late: --json names them all"
        )
    if statements.unknown:
        context.note(
            f"{statements.unknown} statements are of kinds that only a newer version knows"
        )
    counted = f"{tree.size} entries under {tree.checkpoints} checkpoints"
    if holds:
        context.say(f"the ledger holds: {counted}, {statements.hold} signatures and chains")
    else:
        context.say(f"the ledger DOES NOT HOLD: {counted}, {len(faults) + tree.more} faults")
    context.say(f"  origin  {tree.origin}")
    context.say(f"  root    {base64.b64encode(tree.root).decode()}")


def _as_json(tree: LedgerReport, statements: StatementsReport, *, holds: bool) -> dict[str, Any]:
    def listed(faults: list[Fault]) -> list[dict[str, Any]]:
        return [{"where": one.where, "what": one.what, "index": one.index} for one in faults]

    return {
        "version": 1,
        "holds": holds,
        "origin": tree.origin,
        "size": tree.size,
        "root": base64.b64encode(tree.root).decode(),
        "checkpoints": tree.checkpoints,
        "faults": listed([*tree.faults, *statements.faults]),
        "moreFaults": tree.more,
        "signatures": {
            "hold": statements.hold,
            "refused": listed(statements.refused),
            "late": listed(statements.late),
            "unknown": statements.unknown,
        },
    }


@contextlib.contextmanager
def _progress(what: str, context: Context) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal, nothing elsewhere."""
    if not context.err.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(desc=what, unit=" entries", file=context.err, leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress
