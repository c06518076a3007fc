"""Record, stamp and seal: what was executed, where it stands, and what was there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from jupyter_mlo.statements.predicates.common import (
    Activity,
    HexDigest,
    ModelName,
    NotebookId,
    ShortDigest,
    Signed,
    Strict,
    Time,
)

Name = Annotated[str, StringConstraints(max_length=256)]
CellId = Annotated[str, StringConstraints(max_length=256)]
Count = Annotated[int, Field(ge=0, lt=2**53)]
DigestPrefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}$")]
ExecutionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{16}$")]


class Execution(Strict):
    """One execution of one cell: a random ID of 96 bits, and the count that the kernel gave."""

    id: ExecutionId
    count: Count | None = None


class Kernel(Strict):
    """The kernel's own ID (of this process, not of the kind) and its kernelspec name."""

    id: Name
    name: Name


class OutputsRoot(Strict):
    """Beyond 32 outputs: how many, and the RFC 9162 Merkle root over their digests."""

    count: Count
    root: ShortDigest


class Update(Strict):
    """An ``update_display_data``: which display, and the digest of its new bundle."""

    #: SHA-256 of the display ID's UTF-8 bytes (display IDs are chosen by code and may be long).
    display: ShortDigest
    output: ShortDigest


class Emission(Strict):
    """One output as a front end holds it after the cell: its digest, and its display if any."""

    output: ShortDigest
    display: ShortDigest | None = None


class Record(Signed):
    """What a kernel's cell emitted. ``part`` > 0 continues a record after its cell had ended."""

    request: Name
    part: Count
    cell: CellId | None = None
    kernel: Kernel
    source: ShortDigest
    execution: Execution
    status: Literal["ok", "error", "aborted"]
    started: Time
    finished: Time
    activity: Activity
    model: ModelName | None = None
    outputs: list[Emission]
    updates: list[Update]
    clears: Count


class CellPlace(Strict):
    """Where the cell stood: its id (null before nbformat 4.5) and its position from 0."""

    id: CellId | None = None
    position: Count


class Stamp(Signed):
    """One execution of one cell. Its subject is the cell under ``mloCellV1``."""

    notebook: NotebookId
    cell: CellPlace
    kernel: Kernel
    source: ShortDigest
    execution: Execution
    started: Time
    finished: Time
    activity: Activity
    model: ModelName | None = None
    #: The first 128 bits of each observed output's digest, in the order in which they stand: they
    #: say which is which; what binds is the subject.
    outputs: list[DigestPrefix] | OutputsRoot
    #: Statement IDs of the records that vouch; empty where the signer itself observed the run.
    records: list[ShortDigest] = []
    #: Later executions, of other cells, that updated displays among these outputs.
    updated_by: Annotated[list[ExecutionId], Field(alias="updatedBy")] = []


class SealedCells(Strict):
    """How many cells, and the RFC 9162 Merkle root over their seal leaves."""

    count: Count
    root: ShortDigest


class OlderSeals(Strict):
    """How many older seals are kept beside this one, and the RFC 9162 Merkle root over them."""

    count: Count
    root: ShortDigest


class Seal(Signed):
    """A whole notebook at one moment. Its subject is the notebook under ``mloNotebookV1``."""

    notebook: NotebookId
    parent: NotebookId | None = None
    meaning: Literal["held", "authored", "reviewed", "approved"]
    cells: SealedCells
    nbformat: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}\.[0-9]{1,4}$")]
    #: Name of the kernelspec, null where the notebook has none.
    kernelspec: Name | None = None
    #: Digest of ``metadata.widgets``, null where there is none.
    widgets: ShortDigest | None = None
    #: Statement ID of the seal before this one.
    previous: HexDigest | None = None
    #: The older seals, and of each the positions, that the notebook keeps; null where none.
    older: OlderSeals | None = None
