"""What those who verify notebooks ask the ledger."""

from __future__ import annotations

from jupyter_mlo.ledger.store import Filter, Ledger
from jupyter_mlo.ledger.view import LedgerView
from jupyter_mlo.statements.envelope import Envelope, sign, statement_json
from jupyter_mlo.statements.predicates import types
from tests.ledger.conftest import KEY, BackEnd, make_envelope

ONE = "urn:uuid:00000000-0000-4000-8000-000000000001"
TWO = "urn:uuid:00000000-0000-4000-8000-000000000002"


def seal(notebook: str, n: int) -> Envelope:
    """A seal of a notebook, as far as the ledger looks into it."""
    subject = [{"name": notebook, "digest": {"mloNotebookV1": f"{n:064x}"}}]
    return sign(
        statement_json(types.SEAL, subject, {"nonce": f"{n:022d}", "notebook": notebook}), KEY
    )


def test_it_says_which_statements_the_ledger_has_and_where(
    ledger: Ledger, envelopes: list[Envelope]
) -> None:
    ledger.append(envelopes[:5])
    view = LedgerView(ledger)
    ids = [envelope.statement_id for envelope in envelopes]
    places = view.logged(ids[3:7])
    assert {name: place.index for name, place in places.items()} == {ids[3]: 3, ids[4]: 4}
    assert view.logged([]) == {}
    assert view.logged(f"{n:064x}" for n in range(1200)) == {}


def test_it_knows_the_seals_of_a_notebook_newest_first(ledger: Ledger) -> None:
    one, two = ONE, TWO
    seals = [seal(one, 1), seal(two, 2), seal(one, 3)]
    ledger.append([*seals, make_envelope(4, predicate_type=types.STAMP)])
    view = LedgerView(ledger)
    assert list(view.seals(one)) == [(seals[2], 2), (seals[0], 0)]
    assert list(view.seals(two)) == [(seals[1], 1)]
    assert list(view.seals("urn:uuid:none")) == []


def test_a_seal_whose_leaf_is_not_in_the_signed_tree_is_said_and_does_not_count(
    backend: BackEnd, ledger: Ledger
) -> None:
    seals = [seal(ONE, 1), seal(ONE, 2)]
    ledger.append(seals)
    backend.attack("UPDATE contents SET salt = randomblob(32) WHERE leaf_index = 1")
    said: list[str] = []
    view = LedgerView(ledger, damaged=said.append)
    assert list(view.seals(ONE)) == [(seals[0], 0)]
    assert said == ["entry 1 is damaged: its envelope is not what its leaf says"]


def test_it_gives_the_statements_that_chains_are_made_of(backend: BackEnd, ledger: Ledger) -> None:
    kinds = [types.REVOCATION, types.SEAL, types.ENROLMENT, types.DELEGATION, types.ENROLMENT]
    statements = [make_envelope(n, predicate_type=kind) for n, kind in enumerate(kinds)]
    ledger.append(statements)
    assert set(LedgerView(ledger).pooled()) == {statements[n] for n in (0, 2, 3, 4)}
    backend.attack("UPDATE contents SET envelope = x'00' WHERE leaf_index = 2")
    assert set(LedgerView(ledger).pooled()) == {statements[n] for n in (0, 3, 4)}


def test_both_questions_are_answered_from_an_index(backend: BackEnd, ledger: Ledger) -> None:
    for wanted, index in (
        (Filter(predicate_type=types.SEAL, subject="x"), "ix_contents_seals"),
        (Filter(predicate_type=types.REVOCATION), "ix_contents_identity"),
    ):
        where, values = wanted.where()
        plan = backend.rows(
            f"EXPLAIN QUERY PLAN SELECT * FROM contents {where} ORDER BY leaf_index DESC",
            values,
        )
        assert any(index in row[-1] for row in plan), plan
        assert not any("TEMP B-TREE" in row[-1] for row in plan), plan
