"""Which record vouches for which cell.

The rule (``docs/formats.md``, "Notebook"; DESIGN: "Living with other tools"): a cell id that
a front end sent counts only if the notebook has it with that source; else source, outputs and
count must match, and what stays ambiguous stays unstamped. A match never lends a record to
outputs that differ: it says which of the present outputs the record holds. Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

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


#: Comparisons of equal outputs after which the rest counts as not observed.
_MOST_STEPS = 1_000_000


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
Displays = Mapping[tuple[str, str, str], Sequence[Update]]


def match(cells: Sequence[Present], recorded: Iterable[Recorded]) -> dict[int, Match | str]:
    """For each cell that records speak of: the match, or why there is none (by position)."""
    executions = sorted(recorded, key=lambda one: one.started)
    displays = _displays(executions)
    by_source: defaultdict[str, list[Recorded]] = defaultdict(list)
    for one in executions:
        by_source[one.source].append(one)
    ids = [cell.id for cell in cells if cell.id is not None]
    unique = _once(ids)
    found: dict[int, Match | str] = {}
    taken: set[str] = set()
    for cell in cells:
        if cell.id in unique:
            own = [one for one in by_source.get(cell.source, ()) if one.cell == cell.id]
            result = _by_id(cell, own, displays)
            if result is not None:
                found[cell.position] = result
                taken.update(one.execution for one in own)
    candidates = [cell for cell in cells if not isinstance(found.get(cell.position), Match)]
    proven = Counter(one.recorded.kernel_id for one in found.values() if isinstance(one, Match))
    found.update(_by_content(candidates, by_source, taken, displays, proven))
    return found


def _once(ids: Sequence[str]) -> set[str]:
    seen: set[str] = set()
    twice: set[str] = set()
    for cell_id in ids:
        (twice if cell_id in seen else seen).add(cell_id)
    return seen - twice


def _by_id(cell: Present, own: Sequence[Recorded], displays: Displays) -> Match | str | None:
    """Of several records of one cell: that whose outputs and count are there, else the latest.

    A count that a tool took away is any count; another one is another execution.
    """
    if not own:
        return None
    best: tuple[tuple[bool, bool, int], Match] | None = None
    for at, one in enumerate(own):
        for state in one.states:
            fits = _hold(cell, one, state, displays, Tie.ID)
            rank = (fits.whole, one.count == cell.count, at)
            if not _same_count(cell, one):
                # Run again since, by somebody who left no record here, even if it came out alike.
                continue
            if best is None or rank >= best[0]:
                best = rank, fits
    if best is None:
        counts = ", ".join(sorted({str(one.count) for one in own}))
        return f"it was recorded as [{counts}], and stands here as [{cell.count}]"
    return best[1]


def _by_content(
    cells: Sequence[Present],
    by_source: Mapping[str, Sequence[Recorded]],
    taken: set[str],
    displays: Displays,
    proven: Counter[str],
) -> dict[int, Match | str]:
    fitting: dict[int, list[Match]] = {}
    claims: defaultdict[str, list[tuple[Tie, int]]] = defaultdict(list)
    for cell in cells:
        matches = []
        for one in by_source.get(cell.source, ()):
            if one.execution in taken or one.count != cell.count:
                continue
            fits = _first_whole(cell, one, displays)
            if fits is not None:
                matches.append(fits)
                claims[one.execution].append((fits.tie, cell.position))
        if matches:
            fitting[cell.position] = matches
    # Boilerplate fits executions in other notebooks too: the kernel of most cells tells which.
    cells_of = proven + Counter(
        kernel
        for matches in fitting.values()
        for kernel in {fits.recorded.kernel_id for fits in matches}
    )
    found: dict[int, Match | str] = {}
    for position, matches in fitting.items():
        own = [fits for fits in matches if _claimed_by(claims[fits.recorded.execution]) == position]
        found[position] = _surest(own, cells_of)
    return found


def _surest(own: Sequence[Match], cells_of: Counter[str]) -> Match | str:
    """Of executions that all fit one cell: of the kernel of most cells, the last."""
    if not own:
        return "records match it, but other cells as well"

    def rank(fits: Match) -> tuple[Tie, int]:
        return fits.tie, cells_of[fits.recorded.kernel_id]

    best = max(map(rank, own))
    last = [fits for fits in own if rank(fits) == best]
    if len({fits.recorded.mlo for fits in last}) > 1:
        return "records of several MLOs match it equally well"
    return max(last, key=lambda fits: fits.recorded.started)


def _claimed_by(claims: Sequence[tuple[Tie, int]]) -> int | None:
    """The one cell that an execution fits best; None where two fit equally."""
    best = max(tie for tie, _ in claims)
    positions = [position for tie, position in claims if tie == best]
    return positions[0] if len(positions) == 1 else None


def _first_whole(cell: Present, one: Recorded, displays: Displays) -> Match | None:
    tie = Tie.REFERENCE if f"{one.mlo}#{one.execution}" in cell.references else Tie.CONTENT
    for state in reversed(one.states):
        if len(state.outputs) == len(cell.outputs):
            fits = _hold(cell, one, state, displays, tie)
            if fits.whole:
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
            for update in displays.get((one.kernel_id, one.mlo, display), ()):
                if update.execution != one.execution:
                    bundles.setdefault(update.output, []).append(update)
        shown.append(bundles)
    pairs = _common(cell.outputs, shown)
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
    found: defaultdict[tuple[str, str, str], list[Update]] = defaultdict(list)
    for one in executions:
        for display, updates in one.updates.items():
            found[one.kernel_id, one.mlo, display].extend(updates)
    return found


def _common(
    present: Sequence[str], allowed: Sequence[Mapping[str, object]]
) -> list[tuple[int, int]]:
    """A longest common subsequence, as pairs of positions (Hunt and Szymanski, 1977)."""
    here, there = len(present), len(allowed)
    start = end = 0
    while start < min(here, there) and present[start] in allowed[start]:
        start += 1
    while end < min(here, there) - start and present[here - 1 - end] in allowed[there - 1 - end]:
        end += 1
    return [
        *((at, at) for at in range(start)),
        *_common_middle(present, allowed, start, here - end, there - end),
        *((here - at, there - at) for at in range(end, 0, -1)),
    ]


def _common_middle(
    present: Sequence[str],
    allowed: Sequence[Mapping[str, object]],
    start: int,
    here_end: int,
    there_end: int,
) -> list[tuple[int, int]]:
    places: defaultdict[str, list[int]] = defaultdict(list)
    for there in range(there_end - 1, start - 1, -1):
        for digest in allowed[there]:
            places[digest].append(there)
    tails: list[int] = []  # where the best run of each length ends among the allowed
    ends: list[int] = []  # and its node
    nodes: list[tuple[int, int, int]] = []  # here, there, node before
    left = _MOST_STEPS
    for here in range(start, here_end):
        for there in places.get(present[here], ()):
            left -= 1
            length = bisect_left(tails, there)
            if length < len(tails) and there >= tails[length]:
                continue
            nodes.append((here, there, ends[length - 1] if length else -1))
            if length == len(tails):
                tails.append(there)
                ends.append(len(nodes) - 1)
            else:
                tails[length], ends[length] = there, len(nodes) - 1
        if left < 0:
            break
    pairs = []
    step = ends[-1] if ends else -1
    while step >= 0:
        here, there, step = nodes[step]
        pairs.append((here, there))
    return pairs[::-1]
