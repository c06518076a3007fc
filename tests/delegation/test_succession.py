"""Several keys of one MLO: rotation, second device, rebinding, and who may not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest

from jupyter_mlo.delegation.assurance import Assurance
from jupyter_mlo.delegation.chain import Attribution
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.revocation import Logged, Revocations
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.errors import Refused
from jupyter_mlo.statements.envelope import Envelope
from tests.delegation.actors import NOW, Hand, answered, hours, person, pinned, trusting


def seen(said: Sequence[Envelope], logged: Sequence[Envelope], trust: Trust) -> Revocations:
    places = {one.statement_id: Logged(index) for index, one in enumerate(logged)}
    return Revocations(Pool.of(said), trust, places)


def judged(
    hand: Hand, pool: Sequence[Envelope], trust: Trust, logged: Sequence[Envelope] = ()
) -> Attribution:
    session = hand.delegates()
    whole = [*pool, *session.chain]
    known = seen(whole, logged, trust) if logged else None
    return answered(session.says(), whole, trust, revocations=known)


def refused(hand: Hand, pool: Sequence[Envelope], trust: Trust) -> bool:
    try:
        judged(hand, pool, trust)
    except Refused as error:
        return "conflict" in error.message
    return False


def linked(old: Hand, new: Hand) -> list[Envelope]:
    """Both keys' own enrolments, and each vouching for the other."""
    return [*old.chain, *new.chain, old.enrols(new), new.enrols(old)]


def test_who_knows_one_key_knows_the_other() -> None:
    old = person()
    new = person(old.mlo)
    pool = linked(old, new)
    for known, other in ((old, new), (new, old)):
        assert judged(other, pool, pinned(known)).assurance is Assurance.SIGNED
        assert judged(known, pool, pinned(known)).assurance is Assurance.SIGNED


def test_it_goes_one_way_and_through_several() -> None:
    one = person()
    two, three = person(one.mlo), person(one.mlo)
    pool = [*one.chain, *two.chain, *three.chain, one.enrols(two), two.enrols(three)]
    assert judged(three, pool, pinned(one)).assurance is Assurance.SIGNED
    with pytest.raises(Refused, match="conflict"):
        judged(one, pool, pinned(three))


def test_strangers_who_vouch_for_a_key_hide_nobody() -> None:
    one = person()
    two, three = person(one.mlo), person(one.mlo)
    strangers = [person(one.mlo) for _ in range(70)]
    flood = [said for each in strangers for said in (*each.chain, each.enrols(three))]
    pool = [*flood, *one.chain, *two.chain, *three.chain, one.enrols(two), two.enrols(three)]
    assert judged(three, pool, pinned(one)).assurance is Assurance.SIGNED


def steps(strangers: int) -> int:
    """Calls that judging a key costs for which so many vouch who revoke it, too."""
    ada = person()
    pool = list(ada.chain)
    for _ in range(strangers):
        one = person(ada.mlo)
        pool += [*one.chain, one.enrols(ada), one.revokes(ada.key.key_id, time=NOW - hours(1))]
    counted = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = judged(ada, pool, pinned(ada))
    finally:
        sys.setprofile(before)
    assert not found.lapsed
    return counted


def test_enrolments_times_revocations_cost_no_product() -> None:
    """Twice as many of both cost twice as much, not four times."""
    steps(2)
    assert steps(160) < 3 * steps(80)


def test_who_vouches_for_a_key_does_not_revoke_it_by_that() -> None:
    ada, registrar = person(), person()
    impostor = person(ada.mlo)
    pool = [*registrar.chain, registrar.enrols(ada), *ada.chain, *impostor.chain]
    pool += [impostor.enrols(ada), impostor.revokes(ada.key.key_id, time=NOW - hours(1))]
    for trust in (pinned(ada), trusting(registrar), Trust()):
        assert not judged(ada, pool, trust).lapsed
    # Whom a key calls its own may; so may one that is known here for the key's MLO.
    for said in (ada.enrols(impostor), registrar.enrols(impostor)):
        with pytest.raises(Refused, match="was revoked"):
            judged(ada, [*pool, said], trusting(registrar, pins=pinned(ada)))


