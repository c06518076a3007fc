"""Teams and assistants: who may act for a team, and what a person grants an assistant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from jupyter_mlo.delegation.roles import Role, assistant_refusal
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.subjects import key_subject, mlo_subject
from jupyter_mlo.statements.times import from_text, to_text

#: A grant is for a piece of work; a person looks after it.
LONGEST: Final = timedelta(days=30)


def admit(signer: Signer, member: str, *, now: datetime, until: datetime | None = None) -> Envelope:
    """``member`` may act for the team whose own key ``signer`` is."""
    said: dict[str, Any] = {"member": member}
    if until is not None:
        said["notAfter"] = to_text(until)
    return signer.sign(types.MEMBERSHIP, [mlo_subject(member)], said, now)


def grant(
    signer: Signer,
    assistant: str,
    *,
    activities: Sequence[str],
    models: Sequence[str],
    now: datetime,
    lasts: timedelta,
) -> Signer:
    """A hand with which ``assistant`` acts for the person whose own key ``signer`` is.

    Raises:
        InvalidInput: ``lasts`` is not positive or too long, or an activity is a person's own.
    """
    for activity in activities:
        if why := assistant_refusal(activity):
            raise InvalidInput(
                f"it cannot be granted: {why}", hint="leave it out; review and deploy yourself"
            )
    if not timedelta() < lasts <= LONGEST:
        raise InvalidInput(
            f"a grant of {lasts} is not made: it lasts up to {LONGEST.days} days",
            hint="make a new one when it ends, and see what it was used for: jupyter mlo log",
        )
    key = SigningKey.generate()
    end = to_text(now + lasts)
    scope: Mapping[str, Any] = {
        "activities": list(activities),
        "models": list(models),
        "predicates": sorted(types.RECORDING),
        "code": "*",
        "parameters": "*",
        "uses": "*",
        "delegate": [Role.RUN.value],
        "notBefore": to_text(now),
        "notAfter": end,
    }
    said = {
        "kind": "assistant",
        "publicKey": key.public.to_text(),
        "scope": scope,
        "assistant": assistant,
    }
    delegation = signer.sign(types.DELEGATION, [key_subject(key.key_id)], said, now)
    return Signer(
        mlo=signer.mlo,
        key=key,
        delegation=delegation.statement_id,
        chain=(*signer.chain, delegation),
        kind="assistant",
        scope_json=scope,
        activity=activities[0],
        model=models[0] if len(models) == 1 else None,
        expires=from_text(end),
        checkpoint=signer.checkpoint,
    )
