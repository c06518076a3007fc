"""Whether a contents manager calls hooks before it saves: some have no such thing, some forget."""

from __future__ import annotations

import inspect
from typing import Any

#: Either name; the older one takes a single hook and is deprecated.
_RUNS = frozenset({"run_pre_save_hook", "run_pre_save_hooks"})


def calls_hooks(contents: Any) -> bool:
    """As far as its code says: hooks can be registered, and its ``save`` runs them.

    A ``save`` that hands on to the next class's, or that cannot be looked into, gets the benefit
    of the doubt.
    """
    if not hasattr(contents, "register_pre_save_hook"):
        return False
    for kind in type(contents).__mro__:
        save = kind.__dict__.get("save")
        if save is None:
            continue
        code = getattr(inspect.unwrap(save), "__code__", None)
        if code is None or _RUNS.intersection(code.co_names):
            return True
        if not {"super", "save"}.intersection(code.co_names):
            return False
    return False
