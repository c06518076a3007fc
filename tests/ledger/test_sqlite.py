"""The embedded ledger's file: modes, durability, network file systems, schema, access."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_mlo.config import Settings, load_settings
from jupyter_mlo.errors import InvalidInput, LedgerError, NotFound
from jupyter_mlo.ledger import schema
from jupyter_mlo.ledger.database import LedgerUnreachable
from jupyter_mlo.ledger.store import Ledger, database_path, open_ledger
from jupyter_mlo.statements.envelope import Envelope
from tests.ledger.conftest import BackEnd

ON_NETWORK = {"on_network": lambda path: True}
LOCAL = {"on_network": lambda path: False}


def pragma(ledger: Ledger, name: str) -> object:
    """A setting of the ledger's own connection."""
    return ledger._database.query(f"PRAGMA {name}")[0][0]


def mode(path: Path) -> int:
    """Permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_folder_and_files_are_for_their_owner_only_whatever_the_umask(
    settings: Settings, envelopes: list[Envelope]
) -> None:
    before = os.umask(0)
    try:
        with open_ledger(settings) as ledger:
            ledger.append(envelopes[:1])
            files = sorted(path.name for path in settings.ledger.iterdir())
            assert "ledger.sqlite3-wal" in files
            assert {path.name: mode(path) for path in settings.ledger.iterdir()} == dict.fromkeys(
                files, 0o600
            )
    finally:
        os.umask(before)
    assert mode(settings.ledger) == 0o700


def test_a_local_ledger_is_durable_through_a_write_ahead_log(settings: Settings) -> None:
    for _ in range(2):
        with open_ledger(settings, **LOCAL) as ledger:
            assert pragma(ledger, "journal_mode") == "wal"
            assert pragma(ledger, "synchronous") == 2  # FULL


def test_a_file_that_another_process_is_making_is_waited_for(settings: Settings) -> None:
    settings.ledger.mkdir(mode=0o700)
    other = sqlite3.connect(
        settings.ledger / "ledger.sqlite3", isolation_level=None, check_same_thread=False
    )
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnreachable, match="locked by another process"):
        open_ledger(settings, patience=0.05, **LOCAL)
    timer = threading.Timer(0.5, other.close)
    timer.start()
    with open_ledger(settings, patience=30, **LOCAL) as ledger:
        assert pragma(ledger, "journal_mode") == "wal"
    timer.join()


def test_a_ledger_on_a_network_uses_a_rollback_journal_and_is_as_durable(
    settings: Settings, envelopes: list[Envelope]
) -> None:
    with open_ledger(settings, **ON_NETWORK) as ledger:
        assert pragma(ledger, "journal_mode") == "delete"
        assert pragma(ledger, "synchronous") == 3  # EXTRA
        ledger.append(envelopes[:3])
        assert ledger.verify().holds
    assert not (settings.ledger / "ledger.sqlite3-wal").exists()


def test_a_ledger_that_moves_to_a_network_and_back_changes_its_journal(
    settings: Settings, envelopes: list[Envelope]
) -> None:
    for n, place in enumerate([LOCAL, ON_NETWORK, LOCAL]):
        with open_ledger(settings, **place) as ledger:
            assert pragma(ledger, "journal_mode") == ("delete" if place is ON_NETWORK else "wal")
            assert ledger.append(envelopes[n : n + 1])[0].index == n
            assert ledger.verify().holds


def test_this_machine_s_mounts_decide_by_default(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jupyter_mlo.identity import home

    place = home.Place([home.Mount(Path("/"), "nfs4")], in_container=False)
    monkeypatch.setattr(home, "this_place", lambda environ: place)
    with open_ledger(settings) as ledger:
        assert pragma(ledger, "journal_mode") == "delete"


def test_without_a_ledger_reading_says_so_and_makes_none(settings: Settings) -> None:
    with pytest.raises(NotFound, match="no ledger here yet"):
        open_ledger(settings, create=False)
    assert not settings.ledger.exists()


@pytest.mark.parametrize(
    "url", ["postgresql://ada:secret@db/mlo", "sqlite://", "sqlite:///", "ledger", ""]
)
def test_an_address_that_is_no_embedded_ledger_is_refused_without_its_password(
    settings: Settings, url: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        open_ledger(replace(settings, ledger_url=url))
    assert "secret" not in str(refusal.value)


def test_a_path_with_odd_characters_is_that_path(settings: Settings, tmp_path: Path) -> None:
    home = tmp_path / "a ?mode=ro#%41 é"
    odd = replace(settings, home=home, ledger_url=f"sqlite:///{home / 'ledger.sqlite3'}")
    with open_ledger(odd) as ledger:
        assert ledger.size == 0
    assert (home / "ledger.sqlite3").is_file()


# --- schema


def test_the_migrations_arrive_at_the_tables(settings: Settings) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine

    from jupyter_mlo.ledger.tables import metadata

    with open_ledger(settings):
        pass
    engine = create_engine(f"sqlite:///{database_path(settings)}")
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_migrations_make_the_tables_as_the_metadata_would(
    settings: Settings, backend: BackEnd, tmp_path: Path
) -> None:
    import sqlite3

    from sqlalchemy import create_engine

    from jupyter_mlo.ledger.tables import metadata

    with open_ledger(settings):
        pass
    engine = create_engine(f"sqlite:///{tmp_path / 'direct.sqlite3'}")
    metadata.create_all(engine)
    engine.dispose()
    query = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%'"
    direct = sqlite3.connect(tmp_path / "direct.sqlite3").execute(query).fetchall()

    def columns(rows: list) -> dict:
        """Each table's parts, whatever the order and layout of its constraints."""
        return {
            name: sorted(part.strip() for part in re.split(r",?\s*\n\s*", sql or ""))
            for name, sql in rows
        }

    assert columns(backend.rows(query)) == columns(direct)


