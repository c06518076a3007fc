"""papermill's own tests of what executing means, with this driver in its place."""

from __future__ import annotations

import unittest
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.runs.batch.conftest import execute_like_papermill

theirs = pytest.importorskip("papermill.tests.test_execute", reason="not in papermill's wheel")

#: What needs papermill's own client, engines or options (report mode, preparing only).
_OTHERS = {
    "test_start_timeout",
    "test_default_start_timeout",
    "test_prepare_only",
    "test_report_mode",
    "test_output_path_of_none",
    "test_custom_kernel_name_and_language",
    "test_notebook_node_input",
}
#: Fails with papermill itself since IPython 9 took ``IPython.core.display.display`` away.
_BROKEN = ("TestBrokenNotebook2", "test")
CASES = [
    (case, name)
    for case in vars(theirs).values()
    if isinstance(case, type) and issubclass(case, unittest.TestCase)
    for name in unittest.TestLoader().getTestCaseNames(case)
    if name not in _OTHERS and (case.__name__, name) != _BROKEN
]


@pytest.mark.parametrize(("case", "name"), CASES, ids=lambda each: getattr(each, "__name__", each))
def test_what_papermill_tests_of_itself(
    case: Any, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = partial(execute_like_papermill, kernel_name="python3")
    monkeypatch.setattr(theirs, "execute_notebook", ours)
    result = unittest.TestResult()
    case(name).run(result)
    wrong = [text for _, text in [*result.errors, *result.failures]]
    assert not wrong, "\n".join(wrong)
    assert result.testsRun == 1
