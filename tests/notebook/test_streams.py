"""Stream text as JupyterLab leaves it, and its digest while it comes."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jupyter_mlo.notebook.digests import output_digest, output_digests
from jupyter_mlo.notebook.streams import StreamDigest, TerminalText, terminal_text

VECTORS = json.loads((Path(__file__).parent / "vectors" / "jupyterlab_streams.json").read_text())

pieces = st.lists(
    st.text(st.sampled_from("ab \n\r\b\té😀\ud83d\ude00"), max_size=8)
    | st.sampled_from(["\r", "\b", "\n", "\r\n", "\ud83d", "\ude00"]),
    max_size=10,
)


def by_the_book(text: str) -> str:
    """The rules of docs/formats.md word by word, unit by unit."""
    data = text.encode("utf-16-le", "surrogatepass")
    units = [data[at : at + 2] for at in range(0, len(data), 2)]
    line_feed, carriage_return, backspace = (c.encode("utf-16-le") for c in "\n\r\b")
    written: list[bytes] = []
    start = cursor = 0
    for unit in units:
        if unit == line_feed:
            written.append(unit)
            start = cursor = len(written)
        elif unit == carriage_return:
            cursor = start
        elif unit == backspace:
            if cursor > start:
                del written[cursor - 1 : cursor + 1]
                cursor -= 1
        else:
            written[cursor : cursor + 1] = [unit]
            cursor += 1
    return b"".join(written).decode("utf-16-le", "surrogatepass")


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: repr(case["chunks"])[:60])
def test_what_jupyterlab_saves_has_the_digests_of_what_the_kernel_sent(
    case: dict[str, list[list[str]]],
) -> None:
    sent = [{"output_type": "stream", "name": n, "text": t} for n, t in case["chunks"]]
    saved = [{"output_type": "stream", "name": n, "text": t} for n, t in case["saved"]]
    assert output_digests(sent) == output_digests(saved)
    assert [output_digest(output) for output in saved] == output_digests(saved)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: repr(case["chunks"])[:60])
def test_text_is_left_as_jupyterlab_leaves_it(case: dict[str, list[list[str]]]) -> None:
    merged: list[list[str]] = []
    for name, text in case["chunks"]:
        if merged and merged[-1][0] == name:
            merged[-1][1] += text
        else:
            merged.append([name, text])
    ours = [[name, terminal_text(text)] for name, text in merged]
    assert [[n, joined_pairs(t)] for n, t in ours] == [
        [n, joined_pairs(t)] for n, t in case["saved"]
    ]


@given(pieces)
@example(["abcdef\r12\b", "\bx"])
@example(["😀\b"])
@example(["ab\r\n", "c\r", "\n"])
@example(["x" * 40, "\r" + "y" * 20, "\rz", "\bq"])
def test_the_rules_word_by_word_give_the_same(parts: list[str]) -> None:
    assert joined_pairs(terminal_text("".join(parts))) == by_the_book("".join(parts))


@given(pieces)
def test_it_does_not_matter_how_the_text_was_cut(parts: list[str]) -> None:
    terminal, stream = TerminalText(), StreamDigest("stdout")
    text = ""
    for part in parts:
        text += terminal.feed(part)
        stream.feed(part)
        _ = stream.digest()  # looking changes nothing
    whole = "".join(parts)
    assert joined_pairs(text + terminal.last_line()) == joined_pairs(terminal_text(whole))
    assert stream.digest() == output_digest(
        {"output_type": "stream", "name": "stdout", "text": whole}
    )


@given(pieces)
def test_applying_the_rules_twice_changes_nothing(parts: list[str]) -> None:
    once = terminal_text("".join(parts))
    assert terminal_text(once) == once


@settings(deadline=None, max_examples=20)
@given(st.lists(st.sampled_from(["ab", "\r", "\b", "c😀", "\n"]), min_size=1, max_size=6))
def test_long_lines_and_long_texts_are_treated_like_short_ones(parts: list[str]) -> None:
    text = "".join(parts) + "x" * 20_000 + "".join(parts) * 3
    assert terminal_text(text) == by_the_book(text)


def test_a_stream_is_not_held_in_memory() -> None:
    stream = StreamDigest("stdout")
    line = "a line of output, as long as lines are\n" * 25_000
    stream.feed(line)
    tracemalloc.start()
    for _ in range(20):
        stream.feed(line)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * len(line)  # of 20 that were fed


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", ["\ry", "a\b", "\b", "\r", "ab\r\b", "\r\n", "😀\b"])
def test_hostile_text_costs_no_more_than_its_length(unit: str) -> None:
    text = "x" * 200_000 + unit * 200_000
    stream = StreamDigest("stdout")
    for start in range(0, len(text), 997):
        stream.feed(text[start : start + 997])
    assert stream.digest() == output_digest(
        {"output_type": "stream", "name": "stdout", "text": text}
    )


def joined_pairs(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
