"""Nodes fetched as one value are those of the rows, damaged rows included."""

from __future__ import annotations

import pytest

from jupyter_mlo.ledger.merkle import last_leaf
from jupyter_mlo.ledger.nodes import Nodes
from jupyter_mlo.ledger.rows import Rows
from jupyter_mlo.ledger.store import connect
from tests.ledger.conftest import PostgresBackEnd, make_envelope


def test_nodes_are_those_of_the_rows_wherever_the_range_begins(team: PostgresBackEnd) -> None:
    size = 21
    with team.open() as ledger:
        ledger.append([make_envelope(n) for n in range(size)])
    database = connect(team.settings)
    rows = Rows(database)
    for first, last in ((0, 20), (3, 4), (5, 17), (7, 8), (20, 20), (0, 1)):
        nodes = Nodes(database, first, last)
        for level in range(5):
            for index in range(size >> level):
                assert last_leaf(level, index) < size
                assert nodes(level, index) == rows.node(level, index)
    database.close()


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("UPDATE entries SET leaf_hash = ? WHERE leaf_index = 6", b"short"),
        ("UPDATE entries SET completed = ? WHERE leaf_index = 7", b""),
    ],
)
def test_a_damaged_row_shifts_no_other(team: PostgresBackEnd, sql: str, value: bytes) -> None:
    with team.open() as ledger:
        ledger.append([make_envelope(n) for n in range(12)])
    team.attack(sql, (value,))
    database = connect(team.settings)
    nodes, rows = Nodes(database, 2, 11), Rows(database)
    assert nodes(0, 8) == rows.node(0, 8)
    assert nodes(1, 4) == rows.node(1, 4)
    with pytest.raises(LookupError):
        nodes(0, 6) if value else nodes(3, 0)
    database.close()
