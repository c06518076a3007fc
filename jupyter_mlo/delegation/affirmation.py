"""Saying anew, under a key that is in force, what became only ``claimed``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.subjects import statement_subject

#: Statements in one affirmation: what a person can have looked at, in an envelope of 4 MiB.
MOST: Final = 10_000


def affirm(signer: Signer, statement_ids: Sequence[str], *, now: datetime) -> Envelope:
    """``signer``'s MLO answers for these statements of its own.

    Args:
        signer: the MLO's own key.

    Raises:
        InvalidInput: there are none, or too many.
        Refused: ``signer`` is a delegated key.
    """
    named = list(dict.fromkeys(statement_ids))
    if not 0 < len(named) <= MOST:
        raise InvalidInput(
            f"{len(named)} statements are not affirmed at once",
            hint=f"at least one, at most {MOST}",
        )
    return signer.sign(types.AFFIRMATION, list(map(statement_subject, named)), {}, now)
