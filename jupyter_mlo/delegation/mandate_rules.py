"""Whether a run keeps to its mandate: the code, the parameters, the activity, the model, the time.

Its uses are the matter of the ledger that counts them. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jupyter_mlo.delegation.mandates import Mandate
from jupyter_mlo.delegation.revocation import Revocations
from jupyter_mlo.errors import Refused


def check_run(
    mandate: Mandate,
    *,
    code: str,
    parameters: Mapping[str, Any],
    activity: str | None,
    model: str | None,
    now: datetime,
    revocations: Revocations | None = None,
) -> None:
    """Raise :class:`Refused`, naming the element, unless this run may start.

    Args:
        code: ``mloCodeV1`` of the notebook about to run, hex.
        parameters: what is to be injected, name → JSON value.
        activity, model: what the run says it is for.
        revocations: those known here, see ``MandateStore.revocations_for``.
    """
    if revocations is not None:
        revocations.check_in_force(mandate.links, mandate.label)
    mandate.require_time(now)
    permission = mandate.scope.permits(
        code=code, activity=activity, model=model, parameters=parameters
    )
    if permission:
        return
    if permission.element == "code":
        message = f"the notebook was changed, or is another: {permission.reason}"
        hint = "run it as it was, or make a new mandate for it as it is: jupyter mlo mandate create"
    else:
        message = permission.reason
        hint = f"see what it permits: jupyter mlo mandate show {mandate.mandate_id[:12]}"
    raise Refused(
        f"{mandate.label} does not permit this run: {message} ({permission.element})", hint=hint
    )
