"""The signer refuses what a verifier would refuse, and costs a kernel next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jupyter_mlo.delegation.scope import CLOCK_TOLERANCE, Scope
from jupyter_mlo.delegation.signer import NEVER, Signer
from jupyter_mlo.errors import KeyFileError, MloError, Refused
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.statements.canonical import canonical_bytes
from jupyter_mlo.statements.envelope import Envelope, pae
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import read_statement
from jupyter_mlo.statements.times import to_text
from tests.delegation.actors import CONTENTS, NOW, RUN, Hand, answered, hours, person, scope

CHECKPOINT = {"origin": "ledger.example", "size": 3, "root": "A" * 43 + "="}


def signer_of(hand: Hand, kind: Any = "session", **limits: Any) -> Signer:
    limits = scope(**limits)
    return Signer(
        mlo=hand.mlo,
        key=hand.key,
        delegation=hand.delegation,
        chain=hand.chain,
        kind=kind,
        scope_json=limits,
        activity="training",
        model="loan",
        expires=Scope.from_json(limits).not_after,
        checkpoint=CHECKPOINT,
        run=RUN if kind == "run" else None,
    )


def said(predicate_type: str, **members: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    subject, predicate = CONTENTS[predicate_type]
    return subject, predicate | members


@pytest.mark.parametrize("predicate", sorted(CONTENTS), ids=types.short_name)
def test_what_it_signs_is_attributed(predicate: str) -> None:
    hand = person().delegates()
    subject, members = said(predicate)
    envelope = signer_of(hand).sign(predicate, subject, members, NOW)
    statement = read_statement(envelope)
    assert answered(envelope, hand.chain).leaf_key_id == hand.key.key_id
    assert (statement.time, statement.delegation) == (to_text(NOW), hand.delegation)
    predicate_json = json.loads(envelope.payload)["predicate"]
    prefix = "mlo_" if predicate in types.STANDARD else ""
    assert predicate_json[f"{prefix}checkpoint"] == CHECKPOINT


def test_every_statement_has_a_nonce_of_its_own() -> None:
    hand = person().delegates()
    signer = signer_of(hand)
    subject, members = said(types.EVIDENCE)
    ids = {signer.sign(types.EVIDENCE, subject, members, NOW).statement_id for _ in range(50)}
    assert len(ids) == 50


def test_a_header_that_was_made_before_is_kept_and_never_anothers() -> None:
    signer = signer_of(person().delegates())
    subject, members = said(types.EVIDENCE)
    header = signer.header(NOW - hours(0.5))
    envelope = signer.sign(types.EVIDENCE, subject, header | members, NOW)
    assert json.loads(envelope.payload)["predicate"] == header | members
    standard = signer.standard_header(NOW)
    assert set(standard) == {f"mlo_{n}" for n in header} - {"mlo_mlo"} | {"mlo_id"}
    for name, value in (("mlo", "mlo:XXXX-XXXX-XXXX"), ("keyId", "x"), ("delegation", None)):
        with pytest.raises(ValueError, match=name):
            signer.sign(types.EVIDENCE, subject, header | members | {name: value}, NOW)


@pytest.mark.parametrize(
    ("limits", "predicate", "members", "element"),
    [
        ({"activities": ["validation"]}, types.EVIDENCE, {}, "activities"),
        ({"activities": ["validation"]}, types.TEST_RESULT, {}, "activities"),
        ({"models": ["fraud"]}, types.EVIDENCE, {}, "models"),
        ({"predicates": [types.SEAL]}, types.EVIDENCE, {}, "predicates"),
        ({"notAfter": to_text(NOW - hours(0.5))}, types.EVIDENCE, {}, "notAfter"),
        ({"notBefore": to_text(NOW + hours(1))}, types.EVIDENCE, {}, "notBefore"),
    ],
)
def test_what_its_scope_does_not_permit_it_refuses_by_name(
    limits: dict[str, Any], predicate: str, members: dict[str, Any], element: str
) -> None:
    signer = signer_of(person().delegates(**limits), **limits)
    subject, all_members = said(predicate, **members)
    with pytest.raises(Refused, match=rf"\({element}\)"):
        signer.sign(predicate, subject, all_members, NOW)


def test_one_activity_that_was_permitted_permits_no_other() -> None:
    signer = signer_of(person().delegates(), activities=["training"], models=["loan"])
    subject, members = said(types.EVIDENCE)
    signer.sign(types.EVIDENCE, subject, members, NOW)
    for other in ({"activity": "validation"}, {"model": "fraud"}):
        with pytest.raises(Refused):
            signer.sign(types.EVIDENCE, subject, members | other, NOW)
    with pytest.raises(Refused):
        signer.sign(types.EVIDENCE, subject, members, NOW + hours(9))


def test_a_cell_that_outlives_its_session_is_still_recorded() -> None:
    signer = signer_of(person().delegates())
    subject, members = said(types.RECORD)
    late = NOW + hours(8)
    assert signer.sign(types.RECORD, subject, members, late)
    with pytest.raises(Refused):
        signer.sign(types.RECORD, subject, members | {"started": to_text(late)}, late)
    with pytest.raises(Refused):
        signer.sign(types.STAMP, *said(types.STAMP), late)


def test_clocks_may_differ_by_as_much_as_a_verifier_permits() -> None:
    signer = signer_of(person().delegates())
    end = NOW + hours(7)
    subject, members = said(types.EVIDENCE)
    assert signer.sign(types.EVIDENCE, subject, members, end + CLOCK_TOLERANCE)
    with pytest.raises(Refused):
        signer.sign(types.EVIDENCE, subject, members, end + CLOCK_TOLERANCE + timedelta(seconds=1))


def test_an_own_key_signs_no_records_and_a_delegated_one_no_enrolments() -> None:
    ada = person()
    own = Signer.own(ada.mlo, ada.key, ada.chain)
    assert (own.expires, own.delegation, own.scope) == (NEVER, None, None)
    with pytest.raises(Refused, match="role 'own' may not sign"):
        own.sign(types.STAMP, *said(types.STAMP), NOW)
    session = signer_of(ada.delegates())
    with pytest.raises(Refused, match="role 'session' may not sign"):
        session.sign(types.ENROLMENT, [], {}, NOW)


def test_a_session_issues_runs_and_nothing_else() -> None:
    session = signer_of(person().delegates())
    session.check(types.DELEGATION, {"kind": "run"}, NOW)
    for kind in ("session", "mandate", "assistant"):
        with pytest.raises(Refused, match="may not issue"):
            session.check(types.DELEGATION, {"kind": kind}, NOW)
    barred = signer_of(person().delegates(), delegate=[])
    with pytest.raises(Refused, match=r"\(delegate\)"):
        barred.check(types.DELEGATION, {"kind": "run"}, NOW)


def test_a_runs_key_speaks_of_its_run_alone() -> None:
    signer = signer_of(person().delegates().delegates("run", time=NOW), kind="run")
    subject, members = said(types.EVIDENCE)
    assert signer.sign(types.EVIDENCE, subject, members, NOW)
    other = "urn:uuid:99999999-9999-4999-8999-999999999999"
    for wrong in (other, None):
        with pytest.raises(Refused, match="for the run"):
            signer.sign(types.EVIDENCE, subject, members | {"run": wrong}, NOW)
    with pytest.raises(Refused, match="for the run"):
        signer.sign(types.TEST_RESULT, *said(types.TEST_RESULT, mlo_run=other), NOW)
    with pytest.raises(Refused, match="may not sign"):
        signer.sign(types.STAMP, *said(types.STAMP), NOW)


def test_another_activity_or_checkpoint_leaves_the_rest() -> None:
    signer = signer_of(person().delegates())
    acting = signer.acting("validation", None).quoting(None)
    assert (acting.activity, acting.model, acting.checkpoint) == ("validation", None, None)
    assert (acting.key, acting.chain, acting.scope) == (signer.key, signer.chain, signer.scope)


# -- kept in a file ------------------------------------------------------------------------


def test_what_is_written_signs_when_it_is_read_again() -> None:
    hand = person().delegates()
    signer = signer_of(hand)
    again = Signer.from_json(json.loads(json.dumps(signer.to_json())))
    envelope = again.sign(types.EVIDENCE, *said(types.EVIDENCE), NOW)
    assert answered(envelope, again.chain).mlo == hand.mlo
    assert (again.activity, again.model, again.expires) == ("training", "loan", signer.expires)
    assert again.checkpoint == CHECKPOINT
    bare = Signer.from_json(signer.quoting(None).acting(None, None).to_json())
    assert (bare.checkpoint, bare.activity, bare.model) == (None, None, None)


def test_a_private_key_is_never_shown() -> None:
    signer = signer_of(person().delegates())
    secret = signer.to_json()["key"]
    for text in (repr(signer), str(signer), repr(signer.key), f"{signer}"):
        assert secret not in text
        assert "PRIVATE" not in text


@pytest.mark.parametrize("member", sorted(signer_of(person().delegates()).to_json()))
def test_a_damaged_file_is_named_as_such(member: str) -> None:
    value = signer_of(person().delegates()).to_json()
    for wrong in (1, 2.5, "*", [], {}, None, "mlo:7K3D-9QXA-2MFB"):
        if wrong == value[member] or (member in ("model", "activity", "mlo", "checkpoint", "run")):
            continue
        with pytest.raises(KeyFileError, match=r"cannot be used|cannot be read"):
            Signer.from_json(value | {member: wrong})
    rest = {name: held for name, held in value.items() if name != member}
    with pytest.raises(KeyFileError):
        Signer.from_json(rest)
    for wrong in (1, [], True):
        with pytest.raises(KeyFileError):
            Signer.from_json(value | {member: wrong} | ({"extra": 1} if wrong == 1 else {}))


@pytest.mark.parametrize("value", [None, 1, "x", [], {}])
def test_what_is_no_signer_at_all_is_refused(value: Any) -> None:
    with pytest.raises(KeyFileError, match="members"):
        Signer.from_json(value)


def test_a_key_that_the_chain_does_not_name_is_refused() -> None:
    hand = person().delegates()
    other = Hand(hand.mlo, SigningKey.generate(), hand.delegation, hand.chain)
    with pytest.raises(KeyFileError, match="not the one that its delegation names"):
        Signer.from_json(signer_of(other).to_json())
    cut = Hand(hand.mlo, hand.key, hand.delegation, hand.chain[:-1])
    with pytest.raises(KeyFileError, match="does not end in its delegation"):
        Signer.from_json(signer_of(cut).to_json())
    for payload in (b"{}", b"[]", b"x", b'{"predicate":1}'):
        odd = Envelope(payload, "x", b"")
        strange = Hand(hand.mlo, hand.key, odd.statement_id, (odd,))
        with pytest.raises(MloError):
            Signer.from_json(signer_of(strange).to_json())


# -- what it costs -------------------------------------------------------------------------


def test_signing_loads_nothing_heavy() -> None:
    code = (
        "import sys; import jupyter_mlo.delegation.signer, jupyter_mlo.delegation.runs; "
        "heavy = {'pydantic', 'sqlalchemy', 'nbformat', 'ipywidgets', 'IPython', 'jsonschema'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_signing_costs_little_beside_the_signature_itself() -> None:
    """At most as much again as ECDSA and the canonical form of 1 kB cost (80 µs in all)."""
    signer = signer_of(person().delegates())
    subject, members = said(types.STAMP, outputs=["o" * 22] * 12)
    envelope = signer.sign(types.STAMP, subject, members, NOW)
    value, bytes_signed = json.loads(envelope.payload), pae(envelope.payload)
    assert 1000 < len(envelope.payload) < 2000

    def spent(act: Callable[[], object], count: int = 300) -> float:
        began = time.process_time()
        for _ in range(count):
            act()
        return time.process_time() - began

    # In turns, and in this process's own time: the machine may be busy.
    rounds = [
        (
            spent(lambda: signer.sign(types.STAMP, subject, members, NOW)),
            spent(lambda: signer.key.sign(bytes_signed)) + spent(lambda: canonical_bytes(value)),
        )
        for _ in range(7)
    ]
    assert min(whole for whole, _ in rounds) < 2 * min(bare for _, bare in rounds)
