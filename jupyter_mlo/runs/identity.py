"""Who answers for a run, decided before its kernel starts.

A mandate in ``MLO_MANDATE`` comes first, then the session of this account, then nobody. A
mandate that is given but does not hold refuses the run, always; without any identity the
policy decides. Activity and model are what the caller asked for (engine arguments, then
``MLO_ACTIVITY`` and ``MLO_MODEL``), then the only one that the mandate permits, then the
session's, then ``exploration`` and no model.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.scope import EVERYTHING
from jupyter_mlo.delegation.sessions import check_activity, check_model, load_session
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import MloError, Refused

if TYPE_CHECKING:
    from jupyter_mlo.delegation.mandates import Mandate

MANDATE_VARIABLE: Final = "MLO_MANDATE"
ACTIVITY_VARIABLE: Final = "MLO_ACTIVITY"
MODEL_VARIABLE: Final = "MLO_MODEL"
DEFAULT_ACTIVITY: Final = "exploration"


@dataclass(frozen=True)
class Request:
    """What is about to be run."""

    #: ``mloCodeV1`` with the kernel that will really be used, hex.
    code: str
    parameters: Mapping[str, Any]
    #: What the caller asked for; None where he did not.
    activity: str | None = None
    model: str | None = None
    #: Why the injected code is not what the parameters say; empty where it is.
    tampered: str = ""
    #: Position of the first cell that the run would leave out for its tag.
    skips: int | None = None


@dataclass(frozen=True)
class Acting:
    """For whom a run acts, and why."""

    signer: Signer | None
    activity: str
    model: str | None
    via: Literal["mandate", "session", "nobody"]
    #: Why nobody acts, or what else is to be said, in a sentence.
    reason: str = ""
    #: The mandate, where it counts uses: :func:`reserve` before the run starts.
    counted: Mandate | None = None
    #: The key of this run, for which a use is spent.
    reserved: Signer | None = None


def decide(
    request: Request,
    *,
    settings: Settings,
    environ: Mapping[str, str],
    secrets: Mapping[str, str],
    now: datetime,
) -> Acting:
    """For whom this run acts; spends nothing (:func:`reserve`).

    Args:
        environ: where ``MLO_ACTIVITY`` and ``MLO_MODEL`` are looked for.
        secrets: the secret variables that were withheld, ``MLO_MANDATE`` among them.

    Raises:
        Refused: the mandate does not permit this run, or nobody is there and policy asks
            for somebody.
        MloError: the mandate cannot be read, or the activity is unknown.
    """
    activity = request.activity or environ.get(ACTIVITY_VARIABLE) or None
    model = request.model or environ.get(MODEL_VARIABLE) or None
    check_activity(activity)
    check_model(model)
    given = secrets.get(MANDATE_VARIABLE)
    if given is not None:
        return _by_mandate(given, request, activity, model, settings, now)
    reason = "nobody is logged in here, and MLO_MANDATE is not set"
    try:
        signer = load_session(settings, now)
    except MloError as error:
        signer, reason = None, error.message
    except OSError as error:
        signer, reason = None, f"the session cannot be read: {error}"
    if signer is not None:
        return Acting(
            signer,
            activity or signer.activity or DEFAULT_ACTIVITY,
            model or signer.model,
            "session",
        )
    return act_for_nobody(replace(request, activity=activity, model=model), settings, reason)


def act_for_nobody(request: Request, settings: Settings, reason: str) -> Acting:
    """A run for which nobody acts; raises :class:`Refused` where policy asks for somebody.

    Args:
        reason: why nobody does, in a sentence without its full stop.
    """
    if settings.policy.identity_required:
        raise Refused(
            f"the run was not started: {reason}, and policy asks for an identity",
            hint="log in (jupyter mlo login), or name a mandate in MLO_MANDATE "
            "(jupyter mlo mandate create --help); policy: identity.required in mlo.toml",
        )
    return Acting(None, request.activity or DEFAULT_ACTIVITY, request.model, "nobody", reason)


def _by_mandate(
    given: str,
    request: Request,
    activity: str | None,
    model: str | None,
    settings: Settings,
    now: datetime,
) -> Acting:
    # Mandates are read with pydantic; only runs that have one pay for its import.
    from jupyter_mlo.delegation.mandate_rules import check_run
    from jupyter_mlo.delegation.runner_key import read_mandate_here
    from jupyter_mlo.ledger.mandate_standing import ask_ledger, revocations_known

    mandate = read_mandate_here(settings, given)
    if request.tampered:
        raise Refused(
            f"{mandate.label} does not permit this run: {request.tampered} (parameters)",
            hint="remove the cell that is tagged injected-parameters, have the metadata name the "
            "kernel's own language, and pass the parameters to papermill",
        )
    if request.skips is not None and mandate.scope.code != EVERYTHING:
        raise Refused(
            f"{mandate.label} does not permit this run: cell {request.skips + 1} is tagged "
            "skip-execution, and a mandate is for all of a notebook's code (code)",
            hint="remove the tag; what is not to run is taken out, for a mandate of its own",
        )
    known = ask_ledger(settings, mandate)
    signer = mandate.signer(now, known.checkpoint)
    chosen = activity or signer.activity
    if chosen is None:
        if mandate.scope.activities != "*":
            raise Refused(
                f"{mandate.label} permits several activities, and none was chosen (activities)",
                hint=f"set {ACTIVITY_VARIABLE} to one of: "
                f"{', '.join(sorted(mandate.scope.activities))}",
            )
        chosen = DEFAULT_ACTIVITY
    model = model or signer.model
    check_run(
        mandate,
        code=request.code,
        parameters=request.parameters,
        activity=chosen,
        model=model,
        now=now,
        revocations=revocations_known(settings, mandate, known),
    )
    counted = None if mandate.scope.uses == EVERYTHING else mandate
    reason = "; ".join(filter(None, [*mandate.notes, known.note]))
    return Acting(signer, chosen, model, "mandate", reason, counted)


def reserve(acting: Acting, settings: Settings, now: datetime) -> Acting:
    """The same, with a use of its mandate spent for one run, where the mandate counts them.

    Raises:
        Refused: no use is left, or the ledger cannot be asked and none was leased here.
    """
    if acting.counted is None or acting.signer is None:
        return acting
    signer = acting.signer.acting(acting.activity, acting.model)
    return replace(acting, reserved=_reserve(acting.counted, signer, settings, now))


def _reserve(mandate: Mandate, signer: Signer, settings: Settings, now: datetime) -> Signer:
    """The key of a run for which a use is spent: a leased one, else one reserved now.

    Raises:
        Refused: none is left, or the ledger cannot be asked and none was leased here.
    """
    from jupyter_mlo.delegation.leases import LeaseStore
    from jupyter_mlo.delegation.runs import LONGEST, delegate_run
    from jupyter_mlo.ledger.mandate_standing import reserve_uses

    leased = LeaseStore(settings).take(mandate.mandate_id, now)
    if leased is not None:
        return leased.acting(signer.activity, signer.model)
    run, notebook = (f"urn:uuid:{uuid.uuid4()}" for _ in range(2))
    leaf = delegate_run(signer, run, notebook, now, LONGEST)
    try:
        reserve_uses(settings, mandate, leaf.chain[-1:])
    except Refused:
        raise
    except MloError as error:
        raise Refused(
            f"{mandate.label} permits {mandate.scope.uses} runs, and the ledger that counts them "
            f"cannot be asked for one: {error.message} (uses)",
            hint="try again when it can, or lease uses beforehand: jupyter mlo mandate lease",
        ) from None
    return leaf
