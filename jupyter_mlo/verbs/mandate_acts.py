"""What is done to mandates, wherever it was asked for: in a terminal or in the panel.

Made, renewed and ended by the MLO's own key: a session may not issue them. Whoever asks unlocks
that key, says what is meant, and is shown it before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jupyter_mlo.errors import InvalidInput, MloError
from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.delegation.mandate_store import MandateStore
    from jupyter_mlo.delegation.mandates import Mandate, MandateFile, Permitted
    from jupyter_mlo.delegation.revocation import Reason
    from jupyter_mlo.delegation.scope import Everything
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.identity.keys import PublicKey, SigningKey
    from jupyter_mlo.identity.store import Identity, IdentityStore
    from jupyter_mlo.notebook.reading import Notebook

#: Notebooks that one mandate may be for.
MOST_NOTEBOOKS = 1000


@dataclass(frozen=True)
class Terms:
    """What a mandate that is to be made permits; raises :class:`InvalidInput` where it cannot."""

    #: The file's name, or what several are called, for people.
    notebook: str
    #: ``mloCodeV1`` of each notebook, hex.
    code: Sequence[str]
    activities: Sequence[str]
    models: Sequence[str]
    parameters: Permitted | Everything
    lasts: timedelta
    #: How many runs may start; None for any number.
    uses: int | None
    #: The runner's key; None where the mandate has a key of its own.
    to: PublicKey | None

    def __post_init__(self) -> None:
        from jupyter_mlo.delegation.sessions import check_activity, check_model

        check_length(self.lasts, self.uses)
        if not self.activities:
            raise InvalidInput(
                "the activity is missing", hint="--activity, one of: " + ", ".join(_activities())
            )
        for activity in self.activities:
            check_activity(activity)
        for model in self.models:
            check_model(model)

    def scope(self, now: datetime) -> dict[str, Any]:
        """As ``create_mandate`` and ``scope_lines`` take them."""
        return {
            "code": sorted(set(self.code)),
            "activities": list(dict.fromkeys(self.activities)),
            "models": list(dict.fromkeys(self.models)),
            "parameters": self.parameters,
            "uses": "*" if self.uses is None else self.uses,
            "now": now,
            "lasts": self.lasts,
        }


def code_of(name: str, notebook: Notebook) -> str:
    """``mloCodeV1`` of a notebook that a mandate is to be for.

    Raises:
        InvalidInput: a run would leave out some of its code.
    """
    from jupyter_mlo.notebook.code import code_digest, skipped_position

    at = skipped_position(notebook)
    if at is not None:
        raise InvalidInput(
            f"{name[:200]}: cell {at + 1} is tagged skip-execution, and a mandate is for all of a "
            "notebook's code",
            hint="remove the tag, or the cell",
        )
    return code_digest(notebook)


def check_length(lasts: timedelta, uses: int | None) -> None:
    """Raise :class:`InvalidInput` unless a mandate may last so long, and have so many uses."""
    from jupyter_mlo.delegation.mandates import check_lasts

    check_lasts(lasts)
    if uses is not None and uses < 1:
        raise InvalidInput(
            "a mandate of no uses permits nothing", hint="--uses 20, or leave it out"
        )


def own_signer(
    store: IdentityStore, identity: Identity, key: SigningKey, context: Context
) -> Signer:
    """The hand of an MLO's own key, quoting the ledger's last checkpoint."""
    from jupyter_mlo.delegation.enrolment import kept_enrolments
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.verbs.publishing import last_checkpoint

    return Signer.own(identity.mlo, key, kept_enrolments(store, identity), last_checkpoint(context))


def made(own: Signer, terms: Terms, now: datetime, context: Context) -> MandateFile:
    """Signed, and kept nowhere yet: see :func:`keep`."""
    from jupyter_mlo.delegation.mandates import create_mandate

    if terms.uses is not None:
        own = counting(own, context)
    return create_mandate(own, notebook=terms.notebook, to=terms.to, **terms.scope(now))


def made_anew(
    own: Signer, old: Mandate, lasts: timedelta, to: PublicKey | None, context: Context
) -> MandateFile:
    """The same scope with a new end, signed, and kept nowhere yet."""
    from jupyter_mlo.delegation.mandate_changes import renew

    if old.scope.uses != "*":
        own = counting(own, context)
    return renew(own, old, now=context.now(), lasts=lasts, to=to)


def check_renewable(old: Mandate, state: str) -> None:
    """Raise :class:`InvalidInput` where a mandate was revoked: that is not taken back."""
    if state == "revoked":
        raise InvalidInput(
            f"{old.label} was revoked, and is not renewed",
            hint="make a new one: jupyter mlo mandate create",
        )


def counting(own: Signer, context: Context) -> Signer:
    """This signer, quoting the ledger that counts uses; raises :class:`MloError` without one."""
    from jupyter_mlo.verbs.publishing import last_checkpoint, publish

    if own.checkpoint is None:  # perhaps there is none yet
        publish(context, own.chain)
        own = own.quoting(last_checkpoint(context))
    if own.checkpoint is None:
        raise MloError(
            "uses are counted in the ledger, and it cannot be asked now",
            hint="jupyter mlo status says why; try again when it can",
        )
    return own


def keep(
    file: MandateFile, kept: MandateStore, context: Context, *, whole: bool = False
) -> Mandate:
    """Keep a mandate before it is handed out: what exists can be listed and revoked.

    Args:
        whole: with its key, for jobs of this machine; else the public part.
    """
    from jupyter_mlo.verbs.publishing import publish

    mandate = kept.add_whole(file) if whole else kept.add(file)
    publish(context, mandate.chain)
    return mandate


def end(
    own: Signer,
    mandate: Mandate,
    context: Context,
    *,
    reason: Reason,
    compromised_since: datetime | None = None,
) -> None:
    """Revoke a mandate: from now on runs that see this home or its ledger are refused."""
    from jupyter_mlo.delegation.mandate_store import MandateStore
    from jupyter_mlo.delegation.revocation import make_revocation
    from jupyter_mlo.verbs.publishing import publish

    revocation = make_revocation(
        own,
        now=context.now(),
        reason=reason,
        delegation=mandate.mandate_id,
        compromised_since=compromised_since,
    )
    # Kept here first: a run on this home refuses it from now on, ledger or not.
    MandateStore(context.settings).add_revocation(mandate.mandate_id, revocation)
    publish(context, [*mandate.chain, revocation])


def called(names: Sequence[str], notebooks: int) -> str:
    """What several notebooks are called together."""
    shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
    return f"{shown[:900]} ({notebooks} notebooks)"


def check_count(notebooks: int) -> None:
    """Raise :class:`InvalidInput` where there are too many for one mandate."""
    if notebooks > MOST_NOTEBOOKS:
        raise InvalidInput(
            f"{notebooks} notebooks for one mandate", hint=f"at most {MOST_NOTEBOOKS}"
        )


def _activities() -> Sequence[str]:
    from jupyter_mlo.statements.predicates.types import ACTIVITIES

    return tuple(ACTIVITIES)
