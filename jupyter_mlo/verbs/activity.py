"""Say what you are doing, and on which model; without arguments, show it.

Everything recorded from then on says so. What was recorded before keeps what it said.
Activities: training, validation, deployment, monitoring, maintenance, review, compliance,
exploration (the default).

Examples:
  jupyter mlo activity
  jupyter mlo activity training --model loan@3
  jupyter mlo activity exploration --no-model
"""

from __future__ import annotations

import argparse

from jupyter_mlo.verbs.context import Context


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("activity", nargs="?", metavar="ACTIVITY", help="what you do from now on")
    model = parser.add_mutually_exclusive_group()
    model.add_argument("--model", metavar="MODEL", help="on which model: loan or loan@3")
    model.add_argument("--no-model", action="store_true", help="on no particular model")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Show or set activity and model of the session."""
    from jupyter_mlo.delegation.sessions import check_activity, load_session, set_activity
    from jupyter_mlo.errors import SessionError

    check_activity(arguments.activity)
    signer = load_session(context.settings, context.now())
    if signer is None:
        raise SessionError(
            "nobody is logged in here, so there is no activity",
            hint="jupyter mlo login, or %mlo_login in a notebook",
        )
    if arguments.activity or arguments.model is not None or arguments.no_model:
        model = arguments.model if arguments.model is not None else signer.model
        signer = set_activity(
            context.settings,
            arguments.activity or signer.activity,
            None if arguments.no_model else model,
            now=context.now(),
        )
    context.say(f"{signer.activity} on {signer.model or 'no particular model'}")
    return 0
