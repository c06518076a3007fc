"""Write statements to a file that can be checked on a machine which has never seen the ledger.

What is wanted: notebooks (their stamps and seals), everything of a run, or all that the ledger has,
each with the stamps that are kept here. No ledger has stamps: where a seal was exported from its
notebook, they stand where it stands; else no time is proven of them. FILE becomes JSON Lines of
Sigstore bundles v0.3, one signature each, with the enrolments, delegations and revocations that
they rest on in front; FILE.receipts holds a receipt (C2SP tlog-proof) for each statement that the
ledger has. `jupyter mlo verify FILE` checks both, under the trust configuration of whoever checks:
nothing in the file makes a key trusted.

Tools that are not ours check the signatures (any DSSE or Sigstore library, openssl) and the
inclusion (any C2SP tlog-proof library). They do not check which person a key belongs to, whether it
was allowed to sign this, for which notebook, and whether it was revoked: `verify` does. No file
proves that nothing was left out of it; a ledger and its checkpoints do.

Examples:
  jupyter mlo export train.ipynb --out train.jsonl
  jupyter mlo export --run urn:uuid:7b1a7e3e-5d0c-4b45-9d5a-0f1e2d3c4b5a --out run.jsonl
  jupyter mlo export --all --out ledger.jsonl
  jupyter mlo verify train.jsonl
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlo.errors import InvalidInput, MloError, NotFound
from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.config import Settings
    from jupyter_mlo.ledger.store import Ledger
    from jupyter_mlo.statements.envelope import Envelope


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "notebooks", nargs="*", metavar="NOTEBOOK", help="notebook, folder, pattern"
    )
    parser.add_argument("--run", metavar="RUN_ID", help="what one run put on record")
    parser.add_argument("--all", action="store_true", help="everything that the ledger has")
    parser.add_argument("--out", required=True, metavar="FILE.jsonl", help="where to write")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Collect, and write."""
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.ledger.exports import in_order, receipts_folder, write_export
    from jupyter_mlo.ledger.witnesses import clock_of
    from jupyter_mlo.verbs.at_hand import at_hand

    asked = [bool(arguments.notebooks), arguments.run is not None, arguments.all]
    if sum(asked) != 1:
        raise InvalidInput(
            "what to export was not said, or in two ways",
            hint="name notebooks, or one of --run RUN_ID and --all",
        )
    out = Path(arguments.out)
    if out.suffix != ".jsonl":
        raise InvalidInput(
            f"{out} is no name for an export", hint="name a file that ends in .jsonl"
        )
    for path in (out, receipts_folder(out)):
        if path.exists():
            raise InvalidInput(
                f"{path} is there already",
                hint="name another file, or move what was exported before away",
            )
    with contextlib.closing(at_hand(context.settings, context.now())) as here:
        for problem in here.said:
            context.note(f"note: {problem}")
        ledger = here.ledger.ledger if here.ledger is not None else None
        own = [*_chains(ledger)] if ledger is not None else []
        if arguments.notebooks:
            wanted, more, lists = _of_notebooks(arguments.notebooks)
        elif ledger is None:
            raise NotFound("there is no ledger here", hint="name notebooks instead")
        else:
            wanted, more, lists = list(_of_ledger(ledger, arguments.run)), [], {}
            wanted += _stamps(context.settings, None if arguments.all else wanted, arguments.run)
        if not wanted:
            raise NotFound(
                "there is nothing to export", hint="jupyter mlo log shows what the ledger holds"
            )
        pool = here.pool.also([*own, *more, *wanted])
        clock = None
        if ledger is not None:
            clock = clock_of(TrustStore(context.settings).load(), ledger.verifier)
        try:
            count, receipts = write_export(out, in_order(wanted, pool), ledger, clock, lists)
        except OSError as error:
            raise InvalidInput(
                f"{out} cannot be written: {error.strerror}", hint="name another place"
            ) from None
    context.say(f"wrote {out}: {count} statements")
    if ledger is not None:
        context.say(f"wrote {receipts_folder(out)}: {receipts} receipts of {ledger.origin}")
        context.note(f"whoever checks it needs this ledger's key: {ledger.verifier.vkey}")
    context.note(
        "tools that are not ours check signatures and inclusion; person, permission, target and "
        f"revocation: jupyter mlo verify {out}"
    )
    return 0


def _of_notebooks(
    names: Iterable[str],
) -> tuple[list[Envelope], list[Envelope], dict[str, bytes]]:
    """The stamps and seals of notebooks, the chains that they carry, and the seals' lists."""
    from jupyter_mlo.notebook.layout import read_notebook_entries, read_stamp
    from jupyter_mlo.notebook.reading import read_notebook
    from jupyter_mlo.statements.canonical import canonical_bytes
    from jupyter_mlo.verbs.notebook_paths import notebooks_at

    wanted: list[Envelope] = []
    chains: list[Envelope] = []
    lists: dict[str, bytes] = {}
    for path in notebooks_at(names):
        notebook = read_notebook(path)
        entries = read_notebook_entries(notebook.metadata)
        for cell in notebook.cells:
            stamp, _ = read_stamp(cell.metadata)
            if stamp is not None:
                wanted.append(stamp)
        wanted += [entry.envelope for entry in entries.seals]
        lists |= {
            entry.envelope.statement_id: canonical_bytes(entry.list_json())
            for entry in entries.seals
        }
        chains += entries.chains
    return wanted, chains, lists


def _of_ledger(ledger: Ledger, run_id: str | None) -> Iterator[Envelope]:
    from jupyter_mlo.statements.statement import read_statement

    needle = run_id.encode() if run_id is not None else b""
    for entry in ledger.entries():
        if run_id is None:
            yield entry.envelope  # a damaged one ends the export
            continue
        with contextlib.suppress(MloError):
            if needle in entry.envelope.payload:
                statement = read_statement(entry.envelope)
                delegated = getattr(getattr(statement.predicate, "run", None), "id", None)
                if run_id in (statement.run, delegated):
                    yield entry.envelope


def _stamps(
    settings: Settings, of: Iterable[Envelope] | None, run_id: str | None
) -> Iterator[Envelope]:
    """The stamps that are kept here, which no ledger has: all, or those of a run's notebooks.

    Args:
        of: what the ledger has of the run; None for all.
    """
    from jupyter_mlo.ledger.records import RecordStore
    from jupyter_mlo.statements.predicates.identity import Delegation
    from jupyter_mlo.statements.predicates.notebook import Stamp
    from jupyter_mlo.statements.statement import read_statement

    notebooks: set[str] = set()
    for envelope in of or ():
        said = read_statement(envelope).predicate
        if isinstance(said, Delegation) and said.run is not None and said.run.id == run_id:
            notebooks.add(said.run.notebook)
    for envelope in RecordStore(settings.stamps).matching():
        with contextlib.suppress(MloError):
            stamp = read_statement(envelope).predicate
            if isinstance(stamp, Stamp) and (of is None or stamp.notebook in notebooks):
                yield envelope


def _chains(ledger: Ledger) -> Iterator[Envelope]:
    from jupyter_mlo.ledger.view import LedgerView

    return LedgerView(ledger).pooled()
