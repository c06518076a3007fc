"""What a front end holds, folded from messages: held against nbclient and JupyterLab's rules."""

from __future__ import annotations

import hashlib
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient
from nbformat import v4

from jupyter_mlo.notebook.canonical_cell import Undigestable
from jupyter_mlo.notebook.digests import output_digest, output_digests, short
from jupyter_mlo.notebook.observed import ObservedOutputs, display_digest

Message = tuple[str, dict[str, Any]]


def stream(text: str, name: str = "stdout") -> Message:
    return "stream", {"name": name, "text": text}


def shown(value: Any, display: str | None = None, kind: str = "display_data") -> Message:
    content: dict[str, Any] = {"data": {"text/plain": value}, "metadata": {"mlo": "mlo:x#y"}}
    if display:
        content["transient"] = {"display_id": display}
    return kind, content


def result(value: str) -> Message:
    return "execute_result", {
        "data": {"text/plain": value}, "metadata": {}, "execution_count": 3,
    }  # fmt: skip


def error() -> Message:
    return "error", {"ename": "E", "evalue": "v", "traceback": ["a", "b"]}


def clear(wait: bool = False) -> Message:
    return "clear_output", {"wait": wait}


def observed(messages: list[Message]) -> ObservedOutputs:
    outputs = ObservedOutputs()
    for kind, content in messages:
        outputs.feed(kind, content)
    return outputs


def kept_by_nbclient(messages: list[Message]) -> list[dict[str, Any]]:
    """The outputs of a cell after nbclient's own code has taken in the messages."""
    notebook = v4.new_notebook(cells=[v4.new_code_cell("x")])
    client = NotebookClient(notebook)
    client.reset_execution_trackers()
    client.clear_before_next_output = False
    cell = notebook.cells[0]
    for kind, content in messages:
        message = {
            "msg_type": kind,
            "header": {"msg_type": kind},
            "parent_header": {"msg_id": "r"},
            "content": content,
        }
        client.process_message(message, cell, 0)
    return list(cell.outputs)


messages = st.lists(
    st.one_of(
        st.builds(
            stream,
            st.sampled_from(["a", "b\n", "\rc", "", "\b"]),
            st.sampled_from(["stdout", "stderr"]),
        ),
        st.builds(shown, st.sampled_from("xyz"), st.sampled_from([None, "d1", "d2"])),
        st.builds(
            shown,
            st.sampled_from("xyz"),
            st.sampled_from(["d1", "d2"]),
            st.just("update_display_data"),
        ),
        st.builds(result, st.sampled_from("xyz")),
        st.builds(error),
        st.builds(clear, st.booleans()),
    ),
    max_size=12,
)


@given(messages)
def test_it_holds_what_nbclient_saves(sent: list[Message]) -> None:
    assert observed(sent).digests() == output_digests(kept_by_nbclient(sent))


@given(messages)
def test_what_is_written_and_read_again_is_what_was_observed(sent: list[Message]) -> None:
    notebook = v4.new_notebook(cells=[v4.new_code_cell("x", outputs=kept_by_nbclient(sent))])
    again = nbformat.reads(nbformat.writes(notebook), 4)
    assert observed(sent).digests() == output_digests(again.cells[0].outputs)


def test_streams_go_on_until_something_else_stands_behind_them() -> None:
    outputs = observed([stream("a"), stream("b"), stream("c", "stderr"), stream("d")])
    assert outputs.digests() == [
        output_digest({"output_type": "stream", "name": name, "text": text})
        for name, text in [("stdout", "ab"), ("stderr", "c"), ("stdout", "d")]
    ]


def test_emissions_name_their_displays_by_digest() -> None:
    (emission,) = observed([shown("x", "d1")]).emissions()
    assert emission == {
        "output": short(
            output_digest({"output_type": "display_data", "data": {"text/plain": "x"}})
        ),
        "display": short(hashlib.sha256(b"d1").digest()),
    }
    (plain,) = observed([shown("x")]).emissions()
    assert plain["display"] is None


def test_an_update_changes_what_stands_and_is_told_of_for_other_cells() -> None:
    outputs = observed(
        [
            shown("old", "d1"),
            shown("new", "d1", "update_display_data"),
            shown("1", "far", "update_display_data"),
            shown("2", "far", "update_display_data"),
        ]
    )
    new = output_digest({"output_type": "display_data", "data": {"text/plain": "new"}})
    last = output_digest({"output_type": "display_data", "data": {"text/plain": "2"}})
    assert outputs.digests() == [new]
    assert outputs.updates() == [
        {"display": display_digest("d1"), "output": short(new)},
        {"display": display_digest("far"), "output": short(last)},
    ]


def test_showing_a_display_id_again_changes_the_first_as_well() -> None:
    outputs = observed([shown("1", "d"), stream("between"), shown("2", "d")])
    first, _, second = outputs.digests()
    assert first == second


def test_a_cleared_display_is_updated_no_more() -> None:
    outputs = observed([shown("1", "d"), clear(), shown("2", "d", "update_display_data")])
    assert outputs.digests() == []
    assert outputs.clears == 1


def test_clearing_waits_for_the_next_output() -> None:
    outputs = observed([stream("old"), clear(wait=True)])
    assert len(outputs.digests()) == 1
    outputs.feed(*stream("new"))
    assert outputs.digests() == [
        output_digest({"output_type": "stream", "name": "stdout", "text": "new"})
    ]
    assert outputs.clears == 1


def test_late_output_goes_on_where_the_cell_had_ended() -> None:
    outputs = observed([stream("a")])
    before = outputs.emissions()
    outputs.feed(*stream("b"))
    assert outputs.emissions() != before
    assert outputs.digests() == observed([stream("ab")]).digests()


def test_data_that_change_after_they_were_sent_do_not_count() -> None:
    content = {"data": {"application/json": {"a": [1]}}, "metadata": {}}
    outputs = ObservedOutputs()
    outputs.feed("display_data", content)
    before = outputs.digests()
    content["data"]["application/json"]["a"].append(2)
    content["data"]["text/plain"] = "other"
    assert outputs.digests() == before


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("display_data", {"data": {"application/json": {"$mlo": 1}}, "metadata": {}}),
        ("stream", {"name": "stdout", "text": 5}),
        ("stream", {"name": None, "text": "x"}),
        ("display_data", {"data": [], "metadata": {}}),
    ],
)
def test_an_output_without_a_digest_is_refused_and_leaves_the_rest(
    kind: str, content: dict[str, Any]
) -> None:
    outputs = observed([stream("a"), clear(wait=True)])
    before = outputs.digests()
    with pytest.raises(Undigestable):
        outputs.feed(kind, content)
    assert outputs.digests() == before


@pytest.mark.parametrize("kind", ["status", "execute_input", "comm_open", "execute_reply"])
def test_other_messages_are_no_outputs(kind: str) -> None:
    assert observed([(kind, {"status": "ok"})]).digests() == []
