"""What a notebook goes on carrying when it is sealed anew: chains, and older seals still needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import StatementError
from jupyter_mlo.notebook.layout import MEMBER
from jupyter_mlo.notebook.sealed import Believed, Sealed
from jupyter_mlo.notebook.seals import Proof, SealedCell, make_proofs
from jupyter_mlo.notebook.verification import Examined
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates.identity import Delegation, Enrolment
from jupyter_mlo.statements.statement import Statement, read_statement

#: What all of ours may take up in a file (DESIGN: "Budget"): bytes a cell and an output,
CELL_BUDGET: Final = 2000
OUTPUT_BUDGET: Final = 100
#: and beside them for chains and the newest seal itself, which a notebook of one cell has too.
NOTEBOOK_BUDGET: Final = 16384

OlderSeal = tuple[Envelope, Sequence[Proof]]


def older_seals(
    sealed: Sealed, value: Mapping[str, Any], cells: Sequence[SealedCell]
) -> tuple[list[OlderSeal], int]:
    """The seals that are still the earliest with some present source, newest first.

    Args:
        sealed: those that stand in the notebook now.
        value: the notebook with its stamps, without the new seal.
        cells: the list of the new seal.

    Returns:
        each with the proofs that are needed; and how many had to be left out for want of room.
    """
    earliest: dict[tuple[str, bytes], int] = {}
    needed = {(cell.kind, cell.source) for cell in cells}
    seals = sorted(sealed.believed(), key=lambda seal: seal.time)
    wanted: list[list[int]] = [[] for _ in seals]
    for at, seal in enumerate(seals):
        places: list[tuple[int, SealedCell]] = [
            *enumerate(seal.cells),
            *((proof.position, proof.cell) for proof in seal.proofs),
        ]
        for place, line in places:
            key = (line.kind, line.source)
            if key in needed and key not in earliest:
                earliest[key] = at
                wanted[at].append(place)
    kept: list[OlderSeal] = [
        (seal.claim.envelope, _proofs(seal, positions))
        for seal, positions in zip(seals, wanted, strict=True)
        if positions
    ]
    return _within_budget(kept[::-1], value, cells)


def _proofs(seal: Believed, positions: Sequence[int]) -> list[Proof]:
    if seal.cells:
        return make_proofs(seal.cells, positions)
    return [proof for proof in seal.proofs if proof.position in positions]


def _within_budget(
    older: list[OlderSeal], value: Mapping[str, Any], cells: Sequence[SealedCell]
) -> tuple[list[OlderSeal], int]:
    """Leave out the seals that the fewest cells need until the rest fits."""
    present = [cell for cell in value["cells"] if isinstance(cell, Mapping)]
    outputs = sum(len(cell.get("outputs") or ()) for cell in present)
    room = NOTEBOOK_BUDGET + CELL_BUDGET * len(cells) + OUTPUT_BUDGET * outputs
    room -= sum(_size(_ours(cell.get("metadata"))) for cell in present)
    room -= sum(len(cell.line()) + 10 for cell in cells) + 60 * outputs
    sizes = {id(one): _older_size(one) for one in older}
    kept = sorted(older, key=lambda one: len(one[1]), reverse=True)
    while kept and sum(sizes[id(one)] for one in kept) > room:
        kept.pop()
    staying = {id(one) for one in kept}
    return [one for one in older if id(one) in staying], len(older) - len(kept)


def _older_size(one: OlderSeal) -> int:
    envelope, proofs = one
    return _size(envelope.to_json()) + sum(len(proof.text()) + 20 for proof in proofs)


def _ours(metadata: object) -> object:
    return metadata.get(MEMBER) if isinstance(metadata, Mapping) else None


def _size(value: object) -> int:
    """About the bytes that a value takes up in an indented file."""
    return 0 if value is None else len(json.dumps(value)) + 150


def chains_for(
    examined: Examined,
    signer: Signer,
    stamps: Mapping[int, Envelope],
    older: Sequence[OlderSeal],
) -> list[Envelope]:
    """Enrolments, then delegations, that the stamps and seals need, each once."""
    read: dict[str, Statement] = {}
    for envelope in (*examined.entries.chains, *signer.chain):
        try:
            read.setdefault(envelope.statement_id, read_statement(envelope))
        except StatementError:
            continue
    mlos, wanted = {signer.mlo}, [signer.delegation]
    kept = [
        stamped.claim.statement
        for position, stamped in examined.stamped.items()
        if position not in stamps
    ]
    names = {envelope.statement_id for envelope, _ in older}
    kept += [
        seal.claim.statement for seal in examined.sealed.believed() if seal.statement_id in names
    ]
    for statement in kept:
        if statement is not None:
            mlos.add(statement.mlo)
            wanted.append(statement.delegation)
    delegations = _closure(wanted, read)
    enrolments = [
        statement for statement in read.values() if isinstance(statement.predicate, Enrolment)
    ]
    keys = {one.key_id for one in enrolments if one.mlo in mlos}
    return [
        *(one.envelope for one in enrolments if one.mlo in mlos or one.key_id in keys),
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
