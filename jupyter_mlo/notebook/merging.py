"""Two people's versions of a notebook, merged: what becomes of stamps, chains and seals.

A tool that knows notebooks merges what people see; ours is taken out before and put back after,
because metadata that conflict would be kept from one side. A stamp goes to the merged cell that
is what one side stamped. No seal covers what nobody has sealed: those of both sides go on as older
ones, and are named. Pure; nothing is believed here, all is judged when the notebook is verified.
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from jupyter_mlo.errors import StatementError
from jupyter_mlo.notebook.cells import Cell
from jupyter_mlo.notebook.layout import MARKED, MEMBER, VERSION, NotebookEntries, SealEntry
from jupyter_mlo.notebook.layout import read_notebook_entries as read_entries
from jupyter_mlo.notebook.present import present_cell
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import read_statement

#: Members of a cell that come from its execution, and so from one side.
_EXECUTED: Final = ("outputs", "execution_count")


@dataclass(frozen=True)
class Merged:
    """A merged notebook, and what its readers should be told."""

    value: dict[str, Any]
    #: Positions of cells whose stamp came with them.
    stamped: tuple[int, ...]
    #: Positions of cells that carried a stamp on one side, and are no longer what was stamped.
    unstamped: tuple[int, ...]
    #: Newest seals that went, each as ``(mlo, time)`` says it; both sides' in turn.
    seals: tuple[tuple[str, str], ...]
    #: The sides' notebook IDs, where they differ: only the first one's stamps are of this one.
    notebooks: tuple[str, ...] = ()


def without_ours(value: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a notebook without anything of ours in its metadata."""
    bare = copy.deepcopy(dict(value))
    _drop(bare)
    for cell in _cells(bare):
        _drop(cell)
        for output in cell.get("outputs") or ():
            if isinstance(output, dict) and output.get("output_type") in MARKED:
                _drop(output)
    return bare


def with_ours(
    merged: Mapping[str, Any],
    base: Mapping[str, Any],
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
) -> Merged:
    """Put stamps, chains and the notebook's ID back into a merged notebook.

    Args:
        merged: what was made of the three, each :func:`without_ours`.
        base, ours, theirs: the three as they were.
    """
    value = copy.deepcopy(dict(merged))
    sides = [_Side(ours), _Side(theirs)]
    before = _Side(base)
    stamped: list[int] = []
    unstamped: list[int] = []
    cells = _cells(value)
    _give_ids(value, cells)
    for at, cell in enumerate(cells):
        origin = _origin(at, cell, sides, before)
        if origin is not None:
            cell.update({name: copy.deepcopy(origin[name]) for name in _EXECUTED if name in origin})
        kept = origin if origin is not None else _namesake(cell, sides)
        stamp = (kept.get("metadata") or {}).get(MEMBER) if kept is not None else None
        if stamp is not None:
            cell.setdefault("metadata", {})[MEMBER] = copy.deepcopy(stamp)
            (stamped if origin is not None else unstamped).append(at)
    entries = [side.entries for side in sides]
    gone: list[tuple[str, str]] = []
    whole = _still_sealed(value, sides, before)
    if whole is not None:
        value.setdefault("metadata", {})[MEMBER] = whole
    else:
        gone = [seal for each in entries if (seal := _newest(each)) is not None]
        if (entry := _entry(entries)) is not None:
            value.setdefault("metadata", {})[MEMBER] = entry
    named = dict.fromkeys(each.notebook for each in entries if each.notebook is not None)
    return Merged(
        value=value,
        stamped=tuple(stamped),
        unstamped=tuple(unstamped),
        seals=tuple(dict.fromkeys(gone)),
        notebooks=tuple(named) if len(named) > 1 else (),
    )


class _Side:
    """One version: its cells by what they hold and by id."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.value = value
        self.cells = _cells(value)
        self.by_digest: dict[bytes, list[int]] = {}
        self.by_id: dict[str, int] = {}
        for at, cell in enumerate(self.cells):
            if (digest := _digest(cell)) is not None:
                self.by_digest.setdefault(digest, []).append(at)
            if isinstance(cell.get("id"), str):
                self.by_id.setdefault(cell["id"], at)
        metadata = value.get("metadata")
        self.entries = read_entries(metadata, [present_cell(each).listed for each in self.listed()])
        self._used: set[int] = set()

    def listed(self) -> list[Cell]:
        return [Cell(at, cell) for at, cell in enumerate(self.cells)]

    def take(self, digest: bytes, cell_id: object) -> dict[str, Any] | None:
        """The cell that holds the same; of several the one of that id, else the next one."""
        places = [at for at in self.by_digest.get(digest, ()) if at not in self._used]
        named = [at for at in places if cell_id and self.cells[at].get("id") == cell_id]
        if not places:
            return None
        at = (named or places)[0]
        self._used.add(at)
        return self.cells[at]

    def stamp_of(self, cell_id: object) -> object:
        at = self.by_id.get(cell_id) if isinstance(cell_id, str) else None
        return None if at is None else (self.cells[at].get("metadata") or {}).get(MEMBER)


def _origin(
    at: int, cell: dict[str, Any], sides: Sequence[_Side], before: _Side
) -> dict[str, Any] | None:
    """The side's cell that the merged one is: ours, unless only theirs was executed since."""
    digest = _digest(cell)
    if digest is None or cell.get("cell_type") != "code":
        return None
    cell_id = cell.get("id")
    found = [side.take(digest, cell_id) for side in sides]
    candidates = [each for each in found if each is not None]
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    ours, theirs = candidates
    was = before.stamp_of(cell_id)
    own = (ours.get("metadata") or {}).get(MEMBER)
    return theirs if own is None or own == was else ours


