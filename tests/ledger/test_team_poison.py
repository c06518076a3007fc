"""Rows in a team's inbox that PostgreSQL would not take: they stop nobody else."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import StatementError
from jupyter_mlo.ledger.content import content_of
from jupyter_mlo.ledger.database import LedgerUnreachable
from jupyter_mlo.ledger.moving import move
from jupyter_mlo.ledger.publish import publish
from jupyter_mlo.ledger.store import Filter, open_ledger, upgrade
from jupyter_mlo.statements.envelope import Envelope, sign, statement_json
from jupyter_mlo.statements.predicates import types
from tests.ledger.conftest import KEY, BackEnd, PostgresBackEnd, make_envelope, served
from tests.postgresql import wait_until

_ASTRAL = [chr(code) for code in range(0x20000, 0x2A6D0) if chr(code).isprintable()]


def random_name(length: int) -> str:
    """Nothing that a database could make shorter."""
    return "".join(random.Random(length).choices(_ASTRAL, k=length))


def seal_of(name: str, **predicate: object) -> Envelope:
    """A well-formed seal with this subject."""
    said = {
        "mlo": "mlo:7K3D-9QXA-2MFB",
        "keyId": KEY.key_id,
        "nonce": "0" * 22,
        "time": "2026-11-22T10:00:00.000Z",
        "checkpoint": None,
        "delegation": None,
        "activity": "training",
    } | predicate
    subject = [{"name": name, "digest": {"mloNotebookV1": "0" * 64}}]
    return sign(statement_json(types.SEAL, subject, said), KEY)


@pytest.mark.parametrize("length", [256, 257, 680, 2048])
def test_a_long_name_is_kept_found_and_verified_in_every_ledger(
    any_backend: BackEnd, length: int
) -> None:
    name = random_name(length)
    with any_backend.open() as ledger:
        ledger.append([make_envelope(1), seal_of(name), make_envelope(2)])
        for wanted in (Filter(subject=name), Filter(subject=name, predicate_type=types.SEAL)):
            assert [entry.index for entry in ledger.entries(wanted)] == [1]
        assert not list(ledger.entries(Filter(subject=name[:-1] + "x")))
        assert ledger.verify().holds


def test_a_row_with_a_name_that_no_index_takes_stops_nobody(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    name = random_name(2048)
    with served(team.settings) as said:
        team.attack("INSERT INTO inbox (envelope) VALUES (?)", (seal_of(name).to_bytes(),))
        assert publish(writer, envelopes[:2]).count == 2
    assert len(said) == 1
    with open_ledger(writer) as ledger:
        assert [one.index for one in ledger.entries(Filter(subject=name))] == [0]


def test_what_the_database_does_not_take_is_left_out_and_the_others_are_taken(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    # Limits that nobody has foreseen: an index of its administrator's, and a rule.
    team.attack("CREATE INDEX ON contents (envelope)")
    team.attack("ALTER TABLE contents ADD CHECK (activity <> 'poison')")
    too_long, against = seal_of("x", more=random_name(5000)), make_envelope(77, activity="poison")
    for one in (envelopes[0], too_long, envelopes[1], against, envelopes[2]):
        team.attack("INSERT INTO inbox (envelope) VALUES (?)", (one.to_bytes(),))
    with served(team.settings) as said:
        assert publish(writer, envelopes[3:4]).count == 1
        published = publish(writer, [against])
        assert (published.count, published.waiting) == (0, 1)
        assert "has left out what was handed in" in published.why
    named = [line for line in said if "left out what the role mlo_test put into" in line]
    assert len(named) == 3
    assert "index row" in named[0]
    assert not [line for line in said if line.startswith("waiting")]
    with open_ledger(writer) as ledger:
        assert [entry.envelope for entry in ledger.entries()] == envelopes[:4]
        assert ledger.verify().holds
    assert team.rows("SELECT count(*) FROM inbox") == [(0,)]


def test_a_tree_with_rows_beyond_its_checkpoint_empties_no_inbox(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    team.attack("INSERT INTO entries VALUES (0, ?, ?)", (bytes(32), b""))
    publish(writer, envelopes[:2])
    with served(team.settings) as said:
        wait_until(lambda: any("beyond its last checkpoint" in line for line in said))
    assert team.rows("SELECT count(*) FROM inbox") == [(2,)]


def test_long_rows_are_neither_read_whole_nor_many_at_once(
    team: PostgresBackEnd, writer: Settings, envelopes: list[Envelope]
) -> None:
    big = [make_envelope(100 + n, padding=2_500_000) for n in range(12)]
    team.attack("INSERT INTO inbox (envelope) VALUES (?)", (b"{" + b" " * 40_000_000,))
    for one in big:
        team.attack("INSERT INTO inbox (envelope) VALUES (?)", (one.to_bytes(),))
    with served(team.settings) as said:
        assert publish(writer, envelopes[:1]).count == 1
    assert sum("left out" in line for line in said) == 1
    # 32 MB together at most, and so more than one checkpoint.
    assert team.rows("SELECT count(*) > 2 FROM checkpoints") == [(True,)]
    assert team.rows("SELECT count(*) FROM entries") == [(13,)]


def test_a_ledger_that_holds_long_names_from_before_is_found_verified_and_moved(
    settings: Settings, backend: BackEnd, team: PostgresBackEnd
) -> None:
    name = random_name(2048)
    with backend.open() as ledger:
        ledger.append([make_envelope(1), seal_of(name)])
    assert backend.attack("UPDATE contents SET subject = ? WHERE leaf_index = 1", (name,)) == 1
    for _ in range(2):
        with backend.open() as ledger:
            assert [entry.index for entry in ledger.entries(Filter(subject=name))] == [1]
            assert ledger.verify().holds
        move(team.settings)
    with open_ledger(team.settings) as ledger:
        assert [entry.index for entry in ledger.entries(Filter(subject=name))] == [1]
        assert ledger.verify().holds


def test_a_database_that_has_not_every_name_is_refused_before_there_is_a_ledger(
    team: PostgresBackEnd,
) -> None:
    name = f"{team.name}_latin"
    team.server.sql(
        "postgres", f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'"
    )
    with pytest.raises(LedgerUnreachable, match="is encoded in LATIN1"):
        upgrade(replace(team.settings, ledger_url=team.server.url(name)))


_TEXT = st.text(max_size=12) | st.integers(0, 3000).map(random_name)
_ANY = _TEXT | st.none() | st.integers() | st.lists(_TEXT, max_size=2)


_FACTS = st.dictionaries(st.sampled_from(["mlo", "keyId", "activity", "time", "name"]), _ANY)
_MEMBERS = st.sampled_from(["predicateType", "subject", "predicate"])
_PAYLOADS = st.binary(max_size=60) | st.dictionaries(_MEMBERS, _ANY | _FACTS)


@hypothesis(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    payloads=st.lists(_PAYLOADS, min_size=1, max_size=4),
    more=st.binary(max_size=80),
    kind=st.sampled_from(sorted(types.BINDING)),
)
def test_whatever_the_inbox_s_check_admits_can_be_appended(
    team: PostgresBackEnd, payloads: list[object], more: bytes, kind: str
) -> None:
    upgrade(team.settings)
    stored = []
    for one in payloads:
        payload = one if isinstance(one, bytes) else json.dumps(one).encode()
        stored.append(Envelope(payload, KEY.key_id, more).to_bytes())
        stored.append(seal_of(str(one), mlo=str(one), predicateType=kind).to_bytes())
    admitted = []
    for text in stored:
        try:
            admitted.append(content_of(text))
        except StatementError:
            continue
    with open_ledger(team.settings) as ledger:
        receipts = ledger.append(admitted)
        assert len(receipts) == len(admitted)
        for content in admitted:
            if content.facts.subject is not None:
                wanted = Filter(subject=content.facts.subject)
                found = [entry.statement_id for entry in ledger.entries(wanted)]
                assert content.statement_id.hex() in found
