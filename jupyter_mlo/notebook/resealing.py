"""Sealing a notebook again that this process has sealed before: only what changed is looked at.

A server saves the same document over and over. What it knows of the last time – which cell, byte
for byte, was listed how – it need not find out again. Wherever anything is not quite plain (another
stamp than the one that was given, two cells of one id, a record that fits by content only), there
is no answer, and the notebook is examined as a whole (:mod:`jupyter_mlo.notebook.sealing`).
"""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jupyter_mlo.delegation.actor import Actor
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.notebook.carried import older_seals, size_of
from jupyter_mlo.notebook.cells import Cell
from jupyter_mlo.notebook.claims import Claim
from jupyter_mlo.notebook.layout import MEMBER, notebook_json, read_notebook_entries, stamp_json
from jupyter_mlo.notebook.matching import Match, Tie
from jupyter_mlo.notebook.present import sealable
from jupyter_mlo.notebook.reading import notebook_from_json
from jupyter_mlo.notebook.sealed import Believed, Sealed
from jupyter_mlo.notebook.sealing import SealedNotebook, stamp_of, stamped_value
from jupyter_mlo.notebook.seals import SealedCell, make_seal
from jupyter_mlo.notebook.verification import Examined, examine
from jupyter_mlo.notebook.vouching import RecordSource
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.statement import read_statement

#: Of this process; the codes that it makes are shown to nobody, so that one nonce is enough.
_CODE: Final = AESGCM(AESGCM.generate_key(256))
_NONCE: Final = bytes(12)


@dataclass(frozen=True)
class Listed:
    """How a cell that looks exactly so was listed, and the stamp that it was given."""

    line: SealedCell
    #: As JSON in ``cell.metadata.mlo``; None where it has none.
    stamp: Any
    #: :func:`~jupyter_mlo.notebook.carried.size_of` it.
    size: int


@dataclass
class Remembered:
    """What is known of a notebook since it was last sealed here."""

    notebook: str
    parent: str | None
    chains: tuple[Envelope, ...]
    #: Those in the notebook, newest first.
    seals: tuple[Believed, ...]
    #: :func:`look_of` a cell → how it was listed.
    cells: dict[bytes, Listed] = field(default_factory=dict)
    #: Of those for which nothing vouched: their sources, and how many records there were.
    open: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)


def look_of(cell: Mapping[str, Any]) -> bytes:
    """What tells a cell as it is, but for what we write into its metadata, from every other.

    A code (AES-GCM's, NIST SP 800-38D) under a key of this process over ``marshal`` of version 2,
    which names the type and length of each value and knows no references: what differs in
    anything, be it ``1`` and ``true``, or in the order of members, gives other bytes, and text is
    copied, not searched for what JSON would escape. Never written down: what is signed are digests.

    Raises:
        ValueError: there is something in it that is not plainly of JSON's types.
    """
    metadata = {name: value for name, value in cell["metadata"].items() if name != MEMBER}
    return _CODE.encrypt(_NONCE, b"", marshal.dumps({**cell, "metadata": metadata}, 2))


def remember(
    sealed: SealedNotebook, examined: Examined, records: RecordSource
) -> Remembered | None:
    """What to know the next time; None where what stands in it was altered."""
    cells: list[Mapping[str, Any]] = sealed.value["cells"]
    entries = read_notebook_entries(notebook_from_json(sealed.value).metadata)
    if examined.problems or entries.problems or entries.notebook is None or not entries.seals:
        return None
    claims = {one.statement_id: one.claim for one in examined.sealed.believed()}
    seals = []
    for entry in entries.all_seals:
        claim = claims.get(entry.envelope.statement_id) or _own(entry.envelope)
        seals.append(Believed(claim, entry.cells or (), entry.proofs))
    lines = seals[0].cells
    if len(lines) != len(cells):
        return None
    try:
        looks = [look_of(cell) for cell in cells]
    except ValueError:
        return None
    listed = {
        look: _listed(line, cell["metadata"].get(MEMBER))
        for look, cell, line in zip(looks, cells, lines, strict=True)
    }
    sources = {one.position: lines[one.position].source for one in sealed.unvouched}
    counts = {source: _count(records, source) for source in set(sources.values())}
    open_ = {looks[at]: (source, counts[source]) for at, source in sources.items()}
    return Remembered(entries.notebook, entries.parent, entries.chains, tuple(seals), listed, open_)


