"""The one sequencer of a team's ledger: takes what is in the inbox into the log, for ever.

It alone holds the log's key. What it takes, appends and signs is one transaction, so it may be
killed at any point; when PostgreSQL goes away it waits for it. A connection's advisory lock keeps a
second one from starting, and the lock on the row of ``log`` keeps the tree whole even if one did.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import Refused, StatementError
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.ledger.address import address_of, ledger_folder
from jupyter_mlo.ledger.content import Content, content_of
from jupyter_mlo.ledger.creation import key_file
from jupyter_mlo.ledger.database import ContentRefused, LedgerUnreachable
from jupyter_mlo.ledger.inbox import announce, first_waiting, take
from jupyter_mlo.ledger.log import Ledger
from jupyter_mlo.ledger.store import connect, upgrade

if TYPE_CHECKING:
    from jupyter_mlo.ledger.postgres import PostgresDatabase

#: Statements in one transaction, under one checkpoint.
_BATCH: Final = 2000
#: Seconds between looks into the inbox: while something comes, and when nothing has for a while.
_BUSY, _IDLE, _A_WHILE = 0.01, 0.05, 2.0
#: Seconds before it tries again to reach PostgreSQL: at first, and at most.
_RETRY, _RETRY_MOST = 0.25, 2.0
#: Seconds between lines about what came.
_SAY_EVERY: Final = 60.0


class Service:
    """The sequencer of the ledger that ``ledger.url`` names."""

    def __init__(
        self, settings: Settings, say: Callable[[str], None], *, stand_by: bool = False
    ) -> None:
        """Serve by ``settings``.

        Args:
            say: told in a line what happens.
            stand_by: wait for a sequencer that runs to end, rather than refuse.
        """
        self._settings = settings
        self._say = say
        self._stand_by = stand_by
        self._stop = threading.Event()
        self._shown = address_of(settings).shown
        #: Statements taken since the last line about them, and before.
        self._taken = self._total = 0
        self._said_at = 0.0
        self._served = self._connected = False
        self._why = ""

    def stop(self) -> None:
        """End after the transaction that is open; may be called in a signal handler."""
        self._stop.set()

    def run(self) -> int:
        """Serve until :meth:`stop`; how many statements were taken into the log.

        Raises:
            Refused: another sequencer runs.
            KeyFileError: the log's key is not here.
            LedgerError: the ledger does not hold, so nothing may be appended to it.
        """
        pause = _RETRY
        while not self._stop.is_set():
            try:
                self._serve()
            except LedgerUnreachable as error:
                if self._connected:
                    pause, self._connected = _RETRY, False
                if str(error) != self._why:
                    self._say(f"waiting: {error}")
                    self._why = str(error)
                self._stop.wait(pause)
                pause = min(2 * pause, _RETRY_MOST)
        return self._total + self._taken

    def _serve(self) -> None:
        """Serve over one connection."""
        upgrade(self._settings)
        database = connect(self._settings)
        try:
            if not self._alone(database):
                return
            ledger = Ledger(database, key_file(self._settings))
            ledger.check_appending()
        except BaseException:
            database.close()
            raise
        with ledger:
            self._say(
                f"serving {ledger.origin}, {ledger.size} entries, in {self._shown}; its key and "
                f"the last checkpoint are in {ledger_folder(self._settings)}"
            )
            self._connected, self._why = True, ""
            self._take_all(ledger, database)

    def _alone(self, database: PostgresDatabase) -> bool:
        said = False
        while not database.become_sequencer():
            if not self._stand_by and not self._served:
                raise Refused(
                    f"a sequencer runs already for the ledger {self._shown}",
                    hint="one is enough; --stand-by waits until it ends",
                )
            if not said:
                self._say(f"standing by: a sequencer runs already for the ledger {self._shown}")
                said = True
            if self._stop.wait(1.0):
                return False
        self._served = True
        return True

    def _take_all(self, ledger: Ledger, database: PostgresDatabase) -> None:
        last = self._said_at = time.monotonic()
        while not self._stop.is_set():
            count = self._take(ledger, database)
            now = time.monotonic()
            if count:
                last = now
            self._report(ledger, now)
            if count < _BATCH:
                self._stop.wait(_BUSY if now - last < _A_WHILE else _IDLE)

    def _take(self, ledger: Ledger, database: PostgresDatabase) -> int:
        """What came first, in one transaction; how many rows it took out of the inbox."""
        ids = first_waiting(database, _BATCH)
        if not ids:
            return 0
        try:
            self._take_together(ledger, database, ids)
        except ContentRefused:
            # One of them keeps no other one out: they are taken each on its own.
            for one in ids:
                if self._stop.is_set():
                    break
                try:
                    self._take_together(ledger, database, [one])
                except ContentRefused as error:
                    self._leave_out(database, one, error)
        return len(ids)

    def _take_together(self, ledger: Ledger, database: PostgresDatabase, ids: list[int]) -> None:
        with ledger.transaction():
            rows = take(database, ids)
            contents = [content for row in rows if (content := self._read(*row)) is not None]
            ledger.append(contents)
            announce(database)
        self._taken += len(contents)

    def _leave_out(self, database: PostgresDatabase, one: int, error: ContentRefused) -> None:
        """Take out of the inbox what the database does not take into the log."""
        for _, writer in take(database, [one]):
            self._say_left_out(writer, error.message)

    def _say_left_out(self, writer: str, why: str) -> None:
        who, why = terminal_safe(writer, limit=80), terminal_safe(why, limit=600)
        self._say(f"left out what the role {who} put into the inbox: {why}")

    def _read(self, envelope: bytes, writer: str) -> Content | None:
        try:
            return content_of(envelope)
        except StatementError as error:
            self._say_left_out(writer, error.message)
            return None

    def _report(self, ledger: Ledger, now: float) -> None:
        if self._taken and now - self._said_at >= _SAY_EVERY:
            self._say(f"{self._taken} statements came; the ledger has {ledger.size} entries")
            self._total += self._taken
            self._taken, self._said_at = 0, now
