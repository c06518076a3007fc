"""Who answers for what stands in a ledger: broken statements are told from those refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jupyter_mlo.delegation.enrolment import enrol_oneself
from jupyter_mlo.delegation.revocation import make_revocation
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.identity.ids import new_mlo_id
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.ledger import statements
from jupyter_mlo.ledger.statements import check_statements
from jupyter_mlo.ledger.store import Ledger
from jupyter_mlo.statements.envelope import Envelope, sign, statement_json
from jupyter_mlo.statements.predicates import types
from tests.ledger.conftest import BackEnd, make_envelope

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def own() -> tuple[Signer, Envelope]:
    """An MLO's own key, and the enrolment that binds it."""
    key, mlo = SigningKey.generate(), new_mlo_id()
    enrolment = enrol_oneself(mlo, "person", key, now=NOW)
    return Signer.own(mlo, key, [enrolment]), enrolment


def checked(ledger: Ledger, **options: object):
    return check_statements(ledger, trust=Trust(), now=NOW + timedelta(hours=1), **options)


def test_statements_with_their_chain_hold(ledger: Ledger, own: tuple[Signer, Envelope]) -> None:
    signer, enrolment = own
    revocation = make_revocation(signer, now=NOW, reason="ended", delegation="ab" * 32)
    ledger.append([enrolment, revocation])
    seen: list[tuple[int, int]] = []
    report = checked(ledger, progress=lambda *at: seen.append(at))
    assert (report.hold, report.faults, report.refused, report.unknown) == (2, [], [], 0)
    assert seen == [(2, 2)]


def test_a_broken_signature_is_a_fault_and_its_entry_is_named(
    ledger: Ledger, own: tuple[Signer, Envelope]
) -> None:
    signer, enrolment = own
    whole = make_revocation(signer, now=NOW, reason="ended", delegation="ab" * 32)
    other = make_revocation(signer, now=NOW, reason="ended", delegation="cd" * 32)
    ledger.append([enrolment, Envelope(whole.payload, whole.key_id, other.signature), other])
    report = checked(ledger)
    assert [fault.index for fault in report.faults] == [1]
    assert "signature" in report.faults[0].what
    assert report.hold == 2


def test_a_statement_without_its_chain_does_not_count_but_is_no_fault(
    ledger: Ledger, own: tuple[Signer, Envelope]
) -> None:
    signer, enrolment = own
    revocation = make_revocation(signer, now=NOW, reason="ended", delegation="ab" * 32)
    ledger.append([revocation])
    report = checked(ledger)
    assert [fault.index for fault in report.refused] == [0]
    assert (report.hold, report.faults) == (0, [])
    assert checked(ledger, others=[enrolment]).hold == 1


def test_a_statement_that_is_not_well_formed_is_a_fault(ledger: Ledger) -> None:
    ledger.append([make_envelope(1, predicate_type=types.SEAL)])
    report = checked(ledger)
    assert [fault.index for fault in report.faults] == [0]
    assert "not well-formed" in report.faults[0].what


def test_of_kinds_that_only_newer_versions_know_nothing_is_said(
    ledger: Ledger, own: tuple[Signer, Envelope]
) -> None:
    signer, _ = own
    newer = statement_json(types.OWN + "handover/v9", [{"name": "x", "digest": {}}], {})
    ledger.append([sign(newer, signer.key)])
    report = checked(ledger)
    assert (report.unknown, report.hold, report.faults, report.refused) == (1, 0, [], [])


def test_processes_find_what_one_finds(
    backend: BackEnd, own: tuple[Signer, Envelope], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken, refused and unknown ones among them, and a revocation to be asked about."""
    monkeypatch.setattr(statements, "_BATCH", 3)
    signer, enrolment = own
    revocations = [
        make_revocation(signer, now=NOW, reason="ended", delegation=f"{n:064x}") for n in range(9)
    ]
    broken = Envelope(revocations[0].payload + b" ", signer.key.key_id, revocations[0].signature)
    with backend.open() as ledger:
        ledger.append([enrolment, *revocations, make_envelope(1), broken])
        late = make_revocation(
            signer,
            now=NOW,
            reason="compromised",
            key_id=signer.key.key_id,
            compromised_since=NOW - timedelta(days=1),
        )
        ledger.append([late])
        seen: list[tuple[int, int]] = []
        one = checked(ledger)
        many = checked(ledger, reopen=backend.open, progress=lambda *at: seen.append(at))
    assert many == one
    assert (len(one.faults), len(one.refused) > 5) == (2, True)
    assert seen[-1] == (13, 13)
    assert len(seen) == 5
