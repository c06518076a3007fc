"""DSSE envelopes: the signed bytes of every statement, kept as they were signed.

Source: the DSSE v1 protocol (https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md)
and envelope (``envelope.md``). One deviation, on the strict side: exactly one signature,
as the Sigstore bundle v0.3 asks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jupyter_mlo.errors import StatementError
from jupyter_mlo.identity.keys import PublicKey, SigningKey
from jupyter_mlo.statements.canonical import canonical_bytes
from jupyter_mlo.statements.strict_json import read_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
#: Whether a text stands in JSON as it is.
_plain = re.compile(r"[ !#-\[\]-~]*").fullmatch
#: What :meth:`Envelope.to_bytes` writes, as far as it is the same for all.
_HEAD = b'{"payload":"'
_MIDDLE = b'","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"'
_BEFORE_SIGNATURE = b'","sig":"'
_TAIL = b'"}]}'
#: An envelope above this size (bytes of JSON text) is refused unread.
MAX_ENVELOPE = 4 * 1024 * 1024


def pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """DSSE pre-authentication encoding: the bytes that are signed."""
    if payload_type == PAYLOAD_TYPE:
        return b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(payload), payload)
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True)
class Envelope:
    """A statement's payload as signed, and the one signature over it.

    ``signature`` is ASN.1 DER (ECDSA P-256 with SHA-256); ``key_id`` is a hint until
    :meth:`check_signature` has held it against a key.
    """

    payload: bytes
    key_id: str
    signature: bytes
    payload_type: str = PAYLOAD_TYPE

    @cached_property
    def statement_id(self) -> str:
        """SHA-256 (lower-case hex) of the PAE bytes; the same whatever the signature's bytes."""
        return hashlib.sha256(pae(self.payload, self.payload_type)).hexdigest()

    def holds_under(self, key: PublicKey) -> bool:
        """Whether ``key`` signed this envelope and is the one it names."""
        # What is signed is the PAE's SHA-256, and so is the statement's ID.
        return self.key_id == key.key_id and key.verifies_digest(
            self.signature, bytes.fromhex(self.statement_id)
        )

    def check_signature(self, key: PublicKey) -> None:
        """Raise :class:`StatementError` unless ``key`` signed this and is the one it names."""
        if self.key_id != key.key_id:
            raise StatementError(
                f"statement {self.statement_id[:12]} names key {self.key_id} "
                f"but was held against {key.key_id}",
                hint="the envelope's keyid was changed after signing, or the wrong key was given",
            )
        if not self.holds_under(key):
            raise StatementError(
                f"the signature of statement {self.statement_id[:12]} does not hold "
                f"under {self.key_id}",
                hint="the statement or its signature was changed after signing",
            )

    def to_json(self) -> dict[str, Any]:
        """The envelope as the JSON object of the DSSE specification."""
        return {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [
                {"keyid": self.key_id, "sig": base64.b64encode(self.signature).decode()}
            ],
        }

    def to_bytes(self) -> bytes:
        """The envelope as one line of canonical JSON (no trailing newline)."""
        if not (self.payload_type == PAYLOAD_TYPE and _plain(self.key_id)):
            return canonical_bytes(self.to_json())
        # Written so, it is canonical already: nothing has to be sorted or escaped.
        return b"".join(
            (
                _HEAD,
                binascii.b2a_base64(self.payload, newline=False),
                _MIDDLE,
                self.key_id.encode(),
                _BEFORE_SIGNATURE,
                binascii.b2a_base64(self.signature, newline=False),
                _TAIL,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Envelope:
        """Read JSON text; raises :class:`StatementError` where it is not one envelope."""
        if len(data) > MAX_ENVELOPE:
            raise StatementError(
                f"an envelope of {len(data)} bytes is larger than the limit of {MAX_ENVELOPE}",
                hint="statements name large things by digest; this is none of ours",
            )
        return cls._as_written(data) or cls.from_json(read_json(data))

    @classmethod
    def _as_written(cls, data: bytes) -> Envelope | None:
        """What :meth:`to_bytes` wrote, which nearly all is; None where it wrote something else."""
        if not (data.startswith(_HEAD) and data.endswith(_TAIL)):
            return None
        payload, middle, rest = data[len(_HEAD) : -len(_TAIL)].partition(_MIDDLE)
        key_id, before, signature = rest.partition(_BEFORE_SIGNATURE)
        if not (middle and before and key_id.isascii()):
            return None
        name = key_id.decode()
        if not _plain(name):
            return None
        try:
            return cls(_decoded(payload), name, _decoded(signature))
        except ValueError:
            return None

    @classmethod
    def from_json(cls, value: object) -> Envelope:
        """Read a parsed JSON value; raises :class:`StatementError` where it is not one envelope."""
        if not isinstance(value, Mapping):
            raise _malformed("it is not a JSON object")
        if set(value) != {"payload", "payloadType", "signatures"}:
            raise _malformed("its members are not payload, payloadType and signatures")
        signatures = value["signatures"]
        if not isinstance(signatures, list) or len(signatures) != 1:
            raise _malformed("it does not have exactly one signature")
        entry = signatures[0]
        if not isinstance(entry, Mapping) or set(entry) != {"keyid", "sig"}:
            raise _malformed("its signature is not an object of keyid and sig")
        if value["payloadType"] != PAYLOAD_TYPE:
            raise _malformed(f"its payloadType is not {PAYLOAD_TYPE}")
        key_id = entry["keyid"]
        if not isinstance(key_id, str):
            raise _malformed("its keyid is not a string")
        return cls(
            payload=_decode(value["payload"], "payload"),
            key_id=key_id,
            signature=_decode(entry["sig"], "sig"),
        )


def statement_json(
    predicate_type: str, subject: Sequence[Mapping[str, Any]], predicate: Mapping[str, Any]
) -> dict[str, Any]:
    """The JSON object of an in-toto Statement v1, ready to be signed."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": list(subject),
        "predicateType": predicate_type,
        "predicate": predicate,
    }


def sign(statement: Mapping[str, Any], key: SigningKey) -> Envelope:
    """Serialise ``statement`` once (RFC 8785) and sign exactly those bytes."""
    payload = canonical_bytes(statement)
    return Envelope(payload=payload, key_id=key.key_id, signature=key.sign(pae(payload)))


def _decode(text: object, member: str) -> bytes:
    if not isinstance(text, str):
        raise _malformed(f"its {member} is not a string")
    try:
        return _decoded(text.encode())
    except (binascii.Error, UnicodeError):
        raise _malformed(f"its {member} is not base64") from None
    except ValueError:
        raise _malformed(f"its {member} is not in the one base64 form of its bytes") from None


def _decoded(text: bytes) -> bytes:
    """The bytes of standard base64 with padding; raises :class:`ValueError` for any second form."""
    data = binascii.a2b_base64(text, strict_mode=True)
    # Strict as it is, it lets the unused bits of the last character be anything, and padding follow
    # where there is nothing to pad.
    if binascii.b2a_base64(data[-(len(data) % 3 or 3) :], newline=False) != text[-4:]:
        raise ValueError("there is a second text of the same bytes")
    return data


def _malformed(why: str) -> StatementError:
    return StatementError(
        f"this is not a DSSE envelope: {why}",
        hint="see docs/formats.md, 'Envelope'",
    )
