"""Let an assistant (an AI agent) act on your behalf: what it runs names you and it.

The grant is a file with a key of its own, for the assistant's account or container; there it opens
a session with `jupyter mlo login --grant FILE`. It permits the activities and models that you name,
no others, until it ends or you take it back: `jupyter mlo key revoke --delegation STATEMENT_ID
--reason ended`. It cannot review, deploy, grant further, or make mandates.

Examples:
  jupyter mlo grant mlo:HCYH-72B8-4V3D --for 8h --activity training --model loan --out agent.grant
  jupyter mlo login --grant agent.grant
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.sent_files import refuse_existing
from jupyter_mlo.verbs.unlocking import add_passphrase_options, unlock


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("assistant", metavar="MLO_ID", help="the assistant's MLO ID")
    parser.add_argument("--as", dest="who", metavar="WHO", help="where several are enrolled here")
    parser.add_argument(
        "--for", dest="duration", default="8h", metavar="TIME", help="8h (default), up to 30d"
    )
    parser.add_argument(
        "--activity", action="append", metavar="ACTIVITY", help="may be repeated (exploration)"
    )
    parser.add_argument("--model", action="append", metavar="MODEL", help="may be repeated (none)")
    parser.add_argument("--out", required=True, metavar="FILE", help="where to write the grant")
    add_passphrase_options(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Sign the grant and write its file."""
    from jupyter_mlo.delegation.enrolment import kept_enrolments
    from jupyter_mlo.delegation.membership import grant
    from jupyter_mlo.delegation.sessions import DEFAULT_ACTIVITY, check_activity, check_model
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.identity.private_files import write_private
    from jupyter_mlo.identity.schemes import parse_id
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.choosing import choose
    from jupyter_mlo.verbs.durations import parse_duration
    from jupyter_mlo.verbs.publishing import last_checkpoint, publish

    store = IdentityStore(context.settings)
    identity = choose(store, arguments.who, option="--as WHO", kinds=("person",))
    if identity.kind != "person":
        raise InvalidInput(
            f"{identity.label} is a {identity.kind}; only persons grant", hint="--as WHO"
        )
    assistant = parse_id(arguments.assistant, schemes=context.settings.policy.schemes)
    activities = arguments.activity or [DEFAULT_ACTIVITY]
    models = arguments.model or []
    for activity in activities:
        check_activity(activity)
    for model in models:
        check_model(model)
    path = Path(arguments.out)
    refuse_existing(path)
    context.note(f"{assistant} may act for {identity.label} for {arguments.duration}")
    context.note(f"  activities       {', '.join(activities)}")
    context.note(f"  models           {', '.join(models) or 'none'}")
    key = unlock(context, store, identity, arguments.passphrase_fd)
    signer = grant(
        Signer.own(identity.mlo, key, kept_enrolments(store, identity), last_checkpoint(context)),
        assistant,
        activities=activities,
        models=models,
        now=context.now(),
        lasts=parse_duration(arguments.duration),
    )
    write_private(path, json.dumps(signer.to_json()).encode(), replace=False)
    publish(context, signer.chain)
    context.say(f"wrote {path}: whoever holds it acts as {assistant} for {identity.label}")
    context.say(f"  statement        {signer.delegation}")
    context.say(f"next, in the assistant's account: jupyter mlo login --grant {path}")
    return 0
