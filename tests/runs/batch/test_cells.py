"""Cells in a kernel, without a run around them."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_mlo.runs.batch.cells import Cells, Limits, clear
from jupyter_mlo.runs.batch.kernels import Kernels, Specs
from jupyter_mlo.runs.withheld import kernel_environment
from tests.runs.conftest import notebook


class Sends:
    """Sends as nbclient's output widgets do, when the answer to a cell has just come."""

    def __init__(self) -> None:
        self.client: Any = None
        self.sent = 0

    def cell_begins(self, position: int) -> None:
        pass

    def outputs_updated(self, position: int, outputs: list[int]) -> None:
        time.sleep(0.5)
        message = self.client.session.msg("comm_msg", {"comm_id": "none", "data": {}})
        self.client.shell_channel.send(message)
        self.sent += 1

    def cell_done(self, cell: Any, position: int) -> None:
        pass

    def remark(self, text: str) -> None:
        raise AssertionError(text)


def test_an_answer_is_seen_that_comes_while_a_widget_sends(tmp_path: Path) -> None:
    nb = notebook("from IPython.display import display\nshown = display(1, display_id=True)")
    nb.cells += notebook("shown.update(2)", "3").cells
    nb.metadata["papermill"] = {}
    clear(nb, datetime.now(UTC))
    watcher = Sends()

    async def execute() -> None:
        async with Kernels(Specs()) as kernels:
            kernel = await kernels.start("python3", kernel_environment(os.environ), tmp_path)
            try:
                await kernel.ready(60.0)
                watcher.client = kernel.client
                await Cells(nb, kernel, watcher, Limits(cell=10)).execute()
            finally:
                await kernel.end()

    asyncio.run(execute())
    assert watcher.sent == 1
    assert nb.cells[0].outputs[0]["data"] == {"text/plain": "2"}
    assert nb.cells[2].outputs[0]["data"] == {"text/plain": "3"}
