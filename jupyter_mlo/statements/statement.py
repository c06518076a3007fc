"""in-toto Statement v1: subject, predicate type, predicate, and who says it.

Source: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jupyter_mlo.errors import StatementError
from jupyter_mlo.statements.envelope import PAYLOAD_TYPE, Envelope
from jupyter_mlo.statements.envelope import STATEMENT_TYPE as STATEMENT_TYPE
from jupyter_mlo.statements.envelope import statement_json as statement_json
from jupyter_mlo.statements.predicates import identity, lifecycle, notebook, privacy, types
from jupyter_mlo.statements.predicates.common import Signed
from jupyter_mlo.statements.predicates.lifecycle import ResourceDescriptor, Standard
from jupyter_mlo.statements.strict_json import read_json
from jupyter_mlo.statements.written_stamps import made, read_written

#: The model of every predicate that this version reads.
MODELS: Mapping[str, type[Signed] | type[Standard]] = {
    types.ENROLMENT: identity.Enrolment,
    types.DELEGATION: identity.Delegation,
    types.REVOCATION: identity.Revocation,
    types.AFFIRMATION: identity.Affirmation,
    types.MEMBERSHIP: identity.Membership,
    types.ROLE: identity.Role,
    types.RECORD: notebook.Record,
    types.STAMP: notebook.Stamp,
    types.SEAL: notebook.Seal,
    types.DATASET: lifecycle.Dataset,
    types.EVIDENCE: lifecycle.Evidence,
    types.ERASURE: privacy.Erasure,
    types.PROVENANCE: lifecycle.Provenance,
    types.TEST_RESULT: lifecycle.TestResult,
}
#: Those whose own members begin with ``mlo_``.
_STANDARD = frozenset(uri for uri, model in MODELS.items() if issubclass(model, Standard))


class Subject(ResourceDescriptor):
    """What a statement is about: always named by digest."""

    digest: Annotated[dict[str, str], Field(min_length=1)]


#: What a subject says where it says no more than name and digest.
_SILENT = dict.fromkeys(Subject.model_fields)


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    type_: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")]
    subject: Annotated[list[Subject], Field(min_length=1)]
    predicate_type: Annotated[str, Field(alias="predicateType")]
    predicate: dict[str, Any]


@dataclass(frozen=True)
class Statement:
    """A statement that was read from an envelope; its signature has not been checked by that."""

    envelope: Envelope
    predicate_type: str
    subject: tuple[Subject, ...]
    predicate: Signed | Standard

    @property
    def statement_id(self) -> str:
        """The statement's ID (see :class:`Envelope`)."""
        return self.envelope.statement_id

    @property
    def mlo(self) -> str:
        """The MLO ID for which the signer speaks."""
        return cast(str, self._member("id" if self.predicate_type in _STANDARD else "mlo"))

    @property
    def key_id(self) -> str:
        """The signer's key, as predicate and envelope both name it."""
        return self.envelope.key_id

    @property
    def activity(self) -> str | None:
        """Why the identifier was presented; None where the predicate has no activity."""
        return self._member("activity")

    @property
    def model(self) -> str | None:
        """The model that was acted on, if the statement names one."""
        return self._member("model")

    @property
    def run(self) -> str | None:
        """The run to which the statement belongs, if it names one."""
        return self._member("run") if self.predicate_type != types.DELEGATION else None

    @property
    def time(self) -> str:
        """The time that the signer claims."""
        return cast(str, self._member("time"))

    @property
    def delegation(self) -> str | None:
        """Statement ID of the delegation acted under; None for an MLO's own key."""
        return self._member("delegation")

    def _member(self, name: str) -> str | None:
        name = f"mlo_{name}" if self.predicate_type in _STANDARD else name
        value: str | None = getattr(self.predicate, name, None)
        return value


def read_statement(envelope: Envelope) -> Statement:
    """Parse and check the form of what an envelope says.

    Raises:
        StatementError: the payload is not a statement of a known predicate in the form
            that ``docs/formats.md`` gives, or its predicate names another key than the envelope.
    """
    written = read_written(envelope.payload)
    if written and written[0].key_id == envelope.key_id and envelope.payload_type == PAYLOAD_TYPE:
        stamp, digest, name = written
        subject = made(Subject, {"name": name, "digest": {"mloCellV1": digest}}, _SILENT, {})
        return Statement(envelope, types.STAMP, (subject,), stamp)
    return read_by_models(envelope)


def read_by_models(envelope: Envelope) -> Statement:
    """:func:`read_statement`, whatever the statement's form."""
    where = f"statement {envelope.statement_id[:12]}"
    if envelope.payload_type != PAYLOAD_TYPE:
        raise StatementError(
            f"{where} is of the type {envelope.payload_type!r}",
            hint=f"statements are {PAYLOAD_TYPE}",
        )
    value = read_json(envelope.payload)
    try:
        wire = _Wire.model_validate(value, by_alias=True, by_name=False)
        model = MODELS.get(wire.predicate_type)
        if model is None:
            raise StatementError(
                f"{where} has the unknown predicate type {wire.predicate_type!r}",
                hint="a newer version of jupyter-mlo may know it",
            )
        # Only names as they stand in the format: two names of one member would be two readings.
        predicate = model.model_validate(wire.predicate, by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise StatementError(
            f"{where} is not well-formed: {place}: {first['msg']}",
            hint="see docs/formats.md for the form of each predicate",
        ) from None
    key_id = predicate.key_id if isinstance(predicate, Signed) else predicate.mlo_key_id
    if key_id != envelope.key_id:
        raise StatementError(
            f"{where} says it is signed by {key_id}, its envelope names {envelope.key_id}",
            hint="the envelope's keyid was changed after signing",
        )
    return Statement(envelope, wire.predicate_type, tuple(wire.subject), predicate)