def test_nobody_else_vouches() -> None:
    ada, impostor, bob = person(), person(), person()
    impostor = person(ada.mlo)
    attempts = {
        "itself": [],
        "backwards": [impostor.enrols(ada)],
        "another MLO": [replace(bob, mlo=ada.mlo).enrols(impostor)],
        "another MLO in its own name": [bob.enrols(replace(impostor, mlo=bob.mlo))],
        "a session": [ada.delegates().enrols(impostor)],
        "with a handle": [ada.enrols(impostor, handle="h" * 22)],
        "a broken signature": [
            Envelope((said := ada.enrols(impostor)).payload, said.key_id, b"\0" * 70)
        ],
    }
    for name, said in attempts.items():
        pool = [*ada.chain, *impostor.chain, *bob.chain, *said]
        assert refused(impostor, pool, pinned(ada)), name
    pool = [*ada.chain, *impostor.chain, ada.enrols(impostor)]
    assert judged(impostor, pool, pinned(ada)).assurance is Assurance.SIGNED


def test_a_key_that_vouches_after_its_end_vouches_for_nothing() -> None:
    old = person()
    new, thief = person(old.mlo), person(old.mlo)
    pool = linked(old, new)
    rightly = pool[2]
    ended = old.revokes(old.key.key_id, reason="superseded", time=NOW - hours(1))
    stolen = old.enrols(thief)
    whole = [*pool, *thief.chain, stolen, ended]
    trust = pinned(old)
    logged = [rightly, ended, stolen]
    assert judged(new, whole, trust, logged).assurance is Assurance.SIGNED
    with pytest.raises(Refused, match="conflict"):
        judged(thief, whole, trust, logged)
    with pytest.raises(Refused, match="conflict"):
        judged(thief, whole, trust, [rightly, ended])


def test_a_registrar_who_knows_one_key_is_not_taken_for_the_other() -> None:
    ada, registrar = person(), person()
    second = person(ada.mlo)
    pool = [*linked(ada, second), *registrar.chain, registrar.enrols(ada, handle="h" * 22)]
    trust = trusting(registrar)
    assert judged(ada, pool, trust).assurance is Assurance.ENROLLED
    found = judged(second, pool, trust)
    assert (found.assurance, found.handle) == (Assurance.SIGNED, None)
    # Once it enrols both for one person, both are.
    both = [*pool, registrar.enrols(second, handle="h" * 22)]
    for hand in (ada, second):
        assert judged(hand, both, trust).assurance is Assurance.ENROLLED
        assert judged(hand, both, trust).handle == "h" * 22


def test_two_keys_with_two_handles_are_a_conflict() -> None:
    ada, registrar, other = person(), person(), person()
    twin = person(ada.mlo)
    base = [*ada.chain, *twin.chain, *registrar.chain, *other.chain]
    right = registrar.enrols(ada, handle="h" * 22)
    for wrong in (registrar.enrols(twin, handle="i" * 22), other.enrols(twin, handle="h" * 22)):
        with pytest.raises(Refused, match="enrolled both"):
            judged(twin, [*base, right, wrong], trusting(registrar, other))
    assert judged(twin, [*base, right, registrar.enrols(twin, handle="h" * 22)],
                  trusting(registrar)).assurance is Assurance.ENROLLED  # fmt: skip


