"""What a user sends with a job, before the scheduler takes it.

The scheduler writes a job down and then does what was asked, so that what it cannot do stays there:
a format that nobody can write, and the list of all jobs is an error from then on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from jupyter_scheduler.exceptions import InputUriError, SchedulerError
from jupyter_scheduler.utils import compute_next_run_time

from jupyter_mlo.errors import InvalidInput, Refused
from jupyter_mlo.identity.safe_text import terminal_safe

#: Links that a message names.
_NAMED: Final = 5


class NotThere(InputUriError, SchedulerError):  # type: ignore[misc]
    """Changing a definition knows only the second, creating shows the words of both."""


def inside(root: str, uri: str) -> Path:
    """A file that a user names; raises :class:`NotThere` outside the server's root."""
    base = os.path.realpath(root)
    path = os.path.realpath(os.path.join(base, uri.lstrip("/")))
    if os.path.commonpath([base, path]) != base or not os.path.isfile(path):
        raise NotThere(uri)
    return Path(path)


def check_formats(wanted: Iterable[str], known: Iterable[str]) -> None:
    """Raise :class:`InvalidInput` for a format that this server does not write."""
    known = sorted(known)
    unknown = [one for one in wanted if one not in known]
    if unknown:
        raise InvalidInput(
            "no such output format: " + terminal_safe(", ".join(unknown), limit=200),
            hint="one of: " + ", ".join(known),
        )


def check_schedule(schedule: str | None, timezone: str | None) -> None:
    """Raise :class:`InvalidInput` where nobody can say when that is."""
    if not schedule:
        return
    try:
        compute_next_run_time(schedule, timezone)
    except Exception:  # croniter's and pytz's, of several kinds
        said = terminal_safe(f"{schedule} {timezone or ''}".strip(), limit=200)
        raise InvalidInput(
            f"that is no schedule: {said}", hint="cron's five fields, and a time zone's name"
        ) from None


def check_filename(name: str | None) -> None:
    """Raise :class:`InvalidInput` where a job's input would be written to another folder."""
    if name is not None and (name in ("", ".", "..") or os.path.basename(name) != name):
        raise InvalidInput(
            f"that is no file's name: {terminal_safe(name, limit=200)}", hint="leave it out"
        )


def check_folder(root: str, folder: Path) -> None:
    """Raise :class:`Refused` where a folder that a job takes along has links out of the root.

    The scheduler copies what links lead to. One that leads nowhere, or to a folder around itself,
    cannot be copied.
    """
    found = sorted(
        str(link.relative_to(folder)) for link in _astray(os.path.realpath(root), folder)
    )
    if found:
        more = "" if len(found) <= _NAMED else f" and {len(found) - _NAMED} more"
        raise Refused(
            "links in the notebook's folder lead out of the server's root, or nowhere: "
            + terminal_safe(", ".join(found[:_NAMED]), limit=400)
            + more,
            hint="remove them, or do not have the job take the folder along",
        )


def _astray(root: str, folder: Path) -> Iterator[Path]:
    """Links below a folder whose targets may not, or cannot, be copied."""
    seen = set[str]()
    for where, folders, files in os.walk(folder, followlinks=True):
        here = os.path.realpath(where)
        if here in seen:
            folders.clear()
            continue
        seen.add(here)
        for name in [*folders, *files]:
            path = os.path.join(where, name)
            if os.path.islink(path) and not _copies(os.path.realpath(path), root, here):
                if name in folders:
                    folders.remove(name)
                yield Path(path)


def _copies(target: str, root: str, here: str) -> bool:
    within = os.path.commonpath([root, target]) == root
    around = os.path.commonpath([here, target]) == target
    return within and not around and os.path.exists(target)
