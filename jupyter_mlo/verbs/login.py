"""Open a session: from now on what you run is attributed to you, until it ends.

One login serves the notebooks, kernels and commands of this account. It lasts 8 hours unless
you say otherwise (at most 24 hours), or until: jupyter mlo logout. What is to run without
you runs under a mandate: jupyter mlo mandate create --help

Examples:
  jupyter mlo login
  jupyter mlo login "Ada Sample" --for 2h --activity training --model loan@3
  MLO_PASSPHRASE_FILE=/run/secrets/mlo jupyter mlo login
"""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import TYPE_CHECKING

from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.unlocking import add_passphrase_options, unlock

if TYPE_CHECKING:
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.identity.keys import SigningKey
    from jupyter_mlo.identity.store import Identity, IdentityStore
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
    add_passphrase_options(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Log in."""
    from jupyter_mlo.delegation.sessions import check_activity, check_duration, check_model
    from jupyter_mlo.identity.store import IdentityStore
    from jupyter_mlo.verbs.choosing import choose
    from jupyter_mlo.verbs.durations import parse_duration
    from jupyter_mlo.verbs.home_notice import warn_of_home

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
        identity = choose(store, arguments.who, option="login WHO")
        warn_of_home(context)
        key = unlock(context, store, identity, arguments.passphrase_fd)
    log_in(
        context,
        store,
        identity,
        key,
        duration=duration,
        activity=arguments.activity,
        model=arguments.model,
    )
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
) -> Signer:
    """Open a session under ``key``, the own key of ``identity``; tell, and publish its delegation.

    Raises:
        InvalidInput: see :func:`~jupyter_mlo.delegation.sessions.open_session`.
        KeyFileError: the enrolments that the session has to carry are missing or damaged.
        LedgerError: the session is open, and its delegation could not be kept: log in again.
    """
    from jupyter_mlo.delegation.enrolment import kept_enrolments
    from jupyter_mlo.delegation.sessions import open_session
    from jupyter_mlo.verbs.publishing import last_checkpoint, publish

    signer = open_session(
        context.settings,
        identity,
        key,
        now=context.now(),
        duration=duration,
        activity=activity,
        model=model,
        enrolments=kept_enrolments(store, identity),
        checkpoint=last_checkpoint(context),
    )
    _tell(context, identity, signer)
    publish(context, signer.chain)
    return signer


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


def _tell(context: Context, identity: Identity, signer: Signer) -> None:
    """Say who is logged in, for how long, and what comes next."""
    from jupyter_mlo.verbs.durations import show_duration

    left = show_duration(signer.expires - context.now() + timedelta(seconds=1))
    model = f" on {signer.model}" if signer.model else ""
    context.say(f"logged in as {identity.label}: {signer.activity}{model}, for {left}")
    if not context.in_kernel:
        context.say("next: %load_ext jupyter_mlo in a notebook, or jupyter mlo status")
