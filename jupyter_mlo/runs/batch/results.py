"""What became of each job: small enough to keep for all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from jupyter_mlo.lifecycle.secret_parameters import looks_secret
from jupyter_mlo.runs.batch.jobs import Job
from jupyter_mlo.runs.ending import Ending
from jupyter_mlo.runs.identity import Acting
from jupyter_mlo.runs.run import NotebookRun
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.strict_json import read_json

Status = Literal["succeeded", "failed", "interrupted", "refused", "kept", "not started"]
#: Metrics of one run that are shown, and remarks on one run.
_MOST_METRICS: Final = 50
_MOST_REMARKS: Final = 10


@dataclass(frozen=True)
class Tried:
    """One attempt."""

    run_id: str
    outcome: str
    reason: str | None


@dataclass(frozen=True)
class Done:
    """A run of an earlier batch that is not repeated."""

    run_id: str
    acting: Acting
    #: Metrics and test results that it signed.
    statements: Sequence[Envelope]


@dataclass
class Result:
    """A job's, filled in as it goes on."""

    job: Job
    status: Status = "not started"
    #: Why it did not succeed, or what is to be known.
    reason: str = ""
    mlo: str | None = None
    #: ``mandate``, ``session`` or ``nobody``.
    via: str = ""
    activity: str = ""
    model: str | None = None
    #: Monotonic seconds when its cells began to be executed.
    began: float | None = None
    seconds: float = 0.0
    attempts: list[Tried] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    #: ``PASSED`` or ``FAILED`` of what the notebook has tested; None where it has tested nothing.
    tested: str | None = None
    #: The output is sealed, and all statements are in the ledger or wait for it.
    sealed: bool = False
    waiting: int = 0
    remarks: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether there is nothing to be done about it."""
        return self.status in ("succeeded", "kept")

    def remark(self, text: str) -> None:
        """Keep a sentence on it."""
        if len(self.remarks) < _MOST_REMARKS and text not in self.remarks:
            self.remarks.append(text)

    def acted(self, run: NotebookRun) -> None:
        """Who acts for it."""
        self._acted(run.acting)

    def _acted(self, acting: Acting) -> None:
        self.mlo = acting.signer.mlo if acting.signer else None
        self.via, self.activity, self.model = acting.via, acting.activity, acting.model

    def keep(self, done: Done) -> None:
        """It was done before."""
        self.status, self.sealed = "kept", True
        self.reason = f"run {done.run_id.removeprefix('urn:uuid:')[:8]} has done it"
        self._acted(done.acting)
        self._read(done.statements)

    def ended(self, run: NotebookRun, ending: Ending) -> None:
        """An attempt has ended."""
        outcome = ending.outcome or "failed"
        reason = ending.reason
        if ending.unwritten is not None:
            outcome, reason = "failed", f"it could not be written: {ending.unwritten}"
        self.attempts.append(Tried(run.run_id, outcome, reason))
        self.status = outcome
        self.reason = str(ending.failed_cell or reason or ending.undigested or "").split("\n")[0]
        self.sealed = ending.sealed
        self.waiting = ending.waiting
        self._read(ending.statements)

    def _read(self, statements: Iterable[Envelope]) -> None:
        """What a run has measured and tested."""
        for envelope in statements:
            said = read_json(envelope.payload)
            if said["predicateType"] == types.EVIDENCE:
                for name, value in said["predicate"]["metrics"].items():
                    if len(self.metrics) < _MOST_METRICS:
                        self.metrics[name] = value
            elif said["predicateType"] == types.TEST_RESULT:
                result = said["predicate"]["result"]
                self.tested = result if self.tested != "FAILED" else "FAILED"

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "run": self.job.number,
            "notebook": self.job.source,
            "output": self.job.target,
            "parameters": shown_parameters(self.job.parameters),
            "status": self.status,
            "reason": self.reason or None,
            "mlo": self.mlo,
            "via": self.via or None,
            "activity": self.activity or None,
            "model": self.model,
            "seconds": round(self.seconds, 3),
            "attempts": [
                {"run": each.run_id, "outcome": each.outcome, "reason": each.reason}
                for each in self.attempts
            ],
            "metrics": dict(self.metrics),
            "tested": self.tested,
            "sealed": self.sealed,
            "waiting": self.waiting,
            "remarks": list(self.remarks),
        }


def shown_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as lists of results may show them: secrets withheld, odd values as text."""
    shown: dict[str, Any] = {}
    for name, value in parameters.items():
        if looks_secret(name, value):
            shown[name] = "(withheld)"
        elif value is None or isinstance(value, bool | int | str):
            shown[name] = value
        else:
            finite = isinstance(value, float) and math.isfinite(value)
            shown[name] = value if finite else str(value)
    return shown
