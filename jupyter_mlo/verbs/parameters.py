"""``--parameters a,b=1``: names that a run may inject, and the values that are pinned."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from jupyter_mlo.errors import InvalidInput

_NAME = re.compile(r"\s*([^\W\d]\w*)\s*")
_BARE = {"True": True, "False": False, "None": None}


def parse_parameters(texts: Sequence[str]) -> dict[str, list[Any] | str]:
    """Name → ``"*"`` for any value, or the list of its permitted values.

    Values are JSON, else what papermill's ``-p`` makes of them: ``True``, ``None``, numbers,
    and for the rest the text itself.

    Raises:
        InvalidInput: a name is no Python name, or is given both with a value and without.
    """
    found: dict[str, list[Any] | str] = {}
    for text in texts:
        at = 0
        while True:
            at = _one(text, at, found)
            if at >= len(text):
                break
            at += 1  # the comma
    return found


def _one(text: str, at: int, found: dict[str, list[Any] | str]) -> int:
    match = _NAME.match(text, at)
    end = match.end() if match else at
    if match is None or (end < len(text) and text[end] not in ",="):
        raise InvalidInput(
            f"--parameters {text[:80]!r}: a name is expected at {text[at : at + 20]!r}",
            hint="write --parameters seed,alpha=0.1",
        )
    name = match.group(1)
    held = found.get(name)
    if end == len(text) or text[end] == ",":
        if isinstance(held, list):
            raise _both(name)
        found[name] = "*"
        return end
    value, end = _value(text, end + 1)
    if isinstance(held, str):
        raise _both(name)
    found[name] = [*(held or []), value]
    return end


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
        f"the parameter {name!r} is given both with a value and with any",
        hint=f"{name} permits any value, {name}=VALUE only that one",
    )
