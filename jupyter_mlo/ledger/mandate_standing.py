"""How a mandate stands by the ledger: revoked or not, and how many of its uses are spent.

Asked before each run. The order of the ledger decides who was first: a use is appended, and then
looked at where it came to stand, so that runners who start at one moment cannot exceed a mandate
together, whatever ledger it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.mandate_store import MandateStore
from jupyter_mlo.delegation.mandates import Mandate
from jupyter_mlo.delegation.revocation import Revocations
from jupyter_mlo.delegation.trust import TrustStore
from jupyter_mlo.delegation.uses import Use, use_refusal, uses_of
from jupyter_mlo.errors import MloError, NotFound, Refused
from jupyter_mlo.ledger.publish import append_now
from jupyter_mlo.ledger.store import Filter, Ledger, open_ledger
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types

#: Seconds to wait for those who write the ledger.
_PATIENCE = 2.0
_RESERVING = 30.0


@dataclass(frozen=True)
class Known:
    """What the ledger says that bears on a mandate."""

    revocations: Sequence[Envelope] = ()
    #: In ledger order; empty where the mandate permits any number.
    uses: tuple[Use, ...] = ()
    checkpoint: Mapping[str, Any] | None = None
    #: The ledger's name; None where there is none, or none that can be asked.
    origin: str | None = None
    #: Why nothing is known.
    note: str = ""


@dataclass(frozen=True)
class Standing:
    """Whether a run may start under a mandate, as far as time, revocation and uses go.

    True where it may. ``element`` names what refuses (``revoked``, ``notBefore``, ``notAfter``,
    ``uses``), ``reason`` says why in words.
    """

    element: str = ""
    reason: str = ""
    #: Uses that are left; None where there is no limit, or the ledger cannot be asked.
    left: int | None = None
    #: What is not known, because the ledger could not be asked.
    note: str = ""

    def __bool__(self) -> bool:
        return not self.element


def ask_ledger(settings: Settings, mandate: Mandate) -> Known:
    """What the ledger of this home knows of a mandate; where it cannot be asked, why."""
    return ask_of_all(settings, [mandate])[0]


def ask_of_all(settings: Settings, mandates: Sequence[Mandate]) -> list[Known]:
    """:func:`ask_ledger` of several, at once."""
    try:
        with open_ledger(settings, create=False, patience=_PATIENCE) as ledger:
            wanted = Filter(predicate_type=types.REVOCATION)
            revocations = [entry.envelope for entry in ledger.entries(wanted)]
            quoted = ledger.quoted()
            return [
                Known(revocations, tuple(spent_uses(ledger, one)), quoted, ledger.origin)
                for one in mandates
            ]
    except NotFound:
        return [Known() for _ in mandates]
    except MloError as error:
        note = f"the ledger cannot be asked about the mandate: {error.message}"
        return [Known(note=note) for _ in mandates]


def revocations_known(settings: Settings, mandate: Mandate, known: Known) -> Revocations:
    """Revocations that this home or its ledger has."""
    trust = TrustStore(settings).load()
    return MandateStore(settings).revocations_for(mandate, trust, known.revocations)


def mandate_standing(settings: Settings, mandate: Mandate, now: datetime) -> Standing:
    """Whether a run may start under ``mandate`` now, by this home and its ledger.

    A batch asks before each of its notebooks: so a revocation reaches it before the next one.
    """
    known = ask_ledger(settings, mandate)
    return judge_standing(mandate, revocations_known(settings, mandate, known), known, now)


def judge_standing(
    mandate: Mandate, revocations: Revocations, known: Known, now: datetime
) -> Standing:
    """The rule of :func:`mandate_standing`; reads nothing."""
    try:
        revocations.check_in_force(mandate.links, mandate.label)
    except Refused as error:
        return Standing("revoked", error.message, note=known.note)
    timely = mandate.scope.permits(at=now)
    if not timely:
        return Standing(timely.element, timely.reason, note=known.note)
    permitted = mandate.scope.uses
    if isinstance(permitted, str) or known.origin is None:
        return Standing(note=known.note)
    if known.origin != mandate.counted_in:
        return Standing(note=_elsewhere(mandate))
    left = max(0, permitted - len(known.uses))
    if left:
        return Standing(left=left)
    return Standing("uses", f"it permits {permitted} runs, and so many have been started", 0)


def spent_uses(ledger: Ledger, mandate: Mandate, first: int = 0) -> list[Use]:
    """The uses of a mandate in a ledger, in its order; none where there is no limit.

    Args:
        first: entries before this index are left out.
    """
    if mandate.scope.uses == "*":
        return []
    wanted = Filter(predicate_type=types.DELEGATION, mlo=mandate.mlo, first=first)
    delegations = (entry.envelope for entry in ledger.entries(wanted))
    return uses_of(mandate.mandate_id, mandate.link.key, delegations)


def reserve_uses(settings: Settings, mandate: Mandate, delegations: Sequence[Envelope]) -> None:
    """Have the run delegations in the ledger before anything is run under them.

    Args:
        delegations: of kind run, signed by the mandate's key; each run of them is one use.

    Raises:
        Refused: the mandate's uses are counted in another ledger, or do not suffice. Of several
            runners who ask at one moment those are refused that came into the ledger later.
        LedgerError: the ledger cannot be reached: nothing was reserved.
    """
    permitted = mandate.scope.uses
    if isinstance(permitted, str):
        return
    ours = uses_of(mandate.mandate_id, mandate.link.key, delegations)
    size, before = _counted(settings, mandate)
    known = {use.place for use in before}
    new = [use for use in ours if use.place not in known]
    if len(before) + len(new) > permitted:
        raise _exhausted(mandate, len(before), len(new))
    append_now(settings, [*mandate.chain, *delegations], patience=_RESERVING)
    # What came in since, ours among it; an entry that was counted already keeps its place.
    _, since = _counted(settings, mandate, first=size)
    uses = [*before, *(use for use in since if use.place not in known)]
    if any(use_refusal(uses, permitted, use.notebook) for use in ours):
        raise _exhausted(mandate, permitted, len(new))


def _counted(settings: Settings, mandate: Mandate, first: int = 0) -> tuple[int, list[Use]]:
    """The size of the ledger that counts a mandate's uses, and then those from an index on."""
    try:
        with open_ledger(settings, create=False, patience=_RESERVING) as ledger:
            if ledger.origin == mandate.counted_in:
                return ledger.size, spent_uses(ledger, mandate, first)
        why = "cannot be used with this ledger"
    except NotFound:
        why = "counts its runs, and the ledger that counts them cannot be reached: none is here"
    raise Refused(
        f"{mandate.label} {why}; {_elsewhere(mandate)} (uses)",
        hint="set ledger.url to that ledger, or have uses leased there: "
        "jupyter mlo mandate lease --help",
    )


def _elsewhere(mandate: Mandate) -> str:
    where = mandate.counted_in
    return f"its uses are counted in the ledger {where}" if where else "it names no ledger"


def _exhausted(mandate: Mandate, spent: int, wanted: int) -> Refused:
    permitted = mandate.scope.uses
    started = "so many have" if spent == permitted else f"{spent} of them have"
    more = "" if wanted == 1 else f"; {wanted} more are wanted"
    return Refused(
        f"{mandate.label} permits {permitted} runs, and {started} been started{more} (uses)",
        hint="see which: jupyter mlo mandate show; make a new one: jupyter mlo mandate renew",
    )
