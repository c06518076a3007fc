"""A figure that misses its bound says so."""

from __future__ import annotations

import pytest

from benchmarks import __main__ as runner
from benchmarks.figure import Figure


@pytest.mark.parametrize(
    ("figure", "holds"),
    [
        (Figure("command", 1.0, "s", peer=1.0, at_most=1.05), True),
        (Figure("command", 1.1, "s", peer=1.0, at_most=1.05), False),
        (Figure("cell", 149, "µs", at_most=150), True),
        (Figure("cell", 151, "µs", at_most=150), False),
        (Figure("append", 19_999, "/s", at_least=20_000), False),
        (Figure("append", 20_000, "/s", at_least=20_000), True),
        (Figure("unbounded", 3, "s"), None),
    ],
)
def test_a_figure_holds_exactly_within_its_bound(figure: Figure, holds: bool | None) -> None:
    assert figure.holds is holds
    assert figure.row()[-1] == {True: "yes", False: "NO", None: ""}[holds]


def test_the_bound_is_on_the_ratio_where_there_is_a_peer() -> None:
    figure = Figure("run", 2.0, "s", peer=40.0, against="papermill", at_most=0.05)
    assert figure.row() == ("run", "2 s", "40 s (papermill)", "0.05", "≤ 0.05", "yes")


def test_a_missed_figure_makes_the_exit_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missed = Figure("slow", 2.0, "s", at_most=1.0)
    monkeypatch.setattr(runner, "figures", lambda chosen: iter([("slow", missed)]))
    assert runner.main([]) == 1
    assert "1 of 1 figures miss" in capsys.readouterr().out