def test_a_lost_key_is_bound_anew_by_the_registrar() -> None:
    lost, registrar = person(), person()
    anew = person(lost.mlo)
    acting = replace(registrar, mlo=lost.mlo)
    before = lost.delegates()
    said = before.says(time=NOW - hours(0.5))
    ended = acting.revokes(lost.key.key_id, reason="lost")
    pool = [*before.chain, *anew.chain, *registrar.chain, registrar.enrols(lost, handle="h" * 22),
            registrar.enrols(anew, handle="h" * 22), ended]  # fmt: skip
    trust = trusting(registrar)
    assert judged(anew, pool, trust, [said, ended]).assurance is Assurance.ENROLLED
    known = seen(pool, [said, ended], trust)
    old = answered(said, pool, trust, revocations=known)
    assert (old.assurance, old.handle, old.remark) == (Assurance.ENROLLED, "h" * 22, "")
    after = before.says(time=NOW + hours(0.01))
    with pytest.raises(Refused, match="after that"):
        answered(after, pool, trust, revocations=known)


def test_a_new_id_is_a_claimed_successor() -> None:
    ada, new = person(), person()
    new = replace(new, chain=(new.enrols(new, succeeds=ada.mlo),))
    session = new.delegates()
    found = answered(session.says(), [*ada.chain, *session.chain], pinned(new))
    assert (found.mlo, found.succeeds, found.assurance) == (new.mlo, ada.mlo, Assurance.SIGNED)
    # It is a claim, and gives nothing of what the other has.
    found = answered(session.says(), [*ada.chain, *session.chain], pinned(ada))
    assert found.assurance is Assurance.CLAIMED


def test_whoever_finds_a_key_that_was_given_up_burns_nothing_with_it() -> None:
    old = person()
    new = person(old.mlo)
    pool = linked(old, new)
    trust = replace(pinned(old), pins={old.mlo: frozenset({old.key.key_id, new.key.key_id})})
    said = (session := old.delegates()).says(time=NOW - hours(0.9))
    superseded = old.revokes(old.key.key_id, reason="superseded", time=NOW - hours(0.5))
    logged = [said, *pool, superseded]
    burning = [
        old.revokes(new.key.key_id, reason="compromised", since=NOW - hours(9)),
        old.revokes(session.delegation or "", reason="compromised", since=NOW - hours(9)),
        old.revokes(old.key.key_id, reason="ended", time=NOW - hours(3)),
    ]
    whole = [*pool, *session.chain, superseded, *burning]
    known = seen(whole, [*logged, *burning], trust)
    assert answered(said, whole, trust, revocations=known).assurance is Assurance.SIGNED
    assert judged(new, whole, trust, [*logged, *burning]).assurance is Assurance.SIGNED
    # Its successor may well say so later.
    rightly = new.revokes(old.key.key_id, reason="compromised", since=NOW - hours(9))
    whole.append(rightly)
    known = seen(whole, [*logged, rightly], trust)
    assert answered(said, whole, trust, revocations=known).lapsed


def test_a_device_that_was_revoked_revokes_no_other() -> None:
    ada, laptop, phone = (one := person()), person(one.mlo), person(one.mlo)
    pool = [*linked(ada, laptop), *phone.chain, ada.enrols(phone), phone.enrols(ada)]
    said = (session := ada.delegates()).says(time=NOW - hours(0.9))
    lost = ada.revokes(laptop.key.key_id, reason="lost", time=NOW - hours(0.5))
    burns = [
        laptop.revokes(what, reason="compromised", since=NOW - hours(9), time=NOW - hours(0.6))
        for what in (ada.key.key_id, phone.key.key_id, session.delegation or "")
    ]
    # What it hangs on may be long: the phone is revoked by the laptop, after the laptop's end.
    chained = phone.revokes(ada.key.key_id, reason="compromised", since=NOW - hours(9))
    whole = [*pool, *session.chain, lost, *burns]
    for trust in (pinned(ada), pinned(laptop)):
        known = seen(whole, [*pool, said, lost, *burns], trust)
        found = answered(said, whole, trust, revocations=known)
        assert (found.assurance, found.remark) == (Assurance.SIGNED, "")
        # Before its end it may, and what it revoked revokes nothing in turn.
        first = seen(whole, [*pool, said, *burns, lost], trust)
        assert answered(said, whole, trust, revocations=first).lapsed
        known = seen([*whole, chained], [*pool, said, lost, *burns, chained], trust)
        assert answered(said, [*whole, chained], trust, revocations=known).lapsed
        stopped = [*pool, said, burns[1], lost, chained]
        known = seen([*pool, *session.chain, *stopped], stopped, trust)
        found = answered(said, [*pool, *session.chain, *stopped], trust, revocations=known)
        assert (found.assurance, found.remark) == (Assurance.SIGNED, "")


