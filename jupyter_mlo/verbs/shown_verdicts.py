"""A notebook's verdicts as lines of text, readable without colour."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.notebook.reports import CellReport, Demands, NotebookReport, SealReport
from jupyter_mlo.notebook.verdicts import Verdict
from jupyter_mlo.verbs.judging import Judged
from jupyter_mlo.verbs.shown_people import unknown_keys, who, with_names
from jupyter_mlo.words import count_of

#: Lines about cells of one notebook; --json has them all.
_MOST_CELLS = 30
_WIDTH = 400


def shown(path: Path, found: Judged, demands: Demands, names: Mapping[str, str]) -> Iterator[str]:
    """One line for the notebook, and one for each thing that does not hold.

    Args:
        names: MLO ID → name, where one is known here.
    """
    name = terminal_safe(str(path), limit=_WIDTH)
    report = found.report
    if report is None:
        yield f"{name}: could not be read"
        yield f"  {terminal_safe(found.error, limit=_WIDTH)}"
        if found.hint:
            yield f"  hint: {terminal_safe(found.hint, limit=_WIDTH)}"
        return
    holds = report.holds(demands)
    if report.nothing_executed and not report.problems and not report.unread:
        unless = "" if holds else ", and nobody sealed it"
        yield f"{name}: nothing was executed: nothing to vouch for{unless}"
        return
    if new := "" if holds else _new(path, report):
        yield f"{name}: {new}"
    else:
        holding = "holds" if holds else "DOES NOT HOLD"
        yield f"{name}: {holding}; {_seal(report.seal, names)}; {cells_of(report)}"
    for line in _details(path, report, demands, names):
        yield f"  {terminal_safe(line, limit=_WIDTH)}"


def _new(path: Path, report: NotebookReport) -> str:
    """What there is to say of a notebook that was run, and that nobody sealed or stamped yet."""
    verdicts = {cell.verdict for cell in report.cells}
    not_yet = {Verdict.UNSEALED, Verdict.UNSTAMPED, Verdict.UNATTRIBUTED}
    if (
        report.seal.verdict is not Verdict.UNSEALED
        or report.problems
        or not verdicts <= not_yet
        or any(cell.verdict is Verdict.UNSEALED and cell.mlo for cell in report.cells)
    ):
        return ""
    counts = report.counts()
    recorded = counts[Verdict.UNSTAMPED]
    executed = recorded + counts[Verdict.UNATTRIBUTED]
    if not recorded:
        return f"not sealed yet: 0 of {executed} cells recorded; log in, run them again, seal it"
    run = f"run: jupyter mlo seal {shlex.quote(str(path))}"
    return f"not sealed yet: {recorded} of {executed} cells recorded; {run}"


def _seal(seal: SealReport, names: Mapping[str, str]) -> str:
    if seal.mlo is None:
        return "not sealed" if seal.verdict is Verdict.UNSEALED else "its seal is not valid here"
    meaning = "" if seal.meaning == "held" else f" ({seal.meaning})"
    late = ", late" if seal.remark.startswith("late") else ""
    after = f", claimed successor of {seal.succeeds}" if seal.succeeds else ""
    return f"sealed {seal.time}{meaning} by {acting(seal, names)} ({seal.assurance}{late}{after})"


def acting(one: SealReport, names: Mapping[str, str]) -> str:
    """Who answers, with the assistant that acted and the team that it was for."""
    found = who(one.mlo or "", names)
    for word, mlo in (("through the assistant", one.assistant), ("for", one.on_behalf_of)):
        found += f" {word} {who(mlo, names)}" if mlo else ""
    return terminal_safe(found, limit=_WIDTH)


def cells_of(report: NotebookReport) -> str:
    """How many cells have which verdict."""
    counts = report.counts()
    parts = [f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]]
    idle = sum(
        cell.verdict is Verdict.VERIFIED and cell.kind == "code" and cell.execution is None
        for cell in report.cells
    )
    if idle:
        parts.append(f"{idle} of the code cells never executed")
    return f"{count_of(len(report.cells), 'cell')}: {', '.join(parts)}" if parts else "no cells"


def _details(
    path: Path, report: NotebookReport, demands: Demands, names: Mapping[str, str]
) -> Iterator[str]:
    for problem in report.problems:
        yield f"altered: {problem}"
    for problem in report.unread:
        yield f"not certain: {problem}"
    new = bool(_new(path, report))  # then nothing was to be expected of a seal
    if not new:
        yield from (with_names(line, names) for line in _seal_details(report.seal, demands))
    failing = [
        cell
        for cell in report.cells
        if not cell.holds(demands) and not (new and cell.verdict is Verdict.UNSEALED)
    ]
    for cell in failing[:_MOST_CELLS]:
        yield cell_line(cell, names, demands)
    if len(failing) > _MOST_CELLS:
        yield f"… and {len(failing) - _MOST_CELLS} more cells; --json names them all"
    yield from _remarks(path, report)
    for note in report.notes:
        yield f"note: {note}"
    if report.checkpoint:
        yield f"as of checkpoint {report.checkpoint['size']} of {report.checkpoint['origin']}"
    yield from unknown_keys(report.unknown_keys(), report.revoked, names)
    if not new and report.counts()[Verdict.UNSTAMPED]:
        yield f"stamp what was recorded: jupyter mlo seal {shlex.quote(str(path))}"


def _remarks(path: Path, report: NotebookReport) -> Iterator[str]:
    """What is to be said of keys that ended, each reason once."""
    found: dict[str, list[str]] = {}
    if report.seal.remark:
        found[report.seal.remark] = ["seal"]
    for cell in report.cells:
        if cell.remark:
            found.setdefault(cell.remark, []).append(f"cell {cell.position + 1}")
    everything: list[SealReport | CellReport] = [report.seal, *report.cells]
    for remark, where in found.items():
        more = f" and {len(where) - 8} more" if len(where) > 8 else ""
        yield f"{', '.join(where[:8])}{more}: {remark}"
    if any(one.remark and str(one.assurance) == "claimed" for one in everything):
        yield (
            "who answers for it can affirm it under a key that is in force: "
            f"jupyter mlo reaffirm {shlex.quote(str(path))}"
        )


def _seal_details(seal: SealReport, demands: Demands) -> Iterator[str]:
    if seal.changes:
        yield f"changed since the seal of {seal.time}: {'; '.join(seal.changes)}"
    elif not seal.holds(demands) and seal.reason:
        yield f"seal: {seal.verdict}: {seal.reason}"
    elif seal.verdict is Verdict.STRIPPED:
        yield f"note: {seal.reason}"
    elif not seal.holds(demands) and seal.assurance is not None:
        yield f"seal: only {seal.assurance}, {demands.level!s} is required"


def cell_line(cell: CellReport, names: Mapping[str, str], demands: Demands | None = None) -> str:
    """What there is to say of one cell that does not hold."""
    where = f"cell {cell.position + 1}" + (f" ({cell.id})" if cell.id else "")
    what = f" ({' and '.join(cell.changed)})" if cell.changed else ""
    why = f": {with_names(cell.reason, names)}" if cell.reason else ""
    if cell.verdict is Verdict.STRIPPED and demands is not None and demands.outputs:
        why = why or ", and outputs are required"
    elif not why and cell.verdict in (Verdict.VERIFIED, Verdict.STRIPPED):
        why = f", but only {cell.assurance}"
    return f"{where}: {cell.verdict}{what}{why}"
