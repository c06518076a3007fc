"""Have others see your ledger's checkpoints; or be such a witness.

A witness cosigns a checkpoint, with the time, once it has checked that it continues the one it saw
last. Whoever keeps the ledger can then neither rewrite it nor show two people two histories without
its witnesses' help, nor say a time that they did not see. The exchange is two small files
(C2SP tlog-witness), carried as you like:

  the ledger's keeper          the witness (another account, home or machine)
  witness request --out r      witness cosign r --out c
  witness import c

Which witnesses count, and how many are asked for, is a matter of trust here: `add`, `quorum`. With
a quorum configured `verify --require witnessed` asks for it, and proven times are theirs.

Examples:
  jupyter mlo witness init bank.example/audit
  jupyter mlo trust add --ledger jupyter-mlo.local/0a1b…+5c6d7e8f+AX…
  jupyter mlo witness cosign request.txt --out cosignature.txt
  jupyter mlo witness add bank.example/audit+9f8e7d6c+BA…
  jupyter mlo witness quorum 1
  jupyter mlo witness request --out request.txt
  jupyter mlo witness import cosignature.txt
  jupyter mlo witness list
  jupyter mlo witness remove bank.example/audit
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlo.errors import InvalidInput, NotFound, Refused
from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust
    from jupyter_mlo.ledger.checkpoint import Checkpoint
    from jupyter_mlo.ledger.witnessing import Witness


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="add|list|remove|quorum|request|import|init|cosign"
    )

    def action(name: str, summary: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, allow_abbrev=False, help=summary)

    action("add", "count this witness here").add_argument("vkey", metavar="VKEY")
    action("remove", "count it no more").add_argument("name", metavar="NAME")
    action("list", "show the witnesses that count here").add_argument(
        "--json", action="store_true", help="as JSON"
    )
    action("quorum", "say how many of them it takes").add_argument("count", type=int, metavar="N")
    request = action("request", "write what a witness needs to cosign the newest checkpoint")
    request.add_argument("--out", required=True, metavar="FILE")
    request.add_argument(
        "--witness", metavar="NAME", help="for this witness, from what it saw last"
    )
    request.add_argument("--old", type=int, metavar="SIZE", help="from this many entries")
    action("import", "put cosignatures under the ledger's checkpoints").add_argument(
        "file", metavar="FILE"
    )
    action("init", "become a witness: make its key").add_argument("name", metavar="NAME")
    cosign = action("cosign", "as a witness: check a request and cosign it")
    cosign.add_argument("request", metavar="REQUEST")
    cosign.add_argument("--out", required=True, metavar="FILE")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Do one of these."""
    acts = {
        "add": _add,
        "remove": _remove,
        "list": _list,
        "quorum": _quorum,
        "request": _request,
        "import": _import,
        "init": _init,
        "cosign": _cosign,
    }
    return acts[arguments.action](arguments, context)


