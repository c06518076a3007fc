"""Receipts checked where there is no ledger: by its key, and whose clock counts there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyter_mlo.ledger.checkpoint import Checkpoint
from jupyter_mlo.ledger.proofs import TlogProof

if TYPE_CHECKING:
    from jupyter_mlo.ledger.note_keys import NoteVerifier
    from jupyter_mlo.ledger.times import Clock


@dataclass(frozen=True)
class Held:
    """What a receipt proves: that the ledger ``head`` is of had a statement at ``index``."""

    index: int
    head: Checkpoint
    #: Since when, by the cosigners that count; None where too few of them have signed.
    since: datetime | None
    #: Who of those that count has cosigned the checkpoint.
    cosigners: tuple[str, ...]


def check_receipt(receipt: TlogProof, stored: bytes, log: NoteVerifier, clock: Clock) -> Held:
    """Check a receipt for the envelope ``stored`` (its JSON text as the ledger has it).

    Raises:
        LedgerError: it does not hold.
    """
    head = receipt.check(stored, log)
    time = clock.read(receipt.checkpoint)
    return Held(
        receipt.index,
        head,
        None if time is None else datetime.fromtimestamp(time, UTC),
        clock.names(receipt.checkpoint),
    )
