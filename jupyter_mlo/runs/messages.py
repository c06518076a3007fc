"""What of a kernel's messages is taken: a cell can have its kernel publish whatever it likes.

Pure. A message that is not as Jupyter's protocol has it is left out, and that is said; it must
cost neither the run nor its record (docs/threat-model.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from jupyter_mlo.notebook.canonical_cell import OUTPUT_LEVEL, Undigestable, check_value

#: What reading a message raises that is not one: signature, parts, JSON, nesting.
UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
#: Characters of an ID, a name or a type.
_LONGEST: Final = 1000
_STATES: Final = frozenset({"starting", "busy", "idle", "restarting", "terminating", "dead"})


def flaw(message: object) -> str | None:
    """Why a message that a kernel has published is left out; None where it is taken."""
    if not isinstance(message, Mapping):
        return "it is no object"
    for name in ("header", "parent_header", "content"):
        if not isinstance(message.get(name), Mapping):
            return f"its {name} is no object"
    kind = message.get("msg_type")
    if not _is_name(kind):
        return "it has no type"
    content = message["content"]
    found = _CHECKS.get(kind, _anything)(content)
    if found is None and not is_count(content.get("execution_count")):
        found = "its execution count is no number"
    if found is None:
        found = _transient_flaw(content.get("transient"))
    return f"{kind}: {found}" if found else None


def is_answer(message: object) -> bool:
    """Whether a kernel's reply to a request says how it went."""
    return (
        isinstance(message, Mapping)
        and isinstance(message.get("header"), Mapping)
        and isinstance(message.get("parent_header"), Mapping)
        and isinstance(message.get("content"), Mapping)
        and isinstance(message["content"].get("status"), str)
    )


def answers(message: object, request: str) -> bool:
    """Whether a message, well-formed or not, has this request for its parent."""
    parent = message.get("parent_header") if isinstance(message, Mapping) else None
    return isinstance(parent, Mapping) and parent.get("msg_id") == request


def output_flaw(output: object) -> str | None:
    """Why an output in a notebook is none of nbformat 4; None where it is one."""
    if not isinstance(output, Mapping):
        return "an output is no object"
    kind = output.get("output_type")
    members = OUTPUT_MEMBERS.get(kind) if isinstance(kind, str) else None
    if members is None:
        return "an output is of no known type"
    if set(output) != {"output_type", *members}:
        return f"an output of type {kind} has other members than such have"
    if kind == "execute_result" and not is_count(output["execution_count"]):
        return "an execution count is no number"
    return _CHECKS[kind](output)


def is_count(value: object) -> bool:
    """Whether ``value`` can be an execution count."""
    return value is None or (type(value) is int and 0 <= value < 1 << 53)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST


def _transient_flaw(transient: object) -> str | None:
    if transient is None:
        return None
    if not isinstance(transient, Mapping):
        return "its transient part is no object"
    display = transient.get("display_id")
    return None if display is None or isinstance(display, str) else "its display ID is no text"


def _anything(content: Mapping[str, Any]) -> str | None:
    return None


def _stream(content: Mapping[str, Any]) -> str | None:
    if not _is_name(content.get("name")) or not isinstance(content.get("text"), str):
        return "name and text are no texts"
    return None


def _bundle(content: Mapping[str, Any]) -> str | None:
    for name in ("data", "metadata"):
        if not isinstance(content.get(name), Mapping):
            return f"{name} is no object"
        try:
            check_value(content[name], OUTPUT_LEVEL)
        except Undigestable as error:
            return error.reason
    return None


def _result(content: Mapping[str, Any]) -> str | None:
    return _bundle(content) or ("no execution count" if "execution_count" not in content else None)


def _error(content: Mapping[str, Any]) -> str | None:
    lines = content.get("traceback")
    if not isinstance(content.get("ename"), str) or not isinstance(content.get("evalue"), str):
        return "ename and evalue are no texts"
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        return "the traceback is no list of texts"
    return None


def _status(content: Mapping[str, Any]) -> str | None:
    state = content.get("execution_state")
    return None if isinstance(state, str) and state in _STATES else "no known state"


def _comm(content: Mapping[str, Any]) -> str | None:
    data = content.get("data")
    if not _is_name(content.get("comm_id")) or not isinstance(data, Mapping):
        return "no ID, or no data"
    if not isinstance(data.get("state", {}), Mapping):
        return "a state is no object"
    paths = data.get("buffer_paths") or []
    if not isinstance(paths, list):
        return "paths of buffers are no list"
    for path in paths:
        if not isinstance(path, list) or not all(isinstance(at, str | int) for at in path):
            return "paths of buffers are no list"
    return None


_CHECKS: Final[Mapping[object, Callable[[Mapping[str, Any]], str | None]]] = {
    "stream": _stream,
    "display_data": _bundle,
    "update_display_data": _bundle,
    "execute_result": _result,
    "error": _error,
    "status": _status,
    "comm_open": _comm,
    "comm_msg": _comm,
}
#: Type of an output → what it has besides.
OUTPUT_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "execute_result": ("metadata", "data", "execution_count"),
    "display_data": ("metadata", "data"),
    "stream": ("name", "text"),
    "error": ("ename", "evalue", "traceback"),
}
