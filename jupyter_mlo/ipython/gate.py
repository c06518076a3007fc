"""Refusing a cell that nobody answers for, before it starts, where the policy asks that.

Stands in IPython's own place for it: a transformer of the cell's syntax tree may reject
the cell. Cells of nothing but our magics pass, or nobody could ever log in.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from IPython.core.error import InputRejected

from jupyter_mlo.ipython.failure import CellError

#: Line magics that run without a session.
OURS = frozenset(
    {"mlo", "mlo_login", "mlo_logout", "mlo_status", "load_ext", "reload_ext", "unload_ext"}
)


class RefusedCell(CellError, InputRejected):
    """IPython takes this as the cell's rejection."""


class Gate(ast.NodeTransformer):
    """Refuses every cell while ``admits`` says no."""

    def __init__(self, admits: Callable[[], bool]) -> None:
        self._admits = admits

    def visit(self, node: ast.AST) -> Any:
        """Called by IPython with the tree of each cell; returns it unchanged."""
        body = getattr(node, "body", None)
        if isinstance(body, list) and not all(map(_is_ours, body)) and not self._admits():
            raise RefusedCell(
                "this cell was not run: the policy here asks that somebody answers for every cell\n"
                "  hint: %mlo_login, then run it again"
            )
        return node


def _is_ours(statement: ast.stmt) -> bool:
    """True for ``get_ipython().run_line_magic(name, …)`` of a magic in :data:`OURS`."""
    call = getattr(statement, "value", None)
    return (
        isinstance(statement, ast.Expr | ast.Assign)
        and isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "run_line_magic"
        and isinstance(call.func.value, ast.Call)
        and getattr(call.func.value.func, "id", "") == "get_ipython"
        and bool(call.args)
        and not call.keywords
        and all(isinstance(given, ast.Constant) for given in call.args)
        # IPython computes what stands in braces or behind a dollar before it calls a magic.
        and not any(sign in str(given.value) for given in call.args for sign in "{$")  # type: ignore[attr-defined]
        and call.args[0].value in OURS  # type: ignore[attr-defined]
    )
