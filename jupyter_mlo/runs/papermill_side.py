"""What of a run's end is papermill's: its marks, its errors, and where it writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from papermill.execute import raise_for_execution_errors
from papermill.iorw import StreamHandler, papermill_io

from jupyter_mlo import __version__
from jupyter_mlo.lifecycle.provenance import BUILDER, RunOutcome
from jupyter_mlo.runs.saving import write_notebook


class PapermillSide:
    """The engine's :class:`~jupyter_mlo.runs.ending.Side`.

    Args:
        asked: where papermill has asked the engine to write; None where it has not.
        final: where papermill itself writes when the engine has returned.
    """

    builder = BUILDER

    def __init__(self, *, asked: str | None, final: str | None) -> None:
        self._asked = asked
        self._final = final

    @property
    def versions(self) -> Mapping[str, str]:
        """See :class:`~jupyter_mlo.runs.ending.Side`."""
        return {"jupyter-mlo": __version__, "papermill": papermill.__version__}

    def failed_cell(self, nb: Any) -> PapermillExecutionError | None:
        """Have papermill insert its error cells, as it would after the engine has returned."""
        return mark_failed_cell(nb)

    def outcome_of(self, error: BaseException | None) -> tuple[RunOutcome, str | None]:
        """How a run ended, and why."""
        match error:
            case None:
                return "succeeded", None
            case PapermillExecutionError():
                return "failed", f"cell {error.cell_index + 1} failed"
            case CellTimeoutError():
                return "failed", "a cell took longer than it was given"
            case DeadKernelError():
                return "failed", "the kernel died"
            case KeyboardInterrupt():
                return "interrupted", "interrupted"
            case SystemExit():
                return "interrupted", "terminated"
            case RuntimeError():
                return "failed", "the kernel did not start, or did not answer"
            case _:
                return "failed", type(error).__name__

    def write(self, nb: Any, error: BaseException | None, failed_cell: Exception | None) -> None:
        """Write the notebook: always where asked, and where papermill will not do it any more."""
        target = self._asked
        if failed_cell is not None or (error is not None and not _is_stream(self._final)):
            target = self._final or target
        if target is not None:
            write_notebook(nb, target)


def mark_failed_cell(nb: Any) -> PapermillExecutionError | None:
    """Insert papermill's marks where a cell has failed; the error that papermill raises for it."""
    try:
        raise_for_execution_errors(nb, None)
    except PapermillExecutionError as error:
        return error
    return None


def _is_stream(path: str | None) -> bool:
    """Whether writing there twice would write two notebooks one after the other."""
    return path is not None and isinstance(papermill_io.get_handler(path), StreamHandler)
