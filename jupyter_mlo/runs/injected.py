"""The source of the cell in which papermill injects parameters.

papermill writes it; importing papermill takes a second, though. What its translator for Python
makes of short, plain parameters is known, and made here without it (a test holds the two
together); everything else goes to papermill.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping
from typing import Any, Final

#: Columns up to which papermill's formatter (black, where it is installed) leaves a line alone.
_NARROW: Final = 88


def injected_source(kernel_name: str, language: str, parameters: Mapping[str, Any]) -> str:
    """What papermill would inject; raises whatever papermill raises."""
    if language == "python" and kernel_name.startswith("python"):
        text = _plain_python(parameters)
        if text is not None:
            return text
    from papermill.translators import translate_parameters

    return str(translate_parameters(kernel_name, language, parameters, "Parameters"))


def chosen_by_name(kernel_name: str) -> bool:
    """Whether papermill chooses the translator by the kernel's name, whatever its language."""
    if kernel_name.startswith("python"):
        return kernel_name == "python"
    from papermill.translators import papermill_translators

    return kernel_name in papermill_translators._translators


def _plain_python(parameters: Mapping[str, Any]) -> str | None:
    lines = ["# Parameters"]
    for name, value in parameters.items():
        named = isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name)
        written = _value(value, 0) if named else None
        if written is None or len(name) + 3 + len(written) > _NARROW or not name.isascii():
            return None
        lines.append(f"{name} = {written}")
    return "\n".join(lines) + "\n"


def _value(value: Any, depth: int) -> str | None:
    """A value as papermill's translator for Python writes it; None where it is not plain."""
    kind = type(value)
    if value is None or kind is bool or kind is int:
        return str(value)
    if kind is float:
        if math.isfinite(value):
            text = str(value)
            return None if "e" in text else text  # formatters write exponents their own way
        return "float('nan')" if math.isnan(value) else f"float('{'-' * (value < 0)}inf')"
    if kind is str:
        return _text(value)
    if depth > 8:
        return None
    if kind is list:
        items = [_value(each, depth + 1) for each in value]
        return None if None in items else f"[{', '.join(map(str, items))}]"
    if kind is dict:
        pairs = [
            (_text(key), _value(each, depth + 1)) if type(key) is str else ("", None)
            for key, each in value.items()
        ]
        if any(written is None for _, written in pairs):
            return None
        return f"{{{', '.join(f'{key}: {written}' for key, written in pairs)}}}"
    return None


def _text(value: str) -> str:
    escaped = value.encode("unicode_escape").decode().replace('"', r"\"")
    return f'"{escaped}"'
