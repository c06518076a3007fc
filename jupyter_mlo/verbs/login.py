"""Open a session: from now on what you run is attributed to you, until it ends.

One login serves the notebooks, kernels and commands of this account. It lasts 8 hours unless
you say otherwise (at most 24 hours), or until: jupyter mlo logout. What is to run without
you runs under a mandate: jupyter mlo mandate create --help

--team acts for a team that you joined: what you run names you and the team. --grant is for an
assistant's account: the file that a person made with `jupyter mlo grant` opens the session.

Examples:
  jupyter mlo login
  jupyter mlo login "Ada Sample" --for 2h --activity training --model loan@3
  MLO_PASSPHRASE_FILE=/run/secrets/mlo jupyter mlo login
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jupyter_mlo.errors import MloError, NobodyToAsk
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.unlocking import add_passphrase_options, unlock

if TYPE_CHECKING:
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.identity.keys import SigningKey
    from jupyter_mlo.identity.store import Identity, IdentityStore
    from jupyter_mlo.statements.envelope import Envelope
    from jupyter_mlo.verbs.enroll import Enrolled


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "who", nargs="?", metavar="WHO", help="MLO ID, name or e-mail; not needed if only one"
    )
    parser.add_argument(
        "--for", dest="duration", default="8h", metavar="TIME", help="30m, 8h (default), 24h"
    )
    parser.add_argument("--activity", metavar="ACTIVITY", help="what you do (exploration)")
    parser.add_argument("--model", metavar="MODEL", help="on which model: loan or loan@3")
    parser.add_argument("--team", metavar="MLO_ID", help="act for this team: jupyter mlo team")
    parser.add_argument("--grant", metavar="FILE", help="open the session that a person granted")
    add_passphrase_options(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Log in."""
    from jupyter_mlo.delegation.sessions import check_activity, check_duration, check_model
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.choosing import ACTING, choose
    from jupyter_mlo.verbs.durations import parse_duration
    from jupyter_mlo.verbs.home_notice import warn_of_home
    from jupyter_mlo.verbs.key_ending import refuse_ended

    if arguments.grant is not None:
        return _granted(arguments, context)
    # What can be refused without the passphrase is refused before it is typed.
    duration = parse_duration(arguments.duration)
    check_duration(duration)
    check_activity(arguments.activity)
    check_model(arguments.model)
    store = IdentityStore(context.settings)
    if context.in_kernel and not store.all() and not store.problems():
        enrolled = _enrol_first(arguments, context)
        identity, key = enrolled.identity, enrolled.key
    else:
        identity = choose(store, arguments.who, option="login WHO", kinds=ACTING)
        refuse_kind(identity)
        warn_of_home(context)
        try:
            refuse_ended(identity, context)
        except MloError as error:
            context.note(f"warning: {error}")
        try:
            key = unlock(context, store, identity, arguments.passphrase_fd)
        except NobodyToAsk:
            # A notebook that runs unattended, in an account that is logged in.
            if not _goes_on(arguments, context, identity):
                raise
            return 0
    log_in(
        context,
        store,
        identity,
        key,
        duration=duration,
        activity=arguments.activity,
        model=arguments.model,
        team=arguments.team,
    )
    return 0


def _goes_on(arguments: argparse.Namespace, context: Context, identity: Identity) -> bool:
    """Whether a session that is open is what was asked for, as is said then."""
    from jupyter_mlo.verbs.durations import show_duration

    session = _session(context)
    if session is None or session.mlo != identity.mlo or "assistant" in session.named:
        return False
    there = (session.named.get("onBehalfOf"), session.activity, session.model)
    wanted = (arguments.team, arguments.activity, arguments.model)
    if any(asked not in (None, found) for asked, found in zip(wanted, there, strict=True)):
        return False
    left = show_duration(session.expires - context.now())
    context.say(
        f"logged in as {identity.label} already: {session.activity}, for {left} more\n"
        "  nobody can be asked for a passphrase here, so this session goes on"
    )
    return True


def refuse_kind(identity: Identity) -> None:
    """Teams and assistants have no sessions of their own: no verifier would accept them."""
    from jupyter_mlo.errors import Refused

    how = {
        "team": f"a member logs in for it: jupyter mlo login WHO --team {identity.mlo}",
        "assistant": f"a person grants it: jupyter mlo grant {identity.mlo}; then login --grant",
    }
    if identity.kind in how:
        raise Refused(
            f"{identity.label} is of kind {identity.kind!r}: a person answers for what it does",
            hint=how[identity.kind],
        )


def _granted(arguments: argparse.Namespace, context: Context) -> int:
    """Open the session of an assistant."""
    from pathlib import Path

    from jupyter_mlo.delegation.sessions import open_granted
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.errors import InvalidInput, KeyFileError
    from jupyter_mlo.identity.private_files import read_private
    from jupyter_mlo.statements.strict_json import read_json
    from jupyter_mlo.verbs.durations import show_duration
    from jupyter_mlo.verbs.publishing import publish

    if arguments.who or arguments.team:
        raise InvalidInput("--grant names who acts, and for whom", hint="leave out WHO and --team")
    path = Path(arguments.grant)
    try:
        signer = Signer.from_json(read_json(read_private(path, what="grant")))
    except FileNotFoundError:
        raise KeyFileError(
            f"there is no {path}", hint="jupyter mlo grant --out writes it"
        ) from None
    before = _session(context)
    open_granted(context.settings, signer, context.now())
    publish(context, signer.chain)
    left = show_duration(signer.expires - context.now())
    context.say(
        f"logged in as the assistant {signer.named['assistant']} for {signer.mlo}: "
        f"{signer.activity}, for {left}"
    )
    _tell_of_the_one_before(context, before, signer)
    return 0


