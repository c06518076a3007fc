"""Revocation: who may revoke, and what is left."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from jupyter_mlo.delegation.chain import attribute_many
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.revocation import (
    Links,
    Logged,
    Revocations,
    make_revocation,
)
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.errors import MloError, Refused, StatementError
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import read_statement
from tests.delegation.actors import NOW, Hand, answered, hours, person, pinned, trusting


def seen(
    pool: list[Envelope], trust: Trust, logged: dict[Envelope, Logged] | None = None
) -> Revocations:
    places = {envelope.statement_id: where for envelope, where in (logged or {}).items()}
    return Revocations(Pool.of(pool), trust, places)


def test_a_stamp_logged_before_stays_and_one_logged_after_does_not() -> None:
    ada = person()
    session = ada.delegates()
    early, late = session.says(types.STAMP), session.says(types.STAMP)
    ended = ada.revokes(session.delegation or "", time=NOW + hours(1))
    pool = [*session.chain, ended]
    known = seen(pool, pinned(ada), {early: Logged(1), ended: Logged(2), late: Logged(3)})
    later = NOW + hours(3)
    assert answered(early, pool, pinned(ada), revocations=known, now=later)
    found = answered(late, pool, pinned(ada), revocations=known, now=later)
    assert found.late
    assert "revoked at 2026-11-22T13:00:00.000Z (ended)" in found.remark
    long_after = answered(late, pool, pinned(ada), revocations=known, now=later + hours(24 * 8))
    assert long_after.lapsed


def test_revocations_in_the_pool_count_without_being_asked_for() -> None:
    ada = person()
    session = ada.delegates()
    pool = [*session.chain, ada.revokes(session.delegation or "")]
    assert answered(session.says(), pool, pinned(ada)).lapsed


@pytest.mark.parametrize("what", ["session", "session key", "own key", "run", "run key"])
def test_anything_in_the_chain_can_be_revoked_by_id_or_by_key(what: str) -> None:
    ada = person()
    session = ada.delegates()
    run = session.delegates("run", time=NOW)
    target = {
        "session": session.delegation,
        "session key": session.key.key_id,
        "own key": ada.key.key_id,
        "run": run.delegation,
        "run key": run.key.key_id,
    }[what]
    pool = [*run.chain, ada.revokes(target or "")]
    named = "key sha256:" if "key" in what else "delegation "
    found = answered(run.says(), pool, pinned(ada))
    assert found.lapsed
    assert re.search(f"the {named}[0-9a-f]+ was revoked", found.remark)


def test_a_revocation_of_something_else_takes_nothing_away() -> None:
    ada = person()
    session, other = ada.delegates(), ada.delegates()
    pool = [*session.chain, ada.revokes(other.delegation or ""), ada.revokes(other.key.key_id)]
    assert answered(session.says(), pool, pinned(ada))


def test_who_may_revoke() -> None:
    ada, registrar, stranger = person(), person(), person()
    session = ada.delegates()
    trust = trusting(registrar, pins=pinned(ada))
    chain = [*session.chain, *registrar.chain, *stranger.chain, registrar.enrols(ada)]
    target = session.delegation or ""
    impostor = person(ada.mlo)

    def stands(*revocations: Envelope, trust: Trust = trust, chain: list[Envelope] = chain) -> bool:
        statement = read_statement(session.says())
        pool = Pool.of([*chain, *revocations])
        (found,) = attribute_many([statement], pool=pool, trust=trust, now=NOW)
        assert not isinstance(found, MloError)
        assert found.lapsed == ("was revoked" in found.remark)
        return not found.lapsed

    assert not stands(ada.revokes(target))
    assert not stands(replace(registrar, mlo=ada.mlo).revokes(target))
    # Strangers, other keys that call themselves ada's, delegated keys: nothing.
    assert stands(replace(stranger, mlo=ada.mlo).revokes(target))
    assert stands(stranger.revokes(target))
    assert stands(impostor.revokes(target), chain=[*chain, *impostor.chain])
    assert stands(session.revokes(target))
    # In another MLO's name, or under a delegation: not what an own key says.
    assert stands(replace(ada, mlo=stranger.mlo).revokes(target))
    assert stands(replace(ada, delegation=session.delegation).revokes(target))
    # A registrar who is not trusted here, or did not enrol this key.
    assert stands(replace(registrar, mlo=ada.mlo).revokes(target), trust=pinned(ada))
    bare = [*session.chain, *registrar.chain]
    assert stands(replace(registrar, mlo=ada.mlo).revokes(target), chain=bare)
    right = registrar.enrols(ada)
    for other in (
        registrar.enrols(impostor),
        Envelope(right.payload, right.key_id, impostor.key.sign(right.payload)),
    ):
        assert stands(replace(registrar, mlo=ada.mlo).revokes(target), chain=[*bare, other],
                      trust=trusting(registrar, pins=pinned(ada)))  # fmt: skip
    # A further key that is pinned here for ada, once its enrolment is at hand.
    both = Trust(pins={ada.mlo: frozenset({ada.key.key_id, impostor.key.key_id})})
    pool = [*session.chain, *impostor.chain]
    assert not stands(impostor.revokes(target), trust=both, chain=pool)
    assert stands(impostor.revokes(target), trust=both, chain=[*session.chain])


def test_a_forged_revocation_is_none() -> None:
    ada = person()
    session = ada.delegates()
    right = ada.revokes(session.delegation or "")
    other = SigningKey.generate()
    for forged in (
        Envelope(right.payload, right.key_id, other.sign(right.payload)),
        Envelope(right.payload, other.key_id, right.signature),
    ):
        assert answered(session.says(), [*session.chain, forged], pinned(ada))
    # And a broken copy does not hide the real one.
    broken = Envelope(right.payload, right.key_id, b"\0")
    assert answered(session.says(), [*session.chain, broken, right], pinned(ada)).lapsed


def test_a_revocation_whose_subject_is_another_is_none() -> None:
    ada = person()
    session = ada.delegates()
    other = ada.delegates()
    bent = ada.revokes(other.delegation or "", revokes=session.delegation)
    assert answered(session.says(), [*session.chain, bent], pinned(ada))


def test_a_key_that_revokes_itself_does_so_rightly() -> None:
    ada = person()
    ended = ada.revokes(ada.key.key_id, reason="lost")
    found = answered(ended, [*ada.chain, ended], pinned(ada))
    assert found.key_id == ada.key.key_id


def test_a_registrars_enrolment_that_was_taken_back_counts_nothing() -> None:
    ada, registrar = person(), person()
    session = ada.delegates()
    enrolment = registrar.enrols(ada)
    back = replace(registrar, mlo=ada.mlo).revokes(enrolment.statement_id, reason="ended")
    pool = [*session.chain, *registrar.chain, enrolment]
    trust = trusting(registrar)
    assert answered(session.says(), pool, trust).assurance == 3
    assert answered(session.says(), [*pool, back], trust).assurance == 1
    with pytest.raises(Refused, match="taken back"):
        answered(enrolment, [*pool, back], trust)


def test_what_a_registrar_enrolled_before_its_key_was_lost_stays() -> None:
    ada, registrar = person(), person()
    session = ada.delegates()
    enrolment = registrar.enrols(ada)
    lost = registrar.revokes(registrar.key.key_id, reason="lost")
    pool = [*session.chain, *registrar.chain, enrolment, lost]
    trust = trusting(registrar)
    in_time = seen(pool, trust, {enrolment: Logged(1), lost: Logged(2)})
    too_late = seen(pool, trust, {enrolment: Logged(3), lost: Logged(2)})
    assert answered(session.says(), pool, trust, revocations=in_time).assurance == 3
    assert answered(session.says(), pool, trust, revocations=too_late).assurance == 1


def test_of_a_record_the_moment_of_signing_counts() -> None:
    ada = person()
    session = ada.delegates()
    record = session.says(types.RECORD, time=NOW + hours(2))
    ended = ada.revokes(session.delegation or "", time=NOW + hours(1))
    pool = [*session.chain, ended]
    known = seen(pool, pinned(ada), {record: Logged(1), ended: Logged(2)})
    with pytest.raises(Refused, match="says it was made at 2026-11-22T14"):
        answered(record, pool, pinned(ada), revocations=known, now=NOW + hours(3))


def own(hand: Hand) -> Signer:
    return Signer.own(hand.mlo, hand.key, hand.chain)


def test_a_revocation_that_is_made_here_is_one() -> None:
    ada = person()
    session = ada.delegates()
    for made in (
        make_revocation(own(ada), now=NOW, reason="ended", delegation=session.delegation),
        make_revocation(
            own(ada),
            now=NOW,
            reason="compromised",
            key_id=session.key.key_id,
            compromised_since=NOW - timedelta(minutes=5),
        ),
    ):
        assert read_statement(made).predicate_type == types.REVOCATION
        assert answered(session.says(), [*session.chain, made], pinned(ada)).lapsed


def test_a_revocation_is_of_one_thing_and_a_compromise_says_since_when() -> None:
    ada = own(person())
    for wrong in (
        {"reason": "ended"},
        {"reason": "ended", "delegation": "a" * 64, "key_id": "sha256:" + "a" * 64},
        {"reason": "compromised", "delegation": "a" * 64},
    ):
        with pytest.raises(ValueError, match=r"revocation|compromise"):
            make_revocation(ada, now=NOW, **wrong)


def test_nothing_new_is_done_under_what_is_revoked_however_early_it_began() -> None:
    ada = person()
    mandate = ada.delegates("mandate")
    links = Links(
        ada.mlo,
        ada.key.key_id,
        (ada.key.key_id, mandate.key.key_id),
        (mandate.delegation or "",),
    )
    ended = ada.revokes(mandate.delegation or "")
    seen([*mandate.chain], pinned(ada)).check_in_force(links, "the mandate")
    with pytest.raises(Refused, match="the mandate was revoked"):
        seen([*mandate.chain, ended], pinned(ada)).check_in_force(links, "the mandate")
    with pytest.raises(StatementError):
        read_statement(Envelope(ended.payload, "sha256:" + "0" * 64, ended.signature))
