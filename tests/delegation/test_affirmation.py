"""What became only claimed counts again once its MLO affirms it, and by nobody else's word."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from jupyter_mlo.delegation.affirmation import affirm
from jupyter_mlo.delegation.assurance import Assurance
from jupyter_mlo.delegation.chain import Attribution
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.revocation import Logged, Revocations
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import InvalidInput, MloError
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.subjects import statement_subject
from tests.delegation.actors import HEX, NOW, Hand, answered, forge, hours, person, pinned


class Case:
    """A key that was compromised, what it signed meanwhile, and its successor."""

    def __init__(self) -> None:
        self.old = person()
        self.new = person(self.old.mlo)
        self.session = self.old.delegates()
        self.said = self.session.says(time=NOW - hours(0.1))
        self.vouching = self.old.enrols(self.new, time=NOW - hours(3))
        self.ended = self.old.revokes(
            self.old.key.key_id, reason="compromised", since=NOW - hours(0.5)
        )
        self.trust = pinned(self.old)
        self.pool = [*self.session.chain, *self.new.chain, self.vouching, self.ended]

    def judge(self, *affirmations: Envelope) -> Attribution:
        pool = [*self.pool, *affirmations]
        places = {
            self.vouching.statement_id: Logged(1, NOW - hours(2)),
            self.said.statement_id: Logged(2, NOW),
            self.ended.statement_id: Logged(3),
        } | {one.statement_id: Logged(4 + at) for at, one in enumerate(affirmations)}
        known = Revocations(Pool.of(pool), self.trust, places)
        return answered(self.said, pool, self.trust, revocations=known)


def by(hand: Hand, ids: Sequence[str]) -> Envelope:
    return affirm(Signer.own(hand.mlo, hand.key, hand.chain), ids, now=NOW)


def test_its_successor_affirms_it() -> None:
    case = Case()
    before = case.judge()
    assert (before.lapsed, before.assurance) == (True, Assurance.CLAIMED)
    after = case.judge(by(case.new, [HEX, case.said.statement_id]))
    assert (after.lapsed, after.assurance) == (False, Assurance.SIGNED)
    assert "affirmed anew at 2026-11-22T12:00:00.000Z" in after.remark
    assert not case.judge(by(case.new, [HEX])).assurance > Assurance.CLAIMED


def test_nobody_else_does() -> None:
    case = Case()
    impostor, stranger = person(case.old.mlo), person()
    case.pool += [*impostor.chain, *stranger.chain]
    wanted = [case.said.statement_id]
    right = by(case.new, wanted)
    head = case.new.header() | {"delegation": case.session.delegation}
    for said in (
        by(case.old, wanted),  # the thief has that key
        by(impostor, wanted),
        by(stranger, wanted),
        by(Hand(case.old.mlo, stranger.key, None, stranger.chain), wanted),
        Envelope(right.payload, right.key_id, b"\0" * 70),
        forge(types.AFFIRMATION, [statement_subject(wanted[0])], head, case.new.key),
    ):
        assert case.judge(said).lapsed
    assert not case.judge(right).lapsed


def test_what_was_signed_after_the_revocation_no_affirmation_saves() -> None:
    case = Case()
    late = case.session.says(time=NOW + hours(0.01))
    pool = [*case.pool, by(case.new, [late.statement_id])]
    with pytest.raises(MloError, match="after that"):
        answered(late, pool, case.trust)


def test_an_affirmation_names_statements_and_some() -> None:
    with pytest.raises(InvalidInput):
        by(person(), [])
    ada = person()
    for subject in ({"digest": {"sha256": HEX}}, {"name": "x", "digest": {"mloStatementV1": HEX}}):
        wrong = forge(types.AFFIRMATION, [subject], ada.header(), ada.key)
        with pytest.raises(MloError, match="something else than statements"):
            answered(wrong, ada.chain)
