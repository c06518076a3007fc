"""Moments as people type them: ``2026-11-22``, ``2026-11-22T10:54``, or ``8h`` for 8 hours ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.verbs.durations import parse_duration

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def parse_moment(text: str, now: datetime, *, end: bool = False) -> datetime:
    """The aware UTC moment that was typed.

    Args:
        now: from which an age such as ``8h`` or ``2d`` counts back.
        end: a day alone means its end, not its beginning.

    Raises:
        InvalidInput: it is no moment. Without an offset it is one of this machine's own zone.
    """
    typed = text.strip()
    try:
        moment = datetime.fromisoformat(typed)
        if _DAY.fullmatch(typed) and end:
            moment += timedelta(days=1, microseconds=-1)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    try:
        return now - parse_duration(typed)
    except (InvalidInput, OverflowError):
        raise InvalidInput(
            f"{typed[:40]!r} is no moment",
            hint="a day (2026-11-22), a time (2026-11-22T10:54, or with Z or +01:00 at its end), "
            "or how long ago: 90m, 8h, 2d",
        ) from None
