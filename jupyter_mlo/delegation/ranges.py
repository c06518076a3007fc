"""A range of numbers that a mandate permits a parameter to have.

Part of every signature's path in a kernel: imports nothing heavy.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_MEMBERS: Final = frozenset({"min", "max", "integers"})


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers from ``low`` to ``high``, both included; None where that side is open.

    Numbers are compared exactly. Booleans, texts, NaN and infinities are in no range.
    """

    low: float | None
    high: float | None
    #: Whole numbers only (``7`` and ``7.0`` alike).
    integers: bool = False

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Range | None:
        """Read ``{"min": 0, "max": 1, "integers": true}``; None where it is no range."""
        low, high = value.get("min"), value.get("max")
        integers = value.get("integers", False)
        if value.keys() - _MEMBERS or (low is None and high is None):
            return None
        if not all(bound is None or is_number(bound) for bound in (low, high)):
            return None
        return cls(low, high, integers) if isinstance(integers, bool) else None

    def to_json(self) -> dict[str, Any]:
        """As it stands in a scope."""
        bounds = {"min": self.low, "max": self.high}
        said: dict[str, Any] = {name: bound for name, bound in bounds.items() if bound is not None}
        return said | ({"integers": True} if self.integers else {})

    def __contains__(self, value: object) -> bool:
        if not is_number(value):
            return False
        assert isinstance(value, int | float)
        if self.integers and value != math.floor(value):
            return False
        return (self.low is None or self.low <= value) and (self.high is None or value <= self.high)

    def common(self, other: Range) -> Range | None:
        """The numbers in both; None where it is plain that there are none."""
        lows = [bound for bound in (self.low, other.low) if bound is not None]
        highs = [bound for bound in (self.high, other.high) if bound is not None]
        low, high = max(lows, default=None), min(highs, default=None)
        if low is not None and high is not None and low > high:
            return None
        return Range(low, high, self.integers or other.integers)

    def among(self, texts: Iterable[str]) -> frozenset[str]:
        """Those of some RFC 8785 texts that are numbers in it."""
        return frozenset(text for text in texts if _read(text) in self)

    def __str__(self) -> str:
        what = "whole numbers" if self.integers else "numbers"
        low = "" if self.low is None else f" from {_shown(self.low)}"
        high = "" if self.high is None else f" to {_shown(self.high)}"
        return f"{what}{low}{high}"


def is_number(value: object) -> bool:
    """Whether a JSON value is a finite number; a whole one may be of any size."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def _read(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _shown(bound: float) -> str:
    return str(int(bound)) if bound == math.floor(bound) and abs(bound) < 1e15 else repr(bound)
