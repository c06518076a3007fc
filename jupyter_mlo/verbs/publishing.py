"""What verbs ask of the ledger: take these statements, and say what stands there last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jupyter_mlo.errors import MloError
from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.statements.envelope import Envelope


def publish(context: Context, envelopes: Sequence[Envelope]) -> None:
    """Into the ledger, or into the outbox until it can be reached; then the person is told."""
    from jupyter_mlo.ledger.publish import publish as publish_envelopes

    published = publish_envelopes(context.settings, envelopes, patience=context.patience)
    if published.waiting:
        context.note(
            f"note: {published.waiting} statements wait in {context.settings.outbox} for the "
            f"ledger; nothing is lost, and they are offered again. {published.why}"
        )


def last_checkpoint(context: Context) -> Mapping[str, Any] | None:
    """What a new statement quotes; None where there is no ledger, or none can be read now."""
    from jupyter_mlo.ledger.store import open_ledger

    try:
        with open_ledger(
            context.settings, create=False, patience=min(2, context.patience)
        ) as ledger:
            return ledger.quoted()
    except MloError:
        return None
