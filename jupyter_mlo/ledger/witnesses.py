"""Whose cosignatures count here, as this installation's trust configuration says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from jupyter_mlo.errors import InvalidInput, LedgerError
from jupyter_mlo.ledger.note import Note
from jupyter_mlo.ledger.note_keys import NoteVerifier
from jupyter_mlo.ledger.times import Clock

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust
    from jupyter_mlo.ledger.rows import Rows


def quorum_of(trust: Trust, log: NoteVerifier) -> Clock | None:
    """The configured witnesses of a log, of which it is none itself; None without a quorum.

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
    independent = tuple(key for key in keys if key.public != log.public)
    return Clock(independent, trust.quorum, by_witnesses=True)


def clock_of(trust: Trust, log: NoteVerifier) -> Clock:
    """Whose clock proves times here: the witnesses' where a quorum is configured, else the log's.

    Raises:
        InvalidInput: a configured key is none.
    """
    return quorum_of(trust, log) or Clock.of_log(log)


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


def newest_cosigned(rows: Rows, size: int, vkeys: Iterable[str]) -> int:
    """The size of the newest checkpoint, up to ``size``, that one of ``vkeys`` cosigned, or 0."""
    clock = Clock(tuple(NoteVerifier.from_vkey(vkey, cosigner=True) for vkey in vkeys), 1)
    notes = rows.notes_before(size)
    return next((at for at, note in notes if clock.read(note) is not None), 0)


def add_cosignatures(
    rows: Rows, size: int, lines: Iterable[bytes], vkeys: Iterable[str]
) -> list[tuple[str, int]]:
    """Put signature lines under the checkpoints, up to ``size``, that they are of.

    Returns:
        the witness's name, and the size of the checkpoint, for each that was found.
    """
    witnesses = [NoteVerifier.from_vkey(vkey, cosigner=True) for vkey in vkeys]
    found = []
    for line in lines:
        for at, note in rows.notes_before(size):
            text, separator, _ = note.partition(b"\n\n")
            try:
                signed = Note.from_bytes(text + separator + line).cosigned(witnesses)
            except LedgerError:
                continue
            if signed:
                if line not in note:
                    rows.sign_again(at, note + line)
                found.append((next(iter(signed)).name, at))
                break
    return found
