"""What a run's kernel is given: a key of its own, in a file that ends with the run.

The file is named by ``MLO_RUN`` in the kernel's environment and holds the signer of the run
delegation, which may sign what is put on record from inside (datasets, evidence, test
results) and nothing else. What it signs is appended to a file beside it, which
:mod:`~jupyter_mlo.runs.said` reads with suspicion.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jupyter_mlo.delegation.runs import load_run, write_run
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import KeyFileError
from jupyter_mlo.identity.private_files import read_private, write_private
from jupyter_mlo.statements.envelope import Envelope

KEY_FILE: Final = "key.json"
DESCRIPTION: Final = "run.json"
STATEMENTS: Final = "statements.jsonl"


@dataclass(frozen=True)
class RunKey:
    """A run as its kernel sees it."""

    signer: Signer
    #: Where the key, what goes with it and the statements are.
    folder: Path
    #: ``mloCodeV1`` of the notebook, hex.
    code: str
    #: Name of the MLO for whom the run acts; None where it is not known here.
    name: str | None = None

    @property
    def path(self) -> Path:
        """The file that ``MLO_RUN`` names."""
        return self.folder / KEY_FILE

    def write(self) -> None:
        """Write the key and what goes with it, mode 0600."""
        self.describe(self.name)
        write_run(self.signer, self.path)

    def describe(self, name: str | None) -> None:
        """Write what goes with the key (again, once the name is known)."""
        value = {"version": 1, "code": self.code, "name": name}
        write_private(self.folder / DESCRIPTION, json.dumps(value).encode(), durable=False)

    def remove(self) -> None:
        """The run has ended: nothing more can be signed with its key."""
        for name in (KEY_FILE, DESCRIPTION):
            with contextlib.suppress(OSError):
                (self.folder / name).unlink()

    def append(self, envelopes: Sequence[Envelope]) -> None:
        """Put statements beside the key: on disk when this returns, all of them or none."""
        data = b"".join(envelope.to_bytes() + b"\n" for envelope in envelopes)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.folder / STATEMENTS, flags, 0o600)
        try:
            before = os.fstat(descriptor).st_size
            if os.write(descriptor, data) != len(data):
                os.ftruncate(descriptor, before)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), STATEMENTS)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_run_key(path: Path) -> RunKey:
    """Read the file that ``MLO_RUN`` names, and what goes with it.

    Raises:
        KeyFileError: the run has ended, or the file is broken or readable by others.
    """
    signer = load_run(path)
    try:
        value = json.loads(read_private(path.parent / DESCRIPTION, what="run's description"))
        code, name = value["code"], value["name"]
    except (OSError, ValueError, LookupError, TypeError):
        code = None
    if not isinstance(code, str) or not isinstance(name, str | None):
        raise KeyFileError(
            f"the description of the run beside {path} is missing or broken",
            hint="run the notebook again",
        )
    return RunKey(signer, path.parent, code, name)
