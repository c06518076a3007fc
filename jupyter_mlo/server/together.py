"""Stamps and seals in the document that several people edit at once (jupyter-collaboration).

There the server holds the document, and saves it in the background. What a save has written into
the file must stand in the document, too, or the next save would not have it. It is written there
as another editor's change would be, after the save: the save that follows finds nothing to add.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from jupyter_mlo.notebook.layout import MEMBER

_EXTENSION = "jupyter_server_ydoc"
#: Seconds after a save: it has ended by then, and is not begun anew by our change.
_AFTER = 0.1


class SharedDocuments:
    """The notebooks that are open together. On the event loop only."""

    def __init__(self, serverapp: Any, failed: Callable[[str], None]) -> None:
        self._serverapp, self._failed = serverapp, failed
        self._tasks: set[asyncio.Task[None]] = set()
        #: Paths of notebooks that will be nudged.
        self._nudged: set[str] = set()

    @property
    def _extension(self) -> Any:
        found = self._serverapp.extension_manager.extension_apps.get(_EXTENSION) or ()
        return next(iter(found), None)

    def write(self, path: str, notebook: Any, cells: Mapping[str, Any]) -> None:
        """Have the open document carry this, where it is open and carries something else.

        Args:
            notebook: ``metadata.mlo`` of the notebook.
            cells: of its cells, by id.
        """
        carried = dict(cells)
        self._soon(path, _AFTER, lambda document: _carry(document, notebook, carried))

    def touch(self, path: str) -> None:
        """Have the open document saved once more, now."""
        self._soon(path, 0, _touch)

    def nudge(self, path: str, after: timedelta) -> None:
        """The same after a while, once for all who ask meanwhile."""
        if path not in self._nudged:
            self._nudged.add(path)
            self._soon(path, after.total_seconds(), _touch, lambda: self._nudged.discard(path))

    def _soon(
        self,
        path: str,
        after: float,
        act: Callable[[Any], None],
        first: Callable[[], object] = bool,
    ) -> None:
        if self._extension is None:
            return
        task = asyncio.get_running_loop().create_task(self._act(path, after, act, first))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """The server ends."""
        for task in self._tasks:
            task.cancel()

    async def _act(
        self, path: str, after: float, act: Callable[[Any], None], first: Callable[[], object]
    ) -> None:
        await asyncio.sleep(after)
        first()
        try:
            document = await self._extension.get_document(
                path=path, content_type="notebook", file_format="json", copy=False
            )
            if document is not None:
                act(document)
        except Exception:
            self._failed("write stamps into a shared document")


def _carry(document: Any, notebook: Any, cells: dict[str, Any]) -> None:
    with document.ydoc.transaction():
        metadata = document._ymeta.get("metadata")
        if notebook is not None and _is_map(metadata):
            _set(metadata, notebook)
        for cell in document.ycells:
            stamp = cells.pop(str(cell.get("id")), None)
            metadata = cell.get("metadata")
            if stamp is not None and _is_map(metadata):
                _set(metadata, stamp)


def _touch(document: Any) -> None:
    """A change that changes nothing: the server saves whatever was changed."""
    metadata = document._ymeta.get("metadata")
    if _is_map(metadata):
        with document.ydoc.transaction():
            held = metadata.get(MEMBER)
            metadata[MEMBER] = held
            if held is None:
                del metadata[MEMBER]


def _is_map(value: Any) -> bool:
    """Whether it is shared itself; a plain object would have to be replaced as a whole."""
    return hasattr(value, "observe")


def _set(metadata: Any, value: Any) -> None:
    if metadata.get(MEMBER) != value:
        metadata[MEMBER] = value
