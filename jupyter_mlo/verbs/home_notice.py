"""What needs attention about the home, said where people log in and look."""

from __future__ import annotations

import os

from jupyter_mlo.verbs.context import Context

#: What stands in a cell is passed on with the notebook, and paths are not.
_CALLED = "the folder that keeps your keys (%mlo_status shows it)"


def home_warnings(context: Context, *, called: str = "") -> list[str]:
    """See :func:`jupyter_mlo.identity.home.warnings`."""
    from jupyter_mlo.identity.home import this_place, warnings

    return warnings(context.settings.home, this_place(os.environ), called=called)


def warn_of_home(context: Context) -> None:
    """Say it beside the result."""
    for warning in home_warnings(context, called=_CALLED if context.in_kernel else ""):
        context.note(f"warning: {warning}")
