"""``--parameters a,b=1``: names that a run may inject, and the values that are pinned."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from jupyter_mlo.delegation.ranges import Range
from jupyter_mlo.delegation.scope import Everything
from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.statements.canonical import is_exact

_NAME = re.compile(r"\s*([^\W\d]\w*)\s*")
_NUMBER = r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"\s*({_NUMBER})?\s*\.\.\s*({_NUMBER})?\s*(?=,|$)")
#: Beyond this JSON's numbers are not whole numbers any more.
_EXACT = 2**53
_BARE = {"True": True, "False": False, "None": None}


Given = list[Any] | Range | Everything


def parse_parameters(texts: Sequence[str]) -> dict[str, Given] | Everything:
    """Name → ``"*"`` for any value, the list of its permitted values, or a range of numbers.

    ``*`` alone permits any parameter. ``seed=1..20`` is a range: of whole numbers where its
    bounds are written so, both included; one side may be left open. Other values are JSON, else
    what papermill's ``-p`` makes of them: ``True``, ``None``, numbers, and for the rest the text
    itself.

    Raises:
        InvalidInput: a name is no Python name, is given both with a value and without, or with a
            number that JSON would round.
    """
    if [text.strip() for text in texts] == ["*"]:
        return "*"
    found: dict[str, Given] = {}
    for text in texts:
        at = 0
        while True:
            at = _one(text, at, found)
            if at >= len(text):
                break
            at += 1  # the comma
    return found


def _one(text: str, at: int, found: dict[str, Given]) -> int:
    match = _NAME.match(text, at)
    end = match.end() if match else at
    if match is None or (end < len(text) and text[end] not in ",="):
        raise InvalidInput(
            f"--parameters {text[:80]!r}: a name is expected at {text[at : at + 20]!r}",
            hint="write names and values as in seed,alpha=0.1",
        )
    name = match.group(1)
    held = found.get(name)
    if end == len(text) or text[end] == ",":
        if held not in (None, "*"):
            raise _both(name)
        found[name] = "*"
        return end
    between = _RANGE.match(text, end + 1)
    if between is not None and held is not None:
        raise _both(name)
    if between is not None and any(between.groups()):
        found[name] = _range(name, *between.groups())
        return between.end()
    value, end = _value(text, end + 1)
    if not is_exact(value):
        raise InvalidInput(
            f"{name!r}: a number beyond 2^53 has no exact form in JSON",
            hint="give it as text in quotation marks, and to the notebook so too",
        )
    if isinstance(held, str | Range):
        raise _both(name)
    found[name] = [*(held or []), value]
    return end


def _range(name: str, low: str | None, high: str | None) -> Range:
    integers = all(re.fullmatch(r"[+-]?\d+", bound) for bound in (low, high) if bound is not None)
    kind = int if integers else float
    try:
        found = Range(
            None if low is None else kind(low), None if high is None else kind(high), integers
        )
    except ValueError:  # more digits than Python reads
        found = Range(math.inf, None)
    bounds = [bound for bound in (found.low, found.high) if bound is not None]
    if any(not abs(bound) <= _EXACT for bound in bounds) or sorted(bounds) != bounds:
        raise InvalidInput(
            f"no number is in the range of {name!r}, or its bounds are beyond 2^53",
            hint="write a range as in seed=1..20, both included",
        )
    return found


def _value(text: str, at: int) -> tuple[Any, int]:
    with contextlib.suppress(ValueError, RecursionError):
        value, end = _JSON.raw_decode(text, at)
        if end == len(text) or text[end] == ",":
            return value, end
    end = text.find(",", at)
    end = len(text) if end < 0 else end
    bare = text[at:end].strip()
    if bare in _BARE:
        return _BARE[bare], end
    for kind in (int, float):
        try:
            number = kind(bare)
        except ValueError:
            continue
        if not math.isfinite(number):
            raise InvalidInput(
                f"no parameter can be pinned to {bare[:40]}: JSON has no such number",
                hint="name the parameter without a value, to permit any",
            )
        return number, end
    return bare, end


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_JSON = json.JSONDecoder(parse_constant=_finite, parse_float=_finite)


def _both(name: str) -> InvalidInput:
    return InvalidInput(
        f"the parameter {name!r} is given both with a value and with any, or with a range",
        hint=f"{name} permits any value, {name}=VALUE only that one, {name}=1..20 those between",
    )
