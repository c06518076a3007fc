"""The walk from a signature to the MLO: what is accepted, and the exact reason where not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jupyter_mlo.delegation.assurance import Assurance
from jupyter_mlo.delegation.chain import FUTURE_TOLERANCE, attribute, attribute_many
from jupyter_mlo.delegation.links import MAX_DEPTH, KeyCache
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.revocation import Logged, Revocations
from jupyter_mlo.delegation.roles import Role
from jupyter_mlo.delegation.scope import CLOCK_TOLERANCE
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.errors import MloError, Refused, StatementError
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import read_statement
from jupyter_mlo.statements.subjects import key_subject
from jupyter_mlo.statements.times import to_text
from tests.delegation.actors import (
    HEX,
    NOBODY,
    NOW,
    RUN,
    Hand,
    answered,
    forge,
    hours,
    person,
    pinned,
    trusting,
)
from tests.statements.test_envelope import other_half


def refused(envelope: Envelope, pool: Any, why: str, trust: Trust = NOBODY, **more: Any) -> None:
    with pytest.raises(MloError, match=why):
        answered(envelope, pool, trust, **more)


# -- who answers, and how sure that is -----------------------------------------------------


def test_a_stamp_of_a_session_is_attributed_to_the_mlo_behind_it() -> None:
    ada = person()
    session = ada.delegates("session", models=["loan"])
    found = answered(session.says(types.STAMP), session.chain, pinned(ada))
    assert found.mlo == ada.mlo
    assert found.key_id == ada.key.key_id
    assert found.leaf_key_id == session.key.key_id
    assert found.delegation_ids == (session.delegation,)
    assert (found.kind, found.mlo_kind) == (Role.SESSION, "person")
    assert found.assurance is Assurance.SIGNED
    assert found.scope is not None
    assert found.scope.models == {"loan"}
    assert found.handle is None


def test_a_statement_of_a_run_is_attributed_through_session_and_mandate_alike() -> None:
    ada = person()
    for kind in ("session", "mandate"):
        above = ada.delegates(kind)
        run = above.delegates("run", time=NOW)
        found = answered(run.says(types.EVIDENCE), run.chain, pinned(ada))
        assert found.delegation_ids == (above.delegation, run.delegation)
        assert found.kind is Role.RUN


def test_an_unknown_key_is_claimed_and_no_more() -> None:
    session = person().delegates()
    assert answered(session.says(), session.chain).assurance is Assurance.CLAIMED


def test_assurance_is_ordered_and_shown_as_a_word() -> None:
    assert list(Assurance) == sorted(Assurance)
    assert [str(one) for one in Assurance] == ["claimed", "signed", "enrolled", "witnessed"]


def test_a_trusted_registrars_enrolment_makes_it_enrolled_and_gives_the_handle() -> None:
    ada, registrar = person(), person()
    session = ada.delegates()
    enrolment = registrar.enrols(ada, handle="h" * 22)
    pool = [*session.chain, *registrar.chain, enrolment]
    found = answered(session.says(), pool, trusting(registrar))
    assert (found.assurance, found.handle) == (Assurance.ENROLLED, "h" * 22)
    assert answered(session.says(), pool, trusting(registrar, pins=pinned(ada))).assurance == 3


def test_an_unknown_registrars_enrolment_counts_nothing() -> None:
    ada, stranger = person(), person()
    session = ada.delegates()
    pool = [*session.chain, *stranger.chain, stranger.enrols(ada, handle="h" * 22)]
    found = answered(session.says(), pool, trusting(person()))
    assert (found.assurance, found.handle) == (Assurance.CLAIMED, None)


def test_a_registrar_whose_own_enrolment_is_missing_counts_nothing() -> None:
    ada, registrar = person(), person()
    session = ada.delegates()
    pool = [*session.chain, registrar.enrols(ada)]
    assert answered(session.says(), pool, trusting(registrar)).assurance is Assurance.CLAIMED


def test_a_registrars_enrolment_is_whole_or_counts_nothing() -> None:
    ada, bob, registrar = person(), person(), person()
    session = ada.delegates()
    right = registrar.enrols(ada)
    for enrolment in (
        registrar.enrols(replace(ada, mlo=bob.mlo)),
        Envelope(right.payload, right.key_id, other_key_signature(right)),
        replace(registrar, delegation=HEX).enrols(ada),
        registrar.enrols(ada, publicKey=bob.key.public.to_text()),
    ):
        pool = [*session.chain, *registrar.chain, enrolment]
        found = answered(session.says(), pool, trusting(registrar))
        assert found.assurance is Assurance.CLAIMED


def other_key_signature(envelope: Envelope) -> bytes:
    return SigningKey.generate().sign(envelope.payload)


# -- conflicts -----------------------------------------------------------------------------


def test_another_key_for_a_pinned_mlo_is_a_conflict() -> None:
    ada = person()
    impostor = person(ada.mlo)
    session = impostor.delegates()
    pool = [*ada.chain, *session.chain]
    refused(session.says(), pool, "conflict", pinned(ada))
    assert answered(session.says(), pool).assurance is Assurance.CLAIMED


def test_a_trusted_registrar_may_give_a_pinned_mlo_a_new_key() -> None:
    ada, registrar = person(), person()
    anew = person(ada.mlo)
    session = anew.delegates()
    pool = [*ada.chain, *session.chain, *registrar.chain, registrar.enrols(anew)]
    trust = trusting(registrar, pins=pinned(ada))
    assert answered(session.says(), pool, trust).assurance is Assurance.ENROLLED
    old = ada.delegates()
    assert answered(old.says(), [*pool, *old.chain], trust).assurance is Assurance.SIGNED


def test_a_key_beside_the_one_that_a_registrar_enrolled_is_a_conflict() -> None:
    ada, registrar = person(), person()
    impostor = person(ada.mlo)
    session = impostor.delegates()
    pool = [*ada.chain, *session.chain, *registrar.chain, registrar.enrols(ada)]
    refused(session.says(), pool, "a registrar trusted here enrolled it", trusting(registrar))


def test_one_mlo_enrolled_by_registrars_with_two_keys_is_a_conflict_for_both() -> None:
    ada, first, second = person(), person(), person()
    twin = person(ada.mlo)
    pool = [*ada.chain, *twin.chain, *first.chain, *second.chain,
            first.enrols(ada), second.enrols(twin)]  # fmt: skip
    for hand in (ada, twin):
        session = hand.delegates()
        refused(session.says(), [*pool, *session.chain], "enrolled both", trusting(first, second))
        # A verifier's own pin decides.
        trust = trusting(first, second, pins=pinned(hand))
        assert answered(session.says(), [*pool, *session.chain], trust).assurance == 3


def test_a_key_that_was_revoked_is_no_rival_of_its_successor() -> None:
    ada, registrar = person(), person()
    anew = person(ada.mlo)
    session = anew.delegates()
    pool = [*ada.chain, *session.chain, *registrar.chain, registrar.enrols(ada),
            registrar.enrols(anew)]  # fmt: skip
    trust = trusting(registrar)
    refused(session.says(), pool, "enrolled both", trust)
    ended = ada.revokes(ada.key.key_id, reason="superseded", time=NOW - hours(1))
    assert answered(session.says(), [*pool, ended], trust).assurance is Assurance.ENROLLED
    # Of the rival's making it would prove nothing.
    forged = anew.revokes(ada.key.key_id, reason="superseded", time=NOW - hours(1))
    refused(session.says(), [*pool, forged], "enrolled both", trust)


def test_what_a_superseded_key_said_in_time_stays_beside_its_successor() -> None:
    ada, registrar = person(), person()
    anew = person(ada.mlo)
    session = ada.delegates()
    said = session.says()
    ended = ada.revokes(ada.key.key_id, reason="superseded", time=NOW + hours(0.05))
    pool = [*session.chain, *anew.chain, *registrar.chain, registrar.enrols(ada),
            registrar.enrols(anew), ended]  # fmt: skip
    trust = trusting(registrar)
    places = {said.statement_id: Logged(1), ended.statement_id: Logged(2)}
    known = Revocations(Pool.of(pool), trust, places)
    assert answered(said, pool, trust, revocations=known).assurance is Assurance.ENROLLED
    assert answered(session.says(), pool, trust, revocations=known).lapsed


def test_a_registrar_does_not_enrol_itself() -> None:
    registrar = person()
    session = registrar.delegates()
    found = answered(session.says(), session.chain, trusting(registrar))
    assert found.assurance is Assurance.CLAIMED


# -- what a chain must be ------------------------------------------------------------------


def test_a_key_that_nobody_enrolled_speaks_for_nobody() -> None:
    ada, registrar = person(), person()
    stranger = Hand(ada.mlo)
    pool = [*ada.chain, *registrar.chain]
    for kind in (types.STAMP, types.EVIDENCE):
        refused(stranger.says(kind), pool, "no enrolment of", pinned(ada))
        registrars = replace(registrar, mlo=ada.mlo).says(kind)
        refused(registrars, pool, "no enrolment of", trusting(registrar))
    refused(stranger.revokes(HEX), pool, "no enrolment of", pinned(ada))


def test_every_missing_link_is_named() -> None:
    ada = person()
    run = ada.delegates().delegates("run", time=NOW)
    enrolment, session_delegation, run_delegation = run.chain
    statement = run.says()
    refused(statement, [session_delegation, run_delegation], "no enrolment of")
    refused(statement, [enrolment, run_delegation], "is not at hand")
    refused(statement, [enrolment, session_delegation], f"{run.delegation[:12]} is not at hand")
    refused(statement, [], "is not at hand")


def test_a_delegation_that_cannot_be_read_is_named_with_the_reason() -> None:
    ada = person()
    session = ada.delegates(hosts=["*"])
    refused(session.says(), session.chain, "cannot be read.*hosts")


def test_the_order_in_which_statements_come_does_not_matter() -> None:
    ada = person()
    run = ada.delegates().delegates("run", time=NOW)
    statement = run.says()
    wanted = answered(statement, run.chain, pinned(ada))
    for chain in (run.chain[::-1], (*run.chain, *run.chain), run.chain[1:] + run.chain[:1]):
        assert answered(statement, chain, pinned(ada)) == wanted


def test_the_key_comes_from_the_delegation_that_is_named_and_from_no_other() -> None:
    """A delegation with the same key and a wider scope does not lend it."""
    ada = person()
    narrow = ada.delegates(activities=["validation"])
    wide = ada.delegates(key=narrow.key)
    pool = [*narrow.chain, *wide.chain]
    refused(narrow.says(), pool, "activities")
    assert answered(wide.says(), pool)


def test_a_statement_is_held_against_its_own_delegations_key() -> None:
    ada = person()
    one, other = ada.delegates(), ada.delegates()
    swapped = replace(one, delegation=other.delegation)
    refused(swapped.says(), [*one.chain, *other.chain], "names key")


def test_two_mlos_never_stand_in_one_chain() -> None:
    ada, bob = person(), person()
    session = ada.delegates()
    refused(replace(session, mlo=bob.mlo).says(), [*session.chain, *bob.chain], "speaks for")
    lent = session.delegates("run", header={"mlo": bob.mlo}, time=NOW)
    refused(lent.says(), [*lent.chain, *bob.chain], "is for .*, and its signer acts for")
    above = ada.delegates("session", header={"mlo": bob.mlo})
    refused(above.says(), [*above.chain, *bob.chain], "no enrolment of")


def test_a_delegation_by_another_mlos_key_is_no_delegation() -> None:
    ada, mallory = person(), person()
    forged = mallory.delegates(header={"mlo": ada.mlo})
    refused(forged.says(), [*ada.chain, *forged.chain], "no enrolment of")


def test_a_delegations_subject_is_its_public_key() -> None:
    ada = person()
    other, own = key_subject(SigningKey.generate().key_id), SigningKey.generate()
    right = key_subject(own.key_id)
    for subject in (
        [other],
        [right, right],
        [right, other],
        [right | {"name": other["name"]}],
        [right | {"digest": other["digest"]}],
        [{"digest": right["digest"]}],
        [right | {"digest": right["digest"] | {"sha512": HEX}}],
    ):
        session = ada.delegates(key=own, subject=subject)
        refused(session.says(), session.chain, "another subject than its public key")


def test_an_enrolments_subject_is_its_public_key() -> None:
    ada = Hand(person().mlo)
    other = SigningKey.generate()
    head = ada.header() | {"kind": "person", "publicKey": ada.key.public.to_text()}
    enrolment = forge(types.ENROLMENT, [key_subject(other.key_id)], head, ada.key)
    session = replace(ada, chain=(enrolment,)).delegates()
    refused(session.says(), session.chain, "no enrolment of")


def test_an_enrolment_gives_itself_no_handle() -> None:
    ada = Hand(person().mlo)
    session = replace(ada, chain=(ada.enrols(ada, handle="h" * 22),)).delegates()
    refused(session.says(), session.chain, "gives itself a person handle")


def test_an_enrolment_whose_signature_does_not_hold_is_named() -> None:
    ada = person()
    session = ada.delegates()
    (enrolment,) = ada.chain
    broken = Envelope(enrolment.payload, enrolment.key_id, other_key_signature(enrolment))
    refused(session.says(), [broken, session.chain[1]], "enrolment .* does not hold")


def test_a_delegation_whose_signature_does_not_hold_is_named() -> None:
    session = person().delegates()
    enrolment, delegation = session.chain
    broken = Envelope(delegation.payload, delegation.key_id, other_key_signature(delegation))
    refused(session.says(), [enrolment, broken], "delegation .* does not hold")


def test_a_broken_copy_does_not_hide_the_whole_one() -> None:
    """Copies with one ID and another signature: the one that holds counts, wherever it stands."""
    ada = person()
    run = ada.delegates().delegates("run", time=NOW)
    broken = [Envelope(one.payload, one.key_id, other_key_signature(one)) for one in run.chain] + [
        Envelope(one.payload, one.key_id, b"") for one in run.chain
    ]
    assert answered(run.says(), [*broken, *run.chain], pinned(ada))
    assert answered(run.says(), [*run.chain, *broken], pinned(ada))


def test_the_other_signature_of_ecdsa_changes_nothing() -> None:
    ada = person()
    run = ada.delegates().delegates("run", time=NOW)
    statement = run.says()
    wanted = answered(statement, run.chain, pinned(ada))
    twins = [Envelope(e.payload, e.key_id, other_half(e.signature)) for e in run.chain]
    twin = Envelope(statement.payload, statement.key_id, other_half(statement.signature))
    assert answered(twin, twins, pinned(ada)) == wanted
    assert twin.statement_id == statement.statement_id


# -- who may delegate what -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("above", "kind"),
    [("session", "session"), ("session", "mandate"), ("session", "assistant"),
     ("mandate", "mandate"), ("mandate", "session"), ("run", "run"), ("run", "session"),
     ("assistant", "assistant"), ("assistant", "session")],
)  # fmt: skip
def test_delegated_keys_issue_runs_and_nothing_else(above: str, kind: str) -> None:
    everything = ["session", "mandate", "assistant", "run"]
    hand = person().delegates(above, delegate=everything)
    below = hand.delegates(kind, time=NOW)
    refused(below.says(), below.chain, "may not issue it")


def test_a_delegation_needs_the_permission_to_delegate() -> None:
    run = person().delegates(delegate=[]).delegates("run", time=NOW)
    refused(run.says(), run.chain, r"\(delegate\)")


def test_a_delegate_has_a_key_of_its_own() -> None:
    ada = person()
    itself = ada.delegates(key=ada.key)
    refused(itself.says(types.STAMP), itself.chain, "key of its own chain")


def test_long_chains_are_not_walked_and_harm_nobody_above_them() -> None:
    ada = person()
    session = hand = ada.delegates()
    for _ in range(MAX_DEPTH + 2):
        hand = hand.delegates("session", time=NOW)
    cache = KeyCache()
    pool, trust = Pool.of(hand.chain), pinned(ada)

    def ask(envelope: Envelope) -> Any:
        statement = read_statement(envelope)
        return attribute(statement, pool=pool, trust=trust, now=NOW, key_cache=cache)

    with pytest.raises(Refused, match="more than 8 delegations"):
        ask(hand.says())
    assert ask(session.says()).mlo == ada.mlo


# -- scope and time ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "element"),
    [
        ({"activities": ["validation"]}, "activities"),
        ({"models": ["fraud"]}, "models"),
        ({"models": ["loan@4"]}, "models"),
        ({"predicates": [types.SEAL]}, "predicates"),
        ({"predicates": []}, "predicates"),
    ],
)
def test_what_one_link_does_not_permit_is_refused_by_name(
    limits: dict[str, Any], element: str
) -> None:
    ada = person()
    here = ada.delegates(**limits)
    refused(here.says(), here.chain, rf"\({element}\)")
    above = ada.delegates(**limits).delegates("run", time=NOW)
    refused(above.says(), above.chain, rf"\({element}\)")
    below = ada.delegates().delegates("run", time=NOW, **limits)
    refused(below.says(), below.chain, rf"\({element}\)")


def test_standard_predicates_are_held_to_the_scope_by_their_own_members() -> None:
    session = person().delegates(activities=["validation"])
    refused(session.says(types.TEST_RESULT), session.chain, r"\(activities\)")
    assert answered(session.says(types.TEST_RESULT, mlo_activity="validation"), session.chain)


def test_times_lie_within_every_window_of_the_chain() -> None:
    ada = person()
    begin, end = NOW - hours(1), NOW + hours(1)
    session = ada.delegates(notAfter=to_text(end))
    run = session.delegates("run", time=NOW, notAfter=to_text(NOW + hours(9)))
    for hand in (session, run):
        for at in (begin, end, begin - CLOCK_TOLERANCE, end + CLOCK_TOLERANCE):
            assert answered(hand.says(time=at), hand.chain, now=end + hours(1))
        late = hand.says(time=end + CLOCK_TOLERANCE + timedelta(seconds=1))
        refused(late, hand.chain, r"\(notAfter\)", now=end + hours(1))
        early = hand.says(time=begin - CLOCK_TOLERANCE - timedelta(seconds=1))
        refused(early, hand.chain, r"\(notBefore\)", now=end + hours(1))


def test_a_delegation_is_made_while_its_signer_may() -> None:
    session = person().delegates(notAfter=to_text(NOW))
    late = session.delegates("run", time=NOW + hours(1))
    refused(late.says(), late.chain, r"\(notAfter\)", now=NOW + hours(1))


def test_a_record_counts_by_when_its_cell_started() -> None:
    session = person().delegates(notAfter=to_text(NOW + hours(1)))
    outlived = session.says(types.RECORD, time=NOW + hours(3), started=to_text(NOW))
    assert answered(outlived, session.chain, now=NOW + hours(3))
    after = session.says(types.RECORD, time=NOW, started=to_text(NOW + hours(2)))
    refused(after, session.chain, r"\(notAfter\)", now=NOW + hours(3))


def test_nothing_comes_from_the_future() -> None:
    session = person().delegates(notAfter=to_text(NOW + hours(99)))
    soon = session.says(time=NOW + FUTURE_TOLERANCE)
    assert answered(soon, session.chain)
    later = session.says(time=NOW + FUTURE_TOLERANCE + timedelta(seconds=1))
    refused(later, session.chain, "it is 2026")
    assert answered(later, session.chain, now=NOW + hours(1))


def test_a_runs_key_speaks_of_its_run_and_no_other() -> None:
    run = person().delegates().delegates("run", time=NOW)
    other = "urn:uuid:99999999-9999-4999-8999-999999999999"
    refused(run.says(run=other), run.chain, "is for the run")
    refused(run.says(run=None), run.chain, "is for the run")
    refused(run.says(types.TEST_RESULT, mlo_run=other), run.chain, "is for the run")
    assert answered(run.says(run=RUN["id"]), run.chain)


# -- enrolments, delegations and revocations themselves ------------------------------------


def test_the_statements_of_a_chain_are_attributed_too() -> None:
    ada, registrar = person(), person()
    run = ada.delegates().delegates("run", time=NOW)
    ended = ada.revokes(run.delegation or "")
    by_registrar = registrar.enrols(ada, handle="h" * 22)
    taken = replace(registrar, mlo=ada.mlo).revokes(HEX)
    pool = [*run.chain, *registrar.chain, ended, by_registrar]
    trust = trusting(registrar, pins=pinned(ada))
    kinds = dict.fromkeys((*run.chain[:2], ended), Role.OWN)
    kinds |= {run.chain[2]: Role.SESSION, by_registrar: Role.REGISTRAR, taken: Role.REGISTRAR}
    for envelope, kind in kinds.items():
        found = answered(envelope, pool, trust)
        assert (found.kind, found.mlo) == (kind, ada.mlo)
    assert answered(by_registrar, pool, trust).key_id == registrar.key.key_id


def test_a_delegation_that_gives_nothing_is_refused_as_a_statement_too() -> None:
    ada = person()
    session = ada.delegates(delegate=[])
    other = SigningKey.generate()
    for hand, why in (
        (ada.delegates(subject=[key_subject(other.key_id)]), "another subject"),
        (ada.delegates(key=ada.key), "key of its own chain"),
        (session.delegates("run", time=NOW), r"\(delegate\)"),
        (session.delegates("session", time=NOW), "may not issue"),
    ):
        refused(hand.chain[-1], hand.chain, why, pinned(ada))


def test_an_unknown_registrars_statements_are_refused() -> None:
    ada, stranger = person(), person()
    pool = [*ada.chain, *stranger.chain]
    refused(stranger.enrols(ada), pool, "no registrar|nor a registrar")
    revocation = forge_revocation(stranger, ada)
    refused(revocation, pool, "nor a registrar")


def forge_revocation(by: Hand, of: Hand) -> Envelope:
    return replace(by, mlo=of.mlo).revokes(of.key.key_id)


def test_an_enrolment_of_ones_own_binds_ones_own_key() -> None:
    ada, bob = person(), person()
    handle = ada.enrols(ada, handle="h" * 22)
    refused(handle, ada.chain, "gives itself a person handle", pinned(ada))
    said = ada.header() | {"kind": "person", "publicKey": ada.key.public.to_text()}
    about_bobs = forge(types.ENROLMENT, [key_subject(bob.key.key_id)], said, ada.key)
    refused(about_bobs, [*ada.chain, *bob.chain], "another subject", pinned(ada))
    signed_by_session = ada.delegates().enrols(ada)
    refused(signed_by_session, ada.delegates().chain, "is not at hand|may not sign")


def test_a_revocations_subject_is_what_it_revokes() -> None:
    ada = person()
    head = ada.header() | {"reason": "ended", "revokes": HEX}
    wrong = forge(types.REVOCATION, [key_subject(ada.key.key_id)], head, ada.key)
    refused(wrong, ada.chain, "another subject", pinned(ada))


# -- many at once --------------------------------------------------------------------------


def test_many_are_attributed_in_order_with_what_refuses_in_its_place() -> None:
    ada = person()
    session = ada.delegates()
    stranger = person().delegates()
    envelopes = []
    for number in range(120):
        if number % 40 == 7:
            envelopes.append(stranger.says())
        elif number % 40 == 9:
            good = session.says()
            envelopes.append(Envelope(good.payload, good.key_id, other_key_signature(good)))
        else:
            envelopes.append(session.says(types.STAMP))
    statements = [read_statement(envelope) for envelope in envelopes]
    found = attribute_many(statements, pool=Pool.of(session.chain), trust=pinned(ada), now=NOW)
    for number, result in enumerate(found):
        if number % 40 == 7:
            assert isinstance(result, Refused)
        elif number % 40 == 9:
            assert isinstance(result, StatementError)
        else:
            assert not isinstance(result, MloError)
            assert result.leaf_key_id == session.key.key_id


def test_a_thousand_stamps_of_one_session_walk_its_chain_once() -> None:
    ada = person()
    session = ada.delegates()
    statements = [read_statement(session.says(types.STAMP)) for _ in range(1000)]
    pool, cache, trust = Pool.of(session.chain), KeyCache(), pinned(ada)

    def attributed() -> None:
        found = attribute_many(statements, pool=pool, trust=trust, now=NOW, key_cache=cache)
        assert not any(isinstance(one, MloError) for one in found)

    def bare() -> None:
        for statement in statements:
            statement.envelope.check_signature(session.key.public)

    def took(act: Callable[[], None]) -> float:
        began = time.process_time()
        act()
        return time.process_time() - began

    # In this process's own time, and the best of three: the machine may be busy.
    assert min(took(attributed) for _ in range(3)) < 2 * min(took(bare) for _ in range(3))
    assert len(pool._checked) == 2  # one enrolment, one delegation
    assert set(cache.links) == {session.delegation}


def test_a_cache_forgets_what_another_verifier_trusts() -> None:
    ada = person()
    impostor = person(ada.mlo)
    session = impostor.delegates()
    statement = read_statement(session.says())
    pool, cache = Pool.of([*ada.chain, *session.chain]), KeyCache()

    def level(trust: Trust, pool: Pool = pool) -> Assurance:
        return attribute(statement, pool=pool, trust=trust, now=NOW, key_cache=cache).assurance

    assert level(NOBODY) is Assurance.CLAIMED
    assert level(pinned(impostor)) is Assurance.SIGNED
    with pytest.raises(Refused, match="conflict"):
        level(pinned(ada))
    assert level(NOBODY) is Assurance.CLAIMED
    # Nor does it remember what was missing from another pool.
    late = impostor.delegates()
    other = read_statement(late.says())
    with pytest.raises(Refused, match="not at hand"):
        attribute(other, pool=pool, trust=NOBODY, now=NOW, key_cache=cache)
    more = pool.also(late.chain)
    assert attribute(other, pool=more, trust=NOBODY, now=NOW, key_cache=cache)


def test_a_file_full_of_broken_copies_costs_one_check_each() -> None:
    ada = person()
    session = ada.delegates()
    copies = [
        Envelope(e.payload, e.key_id, number.to_bytes(2, "big"))
        for e in session.chain
        for number in range(200)
    ]
    statements = [read_statement(session.says()) for _ in range(200)]
    pool = Pool.of(copies)
    began = time.process_time()
    found = attribute_many(statements, pool=pool, trust=pinned(ada), now=NOW)
    assert all(isinstance(one, StatementError) for one in found)
    assert len(pool._checked) <= 400
    assert time.process_time() - began < 5


def test_a_file_full_of_lies_is_judged_in_time_that_grows_with_it_and_no_faster() -> None:
    """Thousands of enrolments, revocations and delegations of one MLO, and a stamp for each."""
    ada = person()
    session = ada.delegates()
    liar = Hand(ada.mlo)

    def lies(count: int) -> float:
        envelopes = list(session.chain)
        stamps = []
        for number in range(count):
            for true in (
                ada.enrols(ada, kind="team"),
                liar.enrols(replace(liar, key=ada.key)),
                ada.revokes(ada.key.key_id),
                ada.delegates(),
            ):
                envelope = true.chain[-1] if isinstance(true, Hand) else true
                nothing = number.to_bytes(3, "big")
                envelopes.append(Envelope(envelope.payload, envelope.key_id, nothing))
            stamps.append(read_statement(replace(session, delegation=None).says()))
            stamps.append(read_statement(ada.says(types.STAMP)))
            stamps.append(read_statement(session.says(types.STAMP)))
        began = time.process_time()
        pool = Pool.of(envelopes)
        attribute_many(stamps, pool=pool, trust=pinned(ada), now=NOW)
        return time.process_time() - began

    # Twice eight for what grows with it, 64 for what grows with its square.
    assert min(lies(800), lies(800)) < 24 * min(lies(100), lies(100), lies(100))
