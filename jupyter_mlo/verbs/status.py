"""Who you are here, under what, for how long; and what needs attention.

Shows the session, the MLOs of this home with their key fingerprints (which others need for
`trust add`), how sure this home is of each, the ledger, and warnings. Changes nothing.

Examples:
  jupyter mlo status
  jupyter mlo status --json
"""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from jupyter_mlo.config import in_project
from jupyter_mlo.errors import MloError
from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from datetime import datetime

    from jupyter_mlo.delegation.chain import Attribution, Pool
    from jupyter_mlo.delegation.trust import Trust
    from jupyter_mlo.identity.store import Identity, IdentityStore


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Show it."""
    found = survey(context)
    if arguments.json:
        context.say(json.dumps(found, indent=2))
    else:
        show(found, context)
    return 0


def survey(context: Context) -> dict[str, Any]:
    """Everything that ``status`` shows, as JSON values. Names stand in it as they were typed."""
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.autoload import is_on
    from jupyter_mlo.verbs.home_notice import home_warnings
    from jupyter_mlo.verbs.servers_here import problems_of_servers

    settings = context.settings
    warnings = home_warnings(context)
    required = settings.policy.identity_required
    if not context.in_kernel:  # there it was asked when jupyter-mlo was loaded
        try:
            required = in_project(settings).policy.identity_required
        except MloError as error:
            warnings.append(str(error))
    store = IdentityStore(settings)
    roles = _roles(context, warnings)
    identities = [
        {**_identity(identity, store, context, warnings), "roles": roles.get(identity.mlo, [])}
        for identity in store.all()
    ]
    warnings += [str(problem) for problem in store.problems()]
    warnings += problems_of_servers(settings)
    warnings += _mandates_that_end(context)
    return {
        "version": 1,
        "session": _session(context, warnings),
        "identities": identities,
        "home": str(settings.home),
        "sessionFile": str(settings.session_file),
        "identityRequired": required,
        "autoload": is_on(),
        "ledger": _ledger(context, warnings),
        "warnings": warnings,
    }


def _mandates_that_end(context: Context) -> list[str]:
    """Those made here that end soon and have not been renewed."""
    from jupyter_mlo.statements.times import to_text

    if not context.settings.mandates.is_dir():
        return []
    from jupyter_mlo.verbs.mandates_here import SOON, ending_within, mandates_here

    rows, problems = mandates_here(context)
    return [
        *(
            f"{row.mandate.label} ends at {to_text(row.mandate.scope.not_after)}; "
            f"jupyter mlo mandate renew {row.mandate.mandate_id[:12]} --for 30d"
            for row in ending_within(rows, SOON, context.now())
        ),
        *map(str, problems),
    ]


def _session(context: Context, warnings: list[str]) -> dict[str, Any] | None:
    from jupyter_mlo.delegation.sessions import load_session
    from jupyter_mlo.errors import SessionError
    from jupyter_mlo.statements.times import to_text

    now = context.now()
    try:
        signer = load_session(context.settings, now)
    except SessionError as error:
        warnings.append(str(error))
        return None
    if signer is None:
        return None
    return {
        "mlo": signer.mlo,
        "onBehalfOf": signer.named.get("onBehalfOf"),
        "assistant": signer.named.get("assistant"),
        "activity": signer.activity,
        "model": signer.model,
        "expires": to_text(signer.expires),
        "secondsLeft": int((signer.expires - now).total_seconds()),
        "keyId": signer.key.key_id,
        "delegation": signer.delegation,
    }


def _roles(context: Context, warnings: list[str]) -> dict[str, list[str]]:
    from jupyter_mlo.verbs.roles_here import roles_here

    try:
        return roles_here(context)
    except MloError as error:
        warnings.append(str(error))
        return {}


def _identity(
    identity: Identity, store: IdentityStore, context: Context, warnings: list[str]
) -> dict[str, Any]:
    from jupyter_mlo.verbs.at_hand import at_hand
    from jupyter_mlo.verbs.key_ending import refuse_ended

    assurance = handle = succeeds = None
    if identity.damage is not None:
        warnings.append(str(identity.damage))
    try:
        store.key_pem(identity)  # says what is wrong with the key file, if anything is
        with closing(at_hand(context.settings, context.now())) as here:
            found = own_attribution(identity, store, here.trust, context.now(), here.pool)
        handle, succeeds = found.handle, found.succeeds
        refuse_ended(identity, context)
        assurance = str(found.assurance)
    except MloError as error:
        warnings.append(str(error))
    return {
        "mlo": identity.mlo,
        "name": identity.profile.name,
        "email": identity.profile.email,
        "kind": identity.kind,
        "keyId": identity.key_id,
        "assurance": assurance,
        "handle": handle,
        "succeeds": succeeds,
        "folder": str(identity.folder),
    }


def own_attribution(
    identity: Identity, store: IdentityStore, trust: Trust, now: datetime, known: Pool
) -> Attribution:
    """What this home makes of the MLO's own enrolment.

    Args:
        known: enrolments from elsewhere: a registrar's need not have been taken in.
    """
    from jupyter_mlo.delegation.chain import attribute
    from jupyter_mlo.delegation.enrolment import kept_enrolments
    from jupyter_mlo.statements.statement import read_statement

    enrolments = kept_enrolments(store, identity)
    pool = known.also(enrolments)
    return attribute(read_statement(enrolments[0]), pool=pool, trust=trust, now=now)


def _ledger(context: Context, warnings: list[str]) -> dict[str, Any]:
    from jupyter_mlo.errors import NotFound
    from jupyter_mlo.ledger.outbox import Outbox
    from jupyter_mlo.ledger.store import open_ledger

    size: int | None = None
    inbox: int | None = None
    why = ""
    try:
        with open_ledger(context.settings, create=False, patience=2) as ledger:
            size = ledger.size
            if rolled_back := ledger.rolled_back():
                warnings.append(f"{rolled_back}; jupyter mlo ledger verify")
        inbox = _inbox(context, warnings)
    except NotFound:
        size = 0
    except MloError as error:
        warnings.append(str(error))
        why = error.message
    outbox = Outbox(context.settings)
    waiting = outbox.waiting()
    # What keeps them now, or kept them when they came: they follow with the next that is published.
    why = (why or outbox.why().partition("\n")[0]) if waiting else ""
    return {"entries": size, "waiting": waiting, "why": why, "inbox": inbox}


def _inbox(context: Context, warnings: list[str]) -> int | None:
    """How many statements a team's sequencer has yet to take; None where there is no inbox."""
    from jupyter_mlo.ledger.address import address_of
    from jupyter_mlo.ledger.inbox import waiting
    from jupyter_mlo.ledger.store import connect

    if address_of(context.settings).path is not None:
        return None
    database = connect(context.settings, patience=2)
    try:
        if not database.has_sequencer():
            warnings.append(
                f"no sequencer runs for the ledger {database.shown}: whoever keeps it starts it, "
                "jupyter mlo ledger serve"
            )
        return waiting(database)
    finally:
        database.close()


