"""A team's ledger: writers hand in, one sequencer appends, and nobody is simply believed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import KeyFileError, LedgerError, NotFound, Refused
from jupyter_mlo.ledger.address import ledger_folder
from jupyter_mlo.ledger.database import LedgerUnreachable
from jupyter_mlo.ledger.outbox import Outbox
from jupyter_mlo.ledger.publish import publish
from jupyter_mlo.ledger.serving import Service
from jupyter_mlo.ledger.store import connect, open_ledger, open_writer, upgrade
from jupyter_mlo.statements.envelope import Envelope
from tests.ledger.conftest import PostgresBackEnd, make_envelope, served
from tests.postgresql import Server, running, wait_until

CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def held(settings: Settings) -> list[Envelope]:
    """What the ledger holds; it must verify."""
    with open_ledger(settings) as ledger:
        assert ledger.verify().holds
        return [entry.envelope for entry in ledger.entries()]


def test_what_is_published_comes_into_the_log_through_the_sequencer(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    with served(team.settings) as said:
        published = publish(writer, envelopes[:3])
        again = publish(writer, [*envelopes[:3], envelopes[3], envelopes[3]])
    assert (published.count, published.waiting, published.why) == (3, 0, "")
    assert [receipt.index for receipt in again.receipts] == [0, 1, 2, 3, 3]
    assert held(writer) == envelopes[:4]
    assert "serving jupyter-mlo.local/" in said[0]
    with open_ledger(writer) as ledger:
        assert again.checkpoint == ledger.quoted()
        with pytest.raises(KeyFileError, match="is missing"):
            ledger.append(envelopes[4:5])
    # The writer's home has the last checkpoint that it saw, and no key.
    assert [path.name for path in ledger_folder(writer).iterdir()] == ["last-checkpoint"]


def test_many_statements_are_taken_in_order_and_each_has_its_receipt(
    team: PostgresBackEnd, writer: Settings
) -> None:
    many = [make_envelope(n) for n in range(2500)]
    with served(team.settings), open_writer(writer, patience=60) as inbox:
        receipts = inbox.append(many)
    assert [receipt.index for receipt in receipts] == list(range(2500))
    assert held(writer) == many


def test_without_a_sequencer_nothing_waits_long_and_all_counts_once(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    for upto in (2, 3, 4):
        published = publish(writer, envelopes[upto - 2 : upto])
        assert (published.count, published.waiting) == (0, upto)
        assert "no sequencer runs" in published.why
        assert "jupyter mlo ledger serve" in published.why
    # What is offered again while it waits is there once; the last comes after what waits.
    assert team.rows("SELECT count(*) FROM inbox") == [(3,)]
    with served(team.settings):
        published = publish(writer, envelopes[4:5])
    assert (published.count, published.flushed, published.waiting) == (1, 4, 0)
    assert held(writer) == envelopes[:5]
    assert team.rows("SELECT count(*) FROM inbox") == [(0,)]


def test_what_was_handed_in_is_taken_although_its_writer_has_gone(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    publish(writer, envelopes[:2])
    with served(team.settings):
        wait_until(lambda: team.rows("SELECT count(*) FROM entries") == [(2,)])
    assert held(writer) == envelopes[:2]


def test_before_there_is_a_ledger_statements_wait(
    team: PostgresBackEnd, envelopes: list[Envelope]
) -> None:
    published = publish(team.settings, envelopes[:1])
    assert (published.count, published.waiting) == (0, 1)
    assert "there is no ledger in postgresql+psycopg://" in published.why
    with pytest.raises(NotFound, match="no ledger in"):
        open_ledger(team.settings)
    # Whoever only writes makes no tables.
    assert team.rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_what_is_no_statement_is_taken_out_of_the_inbox_and_its_role_named(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    team.attack("INSERT INTO inbox (envelope) VALUES (?), (?)", (b"garbage", b"{}"))
    with served(team.settings) as said:
        assert publish(writer, envelopes[:1]).count == 1
    assert sum("the role mlo_test put into the inbox" in line for line in said) == 2
    assert held(writer) == envelopes[:1]
    assert team.rows("SELECT count(*) FROM inbox") == [(0,)]


# --- one sequencer


def test_a_second_sequencer_is_refused_or_waits_its_turn(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    with served(team.settings) as first:
        with pytest.raises(Refused, match="a sequencer runs already"), served(team.settings):
            pass
        second = served(team.settings, stand_by=True)
        said = second.__enter__()
        assert "standing by" in said[0]
        assert publish(writer, envelopes[:1]).count == 1
        assert len(first) == 1
    wait_until(lambda: len(said) > 1, what="taking over")
    assert publish(writer, envelopes[1:2]).count == 1
    second.__exit__(None, None, None)
    assert held(writer) == envelopes[:2]


def test_without_the_key_nobody_serves(team: PostgresBackEnd, writer: Settings) -> None:
    with pytest.raises(KeyFileError, match="is missing"), served(writer):
        pass
    assert team.key.exists()


def test_an_emptied_database_is_not_taken_for_a_new_one(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    with served(team.settings):
        publish(writer, envelopes[:1])
    team.attack("DROP SCHEMA public CASCADE")
    team.attack("CREATE SCHEMA public")
    with pytest.raises(LedgerError, match="there was one"), served(team.settings):
        pass
    published = publish(writer, envelopes[1:2])
    assert published.waiting == 1
    assert "there was one" in published.why


def test_a_sequencer_appends_nothing_to_a_tree_that_was_changed(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    with served(team.settings):
        publish(writer, envelopes[:3])
    team.attack("UPDATE entries SET leaf_hash = ? WHERE leaf_index = 2", (bytes(32),))
    publish(writer, envelopes[3:4])
    service = Service(team.settings, lambda line: None)
    with pytest.raises(LedgerError, match="does not hold"):
        service.run()
    assert team.rows("SELECT count(*) FROM inbox") == [(1,)]
    assert Outbox(writer).waiting() == 1


# --- what writers do not believe


def rewind(team: PostgresBackEnd, size: int) -> None:
    """Take the database back to an older state of it."""
    team.attack("DELETE FROM contents WHERE leaf_index >= ?", (size,))
    team.attack("DELETE FROM entries WHERE leaf_index >= ?", (size,))
    team.attack("DELETE FROM checkpoints WHERE size > ?", (size,))


@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_rolled_back_or_forked_ledger_is_not_believed(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope], after: int
) -> None:
    with served(team.settings):
        for envelope in envelopes[:3]:
            publish(writer, [envelope])
    rewind(team, 1)
    (ledger_folder(team.settings) / "last-checkpoint").unlink()
    other = replace(writer, home=writer.home.with_name("other"))
    with served(team.settings):
        if after:  # whoever holds the key makes another history, smaller or larger
            assert publish(other, envelopes[10 : 10 + after]).count == after
        published = publish(writer, envelopes[5:6])
    assert (published.count, published.waiting) == (0, 1)
    assert "does not continue what was seen here" in published.why
    assert "of 3 entries" in published.why


def test_a_database_that_was_put_back_is_noticed_by_all_who_saw_more(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    auditor = replace(writer, home=writer.home.with_name("auditor"))
    with served(team.settings):
        for envelope in envelopes[:4]:
            publish(writer, [envelope])
        with open_ledger(auditor) as ledger:
            note = ledger.checkpoint()
    rewind(team, 2)
    with pytest.raises(LedgerError, match="rolled back or replaced"), served(team.settings):
        pass
    published = publish(writer, envelopes[6:7])
    assert (published.count, published.waiting) == (0, 1)
    with open_ledger(auditor) as ledger:
        assert "entries are gone" in ledger.departure(note)


@pytest.mark.parametrize("others", [0, 2, 3, 4])
def test_a_sequencer_signs_no_second_history_when_its_database_is_put_back_meanwhile(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope], others: int
) -> None:
    """While it has its connection; ``others`` entries of another history have come there since."""
    with open_ledger(team.settings) as ledger, open_ledger(team.settings) as second:
        for envelope in envelopes[:4]:
            ledger.append([envelope])
        rewind(team, 1)
        for at in range(others):  # whoever holds the key as well, and has not seen the first four
            second.append([envelopes[10 + at]])
        before = team.rows("SELECT size, note FROM checkpoints ORDER BY size")
        with pytest.raises(LedgerError, match="does not hold"):
            ledger.append([envelopes[5]])
        assert team.rows("SELECT size, note FROM checkpoints ORDER BY size") == before


def test_a_service_whose_database_is_put_back_ends(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    ends = pytest.raises(LedgerError, match="it was rolled back")
    with ends, served(team.settings):
        publish(writer, envelopes[:2])
        publish(writer, envelopes[2:4])
        rewind(team, 2)
        assert publish(writer, envelopes[5:6]).count == 0
    assert team.rows("SELECT max(size) FROM checkpoints") == [(2,)]


def test_another_log_in_its_place_is_not_believed(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope], postgres: Server
) -> None:
    with served(team.settings):
        publish(writer, envelopes[:1])
    for table in ("contents", "entries", "checkpoints", "log"):
        team.attack(f"DELETE FROM {table}")
    keeper = replace(team.settings, home=team.settings.home / "another")
    with served(keeper):
        published = publish(writer, envelopes[1:2])
    assert (published.count, published.waiting) == (0, 1)
    assert "it is another log" in published.why


def test_a_row_that_says_falsely_that_a_statement_is_there_is_not_believed(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    with served(team.settings):
        publish(writer, envelopes[:3])
        ours = bytes.fromhex(envelopes[7].statement_id)
        team.attack("UPDATE contents SET statement_id = ? WHERE leaf_index = 1", (ours,))
        published = publish(writer, envelopes[7:8])
    assert (published.count, published.waiting) == (0, 1)
    assert "does not hold" in published.why


def test_another_envelope_of_the_same_statement_is_the_same_statement(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    again = Envelope(envelopes[0].payload, envelopes[0].key_id, envelopes[1].signature)
    with served(team.settings):
        first = publish(writer, [envelopes[0]])
        assert publish(writer, [again]).receipts == first.receipts
    assert held(writer) == envelopes[:1]


def test_a_ledger_of_one_s_own_and_a_team_s_are_not_taken_for_one_another(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    own = replace(writer, ledger_url=f"sqlite:///{writer.home}/ledger/ledger.sqlite3")
    publish(own, envelopes[:2])
    with served(team.settings):
        assert publish(writer, envelopes[2:3]).count == 1
    assert publish(own, envelopes[3:4]).count == 1
    assert held(own) == [*envelopes[:2], envelopes[3]]


# --- schema, extra, server


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    team.attack("UPDATE alembic_version SET version_num = '0999'")
    for act in (lambda: open_ledger(writer), lambda: upgrade(team.settings)):
        with pytest.raises(LedgerError, match="'0999'") as refusal:
            act()
        assert "pip install -U jupyter-mlo" in refusal.value.hint
    assert "'0999'" in publish(writer, envelopes[:1]).why


def test_the_migrations_arrive_at_the_tables(team: PostgresBackEnd, writer: Settings) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine

    from jupyter_mlo.ledger.tables import metadata, shared

    url = team.settings.ledger_url
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, [metadata, shared]) == []
    engine.dispose()


def test_a_migration_that_fails_leaves_nothing_behind(
    team: PostgresBackEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import op

    made = op.create_table

    def fail_at_the_last(name: str, *arguments: object, **options: object) -> object:
        if name == "inbox":
            raise RuntimeError("the machine stopped here")
        return made(name, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_table", fail_at_the_last)
        with pytest.raises(RuntimeError):
            upgrade(team.settings)
    assert team.rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    assert upgrade(team.settings)
    assert not upgrade(team.settings)


def test_without_psycopg_statements_wait_and_the_extra_is_named(
    writer: Settings, home_env: dict[str, str]
) -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from pathlib import Path\n"
        "from dataclasses import replace\n"
        "from jupyter_mlo.config import load_settings\n"
        "from jupyter_mlo.ledger.publish import publish\n"
        "from tests.ledger.conftest import make_envelope\n"
        f"settings = replace(load_settings(), ledger_url={writer.ledger_url!r})\n"
        "published = publish(settings, [make_envelope(1)])\n"
        "print(published.waiting, published.why)\n"
    )
    here = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=home_env | {"PYTHONPATH": os.pathsep.join([here, *sys.path])},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("1 ")
    assert 'pip install "jupyter-mlo[postgres]"' in done.stdout


def test_a_server_that_stops_stands_still_or_is_not_there_keeps_nobody(
    settings: Settings, envelopes: list[Envelope]
) -> None:
    with running() as server:
        team = PostgresBackEnd.of(settings, server)
        upgrade(team.settings)
        writer = replace(team.settings, home=settings.home / "writer")
        over_network = replace(writer, ledger_url=server.url(team.name, host="127.0.0.1"))
        with served(team.settings) as said:
            assert publish(over_network, envelopes[:1]).count == 1
            server.freeze(on=True)
            published = publish(over_network, envelopes[1:2], patience=0.5)
            assert published.waiting == 1
            assert "cannot be reached" in published.why
            server.freeze(on=False)
            assert publish(over_network, envelopes[2:3], patience=20).flushed == 1
            server.stop()
            published = publish(over_network, envelopes[3:4])
            assert (published.count, published.waiting) == (0, 1)
            assert "cannot be reached" in published.why
            server.start()
            wait_until(lambda: len([line for line in said if "serving" in line]) == 2)
            published = publish(over_network, envelopes[4:5], patience=20)
            assert (published.count, published.flushed) == (1, 1)
        assert held(writer) == envelopes[:5]
        assert any(line.startswith("waiting: ") for line in said)


def test_a_connection_that_was_cut_is_said_and_nothing_of_it_is_kept(
    team: PostgresBackEnd, envelopes: list[Envelope]
) -> None:
    with team.open() as ledger:
        ledger.append(envelopes[:1])

        def lose_the_connection() -> None:
            with ledger.transaction():
                ledger.append(envelopes[1:2])
                team.rows(CUT)
                ledger.append(envelopes[2:3])

        with pytest.raises(LedgerUnreachable, match=r"cannot be reached|being stopped"):
            lose_the_connection()
    assert held(team.settings) == envelopes[:1]
    database = connect(team.settings)
    assert not database.has_sequencer()
    database.close()
