"""What a verb is handed: settings, a clock, where to write, and how to ask a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TextIO

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import escaped_lines


class Prompter(Protocol):
    """Asks the person at the terminal or in the notebook."""

    def text(self, question: str, *, default: str = "") -> str:
        """One line of text.

        Raises :class:`~jupyter_mlo.errors.InvalidInput` where nobody can be asked.
        """

    def secret(self, question: str) -> str:
        """One line that is not shown.

        Raises :class:`~jupyter_mlo.errors.PassphraseUnavailable` where nobody can be asked.
        """


@dataclass(frozen=True)
class Context:
    """Everything a verb may touch outside its arguments."""

    settings: Settings
    out: TextIO
    err: TextIO
    ask: Prompter
    now: Callable[[], datetime]
    #: True when run as ``%mlo VERB`` in a kernel.
    in_kernel: bool = False
    #: Seconds to wait for others who write the ledger.
    patience: float = 5.0

    def say(self, text: str = "") -> None:
        """Write a line of result."""
        print(escaped_lines(text), file=self.out, flush=True)

    def note(self, text: str) -> None:
        """Write a line of progress or advice beside the result."""
        print(escaped_lines(text), file=self.err, flush=True)
