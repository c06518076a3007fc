"""DSSE envelopes, checked against the specification's vector and by tools that are not ours."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from jupyter_mlo.errors import StatementError
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.statements.canonical import canonical_bytes
from jupyter_mlo.statements.envelope import MAX_ENVELOPE, PAYLOAD_TYPE, Envelope, pae
from jupyter_mlo.statements.predicates import types
from tests.statements.examples import KEY, signed

#: Order of the group of P-256 (SEC 2, section 2.4.2).
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
#: The example of the DSSE protocol, "Test Vectors"
#: (https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md).
SPEC_KEY = 97358161215184420915383655311931858321456579547487070936769975997791359926199
SPEC_TYPE = "http://example.com/HelloWorld"
SPEC_SIGNATURE = (
    "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
)


def other_half(signature: bytes) -> bytes:
    """The other signature that holds wherever this one does: (r, n - s)."""
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, ORDER - s)


def test_the_specifications_vector_holds() -> None:
    key = SigningKey(ec.derive_private_key(SPEC_KEY, ec.SECP256R1()))
    assert (
        pae(b"hello world", SPEC_TYPE) == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    raw = base64.b64decode(SPEC_SIGNATURE)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    envelope = Envelope(b"hello world", key.key_id, der, SPEC_TYPE)
    envelope.check_signature(key.public)
    with pytest.raises(StatementError, match="does not hold"):
        Envelope(b"hello worle", key.key_id, der, SPEC_TYPE).check_signature(key.public)


def test_lengths_in_the_signed_bytes_count_bytes() -> None:
    assert pae("é".encode(), "té") == b"DSSEv1 3 t\xc3\xa9 2 \xc3\xa9"
    assert pae(b"", "") == b"DSSEv1 0  0 "


@given(st.binary(max_size=40), st.text(max_size=20), st.binary(max_size=40), st.text(max_size=20))
def test_two_envelopes_never_have_the_same_signed_bytes(
    one: bytes, one_type: str, other: bytes, other_type: str
) -> None:
    same = (one, one_type) == (other, other_type)
    with contextlib.suppress(UnicodeEncodeError):  # lone surrogates have no bytes
        assert (pae(one, one_type) == pae(other, other_type)) is same


def test_securesystemslib_verifies_ours() -> None:
    envelope = signed(types.STAMP)
    public = KEY.public._verifier
    theirs = TheirEnvelope.from_dict(copy.deepcopy(envelope.to_json()))
    theirs.verify([SSlibKey.from_crypto(public, keyid=KEY.key_id)], 1)
    assert theirs.pae() == pae(envelope.payload)
    broken = envelope.to_json()
    broken["payload"] = base64.b64encode(envelope.payload[:-1] + b" ").decode()
    with pytest.raises(VerificationError):
        TheirEnvelope.from_dict(broken).verify([SSlibKey.from_crypto(public, keyid=KEY.key_id)], 1)


def test_openssl_verifies_ours(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    assert openssl, "openssl is part of every machine that this project's tests run on"
    envelope = signed(types.SEAL)
    (tmp_path / "key.der").write_bytes(KEY.public.der)
    (tmp_path / "sig").write_bytes(envelope.signature)
    (tmp_path / "pae").write_bytes(pae(envelope.payload))

    def verify() -> subprocess.CompletedProcess[str]:
        command = [openssl, "dgst", "-sha256", "-verify", "key.der", "-keyform", "DER",
                   "-signature", "sig", "pae"]  # fmt: skip
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
        )

    done = verify()
    assert (done.returncode, done.stdout.strip()) == (0, "Verified OK"), done.stderr
    (tmp_path / "pae").write_bytes(pae(envelope.payload) + b" ")
    assert verify().returncode != 0


def test_what_is_written_is_read_again_with_the_same_bytes() -> None:
    envelope = signed(types.STAMP)
    again = Envelope.from_bytes(envelope.to_bytes())
    assert again == envelope
    assert b"\n" not in envelope.to_bytes()
    assert again.statement_id == envelope.statement_id
    assert Envelope.from_bytes(json.dumps(envelope.to_json(), indent=2).encode()) == envelope


@given(st.binary(max_size=40), st.text(max_size=30), st.binary(max_size=20))
def test_what_is_written_is_canonical_whatever_stands_in_it(
    payload: bytes, key_id: str, signature: bytes
) -> None:
    for kind in (PAYLOAD_TYPE, "text/plain"):
        envelope = Envelope(payload, key_id, signature, kind)
        with contextlib.suppress(StatementError):  # lone surrogates have no canonical form
            assert envelope.to_bytes() == canonical_bytes(envelope.to_json())


def test_a_payload_is_kept_as_it_was_signed_whatever_its_form() -> None:
    payload = b'{ "b" : 1.0,\r\n "a" : "\\u00e9" }'
    envelope = Envelope(payload, KEY.key_id, KEY.sign(pae(payload)))
    again = Envelope.from_bytes(envelope.to_bytes())
    assert again.payload == payload
    again.check_signature(KEY.public)


def test_the_other_signature_of_ecdsa_makes_no_second_statement() -> None:
    envelope = signed(types.EVIDENCE)
    twin = Envelope(envelope.payload, envelope.key_id, other_half(envelope.signature))
    assert twin.signature != envelope.signature
    twin.check_signature(KEY.public)
    assert twin.statement_id == envelope.statement_id


def test_the_statement_id_is_the_hash_of_the_signed_bytes() -> None:
    import hashlib

    envelope = signed(types.EVIDENCE)
    assert envelope.statement_id == hashlib.sha256(pae(envelope.payload)).hexdigest()
    elsewhere = Envelope(envelope.payload, envelope.key_id, envelope.signature, "text/plain")
    assert elsewhere.statement_id != envelope.statement_id


def test_a_signature_holds_under_the_named_key_only() -> None:
    envelope = signed(types.EVIDENCE)
    other = SigningKey.generate().public
    with pytest.raises(StatementError, match="names key"):
        envelope.check_signature(other)
    renamed = Envelope(envelope.payload, other.key_id, envelope.signature)
    with pytest.raises(StatementError, match="does not hold"):
        renamed.check_signature(other)
    assert not renamed.holds_under(KEY.public)


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_any_changed_byte_of_payload_or_signature_is_found(at: int, change: int) -> None:
    envelope = ENVELOPE
    for name in ("payload", "signature"):
        old: bytes = getattr(envelope, name)
        place = at % len(old)
        new = old[:place] + bytes([old[place] ^ change]) + old[place + 1 :]
        changed = Envelope(
            new if name == "payload" else envelope.payload,
            envelope.key_id,
            new if name == "signature" else envelope.signature,
        )
        assert not changed.holds_under(KEY.public)


ENVELOPE = signed(types.EVIDENCE)


def changed(**members: Any) -> dict[str, Any]:
    return ENVELOPE.to_json() | members


def with_signature(**members: Any) -> dict[str, Any]:
    value = ENVELOPE.to_json()
    value["signatures"] = [value["signatures"][0] | members]
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "not a JSON object"),
        ([], "not a JSON object"),
        ({}, "members"),
        (changed(extra=1), "members"),
        (changed(payload=1), "payload is not a string"),
        (changed(payload="*"), "payload is not base64"),
        (changed(payload="é"), "payload is not base64"),
        (changed(payload="QUJ"), "payload is not base64"),
        (changed(payload="QQ==\n"), "payload is not base64"),
        (changed(payload="QR=="), "one base64 form"),
        (changed(payload="QUJD===="), "payload is not base64|one base64 form"),
        (changed(payload="QUJD="), "payload is not base64|one base64 form"),
        (changed(payload="_-8="), "payload is not base64"),
        (changed(payloadType="application/json"), "payloadType"),
        (changed(payloadType=None), "payloadType"),
        (changed(signatures=[]), "exactly one signature"),
        (changed(signatures={}), "exactly one signature"),
        (changed(signatures=ENVELOPE.to_json()["signatures"] * 2), "exactly one signature"),
        (changed(signatures=["x"]), "object of keyid and sig"),
        (with_signature(extra=1), "object of keyid and sig"),
        (with_signature(keyid=None), "keyid is not a string"),
        (with_signature(sig=None), "sig is not a string"),
        (with_signature(sig="*"), "sig is not base64"),
    ],
)
def test_what_is_no_envelope_of_one_signature_is_refused(value: Any, why: str) -> None:
    with pytest.raises(StatementError, match=why):
        Envelope.from_json(value)


def test_a_huge_envelope_is_refused_unread() -> None:
    with pytest.raises(StatementError, match="larger than the limit"):
        Envelope.from_bytes(b"[" * (MAX_ENVELOPE + 1))


def test_two_members_of_one_name_in_an_envelope_are_refused() -> None:
    text = ENVELOPE.to_bytes()
    double = text.replace(b'{"payload":', b'{"payload":"e30=","payload":', 1)
    with pytest.raises(StatementError, match="two members of one name"):
        Envelope.from_bytes(double)
    assert json.loads(text)["payloadType"] == PAYLOAD_TYPE
