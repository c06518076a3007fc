"""papermill's notebook client, watched: what is sent, what comes back, and when a cell ends.

Everything that papermill and nbclient promise (progress, logs, timeouts, hooks, errors) is
left to them; nothing is decided here. Loaded by the engine only, because it needs papermill.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from nbclient.util import run_hook, run_sync
from papermill.clientwrap import PapermillNotebookClient

from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.runs.messages import UNREADABLE, flaw
from jupyter_mlo.runs.run import NotebookRun
from jupyter_mlo.runs.surroundings import Kernel
from jupyter_mlo.runs.transport import socket_folder, speaks_ipc
from jupyter_mlo.runs.withheld import kernel_environment


class WatchedClient(PapermillNotebookClient):  # type: ignore[misc]
    """Executes a notebook and tells ``run`` what happens.

    Args:
        nb_man: papermill's execution manager.
        run: the run that is told.
        over: called as soon as all cells are done, or with what has ended them early; the
            kernel shuts down afterwards.
        env: environment of the kernel in place of this process's; secrets are left out of
            either.
    """

    def __init__(
        self,
        nb_man: Any,
        *,
        run: NotebookRun,
        over: Callable[[BaseException | None], None],
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(nb_man, **options)
        self._run = run
        self._over = over
        self._env = env
        #: Nothing that arrives from now on is part of the notebook.
        self._closed = False
        self._has_left_out = False
        self._sockets = ExitStack()
        self._theirs: Any = options.get("on_cell_execute")
        self.on_cell_execute = self._before_execution

    async def async_start_new_kernel(self, **kwargs: Any) -> None:
        given = kwargs.get("env") or self._env or os.environ
        kwargs["env"] = kernel_environment(given, self._run.kernel_file)
        if self.owns_km and self.km.transport == "tcp" and speaks_ipc(self.km.kernel_spec):
            folder = socket_folder()
            self._sockets.callback(shutil.rmtree, folder, ignore_errors=True)
            self.km.transport, self.km.ip = "ipc", str(folder / "kernel")
        await super().async_start_new_kernel(**kwargs)
        self._tell_kernel(kwargs["env"])

    start_new_kernel = run_sync(async_start_new_kernel)

    def papermill_execute_cells(self) -> None:
        self._tell_kernel({})  # a kernel that the caller has started
        super().papermill_execute_cells()

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        if self._closed:
            return None
        if (why := flaw(msg)) is not None:
            self._left_out(why)
            return None
        output = super().process_message(msg, cell, cell_index)
        self.nb_man.save_if_due()
        return output

    async def _async_poll_output_msg(
        self, parent_msg_id: str, cell: dict[str, Any], cell_index: int
    ) -> None:
        while True:
            try:
                await super()._async_poll_output_msg(parent_msg_id, cell, cell_index)
                return
            except UNREADABLE as error:
                self._left_out(f"it cannot be taken ({type(error).__name__})")

    def _left_out(self, why: str) -> None:
        """Say so once: a cell may publish such messages without end."""
        if not self._has_left_out:
            self._has_left_out = True
            self._run.complain(
                "A message of the kernel is left out, as it is none of Jupyter's protocol: "
                f"{terminal_safe(why, limit=200)}"
            )

    def _tell_kernel(self, environ: Mapping[str, str]) -> None:
        spec = self.km.kernel_spec
        kernel = Kernel(
            name=self.km.kernel_name,
            language=getattr(spec, "language", ""),
            argv=tuple(getattr(spec, "argv", ())),
            command=tuple(self.km.format_kernel_cmd()) if environ and spec else (),
            environ=environ,
        )
        self._run.kernel_started(self.km.kernel_id or "unknown", kernel)

    async def _before_execution(self, cell: Any, cell_index: int) -> None:
        # A kernel that records by itself, or a server that listens, learns which cell it is.
        self.kc.session.metadata = {"cellId": cell["id"]} if cell.get("id") else {}
        self._run.cell_begins(cell_index)
        await run_hook(self._theirs, cell=cell, cell_index=cell_index)

    def _update_display_id(self, display_id: str, msg: dict[str, Any]) -> None:
        places = self._display_id_map.get(display_id, {})
        super()._update_display_id(display_id, msg)
        for position, outputs in places.items():
            self._run.outputs_updated(position, outputs)

    async def _async_check_alive(self) -> None:
        await super()._async_check_alive()
        # Asked every second while a cell runs, whether it prints anything or not.
        self.nb_man.save_if_due()

    @contextmanager
    def setup_kernel(self, **kwargs: Any) -> Iterator[None]:
        with self._sockets, super().setup_kernel(**kwargs):
            failure: BaseException | None = None
            try:
                yield
            except BaseException as error:
                failure = error
                raise
            finally:
                # Tasks that were cut short go on while the kernel is shut down.
                self._closed = True
                self.nb_man.notebook_complete()
                self._over(failure)
