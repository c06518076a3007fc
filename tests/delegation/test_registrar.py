"""The registrar: one handle a person, and no second key without somebody's word."""

from __future__ import annotations

import re
import stat
from datetime import UTC, datetime

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.enrolment import Claim, enrol_oneself, read_claim, registrations_in
from jupyter_mlo.delegation.registrar import Registrar, Roster
from jupyter_mlo.errors import InvalidInput, KeyFileError, NotFound, Refused
from jupyter_mlo.identity.ids import new_mlo_id
from jupyter_mlo.identity.keys import SigningKey

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PASSPHRASE = "registrar's passphrase"


def claim(mlo: str = "", key: SigningKey | None = None) -> Claim:
    key = key or SigningKey.generate()
    return read_claim(enrol_oneself(mlo or new_mlo_id(), "person", key, now=NOW))


@pytest.fixture
def registrar(settings: Settings) -> Registrar:
    return Registrar.create(settings, "Bank", PASSPHRASE, now=NOW)


@pytest.fixture
def key(registrar: Registrar) -> SigningKey:
    return registrar.store.unlock(registrar.identity, PASSPHRASE, NOW)


def test_a_home_has_one_registrar(registrar: Registrar, settings: Settings) -> None:
    opened = Registrar.open(settings)
    assert opened.identity == registrar.identity
    assert opened.identity.kind == "service"
    with pytest.raises(Refused, match="has a registrar already: Bank"):
        Registrar.create(settings, "Other", PASSPHRASE, now=NOW)


def test_without_one_the_hint_is_to_make_it(settings: Settings) -> None:
    with pytest.raises(NotFound, match="no registrar") as caught:
        Registrar.open(settings)
    assert "registrar init" in caught.value.hint


def test_the_registrar_is_no_identity_to_log_in_with(
    registrar: Registrar, settings: Settings
) -> None:
    assert settings.identities not in registrar.identity.folder.parents


def test_a_new_person_gets_an_opaque_handle(registrar: Registrar, key: SigningKey) -> None:
    ada = claim()
    own, enrolment = registrar.enrol(ada, key, now=NOW)
    (found,) = registrations_in([own, enrolment])
    assert (found.mlo, found.key_id) == (ada.mlo, ada.key.key_id)
    assert found.registrar_key_id == registrar.identity.key_id
    assert found.handle is not None
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", found.handle)
    other = registrations_in(registrar.enrol(claim(), key, now=NOW))[0]
    assert other.handle != found.handle


def handle(registrar: Registrar, key: SigningKey, who: Claim, same_as: str | None = None) -> str:
    (found,) = registrations_in(registrar.enrol(who, key, now=NOW, same_as=same_as))
    assert found.handle is not None
    return found.handle


def test_the_same_person_keeps_one_handle(registrar: Registrar, key: SigningKey) -> None:
    ada = claim()
    first = handle(registrar, key, ada)
    assert handle(registrar, key, ada) == first
    second_id = claim()
    assert handle(registrar, key, second_id, same_as=ada.mlo) == first
    assert handle(registrar, key, claim(), same_as=second_id.key.key_id) == first
    assert handle(registrar, key, claim(), same_as=first) == first
    assert len(registrar.roster().members) == 4


def test_a_second_key_for_an_mlo_needs_somebodys_word(
    registrar: Registrar, key: SigningKey
) -> None:
    ada = claim()
    first = handle(registrar, key, ada)
    impostor = claim(ada.mlo)
    with pytest.raises(Refused, match="on the roster with another key") as caught:
        registrar.enrol(impostor, key, now=NOW)
    assert f"--handle-of {ada.mlo}" in caught.value.hint
    assert len(registrar.roster().members) == 1
    assert handle(registrar, key, impostor, same_as=ada.mlo) == first


def test_one_key_under_two_ids_is_one_person(registrar: Registrar, key: SigningKey) -> None:
    shared = SigningKey.generate()
    first = handle(registrar, key, claim(key=shared))
    assert handle(registrar, key, claim(key=shared)) == first


def test_a_person_is_not_made_another(registrar: Registrar, key: SigningKey) -> None:
    ada, grace = claim(), claim()
    handle(registrar, key, ada)
    handle(registrar, key, grace)
    with pytest.raises(InvalidInput, match="on the roster as"):
        registrar.enrol(ada, key, now=NOW, same_as=grace.mlo)
    with pytest.raises(NotFound, match="has not enrolled"):
        registrar.enrol(claim(), key, now=NOW, same_as="somebody \x1b[2J")


def test_the_roster_is_private_and_never_lost_silently(
    registrar: Registrar, key: SigningKey, settings: Settings
) -> None:
    ada = claim()
    registrar.enrol(ada, key, now=NOW)
    path = settings.registrar / "roster.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text(path.read_text()[:-20])
    with pytest.raises(KeyFileError, match=r"roster\.json cannot be read"):
        registrar.enrol(claim(), key, now=NOW)


def test_the_rule_itself_changes_nothing(key: SigningKey) -> None:
    empty = Roster()
    fuller, given = empty.enter("mlo:7K3D-9QXA-2MFB", key.key_id, same_as=None, fresh="f" * 22)
    assert (empty.members, given, len(fuller.members)) == ((), "f" * 22, 1)
