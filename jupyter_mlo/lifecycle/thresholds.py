"""What a number must reach: thresholds as people write them, and whether they hold.

A number is a minimum (``0.8``). A text gives the comparison (``"<= 0.1"``, ``">0.5"``,
``"== 0"``). A metric without a value fails its threshold: what was not measured was not shown.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Final

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.statements.canonical import number_text

_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}
_FORM = re.compile(r"\s*(>=|<=|==|>|<)\s*(\S+)\s*")
_MAX_NAME: Final = 1024


@dataclass(frozen=True, slots=True)
class Threshold:
    """One condition on one metric."""

    metric: str
    comparison: str
    bound: float

    @property
    def text(self) -> str:
        """The condition in words: the name of the test (``auc >= 0.75``)."""
        return f"{self.metric} {self.condition}"

    @property
    def condition(self) -> str:
        """Comparison and bound (``>= 0.75``), the number as RFC 8785 writes it."""
        return f"{self.comparison} {number_text(self.bound)}"

    def holds(self, metrics: Mapping[str, float]) -> bool:
        """Whether the metric was measured and meets the bound."""
        value = metrics.get(self.metric)
        return value is not None and _COMPARISONS[self.comparison](value, self.bound)


def read_thresholds(given: Mapping[str, Any]) -> tuple[Threshold, ...]:
    """Thresholds by the name of their metric, in the order given.

    Raises:
        InvalidInput: a name is empty or no text, or a threshold is neither a finite number
            nor a comparison with one.
    """
    if not isinstance(given, Mapping):
        raise InvalidInput(
            f"thresholds are given as a dict, not as {type(given).__name__}",
            hint='thresholds={"auc": 0.75, "error_rate": "<= 0.1"}',
        )
    return tuple(_threshold(name, value) for name, value in given.items())


def read_metrics(given: Mapping[str, Any]) -> dict[str, float]:
    """Metrics as finite doubles, by name.

    Raises:
        InvalidInput: a name is empty or no text, or a value is no finite number.
    """
    if not isinstance(given, Mapping):
        raise InvalidInput(
            f"metrics are given as a dict, not as {type(given).__name__}",
            hint='metrics={"auc": 0.81}',
        )
    return {
        _name(name, "metric"): _number(value, f"the metric {name!r}")
        for name, value in given.items()
    }


def _threshold(name: object, value: object) -> Threshold:
    metric = _name(name, "threshold")
    if isinstance(value, str):
        match = _FORM.fullmatch(value)
        if match is None:
            raise InvalidInput(
                f"the threshold {value[:40]!r} of {metric!r} cannot be read",
                hint='a number is a minimum; otherwise write ">= 0.8", "> 0.8", "<= 0.1", '
                '"< 0.1" or "== 0"',
            )
        return Threshold(metric, match[1], _number(match[2], f"the threshold of {metric!r}"))
    return Threshold(metric, ">=", _number(value, f"the threshold of {metric!r}"))


def _name(name: object, what: str) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME or not _encodes(name):
        raise InvalidInput(
            f"{name!r:.60} cannot name a {what}",
            hint=f"a name is a text of 1 to {_MAX_NAME} characters",
        )
    return name


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number(value: object, what: str) -> float:
    number: float | None = None
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            number = None
    elif isinstance(value, Real) and not isinstance(value, bool):
        number = _double(value)
    elif hasattr(value, "item") and getattr(value, "size", 1) == 1 and not isinstance(value, bool):
        # A scalar of numpy, torch or the like; an array of one element is one as well.
        scalar = value.item()
        if isinstance(scalar, Real) and not isinstance(scalar, bool):
            number = _double(scalar)
    if number is None:
        raise InvalidInput(
            f"{what} is {type(value).__name__}, not a number", hint="pass one finite number"
        )
    if not math.isfinite(number):
        raise InvalidInput(
            f"{what} is {number}, and only finite numbers go on record",
            hint="look where it was computed: something went wrong there",
        )
    return number


def _double(value: Real) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):
        return None
