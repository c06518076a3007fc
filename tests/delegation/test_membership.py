"""Teams, assistants, roles: who may act for whom, and that both are named."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jupyter_mlo.delegation.affirmation import affirm
from jupyter_mlo.delegation.assurance import Assurance, Standings
from jupyter_mlo.delegation.membership import admit, grant
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.revocation import Logged, Revocations
from jupyter_mlo.delegation.runs import delegate_run
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import InvalidInput, MloError, Refused
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.subjects import mlo_subject
from jupyter_mlo.statements.times import to_text
from tests.delegation.actors import (
    CONTENTS,
    HELPER,
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
from tests.delegation.test_signer import signer_of


def team() -> Hand:
    hand = person()
    return replace(hand, chain=(hand.enrols(hand, kind="team"),))


def own(hand: Hand) -> Signer:
    return Signer.own(hand.mlo, hand.key, hand.chain)


def for_team(member: Hand, of: Hand, **more: Any) -> Hand:
    return member.delegates(header={"onBehalfOf": of.mlo, **more})


def test_a_member_acts_for_the_team_and_both_are_named() -> None:
    ada, credit = person(), team()
    session = for_team(ada, credit)
    run = session.delegates("run", time=NOW)
    membership = admit(own(credit), ada.mlo, now=NOW - hours(1))
    pool = [*run.chain, *credit.chain, membership]
    for hand in (session, run):
        found = answered(hand.says(), pool, pinned(ada, credit))
        assert (found.mlo, found.on_behalf_of) == (ada.mlo, credit.mlo)
        assert found.assurance is Assurance.SIGNED
    # As sure as the team is known.
    assert answered(session.says(), pool, pinned(ada)).assurance is Assurance.CLAIMED


def test_without_a_membership_nobody_acts_for_a_team() -> None:
    ada, bob, credit, other = person(), person(), team(), team()
    session = for_team(ada, credit)
    base = [*session.chain, *credit.chain, *other.chain, *bob.chain]
    head = bob.header(mlo=credit.mlo) | {"member": ada.mlo}
    whole = admit(own(credit), ada.mlo, now=NOW - hours(1))
    wrong = {
        "none": [],
        "another's": [admit(own(credit), bob.mlo, now=NOW - hours(1))],
        "of another team": [admit(own(other), ada.mlo, now=NOW - hours(1))],
        "by herself": [forge(types.MEMBERSHIP, [mlo_subject(ada.mlo)],
                             ada.header(mlo=credit.mlo, member=ada.mlo), ada.key)],
        "by a stranger": [forge(types.MEMBERSHIP, [mlo_subject(ada.mlo)], head, bob.key)],
        "by a broken signature": [Envelope(whole.payload, whole.key_id, b"\0" * 70)],
        "later": [admit(own(credit), ada.mlo, now=NOW + hours(1))],
        "ended": [admit(own(credit), ada.mlo, now=NOW - hours(2), until=NOW - hours(1))],
        "another subject": [forge(types.MEMBERSHIP, [mlo_subject(bob.mlo)],
                                  credit.header(NOW - hours(1), member=ada.mlo), credit.key)],
    }  # fmt: skip
    for name, said in wrong.items():
        pool = [*base, *said]
        with pytest.raises(Refused, match="no membership in it"):
            assert answered(session.says(), pool, pinned(ada, credit, other)) is None, name
    right = admit(own(credit), ada.mlo, now=NOW - hours(1), until=NOW + hours(1))
    assert answered(session.says(), [*base, right], pinned(ada, credit)).on_behalf_of == credit.mlo


def test_a_registrar_gives_memberships_too() -> None:
    ada, credit, registrar = person(), team(), person()
    session = for_team(ada, credit)
    said = forge(
        types.MEMBERSHIP,
        [mlo_subject(ada.mlo)],
        registrar.header(NOW - hours(1), mlo=credit.mlo, member=ada.mlo),
        registrar.key,
    )
    pool = [*session.chain, *registrar.chain, said]
    trust = trusting(registrar, pins=pinned(ada))
    assert answered(session.says(), pool, trust).assurance is Assurance.SIGNED
    with pytest.raises(Refused, match="no membership"):
        answered(session.says(), pool, pinned(ada))


def test_who_leaves_a_team_keeps_what_was_logged_before() -> None:
    ada, credit = person(), team()
    session = for_team(ada, credit)
    membership = admit(own(credit), ada.mlo, now=NOW - hours(1))
    before, after = session.says(time=NOW - hours(0.5)), session.says(time=NOW + hours(0.5))
    left = credit.revokes(membership.statement_id, reason="left")
    pool = [*session.chain, *credit.chain, membership, left]
    trust = pinned(ada, credit)
    places = {before.statement_id: Logged(1), left.statement_id: Logged(2)}
    known = Revocations(Pool.of(pool), trust, places)
    later = NOW + hours(1)
    assert answered(before, pool, trust, revocations=known, now=later).remark == ""
    with pytest.raises(Refused, match="after that"):
        answered(after, pool, trust, revocations=known, now=later)


def test_a_delegation_below_does_not_change_the_team() -> None:
    ada, credit, other = person(), team(), team()
    session = for_team(ada, credit)
    pool = [*credit.chain, *other.chain,
            admit(own(credit), ada.mlo, now=NOW - hours(1)),
            admit(own(other), ada.mlo, now=NOW - hours(1))]  # fmt: skip
    for above in (session, ada.delegates()):
        run = above.delegates("run", time=NOW, header={"onBehalfOf": other.mlo})
        with pytest.raises(Refused, match="is on behalf of"):
            answered(run.says(), [*pool, *run.chain], pinned(ada, credit, other))


@pytest.mark.parametrize("kind", ["team", "assistant"])
@pytest.mark.parametrize("role", ["session", "mandate"])
def test_teams_and_assistants_do_not_act_by_themselves(kind: str, role: str) -> None:
    hand = person()
    hand = replace(hand, chain=(hand.enrols(hand, kind=kind),))
    session = hand.delegates(role)
    with pytest.raises(Refused, match="a person answers for what it does"):
        answered(session.says(), session.chain, pinned(hand))


def test_what_a_registrar_calls_it_counts_more_than_what_it_calls_itself() -> None:
    hand, registrar = person(), person()
    session = hand.delegates()
    pool = [*session.chain, *registrar.chain, registrar.enrols(hand, kind="assistant")]
    assert answered(session.says(), session.chain, pinned(hand))
    with pytest.raises(Refused, match="a person answers"):
        answered(session.says(), pool, trusting(registrar))


def test_an_assistant_acts_under_a_grant_and_both_are_named() -> None:
    ada = person()
    granted = grant(
        own(ada),
        HELPER,
        activities=["training"],
        models=["loan"],
        now=NOW - hours(1),
        lasts=timedelta(hours=8),
    )
    assert granted.named == {"assistant": HELPER}
    again = Signer.from_json(granted.to_json())
    hand = Hand(ada.mlo, again.key, again.delegation, again.chain)
    found = answered(hand.says(), hand.chain, pinned(ada))
    assert (found.mlo, found.assistant, str(found.kind)) == (ada.mlo, HELPER, "assistant")
    run = delegate_run(again, RUN["id"], RUN["notebook"], NOW, timedelta(hours=1))
    below = Hand(ada.mlo, run.key, run.delegation, run.chain)
    assert answered(below.says(), below.chain, pinned(ada)).assistant == HELPER
    for members in ({"activity": "deployment"}, {"model": "other"}):
        with pytest.raises(Refused, match="outside the scope"):
            answered(hand.says(**members), hand.chain, pinned(ada))
    for lasts in (timedelta(), timedelta(days=31)):
        with pytest.raises(InvalidInput):
            grant(own(ada), HELPER, activities=["training"], models=[], now=NOW, lasts=lasts)


@pytest.mark.parametrize("activity", ["review", "deployment"])
def test_no_grant_covers_what_is_a_persons_own(activity: str) -> None:
    ada = person()
    with pytest.raises(InvalidInput, match="that is a person's own act"):
        grant(
            Signer.own(ada.mlo, ada.key, ada.chain), HELPER, activities=["training", activity],
            models=[], now=NOW, lasts=timedelta(hours=8),
        )  # fmt: skip
    # A forger's grant says "*": neither the assistant nor its runs may, whatever it says.
    hand = ada.delegates("assistant")
    for one in (hand, hand.delegates("run")):
        assert answered(one.says(), one.chain, pinned(ada)).assistant == HELPER
        with pytest.raises(Refused, match=r"out of what a grant can cover: .*\(activities\)"):
            answered(one.says(activity=activity), one.chain, pinned(ada))
    signer = signer_of(hand, kind="assistant")
    assert signer.permits("training", "loan")
    assert signer.permits(activity, None).element == "activities"
    subject, said = CONTENTS[types.STAMP]
    with pytest.raises(Refused, match="that is a person's own act"):
        signer.sign(types.STAMP, subject, said | {"activity": activity}, NOW)
    signer.sign(types.STAMP, subject, said, NOW)
    subject, said = CONTENTS[types.SEAL]
    for meaning in ("reviewed", "approved"):
        with pytest.raises(Refused, match="seals nothing as"):
            signer.sign(types.SEAL, subject, said | {"meaning": meaning}, NOW)
        with pytest.raises(Refused, match="seals nothing as"):
            answered(hand.says(types.SEAL, meaning=meaning), hand.chain, pinned(ada))
    assert answered(hand.says(types.SEAL), hand.chain, pinned(ada)).assistant == HELPER
    session = signer_of(ada.delegates("session"))
    assert session.permits(activity, None)


def test_only_persons_grant_and_a_grant_names_its_assistant() -> None:
    service = person()
    service = replace(service, chain=(service.enrols(service, kind="service"),))
    hand = service.delegates("assistant")
    with pytest.raises(Refused, match="which is of kind 'service'"):
        answered(hand.says(), hand.chain, pinned(service))
    for kind, named in (("assistant", None), ("session", HELPER)):
        wrong = person().delegates(kind, header={"assistant": named})
        with pytest.raises(MloError, match="cannot be read"):
            answered(wrong.says(), wrong.chain)


def roles_of(mlo: str, pool: list[Envelope], *registrars: Hand) -> frozenset[str]:
    trust = trusting(*registrars)
    known = Pool.of(pool)
    return Standings(known, trust, Revocations(known, trust)).roles(mlo, NOW)


def test_roles_are_a_trusted_registrars_to_give() -> None:
    ada, registrar, other = person(), person(), person()

    def role(by: Hand, name: str, subject: str = ada.mlo, **members: Any) -> Envelope:
        head = by.header(NOW - hours(1), mlo=ada.mlo, role=name) | members
        return forge(types.ROLE, [mlo_subject(subject)], head, by.key)

    given = role(registrar, "validator")
    pool = [*ada.chain, *registrar.chain, *other.chain, given,
            role(other, "approver"), role(ada, "owner"),
            role(registrar, "past", notAfter=to_text(NOW - hours(0.5))),
            role(registrar, "future", time=to_text(NOW + hours(2))),
            role(registrar, "anothers", subject=other.mlo)]  # fmt: skip
    assert roles_of(ada.mlo, pool, registrar) == {"validator"}
    assert roles_of(ada.mlo, pool) == frozenset()
    assert answered(given, pool, trusting(registrar)).assurance is Assurance.ENROLLED
    with pytest.raises(Refused, match="may not sign role"):
        answered(role(ada, "owner"), pool, trusting(registrar))
    back = replace(registrar, mlo=ada.mlo).revokes(given.statement_id)
    assert roles_of(ada.mlo, [*pool, back], registrar) == frozenset()


def days(count: float) -> timedelta:
    return timedelta(days=count)


def long_ago(member: Hand, of: Hand, until: timedelta = timedelta()) -> Hand:
    """A session for a team, begun 31 days ago and still open ``until`` before now."""
    return member.delegates(
        time=NOW - days(31),
        header={"onBehalfOf": of.mlo},
        notBefore=to_text(NOW - days(31)),
        notAfter=to_text(NOW - until),
    )


def test_who_left_a_team_does_not_affirm_herself_back_in() -> None:
    ada, credit, other = person(), team(), team()
    membership = admit(own(credit), ada.mlo, now=NOW - days(60))
    left = credit.revokes(membership.statement_id, reason="left", time=NOW - days(30))
    session = long_ago(ada, credit)
    ended = ada.revokes(session.delegation or "", time=NOW - days(30))
    said = session.says(time=NOW - days(30.5))
    hers, theirs, anothers = (affirm(own(by), [said.statement_id], now=NOW)
                              for by in (ada, credit, other))  # fmt: skip

    def judge(*more: Envelope) -> tuple[bool, Assurance]:
        pool = [*session.chain, *credit.chain, *other.chain, membership, left, *more]
        order = [membership, left, ended, said, hers, theirs, anothers]
        places = {one.statement_id: Logged(at) for at, one in enumerate(order)}
        trust = pinned(ada, credit, other)
        known = Revocations(Pool.of(pool), trust, places)
        found = answered(said, pool, trust, revocations=known)
        assert found.on_behalf_of == credit.mlo
        return found.lapsed, found.assurance

    lapsed, counts = (True, Assurance.CLAIMED), (False, Assurance.SIGNED)
    assert judge() == judge(hers) == judge(anothers) == lapsed
    assert judge(theirs) == counts
    # Where her own session ended as well, each answers for their own part.
    assert judge(ended, hers) == judge(ended, theirs) == lapsed
    assert judge(ended, hers, theirs) == counts


def test_a_team_of_oneself_hides_nothing_that_ended() -> None:
    ada = person()
    session = for_team(ada, ada)
    membership = admit(own(ada), ada.mlo, now=NOW - hours(1))
    ended = ada.revokes(session.delegation or "")
    pool = [*session.chain, membership]
    assert not answered(session.says(), pool, pinned(ada)).lapsed
    assert answered(session.says(), [*pool, ended], pinned(ada)).lapsed


@pytest.mark.parametrize(
    ("logged", "remark"),
    [
        (Logged(1), ""),
        (Logged(1, NOW - days(30.2), NOW - days(30.4)), ""),
        (Logged(1, NOW - days(25), NOW - days(29)), "late: its membership ended at 2026-10-23"),
        (Logged(1, NOW, NOW - days(1)), "its membership ended at 2026-10-23"),
    ],
)
def test_what_is_proven_to_come_after_a_membership_was_not_made_within_it(
    logged: Logged, remark: str
) -> None:
    ada, credit = person(), team()
    session = long_ago(ada, credit)
    said = session.says(time=NOW - days(30.5))
    ended = admit(own(credit), ada.mlo, now=NOW - days(60), until=NOW - days(30))
    lasting = admit(own(credit), ada.mlo, now=NOW - days(60), until=NOW + days(30))
    trust = pinned(ada, credit)
    base = [*session.chain, *credit.chain]
    places = {said.statement_id: logged}

    def judge(*memberships: Envelope) -> tuple[str, bool]:
        pool = [*base, *memberships]
        known = Revocations(Pool.of(pool), trust, places)
        found = answered(said, pool, trust, revocations=known)
        return found.remark, found.lapsed

    found, lapsed = judge(ended)
    assert found.startswith(remark)
    assert bool(found) == bool(remark)
    assert lapsed == remark.startswith("its")
    assert judge(ended, lasting) == judge(lasting, ended) == ("", False)


@pytest.mark.parametrize("kind", ["team", "assistant"])
def test_a_team_is_no_person_by_enrolling_itself_once_more(kind: str) -> None:
    hand, registrar, second = person(), person(), person()
    other = person(hand.mlo)
    as_person, as_kind = hand.enrols(hand, kind="person"), hand.enrols(hand, kind=kind)
    session, by_other = hand.delegates(), other.delegates()
    theirs = [*other.chain, hand.enrols(other, kind="person")]
    both = [registrar.enrols(hand, kind="person"), second.enrols(hand, kind=kind)]
    for here, pool, trust in (
        (session, [as_person, as_kind], pinned(hand)),
        (session, [as_kind, as_person], pinned(hand)),
        # Another key of the same MLO, which is a person by its own word and by the team's.
        (by_other, [as_kind, *theirs], pinned(hand)),
        (by_other, [as_kind, *theirs], pinned(hand).pin_also(hand.mlo, other.key.key_id)),
        (by_other, [as_kind, *theirs, other.enrols(hand)], pinned(other)),
        (session, [as_person, *other.chain, hand.enrols(other, kind=kind)], pinned(hand)),
        (by_other, [*registrar.chain, both[0], second.enrols(hand, kind=kind), *second.chain,
                    as_person, *theirs], trusting(registrar, second)),
        (session, [*session.chain, *registrar.chain, *second.chain, *both],
         trusting(registrar, second)),
        (session, [*session.chain, *registrar.chain, *second.chain, *reversed(both)],
         trusting(registrar, second)),
    ):  # fmt: skip
        whole = [*pool, *(one for one in here.chain if one not in hand.chain)]
        with pytest.raises(Refused, match="a person answers for what it does"):
            answered(here.says(), whole, trust)


def test_a_stranger_makes_no_team_of_a_person() -> None:
    ada, bob = person(), person()
    impostor = person(ada.mlo)
    said = [
        impostor.enrols(impostor, kind="team"),
        impostor.enrols(ada, kind="team"),
        replace(bob, mlo=ada.mlo).enrols(ada, kind="team"),
        bob.enrols(ada, kind="team"),
    ]
    session = ada.delegates()
    pool = [*said, *session.chain, *bob.chain]
    found = answered(session.says(), pool, pinned(ada))
    assert (found.mlo_kind, found.assurance) == ("person", Assurance.SIGNED)


def test_a_team_that_is_pinned_as_one_does_not_pass_for_a_person() -> None:
    hand = person()
    first, second = hand.enrols(hand, kind="team"), hand.enrols(hand, kind="person")
    session = replace(hand, chain=(second,)).delegates()
    said, pool = session.says(), session.chain
    known = pinned(hand)
    assert answered(said, pool, known).assurance is Assurance.SIGNED  # the hole, without a kind
    for kind in ("team", "assistant", "service"):
        as_one = replace(known, kinds={hand.mlo: kind})
        with pytest.raises(Refused, match=f"pinned here as of kind '{kind}', and calls itself 'p"):
            answered(said, pool, as_one)
    with pytest.raises(Refused, match="a person answers for what it does"):
        answered(said, [*pool, first], replace(known, kinds={hand.mlo: "team"}))
    assert answered(said, pool, replace(known, kinds={hand.mlo: "person"}))
    # What is said beside counts, whatever is pinned.
    with pytest.raises(Refused, match="a person answers for what it does"):
        answered(said, [*pool, first], replace(known, kinds={hand.mlo: "person"}))
