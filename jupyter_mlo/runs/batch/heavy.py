"""Importing large packages without what they import for uses that nobody here has.

- ``nbformat`` imports ``jsonschema``, whose optional check of IRIs builds a grammar for most of a
  second.
- ``distributed`` imports NumPy to allocate large buffers, and Jinja for the pages that it shows in
  notebooks; it goes on without either. Its configuration is read by PyYAML in Python, ten times
  slower than by PyYAML in C.

While these imports last, what is left out is not there; what is imported in its own right later
gets it.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from collections.abc import Iterator
from typing import Any, Final

_GRAMMAR: Final = ("rfc3987_syntax",)
_ARRAYS_AND_PAGES: Final = ("numpy", "jinja2")
_lock = threading.RLock()


@contextlib.contextmanager
def without_grammar() -> Iterator[None]:
    """Import what needs nbformat in here."""
    with _without(_GRAMMAR):
        yield


@contextlib.contextmanager
def without_arrays_and_pages() -> Iterator[None]:
    """Import ``distributed`` in here."""
    with _without(_ARRAYS_AND_PAGES), _yaml_in_c():
        yield


@contextlib.contextmanager
def _yaml_in_c() -> Iterator[None]:
    try:
        yaml: Any = importlib.import_module("yaml")
    except ImportError:
        yield
        return
    in_python = yaml.SafeLoader
    yaml.SafeLoader = getattr(yaml, "CSafeLoader", in_python)
    try:
        yield
    finally:
        yaml.SafeLoader = in_python


@contextlib.contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    with _lock:
        absent = [name for name in names if name not in sys.modules]
        sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
        try:
            yield
        finally:
            for name in absent:
                sys.modules.pop(name, None)
