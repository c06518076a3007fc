"""Who answers for what stands in a ledger: every statement's signature and chain, checked.

The tree says that nothing was changed since it was logged; this says that it was right to
begin with. The two are separate, because a rightly kept ledger may well hold a statement
that does not count (any more): revoked, out of scope, of a chain that never came.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Final

from jupyter_mlo.delegation.revocation import Logged, Revocations
from jupyter_mlo.errors import MloError, Refused
from jupyter_mlo.ledger.log import Ledger
from jupyter_mlo.ledger.report import Fault
from jupyter_mlo.ledger.rows import Entry, Filter
from jupyter_mlo.ledger.verification import Progress
from jupyter_mlo.ledger.view import LedgerView
from jupyter_mlo.statements.envelope import Envelope

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust
    from jupyter_mlo.statements.statement import Statement

#: Statements read and checked at once.
_BATCH: Final = 2000


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


def check_statements(
    ledger: Ledger,
    *,
    trust: Trust,
    now: datetime,
    others: Iterable[Envelope] = (),
    progress: Progress | None = None,
) -> StatementsReport:
    """Check every statement of ``ledger``.

    Args:
        trust: pins and registrars of the verifier's own configuration.
        now: the verifier's clock.
        others: enrolments, delegations and revocations at hand beside the ledger's own.
    """
    from jupyter_mlo.delegation.chain import KeyCache, Pool, attribute_many

    view = LedgerView(ledger)
    pool = Pool.of([*view.pooled(), *others])
    revocations = Revocations(pool, trust, _Places(view), timed=view.timed)
    cache = KeyCache()
    report = StatementsReport()
    size, done = ledger.size, 0
    entries = ledger.entries(Filter())
    while batch := list(islice(entries, _BATCH)):
        read = list(_read(batch, report))
        results = attribute_many(
            [statement for _, statement in read],
            pool=pool,
            trust=trust,
            revocations=revocations,
            now=now,
            key_cache=cache,
            workers=os.cpu_count() or 1,
        )
        for (index, _), result in zip(read, results, strict=True):
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
        done += len(batch)
        if progress is not None:
            progress(done, size)
    return report


def _read(batch: list[Entry], report: StatementsReport) -> Iterator[tuple[int, Statement]]:
    from jupyter_mlo.statements.statement import MODELS, read_statement

    for entry in batch:
        kind = entry.facts.predicate_type
        if kind is not None and kind not in MODELS:
            report.unknown += 1
            continue
        try:
            yield entry.index, read_statement(entry.envelope)
        except MloError as error:
            fault = Fault(f"contents {entry.index}", error.message, entry.index)
            report.faults.append(fault)


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
