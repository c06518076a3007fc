"""Where our statements stand in a notebook's metadata, and reading them back.

``docs/formats.md``, "Notebook". Whoever can write the file can write anything here, so
reading never raises: what is not of the form is left out and named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from jupyter_mlo.errors import StatementError
from jupyter_mlo.notebook.seals import Proof, SealedCell
from jupyter_mlo.statements.envelope import Envelope

#: The member of all metadata that is ours.
MEMBER: Final = "mlo"
VERSION: Final = 1
#: More entries than any notebook needs; what goes beyond is not read.
MOST_CHAINS: Final = 5000
MOST_SEALS: Final = 5000
#: Outputs that nbformat gives metadata.
MARKED: Final = frozenset({"display_data", "execute_result"})

_NOTEBOOK_ID = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class SealEntry:
    """One of the seals in a notebook: its envelope, and what was kept of its list of cells."""

    envelope: Envelope
    #: The whole list, in order: beside the newest seal, and where that is shorter than proofs.
    cells: tuple[SealedCell, ...] | None = None
    proofs: tuple[Proof, ...] = ()
    #: What of the list or the proofs cannot be read.
    problem: str = ""

    @property
    def positions(self) -> list[int]:
        """Of which cells something was kept."""
        if self.cells is not None:
            return list(range(len(self.cells)))
        return sorted(proof.position for proof in self.proofs)

    def to_json(self) -> dict[str, Any]:
        """The entry as it stands in the notebook."""
        return {"envelope": self.envelope.to_json(), **self.list_json()}

    def list_json(self) -> dict[str, Any]:
        """What was kept of its list of cells."""
        value: dict[str, Any] = {}
        if self.cells is not None:
            value["cells"] = [cell.line() for cell in self.cells]
        else:
            value["proofs"] = {str(proof.position): proof.text() for proof in self.proofs}
        return value


@dataclass(frozen=True)
class NotebookEntries:
    """What ``nb.metadata.mlo`` holds, as far as it can be read."""

    #: False where the notebook has no such member.
    present: bool = False
    notebook: str | None = None
    parent: str | None = None
    chains: tuple[Envelope, ...] = ()
    #: Newest first.
    seals: tuple[SealEntry, ...] = ()
    #: In place of those where a merge has ended them: those of either side, newest first.
    merged: tuple[SealEntry, ...] = ()
    #: What cannot be read, in words.
    problems: tuple[str, ...] = field(default=())

    @property
    def all_seals(self) -> tuple[SealEntry, ...]:
        """All seals, whether a merge has ended them or not."""
        return (*self.seals, *self.merged)


def read_notebook_entries(metadata: object, present: Iterable[SealedCell] = ()) -> NotebookEntries:
    """Read ``nb.metadata.mlo`` from a notebook's metadata.

    Args:
        present: the cells as a seal would list them now: most lines are theirs, and need not be
            parsed.
    """
    if not isinstance(metadata, Mapping) or MEMBER not in metadata:
        return NotebookEntries()
    value = metadata[MEMBER]
    if not isinstance(value, Mapping):
        return NotebookEntries(True, problems=("metadata.mlo is not an object",))
    problem = _version_problem(value)
    if problem:
        return NotebookEntries(True, problems=(f"metadata.mlo: {problem}",))
    problems: list[str] = []
    chains = tuple(
        envelope
        for where, raw in _entries(value, "chains", MOST_CHAINS, problems)
        if (envelope := _envelope(raw, where, problems)) is not None
    )
    lines = {cell.line(): cell for cell in present}
    seals = tuple(
        entry
        for at, (where, raw) in enumerate(_entries(value, "seals", MOST_SEALS, problems))
        if (entry := _seal(raw, where, at == 0, lines, problems)) is not None
    )
    merged = tuple(
        entry
        for where, raw in _entries(value, "merged", MOST_SEALS, problems)
        if (entry := _seal(raw, where, False, lines, problems)) is not None
    )
    if merged and seals:
        problems.append("metadata.mlo.merged stands beside a seal")
    return NotebookEntries(
        present=True,
        notebook=_notebook_id(value, "notebook", problems),
        parent=_notebook_id(value, "parent", problems) if "parent" in value else None,
        chains=chains,
        seals=seals,
        merged=merged,
        problems=tuple(problems),
    )


def read_stamp(metadata: object) -> tuple[Envelope | None, str]:
    """The stamp in a cell's metadata, or why none can be read (empty where there is none)."""
    if not isinstance(metadata, Mapping) or MEMBER not in metadata:
        return None, ""
    value = metadata[MEMBER]
    if not isinstance(value, Mapping):
        return None, "metadata.mlo is not an object"
    problem = _version_problem(value)
    if problem:
        return None, f"metadata.mlo: {problem}"
    if "stamp" not in value:
        return None, "metadata.mlo holds no stamp"
    try:
        return Envelope.from_json(value["stamp"]), ""
    except StatementError as error:
        return None, error.message


