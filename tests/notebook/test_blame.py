"""Blame: executed by, and first sealed by; never "author"."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jupyter_mlo.delegation.assurance import Assurance
from jupyter_mlo.delegation.chain import Pool
from jupyter_mlo.notebook.blame import Blamed, blame
from jupyter_mlo.notebook.reading import notebook_from_json
from jupyter_mlo.notebook.verdicts import Verdict
from jupyter_mlo.notebook.verification import examine
from tests.notebook.people import (
    ALICE,
    BOB,
    NOON,
    Kernel,
    Person,
    code,
    notebook,
    seal,
    stream,
    text,
    trusting,
)


@pytest.fixture(scope="module")
def alice() -> Person:
    return Person(ALICE, "alice")


@pytest.fixture(scope="module")
def bob() -> Person:
    return Person(BOB, "bob")


def blamed(value: dict[str, Any], *people: Person) -> list[Blamed]:
    return blame(
        examine(
            notebook_from_json(value),
            pool=Pool(),
            trust=trusting(*people),
            now=NOON + timedelta(hours=2),
        )
    )


@pytest.fixture
def shared(alice: Person, bob: Person) -> dict[str, Any]:
    """Sealed by Alice; then Bob rewrites the prose, runs a cell again and seals."""
    value = notebook(text("old prose", "m"), code("print(1)", "a"), code("x = 1", "b"))
    session = alice.session()
    kernel = Kernel(session)
    kernel.run(value["cells"][1], stream("1"))
    kernel.run(value["cells"][2])
    value = seal(value, session, kernel).value
    value["cells"][0]["source"] = "new prose"
    later = NOON + timedelta(hours=1)
    other = Kernel(bob.session(later, activity="validation"), later)
    other.run(value["cells"][1], stream("1"))
    assert other.signer is not None
    return seal(value, other.signer, other, also=session.chain).value


def test_who_ran_a_cell_and_who_sealed_its_source_first_may_differ(
    alice: Person, bob: Person, shared: dict[str, Any]
) -> None:
    prose, again, once = blamed(shared, alice, bob)
    assert prose.executed_by is None
    assert prose.first_sealed is not None
    assert prose.first_sealed.mlo == BOB, "the seal is the earliest with the new prose"
    assert again.executed_by == BOB
    assert again.cell.activity == "validation"
    assert again.first_sealed is not None
    assert again.first_sealed.mlo == ALICE
    assert once.executed_by == ALICE
    assert once.first_sealed == again.first_sealed
    assert once.first_sealed.assurance is Assurance.SIGNED


def test_a_seal_that_does_not_count_blames_nobody(
    alice: Person, bob: Person, shared: dict[str, Any]
) -> None:
    older = shared["metadata"]["mlo"]["seals"][1]["envelope"]
    older["signatures"][0]["sig"] = shared["metadata"]["mlo"]["seals"][0]["envelope"]["signatures"][
        0
    ]["sig"]
    _, again, _ = blamed(shared, alice, bob)
    assert again.first_sealed is not None
    assert again.first_sealed.mlo == BOB


def test_a_cell_in_an_impostors_name_blames_nobody(
    alice: Person, bob: Person, shared: dict[str, Any]
) -> None:
    lines = blamed(shared, Person(ALICE, "another key"), bob)
    assert lines[2].executed_by is None
    assert lines[2].cell.verdict is Verdict.INVALID


def test_json_leaves_out_what_is_not_known(alice: Person, shared: dict[str, Any]) -> None:
    shared["cells"].append(text("inserted", "n"))
    value = blamed(shared, alice)[3].to_json()
    assert value["executed"] is None
    assert value["firstSealed"] is None
    assert value["verdict"] == "unsealed"
