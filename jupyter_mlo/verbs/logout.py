"""End the session: kernels and commands of this account record in nobody's name from then on.

The session's key is overwritten and removed. What was recorded stays yours; mandates go on.

Examples:
  jupyter mlo logout
"""

from __future__ import annotations

import argparse

from jupyter_mlo.verbs.context import Context


def configure(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Log out; nobody logged in is no error."""
    from jupyter_mlo.delegation.sessions import end_session, load_session
    from jupyter_mlo.errors import SessionError
    from jupyter_mlo.identity.safe_text import terminal_safe

    try:
        signer = load_session(context.settings, context.now())
        whose = f"the session of {terminal_safe(signer.mlo)}" if signer else ""
    except SessionError as error:
        whose = f"a session that could not be used any more ({error.message})"
    if end_session(context.settings):
        context.say(f"logged out: {whose or 'the session'} was overwritten and removed")
    else:
        context.say("nobody was logged in here; nothing to do")
    return 0
