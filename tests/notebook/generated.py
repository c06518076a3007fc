"""Hypothesis strategies for notebooks that nbformat accepts, and for stranger ones."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

words = st.text(st.sampled_from('ab :{}[]",\\\n\r\té\u2028😀$'), max_size=12) | st.text(max_size=6)
#: Names of members; one name is reserved, and makes a cell undigestable.
names = words.filter(lambda word: word != "$mlo")
plain_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
    | st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=8, max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)
odd_text = st.text(st.sampled_from('a\\"\ud83d\ude00\udc00\n'), max_size=6)
odd_json = st.recursive(
    plain_json
    | st.floats()
    | odd_text
    | st.lists(st.floats(), min_size=8, max_size=9)
    | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


def mime_bundles(texts: st.SearchStrategy[str], data: st.SearchStrategy[Any]) -> Any:
    return st.fixed_dictionaries(
        {},
        optional={
            "text/plain": texts,
            "text/html": texts,
            "image/svg+xml": texts,
            "application/javascript": texts,
            "image/png": st.text(st.sampled_from("Ab+/=\n"), max_size=20),
            "application/pdf": st.text(st.sampled_from("Ab+/=\n\r "), max_size=9),
            "application/json": data,
            "application/vnd.plotly.v1+json": data,
        },
    )


def outputs(texts: st.SearchStrategy[str], data: st.SearchStrategy[Any]) -> Any:
    bundles = mime_bundles(texts, data)
    metadata = st.dictionaries(st.sampled_from(["a", "isolated", "mlo"]), data, max_size=2)
    return st.lists(
        st.one_of(
            st.fixed_dictionaries(
                {
                    "output_type": st.just("stream"),
                    "name": st.sampled_from(["stdout", "stderr"]),
                    "text": texts | st.text(st.sampled_from("ab\r\b\n😀"), max_size=12),
                }
            ),
            st.fixed_dictionaries(
                {"output_type": st.just("display_data"), "data": bundles, "metadata": metadata}
            ),
            st.fixed_dictionaries(
                {
                    "output_type": st.just("execute_result"),
                    "data": bundles,
                    "metadata": metadata,
                    "execution_count": st.none() | st.integers(0, 99),
                }
            ),
            st.fixed_dictionaries(
                {
                    "output_type": st.just("error"),
                    "ename": texts,
                    "evalue": texts,
                    "traceback": st.lists(texts, max_size=3),
                }
            ),
        ),
        max_size=5,
    )


def cells(texts: st.SearchStrategy[str], data: st.SearchStrategy[Any]) -> Any:
    common: dict[str, Any] = {
        "id": st.uuids().map(lambda uuid: uuid.hex[:8]),
        "metadata": st.dictionaries(st.sampled_from(["tags_", "mlo", "x"]), data, max_size=2),
        "source": texts,
    }
    attachments = st.dictionaries(
        st.sampled_from(["a.png", "b.txt"]), mime_bundles(texts, data), max_size=2
    )
    return st.one_of(
        st.fixed_dictionaries(
            {
                **common,
                "cell_type": st.just("code"),
                "execution_count": st.none() | st.integers(0, 99),
                "outputs": outputs(texts, data),
            }
        ),
        st.fixed_dictionaries(
            {**common, "cell_type": st.sampled_from(["markdown", "raw"])},
            optional={"attachments": attachments},
        ),
    )


def notebooks(texts: st.SearchStrategy[str], data: st.SearchStrategy[Any]) -> Any:
    return st.fixed_dictionaries(
        {
            "cells": st.lists(cells(texts, data), max_size=4),
            "metadata": st.fixed_dictionaries(
                {},
                optional={
                    "kernelspec": st.just({"name": "python3", "display_name": "Python"}),
                    "widgets": data,
                    "mlo": data,
                },
            ),
            "nbformat": st.just(4),
            "nbformat_minor": st.just(5),
        }
    )


#: What nbformat reads and writes without loss.
valid_notebooks = notebooks(words, plain_json)
#: With values that JSON has no form for: nbformat reads some and writes fewer.
odd_notebooks = notebooks(words | odd_text, odd_json)
