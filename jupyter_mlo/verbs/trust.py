"""Say which keys and registrars you trust; nothing in a notebook or bundle is ever added by itself.

A pinned key makes what its MLO signed `signed` here. A registrar makes whomever it enrolled
`enrolled`. Compare the whole fingerprint with its owner by another way than the one the
file came by: on the phone, in person, on your organisation's own pages.

Examples:
  jupyter mlo trust list
  jupyter mlo trust add mlo:7K3D-9QXA-2MFB sha256:1f2e…
  jupyter mlo trust add mlo:HCYH-72B8-4V3D sha256:77aa… --kind team
  jupyter mlo trust add --registrar sha256:9c0b… --name "Bank, model risk"
  jupyter mlo trust remove mlo:7K3D-9QXA-2MFB
  jupyter mlo trust add --ledger jupyter-mlo.local/0a1b…+5c6d7e8f+AX…
  jupyter mlo trust add --privacy sha256:4e5f… --name "Data protection"
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.verbs import trust_others
from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="add|list|remove")
    add = actions.add_parser(
        "add", allow_abbrev=False, help="pin an MLO's key, or trust a registrar"
    )
    add.add_argument("mlo", nargs="?", metavar="MLO_ID")
    add.add_argument("key", nargs="?", metavar="KEY_FINGERPRINT", help="sha256:<64 hex digits>")
    add.add_argument("--registrar", metavar="KEY_FINGERPRINT", help="trust this registrar")
    add.add_argument("--name", default="", metavar="NAME", help="what you call the registrar")
    add.add_argument(
        "--kind",
        choices=("person", "team", "service", "assistant"),
        help="what the MLO is: nothing that calls itself otherwise is then taken for it",
    )
    add.add_argument(
        "--replace", action="store_true", help="the MLO has a new key; the pinned one goes"
    )
    remove = actions.add_parser(
        "remove", allow_abbrev=False, help="unpin an MLO's key, or distrust a registrar"
    )
    remove.add_argument("mlo", nargs="?", metavar="MLO_ID")
    remove.add_argument("key", nargs="?", metavar="KEY_FINGERPRINT", help="this key only")
    remove.add_argument("--registrar", metavar="KEY_FINGERPRINT", help="distrust this registrar")
    trust_others.configure(add, remove)
    listing = actions.add_parser("list", allow_abbrev=False, help="show what is trusted here")
    listing.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Add, remove or list."""
    from jupyter_mlo.delegation.trust import TrustStore

    if arguments.action == "list":
        return _list(TrustStore(context.settings).load(), arguments.json, context)
    if trust_others.asked_for(arguments):
        return trust_others.run(arguments, context)
    if arguments.registrar is not None and arguments.mlo is not None:
        raise InvalidInput(
            "an MLO and a registrar were both named", hint="name one at a time: trust --help"
        )
    if arguments.registrar is None and arguments.mlo is None:
        raise InvalidInput(
            f"trust {arguments.action}: nobody was named",
            hint="name an MLO ID and its key fingerprint, or --registrar KEY_FINGERPRINT",
        )
    return (_add if arguments.action == "add" else _remove)(arguments, context)


def _add(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.identity.keys import parse_key_id
    from jupyter_mlo.identity.profiles import check_name
    from jupyter_mlo.identity.schemes import only_through_registrar

    store = TrustStore(context.settings)
    if arguments.registrar is not None:
        key_id = parse_key_id(arguments.registrar)
        name = check_name(arguments.name) if arguments.name else store.load().registrars.get(key_id)
        store.add_registrar(key_id, name or "")
        context.say(f"whomever the registrar {_called(name or '')}{key_id} enrols is enrolled here")
        return 0
    if arguments.key is None:
        raise InvalidInput(
            f"trust add {arguments.mlo[:60]!r}: the key fingerprint is missing",
            hint="its owner sees it with: jupyter mlo status",
        )
    if arguments.name:
        raise InvalidInput("--name goes with --registrar", hint="an MLO is pinned by its ID alone")
    mlo = _mlo(arguments.mlo, context)
    if only_through_registrar(mlo):
        raise InvalidInput(
            f"{mlo} counts only through a registrar: anyone can write that identifier down",
            hint="trust the registrar that enrolled it: jupyter mlo trust add --registrar "
            "KEY_FINGERPRINT",
        )
    key_id = parse_key_id(arguments.key)
    store.add(mlo, key_id, kind=arguments.kind, replacing=arguments.replace)
    what = f", as a {arguments.kind}" if arguments.kind else ""
    context.say(f"{mlo} is known here by its key {key_id}{what}")
    return 0


def _remove(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.identity.keys import parse_key_id

    store = TrustStore(context.settings)
    if arguments.registrar is not None:
        key_id = parse_key_id(arguments.registrar)
        store.remove_registrar(key_id)
        context.say(f"the registrar {key_id} is not trusted here any more")
        return 0
    mlo = _mlo(arguments.mlo, context)
    store.remove(mlo, None if arguments.key is None else parse_key_id(arguments.key))
    context.say(f"{mlo} is not known here any more: what it signed is `claimed` from now on")
    return 0


def _mlo(text: str, context: Context) -> str:
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.identity.schemes import parse_id
    from jupyter_mlo.identity.store import IdentityStore

    here = [identity.mlo for identity in IdentityStore(context.settings).all()]
    trust = TrustStore(context.settings).load()
    return parse_id(text, (*here, *trust.pins), context.settings.policy.schemes)


def _list(trust: Trust, as_json: bool, context: Context) -> int:
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.roles_here import roles_here

    roles = roles_here(context)
    if as_json:
        pins = {mlo: sorted(keys) for mlo, keys in sorted(trust.pins.items())}
        registrars = {key_id: {"name": name} for key_id, name in sorted(trust.registrars.items())}
        privacy = {key_id: {"name": name} for key_id, name in sorted(trust.privacy.items())}
        kinds = dict(sorted(trust.kinds.items()))
        listed = {"pins": pins, "kinds": kinds, "registrars": registrars, "privacy": privacy}
        ledgers = {"roles": roles, "ledgers": dict(sorted(trust.ledgers.items()))}
        context.say(json.dumps({"version": 1, **listed, **ledgers}, indent=2))
        return 0
    here = {identity.mlo: identity for identity in IdentityStore(context.settings).all()}
    for mlo, keys in sorted(trust.pins.items()):
        kind = f"   {trust.kinds[mlo]}" if mlo in trust.kinds else ""
        whose = f"{kind}   {here[mlo].label}, enrolled here" if mlo in here else kind
        for key_id in sorted(keys):
            context.say(f"{mlo}  {key_id}{whose}")
    for key_id, name in sorted(trust.registrars.items()):
        context.say(f"registrar  {_called(name)}{key_id}")
    for key_id, name in sorted(trust.privacy.items()):
        context.say(f"may erase  {_called(name)}{key_id}")
    for mlo, names in roles.items():
        context.say(f"role       {', '.join(names)}  {mlo}")
    for vkey in sorted(trust.ledgers.values()):
        context.say(f"ledger     {vkey}")
    if not trust.pins and not trust.registrars:
        context.say("nobody is trusted here yet: what others signed is `claimed`")
    return 0


def _called(name: str) -> str:
    from jupyter_mlo.identity.safe_text import terminal_safe

    return f"{terminal_safe(name, limit=60)}  " if name else ""
