"""How a mandate stands by the ledger: revoked or not, and how many of its uses are spent.

Asked before each run. The order of the ledger decides who was first: a use is appended, and then
looked at where it came to stand, so that runners who start at one moment cannot exceed a mandate
together, whatever ledger it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.mandate_store import MandateStore, naming
from jupyter_mlo.delegation.mandates import Mandate
from jupyter_mlo.delegation.revocation import Revocations
from jupyter_mlo.delegation.trust import TrustStore
from jupyter_mlo.delegation.uses import Use, use_refusal, uses_of
from jupyter_mlo.errors import LedgerError, MloError, NotFound, Refused, StatementError
from jupyter_mlo.ledger.erasures import erasures_in
from jupyter_mlo.ledger.publish import append_now
from jupyter_mlo.ledger.since_mandate import Since, counts_here, read_since
from jupyter_mlo.ledger.store import Filter, Ledger, open_ledger
from jupyter_mlo.ledger.view import LedgerView
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import read_statement

#: Seconds to wait for those who write the ledger.
_PATIENCE = 2.0
_RESERVING = 30.0


@dataclass(frozen=True)
class Known:
    """What the ledger says that bears on a mandate."""

    revocations: Sequence[Envelope] = ()
    #: Whose keys are whose; empty where no revocation is about the mandate.
    enrolments: Sequence[Envelope] = ()
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
    """What the ledger of this home knows of a mandate; where it cannot be asked, why.

    What was revoked since the mandate was made is found whatever the ledger's columns say; what
    was revoked before is looked up by them. Where the ledger does not hold, what it shows of
    revocations counts all the same, and of uses nothing.
    """
    return ask_of_all(settings, [mandate])[0]


def ask_of_all(settings: Settings, mandates: Sequence[Mandate]) -> list[Known]:
    """:func:`ask_ledger` of several, at once."""
    revocations: list[Envelope] = []
    found: list[Known] = []
    try:
        with open_ledger(settings, create=False, patience=_PATIENCE) as ledger:
            for entry in ledger.entries(Filter(predicate_type=types.REVOCATION)):
                with contextlib.suppress(StatementError):  # it is read again, and said, below
                    revocations.append(entry.envelope)
            found += (_asked(settings, ledger, one, revocations) for one in mandates)
    except NotFound:
        return [Known() for _ in mandates]
    except MloError as error:
        missing = len(mandates) - len(found)
        found += [Known(revocations, note=_unasked(error)) for _ in range(missing)]
    return found


def _asked(
    settings: Settings, ledger: Ledger, mandate: Mandate, listed: Sequence[Envelope]
) -> Known:
    revocations, enrolments = [*listed], list[Envelope]()
    try:
        since = _since(settings, ledger, mandate)
        revocations += [one for _, one in since.revocations] if since is not None else ()
        if naming(mandate, revocations):
            # Rarely, and then all that stands there: who may revoke hangs on it.
            view = LedgerView(ledger, kept=settings.labels)
            enrolments += view.binding(types.ENROLMENT)
        if since is not None:
            _check(settings, ledger, since)
        uses = since.uses if since is not None else ()
        return Known(revocations, enrolments, uses, ledger.quoted(), ledger.origin)
    except MloError as error:
        return Known(revocations, enrolments, note=_unasked(error))


def _unasked(error: MloError) -> str:
    return f"the ledger cannot be asked about the mandate: {error.message}"


def revocations_known(settings: Settings, mandate: Mandate, known: Known) -> Revocations:
    """Revocations that this home or its ledger has."""
    trust = TrustStore(settings).load()
    return MandateStore(settings).revocations_for(
        mandate, trust, known.revocations, known.enrolments
    )


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


def spent_uses(settings: Settings, ledger: Ledger, mandate: Mandate) -> list[Use] | None:
    """The uses of a mandate in the order of the ledger that counts them; None in another one.

    Raises:
        LedgerError: the ledger does not hold: any of its entries may have been a use.
    """
    since = _since(settings, ledger, mandate)
    if since is None:
        return None
    _check(settings, ledger, since)
    return list(since.uses)


def _since(settings: Settings, ledger: Ledger, mandate: Mandate) -> Since | None:
    """What came since the mandate was made; None in a ledger that it does not quote."""
    statement = read_statement(mandate.chain[-1])
    if not counts_here(ledger, statement):
        return None
    return read_since(ledger, statement, settings.counted / f"{mandate.mandate_id}.json")


def _check(settings: Settings, ledger: Ledger, since: Since) -> None:
    """Raise :class:`LedgerError` where the ledger does not hold."""
    why = next(iter(since.problems), "") or ledger.rolled_back()
    if not why and since.holes:
        trust = TrustStore(settings).load()
        erased = erasures_in(ledger, trust=trust, now=datetime.now(UTC)).leaves
        gone = [at for at, leaf in since.holes.items() if erased.get(at) != leaf]
        why = f"the content of entry {gone[0]} is gone, and no erasure explains it" if gone else ""
    if why:
        raise LedgerError(
            f"the ledger does not hold: {why}",
            hint="jupyter mlo ledger verify names what was changed; tell whoever keeps the ledger",
        )


def reserve_uses(settings: Settings, mandate: Mandate, delegations: Sequence[Envelope]) -> None:
    """Have the run delegations in the ledger before anything is run under them.

    Args:
        delegations: of kind run, signed by the mandate's key; each run of them is one use.

    Raises:
        Refused: the mandate's uses are counted in another ledger, or do not suffice. Of several
            runners who ask at one moment those are refused that came into the ledger later; and
            whoever finds the mandate revoked by then.
        LedgerError: the ledger cannot be reached, has no sequencer, or does not hold: nothing is
            run. Where only its answer was lost, the uses are spent.
    """
    permitted = mandate.scope.uses
    if isinstance(permitted, str):
        return
    ours = uses_of(mandate.mandate_id, mandate.link.key, delegations)
    before = _counted(settings, mandate)
    known = {use.place for use in before}
    new = [use for use in ours if use.place not in known]
    if len(before) + len(new) > permitted:
        raise _exhausted(mandate, len(before), len(new))
    append_now(settings, [*mandate.chain, *delegations], patience=_RESERVING)
    # What came in since is counted too, ours among it.
    uses = _counted(settings, mandate)
    if any(use_refusal(uses, permitted, use.notebook) for use in ours):
        raise _exhausted(mandate, permitted, len(new))
    # Whoever revoked it meanwhile came into the ledger first: nothing under these uses would count.
    known_now = ask_ledger(settings, mandate)
    revocations_known(settings, mandate, known_now).check_in_force(mandate.links, mandate.label)


def _counted(settings: Settings, mandate: Mandate) -> list[Use]:
    """The uses of a mandate, in the ledger that counts them."""
    try:
        with open_ledger(settings, create=False, patience=_RESERVING) as ledger:
            uses = spent_uses(settings, ledger, mandate)
        if uses is not None:
            return uses
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
