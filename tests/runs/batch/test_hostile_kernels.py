"""Cells that have their kernel publish what is no message: the run and its record stand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_mlo.runs.batch.batch import Manner
from jupyter_mlo.runs.batch.jobs import Job
from jupyter_mlo.runs.messages import flaw, is_answer, output_flaw
from tests.runs.conftest import outcome, stamped, write

SEND = """
kernel = get_ipython().kernel
def send(kind, content):
    kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent('shell'))
"""
BAD = [
    "send('comm_open', {})",
    "send('comm_open', {'comm_id': ['q'], 'data': {'state': {}}})",
    "send('comm_open', {'comm_id': 'q', 'data': {'state': 5}, 'target_name': 'jupyter.widget'})",
    "send('stream', {})",
    "send('stream', {'name': 5, 'text': 7})",
    "send('display_data', {'data': {'text/plain': 'x'}})",
    "send('display_data', {'data': {}, 'metadata': {}, 'transient': {'display_id': ['a']}})",
    "send('display_data', {'data': ['x'], 'metadata': None, 'transient': []})",
    "send('error', {'ename': 1, 'evalue': None, 'traceback': 'x'})",
    "send('execute_result', {'execution_count': '<b>', 'data': {}, 'metadata': {}})",
    "send('status', {})",
    "kernel.iopub_socket.send_multipart([b'a', b'<IDS|MSG>', b'bad', b'{', b'{', b'{', b'{'])",
    "kernel.iopub_socket.send_multipart([b'zz'])",
    "x = {}\nfor _ in range(500): x = {'a': x}\n"
    "send('display_data', {'data': {'application/json': x}, 'metadata': {}})",
    "send('comm_open', {'comm_id': 'w', 'target_name': 'jupyter.widget', 'data': {'state': "
    "{'_model_module': '@jupyter-widgets/output', '_model_name': 'OutputModel'}}})",
]


def hostile(path: Path) -> Path:
    return write(path, SEND, *(f"{bad}\nprint('done')" for bad in BAD))


def all_done(path: str) -> None:
    nb = nbformat.read(path, as_version=4)
    nbformat.validate(nb)
    for cell in nb.cells[1:]:
        assert [output.get("text") for output in cell.outputs] == ["done\n"], cell


def test_messages_that_are_none_cost_neither_outputs_nor_record(
    ada: Any, batch: Callable[..., Any], folder: Path, holds: Any, logged: Any
) -> None:
    hostile(folder / "in.ipynb")
    file = ada.mandate(folder / "in.ipynb")
    (result,) = batch(
        [Job(1, "in.ipynb", "out.ipynb", {})], manner=Manner(retries=0), mandates=(str(file),)
    )
    assert result.status == "succeeded", result
    assert result.sealed
    assert "is left out" in result.remarks[0]
    all_done("out.ipynb")
    assert len(stamped(holds())) == len(BAD) + 1
    assert outcome(logged) == "succeeded"


def test_under_papermill_as_well(
    ada: Any, run: Any, folder: Path, holds: Any, logged: Any, caplog: pytest.LogCaptureFixture
) -> None:
    ada.login()
    run(hostile(folder / "in.ipynb"))
    all_done("out.ipynb")
    assert len(stamped(holds())) == len(BAD) + 1
    assert outcome(logged) == "succeeded"
    assert caplog.text.count("is left out") == 1


def test_a_fault_of_ours_in_a_cell_is_on_record(
    ada: Any,
    batch: Callable[..., Any],
    folder: Path,
    holds: Any,
    logged: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ada.login()
    write(folder / "in.ipynb", "print(1)", "2")

    def stumble(*arguments: object) -> None:
        raise KeyError("comm_id")

    monkeypatch.setattr("jupyter_mlo.runs.batch.cells._stamp", stumble)
    (result,) = batch([Job(1, "in.ipynb", "out.ipynb", {})], manner=Manner(retries=0))
    assert (result.status, result.sealed) == ("failed", True), result
    assert "none of Jupyter's protocol" in result.reason
    holds()
    assert outcome(logged) == "failed"


def test_a_run_whose_end_goes_wrong_keeps_its_journal(
    ada: Any,
    batch: Callable[..., Any],
    folder: Path,
    verb: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ada.login()
    write(folder / "in.ipynb", "print(1)")

    def stumble(*arguments: object) -> None:
        raise KeyError("papermill")

    monkeypatch.setattr("jupyter_mlo.runs.batch.attempt.complete", stumble)
    target = "not/yet/out.ipynb"
    (result,) = batch([Job(1, "in.ipynb", target, {})], manner=Manner(retries=0))
    assert result.status == "failed"
    assert "KeyError" in result.reason
    assert "jupyter mlo recover" in str(result.remarks)
    assert "cut off" in verb("recover")[1]
    code, said = verb("recover", target)  # its folder does not exist yet
    assert code == 0, said
    assert "1 of 1 code cells recovered" in said
    assert nbformat.read(target, as_version=4).cells[0].outputs[0].text == "1\n"


def message(kind: object, content: object) -> dict[str, Any]:
    return {"msg_type": kind, "content": content, "header": {}, "parent_header": {"msg_id": "a"}}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("stream", {"name": "stdout", "text": "\ud800"}),
        ("display_data", {"data": {}, "metadata": {}, "transient": None}),
        ("display_data", {"data": {}, "metadata": {}, "transient": {"display_id": "a"}}),
        ("execute_result", {"data": {}, "metadata": {}, "execution_count": 3}),
        ("error", {"ename": "a", "evalue": "", "traceback": []}),
        ("status", {"execution_state": "idle"}),
        ("comm_open", {"comm_id": "a", "data": {"state": {}, "buffer_paths": [["a", 0]]}}),
        ("comm_close", {"comm_id": "a"}),
        ("clear_output", {"wait": True}),
        ("of another kernel's own", {}),
    ],
)
def test_what_is_a_message(kind: str, content: Any) -> None:
    assert flaw(message(kind, content)) is None
    for name in ("header", "parent_header", "content"):
        assert flaw(message(kind, content) | {name: []}) is not None
    for name in set(content) - {"wait", "transient"}:
        if kind != "comm_close":
            assert flaw(message(kind, {**content, name: object()})) is not None, name
    assert flaw(message(kind, {**content, "transient": 5})) is not None
    assert flaw(message(kind, {**content, "execution_count": True})) is not None


@pytest.mark.parametrize("value", [None, 5, [], "x", message(5, {}), message("", {})])
def test_what_is_no_message(value: object) -> None:
    assert flaw(value) is not None
    assert not is_answer(value)


def test_what_is_an_output() -> None:
    good = json.loads(
        '[{"output_type": "stream", "name": "stdout", "text": "x"},'
        '{"output_type": "display_data", "data": {"a/b": "c"}, "metadata": {}},'
        '{"output_type": "error", "ename": "a", "evalue": "b", "traceback": ["c"]},'
        '{"output_type": "execute_result", "data": {}, "metadata": {}, "execution_count": 1}]'
    )
    for output in good:
        assert output_flaw(output) is None
        assert output_flaw({**output, "more": 1}) is not None
        for name in output:
            assert output_flaw({k: v for k, v in output.items() if k != name}) is not None
            assert output_flaw({**output, name: object()}) is not None
    for value in (5, None, [], "x", {}, {"output_type": ["stream"]}):
        assert output_flaw(value) is not None
