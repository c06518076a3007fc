"""Times as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.errors import StatementError
from jupyter_mlo.statements.predicates.common import Strict, Time
from jupyter_mlo.statements.times import from_text, to_text


class Holder(Strict):
    time: Time


def test_a_moment_is_written_in_utc_with_milliseconds() -> None:
    moment = datetime(2026, 11, 22, 12, 54, 15, 123999, timezone(timedelta(hours=2)))
    assert to_text(moment) == "2026-11-22T10:54:15.123Z"
    assert to_text(datetime(2026, 11, 22, tzinfo=UTC)) == "2026-11-22T00:00:00.000Z"


def test_a_moment_without_a_zone_is_never_guessed() -> None:
    with pytest.raises(ValueError, match="time zone"):
        to_text(datetime(2026, 11, 22))


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_again_and_never_later_than_it_was(moment: datetime) -> None:
    again = from_text(to_text(moment))
    assert timedelta() <= moment - again < timedelta(milliseconds=1)
    assert Holder(time=to_text(moment))


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:54:15.123",
        "2026-11-22T10:54:15.123+00:00",
        "2026-11-22T10:54:15.123z",
        "2026-11-22 10:54:15.123Z",
        "2026-11-22T10:54:15.1234567Z",
        "2026-11-22T10:54:15,123Z",
        "2026-11-22T10:54Z",
        "2026-13-22T10:54:15Z",
        "2026-02-30T10:54:15Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T10:54:60Z",
        "0000-11-22T10:54:15Z",
        "２０２６-11-22T10:54:15Z",
        "2026-11-22T10:54:15Z\n",
        "",
    ],
)
def test_any_other_form_is_refused_by_reader_and_models_alike(text: str) -> None:
    with pytest.raises(StatementError, match="is not a time"):
        from_text(text)
    with pytest.raises(ValueError, match="time"):
        Holder(time=text)
