"""The roles of docs/ledger-postgresql.md, made as it says: who may do what, and what nobody may."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.ledger.database import LedgerUnreachable
from jupyter_mlo.ledger.publish import publish
from jupyter_mlo.ledger.store import open_ledger, upgrade
from jupyter_mlo.statements.envelope import Envelope
from tests.ledger.conftest import make_envelope, served
from tests.postgresql import Server, running

PAGE = Path(__file__).parents[2] / "docs" / "ledger-postgresql.md"


@dataclass(frozen=True)
class Roles:
    """A server with the roles and the database of the page, a sequencer's home and a writer's."""

    server: Server
    settings: Settings

    def home(self, user: str) -> Settings:
        """A home whose ledger.url has this role."""
        home = self.settings.home / user.removeprefix("mlo_owner").removeprefix("mlo_sequencer")
        return replace(self.settings, home=home, ledger_url=self.server.url("mlo", user))

    def refuses(self, user: str, sql: str) -> bool:
        """Whether the database says that this role may not do it."""
        said = self.server.sql("mlo", sql, user=user, check=False)
        assert "ERROR" in said, f"{user} could: {sql}"
        return "permission denied" in said or "must be owner" in said or "non-DEFAULT" in said


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of its own: roles belong to all its databases."""
    with running() as server:
        yield server


@pytest.fixture
def roles(server: Server, settings: Settings) -> Iterator[Roles]:
    """Everything in the page's blocks of SQL, as it stands there."""
    first, grants, people = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    server.sql("postgres", first)
    made = Roles(server, settings)
    assert upgrade(made.home("mlo_owner"))
    server.sql("mlo", grants, user="mlo_owner")
    server.sql("mlo", people)
    yield made
    server.sql("postgres", "DROP DATABASE mlo")
    server.sql(
        "postgres", "DROP ROLE mlo_owner, mlo_sequencer, mlo_writers, mlo_auditors, ada, grace"
    )


def test_the_page_s_roles_can_do_their_work(roles: Roles, envelopes: list[Envelope]) -> None:
    with served(roles.home("mlo_sequencer")):
        assert publish(roles.home("ada"), envelopes[:2]).count == 2
        # Many at a time take another way into the tables.
        assert publish(roles.home("ada"), [make_envelope(n) for n in range(50, 90)]).count == 40
    with open_ledger(roles.home("grace")) as ledger:
        assert ledger.verify().holds
        assert ledger.size == 42
    assert roles.server.sql("mlo", "SELECT count(*) FROM inbox") == "0\n"


def test_only_the_sequencer_says_when_it_was_and_keeps_the_tree(roles: Roles) -> None:
    with served(roles.home("mlo_sequencer")):
        publish(roles.home("ada"), [make_envelope(1)])
    with open_ledger(roles.home("mlo_sequencer")) as ledger:
        assert ledger.times().of(0) is not None


WRITES = [
    "UPDATE entries SET leaf_hash = ''",
    "UPDATE contents SET mlo = 'x'",
    "UPDATE checkpoints SET note = ''",
    "UPDATE log SET origin = 'x'",
    "UPDATE inbox SET envelope = ''",
    "UPDATE alembic_version SET version_num = '9'",
    "DELETE FROM entries",
    "DELETE FROM contents",
    "DELETE FROM checkpoints",
    "DELETE FROM log",
    "TRUNCATE entries, contents",
    "TRUNCATE inbox",
    "TRUNCATE checkpoints",
    "DROP TABLE inbox",
    "ALTER TABLE entries DISABLE TRIGGER ALL",
    "CREATE TABLE mine (id int)",
    "CREATE INDEX mine ON entries (leaf_hash)",
    "CREATE TEMP TABLE mine (id int)",
    "SELECT lo_create(0)",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_import('/etc/hostname')",
]
APPENDS = [
    "INSERT INTO entries VALUES (0, '', '')",
    "INSERT INTO contents SELECT * FROM contents",
    "INSERT INTO checkpoints VALUES (1, '')",
    "INSERT INTO log VALUES (1, 'x', '')",
    "DELETE FROM inbox",
    "SELECT id FROM log FOR UPDATE",
    "BEGIN; LOCK TABLE checkpoints IN EXCLUSIVE MODE",
]


def test_what_no_role_but_the_owner_may(roles: Roles) -> None:
    for user in ("ada", "grace"):
        for sql in [*WRITES, *APPENDS]:
            assert roles.refuses(user, sql)
    for sql in WRITES:
        if sql != "UPDATE checkpoints SET note = ''":  # signature lines come later, too
            assert roles.refuses("mlo_sequencer", sql)
    assert roles.refuses("mlo_sequencer", "UPDATE checkpoints SET size = 9")
    assert roles.refuses("mlo_sequencer", "INSERT INTO inbox (envelope) VALUES ('x')")


def test_writers_add_to_the_inbox_and_do_not_say_who_they_are(roles: Roles) -> None:
    for columns, values in (
        ("envelope, writer", "'x', 'grace'"),
        ("envelope, id", "'x', 1"),
        ("envelope, digest", "'x', 'y'"),
    ):
        assert roles.refuses("ada", f"INSERT INTO inbox ({columns}) VALUES ({values})")
    roles.server.sql("mlo", "INSERT INTO inbox (envelope) VALUES ('x')", user="ada")
    assert roles.server.sql("mlo", "SELECT id, writer FROM inbox") == "1|ada\n"
    assert roles.refuses("grace", "INSERT INTO inbox (envelope) VALUES ('x')")


def test_who_may_not_is_told_so_and_statements_wait(
    roles: Roles, envelopes: list[Envelope]
) -> None:
    published = publish(roles.home("grace"), envelopes[:1])
    assert (published.count, published.waiting) == (0, 1)
    assert "does not permit this to your role" in published.why
    with (
        open_ledger(roles.home("mlo_sequencer")) as ledger,
        pytest.raises(LedgerUnreachable, match="does not permit this"),
    ):
        ledger.rows.database.execute("DELETE FROM checkpoints")
    stranger = f"stranger_{secrets.token_hex(2)}"
    roles.server.sql("postgres", f"CREATE ROLE {stranger} LOGIN")
    with pytest.raises(LedgerUnreachable, match=r"cannot be reached: .*permission denied"):
        open_ledger(roles.home(stranger))
    roles.server.sql("postgres", f"DROP ROLE {stranger}")
