"""papermill's marks around a cell that has failed, and what it raises then."""

from __future__ import annotations

from typing import Any

from jupyter_mlo.errors import MloError
from jupyter_mlo.runs.batch.heavy import without_grammar


class FailedCell(MloError):
    """A cell has failed: what the notebook's code has said.

    Attributes:
        position: of the cell, before papermill's marks were inserted.
        ename, evalue: as the kernel said them; text of the notebook, not for the ledger.
    """

    def __init__(self, position: int, count: int | None, ename: str, evalue: str) -> None:
        super().__init__(
            f"cell {position + 1} failed: {ename}: {evalue}",
            hint="the output notebook shows where and why",
        )
        self.position = position
        self.count = count
        self.ename = ename
        self.evalue = evalue


def mark_failed_cell(nb: Any) -> FailedCell | None:
    """Have papermill mark the failed cell in ``nb``, if there is one."""
    if not any(has_failed(cell) for cell in nb["cells"]):
        return None
    # Only now: importing papermill takes longer than a short notebook.
    with without_grammar():
        import nbformat
        from papermill.exceptions import PapermillExecutionError
        from papermill.execute import raise_for_execution_errors

    marked = nbformat.from_dict(nb)  # type: ignore[no-untyped-call]
    try:
        raise_for_execution_errors(marked, None)
    except PapermillExecutionError as error:
        at = error.cell_index
        nb["cells"].insert(at, _plain(marked["cells"][at + 1]))
        nb["cells"].insert(0, _plain(marked["cells"][0]))
        return FailedCell(at, error.exec_count, str(error.ename), str(error.evalue))
    return None


def has_failed(cell: Any) -> bool:
    """Whether papermill would take an executed cell for one that has failed, or exited."""
    return cell["metadata"].get("papermill", {}).get("exception") is True or any(
        output["output_type"] == "error" for output in cell.get("outputs", [])
    )


def _plain(cell: Any) -> dict[str, Any]:
    return {**cell, "metadata": dict(cell["metadata"])}
