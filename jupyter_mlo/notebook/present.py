"""A notebook's cells as they stand now: digested, with their stamps, as a seal would list them."""

from __future__ import annotations

from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import NamedTuple

from jupyter_mlo.errors import NotebookError
from jupyter_mlo.notebook.cells import Cell
from jupyter_mlo.notebook.digests import short, source_digest
from jupyter_mlo.notebook.layout import read_stamp
from jupyter_mlo.notebook.matching import Present
from jupyter_mlo.notebook.reading import Notebook
from jupyter_mlo.notebook.seals import Sealable, SealedCell, cells_root, is_name, notebook_digest
from jupyter_mlo.statements.envelope import Envelope

#: Longest name of a kernelspec that statements take over.
MAX_NAME = 256
#: Bytes of notebook from which threads are worth their start, and their waiting for each other.
_MUCH = 4_000_000


class PresentCell(NamedTuple):
    """One cell as it is now."""

    cell: Cell
    #: As a seal would list it.
    listed: SealedCell
    #: The stamp that it carries, readable or not.
    stamp: Envelope | None
    #: Why what stands in place of a stamp is none; empty where there is one, or nothing.
    stamp_problem: str
    #: Why the cell has no digest; empty where it has one.
    undigestable: str
    #: A code cell that has outputs or a prompt number, whatever that is; and every cell that
    #: cannot be digested, because other readers may see an executed one in it.
    executed: bool

    @property
    def carries_stamp(self) -> bool:
        """Whether something stands where stamps stand."""
        return self.stamp is not None or bool(self.stamp_problem)

    def references(self) -> list[tuple[int, str]]:
        """The light references in its outputs, each with the output's place in the file.

        What stands there and is no string is named by its type.
        """
        return [
            (at, mark if isinstance(mark, str) else f"a value of type {type(mark).__name__}")
            for at, mark in self.cell.marks
        ]

    def to_match(self, recorded: Container[str]) -> Present:
        """What of it is held against the records of these sources; else outputs do not matter."""
        source = short(self.listed.source)
        outputs = self.cell.output_digests if source in recorded else ()
        return Present(
            position=self.cell.position,
            id=self.cell.id,
            source=source,
            outputs=tuple(short(digest) for digest in outputs),
            count=self.cell.execution_count,
            references=frozenset(found for _, found in self.references()),
        )


def present_cells(notebook: Notebook, workers: int = 1) -> list[PresentCell]:
    """All cells of a notebook, each digested once.

    Args:
        workers: threads, of use where much is hashed: hashing lets go of the interpreter's lock.
    """
    if workers > 1 and notebook.text is not None and len(notebook.text) > _MUCH:
        cells, size = notebook.cells, max(1, len(notebook.cells) // (4 * workers))
        some = (cells[at : at + size] for at in range(0, len(cells), size))
        with ThreadPoolExecutor(workers) as threads:
            return list(chain.from_iterable(threads.map(_present, some)))
    return _present(notebook.cells)


def _present(cells: Sequence[Cell]) -> list[PresentCell]:
    return [present_cell(cell) for cell in cells]


def present_cell(cell: Cell) -> PresentCell:
    """One cell, digested; what cannot be digested is said so."""
    stamp, problem = read_stamp(cell.metadata)
    undigestable = cell.undigestable or ""
    kind, cell_id = cell.kind, cell.id
    digests = None if undigestable else cell.digests
    listed = SealedCell(
        kind=kind,
        id=cell_id if cell_id and is_name(cell_id) else None,
        cell=None if digests is None else digests.cell,
        source=source_digest(cell.source) if digests is None else digests.source,
        stamp=bytes.fromhex(stamp.statement_id) if stamp is not None else None,
    )
    executed = bool(undigestable) or (kind == "code" and (cell.prompted or cell.has_outputs))
    return PresentCell(cell, listed, stamp, problem, undigestable, executed)


def kernelspec_name(notebook: Notebook) -> str | None:
    """The kernelspec's name; None where there is none, and where it is no name of sane length."""
    name = notebook.kernel_name
    return name if name is not None and len(name) <= MAX_NAME else None


def widgets_digest(notebook: Notebook) -> str | None:
    """b64u digest of the widget state; None where there is none.

    Raises:
        Undigestable: two readers may see two different things in it.
    """
    digest = notebook.widgets_digest
    return None if digest is None else short(digest)


def sealable(notebook: Notebook, cells: Sequence[SealedCell]) -> Sealable:
    """All that a seal binds.

    Raises:
        NotebookError: the notebook's own members are such that no seal can say them.
    """
    if not 0 <= notebook.nbformat_minor <= 9999:
        raise NotebookError(
            f"nbformat_minor {notebook.nbformat_minor!r:.20} is no number that a seal can name",
            hint="open the notebook in Jupyter and save it",
        )
    if notebook.kernel_name is not None and kernelspec_name(notebook) is None:
        raise NotebookError(
            f"the kernelspec's name is longer than {MAX_NAME} characters",
            hint="choose the kernel anew in Jupyter and save the notebook",
        )
    return Sealable(
        cells=cells,
        nbformat=f"{notebook.nbformat}.{notebook.nbformat_minor}",
        kernelspec=kernelspec_name(notebook),
        widgets=widgets_digest(notebook),
    )


def shown_digest(notebook: Notebook, cells: Sequence[PresentCell]) -> str:
    """What a person is shown before they say something about it, in hex: all but the stamps."""
    whole = sealable(notebook, [cell.listed._replace(stamp=None) for cell in cells])
    root = short(cells_root(whole.cells))
    return notebook_digest(len(whole.cells), root, whole.nbformat, whole.kernelspec, whole.widgets)
