"""Moments as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.verbs.moments import parse_moment

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "moment"),
    [
        ("2026-11-22T10:54Z", datetime(2026, 11, 22, 10, 54, tzinfo=UTC)),
        (" 2026-11-22T10:54:15.5+01:00 ", datetime(2026, 11, 22, 9, 54, 15, 500000, tzinfo=UTC)),
        ("2026-11-22 10:54:15Z", datetime(2026, 11, 22, 10, 54, 15, tzinfo=UTC)),
        ("8h", NOW - timedelta(hours=8)),
        ("1d12h", NOW - timedelta(hours=36)),
    ],
)
def test_what_people_type_is_read(typed: str, moment: datetime) -> None:
    assert parse_moment(typed, NOW) == moment
    assert parse_moment(typed, NOW, end=True) == moment


def test_a_day_alone_is_a_whole_day_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        first = datetime(2026, 11, 21, 15, tzinfo=UTC)
        assert parse_moment("2026-11-22", NOW) == first
        last = first + timedelta(days=1, microseconds=-1)
        assert parse_moment("2026-11-22", NOW, end=True) == last
        assert parse_moment("2026-11-22T09:00", NOW) == datetime(2026, 11, 22, 0, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "typed",
    ["", "yesterday", "2026-13-01", "2026-11-22T25:00", "8", "-8h", "0001-01-01T00:00+14:00"],
)
def test_anything_else_is_refused_with_examples(typed: str) -> None:
    with pytest.raises(InvalidInput, match="is no moment") as refusal:
        parse_moment(typed, NOW)
    assert "2026-11-22" in refusal.value.hint
