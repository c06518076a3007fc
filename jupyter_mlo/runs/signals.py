"""Signals while a run lasts: the first one ends the run, the next ones wait until it is sealed.

Ctrl-C raises :class:`KeyboardInterrupt`, as always. What asks the process to end (SIGTERM,
SIGHUP) raises :class:`Terminated`, so that the notebook is sealed, and then ends it as it was
asked to. Only handlers that are Python's own or the system's are replaced, and only in the
main thread, which alone can.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Final, Self

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)
#: Seconds after the first signal during which further ones are only noted.
PATIENCE: Final = 20.0


class Terminated(SystemExit):
    """The process was asked to end by a signal."""


class EndedBySignal:
    """While entered, signals end a run well.

    After :meth:`hold` they are only noted; :attr:`noted` then is what the first would have
    raised. On leaving, the process ends by the signal that asked it to, if one did.
    """

    def __init__(self) -> None:
        self.noted: BaseException | None = None
        self._holding = False
        self._first: float | None = None
        self._ending: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before[signal.SIGINT] = signal.default_int_handler
        for number in _ENDING:
            if signal.getsignal(number) is signal.SIG_DFL:
                self._before[number] = signal.SIG_DFL
        for number in self._before:
            signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._ending is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            os.kill(os.getpid(), self._ending)

    def hold(self) -> None:
        """From now on nothing is interrupted any more."""
        self._holding = True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        what: BaseException
        if number == signal.SIGINT:
            what = KeyboardInterrupt()
        else:
            what = Terminated(128 + number)
            self._ending = number
        waited = self._first is not None and now - self._first > PATIENCE
        if self._first is None:
            self._first = now
        elif not waited:
            os.write(2, b"jupyter-mlo: one moment, what ran is being sealed\n")
            return
        if self._holding and not waited:
            self.noted = what
            return
        raise what
