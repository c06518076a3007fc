"""Publishing: into the ledger, or into the outbox with the reason; never lost, never doubled."""

from __future__ import annotations

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import StatementError
from jupyter_mlo.ledger.content import content_of
from jupyter_mlo.ledger.outbox import Outbox
from jupyter_mlo.ledger.publish import publish
from jupyter_mlo.ledger.store import database_path, open_ledger
from jupyter_mlo.statements.envelope import Envelope
from tests.ledger.conftest import BackEnd, make_envelope


def held(settings: Settings) -> list[Envelope]:
    """What the ledger holds; it must verify."""
    with open_ledger(settings) as ledger:
        assert ledger.verify().holds
        return [entry.envelope for entry in ledger.entries()]


def test_publishing_makes_the_ledger_and_appends(
    settings: Settings, envelopes: list[Envelope]
) -> None:
    published = publish(settings, envelopes[:2])
    assert (published.count, published.waiting, published.why) == (2, 0, "")
    assert [receipt.index for receipt in published.receipts] == [0, 1]
    assert held(settings) == envelopes[:2]
    with open_ledger(settings) as ledger:
        assert published.checkpoint == ledger.quoted()


def test_publishing_twice_counts_once(settings: Settings, envelopes: list[Envelope]) -> None:
    first = publish(settings, envelopes[:2])
    assert publish(settings, envelopes[:2]).receipts == first.receipts
    assert held(settings) == envelopes[:2]


def test_what_waits_goes_first(settings: Settings, envelopes: list[Envelope]) -> None:
    Outbox(settings).put(map(content_of, envelopes[3:6]))
    published = publish(settings, envelopes[:2])
    assert (published.count, published.waiting, published.flushed) == (2, 0, 3)
    assert held(settings) == [*envelopes[3:6], *envelopes[:2]]


def test_publishing_nothing_flushes_the_outbox(
    settings: Settings, envelopes: list[Envelope]
) -> None:
    Outbox(settings).put([content_of(envelopes[0])])
    published = publish(settings, [])
    assert (published.count, published.flushed, published.receipts) == (0, 1, ())
    assert held(settings) == envelopes[:1]


def test_what_is_no_envelope_is_refused_before_anything_is_published(
    settings: Settings, envelopes: list[Envelope]
) -> None:
    with pytest.raises(StatementError):
        publish(settings, [envelopes[0], b"{}"])
    assert not database_path(settings).exists()
    assert Outbox(settings).waiting() == 0


def break_schema(backend: BackEnd) -> None:
    backend.attack("UPDATE alembic_version SET version_num = '0999'")


def break_tree(backend: BackEnd) -> None:
    backend.attack("UPDATE entries SET leaf_hash = zeroblob(32) WHERE leaf_index = 0")


def break_log(backend: BackEnd) -> None:
    backend.attack("DELETE FROM log")


def break_key(backend: BackEnd) -> None:
    (backend.settings.ledger / "checkpoint.key").unlink()


def break_key_mode(backend: BackEnd) -> None:
    (backend.settings.ledger / "checkpoint.key").chmod(0o644)


def break_file(backend: BackEnd) -> None:
    database_path(backend.settings).write_bytes(b"no database" * 1000)


def break_folder(backend: BackEnd) -> None:
    folder = backend.settings.ledger
    folder.rename(folder.with_name("away"))
    folder.write_bytes(b"a file where a folder should be")


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (break_schema, "pip install -U"),
        (break_tree, "does not hold"),
        (break_log, "which log it is"),
        (break_key, "checkpoint key"),
        (break_key_mode, "chmod 600"),
        (break_file, "is damaged"),
        (break_folder, "cannot be"),
    ],
)
def test_whatever_is_wrong_with_the_ledger_statements_wait_with_the_reason(
    settings: Settings, backend: BackEnd, envelopes: list[Envelope], damage: object, why: str
) -> None:
    publish(settings, envelopes[:1])
    damage(backend)
    published = publish(settings, envelopes[1:3])
    assert (published.count, published.waiting) == (0, 2)
    assert why in published.why
    again = publish(settings, envelopes[3:4])
    assert (again.count, again.waiting) == (0, 3)


def test_a_damaged_file_in_the_outbox_is_named_while_all_else_is_published(
    settings: Settings, envelopes: list[Envelope]
) -> None:
    Outbox(settings).put([content_of(envelopes[0])])
    (path,) = settings.outbox.glob("*.json")
    path.write_bytes(b"damaged")
    published = publish(settings, envelopes[1:2])
    assert (published.count, published.waiting) == (1, 1)
    assert str(path) in published.why


def test_many_statements_after_an_outage_are_all_there_once(settings: Settings) -> None:
    envelopes = [make_envelope(n) for n in range(1200)]
    Outbox(settings).put(map(content_of, envelopes))
    assert publish(settings, envelopes[:5]).flushed == 1200
    assert held(settings) == envelopes
