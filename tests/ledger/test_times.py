"""Proven times: who can say since when an entry is in the ledger, and who cannot."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from jupyter_mlo.delegation.in_time import Logged, after_revocation
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.errors import LedgerError
from jupyter_mlo.ledger.checkpoint import Checkpoint
from jupyter_mlo.ledger.note_keys import NoteSigner, NoteVerifier
from jupyter_mlo.ledger.store import Ledger
from jupyter_mlo.ledger.times import Clock
from jupyter_mlo.ledger.view import LedgerView
from jupyter_mlo.ledger.witnesses import clock_of
from jupyter_mlo.statements.envelope import Envelope
from tests.ledger.conftest import BackEnd, make_envelope

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Hands:
    """A clock that is put where a test wants it."""

    now: datetime = NOON

    def __call__(self) -> float:
        return self.now.timestamp()

    def turn(self, **by: float) -> None:
        """Put it forward, or back."""
        self.now += timedelta(**by)


@pytest.fixture
def hands() -> Hands:
    """The clock of the ledger's machine."""
    return Hands()


@pytest.fixture
def timed(backend: BackEnd, hands: Hands) -> Iterator[Ledger]:
    """A ledger that goes by it."""
    with backend.open(clock=hands) as ledger:
        yield ledger


def at(ledger: Ledger, index: int) -> datetime | None:
    """The proven time of an entry."""
    return ledger.times().of(index)


def test_a_checkpoint_says_when_it_was_in_a_cosignature_as_c2sp_writes_it(
    timed: Ledger, envelopes: list[Envelope]
) -> None:
    timed.append(envelopes[:1])
    body, _, lines = timed.checkpoint().decode().partition("\n\n")
    _, cosignature = lines.splitlines()
    dash, name, encoded = cosignature.split(" ")
    assert (dash, name) == ("—", timed.origin)
    data = base64.b64decode(encoded)
    assert data[:4] == timed.verifier.cosigner.key_hash != timed.verifier.key_hash
    assert int.from_bytes(data[4:12], "big") == NOON.timestamp()
    signed = f"cosignature/v1\ntime {int(NOON.timestamp())}\n{body}\n".encode()
    Ed25519PublicKey.from_public_bytes(timed.verifier.public).verify(data[12:], signed)


def test_a_cosignature_counts_under_the_key_of_its_cosigner_only() -> None:
    note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    key = NoteSigner("witness.example.com/w1", bytes(range(32)))
    line = key.cosignature(note, 1679315147)
    whole = Checkpoint.from_text(note)
    log = NoteSigner("example.com/behind-the-sofa", bytes(32))
    assert Clock((key.verifier.cosigner,), 1).read(whole.sign(log) + line) == 1679315147
    assert Clock((log.verifier.cosigner,), 1).read(whole.sign(log) + line) is None


def test_an_entry_has_the_time_of_the_first_checkpoint_over_it(
    timed: Ledger, hands: Hands, envelopes: list[Envelope]
) -> None:
    for n in range(3):
        timed.append(envelopes[n : n + 1])
        hands.turn(minutes=10)
    assert [at(timed, n) for n in range(3)] == [NOON + timedelta(minutes=10 * n) for n in range(3)]
    assert at(timed, 3) is None
    assert timed.verify().holds


def test_an_entry_was_not_there_at_the_last_checkpoint_before_it(three: BackEnd) -> None:
    with three.open() as ledger:
        times = ledger.times()
        hour = timedelta(hours=1)
        assert [times.before(n) for n in range(4)] == [None, NOON, NOON + hour, None]


def test_within_a_second_only_one_checkpoint_says_when_and_the_last_does_at_the_end(
    backend: BackEnd, hands: Hands, envelopes: list[Envelope]
) -> None:
    with backend.open(clock=hands) as ledger:
        for n in range(4):
            ledger.append(envelopes[n : n + 1])
            hands.turn(milliseconds=200)
        assert at(ledger, 0) == NOON
        assert at(ledger, 1) is None
        assert at(ledger, 3) is None
        hands.turn(hours=1)
    with backend.open() as ledger:
        later = (NOON + timedelta(hours=1)).replace(microsecond=0)
        assert [at(ledger, n) for n in range(4)] == [NOON, later, later, later]
        assert ledger.verify().holds


def test_a_clock_that_is_set_back_proves_nothing_older(
    backend: BackEnd, hands: Hands, envelopes: list[Envelope]
) -> None:
    with backend.open(clock=hands) as ledger:
        ledger.append(envelopes[:1])
        hands.turn(days=-30)
        ledger.append(envelopes[1:2])
        assert at(ledger, 1) == NOON
    with backend.open(clock=hands) as ledger:
        ledger.append(envelopes[2:3])
        assert at(ledger, 2) == NOON
        assert ledger.verify().holds


def test_an_append_that_was_rolled_back_leaves_no_time(
    timed: Ledger, hands: Hands, envelopes: list[Envelope]
) -> None:
    with contextlib.suppress(KeyError), timed.transaction():
        timed.append(envelopes[:1])
        raise KeyError
    timed.append(envelopes[1:2])
    assert at(timed, 0) == NOON


@pytest.fixture
def three(backend: BackEnd, hands: Hands) -> BackEnd:
    """Three entries, an hour apart."""
    with backend.open(clock=hands) as ledger:
        for n in range(3):
            ledger.append([make_envelope(n)])
            hands.turn(hours=1)
    return backend


def test_who_writes_the_database_makes_times_later_never_earlier(three: BackEnd) -> None:
    three.attack("DELETE FROM checkpoints WHERE size = 1")
    with three.open() as ledger:
        assert at(ledger, 0) == NOON + timedelta(hours=1)
    three.attack("UPDATE checkpoints SET note = x'00' WHERE size = 2")
    with three.open() as ledger:
        assert at(ledger, 0) == NOON + timedelta(hours=2)


