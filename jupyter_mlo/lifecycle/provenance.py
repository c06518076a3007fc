"""Provenance of a run: what was executed, on what, by whom, and what came out.

Source: SLSA v1 provenance (https://slsa.dev/spec/v1.0/provenance). ``externalParameters``
holds what the caller chose, ``internalParameters`` where it ran, ``resolvedDependencies``
what went in, ``byproducts`` the statements made inside the run. The build type and its
fields are described in ``docs/formats.md``, "Run provenance".
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from jupyter_mlo.lifecycle.resources import FileDigest, code_descriptor, descriptors, given
from jupyter_mlo.lifecycle.secret_parameters import WITHHELD, looks_secret
from jupyter_mlo.statements.canonical import canonical_bytes
from jupyter_mlo.statements.predicates.types import OWN
from jupyter_mlo.statements.times import to_text

BUILD_TYPE: Final = OWN + "papermill-run/v1"
BUILDER: Final = OWN + "papermill-engine/v1"
BATCH_BUILDER: Final = OWN + "batch/v1"
RunOutcome = Literal["succeeded", "failed", "interrupted"]

#: A parameter's JSON text above this size (bytes) is named by its digest.
_MAX_VALUE: Final = 4096
#: All parameters together above this size are named by one digest.
_MAX_PARAMETERS: Final = 256 * 1024
#: More files than this are named by the statements that list them, among the byproducts.
MOST_FILES: Final = 2_000
_MAX_DEPTH: Final = 32
#: Larger integers are not doubles without loss, and are written as text.
_EXACT: Final = 2**53


@dataclass(frozen=True)
class Repository:
    """The git repository that the notebook came from, as it was when the run began."""

    commit: str
    #: Whether tracked files differed from the commit; None where git could not say in time.
    dirty: bool | None
    #: Whether the notebook itself is a tracked file.
    tracked: bool | None


@dataclass(frozen=True)
class Environment:
    """The kernel's language and packages, as far as they can be known from outside."""

    #: Name of the kernelspec.
    kernel: str
    #: ``{"name": "python", "version": "3.11.7"}`` as the kernel says it; None if it said nothing.
    language: Mapping[str, str] | None = None
    #: (name, version) of each installed distribution; None where the kernel's is not Python.
    packages: tuple[tuple[str, str], ...] | None = None
    #: Why ``packages`` is None.
    unknown: str | None = None
    #: What the kernelspec of that name was when the run began: its language, and ``mloArgvV1``.
    kernelspec: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Run:
    """All that is known of a run when it has ended."""

    run_id: str
    notebook_id: str
    #: Path or address of the input, as the caller gave it; None where a notebook object was passed.
    source: str | None
    #: Path or address of the output; None where nothing was written.
    target: str | None
    code: str
    #: ``mloNotebookV1`` of the sealed output, hex; None where it could not be sealed.
    sealed: str | None
    #: None where what was injected is not what the parameters say.
    parameters: Mapping[str, Any] | None
    activity: str
    model: str | None
    started: datetime
    finished: datetime
    outcome: RunOutcome
    environment: Environment
    versions: Mapping[str, str]
    #: Why the run did not succeed, in a few words of ours (never text of the notebook).
    reason: str | None = None
    repository: Repository | None = None
    data: Sequence[FileDigest] = ()
    artifacts: Sequence[FileDigest] = ()
    #: Statements made inside the run: descriptors.
    statements: Sequence[Mapping[str, Any]] = field(default=())


def subject(run: Run) -> list[dict[str, Any]]:
    """What came out: the output notebook and the artefacts.

    A run whose notebook could not be sealed is named by its code instead.
    """
    notebook = (
        {"name": run.notebook_id, "digest": {"mloNotebookV1": run.sealed}}
        if run.sealed
        else code_descriptor(run.notebook_id, run.code)
    )
    return [notebook, *_listed(run.artifacts)]


def provenance(run: Run, builder: str = BUILDER) -> dict[str, Any]:
    """The predicate, without its header; ``builder`` is the URI of what drove the notebook."""
    return {
        "mlo_activity": run.activity,
        "mlo_model": run.model,
        "mlo_run": run.run_id,
        "mlo_outcome": run.outcome,
        **given({"mlo_reason": run.reason}),
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": given(
                {
                    "notebook": run.source,
                    "output": run.target,
                    "kernel": run.environment.kernel,
                    "parameters": (
                        plain_parameters(run.parameters) if run.parameters is not None else None
                    ),
                }
            ),
            "internalParameters": _internal(run.environment),
            "resolvedDependencies": _dependencies(run),
        },
        "runDetails": {
            "builder": {"id": builder, "version": dict(run.versions)},
            "metadata": {
                "invocationId": run.run_id,
                "startedOn": to_text(run.started),
                "finishedOn": to_text(run.finished),
            },
            "byproducts": [dict(each) for each in run.statements],
        },
    }


def packages_digest(packages: Sequence[tuple[str, str]]) -> str:
    """``mloPackagesV1``: hex SHA-256 over RFC 8785 JSON of the sorted ``[name, version]`` pairs."""
    return hashlib.sha256(canonical_bytes([list(pair) for pair in sorted(packages)])).hexdigest()


def argv_digest(argv: Sequence[str]) -> str:
    """``mloArgvV1``: hex SHA-256 over RFC 8785 JSON of a kernelspec's ``argv``, as it stands."""
    return hashlib.sha256(canonical_bytes(list(argv))).hexdigest()


def plain_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON data: large ones by digest, odd ones (dates, NaN) as what they read as.

    Values that look secret are withheld.
    """
    plain = {name: _bounded(value) for name, value in _members(parameters, 0).items()}
    whole: dict[str, Any] = _bounded(plain, _MAX_PARAMETERS)
    return whole


def _internal(environment: Environment) -> dict[str, Any]:
    packages: dict[str, Any] = {"unknown": environment.unknown or "it was not looked for"}
    if environment.packages is not None:
        packages = {"count": len(environment.packages)}
    language = environment.language
    kernelspec = environment.kernelspec
    return given(
        {
            "language": dict(language) if language else None,
            "kernelspec": dict(kernelspec) if kernelspec else None,
            "packages": packages,
        }
    )


def _dependencies(run: Run) -> list[dict[str, Any]]:
    found = [code_descriptor("notebook", run.code)]
    if run.repository is not None:
        state = given({"dirty": run.repository.dirty, "tracked": run.repository.tracked})
        found.append(
            {"name": "repository", "digest": {"gitCommit": run.repository.commit}}
            | ({"annotations": state} if state else {})
        )
    if run.environment.packages is not None:
        digest = packages_digest(run.environment.packages)
        found.append({"name": "packages", "digest": {"mloPackagesV1": digest}})
    return [*found, *_listed(run.data)]


def _listed(files: Sequence[FileDigest]) -> list[dict[str, Any]]:
    listed = descriptors(files)
    return listed if len(listed) <= MOST_FILES else []


def _plain(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return "…"
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) <= _EXACT else str(value)
    if isinstance(value, str):
        return dict(WITHHELD) if looks_secret("", value) else _text(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(value)
    if isinstance(value, Mapping):
        return _members(value, depth + 1)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each, depth + 1) for each in value]
    return _text(value)


def _members(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    return {
        _text(name): dict(WITHHELD) if looks_secret(str(name)) else _plain(each, depth)
        for name, each in value.items()
    }


def _text(value: object) -> str:
    """Text that UTF-8 has a form for."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _bounded(value: Any, most: int = _MAX_VALUE) -> Any:
    text = canonical_bytes(value)
    if len(text) <= most:
        return value
    return {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
