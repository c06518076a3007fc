"""The name that a run and ``current()`` show is the one of the profile."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jupyter_mlo.delegation.enrolment import enrol_oneself
from jupyter_mlo.identity.ids import new_mlo_id
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.identity.profiles import Profile
from jupyter_mlo.identity.store import IdentityStore
from jupyter_mlo.runs.names import name_here


def test_it_is_found_where_the_store_has_put_it(settings):
    mlo, key = new_mlo_id(), SigningKey.generate()
    enrolment = enrol_oneself(mlo, "person", key, now=datetime.now(UTC))
    profile = Profile(name="Ada Sample")
    IdentityStore(settings).create(
        profile, "person", key, "correct horse battery", enrolment.to_bytes(), mlo=mlo
    )
    assert name_here(settings, mlo) == "Ada Sample"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"name": 1}', b'{"name": ""}', b"[" * 10**5])
def test_a_profile_that_is_none_has_no_name(settings, content):
    place = settings.identities / "mlo-1"
    place.mkdir(parents=True)
    (place / "profile.json").write_bytes(content)
    assert name_here(settings, "mlo:1") is None
    assert name_here(settings, "mlo:2") is None
