"""Digests are the same before and after every tool that rewrites notebooks harmlessly."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import jupytext
import nbformat
import pytest
from hypothesis import given, settings
from nbformat import v4

from jupyter_mlo.notebook.digests import CellDigests
from jupyter_mlo.notebook.reading import notebook_from_json, read_notebook
from tests.notebook.front_ends import jupyterlab_save, vs_code_save
from tests.notebook.generated import valid_notebooks

PNG = base64.b64encode(bytes(range(200))).decode()


def digests(notebook: Any) -> list[CellDigests]:
    read = read_notebook(notebook) if isinstance(notebook, bytes) else notebook_from_json(notebook)
    return [cell.digests for cell in read.cells]


def example() -> Any:
    """A notebook with all that front ends treat in ways of their own."""
    outputs = [
        v4.new_output("stream", name="stdout", text="  0%\r"),
        v4.new_output("stream", name="stdout", text="100%\n"),
        v4.new_output("stream", name="stderr", text="warn\b\b\n"),
        v4.new_output(
            "display_data",
            data={"image/png": PNG[:76] + "\n" + PNG[76:] + "\n", "text/plain": "<Figure>\nx"},
            metadata={"image/png": {"width": 5.0}, "mlo": "mlo:x#y"},
        ),
        v4.new_output(
            "execute_result",
            data={
                "application/vnd.plotly.v1+json": {"z": ["a\n", "b"], "y": [1.0, 2.5, 1e300]},
                "text/html": "<b>\n</b>",
                "application/javascript": "a\nb",
                "image/svg+xml": "<svg>\n</svg>",
            },
            execution_count=4,
        ),
        v4.new_output("error", ename="E", evalue="v:", traceback=["\x1b[31ma\n", "b"]),
    ]
    return v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "P", "language": "python"}},
        cells=[
            v4.new_code_cell("import x\n\nx.y('é')\n", outputs=outputs, execution_count=4),
            v4.new_markdown_cell(
                "# t\n![](attachment:a.png)", attachments={"a.png": {"image/png": PNG + "\n"}}
            ),
            v4.new_raw_cell("raw\n"),
            v4.new_code_cell(""),
        ],
    )


@settings(deadline=None)
@given(valid_notebooks)
def test_nbformat_reading_and_writing(notebook: dict[str, Any]) -> None:
    text = nbformat.writes(nbformat.from_dict(notebook))
    assert digests(text.encode()) == digests(notebook)
    again = nbformat.writes(nbformat.reads(text, 4))
    assert digests(again.encode()) == digests(notebook)


@settings(deadline=None)
@given(valid_notebooks)
def test_jupyterlab_saving(notebook: dict[str, Any]) -> None:
    assert digests(jupyterlab_save(notebook)) == digests(notebook)


@settings(deadline=None)
@given(valid_notebooks)
def test_vs_code_saving(notebook: dict[str, Any]) -> None:
    assert digests(vs_code_save(notebook)) == digests(notebook)


@settings(deadline=None)
@given(valid_notebooks)
def test_the_order_of_members_and_white_space(notebook: dict[str, Any]) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = list(value.items())
            random.Random(len(items)).shuffle(items)
            return {name: shuffled(member) for name, member in items}
        return [shuffled(member) for member in value] if isinstance(value, list) else value

    for layout in (
        {"separators": (",", ":")},
        {"indent": 7},
        {"ensure_ascii": False, "indent": "\t"},
    ):
        assert digests(json.dumps(shuffled(notebook), **layout).encode()) == digests(notebook)


def test_the_example_survives_all_of_them() -> None:
    notebook = example()
    before = digests(notebook)
    text = nbformat.writes(notebook).encode()
    assert digests(text) == before
    assert digests(jupyterlab_save(notebook)) == before
    assert digests(vs_code_save(notebook)) == before
    assert digests(vs_code_save(nbformat.reads(jupyterlab_save(notebook).decode(), 4))) == before


@pytest.mark.parametrize("form", ["py:percent", "md", "py:light"])
def test_jupytext_pairing(form: str) -> None:
    # The text file holds the sources; outputs come from the paired notebook.
    notebook = example()
    notebook.cells = [cell for cell in notebook.cells if cell.source.strip()]
    for cell in notebook.cells:
        cell.source = cell.source.strip()
        cell.pop("attachments", None)
    text = jupytext.writes(notebook, form)
    paired = jupytext.combine.combine_inputs_with_outputs(jupytext.reads(text, form), notebook)
    assert digests(paired) == digests(notebook)


@pytest.mark.parametrize("form", ["py:percent", "md", "Rmd"])
@pytest.mark.parametrize("source", ["x = 1\n", "x = 1\n\n\n", "if x:\n    y\n\n", "x  \n"])
def test_jupytext_takes_line_feeds_at_the_end_away(form: str, source: str) -> None:
    notebook = v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "P", "language": "python"}},
        cells=[v4.new_code_cell(source), v4.new_code_cell("y")],
    )
    again = jupytext.reads(jupytext.writes(notebook, form), form)
    assert [one.cell for one in digests(again)] == [one.cell for one in digests(notebook)]


@pytest.mark.parametrize("minor", range(6))
def test_every_version_of_the_format(minor: int) -> None:
    notebook = example()
    notebook.nbformat_minor = minor
    if minor < 5:
        for cell in notebook.cells:
            del cell["id"]
    nbformat.validate(notebook)
    read = read_notebook(nbformat.writes(notebook).encode())
    assert read.nbformat_minor == minor
    assert [cell.digests for cell in read.cells] == digests(example())
    assert all((cell.id is None) == (minor < 5) for cell in read.cells)