def reference(mlo: str, execution: str) -> str:
    """The light reference that outputs of an execution carry."""
    return f"{mlo}#{execution}"


def read_reference(output: object) -> str | None:
    """The light reference of an output, as it stands there; None where there is none."""
    if not isinstance(output, Mapping) or output.get("output_type") not in MARKED:
        return None
    metadata = output.get("metadata")
    value = metadata.get(MEMBER) if isinstance(metadata, Mapping) else None
    return value if isinstance(value, str) else None


def stamp_json(stamp: Envelope) -> dict[str, Any]:
    """``cell.metadata.mlo`` of a stamped cell."""
    return {"version": VERSION, "stamp": stamp.to_json()}


def notebook_json(
    *,
    notebook: str,
    parent: str | None,
    chains: Sequence[Envelope],
    newest: tuple[Envelope, Sequence[SealedCell]],
    older: Sequence[SealEntry],
) -> dict[str, Any]:
    """``nb.metadata.mlo`` of a sealed notebook."""
    envelope, cells = newest
    value: dict[str, Any] = {"version": VERSION, "notebook": notebook}
    if parent is not None:
        value["parent"] = parent
    value["chains"] = [link.to_json() for link in chains]
    seals = (SealEntry(envelope, tuple(cells)), *older)
    value["seals"] = [entry.to_json() for entry in seals]
    return value


def stamped_json(before: object, *, notebook: str, chains: Sequence[Envelope]) -> dict[str, Any]:
    """``nb.metadata.mlo`` of a notebook that has new stamps and no new seal.

    Args:
        before: what stood there, whose seals stay.
    """
    kept = dict(before) if isinstance(before, Mapping) else {"seals": []}
    links = [link.to_json() for link in chains]
    return {**kept, "version": VERSION, "notebook": notebook, "chains": links}


def _version_problem(value: Mapping[str, Any]) -> str:
    version = value.get("version")
    if type(version) is int and version == VERSION:
        return ""
    if type(version) is int and version > VERSION:
        return f"version {min(version, 10**9)} is newer than this jupyter-mlo reads"
    return "it names no version that there is"


def _entries(
    value: Mapping[str, Any], member: str, most: int, problems: list[str]
) -> Iterator[tuple[str, object]]:
    entries = value.get(member, [])
    if not isinstance(entries, list):
        problems.append(f"metadata.mlo.{member} is not a list")
        return
    if len(entries) > most:
        problems.append(f"metadata.mlo.{member} has {len(entries)} entries; {most} are read")
    for at, entry in enumerate(entries[:most]):
        yield f"{member}[{at}]", entry


def _envelope(raw: object, where: str, problems: list[str]) -> Envelope | None:
    try:
        return Envelope.from_json(raw)
    except StatementError as error:
        problems.append(f"metadata.mlo.{where}: {error.message}")
        return None


def _seal(
    raw: object, where: str, newest: bool, known: Mapping[str, SealedCell], problems: list[str]
) -> SealEntry | None:
    if not isinstance(raw, Mapping):
        problems.append(f"metadata.mlo.{where} is not an object")
        return None
    envelope = _envelope(raw.get("envelope"), f"{where}.envelope", problems)
    if envelope is None:
        return None
    try:
        if newest or "cells" in raw:
            lines = raw.get("cells")
            if not isinstance(lines, list) or "proofs" in raw:
                raise ValueError("not there" if lines is None else "not a list, or proofs as well")
            cells = (known.get(str(line)) or SealedCell.from_line(line) for line in lines)
            return SealEntry(envelope, cells=tuple(cells))
        proofs = raw.get("proofs")
        if not isinstance(proofs, Mapping):
            raise ValueError("not there")
        return SealEntry(
            envelope, proofs=tuple(Proof.from_text(at, text) for at, text in proofs.items())
        )
    except ValueError as error:
        what = "list of cells" if newest or "cells" in raw else "proofs"
        return SealEntry(envelope, problem=f"its {what} cannot be read ({error})")


def read_seal_list(seal: Envelope, raw: object) -> SealEntry:
    """A seal with the list of its cells, or proofs, that were kept apart from it."""
    kept = raw if isinstance(raw, Mapping) else {}
    entry = _seal({**kept, "envelope": seal.to_json()}, "seals[0]", False, {}, [])
    return entry if entry is not None else SealEntry(seal, problem="it cannot be read")


def _notebook_id(value: Mapping[str, Any], member: str, problems: list[str]) -> str | None:
    text = value.get(member)
    if isinstance(text, str) and _NOTEBOOK_ID.fullmatch(text):
        return text
    problems.append(f"metadata.mlo.{member} is not a notebook ID (urn:uuid:…)")
    return None
