"""What the tamper harness tried and found, counted over a run of pytest and shown at its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest


@dataclass
class Tally:
    """Alterations that had to be found, and rewrites that must raise no alarm."""

    #: What was altered → (tried, missed).
    alterations: dict[str, tuple[int, int]] = field(default_factory=dict)
    #: Who rewrote → (notebooks rewritten, false alarms).
    rewrites: dict[str, tuple[int, int]] = field(default_factory=dict)
    #: What may be done unseen, as the threat model says → how often it was.
    unseen: dict[str, int] = field(default_factory=dict)

    def altered(self, what: str, tried: int, missed: int) -> None:
        """Count alterations of one kind."""
        _add(self.alterations, what, tried, missed)

    def permitted(self, what: str, times: int) -> None:
        """Count what is not found, and need not be."""
        self.unseen[what] = self.unseen.get(what, 0) + times

    def rewritten(self, by: str, alarms: int) -> None:
        """Count one harmless rewrite."""
        _add(self.rewrites, by, 1, alarms)

    def add(self, other: Tally) -> None:
        """Count as well what another process counted."""
        for mine, theirs in (
            (self.alterations, other.alterations),
            (self.rewrites, other.rewrites),
        ):
            for what, (tried, wrong) in theirs.items():
                _add(mine, what, tried, wrong)
        for what, times in other.unseen.items():
            self.permitted(what, times)

    def lines(self) -> Iterator[str]:
        """The table."""
        for heading, counts, words in (
            ("alterations", self.alterations, ("tried", "found", "missed")),
            ("harmless rewrites", self.rewrites, ("tried", "quiet", "false alarms")),
        ):
            if counts:
                yield _row(heading, *words)
                for what, (tried, wrong) in counts.items():
                    yield _row(what, tried, tried - wrong, wrong)
                tried, wrong = (sum(numbers) for numbers in zip(*counts.values(), strict=True))
                yield _row(f"all {heading}", tried, tried - wrong, wrong)
                yield ""
        if self.unseen:
            yield _row("out of reach", "not found")
            for what, times in self.unseen.items():
                yield _row(what, times)


def _add(counts: dict[str, tuple[int, int]], what: str, tried: int, wrong: int) -> None:
    before = counts.get(what, (0, 0))
    counts[what] = before[0] + tried, before[1] + wrong


def _row(what: str, *numbers: object) -> str:
    return f"{what:<58}" + "".join(f"{number:>13}" for number in numbers)


TALLY = pytest.StashKey[Tally]()
