"""Verifying: attacks by hand, revocations, the ledger's facts, records, hostile metadata."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mlo.delegation.assurance import Assurance
from jupyter_mlo.delegation.chain import Pool
from jupyter_mlo.delegation.revocation import Logged
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.notebook.layout import stamp_json
from jupyter_mlo.notebook.reading import notebook_from_json
from jupyter_mlo.notebook.reports import Demands, NotebookReport
from jupyter_mlo.notebook.stamps import Executed, make_stamp
from jupyter_mlo.notebook.verdicts import Verdict
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.subjects import key_subject
from jupyter_mlo.statements.times import to_text
from tests.notebook.people import (
    ALICE,
    BOB,
    NOON,
    Kernel,
    Person,
    code,
    notebook,
    seal,
    shows,
    stream,
    text,
    trusting,
    updates,
    verify,
)

MALLORY = "mlo:0000-0000-002B"
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def alice() -> Person:
    return Person(ALICE, "alice")


@pytest.fixture(scope="module")
def bob() -> Person:
    return Person(BOB, "bob")


@pytest.fixture(scope="module")
def mallory() -> Person:
    return Person(MALLORY, "mallory")


@pytest.fixture
def sealed(alice: Person) -> dict[str, Any]:
    """Prose, a cell that prints, a cell that shows; run and sealed by Alice."""
    value = notebook(text("hi", "m"), code("print(1)", "a"), code("show()", "b"))
    session = alice.session()
    kernel = Kernel(session)
    kernel.run(value["cells"][1], stream("1\n"))
    kernel.run(value["cells"][2], shows("picture"))
    return seal(value, session, kernel).value


def verdicts(report: NotebookReport) -> list[Verdict]:
    return [cell.verdict for cell in report.cells]


# What an honest verifier sees.


def test_a_notebook_that_was_never_executed_has_nothing_to_vouch_for(alice: Person) -> None:
    report = verify(notebook(text("hi"), code("x = 1")), alice)
    assert report.nothing_executed
    assert report.holds(Demands(level=Assurance.ENROLLED))
    executed = notebook(code("x = 1"))
    executed["cells"][0]["execution_count"] = 1
    assert not verify(executed, alice).nothing_executed


def test_without_trust_everything_is_claimed_and_the_keys_are_named(
    alice: Person, sealed: dict[str, Any]
) -> None:
    report = verify(sealed)
    assert verdicts(report) == [Verdict.VERIFIED] * 3
    assert {cell.assurance for cell in report.cells} == {Assurance.CLAIMED}
    assert not report.holds(Demands())
    assert report.holds(Demands(level=Assurance.CLAIMED))
    assert report.unknown_keys() == [(ALICE, alice.key.key_id)]


def test_a_key_that_a_trusted_registrar_enrolled_is_enrolled(
    alice: Person, bob: Person, sealed: dict[str, Any]
) -> None:
    registration = bob.own().sign(
        types.ENROLMENT,
        [key_subject(alice.key.key_id)],
        {"kind": "person", "publicKey": alice.key.public.to_text(), "handle": "A" * 22},
        NOON - 10 * HOUR,
    )
    # Signed by Bob's key as a registrar, for Alice's MLO.
    registration = _signed_for(bob, ALICE, registration)
    pool = Pool.of([bob.enrolment, registration])
    report = verify(sealed, trust=Trust(registrars={bob.key.key_id: "Bob"}), pool=pool)
    assert {cell.assurance for cell in report.cells} == {Assurance.ENROLLED}
    assert report.holds(Demands(level=Assurance.ENROLLED))


def _signed_for(registrar: Person, mlo: str, envelope: Envelope) -> Envelope:
    from jupyter_mlo.statements.envelope import sign

    value = json.loads(envelope.payload)
    value["predicate"]["mlo"] = mlo
    return sign(value, registrar.key)


def test_unstamped_cells_pass_only_if_they_are_allowed(alice: Person) -> None:
    value = notebook(text("hi", "m"), code("a", "a"))
    kernel = Kernel(alice.session())
    kernel.run(value["cells"][1], stream("1"))
    report = verify(value, alice, kernels=[kernel])
    assert verdicts(report) == [Verdict.UNSEALED, Verdict.UNSTAMPED]
    assert report.cells[1].mlo == ALICE
    assert not report.holds(Demands())
    assert report.holds(Demands(allow_unstamped=True))


def test_a_format_upgrade_with_new_ids_is_a_note(alice: Person) -> None:
    value = notebook(code("a"), text("b"), minor=4)
    kernel = Kernel(alice.session())
    kernel.run(value["cells"][0], stream("1"))
    value = seal(value, alice.session(), kernel).value
    value["nbformat_minor"] = 5
    for at, cell in enumerate(value["cells"]):
        cell["id"] = f"drawn-{at}"
    report = verify(value, alice)
    assert report.holds(Demands())
    assert report.notes == ("notebook format 4.5, sealed as 4.4: no alarm",)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            lambda v: v["metadata"]["kernelspec"].update(name="ir"),
            "kernelspec is 'ir', was 'python3'",
        ),
        (lambda v: v["metadata"].pop("kernelspec"), "kernelspec is None, was 'python3'"),
        (lambda v: v["metadata"].update(widgets={"a": 1}), "widget state was added"),
        (lambda v: v["cells"].pop(1), "cell 2 removed"),
        (lambda v: v["cells"].insert(1, text("new", "n")), "cell 2 inserted"),
        (lambda v: v["cells"].insert(0, v["cells"].pop()), "cell 1 moved"),
    ],
)
def test_changes_of_the_whole_are_named(
    alice: Person, sealed: dict[str, Any], change: Any, named: str
) -> None:
    change(sealed)
    report = verify(sealed, alice)
    assert report.seal.changes == (named,)
    assert report.seal.verdict is Verdict.CHANGED
    assert not report.holds(Demands(allow_unstamped=True))


# What an attacker may try.


def test_a_changed_output_is_named_with_its_number(alice: Person, sealed: dict[str, Any]) -> None:
    sealed["cells"][1]["outputs"][0]["text"] = "2\n"
    cell = verify(sealed, alice).cells[1]
    assert (cell.verdict, cell.changed) == (Verdict.CHANGED, ("outputs",))
    assert "output 1 of 1" in cell.reason


def test_a_seal_by_somebody_else_does_not_hide_a_change(
    alice: Person, mallory: Person, sealed: dict[str, Any]
) -> None:
    sealed["cells"][1]["outputs"][0]["text"] = "2\n"
    chains = [Envelope.from_json(link) for link in sealed["metadata"]["mlo"]["chains"]]
    again = seal(sealed, mallory.session(), now=NOON + HOUR, also=chains).value
    report = verify(again, alice)
    assert report.cells[1].verdict is Verdict.CHANGED
    assert report.seal.assurance is Assurance.CLAIMED
    assert not report.holds(Demands())
    assert not verify(again, alice, mallory).holds(Demands())


def test_the_seal_of_an_unknown_mlo_is_not_enough_even_if_all_stamps_are_known(
    alice: Person, mallory: Person, sealed: dict[str, Any]
) -> None:
    sealed["cells"][0]["source"] = "Approved for production"
    chains = [Envelope.from_json(link) for link in sealed["metadata"]["mlo"]["chains"]]
    again = seal(sealed, mallory.session(), now=NOON + HOUR, also=chains).value
    report = verify(again, alice)
    assert verdicts(report) == [Verdict.VERIFIED] * 3
    assert report.cells[0].assurance is Assurance.CLAIMED
    assert not report.holds(Demands())
    assert report.unknown_keys() == [(MALLORY, mallory.key.key_id)]


def test_an_impostor_with_another_key_for_the_same_mlo_is_a_conflict(
    alice: Person, sealed: dict[str, Any]
) -> None:
    impostor = Person(ALICE, "impostor")
    value = notebook(code("print(1)", "a"))
    kernel = Kernel(impostor.session())
    kernel.run(value["cells"][0], stream("1\n"))
    value = seal(value, impostor.session(), kernel).value
    report = verify(value, alice)
    assert verdicts(report) == [Verdict.INVALID]
    assert "conflict" in report.cells[0].reason
    assert report.seal.verdict is Verdict.INVALID
    assert not report.holds(Demands(level=Assurance.CLAIMED))


def test_a_stamp_of_another_notebook_is_not_valid_here(
    alice: Person, sealed: dict[str, Any]
) -> None:
    other = notebook(code("print(1)", "a"))
    kernel = Kernel(alice.session())
    kernel.run(other["cells"][0], stream("1\n"))
    other = seal(other, alice.session(), kernel).value
    other["cells"][0]["metadata"]["mlo"] = sealed["cells"][1]["metadata"]["mlo"]
    other["metadata"]["mlo"]["chains"] += sealed["metadata"]["mlo"]["chains"]
    cell = verify(other, alice).cells[0]
    assert cell.verdict is Verdict.INVALID
    assert "copied: made for another notebook" in cell.reason


def test_stamps_exchanged_between_two_cells_say_whose_they_are(
    alice: Person, sealed: dict[str, Any]
) -> None:
    one, other = sealed["cells"][1]["metadata"], sealed["cells"][2]["metadata"]
    one["mlo"], other["mlo"] = other["mlo"], one["mlo"]
    report = verify(sealed, alice)
    assert verdicts(report)[1:] == [Verdict.INVALID] * 2
    assert [cell.reason for cell in report.cells[1:]] == [
        "copied: the seal lists this stamp for the cell that was cell 3",
        "copied: the seal lists this stamp for the cell that was cell 2",
    ]


def test_a_removed_stamp_does_not_pass_for_a_missing_one(
    alice: Person, sealed: dict[str, Any]
) -> None:
    del sealed["cells"][1]["metadata"]["mlo"]
    report = verify(sealed, alice)
    assert (report.cells[1].verdict, report.cells[1].changed) == (Verdict.CHANGED, ("stamp",))
    assert "with a stamp, which was removed" in report.cells[1].reason
    assert not report.holds(Demands(allow_unstamped=True))


def test_a_seal_whose_subject_is_not_what_it_says_is_refused(
    alice: Person, sealed: dict[str, Any]
) -> None:
    from jupyter_mlo.statements.envelope import sign

    session = alice.session()
    entry = sealed["metadata"]["mlo"]["seals"][0]
    value = json.loads(Envelope.from_json(entry["envelope"]).payload)
    value["predicate"] |= {"keyId": session.key.key_id, "delegation": session.delegation}
    entry["envelope"] = sign(value, session.key).to_json()
    sealed["metadata"]["mlo"]["chains"].append(session.chain[-1].to_json())
    assert verify(sealed, alice).holds(Demands()), "signed by a session, it is as good as before"
    value["subject"][0]["digest"]["mloNotebookV1"] = "0" * 64
    entry["envelope"] = sign(value, session.key).to_json()
    report = verify(sealed, alice)
    assert report.seal.verdict is Verdict.INVALID
    assert "subject" in report.seal.reason


def test_a_stamp_of_the_parent_is_not_valid_in_its_run(
    alice: Person, sealed: dict[str, Any]
) -> None:
    ours = sealed["metadata"]["mlo"]
    ours["parent"], ours["notebook"] = (
        ours["notebook"],
        "urn:uuid:00000000-0000-4000-8000-000000000000",
    )
    report = verify(sealed, alice)
    assert "from which this one was run" in report.cells[1].reason
    assert report.seal.verdict is Verdict.INVALID


def test_an_older_state_of_the_file_is_found_by_the_ledger(
    alice: Person, sealed: dict[str, Any]
) -> None:
    older = copy.deepcopy(sealed)
    sealed["cells"][0]["source"] = "a correction"
    newer = seal(sealed, alice.session(), now=NOON + HOUR)
    assert newer.seal is not None
    first = Envelope.from_json(older["metadata"]["mlo"]["seals"][0]["envelope"])
    ledger = Facts([first, newer.seal])
    assert verify(newer.value, alice, ledger=ledger).holds(Demands())
    report = verify(older, alice, ledger=ledger)
    assert not report.holds(Demands())
    assert report.problems == (
        "its newest seal is entry 0 of the ledger, which has a newer one of this notebook "
        "(entry 1): rolled back, or an older copy? If it is the one to go on with, seal it again",
    )
    assert report.checkpoint == {"origin": "o", "size": 2, "root": "r"}
    del older["metadata"]["mlo"]["seals"][0]
    assert "which was removed" in verify(older, alice, ledger=ledger).problems[0]


def test_a_seal_that_is_not_logged_yet_is_no_rollback(
    alice: Person, sealed: dict[str, Any]
) -> None:
    first = Envelope.from_json(sealed["metadata"]["mlo"]["seals"][0]["envelope"])
    sealed["cells"][0]["source"] = "a correction"
    newer = seal(sealed, alice.session(), now=NOON + HOUR).value
    assert verify(newer, alice, ledger=Facts([first])).holds(Demands())


def test_restoring_one_cells_earlier_state_and_stamp_is_named(alice: Person) -> None:
    value = notebook(code("a", "a"), code("b", "b"))
    session = alice.session()
    kernel = Kernel(session)
    kernel.run(value["cells"][0], stream("accuracy 0.9"))
    first = seal(value, session, kernel).value
    again = copy.deepcopy(first)
    kernel.run(again["cells"][0], stream("accuracy 0.5"))
    newer = seal(again, session, kernel).value
    newer["cells"][0] = first["cells"][0]
    report = verify(newer, alice)
    assert report.cells[0].verdict is Verdict.CHANGED
    assert "stamp" in report.cells[0].changed
    assert "lists another stamp" in report.cells[0].reason


def test_a_reference_that_claims_somebody_else_is_named(
    alice: Person, sealed: dict[str, Any]
) -> None:
    lie = f"{BOB}#AAAAAAAAAAAAAAAA"
    sealed["cells"][2]["outputs"][0]["metadata"]["mlo"] = lie
    cell = verify(sealed, alice).cells[2]
    assert cell.verdict is Verdict.CHANGED
    assert lie in cell.reason
    unstamped = notebook(code("x", "a"))
    Kernel(None).run(unstamped["cells"][0], shows("1"))
    unstamped["cells"][0]["outputs"][0]["metadata"]["mlo"] = lie
    cell = verify(unstamped, alice).cells[0]
    assert cell.verdict is Verdict.UNATTRIBUTED
    assert f"its outputs name {lie}, which nothing proves" in cell.reason


def test_a_reference_to_a_later_execution_is_true_only_if_the_stamp_names_it(
    alice: Person,
) -> None:
    value = notebook(code("h = display(1)", "a"), code("h.update(2)", "b"))
    kernel = Kernel(alice.session())
    shown: dict[str, list[dict[str, Any]]] = {}
    kernel.run(value["cells"][0], shows("1", "d"), shown=shown)
    updating = kernel.run(value["cells"][1], updates("2", "d"), shown=shown)
    value = seal(value, alice.session(), kernel).value
    assert verify(value, alice).holds(Demands())
    value["cells"].pop(1)
    report = verify(value, alice)
    assert report.cells[0].verdict is Verdict.VERIFIED, "though the other cell is gone"
    value["cells"][0]["outputs"][0]["metadata"]["mlo"] = f"{ALICE}#{updating[:-1]}_"
    assert verify(value, alice).cells[0].verdict is Verdict.CHANGED


# Keys and delegations that end.


def test_a_stamp_outside_its_scope_is_not_valid_here(alice: Person) -> None:
    value = notebook(code("a", "a"))
    Kernel(None).run(value["cells"][0], stream("1"))
    narrow = alice.session(activities=["validation"])
    wide = alice.session()
    forged = _stamped(value, narrow, wide, activity="training")
    cell = verify(forged, alice).cells[0]
    assert cell.verdict is Verdict.INVALID
    assert "does not permit the activity 'training'" in cell.reason


def test_a_stamp_by_an_ended_session_is_not_valid_here(alice: Person) -> None:
    value = notebook(code("a", "a"))
    Kernel(None).run(value["cells"][0], stream("1"))
    ended = alice.session(NOON - timedelta(hours=12))
    forged = _stamped(value, ended, alice.session(), activity="training")
    cell = verify(forged, alice).cells[0]
    assert cell.verdict is Verdict.INVALID
    assert "ended" in cell.reason


def _stamped(value: dict[str, Any], signer: Any, sealer: Any, *, activity: str) -> dict[str, Any]:
    """A cell stamped by one who does not ask whether he may, and sealed by one who may."""
    from dataclasses import replace

    unbound = replace(signer, scope_json=sealer.scope_json)
    value = seal(value, sealer).value
    executed = Executed("A" * 16, 1, "k", "python3", NOON, NOON, activity)
    stamp = make_stamp(
        unbound,
        notebook_from_json(value).cells[0],
        executed,
        notebook=value["metadata"]["mlo"]["notebook"],
        now=NOON,
    )
    value["cells"][0]["metadata"]["mlo"] = stamp_json(stamp)
    value["metadata"]["mlo"]["chains"] += [signer.chain[-1].to_json()]
    return seal(value, sealer, now=NOON + timedelta(minutes=10)).value


class Facts:
    """A ledger that has these statements, in this order."""

    checkpoint: Mapping[str, object]

    def __init__(self, envelopes: list[Envelope], at: datetime | None = None) -> None:
        self._places = {one.statement_id: place for place, one in enumerate(envelopes)}
        self._envelopes = envelopes
        self._at = at
        self.checkpoint = {"origin": "o", "size": len(envelopes), "root": "r"}

    def logged(self, statement_ids: Iterable[str]) -> dict[str, Logged]:
        return {
            one: Logged(self._places[one], self._at) for one in statement_ids if one in self._places
        }

    def newest_seal(self, notebook: str) -> tuple[str, int] | None:
        found = None
        for place, one in enumerate(self._envelopes):
            value = json.loads(one.payload)
            if value["predicateType"] == types.SEAL and value["predicate"]["notebook"] == notebook:
                found = one.statement_id, place
        return found

    def uses(self, mandate: object) -> None:
        return None


def revocation(person: Person, now: datetime, **members: Any) -> Envelope:
    return person.own().sign(
        types.REVOCATION,
        [key_subject(person.key.key_id)],
        {"revokesKey": person.key.key_id, **members},
        now,
    )


def test_what_a_revoked_key_signed_counts_only_if_the_ledger_has_it_from_before(
    alice: Person, sealed: dict[str, Any]
) -> None:
    first = Envelope.from_json(sealed["metadata"]["mlo"]["seals"][0]["envelope"])
    revoked = revocation(alice, NOON + HOUR, reason="superseded")
    pool = Pool.of([revoked])
    report = verify(sealed, alice, pool=pool)
    assert report.cells[1].assurance is report.seal.assurance is Assurance.CLAIMED
    assert "was revoked" in report.cells[1].remark
    assert not report.holds(Demands())
    assert report.unknown_keys() == []
    assert verify(sealed, alice, pool=pool, ledger=Facts([first, revoked])).holds(Demands())
    late = verify(sealed, alice, pool=pool, ledger=Facts([revoked, first]))
    assert late.cells[1].remark.startswith("late: ")
    assert "came into the ledger after that" in late.cells[1].remark
    assert late.holds(Demands())
    after = revocation(alice, NOON - HOUR, reason="superseded")
    refused = verify(sealed, alice, pool=Pool.of([after]), ledger=Facts([first, after]))
    assert verdicts(refused)[1:] == [Verdict.INVALID] * 2
    assert "after that" in refused.cells[1].reason


def test_what_was_made_since_a_key_was_compromised_does_not_count(
    alice: Person, sealed: dict[str, Any]
) -> None:
    first = Envelope.from_json(sealed["metadata"]["mlo"]["seals"][0]["envelope"])
    since = to_text(NOON - HOUR)
    revoked = revocation(alice, NOON + HOUR, reason="compromised", compromisedSince=since)
    ledger = Facts([first, revoked])
    report = verify(sealed, alice, pool=Pool.of([revoked]), ledger=ledger)
    assert not report.holds(Demands())
    assert report.cells[1].assurance is Assurance.CLAIMED
    assert since in report.cells[1].remark


# Hostile metadata.

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["mlo:7K3D-9QXA-2MF7#A", "\ud800", "- c a b c", "urn:uuid:x"])
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["version", "stamp", "notebook", "chains", "seals", "envelope", "cells", "proofs",
             "payload", "payloadType", "signatures", "keyid", "sig", "0", "parent"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(data=st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_metadata_gets_a_verdict(
    alice: Person, sealed: dict[str, Any], data: st.DataObject
) -> None:
    value = copy.deepcopy(sealed)
    ours = value["metadata"]["mlo"]
    place = data.draw(
        st.sampled_from(
            ["notebook", "cell", "output", "seal", "chain", "seals", "line", "envelope", "version"]
        )
    )
    new = data.draw(values)
    if place == "notebook":
        value["metadata"]["mlo"] = new
    elif place == "cell":
        value["cells"][1]["metadata"]["mlo"] = new
    elif place == "output":
        value["cells"][2]["outputs"][0]["metadata"]["mlo"] = new
    elif place == "seal":
        ours["seals"][0] = new
    elif place == "chain":
        ours["chains"].append(new)
    elif place == "seals":
        ours["seals"] = new
    elif place == "line":
        ours["seals"][0]["cells"][0] = new
    elif place == "envelope":
        ours["seals"][0]["envelope"] = new
    else:
        ours["version"] = new
    if value == sealed:
        return
    report = verify(value, alice)
    assert not report.holds(Demands(level=Assurance.CLAIMED))
    json.dumps(report.to_json(Demands()))


@pytest.mark.parametrize(
    "cell",
    [
        {},
        {"cell_type": "code"},
        {"cell_type": "code", "outputs": {}, "source": 5, "metadata": []},
        {"cell_type": "heading", "source": "x", "metadata": {}},
        {"cell_type": "code", "source": "x", "metadata": {}, "outputs": [5], "execution_count": -1},
        {"cell_type": "code", "source": "x", "metadata": {}, "outputs": [], "id": "\ud800"},
        {"cell_type": "code", "source": "x", "metadata": {}, "outputs": [], "id": {"a": 1}},
        {"cell_type": "code", "source": "x", "metadata": {}, "outputs": [],
         "execution_count": 10**400},
        {"cell_type": "code", "source": "x", "metadata": {}, "outputs": [
            {"output_type": "display_data", "data": {"application/json": {"$mlo": 1}},
             "metadata": {}}]},
    ],
)  # fmt: skip
def test_odd_cells_get_a_verdict_beside_good_ones(
    alice: Person, sealed: dict[str, Any], cell: dict[str, Any]
) -> None:
    sealed["cells"].append(cell)
    report = verify(sealed, alice)
    assert verdicts(report)[:3] == [Verdict.VERIFIED] * 3
    assert report.cells[3].verdict in (Verdict.UNSEALED, Verdict.UNATTRIBUTED)
    again = seal(sealed, alice.session(), now=NOON + HOUR).value
    assert verdicts(verify(again, alice))[:3] == [Verdict.VERIFIED] * 3


def test_duplicate_ids_are_no_reason_to_lose_a_verdict(
    alice: Person, sealed: dict[str, Any]
) -> None:
    for cell in sealed["cells"]:
        cell["id"] = "same"
    assert verify(sealed, alice).holds(Demands())


def test_thousands_of_entries_do_not_take_for_ever(alice: Person, sealed: dict[str, Any]) -> None:
    import time

    ours = sealed["metadata"]["mlo"]
    ours["chains"] = ours["chains"] * 3000
    ours["seals"] = ours["seals"] + ours["seals"] * 3000
    sealed["cells"] = sealed["cells"] * 300
    begin = time.perf_counter()
    report = verify(sealed, alice)
    assert time.perf_counter() - begin < 60
    assert not report.holds(Demands())
    assert trusting(alice).pins
