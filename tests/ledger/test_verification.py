"""Whatever is changed in a ledger is found, and the row that was changed is named."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jupyter_mlo.errors import LedgerError
from jupyter_mlo.ledger import verification
from jupyter_mlo.ledger.checkpoint import Checkpoint
from jupyter_mlo.ledger.content import Facts
from jupyter_mlo.ledger.leaf import entry_hash
from jupyter_mlo.ledger.merkle import Frontier
from jupyter_mlo.ledger.note_keys import NoteSigner
from jupyter_mlo.ledger.report import LedgerReport
from jupyter_mlo.ledger.tables import metadata
from jupyter_mlo.statements.envelope import Envelope
from tests.ledger.conftest import BackEnd, make_envelope

SIZE = 11


@pytest.fixture
def whole(backend: BackEnd, envelopes: list[Envelope]) -> BackEnd:
    """A ledger of eleven entries, under a checkpoint each."""
    with backend.open() as ledger:
        for envelope in envelopes[:SIZE]:
            ledger.append([envelope])
    return backend


@pytest.fixture
def attackable(whole: BackEnd) -> dict[str, Any]:
    """One row of each table, from the middle of the ledger."""
    return {
        "log": "id = 1",
        "entries": "leaf_index = 5",
        "contents": "leaf_index = 5",
        "checkpoints": "size = 5",
    }


def verified(backend: BackEnd) -> LedgerReport:
    """What verifying says."""
    with backend.open() as ledger:
        return ledger.verify()


def named(report: LedgerReport, where: str, *what: str) -> bool:
    """Whether a fault names the row and each of these words."""
    return any(
        fault.where == where and all(word in fault.what for word in what) for fault in report.faults
    )


def test_a_whole_ledger_holds(whole: BackEnd) -> None:
    with whole.open() as ledger:
        report = ledger.verify()
        assert report.holds
        assert (report.size, report.checkpoints) == (SIZE, SIZE + 1)
        assert report.root == ledger.head().root
        assert report.origin == ledger.origin


COLUMNS = [(table.name, column.name) for table in metadata.sorted_tables for column in table.c]


def another(value: Any) -> Any:
    """A value of the same type that is not the same."""
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    return value + 40 if isinstance(value, int) else value + "x"


#: What an attacker writes instead: SQL, and its one parameter from what stands there.
CHANGES = {
    "another of its kind": ("?", another),
    "shorter": ("?", lambda value: value - 40 if isinstance(value, int) else value[1:]),
    "of another type": ("?", lambda value: str(value) + "?"),
    "empty": ("?", lambda value: type(value)()),
    "text that is no UTF-8": ("CAST(? AS TEXT)", lambda value: b"\xff\xfe\x00" * 11),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("at", COLUMNS, ids=lambda at: ".".join(at))
def test_every_changed_column_is_found_and_named(
    whole: BackEnd, attackable: dict[str, str], at: tuple[str, str], change: str
) -> None:
    table, column = at
    if column == "completed":
        attackable["entries"] = "leaf_index = 7"  # the fifth completes only one subtree
    row = attackable[table]
    ((value,),) = whole.rows(f"SELECT {column} FROM {table} WHERE {row}")
    new, from_old = CHANGES[change]
    if column in ("leaf_index", "size") and change == "empty":
        whole.attack(f"DELETE FROM {table} WHERE {column} = 0")
    try:
        whole.attack(f"UPDATE {table} SET {column} = {new} WHERE {row}", (from_old(value),))
    except sqlite3.IntegrityError:
        # Row numbers are integers, and the log has one row: the database itself refuses.
        assert column in ("id", "leaf_index", "size")
        return
    where = "log" if table == "log" else f"{table} {row.rpartition(' ')[2]}"
    try:
        report = verified(whole)
    except LedgerError as error:
        report = LedgerReport("")
        report.add("log" if "table log is damaged" in error.message else "?", error.message)
    assert not report.holds
    if column in ("leaf_index", "size"):
        # The row is where it should not be, or missing where it should be.
        assert any(fault.where.startswith(table) for fault in report.faults)
        return
    assert named(report, where), [str(fault) for fault in report.faults]
    assert len(report.faults) <= 2, [str(fault) for fault in report.faults]
    if table == "contents" and column not in ("salt", "envelope"):
        assert named(report, where, column)


@pytest.mark.parametrize("column", Facts._fields)
def test_a_fact_that_was_removed_is_named(whole: BackEnd, column: str) -> None:
    whole.attack(f"UPDATE contents SET {column} = NULL WHERE leaf_index = 5")
    report = verified(whole)
    assert named(report, "contents 5", column, "None")
    assert len(report.faults) == 1


def test_a_changed_leaf_is_told_from_a_changed_envelope(whole: BackEnd) -> None:
    whole.attack("UPDATE entries SET leaf_hash = zeroblob(32) WHERE leaf_index = 4")
    whole.attack("UPDATE contents SET salt = zeroblob(32) WHERE leaf_index = 7")
    report = verified(whole)
    assert named(report, "entries 4", "leaf_hash was changed")
    assert named(report, "contents 7", "salt or envelope was changed")
    assert len(report.faults) == 2
    assert [fault.index for fault in report.faults] == [4, 7]


@pytest.mark.parametrize("index", [0, 3, 5, 10])
def test_an_exchanged_envelope_is_named(whole: BackEnd, index: int) -> None:
    other = make_envelope(99)
    whole.attack(
        "UPDATE contents SET envelope = ?, statement_id = ? WHERE leaf_index = ?",
        (other.to_bytes(), bytes.fromhex(other.statement_id), index),
    )
    assert named(verified(whole), f"contents {index}", "salt or envelope was changed")


@pytest.mark.parametrize("table", ["entries", "contents"])
@pytest.mark.parametrize("index", [0, 5, SIZE - 1])
def test_a_removed_row_is_named(whole: BackEnd, table: str, index: int) -> None:
    whole.attack(f"DELETE FROM {table} WHERE leaf_index = ?", (index,))
    report = verified(whole)
    if (table, index) == ("entries", SIZE - 1):
        assert named(report, f"checkpoints {SIZE}", "more than the 10 entries")
        assert named(report, f"contents {index}", "no such entry")
    else:
        assert named(report, f"{table} {index}", "missing")


def test_a_tail_without_its_checkpoint_is_named(whole: BackEnd) -> None:
    whole.attack("DELETE FROM checkpoints WHERE size > 8")
    assert named(verified(whole), "checkpoints", "from 8 to 10 stand under none")


def test_a_cut_off_tail_is_named_while_a_checkpoint_still_shows_it(whole: BackEnd) -> None:
    for table in ("contents", "entries"):
        whole.attack(f"DELETE FROM {table} WHERE leaf_index > 7")
    report = verified(whole)
    assert named(report, f"checkpoints {SIZE}", "covers more than the 8 entries")


def test_two_exchanged_entries_are_both_named(whole: BackEnd) -> None:
    for table in ("entries", "contents"):
        for old, new in ((2, 100), (6, 2), (100, 6)):
            whole.attack(f"UPDATE {table} SET leaf_index = ? WHERE leaf_index = ?", (new, old))
    report = verified(whole)
    assert not report.holds
    assert {fault.index for fault in report.faults} >= {3, 7}  # whose subtrees changed


def test_a_statement_that_stands_twice_is_named(whole: BackEnd) -> None:
    whole.attack("PRAGMA writable_schema = 1")
    ((stored, statement_id),) = whole.rows(
        "SELECT envelope, statement_id FROM contents WHERE leaf_index = 2"
    )
    rebuilt(whole)
    whole.attack(
        "UPDATE contents SET envelope = ?, statement_id = ? WHERE leaf_index = 6",
        (stored, statement_id),
    )
    assert named(verified(whole), f"contents, statement {statement_id.hex()}", "in 2 entries")


def rebuilt(backend: BackEnd) -> None:
    """Make the table of contents again without its unique index, as an attacker could."""
    backend.attack("CREATE TABLE other AS SELECT * FROM contents")
    backend.attack("DROP TABLE contents")
    backend.attack("ALTER TABLE other RENAME TO contents")


def test_a_forged_history_that_fits_in_itself_does_not_fit_the_checkpoints(
    whole: BackEnd,
) -> None:
    forged = make_envelope(99)
    whole.attack(
        "UPDATE contents SET envelope = ?, statement_id = ?, time = ? WHERE leaf_index = 5",
        (forged.to_bytes(), bytes.fromhex(forged.statement_id), None),
    )
    frontier = Frontier()
    for index, salt, stored in whole.rows("SELECT leaf_index, salt, envelope FROM contents"):
        leaf = entry_hash(salt, stored)
        whole.attack(
            "UPDATE entries SET leaf_hash = ?, completed = ? WHERE leaf_index = ?",
            (leaf, b"".join(frontier.append(leaf)), index),
        )
    report = verified(whole)
    for size in range(6, SIZE + 1):
        assert named(report, f"checkpoints {size}", "another root")
    assert not any(fault.where == "checkpoints 5" for fault in report.faults)


def test_checkpoints_signed_with_another_key_do_not_count(whole: BackEnd) -> None:
    with whole.open() as ledger:
        head = ledger.head()
    other = NoteSigner(head.origin, os.urandom(32))
    whole.attack("UPDATE checkpoints SET note = ? WHERE size = ?", (head.sign(other), SIZE))
    assert named(verified(whole), f"checkpoints {SIZE}", "nobody known")


def test_a_checkpoint_moved_to_another_size_is_named(whole: BackEnd) -> None:
    whole.attack(
        "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 4) WHERE size = 9"
    )
    assert named(verified(whole), "checkpoints 9", "size 4")


def test_a_row_that_lies_far_away_neither_hides_nor_hangs(whole: BackEnd) -> None:
    for table in ("entries", "contents"):
        whole.attack(f"UPDATE {table} SET leaf_index = ? WHERE leaf_index = 10", (2**60,))
    whole.attack("UPDATE contents SET leaf_index = -7 WHERE leaf_index = 0")
    whole.attack("INSERT INTO checkpoints VALUES (-3, x'00'), (?, x'00')", (2**61,))
    report = verified(whole)
    for where in (f"entries {2**60}", "contents -7", "checkpoints -3", f"checkpoints {2**61}"):
        assert named(report, where), where


def test_the_first_thousand_faults_are_named_and_the_others_counted(
    backend: BackEnd,
) -> None:
    with backend.open() as ledger:
        ledger.append([make_envelope(n) for n in range(1100)])
    backend.attack("UPDATE contents SET mlo = 'mlo:another'")
    report = verified(backend)
    assert len(report.faults) == 1000
    assert report.more == 100


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(size=st.integers(1, 70), height=st.integers(1, 4), data=st.data())
def test_trees_beyond_one_chunk_are_verified_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    backend: BackEnd,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    height: int,
    data: st.DataObject,
) -> None:
    from dataclasses import replace

    monkeypatch.setattr(verification, "_HEIGHT", height)
    monkeypatch.setattr(verification, "_CHUNK", 1 << height)
    home = tmp_path_factory.mktemp("home")
    small = BackEnd(replace(backend.settings, home=home, ledger_url=f"sqlite:///{home}/l.sqlite3"))
    with small.open() as ledger:
        for start in range(0, size, 3):
            ledger.append([make_envelope(n) for n in range(start, min(start + 3, size))])
        report = ledger.verify()
        assert report.holds, [str(fault) for fault in report.faults]
        assert report.root == ledger.head().root
    index = data.draw(st.integers(0, size - 1))
    column = data.draw(st.sampled_from(["leaf_hash", "completed"]))
    ((value,),) = small.rows(f"SELECT {column} FROM entries WHERE leaf_index = ?", (index,))
    if value:
        at = data.draw(st.integers(0, len(value) - 1))
        bent = value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
        small.attack(f"UPDATE entries SET {column} = ? WHERE leaf_index = ?", (bent, index))
        report = verified(small)
        assert any(fault.index == index for fault in report.faults)
        if column == "completed":
            assert len(report.faults) == 1
            assert f"level {at // 32 + 1}" in report.faults[0].what


def test_progress_reaches_the_end(whole: BackEnd) -> None:
    seen: list[tuple[int, int]] = []
    with whole.open() as ledger:
        ledger.verify(lambda done, total: seen.append((done, total)))
    assert seen[-1] == (SIZE, SIZE)


def test_the_checkpoints_of_a_fork_are_shown_to_be_inconsistent(whole: BackEnd) -> None:
    """A backup put back and written on has other roots than were shown before."""
    with whole.open() as ledger:
        head = ledger.head()
    fork = Checkpoint(head.origin, SIZE - 1, os.urandom(32))
    key = NoteSigner.from_text((whole.settings.ledger / "checkpoint.key").read_text().strip())
    whole.attack("UPDATE checkpoints SET note = ? WHERE size = ?", (fork.sign(key), SIZE - 1))
    assert named(verified(whole), f"checkpoints {SIZE - 1}", "another root", "does not continue")
