"""Sealing: which stamps are written, kept and left, and what a notebook goes on carrying."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import Any

import nbformat
import pytest

from jupyter_mlo.delegation.chain import Pool
from jupyter_mlo.errors import NotebookError, Refused
from jupyter_mlo.notebook.blame import Blamed, blame
from jupyter_mlo.notebook.layout import read_notebook_entries, read_stamp
from jupyter_mlo.notebook.reading import notebook_from_json
from jupyter_mlo.notebook.reports import Demands
from jupyter_mlo.notebook.verdicts import Verdict
from jupyter_mlo.notebook.verification import examine
from jupyter_mlo.notebook.writing import notebook_chunks
from jupyter_mlo.statements.strict_json import read_json
from tests.notebook.people import (
    ALICE,
    BOB,
    NOON,
    Kernel,
    Person,
    code,
    fails,
    notebook,
    result,
    seal,
    shows,
    stream,
    text,
    trusting,
    updates,
    verify,
)


@pytest.fixture(scope="module")
def alice() -> Person:
    return Person(ALICE, "alice")


@pytest.fixture(scope="module")
def bob() -> Person:
    return Person(BOB, "bob")


def plain(value: Any) -> Any:
    """A notebook without anything of ours."""
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items() if name != "mlo"}
    return [plain(member) for member in value] if isinstance(value, list) else value


def stamp_of(value: dict[str, Any], position: int) -> dict[str, Any]:
    envelope, _ = read_stamp(value["cells"][position]["metadata"])
    assert envelope is not None
    return dict(read_json(envelope.payload)["predicate"])


def verdicts(value: dict[str, Any], *people: Person, **options: Any) -> list[Verdict]:
    return [cell.verdict for cell in verify(value, *people, **options).cells]


def test_what_records_vouch_for_is_stamped_and_the_rest_is_named(alice: Person) -> None:
    value = notebook(text("hi", "m"), code("a", "a"), code("b", "b"), code("c", "c"))
    kernel = Kernel(alice.session(model="loan@3"))
    kernel.run(value["cells"][1], stream("1"))
    Kernel(None).run(value["cells"][2], stream("2"))
    found = seal(value, alice.session(), kernel)
    assert found.stamped == (1,)
    assert [(one.position, one.verdict) for one in found.unvouched] == [(2, Verdict.UNATTRIBUTED)]
    assert verdicts(found.value, alice) == [
        Verdict.VERIFIED, Verdict.VERIFIED, Verdict.UNATTRIBUTED, Verdict.VERIFIED,
    ]  # fmt: skip
    stamp = stamp_of(found.value, 1)
    assert (stamp["activity"], stamp["model"]) == ("training", "loan@3")
    assert stamp["cell"] == {"id": "a", "position": 1}
    assert stamp["execution"]["count"] == 1
    assert stamp["kernel"] == {"id": kernel.id, "name": "python3"}


def test_only_metadata_changes_and_the_input_is_left_alone(alice: Person) -> None:
    value = notebook(text("hi", "m"), code("a", "a"))
    kernel = Kernel(alice.session())
    kernel.run(value["cells"][1], shows("p"))
    before = copy.deepcopy(value)
    found = seal(value, alice.session(), kernel)
    assert value == before
    assert plain(found.value) == plain(before)


def test_a_stamp_that_holds_is_kept_as_it_is(alice: Person) -> None:
    value = notebook(code("a", "a"), code("b", "b"))
    kernel = Kernel(alice.session())
    kernel.run(value["cells"][0], stream("1"))
    value = seal(value, alice.session(), kernel).value
    before = value["cells"][0]["metadata"]["mlo"]
    kernel.run(value["cells"][1])
    found = seal(value, alice.session(), kernel)
    assert (found.stamped, found.kept) == ((1,), 1)
    assert found.value["cells"][0]["metadata"]["mlo"] == before


def test_a_changed_cell_keeps_its_stamp_so_that_the_change_stays_named(alice: Person) -> None:
    value = notebook(code("a", "a"))
    kernel = Kernel(alice.session())
    kernel.run(value["cells"][0], stream("1"))
    value = seal(value, alice.session(), kernel).value
    value["cells"][0]["outputs"][0]["text"] = "2"
    # Its record is still at hand, and does not hold these outputs either.
    found = seal(value, alice.session(), kernel, now=NOON + timedelta(hours=1))
    assert (found.stamped, found.kept) == ((), 0)
    assert [(one.position, one.verdict) for one in found.unvouched] == [(0, Verdict.CHANGED)]
    (cell,) = verify(found.value, alice, kernels=[kernel]).cells
    assert (cell.verdict, cell.changed) == (Verdict.CHANGED, ("outputs",))


def test_a_cell_that_ran_again_is_stamped_anew_even_with_the_same_outputs(alice: Person) -> None:
    value = notebook(code("a", "a"))
    kernel = Kernel(alice.session())
    kernel.run(value["cells"][0], shows("1"))
    value = seal(value, alice.session(), kernel).value
    first = stamp_of(value, 0)["execution"]["id"]
    second = kernel.run(value["cells"][0], shows("1"))
    assert verdicts(value, alice, kernels=[kernel]) == [Verdict.UNSTAMPED]
    found = seal(value, alice.session(), kernel)
    assert found.stamped == (0,)
    assert stamp_of(found.value, 0)["execution"]["id"] == second != first
    assert verdicts(found.value, alice) == [Verdict.VERIFIED]


def test_the_records_of_another_mlo_are_left_to_him(alice: Person, bob: Person) -> None:
    value = notebook(code("a", "a"))
    kernel = Kernel(bob.session())
    kernel.run(value["cells"][0], stream("1"))
    found = seal(value, alice.session(), kernel)
    assert found.stamped == ()
    (one,) = found.unvouched
    assert one.verdict is Verdict.UNSTAMPED
    assert one.reason == f"recorded by {BOB}; they must log in and seal"


def test_an_execution_elsewhere_does_not_take_over_anothers_stamp(
    alice: Person, bob: Person
) -> None:
    value = notebook(code("import pandas", "a"))
    kernel = Kernel(alice.session())
    kernel.run(value["cells"][0])
    value = seal(value, alice.session(), kernel).value
    elsewhere = notebook(code("import pandas", "other"))
    other = Kernel(bob.session(), NOON + timedelta(minutes=5))
    other.run(elsewhere["cells"][0])
    found = seal(value, bob.session(), other)
    assert found.stamped == ()
    assert stamp_of(found.value, 0)["mlo"] == ALICE


def test_records_that_nobody_answers_for_vouch_for_nothing(alice: Person) -> None:
    value = notebook(code("a", "a"))
    stranger = Person(ALICE, "somebody else's key")
    kernel = Kernel(stranger.session())
    kernel.run(value["cells"][0], stream("1"))
    found = seal(value, alice.session(), kernel, trust=trusting(alice))
    assert found.stamped == ()
    assert found.unvouched[0].verdict is Verdict.UNATTRIBUTED


def test_sealing_again_unchanged_makes_no_new_seal(alice: Person, bob: Person) -> None:
    value = notebook(code("a", "a"))
    kernel = Kernel(alice.session())
    kernel.run(value["cells"][0], stream("1"))
    session = alice.session()
    first = seal(value, session, kernel)
    again = seal(first.value, session, kernel)
    assert again.seal is None
    assert again.value == first.value
    assert again.to_publish[-1] == first.seal
    assert seal(first.value, session, meaning="approved").seal is not None
    assert seal(first.value, bob.session(), also=session.chain).seal is not None
    first.value["metadata"]["widgets"] = {"a": 1}
    assert seal(first.value, session, kernel).seal is not None


def test_what_was_stamped_late_or_partly_is_said(alice: Person) -> None:
    value = notebook(code("a", "a"))
    kernel = Kernel(alice.session())
    kernel.run(value["cells"][0], stream("1"), shows("2"))
    value["cells"][0]["outputs"].insert(1, {"output_type": "stream", "name": "stderr", "text": "x"})
    found = seal(value, alice.session(), kernel)
    assert found.stamped == (0,)
    assert [one.reason for one in found.unvouched] == ["1 of its outputs were not observed"]
    (cell,) = verify(found.value, alice).cells
    assert (cell.verdict, cell.reason) == (Verdict.UNATTRIBUTED, "outputs not observed: 2")
    assert cell.mlo == ALICE
    again = seal(found.value, alice.session(), kernel, now=NOON + timedelta(hours=1))
    assert again.stamped == ()


def test_a_stamp_is_never_lent_to_outputs_that_differ(alice: Person) -> None:
    value = notebook(code("a", "a"))
    kernel = Kernel(alice.session())
    kernel.run(value["cells"][0], stream("accuracy 0.5"))
    value["cells"][0]["outputs"][0]["text"] = "accuracy 0.9"
    found = seal(value, alice.session(), kernel)
    (cell,) = verify(found.value, alice).cells
    assert cell.verdict is Verdict.UNATTRIBUTED
    assert stamp_of(found.value, 0)["outputs"] == []


def test_of_more_than_32_outputs_the_first_or_the_last_can_be_covered(alice: Person) -> None:
    for extra_at, covered in ((0, True), (40, True), (20, False)):
        value = notebook(code("a", "a"))
        kernel = Kernel(alice.session())
        kernel.run(value["cells"][0], *(shows(str(number)) for number in range(40)))
        value["cells"][0]["outputs"].insert(
            extra_at, {"output_type": "stream", "name": "stderr", "text": "x"}
        )
        found = seal(value, alice.session(), kernel)
        assert bool(found.stamped) is covered
        (cell,) = verify(found.value, alice).cells
        assert cell.verdict is Verdict.UNATTRIBUTED
        if covered:
            assert cell.reason == f"outputs not observed: {extra_at + 1}"


def test_an_output_that_a_later_cell_updated_is_stamped_with_both_records(alice: Person) -> None:
    value = notebook(code("h = display(1)", "a"), code("h.update(2)", "b"))
    kernel = Kernel(alice.session())
    shown: dict[str, list[dict[str, Any]]] = {}
    kernel.run(value["cells"][0], shows("1", "d"), shown=shown)
    value = seal(value, alice.session(), kernel).value
    shown = {"d": value["cells"][0]["outputs"]}
    updating = kernel.run(value["cells"][1], updates("2", "d"), shown=shown)
    assert verdicts(value, alice) == [Verdict.CHANGED, Verdict.UNATTRIBUTED]
    assert verdicts(value, alice, kernels=[kernel]) == [Verdict.UNSTAMPED, Verdict.UNSTAMPED]
    found = seal(value, alice.session(), kernel)
    assert found.stamped == (0, 1)
    stamp = stamp_of(found.value, 0)
    assert len(stamp["records"]) == 2
    assert stamp["updatedBy"] == [updating]
    assert value["cells"][0]["outputs"][0]["metadata"]["mlo"] == f"{ALICE}#{updating}"
    assert verdicts(found.value, alice) == [Verdict.VERIFIED, Verdict.VERIFIED]


def test_a_cell_copied_with_its_stamp_is_named_and_the_original_keeps_it(alice: Person) -> None:
    value = notebook(code("a", "a"), code("b", "b"))
    kernel = Kernel(alice.session())
    kernel.run(value["cells"][0], stream("1"))
    value = seal(value, alice.session(), kernel).value
    value["cells"].insert(0, {**copy.deepcopy(value["cells"][0]), "id": "copy"})
    found = seal(value, alice.session(), kernel, now=NOON + timedelta(hours=1))
    report = verify(found.value, alice)
    assert [cell.verdict for cell in report.cells] == [
        Verdict.INVALID, Verdict.VERIFIED, Verdict.VERIFIED,
    ]  # fmt: skip
    assert report.cells[0].reason == "copied: this is the stamp of cell 2"


def test_the_notebook_keeps_its_id_and_new_ones_differ(alice: Person) -> None:
    first = seal(notebook(text("a", "a")), alice.session())
    name = read_notebook_entries(first.value["metadata"]).notebook
    first.value["cells"][0]["source"] = "b"
    second = seal(first.value, alice.session(), now=NOON + timedelta(hours=1))
    assert read_notebook_entries(second.value["metadata"]).notebook == name
    other = seal(notebook(text("a", "a")), alice.session())
    assert read_notebook_entries(other.value["metadata"]).notebook != name


def test_older_seals_stay_as_long_as_a_cell_needs_them(alice: Person, bob: Person) -> None:
    value = notebook(text("one", "a"), text("two", "b"))
    bobs = bob.session()
    value = seal(value, bobs).value
    oldest = value["metadata"]["mlo"]["seals"][0]["envelope"]
    value["cells"][0]["source"] = "one, by Alice"
    value = seal(value, alice.session(), now=NOON + timedelta(hours=1), also=bobs.chain).value
    seals = value["metadata"]["mlo"]["seals"]
    assert [list(one) for one in seals] == [["envelope", "cells"], ["envelope", "proofs"]]
    assert seals[1]["envelope"] == oldest
    assert list(seals[1]["proofs"]) == ["1"], "only the cell whose source is still that"
    value["cells"][1]["source"] = "two, by Alice"
    value = seal(value, alice.session(), now=NOON + timedelta(hours=2), also=bobs.chain).value
    seals = value["metadata"]["mlo"]["seals"]
    assert len(seals) == 2, "nobody needs the oldest any more"
    chains = [str(link) for link in value["metadata"]["mlo"]["chains"]]
    assert len(chains) == 3, "one enrolment and two sessions of Alice's: Bob's are not needed"


def test_each_seal_names_the_one_before(alice: Person) -> None:
    first = seal(notebook(text("a", "a")), alice.session())
    assert first.seal is not None
    first.value["cells"][0]["source"] = "b"
    second = seal(first.value, alice.session(), now=NOON + timedelta(hours=1))
    assert second.seal is not None
    assert read_json(second.seal.payload)["predicate"]["previous"] == first.seal.statement_id


@pytest.mark.parametrize("minor", [0, 1, 2, 3, 4, 5])
def test_stamped_notebooks_validate_in_every_format(alice: Person, minor: int) -> None:
    cell_id = "abc" if minor == 5 else None
    value = notebook(code("a", cell_id), text("b", cell_id and "b"), minor=minor)
    kernel = Kernel(alice.session())
    kernel.run(
        value["cells"][0], stream("1"), shows("2"), result("3", 1), fails("E"), sends_id=False
    )
    found = seal(value, alice.session(), kernel)
    nbformat.validate(nbformat.from_dict(found.value))
    written = b"".join(notebook_chunks(found.value))
    read = json.loads(written)
    assert read["nbformat_minor"] == minor
    assert ("id" in read["cells"][0]) is (minor == 5)
    assert verify(read, alice).holds(Demands())


def test_a_notebook_that_a_newer_version_sealed_is_not_touched(alice: Person) -> None:
    value = seal(notebook(text("a", "a")), alice.session()).value
    value["metadata"]["mlo"]["version"] = 2
    with pytest.raises(NotebookError, match="newer"):
        seal(value, alice.session())


def test_damaged_entries_are_left_out_and_named(alice: Person, bob: Person) -> None:
    value = seal(notebook(text("a", "a")), bob.session()).value
    value["metadata"]["mlo"]["chains"][0]["payload"] = "AAAA"
    found = seal(value, alice.session())
    assert any("left out" in note for note in found.notes)
    assert any("the last seal was left out" in note for note in found.notes)
    assert verify(found.value, alice).holds(Demands())


def test_an_ended_session_seals_nothing(alice: Person) -> None:
    with pytest.raises(Refused, match="ended"):
        seal(notebook(text("a", "a")), alice.session(), now=NOON + timedelta(hours=8))


def test_an_unknown_meaning_is_refused(alice: Person) -> None:
    with pytest.raises(NotebookError, match="liked"):
        seal(notebook(text("a", "a")), alice.session(), meaning="liked")


def blamed(value: dict[str, Any], *people: Person) -> list[Blamed]:
    return blame(
        examine(
            notebook_from_json(value),
            pool=Pool(),
            trust=trusting(*people),
            now=NOON + timedelta(hours=2),
        )
    )


def size(value: dict[str, Any]) -> int:
    return len(b"".join(notebook_chunks(value)))


def added(person: Person, cells: int, outputs: int = 0) -> int:
    """Bytes that stamping and sealing add to a notebook whose first cell has so many outputs."""
    session = person.session(model="loan@3")
    kernel = Kernel(session)
    kernel.id = "9b9f2f0e-3f0f-4d2c-8a43-3f8d5f0b1f2a"
    value = notebook(*(code(f"x = {at}", f"{at:08x}") for at in range(cells)))
    for at, cell in enumerate(value["cells"]):
        kernel.run(cell, *(shows(str(number)) for number in range(outputs if not at else 0)))
    found = seal(value, session, kernel)
    assert verify(found.value, person).holds(Demands())
    return size(found.value) - size(plain(found.value))


def test_the_budget_of_2_kb_a_cell_and_100_bytes_an_output_is_kept(alice: Person) -> None:
    one, hundred = added(alice, 1), added(alice, 100)
    assert one <= 7000, "chains and the seal itself, which every notebook has"
    assert (hundred - one) / 99 <= 2000
    for outputs in (1, 8, 32, 33, 2000):
        each = (added(alice, 100, outputs) - hundred) / outputs
        print(f"{outputs} outputs: {each:.1f} bytes each")
        assert each <= 100


def test_many_older_seals_stay_within_the_budget(alice: Person) -> None:
    """A notebook that grew cell by cell with a seal after each."""
    session = alice.session(model="loan@3")
    kernel = Kernel(session)
    value = notebook()
    dropped = 0
    for at in range(40):
        value["cells"].append(code(f"x = {at}", f"{at:08x}"))
        kernel.run(value["cells"][-1])
        found = seal(value, session, kernel)
        value = found.value
        dropped += sum("want of room" in note for note in found.notes)
    seals = value["metadata"]["mlo"]["seals"]
    assert 2 < len(seals) < 40
    assert dropped

    first = {line.first_sealed.time for line in blamed(value, alice) if line.first_sealed}
    assert len(first) == len(seals)
    assert size(value) - size(plain(value)) <= 16384 + 2000 * 40
    assert verify(value, alice).holds(Demands())
