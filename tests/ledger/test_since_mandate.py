"""Uses and revocations are found by what the signed tree covers, whatever the columns say."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.enrolment import enrol_oneself
from jupyter_mlo.delegation.mandates import Mandate, create_mandate, verified
from jupyter_mlo.delegation.revocation import make_revocation
from jupyter_mlo.delegation.runs import LONGEST, delegate_run
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import LedgerError, Refused
from jupyter_mlo.identity.ids import new_mlo_id
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.ledger.mandate_standing import mandate_standing, reserve_uses, spent_uses
from jupyter_mlo.ledger.rows import Rows
from jupyter_mlo.ledger.view import LedgerView
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.statement import read_statement
from tests.ledger.conftest import BackEnd, PostgresBackEnd, make_envelope, served

NOW = datetime.now(UTC)


class Maker:
    """Makes mandates and their runs, and appends them as whoever keeps the ledger."""

    def __init__(self, backend: BackEnd) -> None:
        self.backend = backend
        self._key, self._mlo = SigningKey.generate(), new_mlo_id()
        self._enrolment = enrol_oneself(
            self._mlo, "person", self._key, now=NOW - timedelta(hours=1)
        )
        with backend.open() as ledger:
            ledger.append([self._enrolment])

    def mandate(self, uses: int = 3) -> Mandate:
        """One that quotes the ledger as it is, and stands in it."""
        with self.backend.open() as ledger:
            own = self.own.quoting(ledger.quoted())
            file = create_mandate(
                own,
                notebook="job.ipynb",
                code="0" * 64,
                activities=["training"],
                models=["loan"],
                parameters={},
                now=NOW - timedelta(minutes=1),
                lasts=timedelta(days=1),
                uses=uses,
            )
            mandate = verified(file, "this one")
            ledger.append(mandate.chain)
            return mandate

    @property
    def own(self) -> Signer:
        return Signer.own(self._mlo, self._key, [self._enrolment])

    def append(self, *envelopes: Envelope) -> None:
        with self.backend.open() as ledger:
            ledger.append(envelopes)


@pytest.fixture
def maker(any_backend: BackEnd) -> Maker:
    return Maker(any_backend)


def uses_of(mandate: Mandate, count: int = 1) -> list[Envelope]:
    """Delegations of so many new runs."""
    signer = mandate.signer(NOW)
    names = [f"urn:uuid:{uuid.uuid4()}" for _ in range(count)]
    return [delegate_run(signer, name, name, NOW, LONGEST).chain[-1] for name in names]


def count(backend: BackEnd, mandate: Mandate) -> int:
    with backend.open() as ledger:
        uses = spent_uses(backend.settings, ledger, mandate)
    assert uses is not None
    return len(uses)


def reserve(backend: BackEnd, mandate: Mandate, wanted: Sequence[Envelope]) -> None:
    """As a runner does; a team's sequencer is there."""
    if isinstance(backend, PostgresBackEnd):
        with served(backend.settings):
            reserve_uses(backend.settings, mandate, wanted)
    else:
        reserve_uses(backend.settings, mandate, wanted)


@pytest.mark.parametrize(
    "lie",
    [
        "predicate_type = 'https://example.org/x'",
        "predicate_type = NULL",
        "mlo = 'mlo:7K3D-9QXA-2MFB'",
        "mlo = NULL, key_id = NULL, subject = NULL",
    ],
)
def test_no_column_hides_a_use_or_a_revocation(
    any_backend: BackEnd, maker: Maker, lie: str
) -> None:
    mandate, ended = maker.mandate(uses=3), maker.mandate()
    revocation = make_revocation(maker.own, now=NOW, reason="ended", delegation=ended.mandate_id)
    maker.append(*uses_of(mandate, 3), revocation)
    any_backend.attack(f"UPDATE contents SET {lie}")
    assert count(any_backend, mandate) == 3
    assert mandate_standing(any_backend.settings, mandate, NOW).element == "uses"
    assert mandate_standing(any_backend.settings, ended, NOW).element == "revoked"
    with pytest.raises(Refused, match="permits 3 runs, and so many have been started"):
        reserve(any_backend, mandate, uses_of(mandate))
    with any_backend.open() as ledger:
        seen = LedgerView(ledger).uses(read_statement(mandate.chain[-1]))
    assert seen is not None
    assert len(seen.uses) == 3
    assert max(use.index for use in seen.uses) < seen.revocations[revocation.statement_id]
    assert all(use.index > 0 for use in seen.uses)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("DELETE FROM contents WHERE leaf_index = {at}", "the content of entry {at} is gone"),
        (
            "UPDATE contents SET envelope = (SELECT envelope FROM contents WHERE leaf_index = 0), "
            "salt = (SELECT salt FROM contents WHERE leaf_index = 0) WHERE leaf_index = {at}",
            "entry {at} is damaged",
        ),
        (
            "UPDATE entries SET leaf_hash = (SELECT leaf_hash FROM entries WHERE leaf_index = 0) "
            "WHERE leaf_index = {at}",
            "entry {at} is damaged",
        ),
    ],
)
def test_where_an_entry_was_taken_away_or_exchanged_no_use_is_given(
    any_backend: BackEnd, maker: Maker, harm: str, said: str
) -> None:
    mandate = maker.mandate()
    maker.append(*uses_of(mandate))
    at = 2
    any_backend.attack(harm.format(at=at))
    with any_backend.open() as ledger, pytest.raises(LedgerError, match=said.format(at=at)):
        spent_uses(any_backend.settings, ledger, mandate)
    with pytest.raises(LedgerError, match="does not hold"):
        reserve(any_backend, mandate, uses_of(mandate))
    assert said.format(at=at) in mandate_standing(any_backend.settings, mandate, NOW).note