def _namesake(cell: Mapping[str, Any], sides: Sequence[_Side]) -> dict[str, Any] | None:
    """The side's cell of the same id that carries a stamp: to name what is no longer so."""
    for side in sides:
        at = side.by_id.get(cell.get("id") or "")
        if at is not None and MEMBER in (side.cells[at].get("metadata") or {}):
            return side.cells[at]
    return None


def _still_sealed(
    value: Mapping[str, Any], sides: Sequence[_Side], before: _Side
) -> dict[str, Any] | None:
    """Our metadata of a side whose newest seal lists exactly what the merged notebook holds.

    Where both do: of the side that has sealed it since.
    """
    listed = tuple(present_cell(Cell(at, cell)).listed for at, cell in enumerate(_cells(value)))
    was = before.entries.seals[:1]
    for side in sorted(sides, key=lambda side: side.entries.seals[:1] == was):
        seals = side.entries.seals
        if seals and seals[0].cells == listed:
            kept: dict[str, Any] = copy.deepcopy(side.value["metadata"][MEMBER])
            return kept
    return None


def _entry(entries: Sequence[NotebookEntries]) -> dict[str, Any] | None:
    """``nb.metadata.mlo`` with both sides' chains and no seal."""
    named = [each for each in entries if each.notebook is not None]
    if not named:
        return None
    value: dict[str, Any] = {"version": VERSION, "notebook": named[0].notebook}
    if named[0].parent is not None:
        value["parent"] = named[0].parent
    value["chains"] = [link.to_json() for link in ordered_chains(*(e.chains for e in entries))]
    value["seals"] = []
    if merged := _ended(entries, str(named[0].notebook)):
        value["merged"] = [entry.to_json() for entry in merged]
    return value


def _ended(entries: Sequence[NotebookEntries], notebook: str) -> list[SealEntry]:
    """The seals of this notebook on both sides, the newest of each first, each once.

    They go on saying who first sealed which source, and that stamps were in the ledger by then.
    """
    sides = [each for each in entries if each.notebook == notebook]
    newest = [each.seals[0] for each in sides if each.seals]
    others = [entry for each in sides for entry in (*each.seals[1:], *each.merged)]
    unique: dict[str, SealEntry] = {}
    for entry in [*newest, *others]:
        unique.setdefault(entry.envelope.statement_id, entry)
    return list(unique.values())


def ordered_chains(*chains: Sequence[Envelope]) -> list[Envelope]:
    """Several notebooks' chains as one: enrolments, then delegations, each once."""
    enrolments: dict[str, Envelope] = {}
    others: dict[str, Envelope] = {}
    for envelope in (link for chain in chains for link in chain):
        try:
            kind = read_statement(envelope).predicate_type
        except StatementError:
            continue
        (enrolments if kind == types.ENROLMENT else others)[envelope.statement_id] = envelope
    return [*enrolments.values(), *others.values()]


def _newest(entries: NotebookEntries) -> tuple[str, str] | None:
    if not entries.seals:
        return None
    try:
        predicate = cast(Any, read_statement(entries.seals[0].envelope).predicate)
        return str(predicate.mlo), str(predicate.time)
    except (StatementError, AttributeError):
        return "somebody", "at a time that cannot be read"


def _give_ids(value: Mapping[str, Any], cells: Sequence[dict[str, Any]]) -> None:
    """Cells of format 4.5 need ids; merging leaves out those on which it found two."""
    minor = value.get("nbformat_minor")
    if not isinstance(minor, int) or minor < 5:
        return
    taken: set[str] = set()
    for cell in cells:
        if not isinstance(cell.get("id"), str) or cell["id"] in taken:
            cell["id"] = secrets.token_hex(4)
        taken.add(cell["id"])


def _cells(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    cells = value.get("cells")
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []


def _digest(cell: Mapping[str, Any]) -> bytes | None:
    listed = present_cell(Cell(0, cell)).listed
    return listed.cell


def _drop(owner: dict[str, Any]) -> None:
    if isinstance(owner.get("metadata"), dict):
        owner["metadata"].pop(MEMBER, None)
