"""The magics where a Jupyter server notes who asks for a cell.

Such a server makes the records. Where it tells its users apart, each one's session is in its
memory and no kernel has any: then nothing here opens, ends or uses a session, because the account's
would be everybody's. Where the front end has the MLO panel, a login opens its prompt.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import Refused
from jupyter_mlo.runs.noted import Noted

#: What a front end with the MLO panel acts upon; it holds what was said in
#: advance, or null: ``who``, ``hours``, ``activity``, ``model``, ``onBehalfOf``.
LOGIN = "application/vnd.jupyter-mlo.login+json"
#: Verbs that open, end or use the session of the account.
SESSION_VERBS = frozenset({"activity", "login", "logout", "seal"})
_HELP = frozenset({"-h", "--help"})
_WHERE = "sign in and out in the MLO panel, at the side of JupyterLab and Notebook"
_HOW = {
    "activity": "choose activity and model in the MLO panel, at the side of JupyterLab",
    "seal": "save the notebook: the server stamps and seals it as you",
}


def check(argv: Sequence[str], noted: Noted) -> None:
    """Whether a verb, with its arguments, is for the kernels of this server.

    Raises:
        Refused: the session that the verb needs is in the server.
    """
    if noted.shared or not SESSION_VERBS.intersection(argv[:1]) or _HELP.intersection(argv):
        return
    raise Refused(
        f"%mlo {argv[0]} is not for a kernel here: this Jupyter server tells its users apart, and "
        "sessions are in the server",
        hint=_HOW.get(argv[0], _WHERE),
    )


def prompts(argv: Sequence[str], noted: Noted) -> Mapping[str, Any] | None:
    """What to display so that the front end asks; None where the cell asks, or is refused.

    Args:
        argv: ``login`` and its arguments.

    Raises:
        InvalidInput: of what was said in advance something does not exist.
    """
    from jupyter_mlo.delegation.sessions import check_activity, check_duration, check_model
    from jupyter_mlo.identity.passphrase import source_of
    from jupyter_mlo.verbs.durations import parse_duration
    from jupyter_mlo.verbs.parser import verb_parser

    if not noted.panel or _HELP.intersection(argv):
        return None
    found = verb_parser("login", prog="%mlo").parse_args(argv[1:])
    unattended = source_of(fd=found.passphrase_fd, environ=os.environ) != "prompt"
    if noted.shared and (unattended or found.grant is not None):
        return None
    duration = parse_duration(found.duration)
    check_duration(duration)
    check_activity(found.activity)
    check_model(found.model)
    return {
        LOGIN: {
            "who": found.who,
            "hours": duration.total_seconds() / 3600,
            "activity": found.activity,
            "model": found.model,
            "onBehalfOf": found.team,
        },
        "text/plain": "sign in in the MLO panel at the side",
    }


def status(noted: Noted, settings: Settings) -> str:
    """``%mlo_status`` where the sessions are in the server."""
    if noted.attributed:
        whose = (
            "this cell: attributed to whoever asked for it; the MLO panel, and the mark at the "
            "cell, say who that is"
        )
    else:
        whose = f"this cell: not attributed, who asked for it is not signed in; {_WHERE}"
    return "\n".join(
        [
            whose,
            "sessions: in this Jupyter server, one for each of its users; kernels hold none",
            f"home: {settings.home}",
        ]
    )


def reminder(noted: Noted) -> str:
    """What is said once at a cell that nobody answers for; empty where the front end says it."""
    if noted.attributed or noted.panel:
        return ""
    how = "%mlo_login" if noted.shared else _WHERE
    return f"nobody is signed in, so cells are not attributed; next: {how}"


def greeting(noted: Noted) -> str:
    """What loading the extension says."""
    said = "this Jupyter server puts cells on record"
    if noted.attributed:
        return f"{said}; from here on they are attributed to whoever runs them"
    how = "%mlo_login" if noted.shared and not noted.panel else _WHERE
    return f"{said}; nobody is signed in; next: {how}"
