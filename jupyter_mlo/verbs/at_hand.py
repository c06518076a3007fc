"""What this installation has at hand when it judges notebooks: trust, statements, records, ledger.

All of it is optional. On a machine that has nothing of ours there is nobody to trust, and every
verdict says so; nothing is created by looking.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.revocation import Logged
from jupyter_mlo.delegation.trust import Trust, TrustStore
from jupyter_mlo.errors import MloError, NotFound
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.predicates.identity import Revocation

if TYPE_CHECKING:
    from datetime import datetime

    from jupyter_mlo.delegation.uses import Spent
    from jupyter_mlo.ledger.records import RecordStore
    from jupyter_mlo.ledger.store import Ledger
    from jupyter_mlo.ledger.times import Clock
    from jupyter_mlo.ledger.view import LedgerView
    from jupyter_mlo.notebook.reading import Notebook
    from jupyter_mlo.notebook.vouching import RecordSource
    from jupyter_mlo.statements.statement import Statement

#: Seconds to wait for those who write the ledger.
_PATIENCE = 2.0
_DELEGATION = re.compile(rb'"delegation":"([0-9a-f]{64})"')


@dataclass(frozen=True)
class AtHand:
    """Everything that verdicts may rest on beside the notebook itself."""

    trust: Trust
    #: Enrolments of the MLOs of this home, the session's chain, revocations in the ledger.
    pool: Pool
    ledger: LedgerAtHand | None
    settings: Settings
    #: What of the ledger could not be read: whatever it says might be said there. Grows as the
    #: ledger is asked.
    problems: list[str] = field(default_factory=list)
    #: What else could not be read, in sentences for a person; for want of it less is believed.
    notes: tuple[str, ...] = ()
    #: Folder → what is kept there, indexed from the first question on.
    _stores: dict[Path, RecordStore] = field(default_factory=dict)

    @property
    def said(self) -> tuple[str, ...]:
        """Problems and notes."""
        return (*self.problems, *self.notes)

    def close(self) -> None:
        """Let go of the ledger."""
        if self.ledger is not None:
            self.ledger.ledger.close()

    def revoked(self, mlo: str, key_id: str, pool: Pool | None = None) -> str:
        """By whom and when a key of ``mlo`` was revoked, whoever that is; empty where by nobody.

        To be asked of keys that are not known here: whom it does not count for may have said it.

        Args:
            pool: where more is known than here.
        """
        known = pool or self.pool
        for said in known.revocations.get(key_id, ()):
            key = known.key(said.key_id)
            if said.mlo == mlo and key is not None and known.holds(said, key):
                predicate = cast(Revocation, said.predicate)
                return f"revoked {said.time} ({predicate.reason}) by the key {said.key_id}"
        return ""

    def for_notebook(self, notebook: Notebook) -> tuple[Pool, RecordSource | None]:
        """The records of its cells' sources, and with the pool the delegations that they need."""
        records = self._about(notebook, self.settings.records)
        if not records:
            return self.pool, None
        missing = self.ledger.chains_of(records, self.pool) if self.ledger else []
        pool = self.pool.also(missing) if missing else self.pool
        return pool, lambda wanted: records

    def placed(self, notebook: Notebook) -> dict[str, str]:
        """Execution → notebook, of the stamps that were made here for cells of these sources."""
        from jupyter_mlo.notebook.stamps import place_of

        stamps = self.stamps(notebook)
        return dict(place for stamp in stamps if (place := place_of(stamp)) is not None)

    def stamps(self, notebook: Notebook) -> tuple[Envelope, ...]:
        """The stamps that were made here for cells of these sources."""
        return self._about(notebook, self.settings.stamps)

    def _about(self, notebook: Notebook, folder: Path) -> tuple[Envelope, ...]:
        """The statements kept in a folder that are about sources of its code cells."""
        if not folder.is_dir():
            return ()
        if folder not in self._stores:
            from jupyter_mlo.ledger.records import RecordStore

            self._stores[folder] = RecordStore(folder)
        sources = [
            cell.digests.source
            for cell in notebook.cells
            if cell.kind == "code" and not cell.undigestable
        ]
        return self._stores[folder].matching(sources).envelopes


