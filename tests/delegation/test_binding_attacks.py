"""Whoever holds none of the keys that count changes nothing, whatever he adds, repeats or drops."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mlo.delegation.assurance import Standings
from jupyter_mlo.delegation.chain import Attribution
from jupyter_mlo.delegation.membership import admit
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.revocation import Logged, Revocations
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.errors import MloError
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.subjects import key_subject, mlo_subject, statement_subject
from jupyter_mlo.statements.times import to_text
from tests.delegation.actors import NOW, Hand, answered, forge, hours, person, trusting

#: Order of the group of P-256 (SEC 2, section 2.4.2).
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

quick = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def rewrapped(envelope: Envelope) -> Envelope:
    """The same with the other signature that holds: (r, n - s)."""
    r, s = decode_dss_signature(envelope.signature)
    return Envelope(envelope.payload, envelope.key_id, encode_dss_signature(r, ORDER - s))


@dataclass
class World:
    """A rotated key that acts for a team, enrolled by a registrar; and who would like to be it."""

    old: Hand = field(default_factory=person)
    registrar: Hand = field(default_factory=person)
    stranger: Hand = field(default_factory=person)

    def __post_init__(self) -> None:
        self.new = person(self.old.mlo)
        team = person()
        self.team = replace(team, chain=(team.enrols(team, kind="team"),))
        own = Signer.own(self.team.mlo, self.team.key)
        self.membership = admit(own, self.old.mlo, now=NOW - hours(1))
        self.session = self.new.delegates(header={"onBehalfOf": self.team.mlo})
        self.run = self.session.delegates("run", time=NOW)
        self.said = self.run.says()
        self.earlier = self.old.delegates()
        self.lapsed = self.earlier.says(time=NOW - hours(0.6))
        self.ended = self.old.revokes(
            self.old.key.key_id, reason="superseded", time=NOW - hours(0.5)
        )
        acting = replace(self.registrar, mlo=self.old.mlo)
        self.role = forge(
            types.ROLE,
            [mlo_subject(self.old.mlo)],
            acting.header(NOW - hours(1), role="validator"),
            acting.key,
        )
        self.pool = [
            *self.run.chain, *self.old.chain, *self.registrar.chain, *self.team.chain,
            *self.stranger.chain, *self.earlier.chain,
            self.old.enrols(self.new), self.new.enrols(self.old),
            self.registrar.enrols(self.old, handle="h" * 22),
            self.registrar.enrols(self.new, handle="h" * 22),
            self.registrar.enrols(self.team, kind="team"),
            self.membership, self.role, self.ended,
        ]  # fmt: skip
        self.trust = trusting(self.registrar)

    def answers(self, pool: list[Envelope], trust: Trust | None = None) -> list[object]:
        """Everything that this verifier makes of what was said."""
        known = Pool.of(pool)
        trust = trust or self.trust
        places = {one.statement_id: Logged(index) for index, one in enumerate(self.pool)}
        revocations = Revocations(known, trust, places)
        found: list[object] = []
        for said in (self.said, self.lapsed):
            try:
                one = answered(said, pool, trust, revocations=revocations)
            except MloError as error:
                found.append(error.message)
            else:
                found.append(replace(one, scope=None, delegation_ids=()))
        found.append(sorted(Standings(known, trust, revocations).roles(self.old.mlo, NOW)))
        return found


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_the_world_is_as_it_should_be(world: World) -> None:
    said, lapsed, roles = world.answers(world.pool)
    assert isinstance(said, Attribution)
    assert isinstance(lapsed, Attribution)
    assert (str(said.assurance), said.handle, said.on_behalf_of) == (
        "enrolled",
        "h" * 22,
        world.team.mlo,
    )
    assert (lapsed.lapsed, roles) == (True, ["validator"])


@quick
@given(data=st.data())
def test_order_repetition_and_the_other_signature_change_nothing(
    world: World, data: st.DataObject
) -> None:
    pool = data.draw(st.permutations(world.pool))
    again = data.draw(st.lists(st.sampled_from(world.pool), max_size=6))
    which = data.draw(st.lists(st.booleans(), min_size=len(pool), max_size=len(pool)))
    pool = [rewrapped(one) if other else one for one, other in zip(pool, which, strict=True)] + [
        rewrapped(one) for one in again
    ]
    assert world.answers(pool) == world.answers(world.pool)


@quick
@given(data=st.data())
def test_what_is_left_out_never_gives_more(world: World, data: st.DataObject) -> None:
    """Revocations aside: who holds back one of those is why the ledger is asked."""
    kept = data.draw(st.lists(st.booleans(), min_size=len(world.pool), max_size=len(world.pool)))
    pool = [one for one, stays in zip(world.pool, kept, strict=True) if stays or one is world.ended]
    whole = world.answers(world.pool)
    for now, before in zip(world.answers(pool)[:2], whole[:2], strict=True):
        if isinstance(now, Attribution):
            assert isinstance(before, Attribution)
            assert now.assurance <= before.assurance
            assert now.on_behalf_of == before.on_behalf_of
            assert now.handle in (None, before.handle)


@st.composite
def forged(draw: st.DrawFn, world: World) -> Envelope:
    """Any statement that binds, about anybody here, signed by a key that was not given for it."""
    key = draw(
        st.sampled_from(
            [
                world.stranger.key,
                world.session.key,
                world.run.key,
                person().key,
            ]
        )
    )
    hand = Hand(draw(st.sampled_from([world.old.mlo, world.team.mlo, world.stranger.mlo])), key)
    delegation = draw(st.sampled_from([None, world.session.delegation, world.run.delegation]))
    time = NOW + hours(draw(st.sampled_from([-2, -1, 0])))
    head = hand.header(time, delegation=delegation)
    keys = [world.old, world.new, world.team, world.registrar, replace(hand, chain=())]
    target = draw(st.sampled_from(keys)).key
    mlos = st.sampled_from([world.old.mlo, world.team.mlo, world.stranger.mlo])
    statement = draw(st.sampled_from([*world.pool, world.said, world.lapsed])).statement_id
    kind = draw(st.sampled_from(sorted(types.BINDING - {types.DELEGATION})))
    subject: list[dict[str, Any]] = [key_subject(target.key_id)]
    said: dict[str, Any] = {}
    if kind == types.ENROLMENT:
        said = {
            "kind": draw(st.sampled_from(["person", "team", "assistant"])),
            "publicKey": target.public.to_text(),
        }
        if draw(st.booleans()):
            said["handle"] = draw(st.sampled_from(["h" * 22, "i" * 22]))
    elif kind == types.REVOCATION:
        said = {"reason": "compromised", "compromisedSince": to_text(NOW - hours(9))}
        if draw(st.booleans()):
            said["revokesKey"] = target.key_id
        else:
            said["revokes"] = statement
            subject = [statement_subject(statement)]
    elif kind == types.AFFIRMATION:
        subject = [statement_subject(statement)]
    else:
        mlo = draw(mlos)
        subject = [mlo_subject(mlo)]
        said = {"member": mlo} if kind == types.MEMBERSHIP else {"role": "approver"}
    return forge(kind, subject, head | said, key)


@quick
@given(data=st.data())
def test_what_a_forger_adds_changes_nothing(world: World, data: st.DataObject) -> None:
    added = data.draw(st.lists(forged(world), min_size=1, max_size=5))
    pool = data.draw(st.permutations([*world.pool, *added]))
    assert world.answers(pool) == world.answers(world.pool)
    # And no forgery counts itself, but for what a stranger says of his own.
    for envelope in added:
        try:
            found = answered(envelope, pool, world.trust)
        except MloError:
            continue
        assert found.mlo == world.stranger.mlo or str(found.assurance) == "claimed"
