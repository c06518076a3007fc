"""What a ledger promises, on every database that can hold one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jupyter_mlo.errors import KeyFileError, LedgerError, NotFound, StatementError
from jupyter_mlo.ledger.checkpoint import read_checkpoint
from jupyter_mlo.ledger.database import LedgerUnreachable
from jupyter_mlo.ledger.leaf import entry_hash
from jupyter_mlo.ledger.merkle import EMPTY_ROOT, consistency_holds, inclusion_holds, root_of
from jupyter_mlo.ledger.proofs import TlogProof
from jupyter_mlo.ledger.store import Filter, Ledger
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from tests.ledger.conftest import BackEnd, make_envelope


@pytest.fixture
def ledger(any_backend: BackEnd) -> Iterator[Ledger]:
    """A new ledger."""
    with any_backend.open() as opened:
        yield opened


def leaves(any_backend: BackEnd) -> list[bytes]:
    """The leaf hashes as salts and envelopes give them, in order."""
    rows = any_backend.rows("SELECT salt, envelope FROM contents ORDER BY leaf_index")
    return [entry_hash(salt, envelope) for salt, envelope in rows]


def test_a_new_ledger_is_empty_and_has_a_checkpoint_that_says_so(ledger: Ledger) -> None:
    head = read_checkpoint(ledger.checkpoint(), ledger.verifier)
    assert (head.size, head.root) == (0, EMPTY_ROOT)
    assert head.origin == ledger.origin
    assert ledger.origin.startswith("jupyter-mlo.local/")
    assert ledger.size == 0
    assert list(ledger.entries()) == []
    assert ledger.verify().holds


def test_every_ledger_has_an_origin_and_a_key_of_its_own_for_ever(
    any_backend: BackEnd, tmp_path: Path
) -> None:
    with any_backend.open() as ledger:
        first = ledger.verifier
    with any_backend.open() as ledger:
        assert ledger.verifier == first
    with any_backend.another(tmp_path / "other").open() as ledger:
        assert ledger.origin != first.name
        assert ledger.verifier.public != first.public


def test_appending_gives_receipts_in_order(ledger: Ledger, envelopes: list[Envelope]) -> None:
    receipts = ledger.append(envelopes[:3]) + ledger.append(envelopes[3:4])
    assert [receipt.index for receipt in receipts] == [0, 1, 2, 3]
    assert [receipt.statement_id for receipt in receipts] == [
        envelope.statement_id for envelope in envelopes[:4]
    ]
    assert ledger.size == 4
    assert ledger.append([]) == []


def test_a_statement_counts_once_however_often_it_comes(
    ledger: Ledger, envelopes: list[Envelope]
) -> None:
    a, b, c = envelopes[:3]
    first = ledger.append([a, b, a])
    assert [receipt.index for receipt in first] == [0, 1, 0]
    before = ledger.checkpoint()
    assert ledger.append([b]) == [first[1]]
    assert ledger.checkpoint() == before
    assert [receipt.index for receipt in ledger.append([c, b, c, a])] == [2, 1, 2, 0]
    assert ledger.size == 3
    assert ledger.verify().holds


def test_another_signature_on_the_same_statement_is_the_same_statement(ledger: Ledger) -> None:
    envelope = make_envelope(1)
    again = Envelope(envelope.payload, envelope.key_id, make_envelope(2).signature)
    assert ledger.append([envelope]) == ledger.append([again])
    assert ledger.envelope(0) == envelope


def test_what_was_appended_is_there_when_the_ledger_is_opened_again(
    any_backend: BackEnd, envelopes: list[Envelope]
) -> None:
    with any_backend.open() as ledger:
        ledger.append(envelopes[:5])
        checkpoint = ledger.checkpoint()
    with any_backend.open() as ledger:
        assert ledger.checkpoint() == checkpoint
        assert [entry.envelope for entry in ledger.entries()] == envelopes[:5]
        assert ledger.append(envelopes[5:6])[0].index == 5
        assert ledger.verify().holds


def test_envelopes_come_back_byte_for_byte(any_backend: BackEnd, ledger: Ledger) -> None:
    canonical = make_envelope(1)
    odd = make_envelope(2).to_bytes().replace(b'"payload":', b' "payload" :\t')
    ledger.append([canonical, odd])
    assert [entry.stored for entry in ledger.entries()] == [canonical.to_bytes(), odd]
    assert ledger.envelope(0) == ledger.envelope(canonical.statement_id) == canonical
    assert ledger.envelope(1).to_bytes() != odd
    assert ledger.index(make_envelope_id(odd)) == 1


def make_envelope_id(stored: bytes) -> str:
    """The statement ID of an envelope as stored."""
    return Envelope.from_bytes(stored).statement_id


@pytest.mark.parametrize("bad", [b"", b"{}", b"not json", b'{"payload":1}', b"\xff" * 10])
def test_what_is_no_envelope_is_refused_and_nothing_is_appended(
    ledger: Ledger, envelopes: list[Envelope], bad: bytes
) -> None:
    with pytest.raises(StatementError):
        ledger.append([envelopes[0], bad])
    assert ledger.size == 0


def test_the_tree_is_the_one_that_salts_and_envelopes_give(
    any_backend: BackEnd, ledger: Ledger, envelopes: list[Envelope]
) -> None:
    for size, envelope in enumerate(envelopes, 1):
        ledger.append([envelope])
        head = read_checkpoint(ledger.checkpoint(), ledger.verifier)
        assert (head.size, head.root) == (size, root_of(leaves(any_backend)))


def test_salts_are_random(any_backend: BackEnd, ledger: Ledger, envelopes: list[Envelope]) -> None:
    ledger.append(envelopes)
    salts = [salt for (salt,) in any_backend.rows("SELECT salt FROM contents")]
    assert len(set(salts)) == len(envelopes)
    assert {len(salt) for salt in salts} == {32}


@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches=st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_however_it_was_batched_every_proof_holds(
    tmp_path_factory: pytest.TempPathFactory, any_backend: BackEnd, batches: list[int]
) -> None:
    fresh = any_backend.another(tmp_path_factory.mktemp("home"))
    statements = iter([make_envelope(n) for n in range(sum(batches))])
    heads = []
    with fresh.open() as ledger:
        for batch in batches:
            ledger.append([next(statements) for _ in range(batch)])
            heads.append(ledger.head())
        stored = leaves(fresh)
        for head in heads:
            assert head.root == root_of(stored[: head.size])
            for index in range(head.size):
                proof = ledger.inclusion(index, head.size)
                assert inclusion_holds(stored[index], index, head.size, proof, head.root)
        for old in heads:
            for new in heads:
                if old.size <= new.size:
                    proof = ledger.consistency(old.size, new.size)
                    assert consistency_holds(old.size, new.size, proof, old.root, new.root)
        assert ledger.verify().holds


def test_receipts_prove_an_entry_to_whoever_knows_the_log_s_key(
    ledger: Ledger, envelopes: list[Envelope]
) -> None:
    ledger.append(envelopes)
    for entry in ledger.entries():
        taken_away = ledger.receipt(entry.statement_id).to_bytes()
        checkpoint = TlogProof.from_bytes(taken_away).check(entry.stored, ledger.verifier)
        assert checkpoint == ledger.head()


def test_quoting_names_the_newest_checkpoint(ledger: Ledger, envelopes: list[Envelope]) -> None:
    ledger.append(envelopes[:3])
    quoted = ledger.quoted()
    head = ledger.head()
    assert quoted == head.quoted()
    assert (quoted["origin"], quoted["size"]) == (ledger.origin, 3)


def test_what_is_not_there_is_said_to_be_missing(ledger: Ledger, envelopes: list[Envelope]) -> None:
    ledger.append(envelopes[:2])
    for missing in (2, -1, 10**20, "00" * 32, "not hex", ""):
        with pytest.raises(NotFound):
            ledger.envelope(missing)
    for index, size in ((2, None), (0, 3), (-1, 2)):
        with pytest.raises(NotFound):
            ledger.inclusion(index, size)
    for first, second in ((3, None), (1, 3), (-1, 2)):
        with pytest.raises(NotFound):
            ledger.consistency(first, second)


# --- transactions


def test_a_transaction_keeps_all_or_nothing(ledger: Ledger, envelopes: list[Envelope]) -> None:
    with ledger.transaction():
        assert ledger.append(envelopes[:2])[1].index == 1
        assert ledger.append(envelopes[2:3])[0].index == 2
    assert ledger.size == 3

    class Stop(Exception):
        pass

    def stop_half_way() -> None:
        with ledger.transaction():
            ledger.append(envelopes[3:5])
            raise Stop

    with pytest.raises(Stop):
        stop_half_way()
    assert ledger.size == 3
    assert ledger.append(envelopes[5:6])[0].index == 3
    report = ledger.verify()
    assert report.holds
    assert report.size == 4


def test_half_an_append_is_never_committed_even_if_the_caller_goes_on(
    any_backend: BackEnd, ledger: Ledger, envelopes: list[Envelope]
) -> None:
    ledger.append(envelopes[:2])
    # A row beyond the last checkpoint, as a damaged ledger may have one.
    any_backend.attack(
        "INSERT INTO contents SELECT 3, ?, '', '', '', '', '', 0, salt, envelope "
        "FROM contents WHERE leaf_index = 0",
        (b"\0",),
    )

    def go_on_after_a_failure() -> None:
        with (
            ledger.transaction(),
            pytest.raises(LedgerUnreachable, match="beyond its last checkpoint"),
        ):
            ledger.append(envelopes[2:4])

    with pytest.raises(LedgerUnreachable):
        go_on_after_a_failure()
    assert any_backend.rows("SELECT count(*) FROM entries") == [(2,)]


def test_two_connections_see_each_other_s_entries_and_continue_one_tree(
    any_backend: BackEnd, envelopes: list[Envelope]
) -> None:
    with any_backend.open() as one, any_backend.open() as two:
        for n in range(0, 20, 2):
            assert one.append([envelopes[n]])[0].index == n
            assert two.append([envelopes[n + 1]])[0].index == n + 1
        assert one.append([envelopes[1]])[0].index == 1
        assert one.checkpoint() == two.checkpoint()
        assert one.verify().holds


def test_two_who_append_at_once_wait_for_one_another(any_backend: BackEnd) -> None:
    any_backend.open().close()

    def append(first: int) -> list[int]:
        with any_backend.open() as ledger:
            made = [make_envelope(n) for n in range(first, first + 40)]
            return [ledger.append([envelope])[0].index for envelope in made]

    with ThreadPoolExecutor(2) as threads:
        indexes = [*threads.map(append, (0, 100))]
    assert sorted(indexes[0] + indexes[1]) == list(range(80))
    with any_backend.open() as ledger:
        assert ledger.verify().holds


def test_what_was_rolled_back_is_not_built_on(
    any_backend: BackEnd, envelopes: list[Envelope]
) -> None:
    class Stop(Exception):
        pass

    with any_backend.open() as one, any_backend.open() as two:
        one.append(envelopes[:1])

        def roll_back() -> None:
            with one.transaction():
                one.append(envelopes[1:2])
                raise Stop

        with pytest.raises(Stop):
            roll_back()
        # The tree is now as large as the one that was rolled back, and another.
        two.append(envelopes[2:3])
        assert one.append(envelopes[3:4])[0].index == 2
        assert one.verify().holds


def test_a_reader_sees_one_moment_while_others_append(
    any_backend: BackEnd, envelopes: list[Envelope]
) -> None:
    with any_backend.open() as writer, any_backend.open() as reader:
        writer.append(envelopes[:4])
        seen = []

        def progress(done: int, total: int) -> None:
            writer.append(envelopes[4:8])
            seen.append((done, total))

        report = reader.verify(progress)
        assert report.holds
        assert report.size == 4
        assert seen == [(4, 4)]
        assert reader.size == 8


def test_a_ledger_that_is_locked_for_too_long_says_so(
    any_backend: BackEnd, envelopes: list[Envelope]
) -> None:
    with any_backend.open() as holder, any_backend.open(patience=0.05) as waiter:
        with holder.transaction():
            holder.append(envelopes[:1])
            with pytest.raises(LedgerUnreachable, match="locked"):
                waiter.append(envelopes[1:2])
        assert waiter.append(envelopes[1:2])[0].index == 1


# --- what can be asked for


def test_entries_are_found_by_mlo_activity_type_and_time(ledger: Ledger) -> None:
    ada, bob = "mlo:7K3D-9QXA-2MFB", "mlo:AAAA-BBBB-CCCC"
    ledger.append(
        [
            make_envelope(0, mlo=ada, predicate_type=types.SEAL),
            make_envelope(1, mlo=bob, predicate_type=types.PROVENANCE, activity="validation"),
            make_envelope(2, mlo=ada, predicate_type=types.STAMP, time="2026-11-22T12:00:00Z"),
            make_envelope(3, mlo=bob, time="2026-11-22T12:00:00.000001Z"),
        ]
    )

    def found(**wanted: object) -> list[int]:
        return [entry.index for entry in ledger.entries(Filter(**wanted))]

    assert found() == [0, 1, 2, 3]
    assert found(mlo=ada) == [0, 2]
    assert found(mlo=bob) == [1, 3]
    assert found(predicate_type=types.PROVENANCE) == [1]
    assert found(activity="validation") == [1]
    assert found(subject="notebook 2") == [2]
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert found(since=noon) == [2, 3]
    assert found(until=noon) == [0, 1, 2]
    assert found(since=noon, until=noon) == [2]
    assert found(first=2) == [2, 3]
    assert found(newest=2) == [2, 3]
    assert found(newest=2, mlo=ada) == [0, 2]
    assert found(newest=1, until=noon) == [2]
    assert found(newest=0) == []
    assert found(newest=10**30) == [0, 1, 2, 3]
    assert found(first=10**30) == []
    assert found(mlo="mlo:nobody") == []


def test_entries_beyond_one_page_come_in_order(ledger: Ledger) -> None:
    ledger.append([make_envelope(n) for n in range(450)])
    assert [entry.index for entry in ledger.entries()] == list(range(450))
    assert [entry.index for entry in ledger.entries(Filter(newest=300))] == list(range(150, 450))


def test_an_entry_says_what_its_statement_says(ledger: Ledger) -> None:
    envelope = make_envelope(7, predicate_type=types.TEST_RESULT, activity="validation")
    ledger.append([envelope])
    (entry,) = ledger.entries()
    assert entry.statement_id == envelope.statement_id
    assert entry.facts.predicate_type == types.TEST_RESULT
    assert entry.facts.mlo == "mlo:7K3D-9QXA-2MFB"
    assert entry.facts.key_id == envelope.key_id
    assert entry.facts.activity == "validation"
    assert entry.facts.subject == "notebook 7"
    assert entry.time == datetime(2026, 11, 22, 10, 0, 7, tzinfo=UTC)


# --- keys


def test_without_its_key_a_ledger_can_be_read_but_not_appended_to(
    any_backend: BackEnd, envelopes: list[Envelope]
) -> None:
    with any_backend.open() as ledger:
        ledger.append(envelopes[:1])
    key = any_backend.key
    away = key.rename(key.with_name("away"))
    with any_backend.open() as ledger:
        assert ledger.verify().holds
        with pytest.raises(KeyFileError, match="is missing"):
            ledger.append(envelopes[1:2])
        away.rename(key)
        assert ledger.append(envelopes[1:2])[0].index == 1


def test_a_key_that_others_may_read_is_not_used(
    any_backend: BackEnd, envelopes: list[Envelope]
) -> None:
    with any_backend.open() as ledger:
        key = any_backend.key
        key.chmod(0o640)
        with pytest.raises(KeyFileError, match="chmod 600"):
            ledger.append(envelopes[:1])
        assert ledger.size == 0


def test_another_ledger_s_key_is_refused(
    any_backend: BackEnd, envelopes: list[Envelope], tmp_path: Path
) -> None:
    from jupyter_mlo.ledger.note_keys import NoteSigner

    with any_backend.open() as ledger:
        key = any_backend.key
        key.write_text(NoteSigner.generate(ledger.origin).to_text())
        with pytest.raises(KeyFileError, match="is the key of"):
            ledger.append(envelopes[:1])


# --- nothing is built on a tree that was tampered with


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("UPDATE entries SET leaf_hash = ? WHERE leaf_index = 6", (bytes(32),)),
        ("UPDATE entries SET completed = ? WHERE leaf_index = 3", (bytes(64),)),
        ("UPDATE entries SET completed = ? WHERE leaf_index = 3", (b"",)),
        ("UPDATE checkpoints SET note = ? WHERE size = 7", (b"\0",)),
        ("UPDATE checkpoints SET size = 8 WHERE size = 7", ()),
        ("DELETE FROM entries WHERE leaf_index = ?", (6,)),
        ("DELETE FROM checkpoints", ()),
        ("UPDATE log SET origin = ?", ("jupyter-mlo.local/another",)),
        ("UPDATE log SET public_key = ?", (bytes(32),)),
    ],
)
def test_nothing_is_appended_to_a_tree_that_its_last_checkpoint_does_not_name(
    any_backend: BackEnd, envelopes: list[Envelope], sql: str, parameters: Sequence[object]
) -> None:
    with any_backend.open() as ledger:
        for envelope in envelopes[:7]:
            ledger.append([envelope])
    assert any_backend.attack(sql, parameters)
    before = any_backend.rows("SELECT count(*) FROM contents")
    with any_backend.open() as ledger, pytest.raises((LedgerError, KeyFileError)):
        ledger.append(envelopes[7:8])
    assert any_backend.rows("SELECT count(*) FROM contents") == before
