"""Whether what a mandate's key has stamped is among the uses that the mandate permits.

Only the ledger that counts the uses can say it. A verifier who has another one, or none, is told
so. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_mlo.delegation.chain import Attribution
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.roles import Role
from jupyter_mlo.delegation.scope import EVERYTHING
from jupyter_mlo.delegation.uses import use_refusal
from jupyter_mlo.notebook.claims import Claim, LedgerFacts, Verifier
from jupyter_mlo.notebook.mandated import OutOfScope
from jupyter_mlo.notebook.sealed import Sealed


def overused(
    claims: Mapping[int, Claim],
    sealed: Sealed,
    ledger: LedgerFacts | None,
    pool: Pool,
    verifier: Verifier,
) -> OutOfScope:
    """Hold the notebooks that stamps and the newest seal name against the uses of their mandates.

    Args:
        claims: position → the stamp that the cell there carries.
        ledger: what the verifier's ledger knows.
        pool: the chains of the claims, mandates among them.
        verifier: knows what revokes them.
    """
    known: dict[tuple[str, str], str | None] = {}
    seals: dict[tuple[str, str], list[str]] = {}
    for believed in sealed.believed():
        under = _counted(believed.claim.attribution)
        if under is not None:
            place = (under[0], believed.claim.seal.notebook)
            seals.setdefault(place, []).append(believed.statement_id)
    notes: dict[str, None] = {}

    def found_of(mandate: str, permitted: int, notebook: str, actor: Attribution) -> str | None:
        # All copies under one statement ID say the same.
        spent = ledger.uses(pool.delegations[mandate][0]) if ledger is not None else None
        if ledger is None or spent is None:
            return None
        # What was revoked elsewhere, or has not come into this ledger yet, has no place in it;
        # what was revoked before the mandate was made stands at its column's.
        by = verifier.revoking(actor)
        places = [spent.revocations[one] for one in by if one in spent.revocations]
        places += [place.index for place in ledger.logged(by).values()]
        revoked = min(places, default=None)
        sealed_as = seals.get((mandate, notebook), ())
        return use_refusal(spent.uses, permitted, notebook, sealed_as, revoked)

    def refusal(claim: Claim, notebook: str) -> str:
        counted = _counted(claim.attribution)
        if counted is None or claim.attribution is None:
            return ""
        mandate, permitted = counted
        if (mandate, notebook) not in known:
            known[mandate, notebook] = found_of(mandate, permitted, notebook, claim.attribution)
        why = known[mandate, notebook]
        if why is None:
            runs = "1 run" if permitted == 1 else f"{permitted} runs"
            notes[
                f"the mandate {mandate[:12]} permits {runs}: whether this is one of them, only the "
                "ledger that counts them can say, which is not at hand"
            ] = None
        return why or ""

    found = {
        at: refusal(claim, claim.stamp.notebook)
        for at, claim in claims.items()
        if claim.attribution is not None
    }
    newest = sealed.newest
    seal = refusal(newest.claim, newest.claim.seal.notebook) if newest is not None else ""
    return OutOfScope({at: why for at, why in found.items() if why}, seal, tuple(notes))


def _counted(attribution: Attribution | None) -> tuple[str, int] | None:
    """The mandate that somebody acted under and how many uses it permits, if it counts them."""
    if attribution is None or attribution.kind is not Role.MANDATE or attribution.scope is None:
        return None
    uses = attribution.scope.uses
    if uses == EVERYTHING:
        return None
    return attribution.delegation_ids[-1], int(uses)
