"""What a login says and asks in a cell, and what of it stays there.

JupyterLab keeps typed answers among a cell's outputs. Names and addresses that somebody
types to be enrolled have no place in a notebook that is passed on, so they are taken
away again when the verb goes on to say what it made.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TextIO, cast

from jupyter_mlo.ipython.prompting import NotebookPrompter


class Conversation:
    """Stands between a verb and the cell: a prompter, and two streams to write to."""

    def __init__(
        self, prompter: NotebookPrompter, out: TextIO, err: TextIO, clear: Callable[[], object]
    ) -> None:
        self._prompter = prompter
        self._out, self._err, self._clear = out, err, clear
        self._typed = False
        self._last = ""
        self._notes: list[str] = []
        self.out = cast(TextIO, _Writer(self._say))
        self.err = cast(TextIO, _Writer(self._note))

    def text(self, question: str, *, default: str = "") -> str:
        """See :class:`~jupyter_mlo.verbs.context.Prompter`."""
        self._ask()
        self._typed = True
        return self._prompter.text(question, default=default)

    def secret(self, question: str) -> str:
        """See :class:`~jupyter_mlo.verbs.context.Prompter`."""
        self._ask()
        return self._prompter.secret(question)

    def tidy(self) -> None:
        """Take away what was typed, and with it what was asked; the last notes stay."""
        if self._typed:
            self._typed = False
            self._clear()
            self._err.write("".join(self._notes))

    def _ask(self) -> None:
        self.release()
        self._notes.clear()  # they have been read, as what they are about is asked again

    def release(self) -> None:
        """Write the last line, too, which is else held back: it may be shown in another form."""
        self._out.write(self._last)
        self._last = ""
        self._out.flush()

    def _say(self, text: str) -> None:
        self.tidy()
        *done, self._last = (self._last + text).splitlines(keepends=True) or [""]
        self._out.write("".join(done))

    def _note(self, text: str) -> None:
        self._notes.append(text)
        self._err.write(text)


class _Writer(io.TextIOBase):
    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take

    def write(self, text: str) -> int:
        self._take(text)
        return len(text)