def _add(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.ledger.note_keys import NoteVerifier

    witness = NoteVerifier.from_vkey(arguments.vkey.strip(), cosigner=True)

    def changed(trust: Trust) -> Trust:
        if trust.witnesses.get(witness.name, witness.vkey) != witness.vkey:
            raise Refused(
                f"the witness {witness.name!r} is known here by another key",
                hint="ask the witness; if the new key is right: witness remove, witness add",
            )
        if any(_key(vkey) == _key(witness.vkey) for vkey in trust.witnesses.values()):
            return trust if witness.name in trust.witnesses else _same_key(witness.name)
        return replace(trust, witnesses={**trust.witnesses, witness.name: witness.vkey})

    trust = TrustStore(context.settings).change(changed)
    context.say(f"{witness.name} counts as a witness here; the quorum is {trust.quorum}")
    if not trust.quorum:
        context.note("nobody is asked for yet: jupyter mlo witness quorum 1")
    return 0


def _key(vkey: str) -> str:
    """One key under two names is one witness."""
    return vkey.split("+", 2)[-1]


def _same_key(name: str) -> Trust:
    raise Refused(
        f"{name!r} has the key of a witness that counts here under another name",
        hint="a quorum is of independent witnesses; jupyter mlo witness list shows them",
    )


def _remove(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.trust import TrustStore

    def changed(trust: Trust) -> Trust:
        if arguments.name not in trust.witnesses:
            raise NotFound(
                f"{arguments.name!r} is no witness here", hint="jupyter mlo witness list"
            )
        rest = {name: key for name, key in trust.witnesses.items() if name != arguments.name}
        return replace(trust, witnesses=rest)

    trust = TrustStore(context.settings).change(changed)
    context.say(f"{arguments.name!r} counts as a witness here no more")
    if trust.quorum > len(trust.witnesses):
        context.note(
            f"the quorum is {trust.quorum}, and {len(trust.witnesses)} are left: nothing is "
            "witnessed until you add some, or jupyter mlo witness quorum says less"
        )
    return 0


def _quorum(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.trust import TrustStore

    store = TrustStore(context.settings)
    if not 0 <= arguments.count <= len(store.load().witnesses):
        raise InvalidInput(
            f"a quorum of {arguments.count} out of {len(store.load().witnesses)} witnesses",
            hint="jupyter mlo witness add VKEY first; 0 asks for none",
        )
    store.change(lambda trust: replace(trust, quorum=arguments.count))
    if arguments.count:
        many = "cosignature" if arguments.count == 1 else "cosignatures"
        context.say(f"a checkpoint counts as witnessed with {arguments.count} {many}")
    else:
        context.say("no witness is asked for")
    return 0


def _list(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.trust import TrustStore

    trust = TrustStore(context.settings).load()
    if arguments.json:
        listed = {"quorum": trust.quorum, "witnesses": dict(sorted(trust.witnesses.items()))}
        context.say(json.dumps({"version": 1, **listed}, indent=2))
        return 0
    for vkey in sorted(trust.witnesses.values()):
        context.say(vkey)
    context.say(f"quorum  {trust.quorum} of {len(trust.witnesses)}")
    return 0


def _request(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.errors import LedgerError
    from jupyter_mlo.ledger.store import open_ledger
    from jupyter_mlo.ledger.witnessing import Request
    from jupyter_mlo.notebook.writing import write_atomically

    with open_ledger(context.settings, create=False) as ledger:
        if why := ledger.rolled_back():
            raise LedgerError(why, hint="jupyter mlo ledger verify names what differs")
        old = arguments.old
        if old is None:
            old = ledger.cosigned_by(_cosigners(arguments.witness, context))
        note = ledger.checkpoint()
        size = ledger.head().size
        if not 0 <= old <= size:
            raise InvalidInput(
                f"the ledger has {size} entries, so a request is not from {old} of them",
                hint="--old is what the witness has seen last: its refusal names it",
            )
        body = Request(old, ledger.consistency(old, size), note).to_bytes()
    write_atomically(Path(arguments.out), [body])
    context.say(f"wrote {arguments.out}: from {old} to {size} entries of {ledger.origin}")
    return 0


def _cosigners(name: str | None, context: Context) -> list[str]:
    from jupyter_mlo.delegation.trust import TrustStore

    known = TrustStore(context.settings).load().witnesses
    if name is not None and name not in known:
        raise NotFound(f"{name!r} is no witness here", hint="jupyter mlo witness list")
    if name is None and len(known) > 1:
        raise InvalidInput(
            "for which witness was not said", hint=f"--witness {min(known)}, or --old SIZE"
        )
    return [known[name]] if name is not None else list(known.values())


def _import(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.ledger.store import open_ledger
    from jupyter_mlo.ledger.witnessing import cosignature_lines
    from jupyter_mlo.verbs.sent_files import read_carried

    lines = read_carried(
        arguments.file, written_by="jupyter mlo witness cosign", reader=cosignature_lines
    )
    vkeys = TrustStore(context.settings).load().witnesses.values()
    with open_ledger(context.settings, create=False) as ledger:
        found = ledger.add_cosignatures(lines, list(vkeys))
    if not found:
        raise Refused(
            f"{arguments.file} holds no cosignature of a witness that counts here under a "
            "checkpoint of this ledger",
            hint="jupyter mlo witness list shows who counts; ask the witness for the file of this "
            "ledger's request",
        )
    for name, size in found:
        context.say(f"{name} has seen the checkpoint of {size} entries")
    return 0


def _init(arguments: argparse.Namespace, context: Context) -> int:
    verifier = _witness(context).create(arguments.name)
    context.say("you are a witness; those who rely on you add this key:")
    context.say(verifier.vkey)
    context.note("say which ledgers you witness: jupyter mlo trust add --ledger VKEY")
    return 0


def _cosign(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.ledger.last_seen import named
    from jupyter_mlo.ledger.witnesses import log_key
    from jupyter_mlo.ledger.witnessing import Request
    from jupyter_mlo.notebook.writing import write_atomically
    from jupyter_mlo.verbs.sent_files import read_carried

    witness = _witness(context)
    witness.signer()  # who is no witness need not ask anybody for a key

    def read(data: bytes) -> tuple[Request, Checkpoint]:
        request = Request.from_bytes(data)
        return request, named(request.checkpoint)

    request, head = read_carried(
        arguments.request, written_by="jupyter mlo witness request", reader=read
    )
    log = log_key(TrustStore(context.settings).load(), head.origin)
    if log is None:
        raise NotFound(
            f"the ledger {head.origin!r} is not known to this witness",
            hint="ask its keeper for `jupyter mlo ledger checkpoint --vkey`, by another way than "
            "the request; then jupyter mlo trust add --ledger VKEY",
        )
    line = witness.cosign(request, log, int(context.now().timestamp()))
    write_atomically(Path(arguments.out), [line])
    context.say(f"wrote {arguments.out}: {head.size} entries of {head.origin}")
    return 0


def _witness(context: Context) -> Witness:
    from jupyter_mlo.ledger.witnessing import Witness

    return Witness(context.settings.home / "witness")
