"""Trust in what is neither an MLO's key nor a registrar's: ledgers elsewhere, privacy keys."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_mlo.errors import InvalidInput, NotFound, Refused
from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust


def configure(add: argparse.ArgumentParser, remove: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add.add_argument("--ledger", metavar="VKEY", help="trust this key for its ledger's checkpoints")
    add.add_argument("--privacy", metavar="KEY_FINGERPRINT", help="let this key erase from ledgers")
    remove.add_argument("--ledger", metavar="ORIGIN", help="do not know this ledger any more")
    remove.add_argument("--privacy", metavar="KEY_FINGERPRINT", help="let it erase no more")


def asked_for(arguments: argparse.Namespace) -> bool:
    """Whether one of these is meant."""
    return arguments.ledger is not None or arguments.privacy is not None


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Add or remove one."""
    others = (arguments.mlo, arguments.registrar, arguments.ledger, arguments.privacy)
    if sum(one is not None for one in others) > 1:
        raise InvalidInput("several things were named", hint="name one at a time: trust --help")
    adding = arguments.action == "add"
    if arguments.ledger is not None:
        return (_add_ledger if adding else _remove_ledger)(arguments.ledger, context)
    return _privacy(arguments.privacy, getattr(arguments, "name", ""), adding, context)


def _add_ledger(vkey: str, context: Context) -> int:
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.identity.safe_text import terminal_safe
    from jupyter_mlo.ledger.note_keys import NoteVerifier

    log = NoteVerifier.from_vkey(vkey.strip())

    def changed(trust: Trust) -> Trust:
        known = trust.ledgers.get(log.name)
        if known not in (None, log.vkey):
            raise Refused(
                f"the ledger {log.name!r} is known here by another key",
                hint="a second key is how a forged ledger would look. Ask who keeps it; if it is "
                "theirs: trust remove --ledger, then trust add --ledger",
            )
        return replace(trust, ledgers={**trust.ledgers, log.name: log.vkey})

    TrustStore(context.settings).change(changed)
    context.say(f"the ledger {terminal_safe(log.name, limit=200)} is known here by its key")
    return 0


def _remove_ledger(origin: str, context: Context) -> int:
    from jupyter_mlo.delegation.trust import TrustStore

    def changed(trust: Trust) -> Trust:
        if origin not in trust.ledgers:
            raise NotFound(f"no ledger {origin!r} is known here", hint="jupyter mlo trust list")
        rest = {name: key for name, key in trust.ledgers.items() if name != origin}
        return replace(trust, ledgers=rest)

    TrustStore(context.settings).change(changed)
    context.say(f"the ledger {origin!r} is not known here any more")
    return 0


def _privacy(text: str, name: str, adding: bool, context: Context) -> int:
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.identity.keys import parse_key_id
    from jupyter_mlo.identity.profiles import check_name

    key_id = parse_key_id(text)
    called = check_name(name) if name else ""

    def changed(trust: Trust) -> Trust:
        if not adding and key_id not in trust.privacy:
            raise NotFound(f"{key_id} may not erase here", hint="jupyter mlo trust list")
        rest = {known: name for known, name in trust.privacy.items() if known != key_id}
        return replace(trust, privacy={**rest, key_id: called} if adding else rest)

    TrustStore(context.settings).change(changed)
    context.say(f"the key {key_id} may {'' if adding else 'not '}have ledger entries erased")
    return 0
