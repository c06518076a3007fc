"""Members that several predicates share, and the strictness that all of them have."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

HexDigest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
#: SHA-256, base64url without padding: the short form inside our own predicates.
ShortDigest = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
KeyId = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Nonce = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}$")]
_NATIVE = re.compile(r"mlo:[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}")


def _is_in_one_form(mlo: str) -> str:
    # Without this, mlo:7k3d… and mlo:7K3D… would be two MLOs that look like one.
    if mlo.startswith("mlo:") and not _NATIVE.fullmatch(mlo):
        raise ValueError("a native MLO ID has one form: mlo:XXXX-XXXX-XXXX")
    return mlo


MloId = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$", max_length=2048),
    AfterValidator(_is_in_one_form),
]
NotebookId = Annotated[str, StringConstraints(pattern=r"^urn:uuid:[0-9a-f-]{36}$")]
Activity = Literal[
    "training",
    "validation",
    "deployment",
    "monitoring",
    "maintenance",
    "review",
    "compliance",
    "exploration",
]
ModelName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*(@[A-Za-z0-9._+-]+)?$", max_length=256),
]


def _is_time(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() is None or not text.endswith("Z"):
        raise ValueError("a time is written in UTC and ends in Z")
    return text


#: RFC 3339 in UTC with milliseconds, ``2026-11-22T10:54:15.123Z``.
Time = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$"),
    AfterValidator(_is_time),
]


class Strict(BaseModel):
    """Frozen, no unknown members, no coercion of types, names in camelCase on the wire."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, populate_by_name=True, hide_input_in_errors=True
    )


class QuotedCheckpoint(Strict):
    """The last checkpoint that the signer had seen: a lower bound for the statement's time."""

    origin: Annotated[str, StringConstraints(max_length=256)]
    size: Annotated[int, Field(ge=0, lt=2**53)]
    root: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{43}=$")]


class Signed(Strict):
    """What every predicate of our own begins with."""

    mlo: MloId
    key_id: Annotated[KeyId, Field(alias="keyId")]
    nonce: Nonce
    time: Time
    checkpoint: QuotedCheckpoint | None = None
    #: Statement ID of the delegation under which ``keyId`` acts; null for the MLO's own key.
    delegation: HexDigest | None = None
