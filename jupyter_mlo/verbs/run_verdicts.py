"""What verifying the outputs of a batch finds, in a few words each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jupyter_mlo.notebook.reports import Demands
from jupyter_mlo.runs.batch.index import OutputVerdict
from jupyter_mlo.runs.batch.results import Result
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.judging import Judged
from jupyter_mlo.verbs.judging_many import judged_in_order
from jupyter_mlo.verbs.shown_verdicts import cells_of


def verdicts_on(results: Iterable[Result], context: Context) -> dict[int, OutputVerdict]:
    """Number of a job → what verifying its output finds; for outputs on this machine.

    What a job that never began would have replaced is not its output. As
    ``jupyter mlo verify`` judges where nothing else is demanded.
    """
    there = {
        result.job.number: Path(result.job.target)
        for result in results
        if result.attempts or result.status == "kept"
        if "://" not in result.job.target and Path(result.job.target).is_file()
    }
    found = judged_in_order(list(there.values()), context)
    return {number: _short(one) for number, (_, one) in zip(there, found, strict=True)}


def _short(found: Judged) -> OutputVerdict:
    if found.report is None:
        return OutputVerdict(False, f"could not be read: {found.error}")
    holds = found.report.holds(Demands())
    return OutputVerdict(
        holds, f"{'holds' if holds else 'DOES NOT HOLD'}; {cells_of(found.report)}"
    )
