"""Reading a notebook and injecting parameters as papermill does, without papermill where possible.

A notebook of format 4 whose cells are as they should be is prepared here; whatever else there is
(older formats, damaged cells, other languages) is papermill's and nbformat's to judge.
"""

from __future__ import annotations

import ast
import contextlib
import json
import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jupyter_mlo.config import open_plain
from jupyter_mlo.errors import InvalidInput, NotebookError, NotFound
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.notebook.code import INJECTED, PARAMETERS
from jupyter_mlo.runs.batch.heavy import without_grammar
from jupyter_mlo.runs.injected import injected_source

_KINDS: Final = frozenset({"code", "markdown", "raw"})
#: papermill's marks around a cell that has failed.
_ERROR_MARK: Final = "papermill-error-cell-tag"
#: Papermill's own entry in a notebook's metadata.
_ENTRY: Final = "papermill"


def is_remote(place: str) -> bool:
    """Whether one of papermill's handlers reads and writes there, and no local file is meant."""
    return "://" in place


def read(place: str, folder: Path) -> Any:
    """The notebook at a path or address, as papermill loads it.

    Raises:
        NotFound: there is no such file.
        NotebookError: it is no notebook.
    """
    if is_remote(place):
        return _papermills(_remote(place), place)
    try:
        with open_plain(folder / place) as file:
            data = file.read()
    except FileNotFoundError:
        raise NotFound(f"there is no notebook {place}", hint="see what is there: ls") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise NotebookError(
            f"{place} cannot be read: {why}", hint="give the path of a notebook (.ipynb)"
        ) from None
    with contextlib.suppress(ValueError, TypeError, LookupError, AttributeError, RecursionError):
        nb = json.loads(data)
        if _usual(nb):
            return _loaded(nb)
    return _papermills(data.decode("utf-8", "replace"), place)


def kernel_of(nb: Any, asked: str | None, place: str) -> str:
    """Name of the kernelspec; raises :class:`InvalidInput` where there is none."""
    spec = nb["metadata"].get("kernelspec")
    name = asked or (spec.get("name") if isinstance(spec, Mapping) else None)
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"{place} names no kernel", hint="name one: --kernel python3")
    return name


def inject(nb: Any, parameters: Mapping[str, Any], kernel_name: str, place: str) -> None:
    """Inject parameters; papermill's ``parameterize_notebook``, in place.

    Raises:
        InvalidInput: its language is not known, or has no parameters.
    """
    metadata = nb["metadata"]
    language = _named(metadata, "language_info", "name") or _named(
        metadata, "kernelspec", "language"
    )
    if language is None:
        raise InvalidInput(
            f"{place} names no language, so no parameters can be injected",
            hint="open it in Jupyter and save it",
        )
    try:
        source = injected_source(kernel_name, language, parameters)
    except Exception as error:  # papermill's, of many kinds
        raise InvalidInput(
            f"{place} cannot be given these parameters: {terminal_safe(str(error), limit=300)}",
            hint="papermill says which languages, names and values it knows",
        ) from None
    cell: dict[str, Any] = {
        "id": secrets.token_hex(4),
        "cell_type": "code",
        "metadata": {"tags": [INJECTED]},
        "execution_count": None,
        "source": source,
        "outputs": [],
    }
    cells = nb["cells"]
    replaced, after = _tagged(cells, INJECTED), _tagged(cells, PARAMETERS)
    if replaced is not None:
        cells[replaced] = cell
    else:
        cells.insert(0 if after is None else after + 1, cell)
    metadata[_ENTRY]["parameters"] = dict(parameters)


def finish(nb: Any, place: str, target: str) -> None:
    """papermill's ``prepare_notebook_metadata`` and ``remove_error_markers``."""
    nb["metadata"][_ENTRY].update(input_path=place, output_path=target)
    nb["cells"] = [
        cell for cell in nb["cells"] if _ERROR_MARK not in cell["metadata"].get("tags", [])
    ]


