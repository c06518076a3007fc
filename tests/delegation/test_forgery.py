"""Forgers at work: they alter, re-sign, re-wrap, re-order, cut and widen chains, and count.

Whoever alters anything that was signed is found out; whoever signs himself speaks for
nobody but himself, and with a stolen key for its owner only as far as that key reached.
"""

from __future__ import annotations

import base64
import copy
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mlo.delegation.assurance import Assurance
from jupyter_mlo.delegation.chain import Attribution
from jupyter_mlo.delegation.roles import Role, may_sign
from jupyter_mlo.delegation.scope import CLOCK_TOLERANCE, Scope
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.errors import MloError
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.statements.envelope import Envelope, sign
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import read_statement
from jupyter_mlo.statements.times import from_text, to_text
from tests.delegation.actors import (
    CONTENTS,
    NOW,
    RUN,
    Hand,
    answered,
    hours,
    person,
    pinned,
    scope,
    trusting,
)

quick = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def attributed(envelope: Envelope, pool: Sequence[Envelope], trust: Trust) -> Attribution | None:
    try:
        return answered(envelope, pool, trust)
    except MloError:
        return None


# -- every member of every envelope --------------------------------------------------------


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every member and item inside ``value``, at any depth."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in items:
        yield (*path, name)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, name))


def alterations(value: Any) -> Iterator[tuple[str, Any]]:
    """``value`` with one thing altered: each member changed, retyped, removed, renamed, doubled."""
    for path in list(places(value)):
        for what in ("changed", "retyped", "removed", "renamed", "added"):
            altered = copy.deepcopy(value)
            inner = altered
            for name in path[:-1]:
                inner = inner[name]
            old = inner[path[-1]]
            if what == "changed":
                inner[path[-1]] = _changed(old)
            elif what == "retyped":
                inner[path[-1]] = [old] if not isinstance(old, list) else {"0": old}
            elif what == "removed":
                del inner[path[-1]]
            elif what == "renamed" and isinstance(inner, dict):
                inner[f"{path[-1]}_"] = inner.pop(path[-1])
            elif what == "added" and isinstance(old, dict):
                old["added"] = 1
            elif what == "added" and isinstance(old, list):
                old.append(copy.deepcopy(old[0]) if old else 1)
            else:
                continue
            if altered != value:
                yield f"{'.'.join(map(str, path))} {what}", altered


def _changed(old: Any) -> Any:
    if isinstance(old, str) and old:
        last = "A" if old[-1] != "A" else "B"
        return old[:-1] + last
    if isinstance(old, bool) or old is None:
        return "x" if old is None else not old
    if isinstance(old, int | float):
        return old + 1
    return {} if isinstance(old, dict) else []


@dataclass(frozen=True)
class Valid:
    """A whole chain that holds: person, registrar, session, run, and what the run says."""

    ada: Hand
    registrar: Hand
    session: Hand
    run: Hand
    pool: tuple[Envelope, ...]
    said: Envelope

    @property
    def trust(self) -> Trust:
        return trusting(self.registrar)

    def parts(self) -> dict[str, Envelope]:
        names = ("own enrolment", "session", "run", "registrar's own", "registrar's enrolment")
        return {**dict(zip(names, self.pool, strict=True)), "statement": self.said}

    def enrolled(self, name: str, envelope: Envelope) -> bool:
        """Whether the chain is still accepted as it was, with one part put in another's place."""
        parts = self.parts() | {name: envelope}
        said = parts.pop("statement")
        found = attributed(said, list(parts.values()), self.trust)
        return found is not None and found.assurance is Assurance.ENROLLED


@pytest.fixture(scope="module")
def valid() -> Valid:
    ada, registrar = person(), person()
    session = ada.delegates(activities=["training"], models=["loan"])
    run = session.delegates("run", time=NOW, parameters={"alpha": ["1"]})
    pool = (*run.chain, *registrar.chain, registrar.enrols(ada, handle="h" * 22))
    found = Valid(ada, registrar, session, run, pool, run.says())
    assert found.enrolled("statement", found.said)
    return found


