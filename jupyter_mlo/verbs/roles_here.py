"""Which roles are in force here: those that registrars who are trusted here gave."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from jupyter_mlo.verbs.context import Context


def roles_here(context: Context, registrar: str | None = None) -> dict[str, list[str]]:
    """MLO ID → its roles, by what is in this home's ledger and not taken back.

    Args:
        registrar: count this registrar's key alone, trusted here or not.

    Raises:
        InvalidInput: the trust file is damaged.
    """
    from jupyter_mlo.delegation.assurance import Standings
    from jupyter_mlo.delegation.revocation import Revocations
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.verbs.at_hand import at_hand

    trust = TrustStore(context.settings).load()
    if registrar is not None:
        trust = replace(trust, registrars={registrar: ""})
    if not trust.registrars:
        return {}
    with closing(at_hand(context.settings, context.now())) as here:
        if here.ledger is None or not here.pool.roles:
            return {}
        said = [one.statement_id for each in here.pool.roles.values() for one in each]
        logged = here.ledger.logged([*here.pool.dated(), *said])
        standings = Standings(here.pool, trust, Revocations(here.pool, trust, logged))
        found = {
            mlo: sorted(standings.roles(mlo, context.now())) for mlo in sorted(here.pool.roles)
        }
    return {mlo: roles for mlo, roles in found.items() if roles}
