"""What is said of a notebook beside its verdicts: what no digest covers, and newer seals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jupyter_mlo.notebook.reports import CellReport
from jupyter_mlo.notebook.verdicts import Verdict

if TYPE_CHECKING:
    from jupyter_mlo.notebook.verification import Examined


def notes_on(examined: Examined, cells: Sequence[CellReport]) -> tuple[str, ...]:
    """Everything that raises no alarm, and that a person may want to know."""
    return (*_format_notes(examined), *_count_notes(examined), *_strip_notes(examined, cells))


def numbered(positions: Sequence[int]) -> str:
    """Positions as a person counts cells."""
    some = ", ".join(str(at + 1) for at in positions[:12]) + ("…" if len(positions) > 12 else "")
    return f"cell{'s' if len(positions) > 1 else ''} {some}"


def _format_notes(examined: Examined) -> list[str]:
    newest = examined.sealed.newest
    notebook = examined.notebook
    now = f"{notebook.nbformat}.{notebook.nbformat_minor}"
    if newest is None or newest.claim.seal.nbformat == now:
        return []
    return [f"notebook format {now}, sealed as {newest.claim.seal.nbformat}: no alarm"]


def _count_notes(examined: Examined) -> list[str]:
    """Prompt numbers that are not those that were stamped: no digest covers them."""
    found = []
    for cell in examined.cells:
        stamped = examined.stamped.get(cell.cell.position)
        if stamped is None or stamped.facts.refused or not cell.cell.prompted:
            continue
        count, was = cell.cell.execution_count, stamped.claim.stamp.execution.count
        if was is not None and count != was:
            found.append(f"cell {cell.cell.position + 1} shows another number than [{was}]")
    return found


def _strip_notes(examined: Examined, cells: Sequence[CellReport]) -> list[str]:
    """Outputs that were removed from some cells only: nbstripout takes them from all."""
    stripped = [cell.position for cell in cells if cell.verdict is Verdict.STRIPPED]
    kept = any(cell.cell.has_outputs for cell in examined.cells)
    if not stripped or not kept:
        return []
    return [f"outputs of {numbered(stripped)} were removed, and others were kept"]


def older_than_logged(examined: Examined) -> str:
    """Whether the ledger has a newer seal of this notebook than the notebook has; then which."""
    ledger, notebook = examined.ledger, examined.entries.notebook
    if ledger is None or notebook is None:
        return ""
    newest = ledger.newest_seal(notebook)
    if newest is None:
        return ""
    statement_id, index = newest
    claim = examined.sealed.claim
    if claim is None:
        if statement_id in {entry.envelope.statement_id for entry in examined.entries.merged}:
            return ""
        return f"the ledger has a seal of this notebook (entry {index}), which was removed"
    here = claim.envelope.statement_id
    if here == statement_id:
        return ""
    place = ledger.logged([here]).get(here)
    if place is None or place.index > index:
        return ""  # sealed here and not logged yet, or elsewhere
    return (
        f"its newest seal is entry {place.index} of the ledger, which has a newer one of this "
        f"notebook (entry {index}): rolled back, or an older copy? If it is the one to go on with, "
        "seal it again"
    )
