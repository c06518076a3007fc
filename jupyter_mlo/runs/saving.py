"""Saving while a run goes on: seldom, and never half a file.

papermill writes the whole notebook at the start and at the end of every cell. Here the
journal holds what must not be lost, and the notebook is written so that someone who watches
it sees progress: at the start, then every few seconds, less often where writing is slow.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Final

from papermill.engines import NotebookExecutionManager
from papermill.iorw import LocalHandler, papermill_io, write_ipynb
from papermill.log import logger

from jupyter_mlo.notebook.writing import notebook_chunks
from jupyter_mlo.runs.replacing import replace_file

#: Seconds between two saves, at least.
EVERY: Final = 2.0
#: Saving may take this share of the time at most.
SHARE: Final = 0.05


class SparingManager(NotebookExecutionManager):  # type: ignore[misc]
    """papermill's execution manager, with saves spread out.

    Args:
        cell_done: called with cell and position after papermill's metadata of a completed
            cell is in place, before any save.
    """

    def __init__(
        self,
        nb: Any,
        *,
        output_path: str | None,
        cell_done: Callable[[Any, int], None],
        **options: Any,
    ) -> None:
        super().__init__(nb, output_path=output_path, **options)
        self._cell_done = cell_done
        self._due = 0.0
        self._pending = False
        self._held = False
        self._started = False
        self._completed = False

    def save(self, **kwargs: Any) -> None:
        """Note that there is something to save, and save it if it is time to."""
        if kwargs.get("nb"):
            self.nb = kwargs["nb"]
        self._pending = True
        self.save_if_due()

    def save_if_due(self) -> None:
        """Save what is pending, unless the last save was too short a while ago."""
        if self._held or not self._pending or not self.output_path:
            return
        if time.monotonic() >= self._due:
            self._write()

    def notebook_start(self, **kwargs: Any) -> None:
        """papermill's: clear the notebook and write it; that this works shows at once."""
        super().notebook_start(**kwargs)
        self._started = True

    def cell_complete(self, cell: Any, cell_index: int | None = None, **kwargs: Any) -> None:
        """papermill's, with :attr:`cell_done` between its metadata and its save."""
        self._held = True
        try:
            super().cell_complete(cell, cell_index=cell_index, **kwargs)
        finally:
            self._held = False
        if cell_index is not None:
            self._cell_done(cell, cell_index)
        self.save_if_due()

    def notebook_complete(self, **kwargs: Any) -> None:
        """papermill's, once, and without writing: who calls this writes when all is sealed."""
        if self._completed:
            return
        self._completed = self._held = True
        super().notebook_complete(**kwargs)

    def _write(self) -> None:
        began = time.monotonic()
        try:
            write_notebook(self.nb, self.output_path)
        except Exception as error:
            if not self._started:
                raise
            logger.warning("The notebook could not be saved meanwhile: %s", error)
            self._due = time.monotonic() + 15 * EVERY
            return
        ended = time.monotonic()
        self._pending = False
        self._due = ended + max(EVERY, (ended - began) / SHARE)
        self.last_save_time = self.now()


def write_notebook(nb: Any, path: str) -> None:
    """Write a notebook where papermill would: a local file whole or not at all."""
    local = local_target(path)
    if local is None or not replace_file(local, notebook_chunks(nb)):
        write_ipynb(nb, path)


def local_target(path: str) -> str | None:
    """The absolute path of the local file that papermill writes for ``path``; else None."""
    handler = papermill_io.get_handler(path)
    if type(handler) is not LocalHandler:
        return None
    return os.path.realpath(os.path.join(handler._cwd or os.getcwd(), path))