def test_the_known_revisions_are_those_of_the_migrations() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "jupyter_mlo.ledger:migrations")
    scripts = ScriptDirectory.from_config(config)
    assert tuple(s.revision for s in scripts.walk_revisions())[::-1] == schema.REVISIONS
    assert scripts.get_heads() == [schema.CURRENT]


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(
    backend: BackEnd, envelopes: list[Envelope]
) -> None:
    with backend.open() as ledger:
        ledger.append(envelopes[:1])
    backend.attack("UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(LedgerError, match="'0999'") as refusal:
        backend.open()
    assert "pip install -U jupyter-mlo" in refusal.value.hint
    assert backend.rows("SELECT count(*) FROM entries") == [(1,)]


@pytest.mark.parametrize("sql", ["DELETE FROM alembic_version", "DROP TABLE alembic_version"])
def test_a_ledger_that_does_not_say_its_schema_is_damaged(backend: BackEnd, sql: str) -> None:
    backend.open().close()
    backend.attack(sql)
    with pytest.raises(LedgerUnreachable, match="which schema"):
        backend.open()


def test_a_migration_that_fails_leaves_nothing_behind(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import op

    made = op.create_table

    def fail_at_the_last(name: str, *arguments: object, **options: object) -> object:
        if name == "checkpoints":
            raise RuntimeError("the machine stopped here")
        return made(name, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_table", fail_at_the_last)
        with pytest.raises(RuntimeError):
            open_ledger(settings)
    assert BackEnd(settings).rows("SELECT name FROM sqlite_master") == []
    with open_ledger(settings) as ledger:
        assert ledger.verify().holds


def test_making_a_ledger_is_no_news_in_a_log(settings, caplog) -> None:
    caplog.set_level("INFO")
    with open_ledger(settings):
        pass
    assert not [one.message for one in caplog.records if one.name.startswith("alembic")]


def test_opening_a_ledger_that_is_up_to_date_imports_neither_alembic_nor_sqlalchemy(
    settings: Settings, home_env: dict[str, str], envelopes: list[Envelope]
) -> None:
    with open_ledger(settings) as ledger:
        ledger.append(envelopes[:1])
    code = (
        "import sys\n"
        "from jupyter_mlo.config import load_settings\n"
        "from jupyter_mlo.ledger.publish import publish\n"
        "from jupyter_mlo.ledger.store import open_ledger\n"
        "with open_ledger(load_settings()) as ledger:\n"
        "    stored = next(ledger.entries()).stored\n"
        "    ledger.append([stored]), ledger.receipt(0), ledger.verify()\n"
        "publish(load_settings(), [stored])\n"
        "heavy = {'sqlalchemy', 'alembic', 'pydantic', 'nbformat', 'IPython'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=home_env | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "[]\n"


# --- files that cannot be used


@pytest.mark.parametrize("content", [b"not a database at all" * 1000, b"short" * 30])
def test_a_file_that_is_no_database_is_called_damaged(settings: Settings, content: bytes) -> None:
    settings.ledger.mkdir(mode=0o700)
    database_path(settings).write_bytes(content)
    with pytest.raises(LedgerUnreachable, match="is damaged"):
        open_ledger(settings)


def test_a_damaged_page_is_named_and_never_a_traceback(
    settings: Settings, envelopes: list[Envelope]
) -> None:
    with open_ledger(settings) as ledger:
        ledger.append(envelopes)
        page = int(str(pragma(ledger, "page_size")))
    path = database_path(settings)
    whole = path.read_bytes()
    for number in range(1, len(whole) // page):
        at = number * page
        path.write_bytes(whole[:at] + os.urandom(page) + whole[at + page :])
        try:
            with open_ledger(settings) as ledger:
                assert not ledger.verify().holds, f"page {number}"
        except LedgerError:
            continue


def as_nobody(action: str, env: dict[str, str]) -> str:
    """What ``action`` prints, run as a user whom access rights bind, which root is not."""
    code = (
        "import os\n"
        "import jupyter_mlo.identity.home, jupyter_mlo.ledger.schema\n"
        "from jupyter_mlo.config import load_settings\n"
        "from jupyter_mlo.ledger.database import LedgerUnreachable\n"
        "from jupyter_mlo.ledger.store import open_ledger\n"
        "settings = load_settings()\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + action],
        env=env | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def read_only_home(home_env: dict[str, str], envelopes: list[Envelope]) -> Iterator[dict[str, str]]:
    """A home with a ledger of three entries in which nothing can be written.

    Not below pytest's own folder, which nobody else may enter.
    """
    with tempfile.TemporaryDirectory() as folder:
        home_env["MLO_HOME"] = f"{folder}/mlo"
        with open_ledger(load_settings(home_env)) as ledger:
            ledger.append(envelopes[:3])
        places = [Path(folder), *Path(folder).rglob("*")]
        for place in places:
            place.chmod(0o555 if place.is_dir() else 0o444)
        yield home_env
        for place in places:
            place.chmod(0o755)


def test_a_read_only_ledger_is_read_and_verified(read_only_home: dict[str, str]) -> None:
    action = (
        "with open_ledger(settings) as ledger:\n"
        "    print(ledger.size, ledger.verify().holds, len(list(ledger.entries())))\n"
    )
    assert as_nobody(action, read_only_home) == "3 True 3\n"


def test_appending_to_a_read_only_ledger_says_that_it_is_read_only(
    read_only_home: dict[str, str],
) -> None:
    action = (
        "with open_ledger(settings) as ledger:\n"
        "    try:\n"
        "        with ledger.transaction():\n"
        "            ledger.rows.add_checkpoint(9, b'')\n"
        "    except LedgerUnreachable as error:\n"
        "        print('is read-only here' in error.message)\n"
    )
    assert as_nobody(action, read_only_home) == "True\n"
