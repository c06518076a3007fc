"""A leaf without its envelope: a fault, unless whoever may have it erased has said so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.ledger.erasures import Erasures, erasures_in
from jupyter_mlo.ledger.report import LedgerReport
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from tests.delegation.actors import NOW, Hand, forge, person
from tests.ledger.conftest import BackEnd, make_envelope

EVIDENCE, ENROLMENT = 1, 3


@dataclass
class Office:
    """A ledger with some entries, and a privacy officer whose key is trusted."""

    backend: BackEnd
    officer: Hand
    trust: Trust

    def erasure(self, index: int, by: Hand | None = None, **said: Any) -> Envelope:
        """An erasure of one entry, as it should be but for ``said``."""
        hand = by or self.officer
        with self.backend.open() as ledger:
            origin = ledger.origin
        ((leaf,),) = self.backend.rows(
            "SELECT leaf_hash FROM entries WHERE leaf_index = ?", (index,)
        ) or [(bytes(32),)]
        entry = {"index": index, "leaf": leaf.hex(), "predicateType": types.EVIDENCE}
        entry |= said.pop("entry", {})
        subject = said.pop(
            "subject",
            [{"name": f"{origin}#{entry['index']}", "digest": {"mloLeafV1": entry["leaf"]}}],
        )
        predicate = {"origin": origin, "entries": [entry], "reason": "request"} | said
        return forge(types.ERASURE, subject, hand.header() | predicate, hand.key)

    def log(self, *envelopes: Envelope) -> None:
        """Append them."""
        with self.backend.open() as ledger:
            ledger.append(envelopes)

    def remove(self, index: int) -> None:
        """Take away salt and envelope, as an erasure does."""
        assert self.backend.attack("DELETE FROM contents WHERE leaf_index = ?", (index,)) == 1

    def judged(self, trust: Trust | None = None) -> tuple[Erasures, LedgerReport]:
        """The erasures, and what verifying says under them."""
        with self.backend.open() as ledger:
            found = erasures_in(ledger, trust=trust or self.trust, now=NOW + timedelta(minutes=1))
            return found, ledger.verify(erased=found.leaves)


@pytest.fixture
def office(settings: Settings) -> Office:
    """Entries: seal, evidence, seal, the officer's enrolment."""
    officer = person()
    backend = BackEnd(settings)
    kinds = [types.SEAL, types.EVIDENCE, types.SEAL]
    with backend.open() as ledger:
        ledger.append([make_envelope(n, predicate_type=kind) for n, kind in enumerate(kinds)])
        ledger.append(officer.chain[:1])
    trust = Trust(
        pins={officer.mlo: frozenset({officer.key.key_id})}, privacy={officer.key.key_id: ""}
    )
    return Office(backend, officer, trust)


def test_a_missing_envelope_without_an_erasure_is_a_fault(office: Office) -> None:
    office.remove(EVIDENCE)
    found, report = office.judged()
    assert not found
    (fault,) = report.faults
    assert (fault.where, fault.index) == ("contents 1", 1)


def test_a_rightly_erased_entry_is_none_and_everything_else_is_still_checked(
    office: Office,
) -> None:
    office.log(office.erasure(EVIDENCE))
    office.remove(EVIDENCE)
    _, report = office.judged()
    assert report.holds
    assert report.erased == 1
    with office.backend.open() as ledger:
        assert report.root == ledger.head().root
    office.backend.attack("UPDATE contents SET mlo = 'x' WHERE leaf_index = 0")
    assert [fault.index for fault in office.judged()[1].faults] == [0]


def test_an_erasure_takes_nothing_away_from_an_entry_that_is_still_there(office: Office) -> None:
    office.log(office.erasure(EVIDENCE))
    found, report = office.judged()
    assert list(found.leaves) == [EVIDENCE]
    assert report.holds
    assert report.erased == 0


def test_another_leaf_hash_explains_nothing(office: Office) -> None:
    office.log(office.erasure(EVIDENCE, entry={"leaf": "00" * 32}))
    office.remove(EVIDENCE)
    _, report = office.judged()
    assert "not the one that an erasure names" in report.faults[0].what


def test_an_altered_leaf_is_found_though_the_entry_is_erased(office: Office) -> None:
    office.log(office.erasure(EVIDENCE))
    office.remove(EVIDENCE)
    office.backend.attack("UPDATE entries SET leaf_hash = zeroblob(32) WHERE leaf_index = 1")
    assert not office.judged()[1].holds


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("may not erase", {"by": "another"}),
        ("which nobody may", {"entry": {"predicateType": types.ENROLMENT}}),
        ("which nobody may", {"entry": {"predicateType": types.REVOCATION}}),
        ("which nobody may", {"entry": {"predicateType": types.ERASURE}}),
        ("which nobody may", {"entry": {"predicateType": types.OWN + "review/v1"}}),
        ("erases entries of elsewhere", {"origin": "elsewhere"}),
        ("not older than itself", {"entry": {"index": 99}}),
        (
            "its subjects are other",
            {"subject": [{"name": "x", "digest": {"mloLeafV1": "00" * 32}}]},
        ),
    ],
)
def test_an_erasure_that_is_not_right_explains_nothing_and_is_named(
    office: Office, wrong: str, said: dict[str, Any]
) -> None:
    said = dict(said)
    if said.pop("by", None):
        said["by"] = another = person()
        office.log(*another.chain[:1])
        office.trust = replace(
            office.trust,
            pins={**office.trust.pins, another.mlo: frozenset({another.key.key_id})},
        )
    office.log(office.erasure(EVIDENCE, **said))
    office.remove(EVIDENCE)
    found, report = office.judged()
    assert not found.leaves
    assert any(wrong in fault.what for fault in found.refused), found.refused
    assert [fault.index for fault in report.faults] == [1]


def test_the_configuration_decides_who_may_erase(office: Office) -> None:
    office.log(office.erasure(EVIDENCE))
    office.remove(EVIDENCE)
    assert office.judged()[1].holds
    assert not office.judged(replace(office.trust, privacy={}))[1].holds


def test_a_session_of_the_officer_may_not_erase(office: Office) -> None:
    session = office.officer.delegates("session")
    office.log(*session.chain, office.erasure(EVIDENCE, by=session))
    office.remove(EVIDENCE)
    found, report = office.judged()
    assert "may not sign" in found.refused[0].what
    assert not report.holds


def test_an_erasure_with_a_broken_signature_explains_nothing(office: Office) -> None:
    erasure = office.erasure(EVIDENCE)
    bent = erasure.signature[:-1] + bytes([erasure.signature[-1] ^ 1])
    office.log(Envelope(erasure.payload, erasure.key_id, bent))
    office.remove(EVIDENCE)
    found, report = office.judged()
    assert not found.leaves
    assert not report.holds


def test_an_erasure_that_was_slipped_into_a_row_explains_nothing(office: Office) -> None:
    """Signed rightly, but not what the tree has at that place."""
    erasure = office.erasure(EVIDENCE)
    office.log(make_envelope(7))
    office.backend.attack(
        "UPDATE contents SET envelope = ?, statement_id = ?, predicate_type = ? "
        "WHERE leaf_index = 4",
        (erasure.to_bytes(), bytes.fromhex(erasure.statement_id), types.ERASURE),
    )
    office.remove(EVIDENCE)
    found, report = office.judged()
    assert not found.leaves
    assert {fault.index for fault in report.faults} >= {1, 4}
