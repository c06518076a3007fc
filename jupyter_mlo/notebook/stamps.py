"""Stamps: making one for an execution, and holding one against the cell that carries it.

A stamp's subject is the cell under ``mloCellV1``, with the observed outputs only: where all
outputs were observed that is the cell as it stands. The digests of single outputs say which of
them were observed, and which one differs; what binds is the subject.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from jupyter_mlo.errors import StatementError
from jupyter_mlo.ledger.merkle import leaf_hash, root_of
from jupyter_mlo.notebook.cells import Cell
from jupyter_mlo.notebook.digests import cell_digests, short
from jupyter_mlo.notebook.reading import Undigestable
from jupyter_mlo.notebook.seals import is_name
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.times import to_text

if TYPE_CHECKING:
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.statements.predicates.notebook import Stamp

#: Beyond this many outputs a stamp holds the root over their digests instead of each.
MOST_LISTED: Final = 32


@dataclass(frozen=True)
class Executed:
    """One execution of a cell, as whoever observed it tells."""

    #: 96 random bits, b64u.
    execution: str
    count: int | None
    kernel_id: str
    kernel_name: str
    started: datetime
    finished: datetime
    activity: str
    model: str | None = None
    #: Hex statement IDs of the records that vouch; none where the signer observed it itself.
    records: tuple[str, ...] = ()
    #: IDs of later executions that updated displays among its outputs.
    updated_by: tuple[str, ...] = ()


def place_of(stamp: Envelope) -> tuple[str, str] | None:
    """The execution that a stamp is of, and the notebook; None if it is none that can be read."""
    from jupyter_mlo.statements.statement import read_statement

    try:
        statement = read_statement(stamp)
    except StatementError:
        return None
    if statement.predicate_type != types.STAMP:
        return None
    said = cast("Stamp", statement.predicate)
    return said.execution.id, said.notebook


def make_stamp(
    signer: Signer,
    cell: Cell,
    executed: Executed,
    *,
    notebook: str,
    now: datetime,
    observed: Sequence[int] | None = None,
) -> Envelope:
    """Sign the stamp of one execution.

    Args:
        cell: the cell as it stands, with its final outputs.
        notebook: the notebook's ID.
        observed: which outputs were observed, as positions after merging streams; all by default.

    Raises:
        Undigestable: the cell has no digest.
        Refused: the signer may not stamp, now or for this activity or model.
    """
    digests, outputs = cell.digests, cell.output_digests
    subject = digests.cell
    if observed is not None and len(observed) < len(outputs):
        outputs = tuple(outputs[at] for at in observed)
        subject = digest_with(cell, observed)
    cell_id = cell.id if cell.id and len(cell.id) <= 256 and is_name(cell.id) else None
    place: dict[str, Any] = {"position": cell.position}
    if cell_id is not None:
        place["id"] = cell_id
    execution: dict[str, Any] = {"id": executed.execution}
    if executed.count is not None:
        execution["count"] = executed.count
    predicate: dict[str, Any] = {
        "notebook": notebook,
        "cell": place,
        "kernel": {"id": executed.kernel_id, "name": executed.kernel_name},
        "source": short(digests.source),
        "execution": execution,
        "started": to_text(executed.started),
        "finished": to_text(executed.finished),
        "activity": executed.activity,
        "outputs": outputs_json(outputs),
    }
    if executed.model is not None:
        predicate["model"] = executed.model
    if executed.records:
        predicate["records"] = [short(bytes.fromhex(record)) for record in executed.records]
    if executed.updated_by:
        predicate["updatedBy"] = list(executed.updated_by)
    name = cell_id or f"cell {cell.position}"
    return signer.sign(
        types.STAMP, [{"name": name, "digest": {"mloCellV1": subject.hex()}}], predicate, now
    )


def outputs_json(digests: Sequence[bytes]) -> list[str] | dict[str, Any]:
    """The digests as a stamp lists them."""
    if len(digests) <= MOST_LISTED:
        return [prefix(digest) for digest in digests]
    return {"count": len(digests), "root": short(outputs_root(digests))}


def prefix(digest: bytes) -> str:
    """The first 128 bits of an output's digest, b64u: what tells outputs apart in a stamp."""
    return short(digest[:16])


def outputs_root(digests: Iterable[bytes]) -> bytes:
    """The RFC 9162 root over outputs' digests."""
    return root_of([leaf_hash(digest) for digest in digests])


def can_cover(observed: Sequence[int], count: int) -> bool:
    """Whether a stamp can cover these of ``count`` outputs so that a verifier finds them again.

    Up to 32 digests are listed. Beyond, only a root is signed, and a verifier tries the
    first and the last ones.
    """
    many = len(observed)
    return (
        many <= MOST_LISTED
        or list(observed) == list(range(many))
        or list(observed) == list(range(count - many, count))
    )


