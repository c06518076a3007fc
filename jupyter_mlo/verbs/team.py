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
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.unlocking import add_passphrase_options, unlock


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="add|join")
    add = actions.add_parser("add", allow_abbrev=False, help="let an MLO act for a team")
    add.add_argument("member", metavar="MLO_ID")
    add.add_argument("--team", required=True, metavar="WHO", help="a team of this home")
    add.add_argument("--for", dest="duration", metavar="TIME", help="how long: 90d, 52w")
    add.add_argument("--out", metavar="FILE", required=True, help="for the member to join with")
    add_passphrase_options(add)
    join = actions.add_parser("join", allow_abbrev=False, help="take in a membership")
    join.add_argument("file", metavar="FILE")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Add or join."""
    return (_add if arguments.action == "add" else _join)(arguments, context)


def _add(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.enrolment import kept_enrolments, to_lines
    from jupyter_mlo.delegation.membership import admit
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.identity.schemes import parse_id
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.durations import parse_duration
    from jupyter_mlo.verbs.publishing import last_checkpoint, publish
    from jupyter_mlo.verbs.sent_files import write_new

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
    now = context.now()
    until = now + parse_duration(arguments.duration) if arguments.duration else None
    if Path(arguments.out).exists():
        raise InvalidInput(f"{arguments.out} exists already", hint="name another file")
    context.note(f"{member} may act for {team.label}")
    key = unlock(context, store, team, arguments.passphrase_fd)
    enrolments = kept_enrolments(store, team)
    signer = Signer.own(team.mlo, key, enrolments, last_checkpoint(context))
    membership = admit(signer, member, now=now, until=until)
    write_new(Path(arguments.out), to_lines([*enrolments, membership]))
    publish(context, [*enrolments, membership])
    context.say(f"{member} is a member of {team.label}")
    context.say(f"  statement        {membership.statement_id}")
    context.say(f"next, for the member: jupyter mlo team join {arguments.out}")
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
