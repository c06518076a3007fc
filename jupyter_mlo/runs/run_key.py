"""What a run's kernel is given: a key of its own, in a file that ends with the run.

The file is named by ``MLO_RUN`` in the kernel's environment and holds the signer of the run
delegation, which may sign what is put on record from inside (datasets, evidence, test
results) and nothing else. What it signs is appended to a file beside it; the engine reads
that file with suspicion, because whatever runs in the kernel can write there.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jupyter_mlo.delegation.runs import load_run, write_run
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import KeyFileError, MloError
from jupyter_mlo.identity.keys import PublicKey
from jupyter_mlo.identity.private_files import read_private, write_private
from jupyter_mlo.statements.envelope import MAX_ENVELOPE, Envelope
from jupyter_mlo.statements.predicates import types

KEY_FILE: Final = "key.json"
DESCRIPTION: Final = "run.json"
STATEMENTS: Final = "statements.jsonl"
#: A run puts at most so many statements on record; a loop that has gone wild is cut off there.
MOST_STATEMENTS: Final = 10_000
#: What may come out of a kernel.
FROM_KERNELS: Final = frozenset({types.DATASET, types.EVIDENCE, types.TEST_RESULT})


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
        write_private(self.folder / DESCRIPTION, json.dumps(value).encode())

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


def read_statements(folder: Path, key: PublicKey) -> tuple[list[Envelope], list[str]]:
    """What a run's kernel has put on record, and why some of it does not count.

    Only statements count that the run's own key has signed, of the kinds that come out of
    kernels, each once.
    """
    found: dict[str, Envelope] = {}
    problems: list[str] = []
    for number, line in enumerate(_lines(folder / STATEMENTS), 1):
        # Most runs put nothing on record, and need not pay for its import.
        from jupyter_mlo.statements.statement import read_statement

        if len(found) >= MOST_STATEMENTS:
            problems.append(f"more than {MOST_STATEMENTS} statements; the rest is left out")
            break
        try:
            envelope = Envelope.from_bytes(line)
            envelope.check_signature(key)
            statement = read_statement(envelope)
        except MloError as error:
            problems.append(f"statement {number}: {error.message}")
            continue
        if statement.predicate_type not in FROM_KERNELS:
            kind = types.short_name(statement.predicate_type)
            problems.append(f"statement {number}: a kernel may not say {kind}")
            continue
        found.setdefault(envelope.statement_id, envelope)
    return list(found.values()), problems


def _lines(path: Path) -> Iterator[bytes]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError:
        return
    with os.fdopen(descriptor, "rb") as file:
        while line := file.readline(MAX_ENVELOPE + 1):
            if line.strip():
                yield line
