"""Run provenance (SLSA), test results (in-toto), datasets and evidence."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from jupyter_mlo.statements.predicates.common import (
    Activity,
    HexDigest,
    KeyId,
    MloId,
    ModelName,
    Nonce,
    NotebookId,
    QuotedCheckpoint,
    Signed,
    Strict,
    Time,
)

Name = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Standard(BaseModel):
    """Another specification's predicate: unknown members are kept, ours begin with ``mlo_``."""

    model_config = ConfigDict(
        extra="allow", frozen=True, strict=True, populate_by_name=True, hide_input_in_errors=True
    )

    mlo_id: MloId
    mlo_key_id: Annotated[KeyId, Field(alias="mlo_keyId")]
    mlo_nonce: Nonce
    mlo_time: Time
    mlo_checkpoint: QuotedCheckpoint | None = None
    mlo_delegation: HexDigest | None = None
    mlo_activity: Activity
    mlo_model: ModelName | None = None
    mlo_run: NotebookId | None = None


class ResourceDescriptor(BaseModel):
    """in-toto v1 ResourceDescriptor; uri, digest or content says which resource."""

    model_config = ConfigDict(
        extra="allow", frozen=True, strict=True, populate_by_name=True, hide_input_in_errors=True
    )

    name: str | None = None
    uri: str | None = None
    digest: dict[str, str] | None = None
    content: str | None = None
    media_type: Annotated[str | None, Field(alias="mediaType")] = None
    annotations: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if self.uri is None and self.digest is None and self.content is None:
            raise ValueError("a resource has a uri, a digest or content")
        return self


class BuildDefinition(BaseModel):
    """SLSA v1: what was run, with which parameters, on what."""

    model_config = ConfigDict(
        extra="allow", frozen=True, strict=True, populate_by_name=True, hide_input_in_errors=True
    )

    build_type: Annotated[str, Field(alias="buildType")]
    external_parameters: Annotated[dict[str, Any], Field(alias="externalParameters")]
    internal_parameters: Annotated[dict[str, Any], Field(alias="internalParameters")] = {}
    resolved_dependencies: Annotated[
        list[ResourceDescriptor], Field(alias="resolvedDependencies")
    ] = []


class Builder(BaseModel):
    """SLSA v1: who ran it: for us the engine and its version."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, hide_input_in_errors=True)

    id: str
    version: dict[str, str] = {}


class BuildMetadata(BaseModel):
    """SLSA v1: which invocation, from when to when."""

    model_config = ConfigDict(
        extra="allow", frozen=True, strict=True, populate_by_name=True, hide_input_in_errors=True
    )

    invocation_id: Annotated[str, Field(alias="invocationId")]
    started_on: Annotated[Time, Field(alias="startedOn")]
    finished_on: Annotated[Time, Field(alias="finishedOn")]


class RunDetails(BaseModel):
    """SLSA v1: builder, metadata, and what came out beside the subject."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, hide_input_in_errors=True)

    builder: Builder
    metadata: BuildMetadata
    byproducts: list[ResourceDescriptor] = []


class Provenance(Standard):
    """``https://slsa.dev/provenance/v1`` of one notebook run."""

    build_definition: Annotated[BuildDefinition, Field(alias="buildDefinition")]
    run_details: Annotated[RunDetails, Field(alias="runDetails")]
    mlo_outcome: Literal["succeeded", "failed", "interrupted"]


class TestResult(Standard):
    """``https://in-toto.io/attestation/test-result/v0.1`` of one validation."""

    __test__ = False

    result: Literal["PASSED", "WARNED", "FAILED"]
    configuration: list[ResourceDescriptor]
    passed_tests: Annotated[list[str], Field(alias="passedTests")] = []
    warned_tests: Annotated[list[str], Field(alias="warnedTests")] = []
    failed_tests: Annotated[list[str], Field(alias="failedTests")] = []
    mlo_metrics: dict[str, Number] = {}
    mlo_thresholds: dict[str, Number] = {}


class Dataset(Signed):
    """Data that was used or made; the statement's subjects are its files under ``sha256``."""

    name: Name
    role: Literal["input", "output"]
    activity: Activity
    model: ModelName | None = None
    run: NotebookId | None = None


class Evidence(Signed):
    """Numbers that a run or a person puts on record: metrics, each a finite double."""

    name: Name
    activity: Activity
    model: ModelName | None = None
    run: NotebookId | None = None
    metrics: dict[Name, Number]


__all__ = [
    "BuildDefinition",
    "BuildMetadata",
    "Builder",
    "Dataset",
    "Evidence",
    "Provenance",
    "ResourceDescriptor",
    "RunDetails",
    "Standard",
    "Strict",
    "TestResult",
]