def test_an_old_cosignature_under_a_new_checkpoint_counts_for_nothing_and_is_named(
    three: BackEnd,
) -> None:
    notes = dict(three.rows("SELECT size, note FROM checkpoints"))
    old = notes[1].rpartition(b"\n\xe2\x80\x94 ")[2]
    own, _, _ = notes[3].rpartition(b"\n\xe2\x80\x94 ")
    bent = own + b"\n\xe2\x80\x94 " + old
    three.attack("UPDATE checkpoints SET note = ? WHERE size = 3", (bent,))
    with three.open() as ledger:
        assert at(ledger, 2) is None
        (fault,) = ledger.verify().faults
        assert fault.where == "checkpoints 3"
        assert "does not hold" in fault.what


def test_an_old_checkpoint_in_the_row_of_a_new_one_counts_for_nothing(three: BackEnd) -> None:
    three.attack(
        "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 1) WHERE size = 3"
    )
    with three.open() as ledger:
        assert at(ledger, 2) is None


def test_a_statement_moved_to_an_older_entry_is_not_logged(three: BackEnd) -> None:
    newest = make_envelope(2).statement_id
    three.attack("DELETE FROM contents WHERE leaf_index = 0")
    three.attack("UPDATE contents SET leaf_index = 0 WHERE leaf_index = 2")
    with three.open() as ledger:
        assert LedgerView(ledger).logged([newest]) == {}
        with pytest.raises(LedgerError, match="entry 0 is damaged"):
            ledger.index(newest)


def test_a_row_that_names_another_statement_lends_it_no_place(three: BackEnd) -> None:
    never = make_envelope(7)
    three.attack(
        "UPDATE contents SET statement_id = ? WHERE leaf_index = 1",
        (bytes.fromhex(never.statement_id),),
    )
    with three.open() as ledger:
        said: list[str] = []
        assert ledger.indexes([never.statement_id], said.append) == {}
        assert said == ["entry 1 is damaged: its envelope is that of another statement"]
    three.attack("UPDATE contents SET envelope = ? WHERE leaf_index = 1", (never.to_bytes(),))
    with three.open() as ledger:
        said.clear()
        assert ledger.indexes([never.statement_id], said.append) == {}
        assert said == ["entry 1 is damaged: its leaf is not under the newest checkpoint"]


def test_a_checkpoint_that_goes_back_in_time_is_named(three: BackEnd) -> None:
    key = NoteSigner.from_text((three.settings.ledger / "checkpoint.key").read_text().strip())
    with three.open() as ledger:
        head = ledger.head()
    note = head.sign(key, int((NOON - timedelta(days=1)).timestamp()))
    three.attack("UPDATE checkpoints SET note = ? WHERE size = 3", (note,))
    with three.open() as ledger:
        (fault,) = ledger.verify().faults
        assert fault.where == "checkpoints 3"
        assert "2026-11-21T12:00:00.000Z" in fault.what
        assert "2026-11-22T13:00:00.000Z" in fault.what


def test_what_was_logged_before_a_compromise_stays_good(three: BackEnd) -> None:
    """The ledger's times reach the rule that they are for."""
    with three.open() as ledger:
        view = LedgerView(ledger)
        wanted = [make_envelope(n).statement_id for n in range(3)]
        places = view.logged(wanted)
        since = NOON + timedelta(minutes=90)
        said = [
            after_revocation(
                claimed=NOON - timedelta(minutes=5),
                logged=places[name],
                revoked=NOON + timedelta(hours=5),
                revocation_logged=Logged(3, origin=ledger.origin),
                compromised_since=since,
                grace=timedelta(days=7),
                now=NOON + timedelta(days=1),
            ).why
            for name in wanted
        ]
    assert said[:2] == ["", ""]
    assert "not proven to be older" in said[2]


def test_the_log_itself_is_no_witness_of_its_own() -> None:
    log = NoteSigner("log.example", bytes(32))
    posing = NoteVerifier("w.example", log.verifier.public).cosigner
    honest = NoteSigner("v.example", bytes(range(32))).verifier.cosigner
    trust = Trust(witnesses={one.name: one.vkey for one in (posing, honest)}, quorum=1)
    assert clock_of(trust, log.verifier).cosigners == (honest,)
    assert clock_of(Trust(), log.verifier).cosigners == (log.verifier.cosigner,)


def test_a_quorum_takes_so_many_witnesses_and_the_last_of_them_says_the_time() -> None:
    log = NoteSigner("log.example", bytes(32))
    witnesses = [NoteSigner(f"w{n}.example", bytes([n]) * 32) for n in range(1, 4)]
    head = Checkpoint("log.example", 0, bytes(32))
    text = head.to_text()
    note = head.sign(log, 50)
    cosigners = tuple(one.verifier.cosigner for one in witnesses)
    for n, witness in enumerate(witnesses):
        assert Clock(cosigners, 3).read(note) is None
        note += witness.cosignature(text, 300 - 100 * n)
    assert [Clock(cosigners, n).read(note) for n in (0, 1, 2, 3, 4)] == [None, 100, 200, 300, None]
    # The same witness twice is one witness.
    twice = head.sign(log) + witnesses[0].cosignature(text, 1) + witnesses[0].cosignature(text, 2)
    assert Clock(cosigners, 2).read(twice) is None
    assert Clock(cosigners, 1).read(twice) == 1
    beyond = head.sign(log) + witnesses[0].cosignature(text, 2**64 - 1)
    assert Clock(cosigners, 1).read(beyond) is None
