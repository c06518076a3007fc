"""What whoever keeps a team's ledger does: make its tables, run its sequencer, move a log there."""

from __future__ import annotations

import signal
from pathlib import Path

from jupyter_mlo.errors import Refused
from jupyter_mlo.verbs.context import Context


def upgrade(context: Context) -> int:
    """Make the tables of the ledger that ``ledger.url`` names, or bring them up to date."""
    from jupyter_mlo.ledger.address import address_of, ledger_folder
    from jupyter_mlo.ledger.schema import CURRENT
    from jupyter_mlo.ledger.store import open_ledger, upgrade

    changed = upgrade(context.settings)
    with open_ledger(context.settings, create=False) as ledger:
        what = "made, or brought up to date" if changed else "up to date"
        shown = address_of(context.settings).shown
        context.say(f"{what}: {ledger.origin} in {shown}, schema {CURRENT}")
        context.say(f"  key     {ledger.verifier.vkey}")
        context.say(f"  folder  {ledger_folder(context.settings)}")
    return 0


def serve(context: Context, *, stand_by: bool) -> int:
    """Be the sequencer until SIGTERM or Ctrl-C."""
    from jupyter_mlo.ledger.serving import Service
    from jupyter_mlo.statements.times import to_text

    if context.in_kernel:
        raise Refused(
            "the sequencer is not run in a kernel",
            hint="it is a service: jupyter mlo ledger serve in a terminal, or by systemd",
        )

    def say(text: str) -> None:
        context.say(f"{to_text(context.now())} {text}")

    service = Service(context.settings, say, stand_by=stand_by)
    before = {
        number: signal.signal(number, lambda *_: service.stop())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        taken = service.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    say(f"stopped; {taken} statements were taken")
    return 0


def move(context: Context, file: str | None) -> int:
    """Move this home's own ledger into the database that ``ledger.url`` names."""
    from jupyter_mlo.delegation.trust import TrustStore
    from jupyter_mlo.ledger.erasures import erasures_in
    from jupyter_mlo.ledger.moving import move
    from jupyter_mlo.verbs.progress import progress

    settings = context.settings
    trust, now = TrustStore(settings).load(), context.now()
    with progress("verified", "entries", context) as moved:
        done = move(
            settings,
            Path(file) if file else None,
            erased=lambda ledger: erasures_in(ledger, trust=trust, now=now).leaves,
            progress=moved,
        )
    context.say(f"moved: {done.entries} entries are in {done.shown}, and the log goes on there")
    context.say(f"  closed  {done.source} (it can still be read)")
    context.say("next: jupyter mlo ledger serve")
    return 0
