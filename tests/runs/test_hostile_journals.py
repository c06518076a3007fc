"""Whatever runs as the same account can write to a run's journal."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jupyter_mlo.errors import InvalidInput, MloError, NotebookError
from jupyter_mlo.runs import journal, leftovers, recovery
from tests.runs.conftest import an_open_journal

HOSTILE = [
    '{"cell": 99, "value": {}}',
    '{"cell": -1, "value": {}}',
    '{"cell": true, "value": {}}',
    '{"cell": "0", "value": {}}',
    '{"cell": 0}',
    '{"cell": 0, "value": 5}',
    '{"cell": 0, "value": {"source": "other"}}',
    '{"cell": 0, "value": {"outputs": 5}}',
    '{"cell": 0, "value": {"outputs": [5]}}',
    '{"cell": 0, "value": {"metadata": []}}',
    '{"cell": 0, "outputs": {"7": {}}, "metadata": {}}',
    '{"cell": 0, "outputs": {"²": {}}, "metadata": {}}',
    '{"cell": 0, "outputs": {}, "metadata": 5}',
    '{"base": 5}',
    '{"base": {}}',
    '{"base": {"cells": [5]}}',
    '{"base": {"cells": [{"outputs": [{"data": 5}]}]}}',
    '{"base": {"cells": [{"attachments": {"a": 5}}]}}',
    '{"base": {"cells": [], "metadata": 5}}',
    '{"metadata": 5}',
    '{"chain": 5}',
    '{"chain": [5]}',
]


@pytest.mark.parametrize("line", HOSTILE)
def test_a_line_that_no_run_writes_is_named(settings, verb, folder, line):
    made = an_open_journal(settings, output=str(folder / "out.ipynb"))
    made.close()
    with (made.folder / journal.JOURNAL).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(NotebookError, match=r"line 3 of .*journal\.jsonl"):
        verb("recover", "aaaa")
    assert not (folder / "out.ipynb").exists()
    leftovers.sweep(settings)


@pytest.mark.parametrize("entry", [5, {"seals": 1}, {"version": 1, "seals": [{"envelope": 5}]}])
def test_seals_that_lie_are_no_seals(settings, verb, folder, entry):
    made = an_open_journal(settings, output=str(folder / "out.ipynb"))
    made.metadata({"mlo": entry})
    made.close()
    said = verb("recover", "aaaa")[1]
    assert "sealed" not in said


def test_a_head_that_lies_is_shown_escaped(settings, verb):
    settings.runs.mkdir(parents=True)
    for name, head in (
        ("a", {"started": "2026\x1b[31m\nfake line", "output": 5, "run": [], "mlo": {}}),
        ("b", {"started": {}, "output": "\0", "notebook": None}),
    ):
        (settings.runs / name).mkdir()
        text = json.dumps({"version": 1, **head}) + '\n{"base": {"cells": [], "metadata": {}}}\n'
        (settings.runs / name / journal.JOURNAL).write_text(text)
    status, said = verb("recover")
    assert status == 0
    assert "\x1b" not in said
    assert "\nfake" not in said
    with pytest.raises(InvalidInput, match="--to"):
        _hinted(verb, "b")
    assert "recovered" in verb("recover", "a", "--to", "x.ipynb")[1]


def _hinted(verb, name):
    try:
        verb("recover", name)
    except InvalidInput as error:
        raise InvalidInput(f"{error.message} {error.hint}") from None


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.floats()
    | st.sampled_from(["", "0", "cells", "code", "text/plain", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["cells", "metadata", "outputs", "mlo", "seals", "data", "attachments", "0", "1"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
lines = st.dictionaries(
    st.sampled_from(["base", "cell", "value", "outputs", "metadata", "chain", "ended", "seal"]),
    json_values,
    max_size=4,
)


@given(st.lists(lines, max_size=4))
@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)
def test_any_lines_give_a_notebook_or_an_error_that_says_so(settings, folder, added):
    name = "a" * 8
    journal.remove(settings.runs / name)
    made = an_open_journal(settings, name)
    for line in added:
        made._append(line)
    made.close()
    (run,) = recovery.cut_off_runs(settings)
    try:
        recovered = recovery.rebuild(run, datetime.now(UTC))
        recovery.check_target(run, recovered, folder / "out.ipynb")
        recovery.write(recovered, folder / "any.ipynb")
    except MloError as refused:
        said = refused.message
    else:
        assert 0 <= recovered.completed <= recovered.code_cells
        said = "a journal"
    assert "journal" in said
