"""Durations as people type and read them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.verbs.durations import parse_duration, show_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30m", timedelta(minutes=30)),
        (" 8H ", timedelta(hours=8)),
        ("2d", timedelta(days=2)),
        ("4w", timedelta(weeks=4)),
        ("1h30m", timedelta(minutes=90)),
        ("1d 12 h", timedelta(hours=36)),
        ("90s", timedelta(seconds=90)),
    ],
)
def test_what_people_type_is_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "8", "h", "-8h", "8 hours", "1.5h", "8h!", "9" * 30 + "d"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a duration") as caught:
        parse_duration(text)
    assert "8h" in caught.value.hint


@given(st.text(max_size=50))
def test_no_text_breaks_it(text: str) -> None:
    try:
        duration = parse_duration(text)
    except InvalidInput:
        return
    assert duration >= timedelta(0)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(hours=7, minutes=59, seconds=59), "7 h 59 min"),
        (timedelta(days=2), "2 d"),
        (timedelta(days=1, minutes=5), "1 d"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(0), "0 s"),
        (timedelta(seconds=-5), "0 s"),
    ],
)
def test_what_is_shown_is_short(duration: timedelta, text: str) -> None:
    assert show_duration(duration) == text
