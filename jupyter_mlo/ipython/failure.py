"""Showing an error in a cell: what happened and what to do, and nothing of our insides.

A traceback shows the values of variables where the user has asked for that (``%xmode
Verbose``), and keeps frames alive (``%debug``, ``sys.last_traceback``). Where a passphrase
was in one of them it would survive; so errors leave our code without their frames.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from jupyter_mlo.errors import MloError, escaped

T = TypeVar("T")


class CellError(Exception):
    """What a cell shows in place of a traceback; the cell counts as failed."""

    def _render_traceback_(self) -> list[str]:
        # IPython shows these lines instead of a traceback, in kernels and in terminals.
        return [str(self)]


class UnexpectedFailure(CellError):
    """A fault of ours."""


def shown(act: Callable[[], T]) -> T:
    """The result of ``act``; whatever it raises is raised again as one clean message.

    Raises:
        CellError: named like the error that ``act`` raised.
        KeyboardInterrupt: ``act`` was interrupted.
    """
    failure: BaseException
    try:
        return act()
    except MloError as error:
        failure = _named(type(error).__name__, str(error))
    except CellError as error:
        failure = type(error)(*error.args)
    except KeyboardInterrupt:
        failure = _Interrupted("interrupted")
    except Exception as error:
        if os.environ.get("MLO_DEBUG"):
            raise
        failure = UnexpectedFailure(
            f"jupyter-mlo failed in a way that it should not: {type(error).__name__}: "
            f"{escaped(str(error))}\n"
            "  hint: this is a fault of ours; set MLO_DEBUG=1 to see where, for a report"
        )
    # Outside of the except clause, so that nothing refers to the frames that are gone.
    raise failure


class _Interrupted(KeyboardInterrupt):
    def _render_traceback_(self) -> list[str]:
        return [f"KeyboardInterrupt: {self}"]


_Interrupted.__name__ = KeyboardInterrupt.__name__


def _named(name: str, text: str) -> CellError:
    kind: Any = type(name, (CellError,), {"__module__": "jupyter_mlo.errors"})
    error: CellError = kind(text)
    return error
