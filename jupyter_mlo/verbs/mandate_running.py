"""What a runner does with mandates: gives its key, and sets uses aside for when it is offline."""

from __future__ import annotations

import argparse
import uuid
from pathlib import Path

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.verbs.context import Context


def show_key(context: Context) -> int:
    """Print this runner's public key; make it where there is none."""
    from jupyter_mlo.delegation.runner_key import make_runner_key

    key = make_runner_key(context.settings)
    context.say(key.public.to_text())
    context.note(f"fingerprint {key.key_id}: compare it where the mandate is made")
    context.note("next, there: jupyter mlo mandate create NOTEBOOK --for 30d --to THAT_TEXT")
    return 0


def lease(arguments: argparse.Namespace, context: Context) -> int:
    """Reserve uses in the ledger now, and keep them here."""
    from jupyter_mlo.delegation.leases import LeaseStore
    from jupyter_mlo.delegation.runner_key import read_mandate_here
    from jupyter_mlo.delegation.runs import LONGEST, delegate_run
    from jupyter_mlo.ledger.mandate_standing import mandate_standing, reserve_uses
    from jupyter_mlo.statements.times import to_text
    from jupyter_mlo.verbs.publishing import last_checkpoint

    if not 1 <= arguments.uses <= 1000:
        raise InvalidInput(f"{arguments.uses} uses are not leased", hint="from 1 to 1000")
    now, settings = context.now(), context.settings
    mandate = read_mandate_here(settings, Path(arguments.which))
    if mandate.scope.uses == "*":
        raise InvalidInput(
            f"{mandate.label} permits any number of runs: there is nothing to lease",
            hint="it runs without the ledger as it is",
        )
    standing = mandate_standing(settings, mandate, now)
    if not standing and standing.element != "uses":
        raise InvalidInput(f"nothing is leased: {standing.reason}", hint="have it renewed")
    signer = mandate.signer(now, last_checkpoint(context))
    leaves = [
        delegate_run(signer, f"urn:uuid:{uuid.uuid4()}", f"urn:uuid:{uuid.uuid4()}", now, LONGEST)
        for _ in range(arguments.uses)
    ]
    reserve_uses(settings, mandate, [leaf.chain[-1] for leaf in leaves])
    LeaseStore(settings).put(mandate.mandate_id, leaves)
    held = LeaseStore(settings).left(mandate.mandate_id, now)
    context.say(f"leased {arguments.uses} of the {mandate.scope.uses} runs of {mandate.label}")
    context.say(f"  here now     {len(held)}; they are taken first, with the ledger or without")
    context.say(f"  until        {to_text(min(leaf.expires for leaf in leaves))}")
    context.say("spent they are already: what is not run here by then, nobody can run")
    return 0
