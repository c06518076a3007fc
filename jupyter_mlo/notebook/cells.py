"""A cell as it stands in a notebook, and its digests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mlo.notebook import raw_json
from jupyter_mlo.notebook.canonical_cell import (
    CELL_TYPES,
    DISPLAYED,
    Undigestable,
    check_value,
    joined,
)
from jupyter_mlo.notebook.digests import CellDigests, cell_digests, output_digests
from jupyter_mlo.notebook.long_cells import HEAD, LongCell
from jupyter_mlo.notebook.parts import Part
from jupyter_mlo.notebook.plain_cells import read_plain

Marks = tuple[tuple[int, Any], ...]


class Cell:
    """One cell.

    A cell from a file keeps its text and decodes what is asked for, so that no more than
    one cell at a time stands in memory: source, outputs and attachments cost a decode
    each time. All else is kept.

    Args:
        position: from 0.
        value: the cell as JSON object, lines joined or not; or where its text stands.
    """

    __slots__ = (
        "_digests", "_head", "_long_cell", "_marks", "_outputs", "_part", "_reason", "_value",
        "position",
    )  # fmt: skip

    def __init__(self, position: int, value: Mapping[str, Any] | Part) -> None:
        self.position = position
        self._part = value if isinstance(value, Part) else None
        self._value = None if isinstance(value, Part) else value
        self._long_cell: LongCell | None = None
        self._head: Mapping[str, Any] | None = None
        self._digests: CellDigests | None = None
        self._outputs: tuple[bytes, ...] | None = None
        self._marks: Marks = ()
        #: Why there are no digests; empty where there are, None where nobody has looked.
        self._reason: str | None = None

    @property
    def part(self) -> Part | None:
        """Where it stands in the text it was read from; None for a cell in memory."""
        return self._part

    @property
    def kind(self) -> str:
        """``code``, ``markdown`` or ``raw``; empty where the cell names none of them."""
        kind = self._named("cell_type")
        return kind if isinstance(kind, str) and kind in CELL_TYPES else ""

    @property
    def id(self) -> str | None:
        """The cell's id; None before nbformat 4.5 and where it is not a string."""
        cell_id = self._named("id")
        return cell_id if isinstance(cell_id, str) else None

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The cell's metadata; empty where it is not an object."""
        metadata = self._named("metadata")
        return metadata if isinstance(metadata, Mapping) else {}

    @property
    def execution_count(self) -> int | None:
        """The prompt number; None where there is none, or it is not a number in [0, 2**53)."""
        count = self._named("execution_count")
        return count if type(count) is int and 0 <= count < 2**53 else None

    @property
    def prompted(self) -> bool:
        """Whether there is anything where the prompt number stands."""
        return self._named("execution_count") is not None

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags in the metadata."""
        tags = self.metadata.get("tags")
        return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()

    @property
    def source(self) -> str:
        """The source, lines joined; empty where it is not text."""
        try:
            return joined(self._decoded("source", ""), "the source")
        except Undigestable:
            return ""

    @property
    def outputs(self) -> list[Any]:
        """Outputs as in the file, of code cells only."""
        outputs = self._decoded("outputs", [])
        return outputs if isinstance(outputs, list) and self.kind == "code" else []

    @property
    def has_outputs(self) -> bool:
        """Whether :attr:`outputs` holds any; needs no decode once the digests are there."""
        if self.undigestable is None:
            return self.digests.output_count > 0
        return bool(self.outputs)

    @property
    def attachments(self) -> Any:
        """Attachments as in the file, or None."""
        return self._decoded("attachments", None)

    @property
    def marks(self) -> Marks:
        """Displayed outputs with ``metadata.mlo``: their places in the file, and its value."""
        self._digest()
        return self._marks

    @property
    def undigestable(self) -> str | None:
        """Why this cell has no digest; None where it has one."""
        self._digest()
        return self._reason or None

    @property
    def digests(self) -> CellDigests:
        """Its digests; raises :class:`Undigestable`."""
        self._digest()
        if self._digests is None:
            raise Undigestable(self._reason or "")
        return self._digests

    @property
    def output_digests(self) -> tuple[bytes, ...]:
        """The digest of each output, streams merged; raises :class:`Undigestable`.

        Needed only where outputs are told apart, so they cost a second look at the outputs.
        """
        if self._outputs is None:
            value = self._loaded() if self.digests.output_count else {}
            if isinstance(value, LongCell):
                self._outputs, self._long_cell = tuple(value.output_digests()), None
            else:
                self._outputs = tuple(output_digests(value.get("outputs", ())))
        return self._outputs

    def _named(self, member: str) -> Any:
        if self._head is None:
            self._open()
        return (self._head or {}).get(member)

    def _decoded(self, member: str, default: Any) -> Any:
        try:
            value = self._loaded()
            if isinstance(value, LongCell):
                return value.value(member, default)
        except Undigestable:
            return default
        return value.get(member, default)

    def _loaded(self) -> Mapping[str, Any] | LongCell:
        """The cell as a decoded object, or as a long one."""
        if self._part is None:
            assert self._value is not None
            return self._value
        if len(self._part) > raw_json.SMALL:
            if self._long_cell is None:
                self._long_cell = LongCell(self._part)
            return self._long_cell
        value = raw_json.decode_part(self._part)
        if not isinstance(value, dict):
            raise Undigestable("it is not an object")
        return value

    def _open(self) -> None:
        """Read the small members; of a short cell also the digests, as it is decoded anyway."""
        self._head = {}
        if self._part is not None and (self._part.sound or len(self._part) <= raw_json.SMALL):
            plain = read_plain(self._part)
            if plain is not None:
                self._head, self._digests, self._marks = plain.head, plain.digests, plain.marks
                self._reason = ""
                return
        try:
            value = self._loaded()
            if isinstance(value, LongCell):
                self._head = value.head()
            elif self._part is None:
                self._head = value
            else:
                self._head = {member: value[member] for member in HEAD if member in value}
                self._digest_value(value, checked=True)
        except Undigestable as error:
            self._reason = error.reason

    def _digest(self) -> None:
        if self._head is None:
            self._open()
        if self._reason is not None:
            return
        try:
            value = self._loaded()
            if isinstance(value, LongCell):
                self._check_head()
                self._digests, self._marks = value.digests(self.kind)
                self._long_cell, self._reason = None, ""
            else:
                check_value({name: value[name] for name in value.keys() - _CONTENT})
                self._digest_value(value)
        except Undigestable as error:
            self._reason = error.reason

    def _digest_value(self, value: Mapping[str, Any], *, checked: bool = False) -> None:
        try:
            self._check_head()
            content = _Content(self.kind, value)
            self._digests = cell_digests(content, checked=checked)
            self._marks = tuple(_marks(content.outputs))
            self._reason = ""
        except Undigestable as error:
            self._reason = error.reason

    def _check_head(self) -> None:
        if not self.kind:
            raise Undigestable("its cell_type is none of code, markdown, raw")
        metadata = self._named("metadata")
        if metadata is not None and not isinstance(metadata, Mapping):
            raise Undigestable("its metadata is not an object")
        if self._named("id") is not None and self.id is None:
            raise Undigestable("its id is not a string")


#: Members of which :func:`cell_digests` finds out whether anything is amiss.
_CONTENT = frozenset({"attachments", "outputs", "source"})


class _Content:
    """What is digested of a cell that is decoded."""

    def __init__(self, kind: str, value: Mapping[str, Any]) -> None:
        self.kind = kind
        self.source = joined(value.get("source", ""), "the source")
        self.attachments = value.get("attachments")
        outputs = value.get("outputs", []) if kind == "code" else []
        if not isinstance(outputs, list):
            raise Undigestable("its outputs are not a list")
        self.outputs = outputs


def _marks(outputs: list[Any]) -> Marks:
    return tuple(
        (place, output["metadata"]["mlo"])
        for place, output in enumerate(outputs)
        if output.get("output_type") in DISPLAYED and "mlo" in (output.get("metadata") or {})
    )
