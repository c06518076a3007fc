"""Secret variables: out of the environment while runs last, and never in a kernel's.

A kernel inherits its parent's whole environment, and so does everything else that is
started meanwhile. :class:`Withheld` takes the secrets out of ``os.environ`` while any run
of this process lasts (runs may overlap in threads) and puts them back after the last one,
so that the next notebook of the same process finds its mandate. What a kernel is given
goes through :func:`kernel_environment` besides, whoever composed it. What Linux shows of the
environment with which this process was started is overwritten.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Final

from jupyter_mlo.runs.environment_block import wipe

#: Names of secret variables. ``MLO_RUN`` names the key file of one run: a kernel gets its own
#: or none, never that of the run around it.
_SECRET: Final = re.compile(r"MLO_(MANDATE|PASSPHRASE|RUN|KEY|SECRET|TOKEN)(_[A-Z0-9_]*)?")
#: What names the key file of the run in the environment of its kernel.
RUN_VARIABLE: Final = "MLO_RUN"

_lock = threading.Lock()
_held: dict[str, str] = {}
_active = 0


def is_secret(name: str) -> bool:
    """Whether the variable ``name`` may not reach a kernel."""
    return _SECRET.fullmatch(name.upper()) is not None


def kernel_environment(environ: Mapping[str, str], run_file: str | None = None) -> dict[str, str]:
    """``environ`` without secrets, and with the run's own key file where there is one."""
    env = {name: value for name, value in environ.items() if not is_secret(name)}
    return env | {RUN_VARIABLE: run_file} if run_file else env


class Withheld:
    """While entered, ``os.environ`` holds no secrets. Entered from several threads, it counts.

    The value of the ``with`` statement is what was withheld, by name.
    """

    def __init__(self, environ: MutableMapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    def __enter__(self) -> Mapping[str, str]:
        global _active
        with _lock:
            found = [name for name in self._environ if is_secret(name)]
            for name in found:
                _held[name] = self._environ.pop(name)
            if found and self._environ is os.environ:
                wipe(is_secret)
            _active += 1
            return dict(_held)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        global _active
        with _lock:
            _active -= 1
            if _active:
                return
            for name, value in _held.items():
                # What the caller has set since then is newer.
                self._environ.setdefault(name, value)
            _held.clear()
