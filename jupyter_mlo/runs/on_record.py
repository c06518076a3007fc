"""The ledger as runs use it: what it is now, and what goes into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import MloError

if TYPE_CHECKING:
    from jupyter_mlo.ledger.publish import Published
    from jupyter_mlo.statements.envelope import Envelope


class OnRecord(Protocol):
    """What a run needs of a ledger."""

    def head(self) -> Mapping[str, Any] | None:
        """``{origin, size, root}`` of its checkpoint; None where it cannot be asked."""

    def publish(self, envelopes: Sequence[Envelope]) -> Published:
        """Append, or have them wait; returns when they are on disk in one of the two."""


class OneByOne:
    """The home's ledger, opened for each question."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def head(self) -> Mapping[str, Any] | None:
        """See :class:`OnRecord`."""
        from jupyter_mlo.ledger.store import open_ledger

        try:
            with open_ledger(self._settings, create=False, patience=2.0) as ledger:
                return ledger.quoted()
        except (MloError, OSError):
            return None

    def publish(self, envelopes: Sequence[Envelope]) -> Published:
        """See :class:`OnRecord`."""
        from jupyter_mlo.ledger.publish import publish

        return publish(self._settings, envelopes)
