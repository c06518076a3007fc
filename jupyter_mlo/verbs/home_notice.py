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
    warnings = home_warnings(context)
    if warnings and context.in_kernel:  # what stands in a cell is passed on, and paths are not
        context.note("warning: the place where your keys are kept needs attention: %mlo_status")
        return
    for warning in warnings:
        context.note(f"warning: {warning}")
