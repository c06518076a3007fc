"""Which present cell is which sealed one: so that a change can be named, not only noticed.

Tools renumber ids and people move, insert and delete cells; a seal lists what was there. A
wrong pairing can make a name less apt ("changed" for "removed and inserted"), but never
makes a difference vanish: verdicts compare digests after pairing. Pure; O(n log n).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from jupyter_mlo.notebook.seals import SealedCell


@dataclass(frozen=True)
class Alignment:
    """How present cells correspond to sealed ones; all positions from 0."""

    #: For each present cell the position of its sealed one, None where it was inserted.
    sealed_of: tuple[int | None, ...]
    #: Positions in the sealed list that no present cell corresponds to.
    removed: tuple[int, ...]
    #: Present positions out of their sealed order: the fewest that explain the new order.
    moved: tuple[int, ...]


# From the surest sign that two cells are one to the weakest.
_SIGNS: tuple[Callable[[SealedCell], Hashable], ...] = (
    lambda cell: cell.cell and (cell.cell, cell.stamp, cell.id),
    lambda cell: cell.cell and (cell.cell, cell.stamp),
    lambda cell: cell.cell,
    lambda cell: cell.id and (cell.id, cell.kind, cell.source),
    lambda cell: cell.stamp,
    lambda cell: cell.id and (cell.id, cell.kind),
    lambda cell: (cell.kind, cell.source),
)


def align(present: Sequence[SealedCell], sealed: Sequence[SealedCell]) -> Alignment:
    """Pair the cells that are there with those that a seal lists."""
    pairs: dict[int, int] = {}
    start, end = _common_ends(present, sealed)
    pairs.update((at, at) for at in range(start))
    pairs.update((len(present) - at, len(sealed) - at) for at in range(1, end + 1))
    open_present = list(range(start, len(present) - end))
    open_sealed = list(range(start, len(sealed) - end))
    for sign in _SIGNS:
        if not open_present or not open_sealed:
            break
        places: defaultdict[Hashable, deque[int]] = defaultdict(deque)
        for at in open_sealed:
            if key := sign(sealed[at]):
                places[key].append(at)
        for at in open_present:
            key = sign(present[at])
            if key and places.get(key):
                pairs[at] = places[key].popleft()
        taken = set(pairs.values())
        open_present = [at for at in open_present if at not in pairs]
        open_sealed = [at for at in open_sealed if at not in taken]
    _pair_gaps(present, sealed, pairs)
    taken = set(pairs.values())
    return Alignment(
        sealed_of=tuple(pairs.get(at) for at in range(len(present))),
        removed=tuple(at for at in range(len(sealed)) if at not in taken),
        moved=_moved(pairs),
    )


def _common_ends(present: Sequence[SealedCell], sealed: Sequence[SealedCell]) -> tuple[int, int]:
    """How many cells are the same at the beginning and, of the rest, at the end."""

    def same(one: SealedCell, other: SealedCell) -> bool:
        return one.cell is not None and one.cell == other.cell and one.stamp == other.stamp

    limit = min(len(present), len(sealed))
    start = 0
    while start < limit and same(present[start], sealed[start]):
        start += 1
    end = 0
    while end < limit - start and same(present[-1 - end], sealed[-1 - end]):
        end += 1
    return start, end


def _pair_gaps(
    present: Sequence[SealedCell], sealed: Sequence[SealedCell], pairs: dict[int, int]
) -> None:
    """Pair what is left where as many present as sealed cells stand between the same neighbours."""
    taken = set(pairs.values())
    at = 0
    while at < len(present):
        if at in pairs:
            at += 1
            continue
        first = at
        while at < len(present) and at not in pairs:
            at += 1
        low = pairs.get(first - 1, -1) if first else -1
        high = pairs.get(at, -1) if at < len(present) else len(sealed)
        if high - low - 1 == at - first and taken.isdisjoint(range(low + 1, high)):
            for step in range(at - first):
                if present[first + step].kind == sealed[low + 1 + step].kind:
                    pairs[first + step] = low + 1 + step


def _moved(pairs: dict[int, int]) -> tuple[int, ...]:
    """Present positions outside a longest increasing run of sealed positions."""
    order = sorted(pairs)
    tails: list[int] = []  # sealed position at the end of the best run of each length
    ends: list[int] = []  # present position there
    before: dict[int, int | None] = {}
    for at in order:
        length = bisect_left(tails, pairs[at])
        before[at] = ends[length - 1] if length else None
        if length == len(tails):
            tails.append(pairs[at])
            ends.append(at)
        else:
            tails[length], ends[length] = pairs[at], at
    kept = set()
    step = ends[-1] if ends else None
    while step is not None:
        kept.add(step)
        step = before[step]
    return tuple(at for at in order if at not in kept)
