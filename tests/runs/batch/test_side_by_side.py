"""The same notebook through papermill and through this driver comes out the same."""

from __future__ import annotations

import datetime
import json
import math
import re
from typing import Any

import nbformat
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nbclient.exceptions import CellTimeoutError
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook
from papermill.translators import translate_parameters

from jupyter_mlo.runs.injected import _plain_python
from tests.runs.batch.conftest import comparable, execute_like_papermill
from tests.runs.conftest import notebook, write

_SHOW = "from IPython.display import display, clear_output, update_display, HTML\n"
_ID = re.compile(r"[0-9a-f]{32}")
_OUTPUT_WIDGET = """import ipywidgets
out = ipywidgets.Output()
display(out)
with out:
    print("inside")
    display(1)
print("outside")"""

#: Few notebooks, because papermill takes a second for each.
CORPUS: dict[str, list[str]] = {
    "what cells can show": [
        "import sys\nprint('a'); print('b', file=sys.stderr); print('c', end='')",
        "import os; os.write(1, b'raw\\n'); None",
        "print('x\\ry\\bz')",
        "# md title",
        *("1", "None", "'text'", "{'a': [1, 2]}", "5;", "# only a comment", "   "),
        _SHOW + "h = display(1, display_id='one')",
        "update_display(2, display_id='one')\ndisplay(HTML('x'), metadata={'text/html': {'a': 1}})",
        "display(3, display_id='one')\nupdate_display(4, display_id='one')",
        "print(1); clear_output(); print(2)",
        "print(1); clear_output(wait=True); print(2); clear_output(wait=True)",
        "display(1); clear_output(wait=True); display(2, display_id='d'); clear_output(); 3",
        "update_display('gone', display_id='d')",
        "for n in range(300): display(n)",
        "print('y' * 100000)",
        "print(sys.argv[0][-10:], __name__, sys.path[-2:], 'jupyter_mlo' in sys.modules)",
        *("_", "In[1][:6]", "%%bash\necho hello", "!echo there", "import sys; sys.exit(0)"),
        "# md end",
    ],
    "widgets": [
        _SHOW + "import ipywidgets\nw = ipywidgets.IntSlider(3)\nw",
        "w.value = 5",
        _OUTPUT_WIDGET,
        "with out:\n    print('later')",
    ],
    "an empty notebook": [],
    "a failing cell": ["a = 1", "1/0", "b = 2"],
    "a syntax error": ["a = = 1", "2"],
    "exit with a status": ["import sys; sys.exit(3)", "2"],
}


def both(source: str, **options: Any) -> list[Any]:
    """Run both; the notebooks, and the exceptions.

    papermill now and then waits for an answer that it has (``Cells._reply`` says why): its limit
    ends that, and it runs once more.
    """
    found = []
    options.setdefault("execution_timeout", 60)
    for name, drive in (("theirs", execute_notebook), ("ours", execute_like_papermill)):
        raised: Any = None
        try:
            try:
                drive(source, f"{name}.ipynb", progress_bar=False, **options)
            except CellTimeoutError:
                drive(source, f"{name}.ipynb", progress_bar=False, **options)
        except PapermillExecutionError as error:
            raised = (error.cell_index, error.exec_count, error.ename, error.evalue)
        found += [comparable(f"{name}.ipynb"), raised]
    return found


@pytest.mark.parametrize("what", CORPUS)
def test_cells_outputs_metadata_and_exceptions_are_the_same(what, folder):
    write(folder / "in.ipynb", *CORPUS[what])
    theirs, raised_there, ours, raised_here = both("in.ipynb")
    _without_ids(theirs)
    _without_ids(ours)
    assert ours == theirs
    assert raised_here == raised_there


def test_tags_mean_the_same(folder):
    sources = ["'skipped'", "1/0", "undefined", "4"]
    tags = {0: ["skip-execution"], 1: ["raises-exception"], 2: ["raises-exception", "other"]}
    write(folder / "in.ipynb", *sources, tags=tags)
    theirs, raised_there, ours, raised_here = both("in.ipynb")
    assert ours == theirs
    assert raised_here == raised_there


@pytest.mark.parametrize("tagged", [{}, {1: ["parameters"]}, {1: ["injected-parameters"]}])
def test_parameters_go_to_the_same_place(tagged, folder):
    write(folder / "in.ipynb", "a = 1", "b = 2", "a", tags=tagged)
    given = {"a": 0.1, "text": 'say "yes"\\\n', "deep": {"k": [None, True, -1]}, "nan": math.inf}
    theirs, _, ours, _ = both("in.ipynb", parameters=given)
    assert ours == theirs


@pytest.mark.parametrize("minor", [0, 4])
def test_older_formats_are_brought_up_to_date(minor, folder):
    nb = notebook("1", "# md two", "a = 3")
    nb.nbformat_minor = minor
    for cell in nb.cells:
        del cell["id"]
    nb.metadata["signature"] = "old"
    (folder / "in.ipynb").write_text(nbformat.writes(nb))
    theirs, _, ours, _ = both("in.ipynb", parameters={"x": 1})
    for each in (theirs, ours):
        for cell in each["cells"]:
            cell["id"] = "…"
    assert ours == theirs


def test_format_3_is_converted(folder):
    nb = nbformat.v3.new_notebook(
        worksheets=[nbformat.v3.new_worksheet(cells=[nbformat.v3.new_code_cell("print(1)")])],
        metadata={"kernelspec": {"name": "python3"}, "language_info": {"name": "python"}},
    )
    (folder / "in.ipynb").write_text(nbformat.v3.writes_json(nb))
    theirs, _, ours, _ = both("in.ipynb")
    for each in (theirs, ours):
        for cell in each["cells"]:
            cell["id"] = "…"
    assert ours == theirs


def test_what_a_failed_run_left_is_taken_away_again(folder):
    write(folder / "in.ipynb", "1/0")
    with pytest.raises(PapermillExecutionError):
        execute_notebook("in.ipynb", "failed.ipynb", progress_bar=False)
    theirs, _, ours, _ = both("failed.ipynb")
    assert ours == theirs
    assert len(ours["cells"]) == 3


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.just(datetime.date(2026, 11, 22)),
    lambda some: (
        st.lists(some, max_size=4) | st.dictionaries(st.text(max_size=8), some, max_size=3)
    ),
    max_leaves=8,
)
_NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,12}", fullmatch=True)


@given(st.dictionaries(_NAMES.filter(lambda name: name.isidentifier()), _VALUES, max_size=4))
@example({"in": None})  # a word of Python's, which papermill refuses
@settings(max_examples=120, deadline=None)
def test_plain_parameters_are_written_as_papermill_writes_them(parameters):
    made = _plain_python(parameters)
    if made is None:
        return
    assert made == translate_parameters("python3", "python", parameters, "Parameters")


def _without_ids(nb: Any) -> None:
    """Widgets have random ones."""
    nb["cells"] = json.loads(_ID.sub("…", json.dumps(nb["cells"])))
    for widgets in nb["metadata"].get("widgets", {}).values():
        texts = [_ID.sub("…", json.dumps(each)) for each in widgets["state"].values()]
        widgets["state"] = sorted(texts)
