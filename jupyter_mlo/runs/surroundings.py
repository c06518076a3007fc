"""What is found out about a run while its kernel starts: repository, packages, declared data.

Runs in a thread, together with the imports that sealing and publishing need at the end, so
that none of it is waited for. What cannot be found out in time is said to be unknown.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlo.errors import MloError

if TYPE_CHECKING:
    from jupyter_mlo.lifecycle.provenance import Environment, Repository
    from jupyter_mlo.lifecycle.resources import FileDigest

#: Seconds for which the end of a run waits for what is still not known.
PATIENCE: Final = 30.0
#: What cells need, and then what the end of a run needs, as it comes to be needed.
_NEEDED: Final = (
    "jupyter_mlo.runs.stamping",
    "jupyter_mlo.runs.ending",
    "jupyter_mlo.notebook.present",
    "jupyter_mlo.ledger.publish",
)
_DATA_THREAD: Final = "mlo-data"
_DATA_WORDS: Final = frozenset({"data", "dataset"})


@dataclass(frozen=True)
class Kernel:
    """The kernel that was started."""

    name: str
    language: str
    #: The command as the kernelspec has it, connection file not filled in.
    argv: Sequence[str]
    #: The command that started it.
    command: Sequence[str]
    environ: Mapping[str, str]


class Surroundings:
    """Finds out, once started.

    Args:
        notebook: the input's file, where it is a local one.
        parameters: the run's parameters; some may name data.
        folder: where the kernel runs; names of files are relative to it.
        kernel_name: name of the kernelspec.
        complain: told what declared data cannot be put on record.
    """

    def __init__(
        self,
        *,
        notebook: Path | None,
        parameters: Mapping[str, Any],
        folder: Path,
        kernel_name: str,
        complain: Callable[[str], None],
    ) -> None:
        self._notebook = notebook
        self._parameters = parameters
        self._folder = folder
        self._kernel_name = kernel_name
        self._complain = complain
        self._done: list[threading.Thread] = []
        self._environment: Environment | None = None
        self.repository: Repository | None = None
        self.data: tuple[FileDigest, ...] = ()

    @property
    def environment(self) -> Environment:
        """The kernel's, as far as it is known by now."""
        from jupyter_mlo.lifecycle.provenance import Environment

        if self._environment is not None:
            return self._environment
        why = "it took too long to find out" if self._done else "the kernel did not start"
        return Environment(self._kernel_name, unknown=why)

    def start(self, kernel: Kernel, first: Callable[[], None]) -> None:
        """Begin, with ``first`` before everything else."""
        if self._done:
            return
        self._done = [
            threading.Thread(
                target=self._find, args=(kernel, first), name="mlo-surroundings", daemon=True
            ),
            threading.Thread(target=self._digest_data, name=_DATA_THREAD, daemon=True),
        ]
        for thread in self._done:
            thread.start()

    def know(self, environment: Environment, data: Sequence[FileDigest]) -> None:
        """What was found out where the kernel ran; the rest is found out here."""
        self._environment, self.data = environment, tuple(data)
        if self._notebook is not None and not self._done:
            self._done = [threading.Thread(target=self._find_repository, daemon=True)]
            self._done[0].start()

    def _find_repository(self) -> None:
        from jupyter_mlo.runs.repository import find_repository

        assert self._notebook is not None
        self.repository = find_repository(self._notebook)

    def wait(self, patience: float = PATIENCE) -> None:
        """Wait until all is known, or ``patience`` (seconds) is at an end."""
        for thread in self._done:
            thread.join(patience)
            if thread.is_alive() and thread.name == _DATA_THREAD:
                self._complain("Digesting the data that parameters name takes too long: left out")

    def _find(self, kernel: Kernel, first: Callable[[], None]) -> None:
        first()
        from jupyter_mlo.lifecycle.provenance import argv_digest
        from jupyter_mlo.runs.environment import find_environment

        for module in _NEEDED:
            # Whatever is wrong shows when it is used, and is said there.
            with contextlib.suppress(Exception):
                importlib.import_module(module)
        self._environment = find_environment(
            kernel.name, kernel.language, kernel.command, kernel.environ
        )
        if kernel.argv:
            said = {"language": kernel.language, "mloArgvV1": argv_digest(kernel.argv)}
            self._environment = replace(self._environment, kernelspec=said)
        if self._notebook is not None:
            self._find_repository()

    def _digest_data(self) -> None:
        from jupyter_mlo.runs.files import digest_path

        found: list[FileDigest] = []
        for name, path in declared_data(self._parameters, self._folder):
            try:
                found.extend(digest_path(path, name))
            except MloError as error:
                self._complain(f"The data in parameter {name!r} is not on record: {error}")
        self.data = tuple(found)


def declared_data(parameters: Mapping[str, Any], folder: Path) -> list[tuple[str, Path]]:
    """Parameters that name data: called ``data`` or ``…_data_…``, with the path of what exists.

    Lists of paths count, each as ``name[0]``, ``name[1]`` and so on.
    """
    found = []
    for name, value in parameters.items():
        if _DATA_WORDS.isdisjoint(str(name).lower().split("_")):
            continue
        several = isinstance(value, list | tuple)
        for at, text in enumerate(value if several else [value]):
            if not isinstance(text, str) or not text or "\0" in text or "://" in text:
                continue
            path = folder / Path(text)
            with contextlib.suppress(OSError):
                if path.exists() and not path.is_dir():
                    found.append((f"{name}[{at}]" if several else str(name), path))
    return found
