"""Verify the ledger; show its checkpoint; write and check receipts; keep a team's ledger.

`verify` computes everything again: each entry against its leaf, the whole tree, the root
under every checkpoint that was ever signed, and each statement's signature and chain. It
names whatever differs. A database that was put back to an older copy, or another one in its
place, is whole in itself: the last checkpoint that was seen here shows it, and `--against
FILE` holds the ledger against a checkpoint that you kept elsewhere. `--since FILE` does so too, and
then verifies only what came after it. Exit status 0: all holds; 1: something does not; 2: it could
not be read.

`checkpoint` prints the newest checkpoint, a C2SP signed note: kept elsewhere, it proves later that
nothing before it was changed or taken away. `prove` writes the receipt of an entry (C2SP
tlog-proof), with its statement in a file beside; `check` checks one where there is no such ledger,
under the ledger's key that you trust (`jupyter mlo trust add --ledger VKEY`) or name.

A team's ledger is in PostgreSQL (`[ledger] url` in `mlo.toml`). Whoever keeps it makes its tables
with `upgrade`, and runs its sequencer, which alone holds the log's key, with `serve`; `move` takes
this home's own ledger there, with every entry, root and receipt, and closes it here.

Examples:
  jupyter mlo ledger verify
  jupyter mlo ledger verify --json
  jupyter mlo ledger checkpoint > checkpoint-2026-11-22.txt
  jupyter mlo ledger verify --against checkpoint-2026-11-22.txt
  jupyter mlo ledger checkpoint --vkey
  jupyter mlo ledger verify --since checkpoint-2026-11-22.txt
  jupyter mlo ledger prove 7 --out seal.tlog-proof
  jupyter mlo ledger check seal.tlog-proof
  jupyter mlo ledger upgrade
  jupyter mlo ledger move
  jupyter mlo ledger serve
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.progress import progress

if TYPE_CHECKING:
    from jupyter_mlo.ledger.report import Fault, LedgerReport
    from jupyter_mlo.ledger.statements import StatementsReport
    from jupyter_mlo.ledger.store import Ledger
    from jupyter_mlo.statements.envelope import Envelope


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="verify|checkpoint|prove|check|upgrade|serve|move"
    )
    verify = actions.add_parser(
        "verify", allow_abbrev=False, help="compute everything again, and name what differs"
    )
    verify.add_argument("--json", action="store_true", help="as JSON")
    verify.add_argument(
        "--against",
        metavar="FILE",
        help="a checkpoint kept elsewhere, which the ledger must continue",
    )
    verify.add_argument(
        "--since",
        metavar="FILE",
        help="a checkpoint that you trust: the ledger must continue it, and only what came after "
        "it is verified",
    )
    checkpoint = actions.add_parser(
        "checkpoint", allow_abbrev=False, help="print the newest checkpoint, a signed note"
    )
    checkpoint.add_argument(
        "--vkey", action="store_true", help="print the key that checks the ledger's checkpoints"
    )
    prove = actions.add_parser(
        "prove", allow_abbrev=False, help="write the receipt of an entry, to take away"
    )
    prove.add_argument("entry", metavar="ENTRY|STATEMENT_ID", help="as `jupyter mlo log` shows it")
    prove.add_argument("--out", metavar="FILE", help="write it here, and its statement beside it")
    check = actions.add_parser("check", allow_abbrev=False, help="check a receipt, offline")
    check.add_argument("receipt", metavar="RECEIPT", help="a file that `prove` has written")
    check.add_argument("--statement", metavar="FILE", help="its statement, if it is elsewhere")
    check.add_argument("--vkey", metavar="VKEY", help="the ledger's key, if it is not trusted here")
    check.add_argument("--json", action="store_true", help="as JSON")
    actions.add_parser(
        "upgrade", allow_abbrev=False, help="make a team ledger's tables, or bring them up to date"
    )
    serve = actions.add_parser(
        "serve", allow_abbrev=False, help="run the sequencer of a team's ledger"
    )
    serve.add_argument(
        "--stand-by", action="store_true", help="wait while another sequencer runs, then take over"
    )
    move = actions.add_parser(
        "move", allow_abbrev=False, help="move this home's own ledger to the team's database"
    )
    move.add_argument(
        "file", metavar="FILE", nargs="?", help="its SQLite file, where it is not the usual one"
    )


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Verify, show, prove or check; keep a team's ledger."""
    from jupyter_mlo.ledger.store import open_ledger
    from jupyter_mlo.verbs import ledger_receipts, ledger_team

    if arguments.action == "upgrade":
        return ledger_team.upgrade(context)
    if arguments.action == "serve":
        return ledger_team.serve(context, stand_by=arguments.stand_by)
    if arguments.action == "move":
        return ledger_team.move(context, arguments.file)

    if arguments.action == "check":
        return ledger_receipts.check(
            context,
            arguments.receipt,
            statement=arguments.statement,
            vkey=arguments.vkey,
            as_json=arguments.json,
        )
    with open_ledger(context.settings, create=False) as ledger:
        if arguments.action == "verify":
            kept = _kept(arguments.against) if arguments.against else None
            since = _kept(arguments.since) if arguments.since else None
            return verify(ledger, context, as_json=arguments.json, kept=kept, since=since)
        if arguments.action == "prove":
            return ledger_receipts.prove(ledger, context, arguments.entry, arguments.out)
        if arguments.vkey:
            context.say(ledger.verifier.vkey)
        else:
            ledger.head()  # not a note that does not hold
            if why := ledger.rolled_back():
                context.note(f"warning: {why}")
            context.out.write(ledger.checkpoint().decode())
            context.out.flush()
    return 0


