"""Several keys of one MLO: rotation, second device, rebinding, and who may not."""

from __future__ import annotations

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
        old.revokes(old.key.key_id, reason="compromised", since=NOW - hours(9)),
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
