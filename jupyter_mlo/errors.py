"""The one error family: each error says what happened, to which thing, and what to do.

The command line, the magics and the engine each catch :class:`MloError` once; nothing
else in the package turns an error into text or into an exit status.
"""

from __future__ import annotations

#: Control, format, surrogate, private use, line and paragraph separators; joiners are
#: invisible, harmless, and part of ordinary words in many scripts and emoji.
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"


def escaped(text: str) -> str:
    """``text`` on one line, with what a terminal may act on written as its escape.

    Names can hold sequences that repaint a terminal, or controls that reverse the order of what
    follows (Unicode TR 36, section 3.1). Escaped, they can only look odd.
    """
    if text.isprintable():
        return text
    import unicodedata

    return "".join(
        c.encode("unicode_escape").decode("ascii")
        if unicodedata.category(c) in _ESCAPED and c not in _JOINERS
        else c
        for c in text
    )


def escaped_lines(text: str) -> str:
    """The same for each line of a text."""
    return "\n".join(map(escaped, text.split("\n")))


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
        # Escaped once, here: file names and what stands in files is part of most messages.
        self.message = escaped(message)
        self.hint = escaped_lines(hint)

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


class NobodyToAsk(PassphraseUnavailable):
    """There is nobody here who could type a passphrase."""


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