def test_a_ledger_that_was_put_back_gives_no_use(any_backend: BackEnd, maker: Maker) -> None:
    mandate = maker.mandate(uses=1)
    size = 2
    maker.append(*uses_of(mandate))
    for table, column in (
        ("contents", "leaf_index"), ("entries", "leaf_index"), ("checkpoints", "size - 1"),
    ):  # fmt: skip
        any_backend.attack(f"DELETE FROM {table} WHERE {column} >= {size}")
    with pytest.raises(LedgerError, match="rolled back"):
        reserve(any_backend, mandate, uses_of(mandate))
    # Before the mandate itself.
    for table, column in (
        ("contents", "leaf_index"), ("entries", "leaf_index"), ("checkpoints", "size - 1"),
    ):  # fmt: skip
        any_backend.attack(f"DELETE FROM {table} WHERE {column} >= 0")
    with any_backend.open() as ledger:
        seen: list[str] = []
        LedgerView(ledger, damaged=seen.append).uses(read_statement(mandate.chain[-1]))
    assert "does not continue the checkpoint of 1 entries" in seen[0]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From which index on entries were read."""
    seen: list[int] = []
    real: Callable[..., object] = Rows.leaves

    def leaves(self: Rows, first: int, size: int) -> object:
        seen.append(first)
        return real(self, first, size)

    monkeypatch.setattr(Rows, "leaves", leaves)
    return seen


def test_reading_begins_where_the_mandate_was_made_and_goes_on_from_there(
    any_backend: BackEnd, maker: Maker, read: list[int]
) -> None:
    maker.append(*map(make_envelope, range(300)))
    mandate = maker.mandate()
    maker.append(*uses_of(mandate))
    assert count(any_backend, mandate) == 1
    maker.append(*map(make_envelope, range(300, 510)))
    assert count(any_backend, mandate) == 1
    maker.append(*uses_of(mandate))
    assert count(any_backend, mandate) == 2
    assert count(any_backend, mandate) == 2
    assert read == [301, 301, 513, 513]


def test_a_revocation_that_was_read_is_kept_and_counts_though_its_row_is_harmed(
    any_backend: BackEnd, maker: Maker
) -> None:
    mandate = maker.mandate()
    maker.append(
        make_revocation(maker.own, now=NOW, reason="ended", delegation=mandate.mandate_id),
        *map(make_envelope, range(210)),
    )
    assert mandate_standing(any_backend.settings, mandate, NOW).element == "revoked"
    any_backend.attack("UPDATE contents SET envelope = salt WHERE leaf_index = 2")
    assert mandate_standing(any_backend.settings, mandate, NOW).element == "revoked"


def test_what_was_kept_of_another_ledger_is_not_believed(
    backend: BackEnd, maker_of: Callable[[BackEnd], Maker]
) -> None:
    maker = maker_of(backend)
    mandate = maker.mandate()
    maker.append(*uses_of(mandate, 2), *map(make_envelope, range(210)))
    assert count(backend, mandate) == 2
    (kept,) = backend.settings.counted.iterdir()
    value = json.loads(kept.read_text())
    assert len(value["uses"]) == 2
    for change in ({"origin": "else"}, {"root": "00" * 32}, {"size": 900}, {"size": -1}):
        kept.write_text(json.dumps({**value, "uses": [], **change}))
        assert count(backend, mandate) == 2, change
    for text in ("", "{}", "[" * 10_000, '{"uses": 1}', json.dumps(value | {"revocations": ["x"]})):
        kept.write_text(text)
        assert count(backend, mandate) == 2, text


@pytest.fixture
def maker_of() -> type[Maker]:
    return Maker


# -- a team's ledger -----------------------------------------------------------------------


def test_without_a_sequencer_a_use_is_refused_and_none_is_spent(
    team: PostgresBackEnd, writer: Settings, tmp_path: Path
) -> None:
    maker = Maker(team)
    mandate = maker.mandate()
    with pytest.raises(LedgerError, match="no sequencer runs"):
        reserve_uses(writer, mandate, uses_of(mandate))
    assert team.rows("SELECT count(*) FROM inbox") == [(0,)]
    with served(team.settings):
        reserve_uses(writer, mandate, uses_of(mandate))
    assert count(team, mandate) == 1


def test_what_waits_in_the_inbox_is_no_use_yet(team: PostgresBackEnd, writer: Settings) -> None:
    maker = Maker(team)
    mandate = maker.mandate(uses=1)
    (waiting,) = uses_of(mandate)
    team.attack("INSERT INTO inbox (envelope) VALUES (?)", [waiting.to_bytes()])
    assert count(team, mandate) == 0
    # It came first, and so it is the one; whoever asks later is refused by where he stands.
    with served(team.settings), pytest.raises(Refused, match="so many have been started"):
        reserve_uses(writer, mandate, uses_of(mandate))
