"""The passphrase options of the verbs that need an MLO's own key, and its unlocking."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from jupyter_mlo.errors import InvalidInput, WrongPassphrase
from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.identity.keys import SigningKey
    from jupyter_mlo.identity.store import Identity, IdentityStore

_SOURCES = {
    "fd": "it was read from the descriptor that --passphrase-fd names",
    "file": "it was read from the file that MLO_PASSPHRASE_FILE names",
    "keyring": "it may have come from the key ring; MLO_PASSPHRASE_FILE or "
    "--passphrase-fd go before that",
}


class _NeverOnTheCommandLine(argparse.Action):
    """Refuses ``--passphrase``, and does not repeat what came with it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> NoReturn:
        raise InvalidInput(
            "a passphrase is not taken from the command line: every user of this machine can "
            "read it there, and the shell keeps it",
            hint="leave it out and be asked; for automation name a file in MLO_PASSPHRASE_FILE, "
            "or pass --passphrase-fd N. If it was the real one, change it",
        )


def add_passphrase_options(parser: argparse.ArgumentParser) -> None:
    """``--passphrase-fd N``, and an explanation for whoever tries ``--passphrase``."""
    parser.add_argument(
        "--passphrase-fd",
        type=int,
        metavar="N",
        help="read the passphrase from this open descriptor (its first line); "
        "else from the file that MLO_PASSPHRASE_FILE names, the key ring, or you",
    )
    parser.add_argument(
        "--passphrase", nargs="?", action=_NeverOnTheCommandLine, help=argparse.SUPPRESS
    )


def new_passphrase(context: Context, fd: int | None, *, whose: str) -> str:
    """A new passphrase, typed twice where a person types it."""
    from jupyter_mlo.identity.passphrase import read_passphrase

    return read_passphrase(
        fd=fd,
        environ=os.environ,
        ask=context.ask,
        question=f"passphrase for {whose}",
        confirm=True,
        note=context.note,
    )


def given_passphrase(
    context: Context, fd: int | None, *, question: str, keyring_mlo: str | None = None
) -> str:
    """A passphrase that exists already, from wherever this account gives one."""
    from jupyter_mlo.identity.passphrase import read_passphrase

    return read_passphrase(
        fd=fd,
        environ=os.environ,
        ask=context.ask,
        question=question,
        keyring_mlo=keyring_mlo,
        note=context.note,
    )


def unlock(
    context: Context, store: IdentityStore, identity: Identity, fd: int | None
) -> SigningKey:
    """The own key of ``identity``; see :func:`unlock_with`."""
    return unlock_with(context, store, identity, fd)[0]


def unlock_with(
    context: Context, store: IdentityStore, identity: Identity, fd: int | None
) -> tuple[SigningKey, str]:
    """The own key of ``identity``, and the passphrase that opened it.

    Raises:
        KeyFileError: the key file cannot be used; said before anything is asked.
        WrongPassphrase: it is another one; the hint says where that came from.
        PassphraseUnavailable: there is none, and nobody to ask.
    """
    from jupyter_mlo.identity.passphrase import source_of

    store.key_pem(identity)
    ring = identity.mlo if identity.profile.keyring else None
    source = source_of(fd=fd, environ=os.environ, keyring_mlo=ring)
    passphrase = given_passphrase(
        context, fd, question=f"passphrase of {identity.label}", keyring_mlo=ring
    )
    try:
        return store.unlock(identity, passphrase, context.now()), passphrase
    except WrongPassphrase as error:
        where = _SOURCES.get(source)
        hint = f"{where}; {error.hint}" if where else error.hint
        raise WrongPassphrase(error.message, hint=hint) from None
