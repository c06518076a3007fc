"""What this installation has at hand when it judges notebooks: trust, statements, records, ledger.

All of it is optional. On a machine that has nothing of ours there is nobody to trust, and every
verdict says so; nothing is created by looking.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.revocation import Logged
from jupyter_mlo.delegation.trust import Trust, TrustStore
from jupyter_mlo.errors import MloError, NotFound
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types

if TYPE_CHECKING:
    from datetime import datetime

    from jupyter_mlo.ledger.store import Ledger
    from jupyter_mlo.notebook.reading import Notebook
    from jupyter_mlo.notebook.vouching import RecordSource

#: Seconds to wait for those who write the ledger.
_PATIENCE = 2.0
_NOTEBOOK = re.compile(rb'"notebook":"(urn:uuid:[0-9a-f-]{36})"')
_DELEGATION = re.compile(rb'"delegation":"([0-9a-f]{64})"')


@dataclass(frozen=True)
class AtHand:
    """Everything that verdicts may rest on beside the notebook itself."""

    trust: Trust
    #: Enrolments of the MLOs of this home, the session's chain, revocations in the ledger.
    pool: Pool
    ledger: LedgerAtHand | None
    settings: Settings
    #: What could not be asked, in sentences for a person.
    problems: tuple[str, ...] = ()

    def close(self) -> None:
        """Let go of the ledger."""
        if self.ledger is not None:
            self.ledger.ledger.close()

    def for_notebook(self, notebook: Notebook) -> tuple[Pool, RecordSource | None]:
        """The records of its cells' sources, and with the pool the delegations that they need."""
        if not self.settings.records.is_dir():
            return self.pool, None
        from jupyter_mlo.ledger.records import RecordStore

        sources = {
            cell.digests.source
            for cell in notebook.cells
            if cell.kind == "code" and not cell.undigestable
        }
        records = RecordStore(self.settings).matching(sources).envelopes
        if not records:
            return self.pool, None
        missing = self.ledger.chains_of(records, self.pool) if self.ledger else []
        pool = self.pool.also(missing) if missing else self.pool
        return pool, lambda wanted: records


@dataclass
class LedgerAtHand:
    """What this home's ledger knows (:class:`~jupyter_mlo.notebook.claims.LedgerFacts`)."""

    ledger: Ledger
    checkpoint: Mapping[str, object] | None
    _places: dict[str, Logged | None] = field(default_factory=dict)

    def logged(self, statement_ids: Iterable[str]) -> dict[str, Logged]:
        """Which of these statements the ledger has, and where."""
        found = {}
        for statement_id in statement_ids:
            if statement_id not in self._places:
                try:
                    self._places[statement_id] = Logged(self.ledger.index(statement_id))
                except NotFound:
                    self._places[statement_id] = None
            place = self._places[statement_id]
            if place is not None:
                found[statement_id] = place
        return found

    def newest_seal(self, notebook: str) -> tuple[str, int] | None:
        """Statement ID and index of the newest seal of a notebook."""
        return self._newest_seals.get(notebook)

    @cached_property
    def _newest_seals(self) -> dict[str, tuple[str, int]]:
        from jupyter_mlo.ledger.store import Filter

        found = {}
        for entry in self.ledger.entries(Filter(predicate_type=types.SEAL)):
            try:
                named = _NOTEBOOK.search(entry.envelope.payload)
            except MloError:
                continue  # a damaged row is what `ledger verify` is for
            if named:
                found[named[1].decode()] = (entry.statement_id, entry.index)
        return found

    def envelopes(self, predicate_type: str) -> Iterator[Envelope]:
        """All statements of one predicate that can be read."""
        from jupyter_mlo.ledger.store import Filter

        for entry in self.ledger.entries(Filter(predicate_type=predicate_type)):
            try:
                yield entry.envelope
            except MloError:
                continue

    def chains_of(self, envelopes: Iterable[Envelope], pool: Pool) -> list[Envelope]:
        """The delegations, up to own keys, that statements name and the pool does not have."""
        found: dict[str, Envelope] = {}
        open_ = list(envelopes)
        while open_:
            named = _DELEGATION.search(open_.pop().payload)
            name = named[1].decode() if named else ""
            if not name or name in found or name in pool.delegations:
                continue
            try:
                found[name] = self.ledger.envelope(name)
            except MloError:
                continue
            open_.append(found[name])
        return list(found.values())


def at_hand(settings: Settings, now: datetime) -> AtHand:
    """Look at what there is; what cannot be read is said and does without.

    Raises:
        InvalidInput: the trust file is damaged: without it conflicts would look like strangers.
    """
    trust = TrustStore(settings).load()
    problems: list[str] = []
    envelopes = [*_enrolments(settings, problems), *_session_chain(settings, now)]
    ledger = _ledger(settings, problems)
    if ledger is not None:
        try:
            envelopes += ledger.envelopes(types.REVOCATION)
        except MloError as error:
            problems.append(f"the ledger could not be asked: {error.message}")
            ledger = None
    return AtHand(trust, Pool.of(envelopes), ledger, settings, tuple(problems))


def _enrolments(settings: Settings, problems: list[str]) -> list[Envelope]:
    if not settings.identities.is_dir():
        return []
    from jupyter_mlo.delegation.enrolment import kept_enrolments
    from jupyter_mlo.identity.store import IdentityStore

    store = IdentityStore(settings)
    found: list[Envelope] = []
    for identity in store.all():
        try:
            found += kept_enrolments(store, identity)
        except (MloError, OSError) as error:
            problems.append(f"the enrolments of {identity.mlo} could not be read: {error}")
    return found


def _session_chain(settings: Settings, now: datetime) -> tuple[Envelope, ...]:
    from jupyter_mlo.delegation.sessions import load_session

    try:
        signer = load_session(settings, now)
    except (MloError, OSError):
        return ()  # `status` and `seal` say what is wrong with it
    return signer.chain if signer is not None else ()


def _ledger(settings: Settings, problems: list[str]) -> LedgerAtHand | None:
    if not settings.ledger.is_dir():
        return None
    from jupyter_mlo.ledger.store import open_ledger

    try:
        ledger = open_ledger(settings, create=False, patience=_PATIENCE)
        quoted: dict[str, Any] = ledger.quoted()
    except NotFound:
        return None
    except (MloError, OSError) as error:
        problems.append(f"the ledger could not be asked: {getattr(error, 'message', error)}")
        return None
    return LedgerAtHand(ledger, quoted)
