"""What a run's kernel has put on record, and which of it counts.

Whatever runs in the kernel can write to that file, and holds the key that signs what stands
there. So each statement is judged as any verifier would judge it, before it is published: by
the engine when the run ends, and by whoever recovers the run after its runner was killed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyter_mlo.errors import MloError
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.runs.journal import open_plain
from jupyter_mlo.runs.run_key import STATEMENTS
from jupyter_mlo.statements.envelope import MAX_ENVELOPE, Envelope
from jupyter_mlo.statements.predicates import types

if TYPE_CHECKING:
    from jupyter_mlo.delegation.chain import Attribution
    from jupyter_mlo.delegation.trust import Trust
    from jupyter_mlo.statements.statement import Statement

#: A run puts at most so many statements on record; a loop that has gone wild is cut off there.
MOST_STATEMENTS: Final = 10_000
#: What may come out of a kernel.
FROM_KERNELS: Final = frozenset({types.DATASET, types.EVIDENCE, types.TEST_RESULT})
_BINDING: Final = frozenset({types.ENROLMENT, types.DELEGATION})
#: Bytes that are read of what a kernel says.
_MOST_BYTES: Final = 64 << 20
#: So many problems are named one by one.
_MOST_PROBLEMS: Final = 20


@dataclass(frozen=True)
class Said:
    """What counts, and why some of it does not."""

    statements: tuple[Envelope, ...] = ()
    #: The part of the chain that they hang on: delegations, and the MLO's enrolments.
    chain: tuple[Envelope, ...] = ()
    #: Sentences, safe to show.
    problems: tuple[str, ...] = ()


def read_said(
    folder: Path,
    chain: Sequence[Envelope],
    run_id: str,
    now: datetime,
    trust: Trust | None = None,
) -> Said:
    """Read and judge what stands beside a run's key.

    A statement counts if it is of a kind that comes out of kernels, and the run delegation of
    this run, which ``chain`` binds to an MLO, permits it: signature, MLO, run, time, activity
    and model. Each counts once.

    Args:
        folder: the run's.
        chain: enrolments and delegations of the run.
        run_id: ``urn:uuid:…`` of the run.
        trust: whose enrolments count besides the MLO's own.
    """
    numbered = list(_numbered(folder / STATEMENTS))
    if not numbered:
        return Said()
    # Most runs put nothing on record, and need not pay for these imports.
    from jupyter_mlo.delegation.chain import attribute_many
    from jupyter_mlo.delegation.pool import Pool
    from jupyter_mlo.delegation.trust import Trust

    problems: dict[int, str] = {}
    statements = _read(numbered, problems)
    pool, trust = Pool.of(chain), trust or Trust()
    judged = attribute_many(list(statements.values()), pool=pool, trust=trust, now=now)
    found: dict[str, Envelope] = {}
    hands: dict[tuple[str, ...], Attribution] = {}
    for (number, statement), by in zip(statements.items(), judged, strict=True):
        if isinstance(by, MloError):
            problems[number] = by.message
        elif why := _objection(statement, by, run_id):
            problems[number] = why
        else:
            hands[by.delegation_ids] = by
            found.setdefault(statement.statement_id, statement.envelope)
    kept = tuple(found.values())
    shown = [
        f"statement {number}: {terminal_safe(problems[number], limit=300)}"
        for number in sorted(problems)
    ]
    if len(shown) > _MOST_PROBLEMS:
        shown[_MOST_PROBLEMS:] = [f"{len(shown) - _MOST_PROBLEMS} more statements"]
    if len(kept) > MOST_STATEMENTS or len(numbered) > MOST_STATEMENTS:
        shown.append(f"more than {MOST_STATEMENTS} statements; the rest is left out")
    # Statements of a chain are judged like all others: what else stands there is left out.
    links = _read(list(enumerate(each.to_bytes() for each in chain)), {}, _BINDING)
    bound = attribute_many(list(links.values()), pool=pool, trust=trust, now=now)
    binding = tuple(
        link.envelope
        for link, by in zip(links.values(), bound, strict=True)
        if not isinstance(by, MloError) and any(_binds(link, hand) for hand in hands.values())
    )
    return Said(kept, binding, tuple(shown))


def _binds(link: Statement, hand: Attribution) -> bool:
    """Whether a statement leads from the MLO to the key of ``hand``."""
    if link.predicate_type == types.DELEGATION:
        return link.statement_id in hand.delegation_ids
    return link.mlo == hand.mlo and any(
        hand.key_id == f"sha256:{each.digest.get('sha256')}" for each in link.subject
    )


def _read(
    numbered: Sequence[tuple[int, bytes]],
    problems: dict[int, str],
    permitted: frozenset[str] = FROM_KERNELS,
) -> Mapping[int, Statement]:
    from jupyter_mlo.statements.statement import read_statement

    found = {}
    for number, line in numbered[:MOST_STATEMENTS]:
        try:
            statement = read_statement(Envelope.from_bytes(line))
        except MloError as error:
            problems[number] = error.message
            continue
        if statement.predicate_type in permitted:
            found[number] = statement
        else:
            kind = types.short_name(statement.predicate_type)
            problems[number] = f"a kernel may not say {kind}"
    return found


def _objection(statement: Statement, by: Attribution, run_id: str) -> str:
    """Why a statement that its signer may make is not one of this run; empty where it is."""
    from jupyter_mlo.delegation.roles import Role

    if by.kind is not Role.RUN or statement.run != run_id:
        return f"it is not signed for the run {run_id}"
    assert by.scope is not None
    # A run has one activity, and one model or none: its delegation names them.
    if isinstance(by.scope.activities, str) or statement.activity not in by.scope.activities:
        return f"the run is not for the activity {statement.activity!r}"
    models = by.scope.models
    if not isinstance(models, str) and len(models) == 1:
        if statement.model not in (None, *models):
            return f"the run is not on the model {statement.model!r}"
    elif statement.model is not None:
        return f"the run names no model, and this names {statement.model!r}"
    return ""


def _numbered(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines that are not empty, with their number; up to one more than are read."""
    with contextlib.suppress(OSError), open_plain(path) as file:
        number = found = 0
        while found <= MOST_STATEMENTS and (line := file.readline(MAX_ENVELOPE + 1)):
            number += 1
            if file.tell() > _MOST_BYTES:
                yield number, b"too much is said"
                return
            if line.strip():
                found += 1
                yield number, line
