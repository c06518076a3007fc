"""Executing a notebook's cells one after the other, as papermill does.

What papermill promises of tags, errors, timing and its own metadata holds here too, and is tested
side by side. Knows nothing of attribution: a :class:`Watcher` is told what happens.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty
from typing import Any, Final, Protocol

from jupyter_mlo.errors import MloError
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.runs.batch.kernels import KernelFault, RunningKernel
from jupyter_mlo.runs.batch.outputs import Outputs, weight
from jupyter_mlo.runs.messages import UNREADABLE, answers, flaw, is_answer

_SKIPPED: Final = "skip-execution"
_MAY_FAIL: Final = "raises-exception"
#: Seconds without output after a reply, before what is missing counts as lost (nbclient's).
_SILENCE: Final = 4.0
#: Of a :class:`KernelFault`: what it said cannot be taken.
MALFORMED: Final = "the kernel answered what is none of Jupyter's protocol"
#: Seconds between two looks whether the kernel lives, or has answered.
_LOOK: Final = 0.5


class Exceeded(MloError):
    """A cell, or the whole run, took longer or put out more than it was given."""


class Watcher(Protocol):
    """Is told what happens to cells."""

    def cell_begins(self, position: int) -> None:
        """The code of a cell is about to be sent."""

    def outputs_updated(self, position: int, outputs: list[int]) -> None:
        """The running cell has replaced outputs of a cell."""

    def cell_done(self, cell: Any, position: int) -> None:
        """A cell has ended, executed or not."""

    def remark(self, text: str) -> None:
        """What is to be known of the run besides."""


@dataclass(frozen=True)
class Limits:
    """What cells and the whole run may take; None for any time."""

    #: Seconds.
    cell: float | None = None
    run: float | None = None
    #: Bytes in memory of all that a run has put out, roughly.
    output: int = 500_000_000


def clear(nb: Any, now: datetime) -> None:
    """Clear a prepared notebook for its run: papermill's ``notebook_start``."""
    nb["metadata"]["papermill"].update(
        start_time=now.isoformat(), end_time=None, duration=None, exception=None
    )
    for cell in nb["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = None
            cell["outputs"] = []
        cell["metadata"]["papermill"] = {
            "exception": None,
            "start_time": None,
            "end_time": None,
            "duration": None,
            "status": "pending",
        }


def complete(nb: Any, now: datetime) -> None:
    """No cell runs any more: papermill's ``notebook_complete``."""
    entry = nb["metadata"]["papermill"]
    entry["end_time"] = now.isoformat()
    if entry.get("start_time"):
        began = datetime.fromisoformat(entry["start_time"])
        entry["duration"] = (now - began).total_seconds()
    for cell in nb["cells"]:
        status = cell["metadata"]["papermill"]["status"]
        if status == "failed":
            break
        if status == "pending":
            cell["metadata"]["papermill"]["status"] = "completed"


def is_executed(cell: Any) -> bool:
    """Whether the code of a prepared cell is sent to a kernel when its turn comes."""
    skipped = _SKIPPED in cell["metadata"].get("tags", [])
    return cell["cell_type"] == "code" and bool(cell["source"].strip()) and not skipped


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Cells:
    """Executes the cells of ``nb`` in ``kernel``; used once."""

    def __init__(
        self,
        nb: Any,
        kernel: RunningKernel,
        watcher: Watcher,
        limits: Limits = Limits(),
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._nb = nb
        self._kernel = kernel
        self._watcher = watcher
        self._limits = limits
        self._now = now
        #: Messages that the kernel has published.
        self._heard = 0
        #: Position of the cell of which it was last said that a message is left out.
        self._said_of: int | None = None
        #: Bytes that outputs hold at most.
        self._held = 0
        self._outputs = Outputs(nb["cells"], kernel.client, watcher.outputs_updated)

    async def execute(self) -> None:
        """Execute until a cell fails that must not, or all are done.

        A failed cell raises nothing: it is marked in the metadata, as papermill marks it.

        Raises:
            Exceeded: a cell, or all of them, took too long or put out too much.
            KernelFault: the kernel died.
        """
        try:
            async with asyncio.timeout(self._limits.run):
                await self._all()
        except TimeoutError:
            raise Exceeded(
                f"the run took longer than {self._limits.run:g} s",
                hint="give it longer: --timeout SECONDS",
            ) from None

    async def _all(self) -> None:
        for position, cell in enumerate(self._nb["cells"]):
            entry = cell["metadata"]["papermill"]
            entry.update(start_time=self._now().isoformat(), status="running", exception=False)
            try:
                if not await self._execute(cell, position):
                    entry.update(exception=True, status="failed")
                    self._nb["metadata"]["papermill"]["exception"] = True
                    break
            finally:
                ended = self._now()
                began = datetime.fromisoformat(entry["start_time"])
                entry["end_time"] = ended.isoformat()
                entry["duration"] = (ended - began).total_seconds()
                if entry["status"] != "failed":
                    entry["status"] = "completed"
                self._watcher.cell_done(cell, position)
        metadata = self._nb["metadata"]
        metadata["language_info"] = self._kernel.info["language_info"]
        widgets = self._outputs.widgets()
        if widgets is not None:
            metadata["widgets"] = widgets

    async def _execute(self, cell: Any, position: int) -> bool:
        """Execute one cell; False where it has failed and must not."""
        if not is_executed(cell):
            return True
        may_fail = _MAY_FAIL in cell["metadata"].get("tags", [])
        timing: dict[str, Any] = {}
        cell["metadata"]["execution"] = timing
        client = self._kernel.client
        # A kernel that records by itself, or a server that listens, learns which cell it is.
        client.session.metadata = {"cellId": cell["id"]} if cell.get("id") else {}
        self._watcher.cell_begins(position)
        self._outputs.begin(position)
        request = client.execute(cell["source"], store_history=True, stop_on_error=not may_fail)
        tasks = [
            asyncio.ensure_future(each)
            for each in (
                self._published(request, position, timing),
                self._reply(request),
                self._dies(),
            )
        ]
        published, reply, dies = tasks
        try:
            try:
                async with asyncio.timeout(self._limits.cell):
                    await self._answered(reply, dies, published)
            except TimeoutError:
                raise Exceeded(
                    f"cell {position + 1} took longer than {self._limits.cell:g} s",
                    hint="give it longer: --cell-timeout SECONDS",
                ) from None
            timing["shell.execute_reply"] = _stamp(reply.result())
            await self._rest(published, dies)
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
        content = reply.result()["content"]
        return content["status"] != "error" or may_fail

    @staticmethod
    async def _answered(
        reply: asyncio.Future[Any], dies: asyncio.Future[None], published: asyncio.Future[None]
    ) -> None:
        """Wait until the kernel has answered, unless it dies or puts out too much before."""
        waiting = {reply, dies, published}
        while not reply.done():
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if published in waiting and published.done():
                published.result()
                waiting.discard(published)
            if dies.done() and not reply.done():
                raise _died()

    async def _rest(self, published: asyncio.Future[None], dies: asyncio.Future[None]) -> None:
        """What the kernel published before its reply may come after it."""
        while not published.done():
            before = self._heard
            await asyncio.wait(
                {published, dies}, timeout=_SILENCE, return_when=asyncio.FIRST_COMPLETED
            )
            if not published.done() and dies.done():
                raise _died()
            if not published.done() and self._heard == before:
                raise Exceeded(
                    "the kernel has answered, but the rest of its output does not come",
                    hint="run the notebook again",
                )
        published.result()

    async def _published(self, request: str, position: int, timing: dict[str, Any]) -> None:
        channel = self._kernel.client.iopub_channel
        while True:
            try:
                message = await channel.get_msg(timeout=None)
            except UNREADABLE as error:
                self._left_out(position, f"it cannot be read ({type(error).__name__})")
                continue
            self._heard += 1
            if not answers(message, request):
                continue
            if (why := flaw(message)) is not None:
                self._left_out(position, why)
                continue
            kind = message["msg_type"]
            if kind == "status":
                state = message["content"]["execution_state"]
                if state in ("idle", "busy"):
                    timing[f"iopub.status.{state}"] = _stamp(message)
            elif kind == "execute_input":
                timing["iopub.execute_input"] = _stamp(message)
            try:
                self._weigh(message)
                self._outputs.take(message, position)
            except Exceeded:
                raise
            except Exception as error:  # an output widget's, or it is nested too deeply
                self._left_out(position, f"{kind}: {type(error).__name__}")
            if kind == "status" and message["content"]["execution_state"] == "idle":
                return

    def _weigh(self, message: Mapping[str, Any]) -> None:
        """See that what the run puts out fits into memory; raises :class:`Exceeded`."""
        adds = weight(message["content"]) + sum(map(len, message.get("buffers") or ()))
        self._held += adds
        if self._held > self._limits.output:
            self._held = self._outputs.weight() + adds  # without what was cleared meanwhile
        if self._held > self._limits.output:
            raise Exceeded(
                f"the run has put out more than {self._limits.output / 1e6:g} MB",
                hint="write what is that large to a file, or raise --max-output",
            )

    def _left_out(self, position: int, why: str) -> None:
        """Say so, once a cell: it may publish such messages without end."""
        if position != self._said_of:
            self._said_of = position
            self._watcher.remark(
                f"cell {position + 1}: a message of its kernel is left out, as it is none of "
                f"Jupyter's protocol: {terminal_safe(why, limit=200)}"
            )

    async def _reply(self, request: str) -> Any:
        channel = self._kernel.client.shell_channel
        while True:
            try:
                # An output widget sends on this socket past asyncio, which can use up the notice
                # that a message has come; who begins to wait anew sees it all the same.
                message = await channel.get_msg(timeout=_LOOK)
            except (Empty, *UNREADABLE):
                continue
            if answers(message, request):
                if not is_answer(message):
                    raise KernelFault(
                        "the kernel's answer to a cell is none of Jupyter's protocol",
                        hint="see what the cell does to its kernel",
                        kind=MALFORMED,
                    )
                return message

    async def _dies(self) -> None:
        while await self._kernel.alive():
            await asyncio.sleep(_LOOK)
        # What it said last may still be on its way.
        await asyncio.sleep(0.05)


def _died() -> KernelFault:
    return KernelFault(
        "the kernel died", hint="it may have run out of memory", kind="the kernel died"
    )


def _stamp(message: Any) -> str:
    """A message's time as nbclient writes it."""
    date = message["header"].get("date")
    moment = date if isinstance(date, datetime) else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
