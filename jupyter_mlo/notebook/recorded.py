"""Executions as their records tell them, parts put together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from jupyter_mlo.delegation.actor import Actor
    from jupyter_mlo.statements.predicates.notebook import Record
    from jupyter_mlo.statements.statement import Statement


@dataclass(frozen=True)
class State:
    """What a front end held of a cell's outputs after one part of its record."""

    #: Statement ID of that part.
    record: str
    finished: str
    #: Digest (b64u) and display (b64u of its digest, or None) of each output.
    outputs: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Update:
    """A display's new bundle, put there by an execution."""

    record: str
    execution: str
    output: str


@dataclass(frozen=True)
class Recorded:
    """One execution, as all parts of its record tell."""

    actor: Actor
    execution: str
    count: int | None
    kernel_id: str
    kernel_name: str
    #: What the front end sent as the cell's id.
    cell: str | None
    #: ``mloSourceV1``, b64u.
    source: str
    started: str
    activity: str
    model: str | None
    #: One for each part, in order; each holds all outputs of its time.
    states: tuple[State, ...]
    #: Display → its bundles by this execution.
    updates: Mapping[str, tuple[Update, ...]] = field(default_factory=dict)


def recorded(records: Iterable[tuple[Statement, Actor]]) -> list[Recorded]:
    """Put the parts of records together.

    Args:
        records: statements of the predicate record, each with whom it was attributed to.
    """
    parts: defaultdict[tuple[Actor, str], dict[int, Statement]] = defaultdict(dict)
    for statement, actor in records:
        predicate = cast("Record", statement.predicate)
        # The first of two that claim to be one part: records are kept in order.
        parts[actor, predicate.execution.id].setdefault(predicate.part, statement)
    return [
        _together(actor, [found[part] for part in sorted(found)])
        for (actor, _), found in parts.items()
    ]


def _together(actor: Actor, parts: list[Statement]) -> Recorded:
    first = cast("Record", parts[0].predicate)
    states = []
    updates: dict[str, dict[str, Update]] = {}
    for statement in parts:
        predicate = cast("Record", statement.predicate)
        if predicate.source != first.source or predicate.kernel != first.kernel:
            continue  # another execution under the same ID: none of ours writes that
        record = statement.statement_id
        outputs = tuple((one.output, one.display) for one in predicate.outputs)
        states.append(State(record, predicate.finished, outputs))
        for update in predicate.updates:
            bundles = updates.setdefault(update.display, {})
            bundles.setdefault(update.output, Update(record, first.execution.id, update.output))
    return Recorded(
        actor=actor,
        execution=first.execution.id,
        count=first.execution.count,
        kernel_id=first.kernel.id,
        kernel_name=first.kernel.name,
        cell=first.cell,
        source=first.source,
        started=first.started,
        activity=first.activity,
        model=first.model,
        states=tuple(states),
        updates={display: tuple(bundles.values()) for display, bundles in updates.items()},
    )