def log_in(
    context: Context,
    store: IdentityStore,
    identity: Identity,
    key: SigningKey,
    *,
    duration: timedelta,
    activity: str | None = None,
    model: str | None = None,
    team: str | None = None,
) -> Signer:
    """Open a session under ``key``, the own key of ``identity``; tell, and publish its delegation.

    Raises:
        InvalidInput: see :func:`~jupyter_mlo.delegation.sessions.make_session`.
        KeyFileError: the enrolments that the session has to carry are missing or damaged.
        LedgerError: the session is open, and its delegation could not be kept: log in again.
    """
    from jupyter_mlo.delegation.sessions import open_session
    from jupyter_mlo.verbs.publishing import publish

    before = _session(context)
    signer = open_session(
        context.settings,
        identity,
        key,
        now=context.now(),
        duration=duration,
        activity=activity,
        model=model,
        **carried(context, store, identity, team),
    )
    _tell(context, identity, signer, before)
    publish(context, signer.chain)
    return signer


def carried(
    context: Context, store: IdentityStore, identity: Identity, team: str | None = None
) -> dict[str, Any]:
    """What a new session of this MLO carries: enrolments, a checkpoint, and the team it is for.

    Raises:
        KeyFileError: the enrolments are missing or damaged.
        NotFound: there is no membership in ``team``.
    """
    from jupyter_mlo.delegation.enrolment import kept_enrolments
    from jupyter_mlo.verbs.publishing import last_checkpoint

    return {
        "enrolments": _needed(kept_enrolments(store, identity), team),
        "checkpoint": last_checkpoint(context),
        "team": team,
    }


def _session(context: Context) -> Signer | None:
    """The session that goes on here; None where there is none that can be used."""
    from jupyter_mlo.delegation.sessions import load_session
    from jupyter_mlo.errors import SessionError

    try:
        return load_session(context.settings, context.now())
    except SessionError:
        return None


def _tell_of_the_one_before(context: Context, before: Signer | None, signer: Signer) -> None:
    """Say that a session that was open is no more, and what becomes of its time."""
    from jupyter_mlo.identity.safe_text import terminal_safe
    from jupyter_mlo.verbs.shown_people import minute, names_here, who

    if before is None:
        return
    other = terminal_safe(who(before.mlo, names_here(context.settings)), limit=120)
    whose = "your session" if before.mlo == signer.mlo else f"the session of {other}"
    context.say(
        f"this replaces {whose} until {minute(before.expires)}; the new one ends at "
        f"{minute(signer.expires)}"
    )


def _needed(kept: Sequence[Envelope], team: str | None) -> list[Envelope]:
    """What the session carries: memberships only where it acts for that team.

    Raises:
        NotFound: there is no membership in ``team``.
    """
    from jupyter_mlo.errors import NotFound
    from jupyter_mlo.statements.predicates import types
    from jupyter_mlo.statements.strict_json import read_json

    found, member = [], team is None
    for envelope in kept:
        if types.MEMBERSHIP.encode() in envelope.payload:
            if read_json(envelope.payload)["predicate"]["mlo"] != team:
                continue
            member = True
        found.append(envelope)
    if not member:
        raise NotFound(
            f"no membership in {team} was taken in here",
            hint="its owner makes one, and you join with it: jupyter mlo team --help",
        )
    return found


def _enrol_first(arguments: argparse.Namespace, context: Context) -> Enrolled:
    """In a notebook, whoever logs in first is enrolled on the way."""
    from jupyter_mlo.errors import InvalidInput, NotFound, PassphraseUnavailable
    from jupyter_mlo.verbs.enroll import enrol

    context.say("Nobody is enrolled here yet. Your name, and a passphrase that protects your key:")
    try:
        return enrol(context, suggested=arguments.who or "", fd=arguments.passphrase_fd)
    except (InvalidInput, PassphraseUnavailable) as error:
        raise NotFound(
            f"nobody is enrolled here yet, and nobody was now: {error.message}",
            hint=f"{error.hint}; or in a terminal: jupyter mlo enroll",
        ) from None


def _tell(context: Context, identity: Identity, signer: Signer, before: Signer | None) -> None:
    """Say who is logged in, for how long, and what comes next."""
    from jupyter_mlo.verbs.durations import show_duration

    left = show_duration(signer.expires - context.now() + timedelta(seconds=1))
    model = f" on {signer.model}" if signer.model else ""
    team = f" for {signer.named['onBehalfOf']}" if "onBehalfOf" in signer.named else ""
    context.say(f"logged in as {identity.label}{team}: {signer.activity}{model}, for {left}")
    _tell_of_the_one_before(context, before, signer)
    if not context.in_kernel:
        context.say("next: %load_ext jupyter_mlo in a notebook, or jupyter mlo status")