@pytest.mark.parametrize("by", ["itself", "a sibling", "another registrar"])
def test_a_registrar_whose_key_was_revoked_revokes_nobody(by: str) -> None:
    ada, registrar, second = person(), person(), person()
    sibling = person(registrar.mlo)
    said = (session := ada.delegates()).says(time=NOW - hours(0.9))
    ender = {"itself": registrar, "a sibling": sibling, "another registrar": second}[by]
    ended = replace(ender, mlo=registrar.mlo).revokes(
        registrar.key.key_id, reason="compromised", since=NOW - hours(0.7), time=NOW - hours(0.5)
    )
    burns = replace(registrar, mlo=ada.mlo).revokes(
        ada.key.key_id, reason="compromised", since=NOW - hours(9)
    )
    pool = [*linked(registrar, sibling), *second.chain, *session.chain, registrar.enrols(ada),
            second.enrols(registrar)]  # fmt: skip
    trust = trusting(registrar, second, pins=pinned(ada))
    whole = [*pool, ended, burns]
    known = seen(whole, [*pool, said, ended, burns], trust)
    found = answered(said, whole, trust, revocations=known)
    assert (found.assurance, found.remark) == (Assurance.SIGNED, "")
    known = seen(whole, [*pool, said, burns, ended], trust)
    assert answered(said, whole, trust, revocations=known).lapsed


def test_many_revocations_of_each_other_are_gone_through_once() -> None:
    ada = person()
    laptop = person(ada.mlo)
    said = (session := ada.delegates()).says(time=NOW - hours(0.9))
    pool = [*linked(ada, laptop), *session.chain]
    many = [
        one.revokes(other.key.key_id, reason="lost")
        for _ in range(200)
        for one, other in ((ada, laptop), (laptop, ada))
    ]
    known = seen([*pool, *many], [*pool, said, *many], pinned(ada))
    assert not answered(said, [*pool, *many], pinned(ada), revocations=known).lapsed


@pytest.mark.parametrize("reason", ["ended", "superseded", "left", "lost", "compromised"])
@pytest.mark.parametrize("date", [9.0, 0.2])
def test_a_thief_who_ends_a_stolen_key_does_not_forestall_its_owner(
    reason: str, date: float
) -> None:
    ada = person()
    other = person(ada.mlo)
    thiefs = (session := ada.delegates()).says(time=NOW - hours(0.5))
    older = session.says(time=NOW - hours(0.9))
    since = NOW - hours(0.01) if reason == "compromised" else None
    forestalls = ada.revokes(ada.key.key_id, reason=reason, time=NOW - hours(0.3), since=since)
    theft = ada.revokes(
        ada.key.key_id, reason="compromised", time=NOW - hours(date), since=NOW - hours(0.7)
    )
    looser = ada.revokes(ada.key.key_id, reason="compromised", since=NOW - hours(0.01))
    trust = pinned(ada)
    order = [older, thiefs, forestalls, theft, looser]
    places = {
        one.statement_id: Logged(at, NOW - hours(0.8 if one is older else 0.4))
        for at, one in enumerate(order)
    }
    pool = [*session.chain, *other.chain, forestalls, theft, looser]
    known = Revocations(Pool.of(pool), trust, places)
    found = answered(thiefs, pool, trust, revocations=known)
    assert found.lapsed
    # What is proven older stays, and never is anything refused for good by its second word.
    if date < 9:
        assert answered(older, pool, trust, revocations=known).assurance is Assurance.SIGNED
    else:
        assert answered(older, pool, trust, revocations=known).lapsed
