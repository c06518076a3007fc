"""One execution of one cell: what is known of it, and its record as a statement."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.times import to_text

if TYPE_CHECKING:
    from jupyter_mlo.delegation.signer import Signer
    from jupyter_mlo.notebook.observed import ObservedOutputs
    from jupyter_mlo.statements.envelope import Envelope

#: Longest request ID, cell ID and kernel name that a record takes over from a front end.
MAX_NAME = 256
#: Where the person has not said what they are doing (DESIGN: "Words").
DEFAULT_ACTIVITY = "exploration"


def new_execution_id() -> str:
    """96 random bits, base64url."""
    return secrets.token_urlsafe(12)


@dataclass(frozen=True)
class KernelName:
    """The kernel's own ID (of this process) and the name of its kernelspec."""

    id: str
    name: str


@dataclass(slots=True, eq=False)
class Execution:
    """An execute request from its beginning until nothing more comes of it.

    Made in the cell's thread. From then on the background thread alone changes it, except
    for ``signer``, ``started`` (a login in the cell) and what the reply says.
    """

    request: str
    cell: str | None
    code: str
    count: int | None
    started: datetime
    signer: Signer | None
    id: str = field(default_factory=new_execution_id)
    #: Until the reply has said otherwise.
    status: str = "aborted"
    finished: datetime | None = None
    #: What front ends hold that show outputs only,
    outputs: ObservedOutputs | None = None
    #: and what those hold that also show typed answers and pages; None where that is the same.
    shown: ObservedOutputs | None = None
    #: Why nothing can be said about its outputs; None where all were seen.
    unseen: str | None = None
    source: bytes | None = None
    #: How many records there are of it.
    parts: int = 0

    @property
    def reference(self) -> str | None:
        """What its outputs carry as ``metadata.mlo``."""
        return None if self.signer is None else f"{self.signer.mlo}#{self.id}"

    def observe(self, kind: str, content: Any) -> None:
        """Take in one message that all front ends make an output of."""
        self._observed().feed(kind, content)
        if self.shown is not None:
            self.shown.feed(kind, content)

    def show(self, kind: str, content: Any) -> None:
        """Take in what only some front ends show: JupyterLab and Notebook do."""
        if self.shown is None:
            self.shown = self._observed().branched()
        self.shown.feed(kind, content)

    def _observed(self) -> ObservedOutputs:
        if self.outputs is None:
            from jupyter_mlo.notebook.observed import ObservedOutputs

            self.outputs = ObservedOutputs()
        return self.outputs

    def sign_records(self, kernel: KernelName, now: datetime) -> Iterator[Envelope]:
        """The next records: what the outputs are now, as each kind of front end holds them.

        The execution must be attributed and have ended.

        Raises:
            Refused: the session may not sign it.
        """
        for outputs in [self._observed()] if self.shown is None else [self.outputs, self.shown]:
            assert outputs is not None
            yield self._sign_record(outputs, kernel, now)
            self.parts += 1

    def _sign_record(self, outputs: ObservedOutputs, kernel: KernelName, now: datetime) -> Envelope:
        from jupyter_mlo.notebook.digests import short, source_digest

        assert self.signer is not None
        assert self.finished is not None
        if self.source is None:
            self.source, self.code = source_digest(self.code), ""
        predicate = {
            "request": self.request[:MAX_NAME],
            "part": self.parts,
            "cell": None if self.cell is None else self.cell[:MAX_NAME],
            "kernel": {"id": kernel.id, "name": kernel.name},
            "source": short(self.source),
            "execution": {"id": self.id, "count": self.count},
            "status": self.status,
            "started": to_text(self.started),
            "finished": to_text(self.finished),
            "activity": self.signer.activity or DEFAULT_ACTIVITY,
            "model": self.signer.model,
            "outputs": outputs.emissions(),
            "updates": outputs.updates(),
            "clears": outputs.clears,
        }
        subject = [{"name": "source", "digest": {"mloSourceV1": self.source.hex()}}]
        return self.signer.sign(types.RECORD, subject, predicate, now)
