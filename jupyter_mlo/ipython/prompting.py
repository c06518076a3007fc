"""Asking the person in front of the notebook, through whatever front end there is.

ipykernel puts the front end's input in the place of ``input`` and ``getpass.getpass``
while a cell runs; in a terminal IPython they are the terminal's own. A widget would not
do: a running cell receives no messages of widgets, and a widget's value is saved.
"""

from __future__ import annotations

import builtins
import getpass
import sys
from typing import Any

from jupyter_mlo.errors import InvalidInput, NobodyToAsk, PassphraseUnavailable, escaped

UNATTENDED_HINT = (
    "name a file with the passphrase in MLO_PASSPHRASE_FILE before the kernel starts; "
    "notebooks that run unattended need a mandate: jupyter mlo mandate create --help"
)


class NotebookPrompter:
    """Asks with the front end's input fields; refuses at once where it offers none."""

    def __init__(self, shell: Any) -> None:
        self._kernel = getattr(shell, "kernel", None)

    def text(self, question: str, *, default: str = "") -> str:
        """One line, ``default`` where nothing was typed."""
        if not self.attended():
            raise InvalidInput(
                f"{question} was not given, and nobody can be asked here",
                hint=f"pass it as an option if there is one; else {UNATTENDED_HINT}",
            )
        shown = escaped(f"{question} [{default}]:" if default else f"{question}:")
        try:
            answer = builtins.input(shown if self._kernel is not None else f"{shown} ")
        except EOFError:
            raise InvalidInput(
                f"{question}: the input ended", hint="answer the question, or pass it as an option"
            ) from None
        return answer.strip() or default

    def secret(self, question: str) -> str:
        """One line that is not shown. It is held by no frame but the caller's."""
        if not self.attended():
            raise NobodyToAsk(
                "a passphrase is needed, and this front end cannot ask for one",
                hint=UNATTENDED_HINT,
            )
        try:
            return getpass.getpass(
                escaped(f"{question}:" if self._kernel is not None else f"{question}: ")
            )
        except EOFError:
            pass
        raise PassphraseUnavailable(
            "no passphrase was given", hint="run the cell again to be asked"
        )

    def attended(self) -> bool:
        """True where there is somebody to ask."""
        if self._kernel is None:
            return sys.stdin is not None and sys.stdin.isatty()
        # The request says whether its front end answers; papermill's and nbconvert's do not.
        content = (self._kernel.get_parent("shell") or {}).get("content") or {}
        return bool(content.get("allow_stdin", False))
