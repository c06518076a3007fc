"""Which record vouches for which cell.

The rule (``docs/formats.md``, "Which record is of which cell"; DESIGN: "Living with other tools"):
a cell id that a front end sent counts only if the notebook has it with that source; else source,
outputs and count must match, and what stays ambiguous stays unstamped.

- Light references in a cell's outputs must be the record's or those of executions that updated
  its displays: all of them where the record holds every output, else one at least. Outputs
  without references say nothing.
- Of several runs in one kernel the latest that fits counts. Where records of several kernels fit
  equally (copies of a notebook, restarts), those of a kernel that is proven for this notebook
  count: by a cell tied by reference, else by a cell that only its records fit whole, by id or
  else by content. Several kernels proven alike are one notebook's, after a restart: the latest.
  Where none is proven, a front end's cell id is enough for the latest, and without one the cell
  stays unstamped.

A match never lends a record to outputs that differ: it says which of the present outputs the
record holds. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from jupyter_mlo.delegation.actor import Actor
from jupyter_mlo.notebook.common import common
from jupyter_mlo.notebook.recorded import Recorded, State, Update


@dataclass(frozen=True)
class Present:
    """What of a cell is held against records. Digests are b64u, outputs merged."""

    position: int
    id: str | None
    source: str
    outputs: tuple[str, ...]
    count: int | None
    #: Light references in its outputs, each a reference or None.
    references: frozenset[str] = frozenset()


#: Of one source and count: comparisons of cells with records whose outputs may have been updated.
_MOST_FITS = 2_000
#: Records of one cell in one notebook that are looked at: the latest.
_MOST_RUNS = 1_000


class Tie(IntEnum):
    """What ties a record to a cell, from the weakest to the surest."""

    #: Source, outputs and count are the same, and nothing else has them.
    CONTENT = 1
    #: Also, its outputs carry this execution's reference.
    REFERENCE = 2
    #: The notebook has the cell id that the front end sent, with that source.
    ID = 3


@dataclass(frozen=True)
class Match:
    """A record that vouches for a cell, and for which of its outputs."""

    recorded: Recorded
    state: State
    tie: Tie
    #: Positions of the present outputs that the records hold.
    observed: tuple[int, ...]
    #: How many outputs the cell has.
    present: int
    #: Statement IDs of the record's part and of later records that updated displays.
    records: tuple[str, ...]
    #: IDs of the executions, other than the record's, that updated displays among them.
    updated_by: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the records hold every output that is there."""
        return len(self.observed) == self.present


#: Kernel, MLO and display → its bundles by any execution.
Displays = Mapping[tuple[str, Actor, str], Sequence[Update]]


def match(cells: Sequence[Present], recorded: Iterable[Recorded]) -> dict[int, Match | str]:
    """For each cell that records speak of: the match, or why there is none (by position)."""
    executions = sorted(recorded, key=lambda one: one.started)
    displays = _displays(executions)
    by_source: defaultdict[str, list[Recorded]] = defaultdict(list)
    by_cell: defaultdict[tuple[str, str | None], list[Recorded]] = defaultdict(list)
    for one in executions:
        by_source[one.source].append(one)
        by_cell[one.source, one.cell].append(one)
    unique = _once([cell.id for cell in cells if cell.id is not None])
    found: dict[int, Match | str] = {}
    fitting: dict[int, list[Match]] = {}
    taken: set[str] = set()
    for cell in cells:
        if cell.id not in unique:
            continue
        own = by_cell.get((cell.source, cell.id))
        if not own:
            continue
        taken.update(one.execution for one in own)
        fits = _by_id(cell, own, displays)
        if isinstance(fits, str):
            found[cell.position] = fits
        else:
            fitting[cell.position] = fits
    others = [cell for cell in cells if cell.position not in fitting]
    for position, fits in _by_content(others, by_source, taken, displays).items():
        if isinstance(fits, str):
            found[position] = fits
        else:
            fitting[position] = fits
    proofs = _proofs(cells, fitting)
    fitting.update(_outweighing(cells, fitting, proofs, by_source, taken, displays))
    found.update({position: _surest(fits, proofs) for position, fits in fitting.items()})
    return found


def _once(ids: Sequence[str]) -> set[str]:
    seen: set[str] = set()
    twice: set[str] = set()
    for cell_id in ids:
        (twice if cell_id in seen else seen).add(cell_id)
    return seen - twice


