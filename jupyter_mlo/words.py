"""Words that a person reads."""

from __future__ import annotations


def count_of(number: int, thing: str) -> str:
    """``1 cell``, ``2 cells``."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
