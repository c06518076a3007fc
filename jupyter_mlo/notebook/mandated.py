"""Whether what a mandate's key has stamped is the code that the mandate is for.

Whoever holds a mandate can run an engine of his own that does not ask. So whoever verifies
computes ``mloCodeV1`` anew, of the cells as the newest seal lists them (what was changed since then
is named as that), and reads the parameters that were injected. Pure.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from jupyter_mlo.delegation.scope import EVERYTHING, Scope
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.notebook.alignment import Alignment
from jupyter_mlo.notebook.claims import Claim
from jupyter_mlo.notebook.code import CodeLine, injected_line, lines_digest
from jupyter_mlo.notebook.digests import source_digest
from jupyter_mlo.notebook.present import PresentCell
from jupyter_mlo.notebook.reading import Notebook
from jupyter_mlo.notebook.sealed import Sealed

OUTSIDE: Final = "out of scope"
#: Characters of injected parameters that are read.
_LONGEST: Final = 1_000_000
#: Where IPython ends a line as well (``str.splitlines``), and Python does not: what is one comment
#: to the one may hold a command to the other. papermill writes none of them.
_OTHER_ENDS: Final = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
#: The digest of a cell without code: no run executes it.
_NOTHING: Final = source_digest("")
_FLOATS: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


@dataclass(frozen=True)
class OutOfScope:
    """What a mandate's key has signed, and the mandate does not permit."""

    #: Position of a stamped cell → why its stamp does not count.
    stamps: Mapping[int, str] = field(default_factory=dict)
    #: Why the newest seal does not count; empty where it may.
    seal: str = ""
    notes: tuple[str, ...] = ()

    def also(self, other: OutOfScope) -> OutOfScope:
        """What either finds; the first reason counts."""
        return OutOfScope(
            {**other.stamps, **self.stamps}, self.seal or other.seal, (*self.notes, *other.notes)
        )


def out_of_scope(
    notebook: Notebook,
    cells: Sequence[PresentCell],
    claims: Mapping[int, Claim],
    sealed: Sealed,
    alignment: Alignment | None,
) -> OutOfScope:
    """Hold the notebook's code against the scopes of its stamps and of its newest seal.

    Args:
        claims: position → the stamp that the cell there carries.
        alignment: how present cells correspond to the newest seal's list.
    """
    bound = {at: scope for at, claim in claims.items() if (scope := _bound(claim)) is not None}
    sealing = _bound(sealed.newest.claim) if sealed.newest is not None else None
    if not bound and sealing is None:
        return OutOfScope()
    lines, kernel, positions = _code(notebook, cells, sealed, alignment)
    digest = lines_digest(lines, kernel)
    stamps = {
        at: why
        for at, scope in bound.items()
        if (why := _refusal(scope, digest) or _other_kernel(claims[at], kernel))
    }
    notes: list[str] = []
    # The very cell that the digest leaves out, whatever was put before it since.
    left_out = injected_line(lines)
    injected = None if left_out is None else positions[left_out]
    if injected is not None and injected in bound and injected not in stamps:
        scope, source = bound[injected], cells[injected].cell.source
        if is_python(kernel):
            if why := _foreign_parameters(scope, source):
                stamps[injected] = f"{OUTSIDE}: {why}"
        elif scope.parameters != EVERYTHING:
            stamps[injected] = f"{OUTSIDE}: {_unreadable(scope, kernel)}"
        else:
            notes.append(
                f"cell {injected + 1} holds parameters for the kernel {_shown(kernel)}, which is "
                "not taken for Python: they are not read here, and its mandate permits any"
            )
    seal = (_refusal(sealing, digest) or _gap(sealed)) if sealing is not None else ""
    return OutOfScope(stamps, seal, tuple(notes))


def is_python(kernel: str | None) -> bool:
    """Whether parameters for a kernel of this name are read as Python.

    The name is in what the mandate binds; what metadata say of its language, nobody signed.
    """
    return kernel is not None and kernel.startswith("python")


