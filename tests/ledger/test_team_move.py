"""A ledger moves from a file to PostgreSQL: nothing of it changes, and the old one is closed."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import KeyFileError, NotFound, Refused
from jupyter_mlo.ledger.moving import move
from jupyter_mlo.ledger.outbox import Outbox
from jupyter_mlo.ledger.proofs import TlogProof
from jupyter_mlo.ledger.publish import Published, publish
from jupyter_mlo.ledger.store import open_ledger, upgrade
from jupyter_mlo.statements.envelope import Envelope
from tests.ledger.conftest import PostgresBackEnd, make_envelope, served

TABLES = ("log", "entries", "contents", "checkpoints")


@pytest.fixture
def old(settings: Settings) -> Settings:
    """A home with a ledger of its own, of 1,100 entries under some checkpoints."""
    with open_ledger(settings) as ledger:
        for n in range(40):
            ledger.append([make_envelope(n)])
        ledger.append([make_envelope(n) for n in range(40, 1100)])
    return settings


def tables(settings: Settings) -> dict[str, list[tuple[object, ...]]]:
    """All rows of a ledger."""
    with open_ledger(settings) as ledger:
        return {
            table: sorted(ledger.rows.database.query(f"SELECT * FROM {table}")) for table in TABLES
        }


def test_every_row_receipt_and_checkpoint_stays_and_the_old_ledger_is_closed(
    old: Settings, team: PostgresBackEnd, envelopes: list[Envelope]
) -> None:
    with open_ledger(old) as ledger:
        receipts = [(ledger.receipt(n).to_bytes(), ledger.stored(n)) for n in (0, 39, 1099)]
        kept, verifier = ledger.checkpoint(), ledger.verifier
    before = tables(old)
    moved = move(team.settings)
    assert moved.entries == 1100
    assert tables(team.settings) == before
    with open_ledger(team.settings) as ledger:
        assert ledger.verify().holds
        assert ledger.verifier == verifier
        assert ledger.departure(kept) == ""
        assert ledger.rolled_back() == ""
        for receipt, stored in receipts:
            assert TlogProof.from_bytes(receipt).check(stored, ledger.verifier)
    # The log goes on in the new place, and only there.
    with served(team.settings):
        assert publish(team.settings, envelopes[:1]).receipts[0].index == 0
        new = publish(team.settings, [make_envelope(5000)])
    assert new.receipts[0].index == 1100
    with open_ledger(old) as ledger:
        assert ledger.verify().holds
        with pytest.raises(KeyFileError, match="it has moved to postgresql") as closed:
            ledger.append([make_envelope(6000)])
    assert team.settings.ledger_url.split("@")[0] in closed.value.hint
    published = publish(old, [make_envelope(6000)])
    assert (published.count, published.waiting) == (0, 1)
    assert "it has moved to" in published.why
    # What was signed under the old configuration follows under the new one.
    with served(team.settings):
        assert publish(team.settings, []).flushed == 1
    assert move(team.settings).entries == 1100
    assert not Outbox(old).waiting()


def test_whoever_waits_while_it_moves_appends_nothing_to_the_old_one(
    old: Settings, team: PostgresBackEnd
) -> None:
    ends, results = threading.Event(), queue.Queue[Published]()

    def write(n: int) -> None:
        while not ends.is_set():
            results.put(publish(old, [make_envelope(n)]))
            n += 1

    threads = [threading.Thread(target=write, args=(7000 + 1000 * n,)) for n in range(3)]
    with open_ledger(old) as held:
        held.append([make_envelope(6999)])  # it has read the key
        for thread in threads:
            thread.start()
        while results.qsize() < 5:
            time.sleep(0.01)
        move(team.settings)
        ends.set()
        for thread in threads:
            thread.join()
        with pytest.raises(KeyFileError, match="it has moved to postgresql"):
            held.append([make_envelope(6998)])
    said = [results.get() for _ in range(results.qsize())]
    with open_ledger(old) as ledger:
        size, checkpoint = ledger.size, ledger.checkpoint()
    assert size == 1101 + sum(one.count for one in said)
    with served(team.settings), open_ledger(team.settings) as ledger:
        # All of the old log, and nothing that the new one lacks; what waited comes after it.
        assert ledger.departure(checkpoint) == ""
        published = publish(team.settings, [])
        assert published.waiting == 0
        assert publish(team.settings, [make_envelope(6997)]).receipts[0].index == 1101 + len(said)
        assert ledger.verify().holds


def test_erased_contents_stay_erased(old: Settings, team: PostgresBackEnd) -> None:
    with open_ledger(old) as ledger:
        leaf = ledger.rows.node(0, 7)
        with ledger.transaction():
            ledger.rows.database.execute("DELETE FROM contents WHERE leaf_index = ?", (7,))
    with pytest.raises(Refused, match="contents 7"):
        move(team.settings)
    move(team.settings, erased=lambda ledger: {7: leaf})
    with open_ledger(team.settings) as ledger:
        assert ledger.holes() == {7: leaf}
        assert ledger.verify(erased={7: leaf}).holds


def test_cosignatures_come_along(old: Settings, team: PostgresBackEnd) -> None:
    from jupyter_mlo.ledger.note_keys import NoteSigner

    witness = NoteSigner.generate("witness.example")
    with open_ledger(old) as ledger:
        line = witness.cosignature(ledger.head().to_text(), 1_795_000_000)
        ledger.add_cosignatures([line], [witness.verifier.cosigner.vkey])
        cosigned = ledger.checkpoint()
    move(team.settings)
    with open_ledger(team.settings) as ledger:
        assert ledger.checkpoint() == cosigned
        assert line in cosigned


# --- what is refused, and leaves the old ledger as it was


def test_into_a_database_with_another_ledger_nothing_moves(
    old: Settings, team: PostgresBackEnd, tmp_path: Path
) -> None:
    upgrade(replace(team.settings, home=tmp_path / "others"))
    with pytest.raises(Refused, match="it holds another ledger"):
        move(team.settings)
    publish(old, [make_envelope(5000)])
    with open_ledger(old) as ledger:
        assert ledger.size == 1101


def test_into_tables_that_are_not_empty_nothing_moves(old: Settings, team: PostgresBackEnd) -> None:
    upgrade(team.settings, begin_log=False)
    team.attack("INSERT INTO entries VALUES (0, ?, ?)", (bytes(32), b""))
    with pytest.raises(Refused, match="not empty"):
        move(team.settings)
    with open_ledger(old) as ledger:
        ledger.append([make_envelope(5000)])


def test_where_there_is_no_ledger_of_one_s_own_nothing_moves(team: PostgresBackEnd) -> None:
    with pytest.raises(NotFound):
        move(team.settings)


def test_a_ledger_that_does_not_hold_is_not_moved(old: Settings, team: PostgresBackEnd) -> None:
    with open_ledger(old) as ledger, ledger.transaction():
        ledger.rows.database.execute("UPDATE contents SET mlo = 'x' WHERE leaf_index = 3")
    with pytest.raises(Refused, match=r"does not hold.*contents 3"):
        move(team.settings)
    assert team.rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_a_copy_without_the_key_is_not_moved(old: Settings, team: PostgresBackEnd) -> None:
    (old.ledger / "checkpoint.key").rename(old.ledger / "away")
    with pytest.raises(KeyFileError, match="is missing"):
        move(team.settings)


@pytest.mark.parametrize("at", ["_copy", "_compare", "_close", "os.replace"])
def test_a_move_that_is_killed_leaves_the_old_ledger_usable_and_can_be_done_again(
    old: Settings, team: PostgresBackEnd, home_env: dict[str, str], at: str
) -> None:
    place = at if at == "os.replace" else f"moving.{at}"
    code = (
        "import os\n"
        "from dataclasses import replace\n"
        "from jupyter_mlo.config import load_settings\n"
        "from jupyter_mlo.ledger import moving\n"
        f"{place} = lambda *arguments: os._exit(9)\n"
        f"moving.move(replace(load_settings(), ledger_url={team.settings.ledger_url!r}))\n"
    )
    if at == "os.replace":  # only the last one, of the key
        code = code.replace(
            "os.replace = lambda *arguments: os._exit(9)",
            "real = os.replace\n"
            "def replaced(one, two):\n"
            "    if str(one).endswith('checkpoint.key'): os._exit(9)\n"
            "    real(one, two)\n"
            "os.replace = replaced",
        )
    here = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=home_env | {"PYTHONPATH": os.pathsep.join([here, *sys.path])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 9, done.stderr
    with open_ledger(old) as ledger:
        assert ledger.append([make_envelope(5000)])[0].index == 1100
    # Nobody serves what has not moved yet.
    if at in ("_close", "os.replace"):
        with pytest.raises(KeyFileError, match="is missing"), served(team.settings):
            pass
    assert move(team.settings).entries == 1101
    with open_ledger(team.settings) as ledger:
        assert ledger.verify().holds
        assert ledger.size == 1101
    with served(team.settings):
        assert publish(team.settings, [make_envelope(5001)]).receipts[0].index == 1101
