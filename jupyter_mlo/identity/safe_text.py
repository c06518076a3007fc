"""Names and all that people typed, made safe to show.

A name can hold escape sequences that repaint a terminal, or controls that reverse the
order of what follows (Unicode TR 36, section 3.1). Shown escaped, it can only look odd.
"""

from __future__ import annotations

import unicodedata

#: Joiners: invisible, harmless, and part of ordinary words in many scripts and emoji.
_JOINERS = "\u200c\u200d"
#: Control, format, surrogate, private use, line and paragraph separators.
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def terminal_safe(text: str, *, limit: int = 200) -> str:
    """``text`` on one line, with every control character written as its escape.

    Args:
        limit: characters shown; what is longer ends in an ellipsis.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if _is_control(c) else c for c in text)


def has_controls(text: str) -> bool:
    """Whether ``text`` holds anything that :func:`terminal_safe` would escape."""
    return any(map(_is_control, text))


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in _ESCAPED and character not in _JOINERS


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
