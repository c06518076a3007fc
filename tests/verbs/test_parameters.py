"""``--parameters``: names, and values that are pinned."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.verbs.parameters import parse_parameters


@pytest.mark.parametrize(
    ("texts", "meant"),
    [
        ([], {}),
        (["seed"], {"seed": "*"}),
        (["seed,output_dir"], {"seed": "*", "output_dir": "*"}),
        (["seed", "alpha"], {"seed": "*", "alpha": "*"}),
        ([" seed , alpha "], {"seed": "*", "alpha": "*"}),
        (["alpha=1"], {"alpha": [1]}),
        (["alpha=1,alpha=2"], {"alpha": [1, 2]}),
        (["alpha=1", "alpha=2,seed"], {"alpha": [1, 2], "seed": "*"}),
        (["a=0.5,b=-3,c=1e3"], {"a": [0.5], "b": [-3], "c": [1000.0]}),
        (["a=fast,b=two words"], {"a": ["fast"], "b": ["two words"]}),
        (['a="1",b=[1,2],c={"x":[2]}'], {"a": ["1"], "b": [[1, 2]], "c": [{"x": [2]}]}),
        (["a=True,b=False,c=None"], {"a": [True], "b": [False], "c": [None]}),
        (["a=true,b=null"], {"a": [True], "b": [None]}),
        (["a=.5,b=007,c=+3"], {"a": [0.5], "b": [7], "c": [3]}),
        (["a=,b"], {"a": [""], "b": "*"}),
        (["größe=1"], {"größe": [1]}),
    ],
)  # fmt: skip
def test_what_is_typed_means(texts: list[str], meant: dict[str, Any]) -> None:
    assert parse_parameters(texts) == meant


@pytest.mark.parametrize(
    "text", ["1a", "a b", "a,,b", ",a", "a,", "a-b", "=1", "a;b", "", "a.b=1", "[1,2]"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="a name is expected"):
        parse_parameters([text])


@pytest.mark.parametrize("texts", [["a,a=1"], ["a=1,a"], ["a=1", "a"]])
def test_any_value_and_one_value_at_once_is_refused(texts: list[str]) -> None:
    with pytest.raises(InvalidInput, match="both with a value and with any"):
        parse_parameters(texts)


@pytest.mark.parametrize("value", ["NaN", "nan", "inf", "-Infinity", "1e999", "-1e999"])
def test_what_json_has_no_number_for_cannot_be_pinned(value: str) -> None:
    with pytest.raises(InvalidInput, match="JSON has no such number"):
        parse_parameters([f"a={value}"])


def test_any_value_may_be_said_twice() -> None:
    assert parse_parameters(["a,a"]) == {"a": "*"}


@pytest.mark.parametrize(
    "value", ["9007199254740993", "-9007199254740993", '{"n":[1e3,2,1' + "0" * 400 + "]}"]
)
def test_a_number_that_would_be_rounded_is_not_pinned(value: str) -> None:
    with pytest.raises(InvalidInput, match="no exact form"):
        parse_parameters([f"a={value}"])


def test_a_large_number_that_is_not_rounded_is_pinned() -> None:
    assert parse_parameters(["a=9007199254740994"]) == {"a": [9007199254740994]}