def test_no_alteration_of_anything_signed_is_accepted(
    valid: Valid, capsys: pytest.CaptureFixture[str]
) -> None:
    tried: Counter[str] = Counter()
    accepted: list[str] = []
    for name, envelope in valid.parts().items():
        for where, altered in alterations(json.loads(envelope.payload)):
            for payload in (
                json.dumps(altered, separators=(",", ":"), sort_keys=True).encode(),
                json.dumps(altered).encode(),
            ):
                tried[name] += 1
                if valid.enrolled(name, replace(envelope, payload=payload)):
                    accepted.append(f"{name}: {where}")
    with capsys.disabled():
        by_part = ", ".join(f"{part} {count}" for part, count in tried.items())
        print(f"\n  altered payloads: {tried.total()} tried ({by_part}), {len(accepted)} accepted")
    assert not accepted
    assert tried.total() > 1000


def test_no_alteration_of_an_envelope_around_it_is_accepted(
    valid: Valid, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = accepted = 0
    for name, envelope in valid.parts().items():
        for _, altered in alterations(envelope.to_json()):
            tried += 1
            try:
                accepted += valid.enrolled(name, Envelope.from_json(altered))
            except MloError:
                continue
    with capsys.disabled():
        print(f"\n  altered envelopes: {tried} tried, {accepted} accepted")
    assert accepted == 0
    assert tried > 100


def test_the_same_said_in_other_bytes_is_not_what_was_signed(valid: Valid) -> None:
    for name, envelope in valid.parts().items():
        value = json.loads(envelope.payload)
        for payload in (
            json.dumps(value).encode(),
            json.dumps(value, indent=1).encode(),
            envelope.payload + b"\n",
            envelope.payload.replace(b"mlo:", b"\\u006dlo:"),
        ):
            assert not valid.enrolled(name, replace(envelope, payload=payload)), name


def test_no_part_stands_in_anothers_place(valid: Valid) -> None:
    parts = valid.parts()
    for name in parts.keys() - {"statement"}:  # the others are statements of their own right
        for other, envelope in parts.items():
            if other != name:
                assert not valid.enrolled(name, envelope), (name, other)


def test_without_any_one_part_it_is_not_accepted_as_it_was(valid: Valid) -> None:
    for left_out in range(len(valid.pool)):
        pool = [one for number, one in enumerate(valid.pool) if number != left_out]
        found = attributed(valid.said, pool, valid.trust)
        assert found is None or found.assurance < Assurance.ENROLLED, left_out


def test_no_signature_or_key_id_of_one_part_serves_another(valid: Valid) -> None:
    parts = valid.parts()
    for name, envelope in parts.items():
        for other in parts.values():
            if other is envelope:
                continue
            for swapped in (
                replace(envelope, signature=other.signature),
                replace(envelope, key_id=other.key_id),
                replace(envelope, key_id=other.key_id, signature=other.signature),
            ):
                if swapped != envelope:
                    assert not valid.enrolled(name, swapped)


def test_a_forger_who_signs_anew_speaks_for_nobody_else(
    valid: Valid, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each part altered and signed by a forger's key, named in it or not."""
    forger = SigningKey.generate()
    tried, accepted = 0, []
    for name, envelope in valid.parts().items():
        value = json.loads(envelope.payload)
        for where, altered in (("nothing", value), *alterations(value)):
            said = altered.get("predicate")
            for named in (False, True):
                if named and isinstance(said, dict):
                    altered = {**altered, "predicate": said | {"keyId": forger.key_id}}
                try:
                    forged = sign(altered, forger)
                    tried += 1
                    for one in (forged, replace(forged, key_id=envelope.key_id)):
                        if valid.enrolled(name, one):
                            accepted.append(f"{name}: {where}")
                except MloError:
                    continue
    with capsys.disabled():
        print(f"\n  re-signed by a forger: {tried} tried, {len(accepted)} accepted")
    assert not accepted


# -- whatever a forger arranges ------------------------------------------------------------

#: What the forger holds: his own MLO, and a narrow session key that he stole from ada.
ADA, BOB, MALLORY = person(), person(), person()
NARROW: Mapping[str, Any] = {
    "activities": ["training"],
    "models": ["loan@3"],
    "predicates": [types.EVIDENCE, types.STAMP],
    "notAfter": to_text(NOW + hours(0.02)),
}
REGISTRAR = person()
STOLEN = ADA.delegates(**NARROW)
ADAS_OTHER, BOBS, MALLORYS = ADA.delegates(), BOB.delegates(), MALLORY.delegates()
GENUINE = [*STOLEN.chain, *ADAS_OTHER.chain, *BOBS.chain, *MALLORYS.chain]
DELEGATIONS = [None, *(hand.delegation for hand in (STOLEN, ADAS_OTHER, BOBS, MALLORYS))]
MLOS = [ADA.mlo, BOB.mlo, MALLORY.mlo]
TRUST = pinned(ADA, BOB, MALLORY)

seldom = st.sampled_from([False, False, False, False, True])
moments = st.sampled_from([NOW, NOW, NOW, NOW + hours(0.05), NOW - hours(3)])
activities = st.sampled_from(["training", "training", "validation"])
models = st.sampled_from(["loan@3", "loan@3", "loan", "fraud"])
limits = st.fixed_dictionaries(
    {},
    optional={
        "activities": st.sampled_from(["*", ["training"], ["validation"], []]),
        "models": st.sampled_from(["*", ["loan"], ["loan@3"], []]),
        "predicates": st.sampled_from(["*", [types.EVIDENCE], [types.SEAL]]),
        "notAfter": moments.map(to_text),
        "delegate": st.sampled_from([["run"], ["session", "run", "mandate"], []]),
    },
)


@st.composite
def forgeries(draw: st.DrawFn) -> tuple[list[Envelope], Envelope]:
    """Delegations and enrolments of the forger's making, and a statement by one of his keys."""
    hands = [MALLORY, MALLORYS, STOLEN]
    delegations = list(DELEGATIONS)
    made: list[Envelope] = []

    def somebody() -> Hand:
        hand = draw(st.sampled_from(hands))
        if draw(seldom):
            hand = replace(hand, mlo=draw(st.sampled_from(MLOS)))
        if draw(seldom):
            hand = replace(hand, delegation=draw(st.sampled_from(delegations)))
        if draw(seldom):
            hand = replace(hand, key=draw(st.sampled_from(hands)).key)
        return hand

    for _ in range(draw(st.integers(0, 3))):
        if draw(seldom):
            made.append(somebody().enrols(somebody()))
            continue
        kind = draw(st.sampled_from(["run", "run", "session", "mandate", "assistant"]))
        below = somebody().delegates(kind, time=draw(moments), **draw(limits))
        made += below.chain[-1:]
        hands.append(below)
        delegations.append(below.delegation)
    predicate = draw(
        st.sampled_from([types.EVIDENCE, types.STAMP, types.TEST_RESULT, types.RECORD])
    )
    prefix = "mlo_" if predicate in types.STANDARD else ""
    said = {f"{prefix}activity": draw(activities), f"{prefix}model": draw(models)}
    if predicate == types.RECORD:
        said["started"] = to_text(draw(moments))
    statement = somebody().says(predicate, draw(moments), **said)
    return draw(st.permutations([*GENUINE, *made])), statement


COUNTS: Counter[str] = Counter()


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(forgeries())
def test_a_forger_speaks_for_others_only_with_what_he_stole_and_as_far_as_that_reached(
    forgery: tuple[list[Envelope], Envelope],
) -> None:
    pool, envelope = forgery
    found = attributed(envelope, pool, TRUST)
    COUNTS["refused" if found is None else found.mlo] += 1
    if found is None or found.mlo == MALLORY.mlo:
        return
    assert found.mlo == ADA.mlo
    assert found.delegation_ids[0] == STOLEN.delegation
    statement = read_statement(envelope)
    assert statement.predicate_type in NARROW["predicates"]
    assert (statement.activity, statement.model) == ("training", "loan@3")
    assert from_text(statement.time) <= from_text(NARROW["notAfter"]) + CLOCK_TOLERANCE
    assert found.kind in (Role.SESSION, Role.RUN)


def test_the_forgers_arrangements_reached_all_three_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Else the test above would prove nothing."""
    told = {ADA.mlo: "with the stolen key", BOB.mlo: "for bob", MALLORY.mlo: "for himself"}
    counts = {told.get(end, end): count for end, count in COUNTS.items()}
    with capsys.disabled():
        print(f"\n  a forger's arrangements: {counts}, beyond what he stole: 0")
    assert not COUNTS or {"refused", "with the stolen key", "for himself"} == set(counts)


# -- revocations ---------------------------------------------------------------------------


@st.composite
def burnings(draw: st.DrawFn) -> tuple[list[Envelope], Trust]:
    """A forger's keys that call themselves ada's, vouch for hers and for one another, and revoke.

    Everything that he can sign without her key: enrolments and revocations in her name.
    """
    forgers = [MALLORY, *(person(ADA.mlo) for _ in range(draw(st.integers(1, 2))))]
    made: list[Envelope] = [said for one in forgers for said in one.chain]
    everybody = [ADA, *forgers]
    for _ in range(draw(st.integers(0, 4))):
        one = replace(draw(st.sampled_from(forgers)), mlo=ADA.mlo)
        other = replace(draw(st.sampled_from(everybody)), mlo=ADA.mlo)
        made.append(one.enrols(other, time=draw(moments)))
    what = [ADA.key.key_id, str(ADAS_OTHER.delegation)]
    for _ in range(draw(st.integers(1, 2))):
        one = replace(draw(st.sampled_from(forgers)), mlo=ADA.mlo)
        since = draw(st.sampled_from([None, NOW - hours(3)]))
        reason = "lost" if since is None else "compromised"
        name = draw(st.sampled_from(what))
        made.append(one.revokes(name, reason=reason, time=NOW - hours(0.5), since=since))
    trust = draw(st.sampled_from([pinned(ADA), pinned(ADA, MALLORY), trusting(REGISTRAR)]))
    return draw(st.permutations([*GENUINE, *REGISTRAR.chain, REGISTRAR.enrols(ADA), *made])), trust


@quick
@given(burnings())
def test_a_forger_revokes_nobody_elses_key_or_delegation(
    burning: tuple[list[Envelope], Trust],
) -> None:
    pool, trust = burning
    found = answered(ADAS_OTHER.says(), pool, trust)
    assert (found.mlo, found.remark) == (ADA.mlo, "")
    assert found.assurance > Assurance.CLAIMED


def test_ada_herself_revokes_there() -> None:
    """Else the test above would prove nothing."""
    for what in (ADA.key.key_id, str(ADAS_OTHER.delegation)):
        pool = [*GENUINE, ADA.revokes(what, time=NOW - hours(0.5))]
        assert attributed(ADAS_OTHER.says(), pool, pinned(ADA)) is None


# -- honest chains never widen -------------------------------------------------------------


@quick
@given(
    st.lists(limits, min_size=1, max_size=2),
    activities,
    models,
    st.sampled_from(sorted(CONTENTS)),
    moments,
)
def test_what_is_accepted_is_permitted_by_every_scope_of_the_chain(
    chain: list[dict[str, Any]], activity: str, model: str, predicate: str, at: Any
) -> None:
    hand = ADA
    scopes = []
    for kind, members in zip(("session", "run"), chain, strict=False):
        hand = hand.delegates(kind, time=NOW - timedelta(minutes=1), **members)
        scopes.append(Scope.from_json(scope(**members)))
    prefix = "mlo_" if predicate in types.STANDARD else ""
    said = {f"{prefix}activity": activity, f"{prefix}model": model}
    if predicate == types.SEAL:
        said = {}
    if predicate == types.RECORD:
        said["started"] = to_text(at)
    envelope = hand.says(predicate, at, **said)
    statement = read_statement(envelope)
    every = all(
        one.permits(predicate=predicate, activity=statement.activity, model=statement.model, at=at)
        for one in scopes
    )
    role = Role.SESSION if len(scopes) == 1 else Role.RUN
    expected = every and may_sign(role, predicate) and at <= NOW + timedelta(minutes=5)
    if role is Role.RUN:
        expected = expected and bool(
            scopes[0].permits(delegate="run", at=NOW - timedelta(minutes=1))
        )
    assert (attributed(envelope, hand.chain, TRUST) is not None) is expected


def test_a_statement_counts_once_however_often_and_in_whatever_wrapping_it_comes() -> None:
    said = STOLEN.says()
    again = Envelope.from_bytes(said.to_bytes())
    assert again.statement_id == said.statement_id
    other_type = replace(said, payload_type="application/json")
    assert attributed(other_type, GENUINE, TRUST) is None
    wrapped = sign(json.loads(said.to_bytes()), MALLORY.key)
    assert attributed(wrapped, GENUINE, TRUST) is None
    inner = base64.b64encode(said.to_bytes())
    assert attributed(replace(said, payload=inner), GENUINE, TRUST) is None
    assert RUN