@dataclass
class LedgerAtHand:
    """What this home's ledger knows (:class:`~jupyter_mlo.notebook.claims.LedgerFacts`)."""

    ledger: Ledger
    checkpoint: Mapping[str, object] | None
    clock: Clock
    #: Where it is kept which entries are of which predicate.
    kept: Path
    #: The folder of what was found about each mandate.
    counted: Path
    problems: list[str] = field(default_factory=list)
    #: Whether somebody who is known here answers for a seal: anybody may append one.
    counts: Callable[[Envelope], bool] = lambda envelope: True
    _places: dict[str, Logged | None] = field(default_factory=dict)
    #: By the mandate's ID.
    _uses: dict[str, Spent | None] = field(default_factory=dict)

    @cached_property
    def _view(self) -> LedgerView:
        from jupyter_mlo.ledger.view import LedgerView

        return LedgerView(self.ledger, self.clock, self._damaged, self.kept, self.counted)

    def logged(self, statement_ids: Iterable[str]) -> dict[str, Logged]:
        """Which of these statements the ledger has, where, and (proven) since when."""
        wanted = list(statement_ids)
        new = [one for one in wanted if one not in self._places]
        found = self._view.logged(new)
        self._places.update((one, found.get(one)) for one in new)
        places = ((one, self._places[one]) for one in wanted)
        return {one: place for one, place in places if place is not None}

    def newest_seal(self, notebook: str) -> tuple[str, int] | None:
        """Statement ID and index of the newest seal of a notebook that counts here."""
        for seal, index in self._view.seals(notebook):
            if self.counts(seal):
                return seal.statement_id, index
        return None

    def uses(self, mandate: Statement) -> Spent | None:
        """The uses of a mandate; None where this ledger does not count them."""
        if mandate.statement_id not in self._uses:
            self._uses[mandate.statement_id] = self._view.uses(mandate)
        return self._uses[mandate.statement_id]

    def revocations(self) -> Iterator[Envelope]:
        """All revocations; one that the newest checkpoint does not cover as it is, is said."""
        return self._view.binding(types.REVOCATION)

    def bindings(self) -> Iterator[Envelope]:
        """All that says whose keys are whose, and who acts for which team; delegations aside."""
        for uri in (types.ENROLMENT, types.AFFIRMATION, types.MEMBERSHIP, types.ROLE):
            yield from self._view.binding(uri)

    def _damaged(self, what: str) -> None:
        problem = f"the ledger's {what}; jupyter mlo ledger verify names all that is"
        if problem not in self.problems:
            self.problems.append(problem)

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
            except NotFound:
                continue
            except MloError as error:
                self._damaged(f"delegation {name} is damaged: {error.message}")
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
    notes: list[str] = []
    envelopes = [*_enrolments(settings, notes), *_session_chain(settings, now)]
    ledger = _ledger(settings, trust, problems)
    if ledger is not None:
        try:
            envelopes += [*ledger.revocations(), *ledger.bindings()]
            if lacking := _unexplained(ledger.ledger, trust, now, envelopes):
                problems.append(
                    f"the ledger lacks {lacking} of its entries; jupyter mlo ledger verify names "
                    "them"
                )
        except MloError as error:
            problems.append(f"the ledger could not be asked: {error.message}")
            ledger.ledger.close()
            ledger = None
    pool = Pool.of(envelopes)
    if ledger is not None:
        ledger.counts = _counting(ledger, pool, trust, now)
    return AtHand(trust, pool, ledger, settings, problems, tuple(notes))


def _counting(
    ledger: LedgerAtHand, pool: Pool, trust: Trust, now: datetime
) -> Callable[[Envelope], bool]:
    """Whether the signer of a seal in the ledger is known here, and might make it."""

    def counts(seal: Envelope) -> bool:
        from jupyter_mlo.delegation.assurance import Assurance
        from jupyter_mlo.notebook.claims import Verifier

        whole = pool.also(ledger.chains_of([seal], pool))
        logged = ledger.logged([seal.statement_id, *whole.revocation_ids])
        (claim,) = Verifier(whole, trust, now, logged).claims([seal], types.SEAL)
        return claim.attribution is not None and claim.attribution.assurance > Assurance.CLAIMED

    return counts


def _enrolments(settings: Settings, notes: list[str]) -> list[Envelope]:
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
            notes.append(f"the enrolments of {identity.mlo} could not be read: {error}")
    return found


def _session_chain(settings: Settings, now: datetime) -> tuple[Envelope, ...]:
    from jupyter_mlo.delegation.sessions import load_session

    try:
        signer = load_session(settings, now)
    except (MloError, OSError):
        return ()  # `status` and `seal` say what is wrong with it
    return signer.chain if signer is not None else ()


def _unexplained(ledger: Ledger, trust: Trust, now: datetime, others: Iterable[Envelope]) -> int:
    """How many entries lack their content without an erasure that counts here."""
    if not ledger.missing():
        return 0
    from jupyter_mlo.ledger.erasures import erasures_in

    erased = erasures_in(ledger, trust=trust, now=now, others=others).leaves
    return sum(1 for index, leaf in ledger.holes().items() if erased.get(index) != leaf)


def _ledger(settings: Settings, trust: Trust, problems: list[str]) -> LedgerAtHand | None:
    """The ledger; None, silently, only where there is none."""
    from jupyter_mlo.ledger.address import address_of
    from jupyter_mlo.ledger.store import open_ledger
    from jupyter_mlo.ledger.witnesses import clock_of

    try:
        if address_of(settings).path is not None and not settings.ledger.is_dir():
            return None
        ledger = open_ledger(settings, create=False, patience=_PATIENCE)
    except NotFound:
        return None
    except (MloError, OSError) as error:
        problems.append(f"the ledger could not be asked: {getattr(error, 'message', error)}")
        return None
    try:
        if rolled_back := ledger.rolled_back():
            problems.append(rolled_back)
        clock, kept = clock_of(trust, ledger.verifier), (settings.labels, settings.counted)
        return LedgerAtHand(ledger, ledger.quoted(), clock, *kept, problems)
    except (MloError, OSError) as error:
        problems.append(f"the ledger could not be asked: {getattr(error, 'message', error)}")
        ledger.close()
        return None
