"""Whether this process is the kernel of a run that goes on.

``MLO_RUN`` alone says nothing: a terminal or a server that was started inside a run hands it
on to everything that it starts, long after the run has ended.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from jupyter_mlo.errors import MloError
from jupyter_mlo.runs.withheld import RUN_VARIABLE


def run_here(environ: Mapping[str, str] | None = None) -> tuple[bool, str]:
    """Whether a run goes on here whose engine stamps the cells; else why ``MLO_RUN`` names none.

    The reason is empty where the variable is not set.
    """
    given = (os.environ if environ is None else environ).get(RUN_VARIABLE)
    if not given:
        return False, ""
    # Only the kernels of runs pay for these imports.
    from jupyter_mlo.runs.journal import is_running
    from jupyter_mlo.runs.run_key import read_run_key

    try:
        key = read_run_key(Path(given))
    except MloError as error:
        return False, error.message
    except (OSError, ValueError) as error:
        return False, str(error)
    if not is_running(key.folder):
        return False, "its run has ended, or was cut off"
    return True, ""
