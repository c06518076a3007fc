"""``registrar role`` and ``registrar member``: what a registrar gives an MLO, and takes back."""

from __future__ import annotations

import argparse
import json
import re
from contextlib import closing
from typing import TYPE_CHECKING, cast

from jupyter_mlo.errors import InvalidInput, NotFound
from jupyter_mlo.verbs.admitting import add_admission_options, write_membership
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.durations import end_of
from jupyter_mlo.verbs.unlocking import add_passphrase_options, unlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jupyter_mlo.delegation.pool import Pool
    from jupyter_mlo.delegation.registrar import Registrar
    from jupyter_mlo.statements.statement import Statement


def configure(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the arguments of both."""
    role = actions.add_parser("role", allow_abbrev=False, help="give an MLO a role, or take it")
    roles = role.add_subparsers(dest="gift", required=True, metavar="grant|remove|list")
    for word, what in (("grant", "give an MLO a role"), ("remove", "take a role back")):
        one = roles.add_parser(word, allow_abbrev=False, help=what)
        one.add_argument("who", metavar="MLO_ID")
        one.add_argument("role", metavar="ROLE", help="such as validator: a-z, 0-9 and -")
        if word == "grant":
            one.add_argument("--for", dest="duration", metavar="TIME", help="how long: 90d, 52w")
        add_passphrase_options(one)
    listing = roles.add_parser("list", allow_abbrev=False, help="roles that are in force")
    listing.add_argument("--json", action="store_true", help="as JSON")
    member = actions.add_parser("member", allow_abbrev=False, help="who may act for a team")
    members = member.add_subparsers(dest="gift", required=True, metavar="add|remove")
    for word, what in (("add", "let an MLO act for a team"), ("remove", "no longer let it")):
        one = members.add_parser(word, allow_abbrev=False, help=what)
        one.add_argument("team", metavar="TEAM_MLO_ID")
        one.add_argument("who", metavar="MLO_ID")
        if word == "add":
            add_admission_options(one)
        else:
            add_passphrase_options(one)


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Give, take back or list."""
    from jupyter_mlo.delegation.registrar import Registrar

    registrar = Registrar.open(context.settings)
    acts = {
        ("role", "grant"): _grant,
        ("role", "remove"): _take,
        ("role", "list"): _list,
        ("member", "add"): _admit,
        ("member", "remove"): _dismiss,
    }
    return acts[arguments.action, arguments.gift](arguments, registrar, context)


def _grant(arguments: argparse.Namespace, registrar: Registrar, context: Context) -> int:
    from jupyter_mlo.verbs.publishing import last_checkpoint, publish

    role, mlo = _role(arguments.role), _mlo(arguments.who, registrar)
    until = end_of(arguments.duration, context.now())
    context.note(f"{mlo} becomes {role}")
    key = unlock(context, registrar.store, registrar.identity, arguments.passphrase_fd)
    said = registrar.give_role(
        mlo, role, key, now=context.now(), until=until, checkpoint=last_checkpoint(context)
    )
    publish(context, [registrar.own_enrolment, said])
    context.say(f"{mlo} has the role {role}")
    context.say(f"  statement        {said.statement_id}")
    return 0


def _take(arguments: argparse.Namespace, registrar: Registrar, context: Context) -> int:
    from jupyter_mlo.statements.predicates.identity import Role

    role, mlo = _role(arguments.role), _mlo(arguments.who, registrar)
    given = [
        said
        for said in _given(context, registrar, lambda pool: pool.roles.get(mlo, ()))
        if cast(Role, said.predicate).role == role
    ]
    if not given:
        raise NotFound(
            f"this registrar has not given {mlo} the role {role}, or took it back",
            hint="jupyter mlo registrar role list",
        )
    context.note(f"{mlo} is no longer {role}")
    _revoke(given, arguments, registrar, context)
    context.say(f"{mlo} has the role {role} no more")
    return 0


def _list(arguments: argparse.Namespace, registrar: Registrar, context: Context) -> int:
    from jupyter_mlo.verbs.roles_here import roles_here

    roles = roles_here(context, registrar=registrar.identity.key_id)
    if arguments.json:
        context.say(json.dumps({"version": 1, "roles": roles}, indent=2))
        return 0
    for mlo, names in roles.items():
        context.say(f"{mlo}  {', '.join(names)}")
    if not roles:
        context.say("nobody has a role of this registrar's")
    return 0


def _admit(arguments: argparse.Namespace, registrar: Registrar, context: Context) -> int:
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.verbs.publishing import last_checkpoint

    team, member = _mlo(arguments.team, registrar), _mlo(arguments.who, registrar)
    if team == member:
        raise InvalidInput(f"{team} is no member of itself", hint="name the team, then the member")

    def unlocked() -> Signer:
        key = unlock(context, registrar.store, registrar.identity, arguments.passphrase_fd)
        # Under the team's name and the registrar's key: so verifiers find both.
        return Signer.own(team, key, [registrar.own_enrolment], last_checkpoint(context))

    write_membership(arguments, context, member, team, unlocked)
    return 0


def _dismiss(arguments: argparse.Namespace, registrar: Registrar, context: Context) -> int:
    team, member = _mlo(arguments.team, registrar), _mlo(arguments.who, registrar)
    given = [
        said
        for said in _given(context, registrar, lambda pool: pool.memberships.get(member, ()))
        if said.mlo == team
    ]
    if not given:
        raise NotFound(
            f"this registrar has not made {member} a member of {team}, or took it back",
            hint="whom the team's own key admitted it dismisses: jupyter mlo key revoke TEAM "
            "--delegation STATEMENT_ID --reason left",
        )
    context.note(f"{member} may no longer act for {team}")
    _revoke(given, arguments, registrar, context)
    context.say(f"{member} is a member of {team} no more")
    context.say("What was signed for the team, and the ledger has from before, stays valid.")
    return 0


def _given(
    context: Context, registrar: Registrar, which: Callable[[Pool], Iterable[Statement]]
) -> list[Statement]:
    """Those of some roles or memberships that are by this registrar's key, and not taken back."""
    from jupyter_mlo.verbs.at_hand import at_hand

    with closing(at_hand(context.settings, context.now())) as here:
        pool = here.pool.also([registrar.own_enrolment])
        key = pool.key(registrar.identity.key_id)
        assert key is not None  # its own enrolment is among them

        def own(said: Statement) -> bool:
            # Anybody can write this registrar's key into what he puts into the ledger.
            return said.key_id == key.key_id and pool.holds(said, key)

        return [
            said
            for said in which(pool)
            if own(said) and not any(map(own, pool.revocations.get(said.statement_id, ())))
        ]


def _revoke(
    given: Iterable[Statement],
    arguments: argparse.Namespace,
    registrar: Registrar,
    context: Context,
) -> None:
    from jupyter_mlo.delegation.revocation import make_revocation
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.verbs.publishing import last_checkpoint, publish

    key = unlock(context, registrar.store, registrar.identity, arguments.passphrase_fd)
    checkpoint = last_checkpoint(context)
    said = [
        make_revocation(
            Signer.own(one.mlo, key, checkpoint=checkpoint),
            now=context.now(),
            reason="left",
            delegation=one.statement_id,
        )
        for one in given
    ]
    publish(context, [registrar.own_enrolment, *said])


def _role(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,63}", text):
        raise InvalidInput(
            f"{text[:60]!r} is no name of a role", hint="such as validator: a-z, 0-9, -"
        )
    return text


def _mlo(text: str, registrar: Registrar) -> str:
    from jupyter_mlo.identity.schemes import parse_id

    known = tuple(member.mlo for member in registrar.roster().members)
    return parse_id(text, known, registrar.settings.policy.schemes)
