"""Folders of runs that have ended: kept until papermill has written, then removed.

papermill writes the notebook once more after the engine has returned, not atomically. Until
that is certainly done the journal stays: until the next run of the same thread, or the end
of the process. What a killed process has left is swept by later runs, but never what is
still needed to recover a notebook.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from pathlib import Path
from typing import Final

from jupyter_mlo.config import Settings
from jupyter_mlo.runs import journal
from jupyter_mlo.runs.run_key import DESCRIPTION, KEY_FILE

#: Seconds after which an ended run's folder is removed even if its notebook is not found,
#: and after which a cut-off run can no longer be recovered.
ENDED_FOR: Final = 7 * 86400.0
CUT_OFF_FOR: Final = 30 * 86400.0
#: The notebook's metadata, with the seal in it, stands at the end of the file.
_TAIL: Final = 1 << 20

_lock = threading.Lock()
_kept: list[tuple[int, Path]] = []


def keep_until_written(folder: Path, *, papermill_writes: bool) -> None:
    """The run in ``folder`` has ended and is written; papermill may be about to write it again."""
    if not papermill_writes:
        journal.remove(folder)
        return
    with _lock:
        if not _kept:
            atexit.register(_forget_all)
        _kept.append((threading.get_ident(), folder))


def forget_written() -> None:
    """Remove what this thread has kept: it has come back for another run."""
    me = threading.get_ident()
    with _lock:
        mine = [folder for thread, folder in _kept if thread == me]
        _kept[:] = [(thread, folder) for thread, folder in _kept if thread != me]
    for folder in mine:
        journal.remove(folder)


def _forget_all() -> None:
    with _lock:
        folders = [folder for _, folder in _kept]
        _kept.clear()
    for folder in folders:
        journal.remove(folder)


def sweep(settings: Settings) -> None:
    """Remove what runs of other processes have left, as far as nobody needs it any more."""
    with _lock:
        ours = {folder for _, folder in _kept}
    for folder in journal.run_folders(settings.runs):
        if folder in ours or journal.is_running(folder):
            continue
        for name in (KEY_FILE, DESCRIPTION):
            with contextlib.suppress(OSError):
                (folder / name).unlink()
        age = journal.age(folder)
        if age > CUT_OFF_FOR or (
            _ended_well(folder) or (age > ENDED_FOR and journal.has_ended(folder))
        ):
            journal.remove(folder)


def _ended_well(folder: Path) -> bool:
    """Whether the run has ended and its notebook, with its seal, is where it belongs."""
    head = journal.read_head(folder)
    if head is None or not isinstance(head.get("output"), str) or not journal.has_ended(folder):
        return False
    try:
        notebook = str(head["notebook"]).encode()
        with journal.open_plain(head["output"], follow=True) as file:
            file.seek(-min(_TAIL, os.fstat(file.fileno()).st_size), os.SEEK_END)
            tail = file.read()
        return notebook in tail and b'"envelope"' in tail and tail.rstrip().endswith(b"}")
    except (OSError, LookupError, ValueError):
        return False
