"""A notebook from the lines of a run's journal.

Whatever runs as the same account can write to a journal, cells included. What is not of the
form that :class:`~jupyter_mlo.runs.journal.Journal` writes is refused by line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from jupyter_mlo.errors import MloError, NotebookError
from jupyter_mlo.notebook.layout import read_notebook_entries
from jupyter_mlo.statements.envelope import Envelope

_OF_A_RESULT: Final = frozenset({"outputs", "execution_count", "metadata"})


class _Odd(Exception):
    """A line is not of the form; the argument says what of it."""


@dataclass
class Replay:
    """What a journal has said, up to a line."""

    notebook: dict[str, Any] | None = None
    #: Positions of completed cells.
    done: set[int] = field(default_factory=set)
    ended: bool = False
    #: Enrolments and delegations of the run.
    chain: list[Envelope] = field(default_factory=list)

    @property
    def cells(self) -> list[Any]:
        """The cells of the notebook; none before there is one."""
        return self.notebook["cells"] if self.notebook is not None else []

    @property
    def code_cells(self) -> int:
        """How many cells can be executed."""
        return sum(_is_code(cell) for cell in self.cells)

    @property
    def completed(self) -> int:
        """How many of them had been dealt with."""
        return self.code_cells if self.ended else sum(_is_code(self.cells[at]) for at in self.done)

    @property
    def sealed(self) -> bool:
        """Whether the notebook holds a seal."""
        metadata = self.notebook["metadata"] if self.notebook is not None else None
        return bool(read_notebook_entries(metadata).seals)

    def take(self, line: Mapping[str, Any]) -> None:
        """Take a line; raises :class:`_Odd`."""
        if "base" in line:
            self.notebook = _notebook(line["base"])
            self.done = {at for at in self.done if at < len(self.cells)}
        elif "chain" in line:
            self._take_chain(line["chain"])
        elif "ended" in line:
            self.ended = True
        elif self.notebook is None:
            raise _Odd("it comes before the notebook")
        elif "cell" in line:
            self._take_cell(line)
        elif "metadata" in line:
            self.notebook["metadata"] = _mapping(line["metadata"], "metadata")

    def _take_chain(self, chain: Any) -> None:
        try:
            self.chain.extend(map(Envelope.from_json, _list(chain, "chain")))
        except MloError as error:
            raise _Odd(error.message) from None

    def _take_cell(self, line: Mapping[str, Any]) -> None:
        at = line["cell"]
        if not isinstance(at, int) or isinstance(at, bool) or not 0 <= at < len(self.cells):
            raise _Odd(f"the notebook has no cell {at!r:.40}")
        cell = self.cells[at]
        if "value" in line:
            value = _mapping(line["value"], "value")
            if not value.keys() <= _OF_A_RESULT:
                raise _Odd("it changes more of a cell than running it does")
            _check_result(value)
            cell.update(value)
            self.done.add(at)
            return
        outputs = _list(cell.get("outputs"), "outputs")
        for text, output in _mapping(line.get("outputs"), "outputs").items():
            if not (text.isascii() and text.isdecimal()) or int(text[:9]) >= len(outputs):
                raise _Odd(f"cell {at} has no output {text!r:.40}")
            outputs[int(text[:9])] = _mapping(output, "output")
        cell["metadata"] = _mapping(line.get("metadata"), "metadata")


def replay(lines: Sequence[tuple[int, Mapping[str, Any]]], where: str) -> Replay:
    """What numbered lines of the journal ``where`` say.

    Raises:
        NotebookError: a line is not of the form; it names the line.
    """
    said = Replay()
    for number, line in lines:
        try:
            said.take(line)
        except _Odd as odd:
            raise NotebookError(
                f"line {number} of {where} is not what a run writes there: {odd}",
                hint="something else has written to it, and no notebook is made from it; "
                "run the notebook again",
            ) from None
    return said


def _notebook(value: Any) -> dict[str, Any]:
    notebook = _mapping(value, "notebook")
    notebook["metadata"] = _mapping(notebook.get("metadata", {}), "notebook's metadata")
    for cell in _list(notebook.get("cells"), "notebook's cells"):
        _check_result(_mapping(cell, "cell"))
        bundles = cell.get("attachments")
        for bundle in (_mapping(bundles, "attachments") if bundles else {}).values():
            _mapping(bundle, "attachment")
    return notebook


def _check_result(cell: Mapping[str, Any]) -> None:
    """The members that running a cell changes, where it has them."""
    _mapping(cell.get("metadata", {}), "cell's metadata")
    for output in _list(cell.get("outputs", []), "outputs"):
        if "data" in _mapping(output, "output"):
            _mapping(output["data"], "output's data")


def _is_code(cell: Mapping[str, Any]) -> bool:
    return cell.get("cell_type") == "code"


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Odd(f"its {what} is no object")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise _Odd(f"its {what} is no list")
    return value
