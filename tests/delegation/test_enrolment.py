"""Enrolments: what an MLO says of itself, what a registrar says, and what neither may."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.chain import Assurance, Pool, attribute
from jupyter_mlo.delegation.enrolment import (
    Claim,
    enrol_another,
    enrol_oneself,
    kept_enrolments,
    read_claim,
    read_lines,
    registrations_in,
    to_lines,
    vouch,
    vouches_in,
)
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.errors import InvalidInput, KeyFileError, MloError, StatementError
from jupyter_mlo.identity.ids import new_mlo_id
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.identity.profiles import Profile
from jupyter_mlo.identity.store import IdentityStore
from jupyter_mlo.statements.envelope import Envelope, sign
from jupyter_mlo.statements.statement import read_statement

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HANDLE = "A" * 22


class Party:
    """An MLO with its key and own enrolment."""

    def __init__(self, kind: str = "person") -> None:
        self.mlo, self.key = new_mlo_id(), SigningKey.generate()
        self.enrolment = enrol_oneself(self.mlo, kind, self.key, now=NOW)
        self.claim = read_claim(self.enrolment)


@pytest.fixture(scope="module")
def ada() -> Party:
    return Party()


@pytest.fixture(scope="module")
def registrar() -> Party:
    return Party("service")


@pytest.fixture(scope="module")
def registered(ada: Party, registrar: Party) -> Envelope:
    return enrol_another(ada.claim, registrar.key, HANDLE, now=NOW)


def forged(envelope: Envelope, key: SigningKey, **members: object) -> Envelope:
    """The statement with other members, signed by ``key``."""
    statement = json.loads(envelope.payload)
    statement["predicate"].update({"keyId": key.key_id, **members})
    return sign(statement, key)


def test_an_mlo_enrols_itself(ada: Party) -> None:
    assert ada.claim == Claim(ada.mlo, "person", ada.key.public, ada.enrolment)
    predicate = json.loads(ada.enrolment.payload)["predicate"]
    assert predicate["delegation"] is None
    assert "handle" not in predicate
    assert len(base64.urlsafe_b64decode(predicate["nonce"] + "==")) == 16


def test_no_free_text_stands_in_an_enrolment(ada: Party) -> None:
    predicate = json.loads(ada.enrolment.payload)["predicate"]
    assert set(predicate) == {
        "mlo", "keyId", "nonce", "time", "checkpoint", "delegation", "kind", "publicKey",
    }  # fmt: skip


def test_assurance_follows_from_what_the_verifier_trusts(
    ada: Party, registrar: Party, registered: Envelope
) -> None:
    pool = Pool.of([ada.enrolment, registrar.enrolment, registered])
    pins = {ada.mlo: frozenset({ada.key.key_id})}
    for trust, assurance in [
        (Trust(), Assurance.CLAIMED),
        (Trust(pins), Assurance.SIGNED),
        (Trust(pins, {registrar.key.key_id: "Bank"}), Assurance.ENROLLED),
        (Trust({}, {registrar.key.key_id: "Bank"}), Assurance.ENROLLED),
        (Trust({}, {ada.key.key_id: "Ada herself"}), Assurance.CLAIMED),
    ]:
        found = attribute(read_statement(ada.enrolment), pool=pool, trust=trust, now=NOW)
        assert found.assurance == assurance
        assert found.handle == (HANDLE if assurance == Assurance.ENROLLED else None)


def test_a_registrars_answer_is_read_with_its_own_enrolment(
    ada: Party, registrar: Party, registered: Envelope
) -> None:
    (found,) = registrations_in([registrar.enrolment, registered])
    assert (found.mlo, found.key_id, found.handle) == (ada.mlo, ada.key.key_id, HANDLE)
    assert found.registrar_key_id == registrar.key.key_id
    assert found.envelopes == (registrar.enrolment, registered)
    with pytest.raises(StatementError, match="own enrolment is not in the file"):
        registrations_in([registered])


def test_a_registrars_signature_has_to_hold(registrar: Party, registered: Envelope) -> None:
    broken = replace(registered, signature=registrar.key.sign(b"something else"))
    with pytest.raises(StatementError, match="does not hold"):
        registrations_in([registrar.enrolment, broken])


def test_a_claim_is_signed_by_the_key_that_it_binds(ada: Party, registered: Envelope) -> None:
    with pytest.raises(StatementError, match="not signed by the key that it binds"):
        read_claim(registered)
    eve = SigningKey.generate()
    with pytest.raises(StatementError, match="not signed by the key"):
        read_claim(forged(ada.enrolment, eve))
    broken = replace(ada.enrolment, signature=eve.sign(b"x"))
    with pytest.raises(StatementError, match="does not hold"):
        read_claim(broken)


def test_nobody_gives_himself_a_handle(ada: Party) -> None:
    with pytest.raises(StatementError, match="gives itself a person handle"):
        read_claim(forged(ada.enrolment, ada.key, handle=HANDLE))


def test_a_claim_names_its_key_as_subject(ada: Party) -> None:
    statement = json.loads(ada.enrolment.payload)
    statement["subject"][0]["digest"]["sha256"] = "00" * 32
    with pytest.raises(StatementError, match="another subject"):
        read_claim(sign(statement, ada.key))


def test_a_key_that_another_key_of_its_mlo_vouches_for_is_no_registration(ada: Party) -> None:
    second = SigningKey.generate()
    own = enrol_oneself(ada.mlo, "person", second, now=NOW)
    said = vouch(ada.mlo, "person", ada.key, second.public, now=NOW)
    assert registrations_in([ada.enrolment, own, said]) == []
    (found,) = vouches_in([ada.enrolment, own, said])
    assert (found.mlo, found.key_id, found.signer) == (ada.mlo, second.key_id, ada.key.public)
    # Without the signer's own enrolment, or with another MLO's, it vouches for nothing.
    assert vouches_in([own, said]) == []
    with pytest.raises(StatementError):
        vouches_in([ada.enrolment, own, Envelope(said.payload, said.key_id, b"0")])


# Files


def test_a_file_holds_what_was_signed(ada: Party, registered: Envelope) -> None:
    data = to_lines([ada.enrolment, registered])
    assert read_lines(data, where="x") == [ada.enrolment, registered]
    assert read_lines(b"\n" + data.replace(b"\n", b"\r\n"), where="x")[0] == ada.enrolment


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "a.jsonl is empty"),
        (b"\n \n", "a.jsonl is empty"),
        (b"hello", "line 1 of a.jsonl is no signed statement"),
        (b"{}\n" * 2000, "too large"),
        (b"\xff\xfe", "line 1 of a.jsonl"),
    ],
)
def test_other_files_are_told_what_is_wrong(data: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        read_lines(data, where="a.jsonl")
    assert "--export" in caught.value.hint


def test_kept_enrolments_come_back_as_envelopes(settings: Settings, ada: Party) -> None:
    store = IdentityStore(settings)
    identity = store.create(
        Profile(name="Ada"), "person", ada.key, "long enough", ada.enrolment.to_bytes(), mlo=ada.mlo
    )
    assert kept_enrolments(store, identity) == [ada.enrolment]
    other = Party().enrolment.to_bytes()
    for content in (b"spoilt\n", b"", other + b"\n" + ada.enrolment.to_bytes()):
        (identity.folder / "enrolments.jsonl").write_bytes(content)
        with pytest.raises(KeyFileError, match=r"enrolments\.jsonl is damaged"):
            kept_enrolments(store, identity)


def test_any_change_of_the_payload_is_found(ada: Party) -> None:
    payload = bytearray(ada.enrolment.payload)
    for place in range(0, len(payload), 5):
        changed = bytes(payload[:place]) + bytes([payload[place] ^ 1]) + bytes(payload[place + 1 :])
        with pytest.raises(MloError):
            read_claim(replace(ada.enrolment, payload=changed))
