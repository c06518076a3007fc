"""The rules, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.integrations.scheduler.answering import values, wanted_mandate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("-1.5", -1.5),
        ("True", True),
        ("None", None),
        ("'a'", "a"),
        ("a", "a"),
        ("", ""),
        ("[1, 'x']", [1, "x"]),
        ("{'a': [1]}", {"a": [1]}),
        ("{1: 2}", "{1: 2}"),
        ("(1, 2)", "(1, 2)"),
        ("1e999", "1e999"),
        ("b'x'", "b'x'"),
        ("1j", "1j"),
        ("__import__('os').getcwd()", "__import__('os').getcwd()"),
        ("[" * 5000, "[" * 5000),
        ("1\nimport os", "1\nimport os"),
    ],
)
def test_a_parameter_is_a_literal_or_text(text: str, value: Any) -> None:
    found = values({"p": text})["p"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [
        (None, None),
        ([], None),
        (["nightly"], None),
        (["x", "mandate=ab12ab12"], "ab12ab12"),
        (["Mandate = AB12AB12 "], "ab12ab12"),
        (["mandated=ab12ab12"], None),
    ],
)
def test_the_mandate_that_tags_ask_for(tags: list[str] | None, wanted: str | None) -> None:
    assert wanted_mandate(tags) == wanted


@pytest.mark.parametrize(
    "tags", [["mandate="], ["mandate=../x"], ["mandate=ab12ab1"], ["mandate=ab12ab12"] * 2]
)
def test_tags_that_name_no_mandate(tags: list[str]) -> None:
    with pytest.raises(InvalidInput, match="name no mandate"):
        wanted_mandate(tags)
