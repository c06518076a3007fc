"""Grids, places and plans: what cannot be meant is refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.runs.batch.jobs import Job, check_targets, expand, parse_grid, parse_value
from jupyter_mlo.runs.batch.plan_file import read_plan


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("seed=1..4", [1, 2, 3, 4]),
        ("seed=4..1", [4, 3, 2, 1]),
        ("seed=0..10..5", [0, 5, 10]),
        ("seed=-1..1", [-1, 0, 1]),
        ("alpha=0.1,0.2", [0.1, 0.2]),
        ("kind=a, b,True,None", ["a", "b", True, None]),
        ("one=7", [7]),
    ],
)
def test_grids_are_ranges_and_lists(text, values):
    assert parse_grid(text) == (text.partition("=")[0], values)


@pytest.mark.parametrize(
    "text",
    [
        "seed",
        "=1",
        "seed=",
        "seed=1..10..0",
        "seed=1..999999999",
        f"a=1..{'9' * 5000}",
        f"a=1..2..{'9' * 5000}",
    ],
)
def test_what_is_no_grid_is_refused(text):
    with pytest.raises(InvalidInput, match="--grid"):
        parse_grid(text)


def test_values_are_read_as_papermill_reads_them():
    from papermill.cli import _resolve_type

    for text in ("1", "1.5", "-2", "1e3", "True", "False", "None", "true", "x", "", "0x1"):
        assert parse_value(text) == _resolve_type(text), text


def test_every_notebook_meets_every_point():
    jobs = expand(
        ["a/one.ipynb", "two.ipynb"],
        parameters={"alpha": 0.1},
        grid={"seed": [1, 2], "kind": ["x"]},
        out="runs/{notebook}/{kind}-{seed}.ipynb",
    )
    assert [job.target for job in jobs] == [
        "runs/one/x-1.ipynb",
        "runs/one/x-2.ipynb",
        "runs/two/x-1.ipynb",
        "runs/two/x-2.ipynb",
    ]
    assert jobs[1].parameters == {"alpha": 0.1, "seed": 2, "kind": "x"}
    assert [job.number for job in jobs] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"out": "{nothing}.ipynb"}, "no {nothing}"),
        ({"out": "{seed!r}.ipynb"}, "no {seed}"),
        ({"out": "{seed.real}.ipynb"}, "no {seed.real}"),
        ({"out": "{"}, "--out"),
        ({"parameters": {"seed": 1}}, "one value and a grid"),
        ({"parameters": {"1x": 1}}, "cannot name a parameter"),
        ({"parameters": {"x; import os": 1}}, "cannot name a parameter"),
        ({"grid": {"seed": ["../../etc"]}}, "cannot be part of a file's name"),
        ({"grid": {"seed": [".."]}}, "cannot be part of a file's name"),
        ({"grid": {"seed": [1] * 1000, "b": [1] * 1000}}, "runs, and a batch has"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, why):
    given = {"parameters": {}, "grid": {"seed": [1]}, "out": "{notebook}-{seed}.ipynb"} | options
    with pytest.raises(InvalidInput) as refused:
        expand(["in.ipynb"], **given)
    assert why in refused.value.message


def test_two_runs_never_write_to_one_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    for targets in (["out.ipynb", "out.ipynb"], ["out.ipynb", "./x/../link/out.ipynb"]):
        jobs = [Job(n, "in.ipynb", target, {}) for n, target in enumerate(targets, 1)]
        with pytest.raises(InvalidInput, match="runs 1 and 2 would both write"):
            check_targets(jobs)
    with pytest.raises(InvalidInput, match="one of the notebooks that are to run"):
        check_targets([Job(1, "in.ipynb", "out.ipynb", {}), Job(2, "out.ipynb", "b.ipynb", {})])
    check_targets([Job(1, "in.ipynb", "1.ipynb", {}), Job(2, "in.ipynb", "2.ipynb", {})])


PLAN = """
out = "runs/{notebook}/{seed}.ipynb"
mandate = "train.mandate"
workers = 4
keep-going = true
cell-timeout = 600
[parameters]
alpha = 0.1
[grid]
seed = "1..3"
[[runs]]
notebook = "train.ipynb"
[[runs]]
notebook = ["a.ipynb", "b.ipynb"]
grid = {seed = [7]}
"""


def test_a_plan_says_the_same_as_the_command_line(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    plan = read_plan(path)
    assert (plan.workers, plan.keep_going, plan.cell_timeout) == (4, True, 600)
    assert plan.grid == {"seed": [1, 2, 3]}
    assert plan.mandates == ["train.mandate"]
    assert [each.notebooks for each in plan.runs] == [["train.ipynb"], ["a.ipynb", "b.ipynb"]]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("wrokers = 4\n[[runs]]\nnotebook = 'a'", "wrokers"),
        ("workers = 0\n[[runs]]\nnotebook = 'a'", "workers"),
        ("[[runs]]\nnotebok = 'a'", "runs.0.note"),
        ("out = 'x'", "runs"),
        ("[grid]\nseed = 'x'\nb = []\n[[runs]]\nnotebook = 'a'", "grid"),
        ("[[runs]]\nnotebook = 7", "runs.0.notebook"),
        ("[[runs]\n", "cannot be read"),
        ("timeout = -1\n[[runs]]\nnotebook = 'a'", "timeout"),
    ],
)
def test_a_wrong_plan_names_file_and_key(tmp_path: Path, text, key):
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput) as refused:
        read_plan(path)
    assert "plan.toml" in refused.value.message
    assert key in refused.value.message


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("2020-01-01", "type date"),
        ("2020-01-01T10:00:00Z", "type datetime"),
        ("[1, {day = 10:00:00}]", "type time"),
        ("0x" + "f" * 10_000, "too long"),
        (f"[{'0x' + 'f' * 10_000}]", "too long"),
        ("[" * 30 + "]" * 30, "too deeply"),
    ],
)
def test_what_no_notebook_can_hold_is_refused_before_anything_starts(
    tmp_path: Path, value: str, why: str
) -> None:
    path = tmp_path / "plan.toml"
    for table in ("parameters", "grid"):
        held = value if table == "parameters" else f"[{value}]"
        path.write_text(
            f'out = "o/{{run}}.ipynb"\n[{table}]\nday = {held}\n[[runs]]\nnotebook = "n.ipynb"\n'
        )
        plan = read_plan(path)
        with pytest.raises(InvalidInput, match=f"the parameter 'day' has .*{why}"):
            expand(["n.ipynb"], parameters=plan.parameters, grid=plan.grid, out="o/{run}.ipynb")