def reseal(
    value: Mapping[str, Any],
    known: Remembered,
    *,
    signer: Signer,
    stampers: Mapping[Actor, Signer],
    now: datetime,
    pool: Pool,
    trust: Trust,
    records: RecordSource,
    placed: Callable[[Iterable[bytes]], Mapping[str, str]],
    meaning: str = "held",
    of_anybody: bool = False,
) -> tuple[SealedNotebook, Remembered] | None:
    """The notebook with stamps and a seal for what changed; None where that is not plain.

    Args:
        records: those at hand; asked for the sources of changed cells only.
        placed: sources → execution → the notebook in which it was stamped before.
        of_anybody: see :func:`~jupyter_mlo.notebook.sealing.seal_examined`.

    Raises:
        NotebookError: no seal can say what stands in it.
        Refused: the signer may not seal, now or at all.
    """
    cells: list[Mapping[str, Any]] = list(value["cells"])
    ids = Counter(cell.get("id") for cell in cells)
    try:
        looks = [look_of(cell) for cell in cells]
    except ValueError:
        return None
    changed, counts = [], dict[bytes, int]()
    for at, (cell, look) in enumerate(zip(cells, looks, strict=True)):
        if not isinstance(cell.get("id"), str) or ids[cell["id"]] > 1:
            return None
        listed = known.cells.get(look)
        if look in known.open:
            source, count = known.open[look]
            if source not in counts:
                counts[source] = _count(records, source)
            if counts[source] != count:
                return None
        if listed is None:
            changed.append(at)
        elif cell["metadata"].get(MEMBER, listed.stamp) != listed.stamp:
            return None
    lines: dict[int, SealedCell] = {}
    stamps: dict[int, Envelope] = {}
    used: dict[Actor, Signer] = {}
    notebook = notebook_from_json(value)
    if changed:
        some = replace(
            notebook, metadata={}, cells=[Cell(at, _without(cells[at])) for at in changed]
        )
        examined = examine(some, pool=pool, trust=trust, now=now, records=records)
        for present in examined.cells:
            at = present.cell.position
            lines[at] = present.listed
            if present.undigestable:
                return None
            if not present.executed:
                continue
            match = examined.matches.get(at)
            if not isinstance(match, Match) or match.tie is not Tie.ID or not match.whole:
                return None
            place = placed([present.listed.source]).get(match.recorded.execution, known.notebook)
            stamp = stamp_of(stampers, present, match, known.notebook, now)
            if place != known.notebook or not isinstance(stamp, Envelope):
                return None
            lines[at] = present.listed._replace(stamp=bytes.fromhex(stamp.statement_id))
            stamps[at] = stamp
            used[match.recorded.actor] = stampers[match.recorded.actor]
    whole = [lines[at] if at in lines else known.cells[look].line for at, look in enumerate(looks)]
    again = {at: known.cells[look].stamp for at, look in enumerate(looks) if at not in lines}
    newest = known.seals[0]
    seal_of = sealable(notebook, whole)
    said = newest.claim.seal
    if (
        not stamps
        and (of_anybody or said.mlo == signer.mlo)
        and meaning in ("held", said.meaning)
        and said.cells.root == seal_of.root
        and (said.nbformat, said.kernelspec, said.widgets)
        == (seal_of.nbformat, seal_of.kernelspec, seal_of.widgets)
    ):
        if any(cells[at]["metadata"].get(MEMBER) != stamp for at, stamp in again.items()):
            return None
        kept = sum(line.stamp is not None for line in whole)
        again_published = (*known.chains, newest.claim.envelope)
        return SealedNotebook(dict(value), None, again_published, {}, kept, ()), known
    stamped = stamped_value(value, stamps)
    for at, stamp in again.items():
        if stamp is not None:
            cell = stamped["cells"][at]
            stamped["cells"][at] = {**cell, "metadata": {**cell["metadata"], MEMBER: stamp}}
    now_listed = {
        look: _listed(line, stamp_json(stamps[at]) if at in stamps else None)
        if at in lines
        else known.cells[look]
        for at, (look, line) in enumerate(zip(looks, whole, strict=True))
    }
    older, dropped = older_seals(
        Sealed(newest=newest, older=known.seals[1:]),
        stamped,
        whole,
        signer.mlo,
        sum(now_listed[look].size for look in looks),
    )
    seal = make_seal(
        signer,
        seal_of,
        notebook=known.notebook,
        parent=known.parent,
        previous=newest.statement_id,
        older=[(entry.envelope.statement_id, entry.positions) for entry in older],
        meaning=meaning,
        now=now,
    )
    signers = {signer.actor: signer, **used}
    links = [link for one in signers.values() for link in one.chain]
    chains = tuple(dict.fromkeys([*known.chains, *links]))
    stamped["metadata"] = {
        **value["metadata"],
        MEMBER: notebook_json(
            notebook=known.notebook,
            parent=known.parent,
            chains=list(chains),
            newest=(seal, whole),
            older=older,
        ),
    }
    believed = {one.statement_id: one.claim for one in known.seals}
    remembered = Remembered(
        known.notebook,
        known.parent,
        chains,
        (
            Believed(_own(seal), tuple(whole)),
            *(
                Believed(believed[one.envelope.statement_id], one.cells or (), one.proofs)
                for one in older
            ),
        ),
        now_listed,
        {look: known.open[look] for look in looks if look in known.open},
    )
    notes = (
        (f"{dropped} older seal{'s' if dropped > 1 else ''} left out for want of room",)
        if dropped
        else ()
    )
    kept = sum(line.stamp is not None for line in whole) - len(stamps)
    sealed = SealedNotebook(
        stamped, seal, tuple(dict.fromkeys([*links, seal])), stamps, kept, (), notes
    )
    return sealed, remembered


def _without(cell: Mapping[str, Any]) -> dict[str, Any]:
    """The cell without the stamp that it carries: it is of what stood there before."""
    metadata = {name: value for name, value in cell["metadata"].items() if name != MEMBER}
    return {**cell, "metadata": metadata}


def _listed(line: SealedCell, stamp: Any) -> Listed:
    return Listed(line, stamp, size_of(stamp))


def _count(records: RecordSource, source: bytes) -> int:
    return sum(1 for _ in records({source}))


def _own(seal: Envelope) -> Claim:
    """A seal that was made here just now."""
    return Claim(seal, read_statement(seal), None)
