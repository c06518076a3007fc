"""Whose cosignatures count here, as this installation's trust configuration says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlo.errors import InvalidInput, LedgerError
from jupyter_mlo.ledger.note_keys import NoteVerifier
from jupyter_mlo.ledger.times import Clock

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust


def quorum_of(trust: Trust) -> Clock | None:
    """The configured witnesses; None where no quorum is asked for.

    Raises:
        InvalidInput: a configured key is none.
    """
    if not trust.quorum:
        return None
    try:
        keys = [NoteVerifier.from_vkey(vkey, cosigner=True) for vkey in trust.witnesses.values()]
    except LedgerError as error:
        raise InvalidInput(
            f"the trust configuration names a witness that cannot be used: {error.message}",
            hint="jupyter mlo witness list; then witness remove and witness add",
        ) from None
    return Clock(tuple(keys), trust.quorum)


def clock_of(trust: Trust, log: NoteVerifier) -> Clock:
    """Whose clock proves times here: the witnesses' where a quorum is configured, else the log's.

    Raises:
        InvalidInput: a configured key is none.
    """
    return quorum_of(trust) or Clock.of_log(log)


def log_key(trust: Trust, origin: str) -> NoteVerifier | None:
    """The key of a ledger that is kept elsewhere, where it is trusted here.

    Raises:
        InvalidInput: a configured key is none.
    """
    vkey = trust.ledgers.get(origin)
    if vkey is None:
        return None
    try:
        return NoteVerifier.from_vkey(vkey)
    except LedgerError as error:
        raise InvalidInput(
            f"the trust configuration names a ledger that cannot be used: {error.message}",
            hint="jupyter mlo trust list; then trust remove --ledger and trust add --ledger",
        ) from None
