"""Data that was used or made: which files, under which name, in which role."""

from __future__ import annotations

from typing import Any, Literal


def dataset(
    name: str,
    role: Literal["input", "output"],
    *,
    activity: str,
    model: str | None,
    run: str | None,
) -> dict[str, Any]:
    """The predicate, without its header; the files are the statement's subject.

    Args:
        name: what the files are called together, 1 to 1,024 characters.
        role: ``input`` where a run or a person read them, ``output`` where they were made.
    """
    return {"name": name, "role": role, "activity": activity, "model": model, "run": run}
