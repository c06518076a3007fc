"""``registrar revoke``: a registrar takes back whom it enrolled."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.unlocking import unlock

if TYPE_CHECKING:
    from jupyter_mlo.delegation.registrar import Member, Registrar


def revoke(arguments: argparse.Namespace, context: Context) -> int:
    """Take back the keys of an MLO, or one key."""
    from jupyter_mlo.delegation.registrar import Registrar
    from jupyter_mlo.verbs.key_ending import compromised_since
    from jupyter_mlo.verbs.publishing import last_checkpoint, publish

    since = compromised_since(arguments, context)
    registrar = Registrar.open(context.settings)
    members = _members(arguments.who, registrar)
    for member in members:
        context.note(f"{member.mlo}  {member.key_id}: {arguments.reason}")
    key = unlock(context, registrar.store, registrar.identity, arguments.passphrase_fd)
    said = [
        registrar.revoke(
            member.mlo,
            member.key_id,
            key,
            reason=arguments.reason,
            now=context.now(),
            since=since,
            checkpoint=last_checkpoint(context),
        )
        for member in members
    ]
    publish(context, [registrar.own_enrolment, *said])
    context.say(f"{registrar.identity.label} revoked {len(said)} keys")
    context.say("What they signed, and the ledger has from before, stays valid.")
    return 0


def _members(who: str, registrar: Registrar) -> list[Member]:
    from jupyter_mlo.errors import NotFound
    from jupyter_mlo.identity.schemes import parse_id

    roster = registrar.roster().members
    name = who.strip()
    if not name.startswith("sha256:"):
        known = tuple(member.mlo for member in roster)
        name = parse_id(name, known, registrar.settings.policy.schemes)
    found = [member for member in roster if name in (member.mlo, member.key_id)]
    if not found:
        raise NotFound(
            f"this registrar has not enrolled {name[:80]}", hint="jupyter mlo registrar list"
        )
    return found
