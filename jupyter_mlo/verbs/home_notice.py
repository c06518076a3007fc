"""What needs attention about the home, said where people log in and look."""

from __future__ import annotations

import os

from jupyter_mlo.verbs.context import Context


def home_warnings(context: Context) -> list[str]:
    """See :func:`jupyter_mlo.identity.home.warnings`."""
    from jupyter_mlo.identity.home import this_place, warnings

    return warnings(context.settings.home, this_place(os.environ))


def warn_of_home(context: Context) -> None:
    """Say it beside the result."""
    for warning in home_warnings(context):
        context.note(f"warning: {warning}")
