"""``registrar revoke``: a registrar takes back whom it enrolled."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from contextlib import closing
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


def still_good(mlo: str, lost: Sequence[str], new: str, context: Context) -> list[str]:
    """What to say of further keys of ``mlo`` that the lost ones vouched for, and that stay.

    Args:
        lost: IDs of the keys that were revoked.
        new: ID of the key that takes their place.
    """
    from jupyter_mlo.delegation.succession import accepted
    from jupyter_mlo.verbs.at_hand import at_hand

    with closing(at_hand(context.settings, context.now())) as here:
        others = [
            other
            for other in sorted(here.pool.self_enrolments)
            if other not in (*lost, new) and any(accepted(here.pool, mlo, k, other) for k in lost)
        ]
    found = [f"  {other}" for other in others] or ["  none is known here"]
    return [
        "Other keys that a lost one vouched for (a laptop's, say) stay good:",
        *found,
        "To end one, too: on it, jupyter mlo key revoke; or enrol the file that was made there",
        f"(--handle-of {mlo}), and then: jupyter mlo registrar revoke KEY",
    ]


def revoked(members: Iterable[Member], context: Context) -> dict[tuple[str, str], str]:
    """MLO and key → when it was revoked and why, of those whose key has ended for this home."""
    from jupyter_mlo.delegation.revocation import Links, Revocations
    from jupyter_mlo.statements.predicates.identity import Revocation
    from jupyter_mlo.verbs.at_hand import at_hand

    found: dict[tuple[str, str], str] = {}
    with closing(at_hand(context.settings, context.now())) as here:
        logged = here.ledger.logged(here.pool.dated()) if here.ledger is not None else {}
        revocations = Revocations(here.pool, here.trust, logged)
        for one in members:
            for said in revocations.concerning(Links(one.mlo, one.key_id, (one.key_id,))):
                assert isinstance(said.predicate, Revocation)
                found.setdefault((one.mlo, one.key_id), f"{said.time} ({said.predicate.reason})")
    return found


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
