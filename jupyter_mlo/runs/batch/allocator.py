"""Keeping glibc's allocator from growing with every thread and every run that has ended.

Each run has some short threads, and glibc gives threads arenas of their own, whose holes nobody
else fills. Where the C library is another one, nothing is done.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

#: ``M_ARENA_MAX`` in glibc's malloc.h.
_ARENAS: Final = -8


def _library() -> Any:
    import ctypes

    return ctypes.CDLL(None)


def one_arena() -> None:
    """Have threads that start from now on share one arena: Python runs one of them at a time."""
    with contextlib.suppress(OSError, AttributeError, ImportError):
        _library().mallopt(_ARENAS, 1)


def give_back() -> None:
    """Give free memory back to the system."""
    with contextlib.suppress(OSError, AttributeError, ImportError):
        _library().malloc_trim(0)
