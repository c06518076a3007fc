"""Who answers for a run, decided before its kernel starts.

A mandate in ``MLO_MANDATE`` comes first, then the session of this account, then nobody. A
mandate that is given but does not hold refuses the run, always; without any identity the
policy decides. Activity and model are what the caller asked for (engine arguments, then
``MLO_ACTIVITY`` and ``MLO_MODEL``), then the only one that the mandate permits, then the
session's, then ``exploration`` and no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.sessions import check_activity, check_model, load_session
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import MloError, NotFound, Refused
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.strict_json import read_json

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


@dataclass(frozen=True)
class Acting:
    """For whom a run acts, and why."""

    signer: Signer | None
    activity: str
    model: str | None
    via: Literal["mandate", "session", "nobody"]
    #: Why nobody acts, in a sentence.
    reason: str = ""


def decide(
    request: Request,
    *,
    settings: Settings,
    environ: Mapping[str, str],
    secrets: Mapping[str, str],
    now: datetime,
) -> Acting:
    """For whom this run acts.

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
    if given:
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
    if settings.policy.identity_required:
        raise Refused(
            f"the run was not started: {reason}, and policy asks for an identity",
            hint="log in (jupyter mlo login), or name a mandate in MLO_MANDATE "
            "(jupyter mlo mandate create --help); policy: identity.required in mlo.toml",
        )
    return Acting(None, activity or DEFAULT_ACTIVITY, model, "nobody", reason)


def _by_mandate(
    given: str,
    request: Request,
    activity: str | None,
    model: str | None,
    settings: Settings,
    now: datetime,
) -> Acting:
    # Mandates are read with pydantic; only runs that have one pay for its import.
    from jupyter_mlo.delegation.mandate_store import MandateStore
    from jupyter_mlo.delegation.mandates import check_run, read_mandate
    from jupyter_mlo.delegation.trust import TrustStore

    mandate = read_mandate(given)
    if request.tampered:
        raise Refused(
            f"{mandate.label} does not permit this run: {request.tampered} (parameters)",
            hint="remove the cell that is tagged injected-parameters, have the metadata name the "
            "kernel's own language, and pass the parameters to papermill",
        )
    known = _from_ledger(settings)
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
    trust = TrustStore(settings).load()
    check_run(
        mandate,
        code=request.code,
        parameters=request.parameters,
        activity=chosen,
        model=model,
        now=now,
        revocations=MandateStore(settings).revocations_for(mandate, trust, known.revocations),
    )
    uses = mandate.scope.uses
    if uses != "*" and known.runs_under(mandate.mandate_id) >= int(uses):
        raise Refused(
            f"{mandate.label} permits {uses} runs, and so many have been started (uses)",
            hint="make a new one: jupyter mlo mandate create --help",
        )
    return Acting(signer, chosen, model, "mandate", known.note)


@dataclass(frozen=True)
class _Known:
    """What the ledger says that bears on a mandate."""

    revocations: Sequence[Envelope] = ()
    delegations: Sequence[Envelope] = ()
    checkpoint: Mapping[str, Any] | None = None
    #: Why nothing is known.
    note: str = ""

    def runs_under(self, mandate_id: str) -> int:
        """How many runs were started under a mandate."""
        said = (read_json(envelope.payload)["predicate"] for envelope in self.delegations)
        return sum(one["kind"] == "run" and one["delegation"] == mandate_id for one in said)


def _from_ledger(settings: Settings) -> _Known:
    from jupyter_mlo.ledger.store import Filter, open_ledger

    try:
        with open_ledger(settings, create=False, patience=2.0) as ledger:
            revocations, delegations = (
                [entry.envelope for entry in ledger.entries(Filter(predicate_type=kind))]
                for kind in (types.REVOCATION, types.DELEGATION)
            )
            return _Known(revocations, delegations, ledger.quoted())
    except NotFound:
        return _Known()
    except MloError as error:
        return _Known(note=f"the ledger cannot be asked about the mandate: {error.message}")
