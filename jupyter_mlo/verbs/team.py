"""Teams: say who may act for one, and join one.

A team is an MLO of kind team, with a key that its owner holds: `jupyter mlo enroll --kind team`. It
answers for nothing under that key: its members do, each by a session of their own that names the
team. `add` writes a membership for a member to take in with `join`; from then on `jupyter mlo login
--team TEAM` acts for the team, and what is signed names both. A membership is taken back with
`jupyter mlo key revoke TEAM --delegation STATEMENT_ID --reason left`.

Examples:
  jupyter mlo enroll --name "Credit models" --kind team
  jupyter mlo team add mlo:7K3D-9QXA-2MFB --team "Credit models" --out ada.membership.jsonl
  jupyter mlo team join ada.membership.jsonl
  jupyter mlo login "Ada Sample" --team mlo:HCYH-72B8-4V3D
"""

from __future__ import annotations

import argparse
from pathlib import Path

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.verbs.admitting import add_admission_options, write_membership
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.unlocking import unlock


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="add|join")
    add = actions.add_parser("add", allow_abbrev=False, help="let an MLO act for a team")
    add.add_argument("member", metavar="MLO_ID")
    add.add_argument("--team", required=True, metavar="WHO", help="a team of this home")
    add_admission_options(add)
    join = actions.add_parser("join", allow_abbrev=False, help="take in a membership")
    join.add_argument("file", metavar="FILE")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Add or join."""
    return (_add if arguments.action == "add" else _join)(arguments, context)


def _add(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.enrolment import kept_enrolments
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.identity.schemes import parse_id
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.publishing import last_checkpoint

    store = IdentityStore(context.settings)
    team = store.find(arguments.team)
    if team.kind != "team":
        raise InvalidInput(
            f"{team.label} is a {team.kind}, not a team", hint="jupyter mlo enroll --kind team"
        )
    member = parse_id(arguments.member, schemes=context.settings.policy.schemes)
    if member == team.mlo:
        raise InvalidInput(
            f"{team.label} is the team itself",
            hint="name an MLO that is to act for it: jupyter mlo team add --help",
        )

    def unlocked() -> Signer:
        key = unlock(context, store, team, arguments.passphrase_fd)
        return Signer.own(team.mlo, key, kept_enrolments(store, team), last_checkpoint(context))

    write_membership(arguments, context, member, team.label, unlocked)
    return 0


def _join(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.chain import Pool
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.publishing import publish
    from jupyter_mlo.verbs.sent_files import read_statements

    path = Path(arguments.file)
    envelopes = read_statements(path)
    pool = Pool.of(envelopes)
    joined = [
        (identity, membership)
        for identity in IdentityStore(context.settings).all()
        for membership in pool.memberships.get(identity.mlo, ())
    ]
    if not joined:
        raise InvalidInput(
            f"{path} makes nobody of this home a member of a team",
            hint="it is written where the team's key is: jupyter mlo team add --help",
        )
    store = IdentityStore(context.settings)
    for identity, membership in joined:
        for envelope in envelopes:
            store.add_enrolment(identity, envelope.to_bytes())
        context.say(f"{identity.label} may act for {membership.mlo}")
        context.say(f"next: jupyter mlo login {identity.mlo} --team {membership.mlo}")
    publish(context, envelopes)
    return 0
