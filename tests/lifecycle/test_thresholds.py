"""What people write as thresholds and metrics, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.lifecycle.test_result import judge
from jupyter_mlo.lifecycle.thresholds import Threshold, read_metrics, read_thresholds

finite = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("given_text", "value", "holds"),
    [
        (0.8, 0.8, True),
        (0.8, 0.79, False),
        (">= 0.8", 0.8, True),
        ("> 0.8", 0.8, False),
        ("<=0.1", 0.1, True),
        (" < 0.1 ", 0.1, False),
        ("== 0", 0.0, True),
        ("==1e-3", 0.001, True),
        (np.float32(0.5), 0.6, True),
    ],
)
def test_a_number_is_a_minimum_and_a_text_a_comparison(given_text, value, holds):
    (threshold,) = read_thresholds({"auc": given_text})
    assert threshold.holds({"auc": value}) is holds


def test_a_metric_that_was_not_measured_fails():
    assert judge({"other": 1.0}, read_thresholds({"auc": 0.1})).failed == ("auc >= 0.1",)


def test_without_any_threshold_nothing_has_passed_or_failed():
    assert judge({"auc": 1.0}, ()).failed == judge({"auc": 1.0}, ()).passed == ()


@pytest.mark.parametrize(
    "wrong",
    ["high", "", "=> 0.8", "0.8", ">= ", ">= a", None, True, [0.8], math.nan, ">= nan", "<= inf"],
)
def test_other_thresholds_are_refused(wrong):
    with pytest.raises(InvalidInput, match="auc"):
        read_thresholds({"auc": wrong})


@pytest.mark.parametrize(
    "wrong", [math.nan, math.inf, -math.inf, True, "0.8x", None, [1.0], np.array([1.0, 2.0]), 1j]
)
def test_what_is_no_finite_number_is_no_metric(wrong):
    with pytest.raises(InvalidInput, match="'auc'"):
        read_metrics({"auc": wrong})


@pytest.mark.parametrize("wrong", ["", 1, None, "x" * 1025, "\ud800"])
def test_a_metric_has_a_name(wrong):
    with pytest.raises(InvalidInput, match="cannot name a metric"):
        read_metrics({wrong: 1.0})


@pytest.mark.parametrize("wrong", [[("auc", 0.8)], 0.8, "auc"])
def test_metrics_and_thresholds_are_dicts(wrong):
    with pytest.raises(InvalidInput, match="as a dict"):
        read_metrics(wrong)
    with pytest.raises(InvalidInput, match="as a dict"):
        read_thresholds(wrong)


def test_scalars_of_numpy_are_numbers():
    read = read_metrics({"a": np.float64(0.5), "b": np.int64(3), "c": np.array(0.25), "d": 10})
    assert read == {"a": 0.5, "b": 3.0, "c": 0.25, "d": 10.0}
    assert all(type(value) is float for value in read.values())


@given(finite, finite, st.sampled_from([">=", ">", "<=", "<", "=="]))
def test_a_threshold_reads_back_from_its_own_text(value, bound, comparison):
    threshold = Threshold("auc", comparison, bound)
    (again,) = read_thresholds({"auc": threshold.condition})
    assert again == threshold
    assert again.holds({"auc": value}) == threshold.holds({"auc": value})


@given(finite)
def test_of_a_comparison_and_its_contrary_exactly_one_holds(value):
    for one, other in ((">= 0.5", "< 0.5"), ("> 0.5", "<= 0.5")):
        first, second = read_thresholds({"a": one}), read_thresholds({"a": other})
        assert first[0].holds({"a": value}) != second[0].holds({"a": value})
