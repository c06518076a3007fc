"""What a notebook goes on carrying when it is sealed anew: chains, and older seals still needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import StatementError
from jupyter_mlo.notebook.layout import MEMBER, SealEntry
from jupyter_mlo.notebook.sealed import Believed, Sealed
from jupyter_mlo.notebook.seals import SealedCell, make_proofs, proof_size
from jupyter_mlo.notebook.verification import Examined
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates.identity import Delegation, Enrolment, Membership
from jupyter_mlo.statements.statement import Statement, read_statement

#: What all of ours may take up in a file (DESIGN: "Budget"): bytes a cell and an output,
CELL_BUDGET: Final = 2000
OUTPUT_BUDGET: Final = 100
#: and beside them for chains and the newest seal itself, which a notebook of one cell has too.
NOTEBOOK_BUDGET: Final = 16384

#: About what the chain of one MLO and the newest seal take up.
_ABOUT_CHAINS: Final = 5000
#: Indent, quotes and comma of a line of text.
_EACH_LINE: Final = 12


def older_seals(
    sealed: Sealed,
    value: Mapping[str, Any],
    cells: Sequence[SealedCell],
    mlo: str,
    taken: int | None = None,
) -> tuple[list[SealEntry], int]:
    """The seals that are still needed, newest first.

    Those are the earliest with some present source, and the newest by which a person said more than
    ``held``, with all that it lists of what is present. Where there is no room for all, first those
    of ``mlo`` go, which seals now, and of them those that the fewest cells need: such a cell then
    counts as sealed by the next seal that has it.

    Args:
        sealed: those that stand in the notebook now.
        value: the notebook with its stamps, without the new seal.
        cells: the list of the new seal.
        taken: :func:`size_of` of all stamps in ``value``, where that is known.

    Returns:
        each with the proofs that are needed; and how many were left out for want of room.
    """
    seals = sorted(sealed.believed(), key=lambda seal: seal.time)
    needed = {(cell.kind, cell.source) for cell in cells}
    if taken is None:
        taken = sum(size_of(_ours(cell.get("metadata"))) for cell in _present(value))
    room = _room(value, cells) - taken
    dropped = 0
    while True:
        wanted = _assigned(seals, needed)
        seals = [seal for at, seal in enumerate(seals) if wanted[at]]
        wanted = [positions for positions in wanted if positions]
        kept = [_entry(seal, positions) for seal, positions in zip(seals, wanted, strict=True)]
        if not kept or sum(size_of(entry.to_json()) for entry in kept) <= room:
            return kept[::-1], dropped
        seals.pop(
            min(
                range(len(seals)),
                key=lambda at: (seals[at].claim.seal.mlo != mlo, len(wanted[at]), -at),
            )
        )
        dropped += 1


def _assigned(seals: Sequence[Believed], needed: set[tuple[str, bytes]]) -> list[list[int]]:
    """For each seal, oldest first: the positions of the sources that no seal before it has.

    Of the newest with a person's meaning, of all present sources.
    """
    assigned: set[tuple[str, bytes]] = set()
    wanted: list[list[int]] = []
    said = [at for at, seal in enumerate(seals) if seal.claim.seal.meaning != "held"]
    for at, seal in enumerate(seals):
        positions = []
        for position, line in [
            *enumerate(seal.cells),
            *((proof.position, proof.cell) for proof in seal.proofs),
        ]:
            key = (line.kind, line.source)
            if key in needed and (key not in assigned or at in said[-1:]):
                assigned.add(key)
                positions.append(position)
        wanted.append(positions)
    return wanted


def _entry(seal: Believed, positions: Sequence[int]) -> SealEntry:
    """What is kept of a seal: proofs, or the whole list where that is shorter."""
    envelope = seal.claim.envelope
    if not seal.cells:
        kept = [proof for proof in seal.proofs if proof.position in positions]
        return SealEntry(envelope, proofs=tuple(kept))
    lines = [cell.line() for cell in seal.cells]
    whole = sum(len(line) + _EACH_LINE for line in lines)
    proofs = sum(proof_size(len(lines), at, lines[at]) + _EACH_LINE for at in positions)
    if proofs < whole:
        return SealEntry(envelope, proofs=tuple(make_proofs(seal.cells, positions)))
    return SealEntry(envelope, cells=seal.cells)


def _room(value: Mapping[str, Any], cells: Sequence[SealedCell]) -> int:
    """What the budget leaves for stamps and older seals, in bytes."""
    outputs = sum(len(cell.get("outputs") or ()) for cell in _present(value))
    room = NOTEBOOK_BUDGET + CELL_BUDGET * len(cells) + OUTPUT_BUDGET * outputs
    return (
        room - sum(len(cell.line()) + _EACH_LINE for cell in cells) - 60 * outputs - _ABOUT_CHAINS
    )


def _present(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [cell for cell in value["cells"] if isinstance(cell, Mapping)]


def _ours(metadata: object) -> object:
    return metadata.get(MEMBER) if isinstance(metadata, Mapping) else None


def size_of(value: object) -> int:
    """About the bytes that a value takes up in an indented file."""
    if value is None:
        return 0
    text = msgspec.json.encode(value)
    return len(text) + 8 * text.count(b",") + 60


def chains_for(
    examined: Examined,
    signers: Sequence[Signer],
    stamps: Mapping[int, Envelope],
    older: Sequence[SealEntry],
) -> list[Envelope]:
    """Enrolments, then delegations, that the stamps and seals need, each once."""
    read: dict[str, Statement] = {}
    chains = [link for signer in signers for link in signer.chain]
    for envelope in (*examined.entries.chains, *chains):
        try:
            read.setdefault(envelope.statement_id, read_statement(envelope))
        except StatementError:
            continue
    mlos = {signer.mlo for signer in signers}
    wanted = [signer.delegation for signer in signers]
    kept = [
        stamped.claim.statement
        for position, stamped in examined.stamped.items()
        if position not in stamps
    ]
    names = {entry.envelope.statement_id for entry in older}
    kept += [
        seal.claim.statement for seal in examined.sealed.believed() if seal.statement_id in names
    ]
    for statement in kept:
        if statement is not None:
            mlos.add(statement.mlo)
            wanted.append(statement.delegation)
    delegations = _closure(wanted, read)
    memberships = [
        statement
        for statement in read.values()
        if isinstance(statement.predicate, Membership) and statement.predicate.member in mlos
    ]
    mlos |= {statement.mlo for statement in memberships}
    enrolments = [
        statement for statement in read.values() if isinstance(statement.predicate, Enrolment)
    ]
    keys = {one.key_id for one in (*enrolments, *memberships) if one.mlo in mlos}
    return [
        *(one.envelope for one in enrolments if one.mlo in mlos or one.key_id in keys),
        *(one.envelope for one in memberships),
        *(
            one.envelope
            for one in read.values()
            if isinstance(one.predicate, Delegation) and one.statement_id in delegations
        ),
    ]


def _closure(wanted: Sequence[str | None], read: Mapping[str, Statement]) -> set[str]:
    found: set[str] = set()
    open_ = list(wanted)
    while open_:
        name = open_.pop()
        if name is None or name in found or name not in read:
            continue
        found.add(name)
        open_.append(read[name].delegation)
    return found