def _unreadable(scope: Scope, kernel: str | None) -> str:
    if not scope.parameters:
        return "its mandate permits no parameters"
    return (
        f"whether its parameters are those that its mandate permits cannot be judged: the kernel "
        f"{_shown(kernel)} is not taken for Python, and other languages are not read here"
    )


def _other_kernel(claim: Claim, kernel: str | None) -> str:
    """Why a stamp is of another kernel than the code that its mandate binds; empty if not."""
    named = claim.stamp.kernel.name
    if named == kernel:
        return ""
    return (
        f"{OUTSIDE}: it ran on the kernel {_shown(named)}, and its mandate is for {_shown(kernel)}"
    )


def _shown(kernel: str | None) -> str:
    return terminal_safe(repr(kernel), limit=80) if kernel is not None else "without a name"


def _bound(claim: Claim) -> Scope | None:
    """The scope under which somebody answers, if it is bound to code."""
    scope = claim.attribution.scope if claim.attribution is not None else None
    return scope if scope is not None and scope.code != EVERYTHING else None


def _refusal(scope: Scope, digest: str) -> str:
    permission = scope.permits(code=digest)
    return "" if permission else f"{OUTSIDE}: {permission.reason}"


def _gap(sealed: Sealed) -> str:
    """Why a run under a mandate was not of all its code; empty where it was, up to its end."""
    cells = sealed.newest.cells if sealed.newest is not None else ()
    left_out = None
    for at, line in enumerate(cells):
        if line.kind == "code" and line.source != _NOTHING:
            if line.stamp is None:
                left_out = at if left_out is None else left_out
            elif left_out is not None:
                return f"{OUTSIDE}: its run left out cell {left_out + 1}"
    return ""


def _code(
    notebook: Notebook,
    cells: Sequence[PresentCell],
    sealed: Sealed,
    alignment: Alignment | None,
) -> tuple[list[CodeLine], str | None, Sequence[int | None]]:
    """The cells that the digest is of, and the name of the kernel: as sealed, where they are.

    Beside them where each stands now; None where it does not.
    """
    tags = [cell.cell.metadata.get("tags") for cell in cells]
    if sealed.newest is None or alignment is None:
        present = [
            CodeLine(cell.listed.kind, cell.listed.source, tag)
            for cell, tag in zip(cells, tags, strict=True)
        ]
        return present, notebook.kernel_name, range(len(present))
    # Which cell holds parameters no seal says: the cell that stands in its place now does.
    now = {place: at for at, place in enumerate(alignment.sealed_of) if place is not None}
    lines = [
        CodeLine(line.kind, line.source, tags[now[place]] if place in now else None)
        for place, line in enumerate(sealed.newest.cells)
    ]
    return lines, sealed.newest.claim.seal.kernelspec, [now.get(at) for at in range(len(lines))]


def _foreign_parameters(scope: Scope, source: str) -> str:
    given = python_parameters(source)
    if given is None:
        return "its cell of injected parameters holds more than parameters"
    permission = scope.permits(parameters=given)
    return "" if permission else permission.reason


def python_parameters(source: str) -> dict[str, Any] | None:
    """The parameters in a cell that papermill has injected; None if there is more in it."""
    if len(source) > _LONGEST or any(end in source for end in _OTHER_ENDS):
        return None
    found = {}
    try:
        for node in ast.parse(source).body:
            if not isinstance(node, ast.Assign) or len(node.targets) != 1:
                return None
            target = node.targets[0]
            if not isinstance(target, ast.Name):
                return None
            found[target.id] = _literal(node.value)
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError):
        return None
    return found


def _literal(node: ast.expr) -> Any:
    """The value of what papermill's translator for Python writes; raises :class:`ValueError`."""
    match node:
        case ast.List(elts=elements):
            return [_literal(element) for element in elements]
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {
                _literal(key): _literal(value)
                for key, value in zip(keys, values, strict=True)
                if key is not None
            }
        case ast.Call(
            func=ast.Name(id="float"), args=[ast.Constant(value=str(text))], keywords=[]
        ) if text in _FLOATS:
            return _FLOATS[text]
        case _:
            return ast.literal_eval(node)
