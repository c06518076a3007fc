"""Who is logged in, asked at the start of every cell.

A login, logout or change of activity in a terminal reaches a running kernel because the
session's file is looked at (one ``stat``) each time, and read again when it has changed.
"""

from __future__ import annotations

import os
import threading
from datetime import datetime
from typing import TYPE_CHECKING

from jupyter_mlo.errors import MloError

if TYPE_CHECKING:
    from jupyter_mlo.config import Settings
    from jupyter_mlo.delegation.signer import Signer


class SessionWatch:
    """The session of this account, as its file has it now. May be asked by several threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._path = str(settings.session_file)
        self._seen: tuple[int, int, int] | None = None
        self._signer: Signer | None = None
        self._lock = threading.Lock()
        #: Why there is no session although there is a file; None where all is well.
        self.problem: str | None = None

    def signer(self, now: datetime) -> Signer | None:
        """The signer of the session at ``now``; None, and :attr:`problem`, where there is none."""
        # Whoever comes while another reads the file must not find it half taken in.
        with self._lock:
            return self._signer_now(now)

    def _signer_now(self, now: datetime) -> Signer | None:
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            self._seen = self._signer = self.problem = None
            return None
        except OSError as error:
            self._signer, self.problem = None, f"the session cannot be read: {error}"
            return None
        # Not the modification time: a change of mode counts as well.
        seen = (found.st_ctime_ns, found.st_ino, found.st_size)
        if seen != self._seen:
            self._seen = seen
            self._load(now)
        elif self._signer is not None and now >= self._signer.expires:
            self._load(now)
        return self._signer

    def _load(self, now: datetime) -> None:
        from jupyter_mlo.delegation.sessions import load_session

        self._signer = self.problem = None
        try:
            self._signer = load_session(self.settings, now)
        except MloError as error:
            self.problem = str(error)
