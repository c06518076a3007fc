"""Jupyter servers of this account that run with our extension, and what is amiss with them.

Each leaves a note in the runtime folder while it runs; ``status`` reads the notes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import MloError, escaped_lines
from jupyter_mlo.identity.private_files import read_private, write_private

_PREFIX = "jupyter-mlo-server-"


def leave_note(settings: Settings, problems: Sequence[str]) -> None:
    """This process is a server; raises :class:`OSError`."""
    settings.runtime.mkdir(parents=True, exist_ok=True, mode=0o700)
    note = {"pid": os.getpid(), "problems": list(problems)}
    write_private(settings.runtime / f"{_PREFIX}{os.getpid()}.json", json.dumps(note).encode())


def take_note_away(settings: Settings) -> None:
    """This process is a server no more; raises :class:`OSError`."""
    (settings.runtime / f"{_PREFIX}{os.getpid()}.json").unlink(missing_ok=True)


def problems_of_servers(settings: Settings) -> list[str]:
    """What servers that still run have noted, each naming its server."""
    found = []
    for path in sorted(settings.runtime.glob(f"{_PREFIX}*.json")):
        try:
            note = json.loads(read_private(path, what="note of a Jupyter server"))
            pid, problems = int(note["pid"]), [str(one) for one in note["problems"]]
        except (OSError, MloError, LookupError, TypeError, ValueError):
            continue
        if _runs(pid):
            found += [f"Jupyter server {pid}: {escaped_lines(one)}" for one in problems]
    return found


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
