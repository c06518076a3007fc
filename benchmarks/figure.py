"""One measured figure, and whether it reaches what was promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """What was measured, in one unit, against a peer or against a bound.

    With a peer, ``at_most`` and ``at_least`` bound the ratio ours / peer; without one, they bound
    ours. Medians, unless ``what`` says otherwise.
    """

    what: str
    ours: float
    unit: str
    peer: float | None = None
    #: Name of what it is measured against.
    against: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's."""
        return None if self.peer is None else self.ours / self.peer

    @property
    def holds(self) -> bool | None:
        """Whether the bound is kept; ``None`` where there is none."""
        if self.at_most is None and self.at_least is None:
            return None
        value = self.ours if self.ratio is None else self.ratio
        return (self.at_most is None or value <= self.at_most) and (
            self.at_least is None or value >= self.at_least
        )

    @property
    def bound(self) -> str:
        """The bound in words: ``≤ 1.05``, ``≤ 150 µs``, ``≥ 20,000 /s``."""
        unit = f" {self.unit}" if self.peer is None else ""
        parts = []
        if self.at_most is not None:
            parts.append(f"≤ {_number(self.at_most)}{unit}")
        if self.at_least is not None:
            parts.append(f"≥ {_number(self.at_least)}{unit}")
        return ", ".join(parts)

    def row(self) -> tuple[str, str, str, str, str, str]:
        """Cells of the table: what, ours, peer, ratio, must reach, holds."""
        return (
            self.what,
            f"{_number(self.ours)} {self.unit}",
            ""
            if self.peer is None
            else f"{_number(self.peer)} {self.unit}" + (f" ({self.against})" * bool(self.against)),
            "" if self.ratio is None else _number(self.ratio),
            self.bound,
            {True: "yes", False: "NO", None: ""}[self.holds],
        )

    def as_json(self) -> dict[str, Any]:
        """The same as numbers."""
        return {
            "what": self.what,
            "unit": self.unit,
            "ours": self.ours,
            "peer": self.peer,
            "against": self.against,
            "ratio": self.ratio,
            "at_most": self.at_most,
            "at_least": self.at_least,
            "holds": self.holds,
        }


def _number(value: float) -> str:
    """Three significant digits, thousands separated."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
