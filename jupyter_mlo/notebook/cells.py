"""A cell as it stands in a notebook, and its digests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from jupyter_mlo.notebook.canonical_cell import CELL_TYPES, Undigestable, joined
from jupyter_mlo.notebook.digests import CellDigests, cell_digests


class Cell:
    """One cell.

    Args:
        position: from 0.
        value: the cell as JSON object, lines joined or not.
        undigestable: why the cell has no digest, if reading has found a reason already.
    """

    def __init__(
        self, position: int, value: Mapping[str, Any], undigestable: str | None = None
    ) -> None:
        self.position = position
        self._value = value
        self._undigestable = undigestable

    @property
    def kind(self) -> str:
        """``code``, ``markdown`` or ``raw``; empty where the cell names none of them."""
        kind = self._value.get("cell_type")
        return kind if isinstance(kind, str) and kind in CELL_TYPES else ""

    @property
    def id(self) -> str | None:
        """The cell's id; None before nbformat 4.5 and where it is not a string."""
        cell_id = self._value.get("id")
        return cell_id if isinstance(cell_id, str) else None

    @property
    def source(self) -> str:
        """The source, lines joined; empty where it is not text."""
        try:
            return joined(self._value.get("source", ""), "the source")
        except Undigestable:
            return ""

    @property
    def outputs(self) -> list[Any]:
        """Outputs as in the file, of code cells only."""
        outputs = self._value.get("outputs")
        return outputs if isinstance(outputs, list) and self.kind == "code" else []

    @property
    def attachments(self) -> Any:
        """Attachments as in the file, or None."""
        return self._value.get("attachments")

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The cell's metadata; empty where it is not an object."""
        metadata = self._value.get("metadata")
        return metadata if isinstance(metadata, Mapping) else {}

    @property
    def execution_count(self) -> int | None:
        """The prompt number; None where there is none, or it is not a number in [0, 2**53)."""
        count = self._value.get("execution_count")
        return count if type(count) is int and 0 <= count < 2**53 else None

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags in the metadata."""
        tags = self.metadata.get("tags")
        return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()

    @property
    def undigestable(self) -> str | None:
        """Why this cell has no digest; None where it has one."""
        try:
            _ = self.digests
        except Undigestable as error:
            return error.reason
        return None

    @cached_property
    def digests(self) -> CellDigests:
        """All its digests; raises :class:`Undigestable`."""
        if self._undigestable:
            raise Undigestable(self._undigestable)
        self._check_types()
        return cell_digests(self)

    def _check_types(self) -> None:
        value = self._value
        if not self.kind:
            raise Undigestable("its cell_type is none of code, markdown, raw")
        joined(value.get("source", ""), "the source")
        if not isinstance(value.get("metadata", {}), Mapping):
            raise Undigestable("its metadata is not an object")
        if not isinstance(value.get("outputs", []), list) and self.kind == "code":
            raise Undigestable("its outputs are not a list")
        if value.get("id") is not None and self.id is None:
            raise Undigestable("its id is not a string")
