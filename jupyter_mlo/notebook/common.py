"""Which outputs of a cell are among those that a record holds, in the same order. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence

#: Comparisons of equal outputs after which the rest counts as not observed.
_MOST_STEPS = 1_000_000


def common(
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
        *_middle(present, allowed, start, here - end, there - end),
        *((here - at, there - at) for at in range(end, 0, -1)),
    ]


def _middle(
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
