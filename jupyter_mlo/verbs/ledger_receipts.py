"""Receipts: written for an entry of the ledger, and checked where there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlo.errors import InvalidInput, LedgerError, NotFound
from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust
    from jupyter_mlo.ledger.note_keys import NoteVerifier
    from jupyter_mlo.ledger.receipts import Held
    from jupyter_mlo.ledger.store import Ledger

#: What stands behind a receipt's file name in that of its statement.
STATEMENT = ".dsse.json"
_LONGEST = 8 * 1024 * 1024


def prove(ledger: Ledger, context: Context, which: str, out: str | None) -> int:
    """Write the receipt of an entry, and its statement beside it; without ``out`` print it."""
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.ledger.receipts import check_receipt
    from jupyter_mlo.ledger.witnesses import clock_of
    from jupyter_mlo.notebook.writing import write_atomically

    clock = clock_of(TrustStore(context.settings).load(), ledger.verifier)
    entry = int(which) if which.isdecimal() and len(which) < 20 else which
    receipt, stored = ledger.receipt(entry, clock), ledger.stored(entry)
    held = check_receipt(receipt, stored, ledger.verifier, clock)  # what does not hold, nobody gets
    if out is None:
        context.out.write(receipt.to_bytes().decode())
        context.out.flush()
        return 0
    write_atomically(Path(out + STATEMENT), [stored])
    write_atomically(Path(out), [receipt.to_bytes()])
    context.say(f"wrote {out} and {out}{STATEMENT}: entry {held.index} of {ledger.origin}")
    context.note(f"whoever checks it needs this ledger's key: {ledger.verifier.vkey}")
    return 0


def check(
    context: Context, path: str, *, statement: str | None, vkey: str | None, as_json: bool
) -> int:
    """Check a receipt offline; the exit status is 1 where it does not hold."""
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.ledger.proofs import TlogProof
    from jupyter_mlo.ledger.receipts import check_receipt
    from jupyter_mlo.ledger.witnesses import clock_of

    trust = TrustStore(context.settings).load()
    receipt = TlogProof.from_bytes(_read(path, "a receipt"))
    stored = _read(statement or path + STATEMENT, "the receipt's statement")
    log = _log_of(receipt, trust, vkey, context)
    clock = clock_of(trust, log)
    try:
        held = check_receipt(receipt, stored, log, clock)
    except LedgerError as error:
        if as_json:
            context.say(json.dumps({"version": 1, "holds": False, "why": error.message}))
        else:
            context.say(f"the receipt DOES NOT HOLD: {error.message}")
        return 1
    by_witnesses = trust.quorum > 0
    if as_json:
        context.say(json.dumps(_as_json(held, stored, by_witnesses), indent=2))
        return 0
    from jupyter_mlo.identity.safe_text import terminal_safe
    from jupyter_mlo.ledger.content import content_of
    from jupyter_mlo.statements.times import to_text

    content = content_of(stored)
    context.say(f"the receipt holds: entry {held.index} of {held.head.origin}")
    context.say(f"  statement  {content.statement_id.hex()}")
    said = content.facts
    context.say(f"  says       {terminal_safe(said.predicate_type or 'nothing known', limit=120)}")
    if held.since is not None:
        whose = f"witnesses {', '.join(held.cosigners)}" if by_witnesses else "the ledger's clock"
        context.say(f"  there by   {to_text(held.since)}, by {terminal_safe(whose, limit=200)}")
    elif by_witnesses:
        context.say(f"  there by   not proven: {len(held.cosigners)} of {trust.quorum} witnesses")
    context.note("who signed the statement, and whether he may, is not checked by a receipt")
    return 0


def _as_json(held: Held, stored: bytes, by_witnesses: bool) -> dict[str, Any]:
    from jupyter_mlo.ledger.content import content_of
    from jupyter_mlo.statements.times import to_text

    return {
        "version": 1,
        "holds": True,
        "index": held.index,
        "statement": content_of(stored).statement_id.hex(),
        "checkpoint": held.head.quoted(),
        "since": None if held.since is None else to_text(held.since),
        "clock": "witnesses" if by_witnesses else "ledger",
        "cosigners": list(held.cosigners),
    }


def _log_of(receipt: Any, trust: Trust, vkey: str | None, context: Context) -> NoteVerifier:
    """The key of the ledger that a receipt is of: named, trusted here, or of the ledger here."""
    from jupyter_mlo.ledger.last_seen import named
    from jupyter_mlo.ledger.note_keys import NoteVerifier
    from jupyter_mlo.ledger.store import open_ledger
    from jupyter_mlo.ledger.witnesses import log_key

    if vkey is not None:
        return NoteVerifier.from_vkey(vkey.strip())
    origin = named(receipt.checkpoint).origin
    known = log_key(trust, origin)
    if known is not None:
        return known
    try:
        with open_ledger(context.settings, create=False, patience=2) as ledger:
            if ledger.origin == origin:
                return ledger.verifier
    except NotFound:
        pass
    raise NotFound(
        f"the ledger {origin!r} is not known here",
        hint="ask who keeps it for `jupyter mlo ledger checkpoint --vkey`, by another way than "
        "this file; then jupyter mlo trust add --ledger VKEY",
    )


def _read(path: str, what: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LONGEST + 1)
    except OSError as error:
        raise InvalidInput(
            f"{path}, {what}, cannot be read: {error.strerror}",
            hint="jupyter mlo ledger prove ENTRY --out FILE writes both",
        ) from None
    if len(data) > _LONGEST:
        raise InvalidInput(f"{path} is too long to be {what}", hint="name another file")
    return data
