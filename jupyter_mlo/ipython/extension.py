"""``%load_ext jupyter_mlo``: one set of hooks a shell, however often it is loaded."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

from jupyter_mlo.config import Settings, load_settings
from jupyter_mlo.delegation.session_watch import SessionWatch
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.ipython import served
from jupyter_mlo.ipython.failure import shown
from jupyter_mlo.ipython.magics import MloMagics
from jupyter_mlo.ipython.recorder import Recorder
from jupyter_mlo.ipython.wire import KernelWire
from jupyter_mlo.runs.here import run_here
from jupyter_mlo.runs.record_writer import Store

#: Where the shell keeps what is loaded in it: survives a reload of our modules.
ATTRIBUTE = "_jupyter_mlo_extension"
_NOBODY = "nobody is logged in, so cells are not attributed; next: %mlo_login"


def load(shell: Any) -> None:
    """Register the magics; in a kernel also record cells from now on."""
    unload(shell)
    extension = Extension(shell, shown(load_settings))
    extension.start()
    setattr(shell, ATTRIBUTE, extension)


def autoload(shell: Any) -> None:
    """:func:`load` as the startup file does it: silent, and never in the way of a kernel."""
    if getattr(shell, "kernel", None) is None:
        return  # a terminal's IPython has no cells to record
    unload(shell)
    try:
        extension = Extension(shell, load_settings())
        extension.start(quiet=True)
    except Exception as error:
        shell.events.register("pre_run_cell", _Said(shell, f"it could not be loaded: {error}"))
    else:
        setattr(shell, ATTRIBUTE, extension)


class _Said:
    """Says something at the next cell, once."""

    def __init__(self, shell: Any, text: str) -> None:
        self._shell, self._text = shell, text

    def __call__(self, info: Any) -> None:
        self._shell.events.unregister("pre_run_cell", self)
        sys.stderr.write(f"jupyter-mlo: {self._text}\n")


def unload(shell: Any) -> None:
    """Take away what :func:`load` put there; nothing where nothing was loaded."""
    extension = getattr(shell, ATTRIBUTE, None)
    if extension is not None:
        delattr(shell, ATTRIBUTE)
        extension.stop()


def now() -> datetime:
    """The kernel's clock."""
    return datetime.now(UTC)


class Extension:
    """What is loaded in one shell."""

    def __init__(self, shell: Any, settings: Settings) -> None:
        self.shell = shell
        self.settings = settings
        self.watch = SessionWatch(settings)
        #: In a run its engine stamps and decides; there is nothing to do here.
        self._in_run, self._no_run = run_here()
        self.recorder = self._make_recorder()
        self.magics = MloMagics(shell, settings, self.watch, self.recorder, now)
        self._gate: Any = None

    def start(self, *, quiet: bool = False) -> None:
        """Put everything in its place.

        Args:
            quiet: say nothing now; who runs cells in nobody's name is reminded once, then.
        """
        self.magics.add()
        if self.settings.policy.identity_required and not self._in_run:
            from jupyter_mlo.ipython.gate import Gate

            self._gate = Gate(self._admits)
            self.shell.ast_transformers.append(self._gate)
        if self.recorder is not None:
            self.recorder.start()
        if self._in_run:
            return
        if self._no_run:
            print(
                "jupyter-mlo: MLO_RUN names no run that goes on here, so it counts as not set: "
                f"{terminal_safe(self._no_run)}"
            )
        if not quiet:
            print(f"jupyter-mlo: {self._greeting()}")
        elif self.recorder is not None and self._gate is None:
            self.recorder.reminder = _NOBODY

    def stop(self) -> None:
        """Take everything away again."""
        if self.recorder is not None:
            self.recorder.stop()
        if self._gate in self.shell.ast_transformers:
            self.shell.ast_transformers.remove(self._gate)
        self.magics.remove()

    def _admits(self) -> bool:
        """Somebody is logged in, or it is not a cell: front ends look at variables silently."""
        request = None if self.recorder is None else self.recorder.running_request()
        if request is not None and self.recorder is not None:
            noted = self.recorder.noted(request)
            if noted is not None:
                return noted.attributed
        if self.watch.signer(now()) is not None:
            return True
        return self.recorder is not None and request is None

    def _greeting(self) -> str:
        if self.recorder is None:
            return "the magics work here; cells are recorded in Jupyter kernels only"
        noted = self.recorder.noted_now()
        if noted is not None:
            return served.greeting(noted)
        signer = self.watch.signer(now())
        if signer is None:
            return _NOBODY
        return f"from here on cells are attributed to {signer.mlo}"

    def _make_recorder(self) -> Recorder | None:
        """None where there is nothing to record: no kernel, or a run, whose engine does it."""
        kernel = getattr(self.shell, "kernel", None)
        if self._in_run or not KernelWire.possible(kernel):
            return None
        return Recorder(kernel, self.watch, self._open_store, now)

    def _open_store(self) -> Store:
        from jupyter_mlo.ledger.records import RecordStore

        return RecordStore(self.settings.records)
