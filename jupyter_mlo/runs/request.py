"""What a prepared notebook asks to run: its code without parameters, and the parameters.

papermill replaces the cell tagged ``injected-parameters``, so the code digest leaves that
cell out. Whether it holds what the parameters say is checked here: when no parameters are
passed, papermill runs the cell as it finds it, and it writes the cell in the language that
the notebook's metadata name, which anybody can edit. What counts is the language of the
kernelspec that is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.notebook.code import code_digest, injected_position, skipped_position
from jupyter_mlo.notebook.reading import Notebook, notebook_from_json
from jupyter_mlo.runs.identity import Request
from jupyter_mlo.runs.injected import chosen_by_name, injected_source

#: Language → characters by which text runs code where papermill injects it, in double quotes.
_LIVE: Final = {"julia": "$", ".net-powershell": "$`"}


def installed_language(kernel_name: str) -> str | None:
    """The language of the kernelspec of that name; None where there is none."""
    try:
        return str(KernelSpecManager().get_kernel_spec(kernel_name).language)
    except (NoSuchKernel, OSError, ValueError, TypeError):
        return None


def read_request(
    nb: Any,
    kernel_name: str,
    *,
    activity: str | None = None,
    model: str | None = None,
    language_of: Callable[[str], str | None] = installed_language,
) -> Request:
    """The request that ``nb``, as papermill has prepared it, stands for.

    Args:
        kernel_name: the kernel that will really be used; the code digest is for that one.
        language_of: the language of the kernelspec that is installed under a name.
    """
    read = notebook_from_json(nb)
    named = {**read.metadata, "kernelspec": {"name": kernel_name}}
    notebook = Notebook(read.cells, named, read.nbformat, read.nbformat_minor)
    parameters = nb["metadata"].get("papermill", {}).get("parameters")
    if not isinstance(parameters, Mapping) or injected_position(notebook) is None:
        parameters = {}  # what an earlier run has left in the metadata
    return Request(
        code=code_digest(notebook),
        parameters=dict(parameters),
        activity=activity,
        model=model,
        skips=skipped_position(notebook),
        tampered=_tampered(nb["metadata"], notebook, kernel_name, parameters, language_of),
    )


def _tampered(
    metadata: Any,
    notebook: Notebook,
    kernel_name: str,
    parameters: Mapping[str, Any],
    language_of: Callable[[str], str | None],
) -> str:
    at = injected_position(notebook)
    if at is None or notebook.cells[at].kind != "code":
        return ""  # nothing of the kind runs
    language = language_of(kernel_name)
    if language is None:
        return f"the kernel {kernel_name!r:.80} is not installed here, so its language is not known"
    try:
        expected = injected_source(kernel_name, language, parameters)
    except Exception as error:  # papermill knows no such language
        return f"the injected parameters cannot be checked: {terminal_safe(str(error))}"
    # What stands in the metadata chose the translator, unless the kernel's name did.
    for entry, member in (("kernelspec", "language"), ("language_info", "name")):
        said = _member(metadata.get(entry), member)
        if said not in (None, language) and not chosen_by_name(kernel_name):
            return (
                f"the language of the kernel {kernel_name!r:.80} is {language!r:.80}, and "
                f"{entry}.{member} in the notebook's metadata says {said!r:.80}"
            )
    unfit = _unfit(kernel_name if chosen_by_name(kernel_name) else language, parameters)
    if unfit:
        return unfit
    if notebook.cells[at].source != expected:
        return f"cell {at + 1}, tagged injected-parameters, does not say what the parameters say"
    return ""


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None


def _unfit(language: str, parameters: Mapping[str, Any]) -> str:
    """Why these parameters would be more than parameters; papermill writes them as they are."""
    for name, value in parameters.items():
        # R's names may have dots, which elsewhere reach into objects.
        plain = str(name).replace(".", "_") if language in ("R", "sparkrkernel") else str(name)
        if not plain.isidentifier():
            return f"{terminal_safe(str(name), limit=80)!r} cannot name a parameter"
        live = _LIVE.get(language, "")
        if any(mark in text for text in _texts(value) for mark in live):
            return (
                f"the text of the parameter {name!r:.80} has one of {' '.join(live)} in it, and "
                f"would run as code in {language}"
            )
    return ""


def _texts(value: object) -> list[str]:
    """All texts in a parameter."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for pair in value.items() for each in pair for text in _texts(each)]
    if isinstance(value, list | tuple):
        return [text for each in value for text in _texts(each)]
    return []
