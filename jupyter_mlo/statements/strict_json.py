"""Reading JSON that others wrote, with every ambiguity refused.

Duplicate names, NaN, infinities, lone surrogates and nesting beyond :data:`MAX_DEPTH`
each let two readers see two different values in the same signed bytes, so signed JSON
may hold none of them (RFC 8785, section 3.1, asks for I-JSON, RFC 7493).
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from jupyter_mlo.errors import StatementError

#: Levels of nesting that are read.
MAX_DEPTH = 64


def read_json(data: bytes) -> Any:
    """Parse UTF-8 JSON text; raises :class:`StatementError` for anything ambiguous."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _bad("it is not UTF-8") from None
    _check_depth(text)
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise _bad(f"it is not JSON ({error.msg} at character {error.pos})") from None
    except (RecursionError, ValueError) as error:
        raise _bad(str(error)) from None
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise _bad("it holds a lone surrogate") from None
    return value


def _check_depth(text: str) -> None:
    depth = text.count("{") + text.count("[")
    if depth <= MAX_DEPTH:
        return
    depth = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                raise _bad(f"it is nested deeper than {MAX_DEPTH} levels")
        elif character in "}]":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("it has two members of one name")
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}")


def _bad(why: str) -> StatementError:
    return StatementError(f"signed JSON cannot be read: {why}", hint="see docs/formats.md, 'JSON'")
