"""What verifying a notebook found: values to print, to send as JSON, and to decide by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from jupyter_mlo.delegation.assurance import Assurance
from jupyter_mlo.notebook.verdicts import Verdict


@dataclass(frozen=True)
class Demands:
    """What must be so for a notebook to hold."""

    level: Assurance = Assurance.SIGNED
    #: Cells without stamp or seal are let pass.
    allow_unstamped: bool = False
    #: Outputs that were removed are missed.
    outputs: bool = False
    #: A notebook that nobody sealed does not hold, even where nothing in it was executed.
    sealed: bool = False


class CellReport(NamedTuple):
    """The verdict on one cell."""

    #: From 0.
    position: int
    id: str | None
    kind: str
    verdict: Verdict
    reason: str = ""
    #: What changed: ``source``, ``outputs``, ``attachments``, ``type``, ``stamp``.
    changed: tuple[str, ...] = ()
    #: Of the stamp, or of the seal for cells that nobody executed; None where neither counts.
    assurance: Assurance | None = None
    #: Who executed it, by its stamp, or by a record that is not a stamp yet.
    mlo: str | None = None
    #: That MLO's own key.
    key_id: str | None = None
    #: The team for which that MLO acted, and the assistant that did it under a grant.
    on_behalf_of: str | None = None
    assistant: str | None = None
    #: That it came late, was affirmed anew, or why it is only claimed though the key is known.
    remark: str = ""
    execution: str | None = None
    started: str | None = None
    activity: str | None = None
    model: str | None = None

    def holds(self, demands: Demands) -> bool:
        """Whether the cell is as it must be."""
        if self.verdict in (Verdict.UNSEALED, Verdict.UNSTAMPED, Verdict.UNATTRIBUTED):
            return demands.allow_unstamped
        if self.verdict is Verdict.STRIPPED and demands.outputs:
            return False
        if self.verdict in (Verdict.VERIFIED, Verdict.STRIPPED):
            return self.assurance is not None and self.assurance >= demands.level
        return False


@dataclass(frozen=True)
class SealReport:
    """The verdict on the newest seal, and on the notebook as a whole."""

    verdict: Verdict
    reason: str = ""
    #: In words: cells inserted, removed, moved; another kernelspec; another widget state.
    changes: tuple[str, ...] = ()
    assurance: Assurance | None = None
    mlo: str | None = None
    key_id: str | None = None
    on_behalf_of: str | None = None
    assistant: str | None = None
    #: The MLO as whose successor the sealing one presents itself: a claim.
    succeeds: str | None = None
    remark: str = ""
    meaning: str | None = None
    time: str | None = None
    statement_id: str | None = None

    def holds(self, demands: Demands) -> bool:
        """Whether the notebook as a whole is as it must be."""
        if self.verdict is Verdict.UNSEALED:
            return demands.allow_unstamped
        if self.verdict is Verdict.STRIPPED and demands.outputs:
            return False
        if self.verdict in (Verdict.VERIFIED, Verdict.STRIPPED):
            return self.assurance is not None and self.assurance >= demands.level
        return False


@dataclass(frozen=True)
class NotebookReport:
    """The verdicts on a notebook and on each of its cells."""

    notebook: str | None
    parent: str | None
    seal: SealReport
    cells: tuple[CellReport, ...]
    #: Each is an alteration of what stands in metadata: the notebook does not hold.
    problems: tuple[str, ...] = ()
    #: What a reader should know, and which is no reason to refuse.
    notes: tuple[str, ...] = ()
    #: Nothing was executed, and nobody has sealed anything.
    nothing_executed: bool = False
    #: The ledger's checkpoint that the verdicts are as of, where a ledger was asked.
    checkpoint: dict[str, Any] | None = field(default=None)
    #: What verdicts must rest on, and could not be read here: without it nothing holds.
    unread: tuple[str, ...] = ()
    #: Key ID → by whom and when it was revoked, of keys that are not known here: whoever revokes
    #: a key for an MLO need not be known here either, so that this is no verdict, but a warning.
    revoked: Mapping[str, str] = field(default_factory=dict)

    def holds(self, demands: Demands) -> bool:
        """Whether everything is as it must be."""
        if self.problems or self.unread:
            return False
        if self.nothing_executed:
            return not demands.sealed
        return self.seal.holds(demands) and all(cell.holds(demands) for cell in self.cells)

    def unknown_keys(self) -> list[tuple[str, str]]:
        """MLO and key of everybody whose key is not known here, each once."""
        found: dict[tuple[str, str], None] = {}
        everybody: list[SealReport | CellReport] = [self.seal, *self.cells]
        for one in everybody:
            if one.assurance is Assurance.CLAIMED and one.mlo and one.key_id and not one.remark:
                found[one.mlo, one.key_id] = None
        return list(found)

    def counts(self) -> Counter[Verdict]:
        """How many cells have which verdict."""
        return Counter(cell.verdict for cell in self.cells)

    def to_json(self, demands: Demands) -> dict[str, Any]:
        """The report as a JSON object, with what holds under ``demands``."""
        return {
            "holds": self.holds(demands),
            "notebook": self.notebook,
            "parent": self.parent,
            "nothingExecuted": self.nothing_executed,
            "checkpoint": self.checkpoint,
            "seal": {**_json(self.seal), "holds": self.seal.holds(demands)},
            "problems": [*self.problems, *self.unread],
            "notes": list(self.notes),
            "unknownKeys": [{"mlo": mlo, "keyId": key} for mlo, key in self.unknown_keys()],
            "revokedKeys": dict(self.revoked),
            "cells": [{**_json(cell), "holds": cell.holds(demands)} for cell in self.cells],
        }


def _members(report: CellReport | SealReport) -> Iterable[tuple[str, Any]]:
    return (report._asdict() if isinstance(report, CellReport) else asdict(report)).items()


_CAMEL = {"key_id": "keyId", "statement_id": "statementId", "on_behalf_of": "onBehalfOf"}


def _json(report: CellReport | SealReport) -> dict[str, Any]:
    value = {}
    for name, member in _members(report):
        if isinstance(member, Assurance):
            member = str(member)
        value[_CAMEL.get(name, name)] = list(member) if isinstance(member, tuple) else member
    return value
