"""A column never says of which predicate an entry is: the envelope under the signed tree does."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from jupyter_mlo.errors import LedgerError
from jupyter_mlo.ledger.labels import LABELLED, Labels
from jupyter_mlo.statements.predicates import types
from tests.ledger.conftest import BackEnd, make_envelope


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "labels.json"


def filled(backend: BackEnd, count: int) -> None:
    """Seals, with a revocation as every tenth."""
    with backend.open() as ledger:
        ledger.append(
            make_envelope(n, predicate_type=types.SEAL if n % 10 else types.REVOCATION)
            for n in range(count)
        )


def labels(backend: BackEnd, kept: Path) -> Labels:
    with backend.open() as ledger:
        return ledger.labels(kept)


def test_everything_that_is_looked_for_is_found_by_its_envelope(
    backend: BackEnd, kept: Path
) -> None:
    wanted = sorted(LABELLED)
    with backend.open() as ledger:
        ledger.append(
            make_envelope(n, predicate_type=uri)
            for n, uri in enumerate([*wanted, types.RECORD, types.DELEGATION])
        )
    found = labels(backend, kept)
    assert found == Labels({uri: [n] for n, uri in enumerate(wanted)})
    backend.attack("UPDATE contents SET predicate_type = 'https://example.org/x'")
    assert labels(backend, kept) == found
    backend.attack("UPDATE contents SET predicate_type = NULL")
    assert labels(backend, kept) == found


@pytest.mark.parametrize("first", [0, 150, 250])
def test_a_relabelled_row_is_found_whether_it_was_read_before_or_not(
    backend: BackEnd, kept: Path, first: int
) -> None:
    if first:
        filled(backend, first)
        labels(backend, kept)
    assert kept.exists() is (first >= 200)
    filled(backend, 300)
    backend.attack("UPDATE contents SET predicate_type = 'https://example.org/x'")
    found = labels(backend, kept)
    assert (found.indexes[types.REVOCATION], found.problems) == (list(range(0, 300, 10)), [])
    assert labels(backend, kept) == found


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("contents SET envelope = (SELECT envelope FROM contents WHERE leaf_index = 1)", "leaf"),
        ("contents SET envelope = x'00'", "leaf"),
        ("contents SET salt = zeroblob(3)", "salt"),
        ("entries SET leaf_hash = zeroblob(32)", "leaf"),
    ],
)
def test_a_damaged_row_may_have_been_one(
    backend: BackEnd, kept: Path, damage: str, said: str
) -> None:
    filled(backend, 250)
    backend.attack(f"UPDATE {damage} WHERE leaf_index = 20")
    found = labels(backend, kept)
    assert "entry 20 is damaged" in found.problems[0]
    assert said in found.problems[0]
    assert not kept.exists()


def test_another_statement_with_its_own_leaf_is_no_part_of_the_tree(
    backend: BackEnd, kept: Path
) -> None:
    filled(backend, 30)
    ((salt, stored, leaf),) = backend.rows(
        "SELECT c.salt, c.envelope, e.leaf_hash FROM contents c JOIN entries e "
        "ON e.leaf_index = c.leaf_index WHERE e.leaf_index = 1"
    )
    backend.attack("UPDATE contents SET salt = ?, envelope = ? WHERE leaf_index = 20",
                   [salt, stored])  # fmt: skip
    backend.attack("UPDATE entries SET leaf_hash = ? WHERE leaf_index = 20", [leaf])
    assert labels(backend, kept).problems == ["its entries are not those of its newest checkpoint"]


def test_what_was_kept_of_another_ledger_is_not_believed(backend: BackEnd, kept: Path) -> None:
    filled(backend, 250)
    found = labels(backend, kept)
    value = json.loads(kept.read_text())
    for change in ({"origin": "else"}, {"root": "00" * 32}, {"size": 900}, {"size": -1}):
        kept.write_text(json.dumps({**value, "indexes": {}, **change}))
        assert labels(backend, kept) == found, change
    for text in ("", "{}", "[" * 10_000, '{"indexes": 1}'):
        kept.write_text(text)
        assert labels(backend, kept) == found, text


def test_reading_what_is_new_is_quick(backend: BackEnd, kept: Path) -> None:
    filled(backend, 3000)
    labels(backend, kept)
    start = time.perf_counter()
    labels(backend, kept)
    assert time.perf_counter() - start < 0.5


def test_a_row_that_says_falsely_that_a_statement_is_there_ends_the_append(
    backend: BackEnd,
) -> None:
    filled(backend, 30)
    new = make_envelope(77)
    backend.attack("UPDATE contents SET statement_id = ? WHERE leaf_index = 3",
                   [bytes.fromhex(new.statement_id)])  # fmt: skip
    for some in ([new], [new, make_envelope(78)]):
        with backend.open() as ledger, pytest.raises(LedgerError, match="entry 3 is damaged"):
            ledger.append(some)
    assert backend.rows("SELECT count(*) FROM entries") == [(30,)]