def show(found: dict[str, Any], context: Context) -> None:
    """Say what :func:`survey` found, as lines of text."""
    from datetime import timedelta

    from jupyter_mlo.identity.safe_text import terminal_safe
    from jupyter_mlo.verbs.durations import show_duration

    session, ledger = found["session"], found["ledger"]
    names = {one["mlo"]: terminal_safe(one["name"], limit=60) for one in found["identities"]}
    if session is None:
        context.say("nobody is logged in: what you run is recorded in nobody's name")
    else:
        mlo = terminal_safe(session["mlo"], limit=60)
        context.say(f"logged in as {names.get(session['mlo'], 'an MLO of another home')} ({mlo})")
        for word, member in (("for the team", "onBehalfOf"), ("assistant", "assistant")):
            if session[member]:
                context.say(f"  {word:<15}  {terminal_safe(session[member], limit=120)}")
        model = f" on {session['model']}" if session["model"] else ""
        context.say(f"  activity         {session['activity']}{model}")
        left = show_duration(timedelta(seconds=session["secondsLeft"]))
        context.say(f"  time left        {left} (until {session['expires']})")
        context.say(f"  session          {found['sessionFile']}")
    for one in found["identities"]:
        context.say(f"{names[one['mlo']]} ({one['mlo']}), {one['kind']}")
        context.say(f"  key fingerprint  {one['keyId']}")
        if one["succeeds"]:
            context.say(f"  claims to succeed {terminal_safe(one['succeeds'], limit=120)}")
        if one["roles"]:
            context.say(f"  roles            {', '.join(one['roles'])}")
        context.say(f"  assurance here   {one['assurance'] or 'see the warning'}")
    context.say(f"home               {found['home']}")
    entries = "cannot be read" if ledger["entries"] is None else _counted(ledger["entries"])
    waiting = f", {ledger['waiting']} statements wait for it" if ledger["waiting"] else ""
    context.say(f"ledger             {entries}{waiting}")
    if ledger["waiting"]:
        context.say(f"  why they wait    {terminal_safe(ledger['why'], limit=300)}")
    if ledger["inbox"]:
        context.say(f"  in its inbox     {ledger['inbox']} statements")
    kernels = "every kernel of this environment" if found["autoload"] else "with %load_ext"
    context.say(f"loaded             {kernels}: jupyter mlo autoload")
    if found["identityRequired"]:
        context.say("policy             whatever nobody answers for is refused")
    for warning in found["warnings"]:
        context.note(f"warning: {warning}")
    if not found["identities"]:
        context.say("next: jupyter mlo enroll, or %mlo_login in a notebook")
    elif session is None:
        context.say("next: jupyter mlo login, or %mlo_login in a notebook")


def _counted(entries: int) -> str:
    return "1 entry" if entries == 1 else f"{entries} entries"