def verify(
    ledger: Ledger,
    context: Context,
    *,
    as_json: bool,
    kept: bytes | None = None,
    since: bytes | None = None,
) -> int:
    """Verify ``ledger`` and say what was found; the result is the exit status.

    Args:
        kept: a checkpoint, as a signed note, that the ledger must continue.
        since: one that it must continue, and behind which alone it is verified.
    """
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.ledger.erasures import erasures_in
    from jupyter_mlo.ledger.last_seen import named
    from jupyter_mlo.ledger.statements import check_statements
    from jupyter_mlo.ledger.store import open_ledger

    settings = context.settings
    trust, now = TrustStore(context.settings).load(), context.now()
    others = list(_own_enrolments(context))
    erasures = erasures_in(ledger, trust=trust, now=now, others=others)
    departed = [
        (f"--{option}", f"the ledger does not continue the checkpoint kept: {why}")
        for option, note in (("against", kept), ("since", since))
        if note is not None and (why := ledger.departure(note))
    ]
    # What a checkpoint covers that this ledger does not continue is not to be taken as it is.
    first = named(since).size if since is not None and not departed else 0
    with progress("tree", "entries", context) as moved:
        tree = ledger.verify(moved, since=first, erased=erasures.leaves)
    if why := ledger.rolled_back():
        tree.add("last-checkpoint", why)
    for where, what in departed:
        tree.add(where, what)
    with progress("signatures", "entries", context) as moved:
        statements = check_statements(
            ledger,
            trust=trust,
            now=now,
            others=others,
            since=first,
            progress=moved,
            # Whoever forks a kernel, with its threads, may inherit a lock for ever.
            reopen=None if context.in_kernel else partial(open_ledger, settings, create=False),
        )
    statements.refused += erasures.refused
    holds = tree.holds and not statements.faults
    if as_json:
        context.say(json.dumps(_as_json(tree, statements, holds=holds, first=first), indent=2))
    else:
        clock = f"{trust.quorum} witnesses" if trust.quorum else "the ledger's own"
        _say(tree, statements, context, holds=holds, first=first, clock=clock)
    return 0 if holds else 1


def _kept(name: str) -> bytes:
    """The signed note in a file that somebody names."""
    from jupyter_mlo.ledger.last_seen import named
    from jupyter_mlo.verbs.sent_files import read_carried

    def read(data: bytes) -> bytes:
        named(data)
        return data

    return read_carried(name, written_by="jupyter mlo ledger checkpoint", reader=read)


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
    tree: LedgerReport,
    statements: StatementsReport,
    context: Context,
    *,
    holds: bool,
    first: int,
    clock: str,
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
    entries, checkpoints = _many(tree.size, "entries"), _many(tree.checkpoints, "checkpoints")
    counted = f"{entries} under {checkpoints}"
    if first:
        came = _many(tree.size - first, "entries") if tree.size > first else "nothing"
        counted = f"{came} came after the checkpoint of {_many(first, 'entries')}"
    if tree.erased:
        counted += f", {tree.erased} of them erased"
    if holds:
        context.say(f"the ledger holds: {counted}, {statements.hold} signatures and chains")
    else:
        context.say(
            f"the ledger DOES NOT HOLD: {counted}, {_many(len(faults) + tree.more, 'faults')}"
        )
    context.say(f"  origin  {tree.origin}")
    context.say(f"  root    {base64.b64encode(tree.root).decode()}")
    context.say(f"  clock   {clock}")


def _many(count: int, things: str) -> str:
    singular = {"entries": "entry"}.get(things, things.removesuffix("s"))
    return f"{count} {singular if count == 1 else things}"


def _as_json(
    tree: LedgerReport, statements: StatementsReport, *, holds: bool, first: int
) -> dict[str, Any]:
    def listed(faults: list[Fault]) -> list[dict[str, Any]]:
        return [{"where": one.where, "what": one.what, "index": one.index} for one in faults]

    return {
        "version": 1,
        "holds": holds,
        "origin": tree.origin,
        "size": tree.size,
        "root": base64.b64encode(tree.root).decode(),
        "checkpoints": tree.checkpoints,
        "since": first,
        "erased": tree.erased,
        "faults": listed([*tree.faults, *statements.faults]),
        "moreFaults": tree.more,
        "signatures": {
            "hold": statements.hold,
            "refused": listed(statements.refused),
            "late": listed(statements.late),
            "unknown": statements.unknown,
        },
    }
