"""Importing nbformat and papermill without the second that they usually take.

``nbformat`` imports ``jsonschema``, whose optional check of IRIs builds a grammar when it is
imported, and which nobody here asks for. While these imports last that check is not there; what is
imported in its own right later gets it.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Final

_GRAMMAR: Final = "rfc3987_syntax"
_lock = threading.RLock()


@contextlib.contextmanager
def without_grammar() -> Iterator[None]:
    """Import what needs nbformat in here."""
    with _lock:
        if _GRAMMAR in sys.modules:
            yield
            return
        sys.modules[_GRAMMAR] = None  # type: ignore[assignment]
        try:
            yield
        finally:
            sys.modules.pop(_GRAMMAR, None)
