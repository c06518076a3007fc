"""What a prepared notebook asks to run: its code without parameters, and the parameters.

papermill replaces the cell tagged ``injected-parameters``, so the code digest leaves that
cell out. Whether it holds what the parameters say is checked here: when no parameters are
passed, papermill runs the cell as it finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from papermill.translators import translate_parameters
from papermill.utils import nb_language

from jupyter_mlo.notebook.code import code_digest, injected_position
from jupyter_mlo.notebook.reading import Notebook, notebook_from_json
from jupyter_mlo.runs.identity import Request


def read_request(
    nb: Any, kernel_name: str, *, activity: str | None = None, model: str | None = None
) -> Request:
    """The request that ``nb``, as papermill has prepared it, stands for.

    Args:
        kernel_name: the kernel that will really be used; the code digest is for that one.
    """
    read = notebook_from_json(nb)
    named = {**read.metadata, "kernelspec": {"name": kernel_name}}
    notebook = Notebook(read.cells, named, read.nbformat, read.nbformat_minor)
    parameters = nb.metadata.get("papermill", {}).get("parameters")
    if not isinstance(parameters, Mapping) or injected_position(notebook) is None:
        parameters = {}  # what an earlier run has left in the metadata
    return Request(
        code=code_digest(notebook),
        parameters=dict(parameters),
        activity=activity,
        model=model,
        tampered=_tampered(nb, notebook, kernel_name, parameters),
    )


def _tampered(nb: Any, notebook: Notebook, kernel_name: str, parameters: Mapping[str, Any]) -> str:
    at = injected_position(notebook)
    if at is None or notebook.cells[at].kind != "code":
        return ""  # nothing of the kind runs
    try:
        expected = translate_parameters(kernel_name, nb_language(nb), parameters, "Parameters")
    except Exception as error:  # papermill knows no such language
        return f"the injected parameters cannot be checked: {error}"
    if notebook.cells[at].source != expected:
        return f"cell {at + 1}, tagged injected-parameters, does not say what the parameters say"
    return ""
