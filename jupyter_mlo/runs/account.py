"""What a run's provenance says: gathered from the run and its kernel's statements.

Only words of ours and what the caller chose go into it. Text of the notebook (sources,
outputs, messages of errors) has no place in the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from jupyter_mlo.lifecycle.provenance import Run, RunOutcome
from jupyter_mlo.lifecycle.resources import FileDigest, statement_descriptor
from jupyter_mlo.runs.run import NotebookRun
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.strict_json import read_json

_LONGEST_PLACE: Final = 2048


def account(
    run: NotebookRun,
    *,
    outcome: RunOutcome,
    reason: str | None,
    seal: Envelope | None,
    statements: Sequence[Envelope],
    versions: Mapping[str, str],
) -> Run:
    """All that is known of ``run`` now that it has ended.

    Args:
        statements: what its kernel has put on record, checked.
        versions: of what took part, by name.
    """
    said = [read_json(envelope.payload) for envelope in statements]
    named = run.nb["metadata"].get("papermill", {})
    language = _language(run.nb["metadata"].get("language_info", {}))
    return Run(
        run_id=run.run_id,
        notebook_id=run.notebook_id,
        source=shown_place(named.get("input_path")),
        target=shown_place(named.get("output_path")),
        code=run.request.code,
        sealed=_notebook_digest(seal),
        parameters=None if run.request.tampered else run.request.parameters,
        activity=run.acting.activity,
        model=run.acting.model,
        started=run.started,
        finished=run.finished or run.now(),
        outcome=outcome,
        reason=reason,
        environment=replace(run.surroundings.environment, language=language),
        versions=versions,
        repository=run.surroundings.repository,
        data=[*run.surroundings.data, *_files(said, "input")],
        artifacts=_files(said, "output"),
        statements=[
            statement_descriptor(types.short_name(value["predicateType"]), envelope.statement_id)
            for envelope, value in zip(statements, said, strict=True)
        ],
    )


def shown_place(place: object) -> str | None:
    """A path or address as a statement may show it: without credentials or signed queries."""
    if not isinstance(place, str) or len(place) > _LONGEST_PLACE or place.lstrip().startswith("{"):
        return None  # a notebook itself, which papermill takes as well
    if "://" not in place:
        return place
    try:
        parts = urlsplit(place)
    except ValueError:
        return None
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _notebook_digest(seal: Envelope | None) -> str | None:
    if seal is None:
        return None
    return str(read_json(seal.payload)["subject"][0]["digest"]["mloNotebookV1"])


def _files(said: Sequence[Any], role: str) -> list[FileDigest]:
    """The files of the datasets among what the kernel said."""
    return [
        FileDigest(str(each["name"]), str(each["digest"]["sha256"]))
        for value in said
        if value["predicateType"] == types.DATASET and value["predicate"]["role"] == role
        for each in value["subject"]
        if "name" in each and "sha256" in each.get("digest", {})
    ]


def _language(info: Any) -> dict[str, str] | None:
    named = {name: str(info[name])[:100] for name in ("name", "version") if info.get(name)}
    return named or None
