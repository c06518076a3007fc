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
    from jupyter_mlo.statements.statement import Statement

#: A run puts at most so many statements on record; a loop that has gone wild is cut off there.
MOST_STATEMENTS: Final = 10_000
#: What may come out of a kernel.
FROM_KERNELS: Final = frozenset({types.DATASET, types.EVIDENCE, types.TEST_RESULT})
#: So many problems are named one by one.
_MOST_PROBLEMS: Final = 20


@dataclass(frozen=True)
class Said:
    """What counts, and why some of it does not."""

    statements: tuple[Envelope, ...] = ()
    #: Sentences, safe to show.
    problems: tuple[str, ...] = ()


def read_said(folder: Path, chain: Sequence[Envelope], run_id: str, now: datetime) -> Said:
    """Read and judge what stands beside a run's key.

    A statement counts if it is of a kind that comes out of kernels, and the run delegation of
    this run, which ``chain`` binds to an MLO, permits it: signature, MLO, run, time, activity
    and model. Each counts once.

    Args:
        folder: the run's.
        chain: enrolments and delegations of the run.
        run_id: ``urn:uuid:…`` of the run.
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
    judged = attribute_many(list(statements.values()), pool=Pool.of(chain), trust=Trust(), now=now)
    found: dict[str, Envelope] = {}
    for (number, statement), by in zip(statements.items(), judged, strict=True):
        why = by.message if isinstance(by, MloError) else _objection(statement, by, run_id)
        if why:
            problems[number] = why
        else:
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
    return Said(kept, tuple(shown))


def _read(
    numbered: Sequence[tuple[int, bytes]], problems: dict[int, str]
) -> Mapping[int, Statement]:
    from jupyter_mlo.statements.statement import read_statement

    found = {}
    for number, line in numbered[:MOST_STATEMENTS]:
        try:
            statement = read_statement(Envelope.from_bytes(line))
        except MloError as error:
            problems[number] = error.message
            continue
        if statement.predicate_type in FROM_KERNELS:
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
            if line.strip():
                found += 1
                yield number, line
