"""Blame: who executed each cell, and who first sealed its source.

*Executed by* is what a stamp proves. *First sealed by* is the earliest seal that counts here and
lists that source; who wrote it, nothing here can tell, and so nothing is called an author.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jupyter_mlo.delegation.assurance import Assurance
from jupyter_mlo.notebook.reports import CellReport
from jupyter_mlo.notebook.verification import Examined, report


@dataclass(frozen=True)
class FirstSealed:
    """The earliest seal with some source."""

    mlo: str
    time: str
    assurance: Assurance
    statement_id: str
    assistant: str | None = None
    on_behalf_of: str | None = None


@dataclass(frozen=True)
class Blamed:
    """One cell: its verdict, by whom it was executed, and by whom first sealed."""

    cell: CellReport
    #: Who executed it, by a stamp that is valid here; None where no such stamp says so.
    executed_by: str | None
    first_sealed: FirstSealed | None

    def to_json(self) -> dict[str, Any]:
        """The line as a JSON object."""
        cell, sealed = self.cell, self.first_sealed
        executed = {
            "mlo": self.executed_by,
            "onBehalfOf": cell.on_behalf_of,
            "assistant": cell.assistant,
            "execution": cell.execution,
            "started": cell.started,
            "activity": cell.activity,
            "model": cell.model,
            "assurance": str(cell.assurance) if cell.assurance is not None else None,
        }
        return {
            "position": cell.position,
            "id": cell.id,
            "kind": cell.kind,
            "executed": executed if self.executed_by else None,
            "firstSealed": sealed
            and {
                "mlo": sealed.mlo,
                "onBehalfOf": sealed.on_behalf_of,
                "assistant": sealed.assistant,
                "time": sealed.time,
                "assurance": str(sealed.assurance),
                "statementId": sealed.statement_id,
            },
            "verdict": str(cell.verdict),
            "reason": cell.reason,
            "changed": list(cell.changed),
        }


def blame(examined: Examined) -> list[Blamed]:
    """One line for each cell, in order."""
    first: dict[tuple[str, bytes], FirstSealed] = {}
    for seal in sorted(examined.sealed.believed(), key=lambda seal: seal.time):
        attribution = seal.claim.attribution
        assert attribution is not None
        found = FirstSealed(
            attribution.mlo,
            seal.time,
            attribution.assurance,
            seal.statement_id,
            attribution.assistant,
            attribution.on_behalf_of,
        )
        for line in seal.lines():
            first.setdefault((line.kind, line.source), found)
    lines = []
    for cell, present in zip(report(examined).cells, examined.cells, strict=True):
        stamped = examined.stamped.get(cell.position)
        valid = stamped is not None and stamped.comparison is not None
        # A stamp on other code says who executed that code, not this.
        holds = valid and stamped is not None and "source" not in stamped.facts.changed
        lines.append(
            Blamed(
                cell=cell,
                executed_by=cell.mlo if holds else None,
                first_sealed=first.get((present.listed.kind, present.listed.source)),
            )
        )
    return lines
