"""Names and all that people typed, made safe to show."""

from __future__ import annotations

from jupyter_mlo.errors import escaped


def terminal_safe(text: str, *, limit: int = 200) -> str:
    """``text`` on one line, with every control character written as its escape.

    Args:
        limit: characters shown; what is longer ends in an ellipsis.
    """
    return escaped(text if len(text) <= limit else text[: limit - 1] + "…")


def has_controls(text: str) -> bool:
    """Whether ``text`` holds anything that :func:`terminal_safe` would escape."""
    return escaped(text) != text