def _by_id(cell: Present, own: Sequence[Recorded], displays: Displays) -> list[Match] | str:
    """Of each kernel's records of one cell the best; of several kernels, those that fit best.

    In a kernel that is the record whose outputs and count are there, else the latest. A count
    that a tool took away is any count; another one is another execution.
    """
    # Run again since, by somebody who left no record here, even if it came out alike.
    counted = [one for one in own if _same_count(cell, one)][-_MOST_RUNS:]
    if not counted:
        counts = ", ".join(sorted({str(one.count) for one in own}))
        return f"it was recorded as [{counts}], and stands here as [{cell.count}]"
    best: dict[str, tuple[tuple[bool, bool, bool], Match]] = {}
    for one in counted:
        for state in one.states:
            fits = _hold(cell, one, state, displays, Tie.ID)
            if not _as_named(cell, fits):
                continue
            rank = (_reference(one) in cell.references, fits.whole, one.count == cell.count)
            if one.kernel_id not in best or rank >= best[one.kernel_id][0]:
                best[one.kernel_id] = rank, fits
    if not best:
        return "its outputs name other executions than those recorded"
    ranked = [((*rank, len(fits.observed)), fits) for rank, fits in best.values()]
    top = max(rank for rank, _ in ranked)
    return [fits for rank, fits in ranked if rank == top]


