"""Stamps: made for an execution, held against the cell that carries them."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any, cast

import pytest

from jupyter_mlo.errors import Refused
from jupyter_mlo.notebook.digests import short
from jupyter_mlo.notebook.reading import Undigestable, notebook_from_json
from jupyter_mlo.notebook.stamps import (
    Comparison,
    Executed,
    can_cover,
    compare,
    make_stamp,
    outputs_json,
    outputs_root,
)
from jupyter_mlo.statements.predicates.notebook import Stamp
from jupyter_mlo.statements.statement import read_statement
from tests.notebook.people import ALICE, NOON, Person, code, notebook

NOTEBOOK = "urn:uuid:5d3c0f6e-7a52-4b53-9d0f-2f1f3c6a9b11"
EXECUTED = Executed("A" * 16, 3, "k", "python3", NOON, NOON, "training")


@pytest.fixture(scope="module")
def alice() -> Person:
    return Person(ALICE, "alice")


def out(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def cell_with(*outputs: dict[str, Any], source: str = "x", cell_id: str | None = "c1") -> Any:
    (cell,) = notebook_from_json(notebook({**code(source, cell_id), "outputs": [*outputs]})).cells
    return cell


def compared(alice: Person, stamped: Any, present: Any, **options: Any) -> Comparison:
    envelope = make_stamp(
        alice.session(), stamped, EXECUTED, notebook=NOTEBOOK, now=NOON, **options
    )
    statement = read_statement(envelope)
    digest = statement.subject[0].digest["mloCellV1"]
    return compare(cast(Stamp, statement.predicate), digest, present)


ONE, TWO, THREE = out("1"), out("2", "stderr"), out("3")
MANY = [out(str(number), "stderr" if number % 2 else "stdout") for number in range(40)]

CASES: dict[str, tuple[list[Any], dict[str, Any], list[Any], str, Comparison]] = {
    "the same": ([ONE, TWO], {}, [ONE, TWO], "x", Comparison()),
    "streams in pieces": ([out("12")], {}, [out("1"), out("2")], "x", Comparison()),
    "another source": ([ONE], {}, [ONE], "y", Comparison(("source",))),
    "another output": (
        [ONE, TWO], {}, [ONE, out("x", "stderr")], "x",
        Comparison(("outputs",), detail="output 2 of 2"),
    ),
    "both": (
        [ONE], {}, [TWO], "y", Comparison(("source", "outputs"), detail="output 1 of 1"),
    ),
    "one too few": (
        [ONE, TWO], {}, [ONE], "x",
        Comparison(("outputs",), detail="1 outputs stand where 2 were stamped"),
    ),
    "another order": (
        [ONE, TWO], {}, [TWO, ONE], "x", Comparison(("outputs",), detail="output 1, 2 of 2"),
    ),
    "one more at the end": ([ONE], {}, [ONE, TWO], "x", Comparison(unobserved=(1,))),
    "one more at the beginning": ([TWO], {}, [ONE, TWO], "x", Comparison(unobserved=(0,))),
    "the first output of a silent cell": ([], {}, [ONE], "x", Comparison(unobserved=(0,))),
    "one more, and another source": (
        [ONE], {}, [ONE, TWO], "y",
        Comparison(("source", "outputs"), detail="2 outputs stand where 1 were stamped"),
    ),
    "all removed": ([ONE, TWO], {}, [], "x", Comparison(stripped=True)),
    "all removed, another source": (
        [ONE], {}, [], "y", Comparison(("source", "outputs"), detail="the outputs were removed"),
    ),
    "only the observed ones": (
        [ONE, TWO, THREE], {"observed": [1]}, [ONE, TWO, THREE], "x",
        Comparison(unobserved=(0, 2)),
    ),
    "only observed ones are left": (
        [ONE, TWO, THREE], {"observed": [1]}, [TWO], "x", Comparison(),
    ),
    "none observed": (
        [ONE], {"observed": []}, [ONE], "x", Comparison(unobserved=(0,)),
    ),
    "many": (MANY, {}, MANY, "x", Comparison()),
    "many, one more in front": (
        MANY[1:], {}, MANY, "x", Comparison(unobserved=(0,)),
    ),
    "many, one more behind": (
        MANY[:-1], {}, MANY, "x", Comparison(unobserved=(39,)),
    ),
    "many, another": (
        MANY, {}, [*MANY[:39], out("x", "stderr")], "x", Comparison(("outputs",)),
    ),
    "many, one fewer": (
        MANY, {}, MANY[1:], "x", Comparison(("outputs",), detail="of 40 outputs"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_stamp_compares(alice: Person, case: str) -> None:
    stamped, options, present, source, expected = CASES[case]
    found = compared(alice, cell_with(*stamped), cell_with(*present, source=source), **options)
    assert found == expected


def test_attachments_count_too(alice: Person) -> None:
    (other,) = notebook_from_json(
        notebook({**code("x", "c1"), "outputs": [ONE], "attachments": {"a": {"text/plain": "b"}}})
    ).cells
    found = compared(alice, cell_with(ONE), other)
    assert found.changed == ("attachments",)


def test_equal_prefixes_do_not_make_equal_outputs(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What binds is the subject: digests that only begin alike do not deceive."""
    monkeypatch.setattr("jupyter_mlo.notebook.stamps.prefix", lambda digest: "A" * 22)
    assert compared(alice, cell_with(ONE), cell_with(ONE)) == Comparison()
    assert compared(alice, cell_with(ONE), cell_with(TWO)).changed
    assert compared(alice, cell_with(ONE), cell_with(TWO, ONE)).changed