def unknown_parameters(nb: Any, parameters: Mapping[str, Any]) -> list[str]:
    """Parameters that the cell tagged ``parameters`` does not set, where that can be told."""
    at = _tagged(nb["cells"], PARAMETERS)
    if at is None:
        return []
    try:
        body = ast.parse(nb["cells"][at]["source"]).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []  # another language, or magics
    known = {
        each.id
        for node in body
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }
    return [name for name in parameters if name not in known]


def _usual(nb: Any) -> bool:
    """Whether nbformat would take the notebook as it stands, apart from ids."""
    minor = nb["nbformat_minor"]
    if nb["nbformat"] != 4 or type(minor) is not int or not 0 <= minor <= 5:
        return False
    ids = set()
    for cell in nb["cells"]:
        source, metadata = cell["source"], cell["metadata"]
        if cell["cell_type"] not in _KINDS or type(metadata) is not dict:
            return False
        if type(source) is not str and not all(type(line) is str for line in source):
            return False
        if minor == 5:
            if type(cell["id"]) is not str or not 0 < len(cell["id"]) <= 64:
                return False
            ids.add(cell["id"])
        if type(metadata.get("tags", [])) is not list:
            return False
    return type(nb["metadata"]) is dict and (minor < 5 or len(ids) == len(nb["cells"]))


def _loaded(nb: Any) -> Any:
    """What ``papermill.iorw.load_notebook_node`` makes of a usual notebook."""
    minor = nb["nbformat_minor"]
    for cell in nb["cells"]:
        if isinstance(cell["source"], list):
            cell["source"] = "".join(cell["source"])
        for bundle in (cell.get("attachments") or {}).values():
            for mime, value in bundle.items():
                if isinstance(value, list) and not mime.endswith(("/json", "+json")):
                    bundle[mime] = "".join(value)
        cell["metadata"].pop("trusted", None)
        if minor < 5:
            cell["id"] = secrets.token_hex(4)
    nb["nbformat_minor"] = 5
    for name in ("orig_nbformat", "orig_nbformat_minor", "signature"):
        nb.pop(name, None)
        nb["metadata"].pop(name, None)
    return _with_papermills_members(nb)


def _with_papermills_members(nb: Any) -> Any:
    nb["metadata"].setdefault(
        _ENTRY,
        {
            "default_parameters": {},
            "parameters": {},
            "environment_variables": {},
            "version": _papermill_version(),
        },
    )
    for cell in nb["cells"]:
        cell["metadata"].setdefault("tags", [])
        cell["metadata"].setdefault(_ENTRY, {})
    return nb


@cache
def _papermill_version() -> str:
    from importlib.metadata import version

    return version("papermill")


def _papermills(text: str, place: str) -> Any:
    """A notebook as nbformat reads, mends and upgrades it."""
    with without_grammar():
        import nbformat

    try:
        loads: Any = nbformat
        nb = loads.v4.upgrade(loads.reads(text, as_version=4))
        plain = json.loads(json.dumps(nb))
        for cell in plain["cells"]:
            cell["metadata"], cell["source"], cell["cell_type"]
        return _with_papermills_members(plain)
    except Exception as error:  # nbformat's, of many kinds
        raise NotebookError(
            f"{place} is no notebook: {terminal_safe(str(error), limit=200)}",
            hint="open it in Jupyter, mend it, save it",
        ) from None


def _remote(place: str) -> str:
    with without_grammar():
        from papermill.iorw import papermill_io

    try:
        return str(papermill_io.read(place))
    except Exception as error:  # any handler of papermill's
        raise NotFound(
            f"{_without_login(place)} cannot be read: {terminal_safe(str(error), limit=300)}",
            hint="papermill's handlers need their extra: pip install 'papermill[s3]' and the like",
        ) from None


def _without_login(place: str) -> str:
    from jupyter_mlo.runs.account import shown_place

    return shown_place(place) or "the address"


def _named(metadata: Mapping[str, Any], entry: str, member: str) -> str | None:
    value = metadata.get(entry)
    found = value.get(member) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) and found else None


def _tagged(cells: list[Any], tag: str) -> int | None:
    for at, cell in enumerate(cells):
        if tag in cell["metadata"].get("tags", []):
            return at
    return None
