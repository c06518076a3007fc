"""Moments as text: RFC 3339 in UTC with milliseconds, ``2026-11-22T10:54:15.123Z``.

Part of every signature's path in a kernel: imports nothing heavy.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from jupyter_mlo.errors import StatementError

_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)


def to_text(moment: datetime) -> str:
    """The text of an aware ``moment``, cut to whole milliseconds (never rounded up).

    Raises:
        ValueError: ``moment`` has no time zone; guessing one would sign a wrong time.
    """
    if moment.tzinfo is not UTC:
        if moment.utcoffset() is None:
            raise ValueError("a moment without a time zone cannot be written as UTC")
        moment = moment.astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def from_text(text: str) -> datetime:
    """The aware UTC moment of ``text``: seconds with up to six decimals, ending in ``Z``.

    Raises:
        StatementError: ``text`` has another form, or no such moment exists.
    """
    if _FORM.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    raise StatementError(
        f"{text[:40]!r} is not a time of the form 2026-11-22T10:54:15.123Z",
        hint="times are written in UTC, RFC 3339, and end in Z",
    )