def test_what_cannot_be_digested_cannot_be_stamped(alice: Person) -> None:
    odd = cell_with({"output_type": "display_data", "metadata": {}, "data": {"a": {"$mlo": 1}}})
    with pytest.raises(Undigestable):
        make_stamp(alice.session(), odd, EXECUTED, notebook=NOTEBOOK, now=NOON)
    found = compared(alice, cell_with(ONE), odd)
    assert found.changed == ("source", "outputs")
    assert "cannot be digested" in found.detail


def test_long_and_odd_ids_are_left_out(alice: Person) -> None:
    for cell_id in ("x" * 257, "\ud800", ""):
        stamp = make_stamp(
            alice.session(), cell_with(cell_id=cell_id), EXECUTED, notebook=NOTEBOOK, now=NOON
        )
        statement = read_statement(stamp)
        assert cast(Stamp, statement.predicate).cell.id is None
        assert statement.subject[0].name == "cell 0"


def test_outside_its_time_or_scope_a_signer_stamps_nothing(alice: Person) -> None:
    signer = alice.session(activities=["validation"])
    with pytest.raises(Refused, match="training"):
        make_stamp(signer, cell_with(), EXECUTED, notebook=NOTEBOOK, now=NOON)
    with pytest.raises(Refused, match="ended"):
        make_stamp(
            alice.session(), cell_with(), EXECUTED, notebook=NOTEBOOK, now=NOON + timedelta(hours=9)
        )


def test_beyond_32_outputs_there_is_a_root_over_whole_digests() -> None:
    digests = [bytes([number]) * 32 for number in range(33)]
    assert outputs_json(digests[:32]) == [short(digest[:16]) for digest in digests[:32]]
    assert outputs_json(digests) == {"count": 33, "root": short(outputs_root(digests))}
    changed = copy.copy(digests)
    changed[32] = digests[32][:16] + bytes(16)
    assert outputs_root(changed) != outputs_root(digests)


@pytest.mark.parametrize(
    ("observed", "count", "possible"),
    [
        (range(32), 40, True),
        (range(5, 37), 40, True),
        (range(33), 40, True),
        (range(7, 40), 40, True),
        (range(40), 40, True),
        (range(1, 34), 40, False),
        ([*range(20), *range(21, 40)], 40, False),
        ([], 40, True),
    ],
)
def test_what_a_verifier_can_find_again_can_be_covered(
    observed: Any, count: int, possible: bool
) -> None:
    assert can_cover(list(observed), count) is possible
