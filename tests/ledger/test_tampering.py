"""Every column of every row, every byte of a receipt: altered, and looked for. Counts are kept.

A cosignature is the one thing that can be taken away unseen, by whoever writes the database: an
entry's proven time then becomes later or is lost. The harness holds that it never becomes earlier.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest

from jupyter_mlo.errors import MloError
from jupyter_mlo.ledger.note import Note
from jupyter_mlo.ledger.proofs import TlogProof
from jupyter_mlo.ledger.store import Ledger, database_path
from tests.ledger.conftest import BackEnd, make_envelope
from tests.tally import Tally

SIZE = 7
#: What may happen unseen, and is no miss: see above.
ONLY_LATER = "cosignatures made worthless: a proven time becomes later"
TABLES = {"log": "id", "entries": "leaf_index", "contents": "leaf_index", "checkpoints": "size"}


@pytest.fixture
def whole(backend: BackEnd) -> BackEnd:
    """Seven entries under a checkpoint each, an hour apart."""
    moment = iter(range(1_795_000_000, 2_000_000_000, 3600))
    with backend.open(clock=lambda: float(next(moment))) as ledger:
        for n in range(SIZE):
            ledger.append([make_envelope(n)])
    return backend


def altered(value: Any) -> Iterator[Any]:
    """Other values that a database takes in place of ``value``."""
    if isinstance(value, bytes):
        for at in {0, len(value) // 3, len(value) // 2, len(value) - 1} if value else ():
            yield value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
        yield from (value[:-1], value + b"\x00", b"", value.hex())
    elif isinstance(value, str):
        yield from (value + "x", value[:-1], "", value.encode())
    elif isinstance(value, int):
        yield from (value + 1000, -value - 1, str(value) + "x")
    yield None


def times(ledger: Ledger) -> list[datetime | None]:
    """The proven time of each entry."""
    return [ledger.times().of(index) for index in range(SIZE)]


def later(one: list[datetime | None], other: list[datetime | None]) -> bool:
    """Whether no entry became older."""
    pairs = zip(one, other, strict=True)
    return all(new is None or (old is not None and new >= old) for old, new in pairs)


def judged(backend: BackEnd, before: list[datetime | None]) -> str:
    """``found``, ``only later``, or what is wrong."""
    try:
        with backend.open() as ledger:
            if not ledger.verify().holds or ledger.rolled_back():
                return "found"
            now = times(ledger)
    except MloError:
        return "found"
    if now == before:
        return "missed"
    return "only later" if later(before, now) else "missed: a time became earlier"


def test_every_altered_column_of_every_row_is_found(whole: BackEnd, tally: Tally) -> None:
    counts: Counter[str] = Counter()
    missed = []
    with whole.open() as ledger:
        before = times(ledger)
    assert None not in before
    with closing(sqlite3.connect(database_path(whole.settings), isolation_level=None)) as attacker:
        attacker.execute("PRAGMA foreign_keys = OFF")
        for table, key in TABLES.items():
            names = [row[1] for row in attacker.execute(f"PRAGMA table_info({table})")]
            for row in attacker.execute(f"SELECT rowid, * FROM {table}").fetchall():
                for name, value in zip(names, row[1:], strict=True):
                    for new in altered(value):
                        try:
                            attacker.execute(
                                f"UPDATE {table} SET {name} = ? WHERE rowid = ?", (new, row[0])
                            )
                        except sqlite3.Error:
                            continue  # the database itself refuses
                        if new == value:
                            continue
                        result = judged(whole, before)
                        counts[result] += 1
                        if result not in ("found", "only later"):
                            missed.append((table, row[0], name, new, result))
                        if name == key:
                            row_id = new if isinstance(new, int) else row[0]
                            attacker.execute(f"DELETE FROM {table} WHERE rowid = ?", (row_id,))
                            marks = ", ".join("?" * len(names))
                            attacker.execute(f"INSERT INTO {table} VALUES ({marks})", row[1:])
                        else:
                            attacker.execute(
                                f"UPDATE {table} SET {name} = ? WHERE rowid = ?", (value, row[0])
                            )
    tally.altered("columns of a ledger's rows", counts.total() - counts["only later"], len(missed))
    tally.permitted(ONLY_LATER, counts["only later"])
    assert missed == []
    assert counts["found"] > 400
    with whole.open() as ledger:
        assert ledger.verify().holds, "the harness has not put everything back"
        assert times(ledger) == before


def test_every_changed_bit_of_a_checkpoint_s_note_is_found_or_makes_a_time_later(
    whole: BackEnd, tally: Tally
) -> None:
    counts: Counter[str] = Counter()
    ((note,),) = whole.rows("SELECT note FROM checkpoints WHERE size = 4")
    with whole.open() as ledger:
        before = times(ledger)
    for at in range(0, len(note), 2):
        bent = note[:at] + bytes([note[at] ^ 4]) + note[at + 1 :]
        whole.attack("UPDATE checkpoints SET note = ? WHERE size = 4", (bent,))
        counts[judged(whole, before)] += 1
    later = counts.pop("only later", 0)
    tally.altered("bits of a checkpoint's note", counts.total(), counts.total() - counts["found"])
    tally.permitted(ONLY_LATER, later)
    assert set(counts) == {"found"}
    # Only what says who cosigned can be changed unseen, and the cosigner is then gone.
    assert later < len(note) // 4


def test_every_changed_byte_of_a_receipt_and_its_statement_is_found(
    whole: BackEnd, tally: Tally
) -> None:
    counts: Counter[str] = Counter()
    with whole.open() as ledger:
        receipt, stored, log = ledger.receipt(3), ledger.stored(3), ledger.verifier
    text = receipt.to_bytes()
    bare = text[: text.rindex(b"\n\xe2\x80\x94 ") + 1]  # without the cosignature
    for whole_text, part in ((bare, "receipt"), (stored, "statement")):
        for at in range(len(whole_text)):
            for change in (1, 0x20, 0x80):
                bent = whole_text[:at] + bytes([whole_text[at] ^ change]) + whole_text[at + 1 :]
                try:
                    given = bent if part == "receipt" else text
                    TlogProof.from_bytes(given).check(bent if part == "statement" else stored, log)
                    counts[f"{part} missed"] += 1
                except MloError:
                    counts[f"{part} found"] += 1
    missed = counts["receipt missed"] + counts["statement missed"]
    tally.altered("bytes of a receipt and its statement", counts.total(), missed)
    assert set(+counts) == {"receipt found", "statement found"}
    assert Note.from_bytes(receipt.checkpoint).cosigned([log.cosigner])
