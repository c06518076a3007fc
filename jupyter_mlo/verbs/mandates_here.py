"""The mandates that were made in this home, and how each stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from jupyter_mlo.errors import MloError, NotFound
from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.delegation.mandates import Mandate
    from jupyter_mlo.delegation.uses import Use
    from jupyter_mlo.statements.envelope import Envelope

#: `status` speaks of mandates that end within this time.
SOON: Final = timedelta(days=3)
_IN_FORCE: Final = "in force"


@dataclass(frozen=True)
class Row:
    """A mandate, and in a few words how it stands."""

    mandate: Mandate
    state: str

    @property
    def in_force(self) -> bool:
        """Whether a run may start under it now."""
        return self.state.startswith(_IN_FORCE)


@dataclass(frozen=True)
class Spent:
    """A use that is spent: for which run, when (its runner's clock), and what became of it."""

    run: str
    notebook: str
    time: str
    became: str

    def to_json(self) -> dict[str, Any]:
        """As ``show --json`` has it."""
        return asdict(self)


def mandates_here(context: Context) -> tuple[list[Row], list[MloError]]:
    """All of them, those that end first at the top; and what cannot be read."""
    from jupyter_mlo.delegation.mandate_store import MandateStore

    mandates, problems = MandateStore(context.settings).all()
    said = _in_the_ledger(context) if mandates else _Said()
    return [Row(one, _state(one, said, context)) for one in mandates], problems


class _Standing(Protocol):
    """A mandate, and whether it is in force."""

    @property
    def mandate(self) -> Mandate: ...

    @property
    def in_force(self) -> bool: ...


_Row = TypeVar("_Row", bound=_Standing)


def ending_within(rows: Sequence[_Row], within: timedelta, now: datetime) -> list[_Row]:
    """Those in force that end within some time, and have not been renewed."""
    renewed = {row.mandate.replaces for row in rows if row.in_force}
    return [
        row
        for row in rows
        if row.in_force
        and row.mandate.scope.not_after - now <= within
        and row.mandate.mandate_id not in renewed
    ]


def found_mandate(which: str, context: Context) -> Mandate:
    """The mandate in a file, or the one made here whose ID begins so."""
    from jupyter_mlo.delegation.mandate_store import MandateStore
    from jupyter_mlo.delegation.mandates import read_any

    path = Path(which)
    return read_any(path) if path.is_file() else MandateStore(context.settings).find(which)


def state_of(mandate: Mandate, context: Context) -> str:
    """How one stands, in a few words."""
    return _state(mandate, _in_the_ledger(context), context)


def used_here(mandate: Mandate, context: Context) -> list[Spent] | None:
    """Its spent uses in ledger order; None where it has no limit, or they are counted elsewhere."""
    from jupyter_mlo.ledger.mandate_standing import spent_uses
    from jupyter_mlo.ledger.store import Filter, open_ledger
    from jupyter_mlo.statements.predicates import types
    from jupyter_mlo.statements.strict_json import read_json

    if mandate.scope.uses == "*":
        return None
    try:
        with open_ledger(context.settings, create=False, patience=2) as ledger:
            uses = spent_uses(context.settings, ledger, mandate)
            if uses is None:
                return None
            wanted = Filter(predicate_type=types.PROVENANCE, mlo=mandate.mlo)
            ended: dict[str, list[str]] = {}
            for entry in ledger.entries(wanted):
                envelope = entry.envelope
                said = read_json(envelope.payload)["predicate"]
                ours = said.get("mlo_delegation") == mandate.mandate_id
                if ours and envelope.holds_under(mandate.link.key):
                    ended.setdefault(said.get("mlo_run", ""), []).append(
                        str(said.get("mlo_outcome"))
                    )
    except MloError as error:
        context.note(f"warning: the ledger could not be asked for its uses: {error.message}")
        return None
    return [_spent(use, ended.get(use.run, [])) for use in uses]


def _spent(use: Use, outcomes: Sequence[str]) -> Spent:
    # A use stays spent: nobody can prove that nothing was done under it.
    became = outcomes[0] if outcomes else "no end on record: not begun, running, or killed"
    ends = max(len(outcomes), len(use.ends))
    if ends > 1:
        became += f"; {ends} runs ended under it, and only the first counts: its key was copied"
    return Spent(use.run, use.notebook, use.time, became)


@dataclass(frozen=True)
class _Said:
    """What the ledger says of revocations, and of whose keys are whose."""

    revocations: Sequence[Envelope] = ()
    enrolments: Sequence[Envelope] = ()


def _in_the_ledger(context: Context) -> _Said:
    """What stands there; where it cannot be asked, that is said."""
    from jupyter_mlo.ledger.store import open_ledger
    from jupyter_mlo.ledger.view import LedgerView
    from jupyter_mlo.statements.predicates import types

    try:
        with open_ledger(context.settings, create=False, patience=2) as ledger:
            view = LedgerView(ledger, damaged=_noted(context), kept=context.settings.labels)
            return _Said([*view.binding(types.REVOCATION)], [*view.binding(types.ENROLMENT)])
    except NotFound:
        return _Said()
    except MloError as error:
        context.note(
            f"warning: the ledger could not be asked what was revoked: {error.message}; "
            "only revocations that were made in this home are known"
        )
        return _Said()


def _noted(context: Context) -> Callable[[str], None]:
    return lambda what: context.note(f"warning: the ledger's {what}; jupyter mlo ledger verify")


def _state(mandate: Mandate, said: _Said, context: Context) -> str:
    from jupyter_mlo.delegation.mandate_store import MandateStore
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.statements.times import to_text

    trust = TrustStore(context.settings).load()
    known = MandateStore(context.settings).revocations_for(
        mandate, trust, said.revocations, said.enrolments
    )
    if known.concerning(mandate.links):
        return "revoked"
    permission = mandate.scope.permits(at=context.now())
    if permission.element == "notAfter":
        return f"ended {to_text(mandate.scope.not_after)}"
    if permission.element == "notBefore":
        return f"begins {to_text(mandate.scope.not_before)}"
    return f"{_IN_FORCE} until {to_text(mandate.scope.not_after)}"
