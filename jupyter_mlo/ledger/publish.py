"""Publishing: into the ledger, or into the outbox when the ledger cannot be reached.

What this returns for is on disk in one of the two. A failure of the ledger is never the
reason why somebody's work is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import LedgerError, MloError
from jupyter_mlo.ledger.content import content_of
from jupyter_mlo.ledger.outbox import Flushed, Outbox
from jupyter_mlo.ledger.sequencer import Receipt
from jupyter_mlo.ledger.store import open_writer
from jupyter_mlo.statements.envelope import Envelope

#: Seconds to wait for other writers: somebody is waiting for us.
PATIENCE: Final = 5.0


@dataclass(frozen=True)
class Published:
    """What became of the statements that were published.

    ``why`` says why something waits, in a sentence with its hint; empty where nothing does.
    """

    #: How many of them the ledger has now: all or none.
    count: int
    #: How many statements wait in the outbox now, from before included.
    waiting: int
    why: str = ""
    receipts: tuple[Receipt, ...] = ()
    #: How many that had been waiting reached the ledger.
    flushed: int = 0
    #: ``{origin, size, root}`` of the checkpoint that covers them; None where they wait.
    checkpoint: Mapping[str, Any] | None = None


def publish(
    settings: Settings, envelopes: Iterable[Envelope | bytes], *, patience: float = PATIENCE
) -> Published:
    """Append statements to the ledger, after what waits; or have them wait as well.

    With no statements it only flushes the outbox.

    Args:
        patience: seconds to wait for other writers before the ledger counts as unreachable.

    Raises:
        StatementError: bytes that are no envelope of ours; nothing was published.
        LedgerError: neither ledger nor outbox can be written: nothing is kept, and the
            caller must say so.
    """
    contents = [content_of(envelope) for envelope in envelopes]
    outbox = Outbox(settings)
    flushed = Flushed(0)
    try:
        with open_writer(settings, patience=patience) as ledger:
            flushed = outbox.flush(ledger.append)
            receipts = ledger.append(contents)
            checkpoint = ledger.quoted()
    except (MloError, OSError) as error:
        why = str(error)
        try:
            outbox.put(contents, why)
            return Published(0, outbox.waiting(), why, flushed=flushed.count)
        except OSError as second:
            raise LedgerError(
                f"neither the ledger nor the outbox {settings.outbox} can be written: {second}",
                hint=f"make room or mend access, then do it again. The ledger says: {why}",
            ) from None
    return Published(
        len(contents),
        len(flushed.damaged),
        "; ".join(flushed.damaged),
        tuple(receipts),
        flushed.count,
        checkpoint,
    )


def append_now(settings: Settings, envelopes: Iterable[Envelope], *, patience: float) -> None:
    """Append statements to the ledger, after what waits, or raise: none of them will wait.

    Raises:
        LedgerError: the ledger cannot be reached, or nobody is there who takes what a team hands
            in; it may have taken them all the same where its answer was lost.
    """
    with open_writer(settings, patience=patience) as ledger:
        ledger.check_appending()
        Outbox(settings).flush(ledger.append)
        ledger.append(envelopes)
