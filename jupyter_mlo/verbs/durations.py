"""Durations as people type and read them: ``30m``, ``8h``, ``1d12h``."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from jupyter_mlo.errors import InvalidInput

_SECONDS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_PART = re.compile(r"(\d{1,9})\s*([wdhms])")
_WHOLE = re.compile(r"(?:\d{1,9}\s*[wdhms]\s*){1,5}")


def parse_duration(text: str) -> timedelta:
    """What was typed: numbers, each with ``w``, ``d``, ``h``, ``m`` or ``s``.

    Raises:
        InvalidInput: it is anything else, or longer than 100 years.
    """
    typed = text.strip().lower()
    if _WHOLE.fullmatch(typed):
        seconds = sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(typed))
        if seconds <= 100 * 365 * 86_400:
            return timedelta(seconds=seconds)
    raise InvalidInput(
        f"{text.strip()[:40]!r} is not a duration",
        hint="a number and a unit: 30m, 8h, 2d, 4w, or several of them: 1h30m",
    )


def end_of(text: str | None, now: datetime) -> datetime | None:
    """When what begins now and lasts for what was typed ends; None where nothing was typed."""
    return now + parse_duration(text) if text else None


def show_duration(duration: timedelta) -> str:
    """The two largest units of it that count: ``7 h 59 min``; ``0 s`` where nothing is left."""
    seconds = max(0, int(duration.total_seconds()))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts) or "0 s"
