"""What :func:`jupyter_mlo.record` signs: which statements, about which files.

============================  =====================================================
given                         signed
============================  =====================================================
``thresholds`` (+ metrics)    a test result, of the artefact or else of the notebook
``metrics`` alone             evidence, about the artefact or else the notebook
``data``                      a dataset (input) for each name
``artifact``, no thresholds   a dataset (output) for each name
============================  =====================================================
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.lifecycle.dataset import dataset
from jupyter_mlo.lifecycle.evidence import evidence, numbers_subject
from jupyter_mlo.lifecycle.resources import FileDigest, code_descriptor, descriptors
from jupyter_mlo.lifecycle.test_result import Outcome, judge, validation_result
from jupyter_mlo.lifecycle.thresholds import Threshold, read_metrics, read_thresholds
from jupyter_mlo.runs.files import digest_path
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types


@dataclass(frozen=True)
class Recorded:
    """What was put on record. False where nothing was."""

    #: Kind and statement ID of each statement.
    statements: tuple[tuple[str, str], ...]
    #: Which thresholds hold; None where none were given.
    outcome: Outcome | None = None
    #: Why nothing is on record, or what else is to be known.
    note: str = ""

    @property
    def result(self) -> str | None:
        """``PASSED`` or ``FAILED``; None without thresholds."""
        return self.outcome.result if self.outcome is not None else None

    def __bool__(self) -> bool:
        return bool(self.statements)

    def __repr__(self) -> str:
        if not self.statements:
            head = f"not on record: {self.note}"
        else:
            kinds = ", ".join(f"{kind} {statement[:12]}" for kind, statement in self.statements)
            head = f"on record: {kinds}" + (f" ({self.note})" if self.note else "")
        if self.outcome is None:
            return f"<{head}>"
        failed = f", not: {'; '.join(self.outcome.failed)}" if self.outcome.failed else ""
        return f"<{self.result}{failed}; {head}>"


@dataclass(frozen=True)
class Subjects:
    """What was given, read and digested."""

    metrics: Mapping[str, float]
    thresholds: tuple[Threshold, ...]
    #: Name → the files under it.
    data: Mapping[str, Sequence[FileDigest]]
    artifacts: Mapping[str, Sequence[FileDigest]]
    name: str | None

    @classmethod
    def read(
        cls, *, metrics: Any, thresholds: Any, data: Any, artifact: Any, name: str | None
    ) -> Subjects:
        """Check and digest; raises :class:`InvalidInput` and :class:`NotFound`."""
        if name is not None and not (isinstance(name, str) and 0 < len(name) <= 1024):
            raise InvalidInput(
                "the name is not a text of 1 to 1,024 characters", hint='name="validation of May"'
            )
        subjects = cls(
            metrics=read_metrics(metrics) if metrics is not None else {},
            thresholds=read_thresholds(thresholds) if thresholds is not None else (),
            data=_files(data, "data"),
            artifacts=_files(artifact, "artifact"),
            name=name,
        )
        if not (subjects.metrics or subjects.thresholds or subjects.data or subjects.artifacts):
            raise InvalidInput(
                "nothing was given to put on record",
                hint='jupyter_mlo.record(metrics={"auc": 0.81}, data="loans.csv")',
            )
        return subjects

    @property
    def outcome(self) -> Outcome | None:
        """Which thresholds hold; None where none were given."""
        return judge(self.metrics, self.thresholds) if self.thresholds else None

    def about(self, files: Mapping[str, Sequence[FileDigest]]) -> list[FileDigest]:
        """All files of a group."""
        return [file for group in files.values() for file in group]


def statements_of(
    subjects: Subjects, signer: Signer, *, activity: str, code: str | None, now: datetime
) -> list[tuple[str, Envelope]]:
    """Sign what was given; each statement with the word for its kind.

    Args:
        code: ``mloCodeV1`` of the run's notebook, hex; None outside a run.

    Raises:
        Refused: the signer may not say one of them; none is signed then.
    """
    common: dict[str, Any] = {
        "activity": activity,
        "model": signer.model,
        "run": signer.run["id"] if signer.run else None,
    }
    wanted: list[tuple[str, list[dict[str, Any]], dict[str, Any]]] = []
    used = subjects.about(subjects.data)
    if subjects.thresholds:
        predicate = validation_result(
            subjects.metrics, subjects.thresholds, data=descriptors(used), **common
        )
        wanted.append((types.TEST_RESULT, _about(subjects, code), predicate))
    elif subjects.metrics:
        name = subjects.name or signer.model or "metrics"
        predicate = evidence(name, subjects.metrics, **common)
        wanted.append((types.EVIDENCE, _about(subjects, code), predicate))
    groups: list[tuple[Literal["input", "output"], Mapping[str, Sequence[FileDigest]]]] = [
        ("input", subjects.data)
    ]
    if not subjects.thresholds:
        groups.append(("output", subjects.artifacts))
    for role, files in groups:
        for name, group in files.items():
            wanted.append((types.DATASET, descriptors(group), dataset(name, role, **common)))
    return [
        (types.short_name(kind), signer.sign(kind, subject, predicate, now))
        for kind, subject, predicate in wanted
    ]


def _about(subjects: Subjects, code: str | None) -> list[dict[str, Any]]:
    """What the numbers are about: the artefact, else the run's notebook, else themselves."""
    artifacts = subjects.about(subjects.artifacts)
    if artifacts:
        return descriptors(artifacts)
    if code is not None:
        return [code_descriptor("notebook", code)]
    return descriptors([numbers_subject(subjects.name or "metrics", subjects.metrics)])


def _files(given: Any, what: str) -> dict[str, list[FileDigest]]:
    """Files by the name they are known under."""
    if given is None:
        return {}
    named: dict[str, Any]
    if isinstance(given, Mapping):
        named = dict(given)
    elif isinstance(given, str | os.PathLike):
        path = _path(given, what)
        named = {path.name or path.as_posix(): path}
    elif isinstance(given, list | tuple):
        paths = [_path(each, what) for each in given]
        names = [path.name for path in paths]
        # Files of one name in two folders keep their paths apart.
        named = {
            path.name if names.count(path.name) == 1 else path.as_posix(): path for path in paths
        }
    else:
        raise _no_path(given, what)
    found = {}
    for name, place in named.items():
        if not isinstance(name, str) or not 0 < len(name) <= 1024:
            raise InvalidInput(
                f"{name!r:.60} cannot name a file of {what}",
                hint="a name is a text of 1 to 1,024 characters",
            )
        found[name] = digest_path(_path(place, what), name)
    return found


def _path(place: Any, what: str) -> Path:
    if not isinstance(place, str | os.PathLike) or not str(place) or "\0" in str(place):
        raise _no_path(place, what)
    return Path(place)


def _no_path(given: Any, what: str) -> InvalidInput:
    return InvalidInput(
        f"{what} is {type(given).__name__}, not a path",
        hint="a table in memory has no bytes that others could check: write it to a file, and "
        "pass the file's path",
    )
