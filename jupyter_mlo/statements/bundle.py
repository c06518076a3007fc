"""Statements for exchange: Sigstore bundles v0.3, one a statement, as JSON Lines.

Source: the Sigstore bundle format (https://docs.sigstore.dev/about/bundle/), media type
``application/vnd.dev.sigstore.bundle.v0.3+json``, with a public key's hint in place of a
certificate. The hint is the envelope's ``keyid``. A bundle brings no root of trust: whose a key
is, the reader's own configuration says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jupyter_mlo.errors import StatementError
from jupyter_mlo.statements.canonical import canonical_bytes
from jupyter_mlo.statements.envelope import MAX_ENVELOPE, Envelope
from jupyter_mlo.statements.strict_json import read_json

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
#: Members of ``verificationMaterial`` that say nothing of ours where they are empty.
_IDLE: Final = ("tlogEntries", "timestampVerificationData")


def to_bundle(envelope: Envelope) -> bytes:
    """The bundle of one statement: one line of JSON, without the newline."""
    return canonical_bytes(
        {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {
                "publicKey": {"hint": envelope.key_id},
                "tlogEntries": [],
                "timestampVerificationData": {},
            },
            "dsseEnvelope": envelope.to_json(),
        }
    )


def from_bundle(line: bytes) -> Envelope:
    """Read a bundle; its signature is not checked by that.

    Raises:
        StatementError: it is not a bundle with one of our envelopes and a key's hint.
    """
    if len(line) > 2 * MAX_ENVELOPE:
        raise _malformed(f"it has {len(line)} bytes")
    bundle = read_json(line)
    if not isinstance(bundle, dict) or bundle.get("mediaType") != MEDIA_TYPE:
        raise _malformed(f"its mediaType is not {MEDIA_TYPE}")
    if set(bundle) != {"mediaType", "verificationMaterial", "dsseEnvelope"}:
        raise _malformed("it has other members than a bundle with a DSSE envelope")
    envelope = Envelope.from_json(bundle["dsseEnvelope"])
    hint = _hint(bundle["verificationMaterial"])
    if hint != envelope.key_id:
        raise _malformed("its public key's hint is not the keyid of its envelope")
    return envelope


def _hint(material: Any) -> Any:
    if not isinstance(material, Mapping):
        raise _malformed("its verificationMaterial is not an object")
    if any(material.get(name) for name in _IDLE) or not {"publicKey", *_IDLE} >= set(material):
        raise _malformed("its verificationMaterial is not that of a bare public key")
    key = material.get("publicKey")
    return key.get("hint") if isinstance(key, Mapping) and set(key) == {"hint"} else None


def _malformed(why: str) -> StatementError:
    return StatementError(
        f"this is not a bundle of ours: {why}", hint="docs/formats.md, 'Exchange', says its form"
    )
