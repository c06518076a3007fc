"""The one error family: each error says what happened, to which thing, and what to do.

The command line, the magics and the engine each catch :class:`MloError` once; nothing
else in the package turns an error into text or into an exit status.
"""

from __future__ import annotations


class MloError(Exception):
    """Anything that jupyter-mlo refuses or cannot do.

    Args:
        message: what happened, and to which thing; one sentence, no trailing newline.
        hint: what the reader can do about it; empty only where nothing can be done.
    """

    #: Exit status of the command line when this error ends a command.
    exit_status = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class InvalidInput(MloError):
    """Something typed, passed or configured is not of the expected form."""


class NotFound(MloError):
    """A named thing (MLO, file, mandate, ledger entry) does not exist here."""


class KeyFileError(MloError):
    """A key file is missing, broken, or readable by others."""


class WrongPassphrase(MloError):
    """The passphrase does not open the key."""


class PassphraseUnavailable(MloError):
    """A passphrase is needed and there is no way to ask for one here."""


class SessionError(MloError):
    """There is no session, or it has ended."""


class StatementError(MloError):
    """An envelope or statement is not well-formed, or its signature does not hold."""


class Refused(MloError):
    """An act lies outside what the signer may do: scope, time, revocation or policy."""

    exit_status = 1


class LedgerError(MloError):
    """The ledger cannot be read or written, or does not verify."""


class NotebookError(MloError):
    """A notebook cannot be read or written."""


class MissingExtra(MloError):
    """An optional dependency is needed: the hint names the extra to install."""
