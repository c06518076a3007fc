"""Who answers for what stands in a ledger: every statement's signature and chain, checked.

The tree says that nothing was changed since it was logged; this says that it was right to
begin with. The two are separate, because a rightly kept ledger may well hold a statement
that does not count (any more): revoked, out of scope, of a chain that never came.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from jupyter_mlo.delegation.revocation import Logged, Revocations
from jupyter_mlo.errors import MloError, Refused
from jupyter_mlo.ledger.log import Ledger
from jupyter_mlo.ledger.report import Fault
from jupyter_mlo.ledger.verification import Progress
from jupyter_mlo.ledger.view import LedgerView
from jupyter_mlo.ledger.witnesses import clock_of
from jupyter_mlo.statements.envelope import Envelope

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust
    from jupyter_mlo.statements.statement import Statement

#: Statements read and checked at once.
_BATCH: Final = 1000
#: Batches from which processes are worth their start.
_MANY: Final = 4


@dataclass
class StatementsReport:
    """What checking the statements of a ledger found."""

    #: Statements whose signature and chain hold.
    hold: int = 0
    #: Statements that are broken: not well-formed, or a signature does not hold.
    faults: list[Fault] = field(default_factory=list)
    #: Statements that are whole but do not count here: key ended, out of scope, no chain.
    refused: list[Fault] = field(default_factory=list)
    #: Statements that count, though they were logged after their key had ended.
    late: list[Fault] = field(default_factory=list)
    #: Statements of predicates that this version does not know: nothing is said of them.
    unknown: int = 0
    #: Processor seconds of all processes together: for reading and checking signatures, and then
    #: for who answers for what they sign.
    signatures_took: float = field(default=0.0, compare=False)
    chains_took: float = field(default=0.0, compare=False)

    def add(self, part: StatementsReport) -> None:
        """Take in what was found among some of them."""
        self.hold += part.hold
        self.faults += part.faults
        self.refused += part.refused
        self.late += part.late
        self.unknown += part.unknown
        self.signatures_took += part.signatures_took
        self.chains_took += part.chains_took


def check_statements(
    ledger: Ledger,
    *,
    trust: Trust,
    now: datetime,
    others: Iterable[Envelope] = (),
    since: int = 0,
    progress: Progress | None = None,
    reopen: Callable[[], Ledger] | None = None,
) -> StatementsReport:
    """Check every statement of ``ledger``.

    Args:
        trust: pins and registrars of the verifier's own configuration.
        now: the verifier's clock.
        others: enrolments, delegations and revocations at hand beside the ledger's own.
        since: statements before this index are not checked.
        reopen: opens the ledger once more; where there are many statements, processes on all
            cores then share them. Not for a process with threads.
    """
    size, others = ledger.size, tuple(others)
    starts = range(since, size, _BATCH)
    ends = [*starts[1:], None]
    cores = os.cpu_count() or 1
    report = StatementsReport()
    with contextlib.ExitStack() as stack:
        if reopen is None or cores < 2 or len(starts) < _MANY:
            checker = _Checker(ledger, trust, now, others)
            parts: Iterator[StatementsReport] = map(checker, starts or (since,), ends)
        else:
            method = "fork" if sys.platform == "linux" else "spawn"
            pool = ProcessPoolExecutor(
                min(cores, len(starts)),
                multiprocessing.get_context(method),
                initializer=_begin,
                initargs=(reopen, trust, now, others),
            )
            parts = stack.enter_context(pool).map(_part, starts, ends)
        for end, part in zip(ends, parts, strict=True):
            report.add(part)
            if progress is not None:
                progress(size if end is None else end, size)
    return report


class _Checker:
    """Checks the statements of one open ledger, some at a time."""

    def __init__(
        self, ledger: Ledger, trust: Trust, now: datetime, others: Iterable[Envelope]
    ) -> None:
        from jupyter_mlo.delegation.chain import KeyCache, Pool

        view = LedgerView(ledger, clock_of(trust, ledger.verifier))
        self._ledger = ledger
        self._trust = trust
        self._now = now
        self._pool = Pool.of([*view.pooled(), *others])
        self._revocations = Revocations(self._pool, trust, _Places(view), timed=False)
        self._cache = KeyCache()
        self._keys = self._pool.keys()

    def __call__(self, first: int, end: int | None) -> StatementsReport:
        """What those from index ``first`` up to ``end`` (to the last where None) are worth."""
        from jupyter_mlo.delegation.chain import attribute_many

        report = StatementsReport()
        began = time.process_time()
        envelopes = list(self._read(first, end, report))
        signers = [self._signer(envelope) for _, envelope in envelopes]
        signatures_checked = time.process_time()
        read = list(_statements(envelopes, signers, report))
        results = attribute_many(
            [statement for _, statement, _ in read],
            pool=self._pool,
            trust=self._trust,
            revocations=self._revocations,
            now=self._now,
            key_cache=self._cache,
            held=[signer for _, _, signer in read],
        )
        report.signatures_took = signatures_checked - began
        report.chains_took = time.process_time() - signatures_checked
        for (index, _, _), result in zip(read, results, strict=True):
            if isinstance(result, Refused):
                report.refused.append(Fault(f"contents {index}", result.message, index))
            elif isinstance(result, MloError):
                report.faults.append(Fault(f"contents {index}", result.message, index))
            elif result.lapsed:
                why = f"only claimed: {result.remark}"
                report.refused.append(Fault(f"contents {index}", why, index))
            else:
                report.hold += 1
                if result.late:
                    report.late.append(Fault(f"contents {index}", result.remark, index))
        return report

    def _read(
        self, first: int, end: int | None, report: StatementsReport
    ) -> Iterator[tuple[int, Envelope]]:
        """The envelopes, with their indexes, that can be read and are of a kind known here."""
        from jupyter_mlo.statements.statement import MODELS

        for index, kind, stored in self._ledger.stored_from(first, end):
            if kind is not None and kind not in MODELS:
                report.unknown += 1
                continue
            try:
                yield index, Envelope.from_bytes(stored)
            except MloError as error:
                report.faults.append(Fault(f"contents {index}", error.message, index))

    def _signer(self, envelope: Envelope) -> str:
        """The ID of the key under which a signature holds; empty where it holds under none.

        Whether that is the key that had to sign is the matter of the chain, which comes after.
        """
        key = self._keys.get(envelope.key_id)
        return key.key_id if key is not None and envelope.holds_under(key) else ""


_checker: _Checker | None = None


def _begin(
    reopen: Callable[[], Ledger], trust: Trust, now: datetime, others: Iterable[Envelope]
) -> None:
    """Begin in a new process, with a connection of its own."""
    global _checker
    _checker = _Checker(reopen(), trust, now, others)


def _part(first: int, end: int | None) -> StatementsReport:
    assert _checker is not None
    return _checker(first, end)


def _statements(
    envelopes: Sequence[tuple[int, Envelope]], signers: Sequence[str], report: StatementsReport
) -> Iterator[tuple[int, Statement, str]]:
    from jupyter_mlo.statements.statement import read_statement

    for (index, envelope), signer in zip(envelopes, signers, strict=True):
        try:
            yield index, read_statement(envelope), signer
        except MloError as error:
            report.faults.append(Fault(f"contents {index}", error.message, index))


class _Places(Mapping[str, Logged]):
    """Where statements stand, asked for one by one: only revocations make anybody ask."""

    def __init__(self, view: LedgerView) -> None:
        self._view = view

    def __getitem__(self, statement_id: str) -> Logged:
        return self._view.logged([statement_id])[statement_id]

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
