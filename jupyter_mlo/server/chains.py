"""The delegations behind records: of sessions that are open, and of those that have ended.

A cell that ran in an earlier session is still its executor's, who signs in again and saves. What
this server has seen of sessions is in memory; of what was before it began, the ledger knows.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.errors import MloError

if TYPE_CHECKING:
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.statements.envelope import Envelope

_DELEGATION = re.compile(rb'"delegation":"([0-9a-f]{64})"')
#: Seconds that a save waits for the ledger, once for each delegation that it alone knows.
_WAIT = 0.1
#: Links from a session to a key of one's own are few.
_LONGEST = 8


class Chains:
    """For one server. Called from the event loop and from worker threads."""

    def __init__(
        self, settings: Settings, workers: Executor, failed: Callable[[str], None]
    ) -> None:
        self._settings, self._workers, self._failed = settings, workers, failed
        #: Delegation → the chain up to it.
        self._known: dict[str, tuple[Envelope, ...]] = {}
        self._asked: set[str] = set()
        #: What was wanted last, read: at most saves it is the same.
        self._last: tuple[tuple[Envelope, ...], Pool] = (), Pool()

    def keep(self, signer: Signer) -> None:
        """A session is open."""
        if signer.delegation is not None:
            self._known[signer.delegation] = signer.chain

    def pool(self, signers: Iterable[Signer], records: Iterable[Envelope]) -> Pool:
        """What these signers and records need; what is lacking is there at the next save."""
        wanted: dict[str, Envelope] = {}
        for signer in signers:
            self.keep(signer)
            wanted.update((link.statement_id, link) for link in signer.chain)
        names = {name for one in records if (name := _delegation_of(one)) is not None}
        missing = names - self._known.keys() - self._asked
        if missing:
            self._asked |= missing
            with contextlib.suppress(TimeoutError):
                self._workers.submit(self._fetch, missing).result(_WAIT)
        for name in names:
            wanted.update((link.statement_id, link) for link in self._known.get(name, ()))
        links, pool = tuple(wanted.values()), self._last[1]
        # By all that the envelopes are: a statement's ID says nothing of its signature.
        if links != self._last[0]:
            pool = Pool.of(links)
            self._last = links, pool
        return pool

    def _fetch(self, names: set[str]) -> None:
        from jupyter_mlo.ledger.store import open_ledger

        try:
            with open_ledger(self._settings, create=False, patience=0) as ledger:
                for name in names:
                    chain: list[Envelope] = []
                    above: str | None = name
                    while above is not None and len(chain) < _LONGEST:
                        chain.insert(0, ledger.envelope(above))
                        above = _delegation_of(chain[0])
                    self._known[name] = tuple(chain)
        except MloError:
            self._asked -= names  # the ledger is locked, or has it not yet: asked again
        except Exception:
            self._failed("ask the ledger for a session")


def _delegation_of(statement: Envelope) -> str | None:
    found = _DELEGATION.search(statement.payload)
    return None if found is None else found[1].decode()