def digest_with(cell: Cell, observed: Iterable[int]) -> bytes:
    """``mloCellV1`` of ``cell`` with these of its outputs only, counted after merging streams."""
    groups = _merged(cell.outputs)
    kept = [output for at in observed for output in groups[at]]
    return cell_digests(_With(cell, kept)).cell


class _With:
    """A cell with other outputs."""

    def __init__(self, cell: Cell, outputs: list[Any]) -> None:
        self.kind = cell.kind
        self.source = cell.source
        self.attachments = cell.attachments
        self.outputs = outputs


def _merged(outputs: Iterable[Any]) -> list[list[Any]]:
    """Outputs as they stand in the file, in groups that merge into one."""
    groups: list[list[Any]] = []
    last: object = None
    for output in outputs:
        stream = (
            output.get("name", "stdout")
            if isinstance(output, Mapping) and output.get("output_type") == "stream"
            else None
        )
        if stream is not None and stream == last:
            groups[-1].append(output)
        else:
            groups.append([output])
        last = stream
    return groups


@dataclass(frozen=True)
class Comparison:
    """What of a cell a stamp still covers."""

    #: ``source`` and ``outputs``, as far as they differ; both empty where the stamp holds.
    changed: tuple[str, ...] = ()
    #: Outputs, counted from 0 after merging streams, that the stamp says nothing of.
    unobserved: tuple[int, ...] = ()
    #: The source holds, and of the outputs that the stamp knows none is left.
    stripped: bool = False
    #: What differs, in words.
    detail: str = ""


HOLDS: Final = Comparison()


def compare(stamp: Stamp, subject: str | None, cell: Cell) -> Comparison:
    """Hold a stamp (its predicate, and the hex ``mloCellV1`` of its subject) against a cell."""
    try:
        digests = cell.digests
    except Undigestable as error:
        return Comparison(("source", "outputs"), detail=f"the cell cannot be digested: {error}")
    if digests.cell.hex() == subject:
        return HOLDS
    outputs = cell.output_digests
    present = [prefix(digest) for digest in outputs]
    same_source = stamp.source == short(digests.source)
    source = () if same_source else ("source",)
    observed = _observed(stamp, outputs, present)
    some = observed is not None and len(observed) < len(present)
    if same_source and some and (observed or not _count(stamp)):
        assert observed is not None
        left = _left_over(cell, observed, subject, len(present))
        if left:
            return Comparison(unobserved=left)
    if not present and _count(stamp):
        if same_source:
            return Comparison(stripped=True)
        return Comparison(("source", "outputs"), detail="the outputs were removed")
    if observed is not None and len(observed) == len(present):
        return Comparison(source or ("attachments",))  # nothing else is left
    return Comparison((*source, "outputs"), detail=_difference(stamp, present))


def _left_over(
    cell: Cell, observed: Sequence[int], subject: str | None, many: int
) -> tuple[int, ...]:
    """The outputs that the stamp says nothing of, if without them the cell is what it stamped."""
    if digest_with(cell, observed).hex() != subject:
        return ()
    return tuple(sorted(set(range(many)).difference(observed)))


def _count(stamp: Stamp) -> int:
    return len(stamp.outputs) if isinstance(stamp.outputs, list) else stamp.outputs.count


def _observed(stamp: Stamp, digests: Sequence[bytes], present: Sequence[str]) -> list[int] | None:
    """Which of the present outputs are those that the stamp lists; None where some are missing."""
    outputs, many = stamp.outputs, len(present)
    if not isinstance(outputs, list):
        for start in {0, many - outputs.count}:
            chosen = range(start, start + outputs.count)
            if start < 0 or chosen.stop > many:
                continue
            if short(outputs_root(digests[start : chosen.stop])) == outputs.root:
                return list(chosen)
        return None
    found, at = [], 0
    for digest in outputs:
        while at < many and present[at] != digest:
            at += 1
        if at == many:
            return None
        found.append(at)
        at += 1
    return found


def _difference(stamp: Stamp, present: Sequence[str]) -> str:
    """Which outputs differ, as a person counts them."""
    if not isinstance(stamp.outputs, list):
        return f"of {stamp.outputs.count} outputs" if len(present) != stamp.outputs.count else ""
    if len(present) != len(stamp.outputs):
        return f"{len(present)} outputs stand where {len(stamp.outputs)} were stamped"
    differing = [
        str(at + 1)
        for at, (one, other) in enumerate(zip(present, stamp.outputs, strict=True))
        if one != other
    ]
    if not differing:
        return ""
    some = ", ".join(differing[:8]) + ("…" if len(differing) > 8 else "")
    return f"output {some} of {len(present)}"
