"""The statements that bind keys to MLOs, and MLOs to teams and roles."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from jupyter_mlo.statements.predicates.common import (
    Activity,
    HexDigest,
    KeyId,
    MloId,
    ModelName,
    NotebookId,
    Signed,
    Strict,
    Time,
)

PublicKeyText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+=*$", max_length=512)]
Kind = Literal["person", "team", "service", "assistant"]
Everything = Literal["*"]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Enrolment(Signed):
    """``mlo`` holds ``publicKey``.

    Signed by that key, by a registrar (with a handle), or by another key of the same MLO: a
    successor, or a second device.
    """

    kind: Kind
    public_key: Annotated[PublicKeyText, Field(alias="publicKey")]
    #: Opaque person handle, given by a registrar only.
    handle: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}$")] | None = None
    #: The MLO ID that this one takes the place of, its key being lost: a claim.
    succeeds: MloId | None = None


class Range(Strict):
    """The numbers from ``min`` to ``max``, both included; one of them at least is given."""

    min: Number | None = None
    max: Number | None = None
    integers: bool = False

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("a range has min, max or both")
        return self


class Scope(Strict):
    """What a delegated key may do. An absent member permits nothing; ``"*"`` permits all."""

    activities: list[Activity] | Everything = []
    models: list[ModelName] | Everything = []
    predicates: list[str] | Everything = []
    #: ``mloCodeV1`` digests of the notebooks that may be run.
    code: list[HexDigest] | Everything = []
    #: Parameter names, each with the JSON texts of its permitted values, a range or ``"*"``.
    parameters: dict[str, list[str] | Range | Everything] | Everything = {}
    not_before: Annotated[Time, Field(alias="notBefore")]
    not_after: Annotated[Time, Field(alias="notAfter")]
    #: How many runs may be started under this delegation.
    uses: Annotated[int, Field(ge=0, lt=2**53)] | Everything = 0
    #: Kinds of delegation that the delegate may issue in turn.
    delegate: list[Literal["session", "mandate", "assistant", "run"]] = []


class Run(Strict):
    """The one run, and the one notebook in it, that a ``run`` delegation is for."""

    id: NotebookId
    notebook: NotebookId


class Delegation(Signed):
    """``publicKey`` may act for ``mlo`` within ``scope``. Signed by ``keyId``."""

    kind: Literal["session", "mandate", "assistant", "run"]
    public_key: Annotated[PublicKeyText, Field(alias="publicKey")]
    scope: Scope
    run: Run | None = None
    #: The team that ``mlo`` acts for under this delegation, and below it.
    on_behalf_of: Annotated[MloId | None, Field(alias="onBehalfOf")] = None
    #: The assistant that acts for ``mlo`` under this grant.
    assistant: MloId | None = None
    #: The mandate in whose place this one stands: renewed, or divided.
    replaces: HexDigest | None = None

    @model_validator(mode="after")
    def _as_its_kind_asks(self) -> Self:
        if self.replaces is not None and self.kind != "mandate":
            raise ValueError("only a mandate replaces another")
        if (self.kind == "run") != (self.run is not None):
            raise ValueError("run is given exactly where kind is run")
        if (self.kind == "assistant") != (self.assistant is not None):
            raise ValueError("assistant is given exactly where kind is assistant")
        return self


class Revocation(Signed):
    """A key or a delegation ends. Exactly one of ``revokes`` and ``revokesKey`` is given."""

    revokes: HexDigest | None = None
    revokes_key: Annotated[KeyId | None, Field(alias="revokesKey")] = None
    reason: Literal["ended", "superseded", "left", "lost", "compromised"]
    #: From when on the key may have been in other hands.
    compromised_since: Annotated[Time | None, Field(alias="compromisedSince")] = None

    @model_validator(mode="after")
    def _one_thing_and_since_when(self) -> Self:
        if (self.revokes is None) == (self.revokes_key is None):
            raise ValueError("exactly one of revokes and revokesKey is given")
        if self.reason == "compromised" and self.compromised_since is None:
            raise ValueError("a compromise says compromisedSince")
        return self


class Affirmation(Signed):
    """``mlo`` answers for the statements that are its subjects, under a key that is in force."""


class Membership(Signed):
    """``member`` may act for the team ``mlo``. Signed by the team's own key, or a registrar."""

    member: MloId
    not_after: Annotated[Time | None, Field(alias="notAfter")] = None


class Role(Signed):
    """``mlo`` has a role in the organisation. Signed by a registrar."""

    role: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    not_after: Annotated[Time | None, Field(alias="notAfter")] = None
