"""Let a notebook run unattended on your behalf: that notebook as it is now, and nothing else.

`create` makes a key of its own for notebooks (one, several, or a folder's), an activity, models,
parameters and some days, signs it with your key, and writes it to a file. Whoever holds that file
can run those notebooks in your name until the mandate ends or you revoke it. With --to it is made
over to the key of a runner instead (`mandate key` there prints it), and the file holds no secret.
A changed notebook, a foreign parameter, another activity or model, and a use too many are refused
before the kernel starts.

--parameters names what a run may inject: `seed` with any value, `alpha=0.1` with that value
only (name it again for another), `seed=1..20` with the numbers between, both included. Without it
nothing may be injected. --uses says how many runs may start; a use is reserved in the ledger before
its run starts, and stays spent whatever becomes of that run. `lease` reserves uses beforehand, on
the runner, for runs that start while the ledger is away.

`renew` makes it again, with the same scope and a new end. `split` makes narrower mandates of it,
for several runners, and ends it. `list --expiring 3d` exits with 1 where one ends within 3 days
and has not been renewed, for cron.

Examples:
  jupyter mlo mandate create train.ipynb --for 30d --activity training --model loan
  jupyter mlo mandate create notebooks/ --for 7d --activity training --parameters seed=1..20
  MLO_MANDATE=train.mandate papermill --engine mlo train.ipynb out.ipynb -p seed 7
  jupyter mlo mandate create train.ipynb --for 7d --activity training --uses 20 --to runner.pub
  jupyter mlo mandate key
  jupyter mlo mandate lease train.mandate --uses 5
  jupyter mlo mandate list --expiring 3d
  jupyter mlo mandate show train.mandate
  jupyter mlo mandate renew 4fd1c0 --for 30d
  jupyter mlo mandate split 4fd1c0 --by uses --parts 2
  jupyter mlo mandate revoke 4fd1c0 --reason ended
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.unlocking import add_passphrase_options, unlock

if TYPE_CHECKING:
    from jupyter_mlo.delegation.mandates import Mandate

_REASONS = ("ended", "superseded", "left", "lost", "compromised")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="create|list|show|renew|split|lease|revoke|key"
    )
    create = actions.add_parser("create", allow_abbrev=False, help="make a mandate for notebooks")
    create.add_argument(
        "notebook", nargs="+", metavar="NOTEBOOK", help="notebooks as they are to run, or folders"
    )
    add_duration(create)
    create.add_argument(
        "--activity", action="append", metavar="ACTIVITY", help="training, validation, …"
    )
    create.add_argument("--model", action="append", metavar="MODEL", help="loan, or loan@3 only")
    create.add_argument(
        "--parameters", action="append", metavar="NAMES", help="a,b=1,c=1..20: what may be injected"
    )
    create.add_argument("--uses", type=int, metavar="N", help="how many runs may start (any)")
    create.add_argument("--to", metavar="RUNNER_KEY", help="the runner's public key")
    create.add_argument("--out", metavar="FILE", help="where to write it (NOTEBOOK's name.mandate)")
    create.add_argument(
        "--as", dest="who", metavar="WHO", help="MLO ID or name, if not the only one"
    )
    add_passphrase_options(create)
    listing = actions.add_parser("list", allow_abbrev=False, help="show the mandates made here")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.add_argument(
        "--expiring",
        metavar="TIME",
        help="only those that end within 3d and are not renewed; exit code 1 if there are any",
    )
    show = actions.add_parser("show", allow_abbrev=False, help="say what one mandate permits")
    show.add_argument("which", metavar="FILE_OR_ID", help="its file, or how its ID begins")
    show.add_argument("--json", action="store_true", help="as JSON")
    renew = actions.add_parser("renew", allow_abbrev=False, help="make it again, with a new end")
    renew.add_argument("which", metavar="FILE_OR_ID", help="its file, or how its ID begins")
    add_duration(renew)
    renew.add_argument("--to", metavar="RUNNER_KEY", help="another runner's public key")
    renew.add_argument("--out", metavar="FILE", help="where to write it")
    add_passphrase_options(renew)
    split = actions.add_parser(
        "split", allow_abbrev=False, help="divide it among several runners, and end it"
    )
    split.add_argument("which", metavar="FILE_OR_ID", help="its file, or how its ID begins")
    split.add_argument("--parts", type=int, required=True, metavar="N", help="how many")
    split.add_argument(
        "--by", required=True, metavar="WHAT", help="uses, code, or the name of a parameter"
    )
    split.add_argument(
        "--to", action="append", metavar="RUNNER_KEY", help="a runner's public key for each part"
    )
    split.add_argument("--out", metavar="PREFIX", help="files are PREFIX-1.mandate, …")
    add_passphrase_options(split)
    lease = actions.add_parser(
        "lease", allow_abbrev=False, help="set uses aside for runs here without the ledger"
    )
    lease.add_argument("which", metavar="FILE", help="the mandate's file")
    lease.add_argument("--uses", type=int, required=True, metavar="N", help="how many")
    actions.add_parser("key", allow_abbrev=False, help="print this runner's public key, for --to")
    revoke = actions.add_parser("revoke", allow_abbrev=False, help="end a mandate now")
    revoke.add_argument("which", metavar="FILE_OR_ID", help="its file, or how its ID begins")
    revoke.add_argument("--reason", choices=_REASONS, default="ended", help="ended is the default")
    revoke.add_argument(
        "--compromised-since",
        metavar="TIME",
        help="since when others may have had it: 2026-11-22T10:54:00Z",
    )
    add_passphrase_options(revoke)


def add_duration(parser: argparse.ArgumentParser) -> None:
    """``--for TIME``."""
    parser.add_argument(
        "--for", dest="duration", required=True, metavar="TIME", help="how long: 12h, 30d"
    )


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Do what was asked."""
    action = arguments.action
    if action in ("create", "renew", "split"):
        from jupyter_mlo.verbs import mandate_making

        make = {
            "create": mandate_making.create,
            "renew": mandate_making.renew_mandate,
            "split": mandate_making.split,
        }
        return make[action](arguments, context)
    if action in ("key", "lease"):
        from jupyter_mlo.verbs import mandate_running

        if action == "key":
            return mandate_running.show_key(context)
        return mandate_running.lease(arguments, context)
    if action == "list":
        return _list(arguments, context)
    if action == "show":
        return _show(arguments, context)
    return _revoke(arguments, context)


