"""What a worker gives back: taken over where it is what was asked for, refused otherwise."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jupyter_mlo.errors import Refused
from jupyter_mlo.lifecycle.provenance import Environment
from jupyter_mlo.lifecycle.resources import FileDigest
from jupyter_mlo.runs.batch.brought_back import CLOCKS, BroughtBack, judge
from jupyter_mlo.runs.batch.elsewhere import Done

BEGUN = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
NOW = BEGUN + timedelta(minutes=10)
SECOND = timedelta(seconds=1)


def sent() -> dict[str, Any]:
    pending = {
        "exception": None,
        "start_time": None,
        "end_time": None,
        "duration": None,
        "status": "pending",
    }
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "language": "python"},
            "language_info": {"name": "python"},
            "papermill": {"parameters": {"seed": 1}},
            "mlo": {"version": 1},
        },
        "cells": [
            {
                "cell_type": kind,
                "id": f"c{at}",
                "source": f"{at}",
                "metadata": {"tags": ["mine"], "papermill": dict(pending)},
                **({"outputs": [], "execution_count": None} if kind == "code" else {}),
            }
            for at, kind in enumerate(["code", "markdown", "code"])
        ],
    }


def ran() -> Done:
    notebook = sent()
    for cell in notebook["cells"]:
        cell["metadata"]["papermill"].update(
            start_time=BEGUN.isoformat(), end_time=NOW.isoformat(), duration=1.5, status="completed"
        )
        if cell["cell_type"] == "code":
            cell["execution_count"] = 1
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "hello"}]
            cell["metadata"]["execution"] = {"shell.execute_reply": "2026-11-23T01:00:00.000000Z"}
    events: list[Any] = [
        ("begins", 0, ()),
        ("updated", 0, (0,)),
        ("done", 0, ()),
        ("done", 1, ()),
        ("begins", 2, ()),
        ("updated", 0, (0, 3)),
        ("done", 2, ()),
    ]
    return Done(
        notebook,
        kernel_id="k1",
        events=[
            (what, position, BEGUN + SECOND * (at + 1), outputs)
            for at, (what, position, outputs) in enumerate(events)
        ],
        environment=Environment("python3", packages=(("numpy", "2.0"), ("x", ""))),
        data=(FileDigest("data", "0" * 64),),
        said=b"{}\n",
        remarks=["one"],
    )


def judged(done: object) -> BroughtBack:
    return judge(sent(), done, BEGUN, NOW)


def test_what_was_asked_for_is_taken_over() -> None:
    back = judged(ran())
    assert [bool(cell and cell.get("outputs")) for cell in back.cells] == [True, False, True]
    assert back.events == tuple(ran().events)
    assert back.data == ran().data
    assert back.environment == ran().environment
    assert (back.said, back.remarks, back.fault) == (b"{}\n", ("one",), None)


def test_nothing_else_of_a_notebook_is_taken_over() -> None:
    done = ran()
    done.notebook["metadata"].update(
        evil="<script>", papermill={"parameters": {"seed": 999}}, mlo={"seals": []}
    )
    done.notebook["metadata"]["widgets"] = {"a": 1}
    done.notebook["metadata"]["language_info"]["version"] = "3.14"
    cell = done.notebook["cells"][0]
    cell["metadata"] |= {"mlo": {"a": 1}, "more": 1}
    cell["evil"] = 1
    cell["outputs"].append(
        {"output_type": "display_data", "data": {}, "metadata": {"mlo": "x", "y": 1}}
    )
    back = judged(done)
    assert set(back.metadata) == {"language_info", "widgets"}
    assert back.metadata["language_info"]["version"] == "3.14"
    taken = back.cells[0]
    assert taken is not None
    assert set(taken) == {"outputs", "execution_count", "metadata"}
    assert set(taken["metadata"]) == {"tags", "papermill", "execution"}
    assert taken["outputs"][1]["metadata"] == {"y": 1}


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_clock_that_is_a_little_off_is_set_right(sign: int) -> None:
    done = ran()
    done.events = [(w, p, t + sign * CLOCKS, o) for w, p, t, o in done.events]
    times = [each[2] for each in judged(done).events]
    assert times[0] >= BEGUN
    assert times[-1] <= NOW
    assert times == sorted(times)
    assert times[-1] - times[0] == 6 * SECOND


def edited(change: Callable[[Done], object]) -> Done:
    done = copy.deepcopy(ran())
    change(done)
    return done


def cell(at: int, **members: Any) -> Callable[[Done], object]:
    return lambda done: done.notebook["cells"][at].update(members)


def timed(change: Callable[[datetime], Any]) -> Callable[[Done], object]:
    def edit(done: Done) -> None:
        done.events = [(w, p, change(t), o) for w, p, t, o in done.events]

    return edit


def having(**members: Any) -> Callable[[Done], object]:
    return lambda done: done.__dict__.update(members)


def nothing_ran(done: Done) -> None:
    done.notebook, done.events = sent(), []


def never_began(done: Done) -> None:
    done.events = [each for each in done.events if each[0] == "done"]
    for each in done.notebook["cells"]:
        each["outputs"] = []


class Text(str):
    """Not the type that is meant."""


DAYS = timedelta(days=4000)
WRONG: list[Callable[[Done], object]] = [
    cell(0, source="other"),
    cell(0, cell_type="raw"),
    cell(0, id="other"),
    cell(0, outputs=[5]),
    cell(0, outputs="x"),
    cell(0, outputs=[{"output_type": "stream", "name": "stdout"}]),
    cell(0, execution_count="x"),
    cell(0, metadata=7),
    cell(0, metadata={}),
    cell(1, outputs=[{"output_type": "stream", "name": "stdout", "text": "x"}]),
    cell(0, metadata={**ran().notebook["cells"][0]["metadata"], "tags": ["parameters"]}),
    lambda done: done.notebook["cells"].pop(),
    lambda done: done.notebook["cells"].append(dict(done.notebook["cells"][0])),
    lambda done: done.notebook["cells"][0]["metadata"]["papermill"].update(status="x"),
    lambda done: done.notebook["cells"][0]["metadata"]["papermill"].update(start_time="x"),
    lambda done: done.notebook["cells"][0]["metadata"]["papermill"].update(duration=float("nan")),
    lambda done: done.notebook["cells"][0]["metadata"]["papermill"].update(exception=True),
    lambda done: done.notebook["cells"][0]["metadata"]["execution"].update({"a": "b"}),
    lambda done: done.notebook["metadata"].update(kernelspec={"name": "evil"}),
    lambda done: done.notebook["metadata"].update(language_info={"name": "R"}),
    lambda done: done.notebook["metadata"].update(widgets=5),
    timed(lambda when: when - DAYS),
    timed(lambda when: when + DAYS),
    timed(lambda when: when.replace(tzinfo=None)),
    timed(lambda when: when.isoformat()),
    timed(lambda when: BEGUN - (when - BEGUN)),
    having(events=[]),
    having(events=None),
    having(events=ran().events[:-1]),
    having(events=ran().events[1:]),
    having(events=ran().events[:3]),
    having(events=ran().events * 2),
    having(events=[("done", -1, BEGUN, ()), *ran().events]),
    having(events=[("done", 0, BEGUN, ()), *ran().events[3:]]),
    having(events=[*ran().events, ("updated", 0, NOW, (0,))]),
    having(events=[*ran().events[:1], ("updated", 2, BEGUN + SECOND, (0,)), *ran().events[1:]]),
    having(events=[*ran().events[:1], ("updated", 0, BEGUN + SECOND, (-7,)), *ran().events[1:]]),
    nothing_ran,
    never_began,
    having(kernel_id="\x1b[31m" * 100),
    having(kernel_id="k" * 500),
    having(kernel_id=None),
    having(environment=5),
    having(environment=Environment(5)),  # type: ignore[arg-type]
    having(environment=Environment("a", packages=(("a",),))),  # type: ignore[arg-type]
    having(environment=Environment("a", language={"a": 5})),  # type: ignore[dict-item]
    having(data=(5,)),
    having(data=(FileDigest("a", "x"),)),
    having(data=[]),
    having(said=None),
    having(said="x"),
    having(remarks=[5]),
    having(remarks="text"),
    having(remarks=[Text("x")]),
    having(fault=5),
    having(fault=("other", "", "", "")),
    having(fault=("kernel", 5, "", "")),
    having(fault=("kernel", "", "", "<b>forged kind</b>")),
    having(notebook=5),
    having(notebook={}),
]


@pytest.mark.parametrize("change", WRONG)
def test_what_is_something_else_is_refused(change: Callable[[Done], object]) -> None:
    with pytest.raises(Refused, match="what came back from a worker is refused"):
        judged(edited(change))


@pytest.mark.parametrize("value", [None, 5, {}, "x", object()])
def test_what_is_no_result_is_refused(value: object) -> None:
    with pytest.raises(Refused):
        judged(value)


def test_a_fault_says_why_cells_did_not_run() -> None:
    def cut_short(done: Done) -> None:
        done.events = done.events[:4]
        done.notebook["cells"][2] = sent()["cells"][2]
        done.fault = ("kernel", "the kernel died", "", "the kernel died")

    back = judged(edited(cut_short))
    assert back.cells[2] is None
    assert back.fault is not None
    done = edited(cut_short)
    done.fault = None
    with pytest.raises(Refused, match="did not run"):
        judged(done)
    done = edited(cut_short)
    done.notebook["cells"][2]["execution_count"] = 3
    with pytest.raises(Refused, match="has outputs"):
        judged(done)


def test_a_cell_that_has_failed_is_the_last() -> None:
    def failed(done: Done) -> None:
        done.events = done.events[:3]
        done.notebook["cells"][1:] = sent()["cells"][1:]
        done.notebook["cells"][0]["metadata"]["papermill"].update(exception=True, status="failed")

    back = judged(edited(failed))
    assert [each is None for each in back.cells] == [False, True, True]
