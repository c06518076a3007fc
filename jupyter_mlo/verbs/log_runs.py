"""``log --runs``: what ran, who answers for it and under what, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from jupyter_mlo.errors import MloError
from jupyter_mlo.statements.strict_json import read_json

if TYPE_CHECKING:
    from jupyter_mlo.ledger.store import Entry, Ledger

_HEAD = ("entry", "run", "who", "by", "activity", "notebook", "outcome")


@dataclass(frozen=True)
class Ran:
    """One run, as the ledger's entry says it; unchecked, and text of others."""

    index: int
    run: str
    #: When it began and ended, by its runner's clock.
    started: str
    finished: str
    mlo: str
    #: ``mandate``, ``session`` or what else it acted under, and its statement ID.
    via: str
    delegation: str
    activity: str
    model: str
    notebook: str
    output: str
    parameters: Any
    outcome: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` has it."""
        return asdict(self)


def ran(entry: Entry, ledger: Ledger, kinds: dict[str, str]) -> Ran | None:
    """What an entry says of a run; None where it cannot be read.

    Args:
        kinds: delegation → its kind, of those that were asked for already.
    """
    try:
        said = read_json(entry.envelope.payload)["predicate"]
        delegation = said.get("mlo_delegation") or ""
        if delegation not in kinds:
            kinds[delegation] = _kind(delegation, ledger)
        definition, details = said["buildDefinition"], said["runDetails"]["metadata"]
        given = definition["externalParameters"]
        texts = {
            "run": said["mlo_run"],
            "started": details.get("startedOn"),
            "finished": details.get("finishedOn"),
            "mlo": said["mlo_id"],
            "delegation": delegation,
            "activity": said["mlo_activity"],
            "model": said.get("mlo_model"),
            "notebook": given.get("notebook"),
            "output": given.get("output"),
            "outcome": said["mlo_outcome"],
            "reason": said.get("mlo_reason"),
        }
    except (MloError, LookupError, TypeError, AttributeError):
        return None
    return Ran(
        index=entry.index,
        via=kinds[delegation],
        parameters=given.get("parameters"),
        **{name: "" if value is None else str(value) for name, value in texts.items()},
    )


def _kind(delegation: str, ledger: Ledger) -> str:
    if not delegation:
        return "own key"
    try:
        return str(read_json(ledger.envelope(delegation).payload)["predicate"]["kind"])
    except (MloError, LookupError, TypeError):
        return "unknown"


def table(runs: Iterable[Ran], shown: Callable[[str, int], str], names: dict[str, str]) -> str:
    """Aligned columns, a run a line.

    Args:
        shown: makes a text of others harmless, of so many characters at most.
        names: MLO ID → who that is, for people.
    """
    rows = [_HEAD]
    for one in runs:
        by = f"{one.via} {one.delegation[:12]}".strip()
        notebook = one.output or one.notebook or "-"
        outcome = f"{one.outcome}: {one.reason}" if one.reason else one.outcome
        rows.append(
            (
                str(one.index),
                shown(one.run.removeprefix("urn:uuid:")[:8], 8),
                names.get(one.mlo) or shown(one.mlo, 60),
                shown(by, 40),
                shown(one.activity, 20),
                shown(notebook.rpartition("/")[2], 40),
                shown(outcome, 60),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