def _list(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.identity.safe_text import terminal_safe
    from jupyter_mlo.verbs.durations import parse_duration
    from jupyter_mlo.verbs.mandate_words import listed
    from jupyter_mlo.verbs.mandates_here import ending_within, mandates_here

    within = parse_duration(arguments.expiring) if arguments.expiring is not None else None
    rows, problems = mandates_here(context)
    if within is not None:
        rows = ending_within(rows, within, context.now())
    if arguments.json:
        found = [_as_json(one.mandate, one.state) for one in rows]
        context.say(json.dumps({"version": 1, "mandates": found}, indent=2))
    else:
        for row in rows:
            one = row.mandate
            acts = listed(one.scope.activities)
            models = listed(one.scope.models)
            instead = f"  in place of {one.replaces[:12]}" if one.replaces else ""
            context.say(
                f"{one.mandate_id[:12]}  {row.state}  {acts}  {models}  "
                f"{terminal_safe(one.notebook, limit=60)}  {one.mlo}{instead}"
            )
        if not rows and not problems and within is None:
            context.say("no mandate was made in this home: jupyter mlo mandate create --help")
        if rows and within is not None:
            context.note("next: jupyter mlo mandate renew ID --for 30d")
    for problem in problems:
        context.note(f"warning: {problem.message}")
    if problems:
        return 2
    return 1 if rows and within is not None else 0


def _show(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.verbs.mandate_words import mandate_lines
    from jupyter_mlo.verbs.mandates_here import found_mandate, state_of, used_here

    mandate = found_mandate(arguments.which, context)
    state = state_of(mandate, context)
    used = used_here(mandate, context)
    if arguments.json:
        value = {"version": 1, **_as_json(mandate, state)}
        if used is not None:
            value["uses"] = [one.to_json() for one in used]
        context.say(json.dumps(value, indent=2))
        return 0
    context.say(f"mandate {mandate.mandate_id}")
    context.say(f"  {state}")
    for line in mandate_lines(mandate):
        context.say(f"  {line}")
    if used is not None:
        context.say(f"  spent         {len(used)} of {mandate.scope.uses}")
        for at, one in enumerate(used, 1):
            over = ", too many: not valid" if at > int(mandate.scope.uses) else ""
            context.say(f"  use {at:<9} {one.time}  {one.run}  {one.became}{over}")
    return 0


def _revoke(arguments: argparse.Namespace, context: Context) -> int:
    from jupyter_mlo.delegation.mandate_store import MandateStore
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.key_ending import compromised_since
    from jupyter_mlo.verbs.mandate_acts import end, own_signer
    from jupyter_mlo.verbs.mandates_here import found_mandate

    since = compromised_since(arguments, context)
    mandate = found_mandate(arguments.which, context)
    revoked = MandateStore(context.settings).revocation(mandate.mandate_id)
    if revoked is not None and since is None:
        context.say(f"{mandate.label} was revoked here already")
        return 0
    store = IdentityStore(context.settings)
    identity = store.find(mandate.mlo)
    key = unlock(context, store, identity, arguments.passphrase_fd)
    own = own_signer(store, identity, key, context)
    end(own, mandate, context, reason=arguments.reason, compromised_since=since)
    context.say(f"{mandate.label} is revoked")
    context.say("runs that see this home or its ledger are refused from now on; what it did before")
    context.say("stays on record")
    return 0


def _as_json(mandate: Mandate, state: str) -> dict[str, Any]:
    return {
        "id": mandate.mandate_id,
        "mlo": mandate.mlo,
        "notebook": mandate.notebook,
        "state": state.split(" ", 1)[0] if not state.startswith("in force") else "in force",
        "scope": mandate.scope.to_json(),
        "replaces": mandate.replaces,
    }