def _by_content(
    cells: Sequence[Present],
    by_source: Mapping[str, Sequence[Recorded]],
    taken: set[str],
    displays: Displays,
) -> dict[int, list[Match] | str]:
    """What fits each cell whole and no other cell as well, of the surest tie.

    Cells that are alike are looked at once: what fits one of them fits the others as well.
    """
    found: dict[int, list[Match] | str] = {}
    fitting: dict[int, list[Match]] = {}
    claims: defaultdict[str, list[tuple[Tie, int | None]]] = defaultdict(list)
    alike: defaultdict[tuple[str, int | None], defaultdict[Any, list[Present]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for cell in cells:
        if cell.source in by_source:
            alike[cell.source, cell.count][cell.outputs, cell.references].append(cell)
    for (source, count), groups in alike.items():
        candidates = _Candidates.of(
            one for one in by_source[source] if one.count == count and one.execution not in taken
        )
        if len(groups) * len(candidates.updatable) > _MOST_FITS:
            why = "too many records are of this source and count to tell which is of which cell"
            found.update((cell.position, why) for group in groups.values() for cell in group)
            continue
        for group in groups.values():
            first = group[0]
            whole = (_first_whole(first, one, displays) for one in candidates.like(first))
            matches = [fits for fits in whole if fits is not None]
            position = first.position if len(group) == 1 else None
            for fits in matches:
                claims[fits.recorded.execution].append((fits.tie, position))
            if matches:
                fitting.update((cell.position, matches) for cell in group)
    for position, matches in fitting.items():
        own = [fits for fits in matches if _claimed_by(claims[fits.recorded.execution]) == position]
        surest = max((fits.tie for fits in own), default=None)
        found[position] = [
            fits for fits in own if fits.tie == surest
        ] or "records match it, but other cells as well"
    return found


@dataclass(frozen=True)
class _Candidates:
    """Records of one source and count, by the outputs that they can hold whole."""

    plain: Mapping[tuple[str, ...], Sequence[Recorded]]
    #: With outputs that other executions may have updated.
    updatable: Sequence[Recorded]

    @classmethod
    def of(cls, recorded: Iterable[Recorded]) -> _Candidates:
        plain: defaultdict[tuple[str, ...], list[Recorded]] = defaultdict(list)
        updatable = []
        for one in recorded:
            if any(display is not None for state in one.states for _, display in state.outputs):
                updatable.append(one)
                continue
            for outputs in {tuple(digest for digest, _ in state.outputs) for state in one.states}:
                plain[outputs].append(one)
        return cls(plain, updatable)

    def like(self, cell: Present) -> Iterator[Recorded]:
        """Those that may hold all outputs of this cell."""
        yield from self.plain.get(cell.outputs, ())
        yield from self.updatable


class _Proof(IntEnum):
    """What says that a kernel ran cells of this notebook, from the weakest to the surest."""

    NOTHING = 0
    ONLY_CONTENT = 1
    ONLY_ID = 2
    REFERENCE = 3


def _proofs(cells: Sequence[Present], fitting: Mapping[int, Sequence[Match]]) -> dict[str, _Proof]:
    """Of each kernel that is the only one to fit some cell: how that cell proves it."""
    proofs: dict[str, _Proof] = {}
    for cell in cells:
        own = fitting.get(cell.position, ())
        kernels = {fits.recorded.kernel_id for fits in own}
        if len(kernels) != 1:
            continue
        if cell.references:
            proof = _Proof.REFERENCE  # nothing fits that its references do not name
        elif own[0].whole:
            proof = _Proof.ONLY_ID if own[0].tie is Tie.ID else _Proof.ONLY_CONTENT
        else:
            continue
        (kernel,) = kernels
        proofs[kernel] = max(proof, proofs.get(kernel, _Proof.NOTHING))
    return proofs


def _outweighing(
    cells: Sequence[Present],
    fitting: Mapping[int, Sequence[Match]],
    proofs: Mapping[str, _Proof],
    by_source: Mapping[str, Sequence[Recorded]],
    taken: set[str],
    displays: Displays,
) -> dict[int, list[Match]]:
    """What fits by content in kernels proven by reference, where others only fit by id.

    So it is where one front end sent ids and the other, which ran a copy, sent none.
    """
    proven = {kernel for kernel, proof in proofs.items() if proof is _Proof.REFERENCE}
    outweighed = [
        cell
        for cell in cells
        if (own := fitting.get(cell.position))
        and own[0].tie is Tie.ID
        and proven.isdisjoint(fits.recorded.kernel_id for fits in own)
    ]
    if not (proven and outweighed):
        return {}
    theirs = {
        cell.source: [one for one in by_source[cell.source] if one.kernel_id in proven]
        for cell in outweighed
    }
    used = {fits.recorded.execution for own in fitting.values() for fits in own}
    found = _by_content(outweighed, theirs, taken | used, displays)
    return {position: own for position, own in found.items() if not isinstance(own, str)}


def _surest(own: Sequence[Match], proofs: Mapping[str, _Proof]) -> Match | str:
    """Of executions that all fit one cell: of the kernels that are proven best, the last."""

    def proof(fits: Match) -> _Proof:
        return proofs.get(fits.recorded.kernel_id, _Proof.NOTHING)

    best = max(map(proof, own))
    last = [fits for fits in own if proof(fits) == best]
    if len({fits.recorded.actor for fits in last}) > 1:
        return "records of several MLOs match it equally well"
    by_id = all(fits.tie is Tie.ID for fits in last)  # "restart and run all", if nothing is shown
    several = len({fits.recorded.kernel_id for fits in last}) > 1
    if best is _Proof.NOTHING and several and not by_id:
        return (
            "executions in several kernels match it equally well, as of copies of a notebook: "
            "run it again, or restore its stamp"
        )
    return max(last, key=lambda fits: fits.recorded.started)


def _reference(one: Recorded) -> str:
    return f"{one.actor.mlo}#{one.execution}"


def _as_named(cell: Present, fits: Match) -> bool:
    """Whether the references in the outputs, if there are any, are those of what fits."""
    mlo = fits.recorded.actor.mlo
    own = {_reference(fits.recorded), *(f"{mlo}#{update}" for update in fits.updated_by)}
    if fits.whole:
        return cell.references <= own
    # An output that no record holds may well carry another execution's reference.
    return not cell.references or bool(cell.references & own)


def _claimed_by(claims: Sequence[tuple[Tie, int | None]]) -> int | None:
    """The one cell that an execution fits best; None where two fit equally.

    A claim of several cells that are alike names none of them.
    """
    best = max(tie for tie, _ in claims)
    positions = [position for tie, position in claims if tie == best]
    return positions[0] if len(positions) == 1 else None


def _first_whole(cell: Present, one: Recorded, displays: Displays) -> Match | None:
    tie = Tie.REFERENCE if _reference(one) in cell.references else Tie.CONTENT
    for state in reversed(one.states):
        if len(state.outputs) == len(cell.outputs):
            fits = _hold(cell, one, state, displays, tie)
            if fits.whole and _as_named(cell, fits):
                return fits
    return None


def _same_count(cell: Present, one: Recorded) -> bool:
    return cell.count == one.count or cell.count is None or one.count is None


def _hold(cell: Present, one: Recorded, state: State, displays: Displays, tie: Tie) -> Match:
    """Which of the outputs that are there this state of the record holds."""
    shown: list[dict[str, list[Update]]] = []
    for digest, display in state.outputs:
        bundles: dict[str, list[Update]] = {digest: []}
        if display is not None:
            for update in displays.get((one.kernel_id, one.actor, display), ()):
                if update.execution != one.execution:
                    bundles.setdefault(update.output, []).append(update)
        shown.append(bundles)
    pairs = common(cell.outputs, shown)
    updates = [update for here, there in pairs for update in shown[there][cell.outputs[here]]]
    return Match(
        recorded=one,
        state=state,
        tie=tie,
        observed=tuple(here for here, _ in pairs),
        present=len(cell.outputs),
        records=tuple(dict.fromkeys([state.record, *(update.record for update in updates)])),
        updated_by=tuple(dict.fromkeys(update.execution for update in updates)),
    )


def _displays(executions: Iterable[Recorded]) -> Displays:
    found: defaultdict[tuple[str, Actor, str], list[Update]] = defaultdict(list)
    for one in executions:
        for display, updates in one.updates.items():
            found[one.kernel_id, one.actor, display].extend(updates)
    return found
