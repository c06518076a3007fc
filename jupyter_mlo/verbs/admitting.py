"""Memberships, by the owner of a team or by a registrar, in a file for the member to join with."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.durations import end_of
from jupyter_mlo.verbs.sent_files import refuse_existing, write_new
from jupyter_mlo.verbs.unlocking import add_passphrase_options

if TYPE_CHECKING:
    from jupyter_mlo.delegation.signer import Signer


def add_admission_options(parser: argparse.ArgumentParser) -> None:
    """How long it lasts, where it is written, and how the key is opened."""
    parser.add_argument("--for", dest="duration", metavar="TIME", help="how long: 90d, 52w")
    parser.add_argument("--out", metavar="FILE", required=True, help="for the member to join with")
    add_passphrase_options(parser)


def write_membership(
    arguments: argparse.Namespace,
    context: Context,
    member: str,
    team: str,
    unlocked: Callable[[], Signer],
) -> None:
    """Admit ``member``: say so, have the key unlocked, sign, write the file, publish.

    Args:
        team: how the team is called here.
        unlocked: asks for the passphrase; the key that admits, under the team's MLO ID.

    Raises:
        InvalidInput: the duration cannot be read, or the file exists already.
    """
    from jupyter_mlo.delegation.enrolment import to_lines
    from jupyter_mlo.delegation.membership import admit
    from jupyter_mlo.verbs.publishing import publish

    until = end_of(arguments.duration, context.now())
    out = Path(arguments.out)
    refuse_existing(out)
    context.note(f"{member} may act for {team}")
    signer = unlocked()
    membership = admit(signer, member, now=context.now(), until=until)
    said = [*signer.chain, membership]
    write_new(out, to_lines(said))
    publish(context, said)
    context.say(f"{member} is a member of {team}")
    context.say(f"  statement        {membership.statement_id}")
    context.say(f"next, for the member: jupyter mlo team join {out}")
