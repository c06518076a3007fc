"""The parameters that a notebook declares: names and defaults in its cell tagged ``parameters``.

For forms that are filled in beforehand. Nothing rests on it. Pure.
"""

from __future__ import annotations

import ast
from typing import Any, Final

from jupyter_mlo.notebook.code import PARAMETERS
from jupyter_mlo.notebook.mandated import is_python
from jupyter_mlo.notebook.reading import Notebook

#: Characters of a cell that are read, and names that are taken from it.
_LONGEST: Final = 100_000
_MOST: Final = 200


def declared(notebook: Notebook) -> dict[str, Any]:
    """Name → default, a JSON value; None where that is no plain one. Of Python notebooks only."""
    if not is_python(notebook.kernel_name):
        return {}
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        if cell.kind == "code" and isinstance(tags, list) and PARAMETERS in tags:
            return _assigned(cell.source)
    return {}


def _assigned(source: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if len(source) > _LONGEST:
        return found
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return found
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = _plain(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found[name] = _plain(value)
    return dict(list(found.items())[:_MOST])


def _plain(node: ast.expr) -> Any:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, bool | int | float | str) else None
