"""What the ledger costs: durable appends, proofs at a million entries, records, the outbox."""

from __future__ import annotations

import os
import random
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.figure import Figure
from jupyter_mlo.config import Policy, Settings
from jupyter_mlo.delegation.enrolment import enrol_oneself
from jupyter_mlo.delegation.sessions import open_session
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.identity.ids import new_mlo_id
from jupyter_mlo.identity.keys import PublicKey, SigningKey
from jupyter_mlo.identity.profiles import Profile
from jupyter_mlo.identity.store import Identity
from jupyter_mlo.ledger import merkle
from jupyter_mlo.ledger.checkpoint import Checkpoint
from jupyter_mlo.ledger.content import content_of
from jupyter_mlo.ledger.creation import key_file
from jupyter_mlo.ledger.leaf import entry_hash
from jupyter_mlo.ledger.note_keys import NoteSigner
from jupyter_mlo.ledger.outbox import Outbox
from jupyter_mlo.ledger.publish import publish
from jupyter_mlo.ledger.records import RecordStore
from jupyter_mlo.ledger.statements import check_statements
from jupyter_mlo.ledger.store import Ledger, open_ledger
from jupyter_mlo.statements.envelope import Envelope, pae, sign, statement_json
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.times import to_text

SINGLE, BATCHES, BATCH = 1_000, 20, 1_000
ENTRIES = 1_000_000
WAITING = 2_000
CORES = os.cpu_count() or 1
ROUNDS = 5
SIGNATURES = int(os.environ.get("MLO_BENCH_SIGNATURES", "10000"))
KEY = SigningKey.generate()


def measure() -> Iterator[Figure]:
    """The figures of the ledger."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        ours, peer = _single(here / "single")
        against = "bare insert"
        yield Figure("ledger append, durable", 1e6 * ours, "µs", 1e6 * peer, against, at_most=2.0)
        yield Figure(
            "ledger append, batched", BATCH / _batched(here / "batched"), "/s", at_least=20_000
        )
        root, inclusion, consistency = _million(here / "million")
        many = f"{ENTRIES:,} entries"
        yield Figure(f"root at {many}", 1e3 * root, "ms", at_most=1.0)
        yield Figure(f"inclusion proof at {many}", 1e3 * inclusion, "ms", at_most=1.0)
        yield Figure(f"consistency proof at {many}", 1e3 * consistency, "ms", at_most=1.0)
        yield Figure("one record, appended", 1e6 * _records(here / "records"), "µs", at_most=30)
        rate = WAITING / _outbox(here / "outbox")
        yield Figure("outbox, handed to the ledger", rate, "/s", at_least=2_000)
        whole, again, leaves = _verified(here / "batched")
        entries = BATCHES * BATCH
        many = f"{entries:,} entries"
        against = "hashing the leaves"
        yield Figure(f"{many} hashed again", again, "s", leaves, against, at_most=5)
        what = "ledger verify, without signatures of statements"
        yield Figure(what, entries / whole, "/s", entries / leaves, against)
        signatures, whole, peer = _signatures(here / "signed")
        against = f"bare P-256, {CORES} processes"
        many = f"{SIGNATURES:,} entries"
        yield Figure(
            f"ledger verify, signatures of {many}", signatures, "/s", peer, against, at_least=0.8
        )
        yield Figure("the same, with start, chains and scopes", whole, "/s", peer, against)


def _single(home: Path) -> tuple[float, float]:
    """Seconds of one durable append, ours and a bare insert of the same bytes.

    Taken in turns, and of each the quarter that was disturbed least: both wait for one disk.
    """
    home.mkdir()
    bare = sqlite3.connect(home / "bare.sqlite3", isolation_level=None)
    bare.execute("PRAGMA journal_mode = wal")
    bare.execute("PRAGMA synchronous = full")
    bare.execute("CREATE TABLE envelopes (id INTEGER PRIMARY KEY, envelope BLOB)")
    ours: list[float] = []
    peer: list[float] = []
    with open_ledger(_settings(home)) as ledger:
        ledger.append([_stamp()])
        for _ in range(SINGLE):
            envelope = _stamp()
            ours.append(_seconds(ledger.append, [envelope]))
            peer.append(_seconds(_insert, bare, envelope.to_bytes()))
    bare.close()
    return _undisturbed(ours), _undisturbed(peer)


def _insert(database: sqlite3.Connection, stored: bytes) -> None:
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO envelopes (envelope) VALUES (?)", (stored,))
    database.execute("COMMIT")


def _batched(home: Path) -> float:
    """Seconds of one durable append of a thousand statements."""
    with open_ledger(_settings(home)) as ledger:
        taken = []
        for _ in range(BATCHES):
            envelopes = [_stamp() for _ in range(BATCH)]
            taken.append(_seconds(ledger.append, envelopes))
    return _undisturbed(taken)


def _million(home: Path) -> tuple[float, float, float]:
    """Seconds for the root, an inclusion proof and a consistency proof in a large tree."""
    settings = _settings(home)
    with open_ledger(settings) as ledger:
        _grow(ledger, NoteSigner.from_text(key_file(settings).read_text().strip()))
        chance = random.Random(1)
        rows = ledger.rows
        return (
            _typical(lambda: merkle.root(ENTRIES, rows.node)),
            _typical(lambda: ledger.inclusion(chance.randrange(ENTRIES))),
            _typical(lambda: ledger.consistency(chance.randrange(1, ENTRIES))),
        )


def _grow(ledger: Ledger, signer: NoteSigner) -> None:
    """A tree of leaves without contents: proofs read nothing else."""
    frontier = merkle.Frontier()
    with ledger.transaction():
        ledger._database.execute_many(
            "INSERT INTO entries (leaf_index, leaf_hash, completed) VALUES (?, ?, ?)",
            (
                (index, leaf, b"".join(frontier.append(leaf)))
                for index, leaf in enumerate(os.urandom(32) for _ in range(ENTRIES))
            ),
        )
        head = Checkpoint(ledger.origin, ENTRIES, frontier.root())
        ledger.rows.add_checkpoint(ENTRIES, head.sign(signer))


def _records(home: Path) -> float:
    store = RecordStore(_settings(home).records)
    envelopes = [_stamp() for _ in range(SINGLE)]
    taken = [_seconds(store.append, envelope, bytes(32), "a-cell-id") for envelope in envelopes]
    store.close()
    return _undisturbed(taken)


def _outbox(home: Path) -> float:
    settings = _settings(home)
    with open_ledger(settings):
        pass
    Outbox(settings).put([content_of(_stamp()) for _ in range(WAITING)])
    return _seconds(publish, settings, [])


def _verified(home: Path) -> tuple[float, float, float]:
    """Seconds of `ledger verify`, of leaves and tree alone, and of the leaves alone."""
    with open_ledger(_settings(home)) as ledger:
        whole = _seconds(ledger.verify)
        rows = ledger._database.query("SELECT salt, envelope FROM contents ORDER BY leaf_index")
        leaves = _seconds(lambda: [entry_hash(*row) for row in rows])
        root: list[bytes] = []

        def again() -> None:
            stored = ledger._database.query(
                "SELECT salt, envelope FROM contents ORDER BY leaf_index"
            )
            root[:] = [merkle.root_of([entry_hash(*row) for row in stored])]

        taken = _seconds(again)
        assert root == [ledger.head().root]
        return whole, taken, leaves


def _signatures(home: Path) -> tuple[float, float, float]:
    """What `ledger verify` does each second of a session's statements, and bare checks.

    MLO_BENCH_SIGNATURES says how many (100,000 take two minutes); in processes on all cores, in
    turns, by the processor's seconds, and of each the round that was disturbed least.

    Returns:
        entries whose signature was checked, each second of the pass that does that: from the
        row over envelope and key to the signature, in the processes of the one command;
        entries that were verified, each second of all of it: the processes' start, signatures,
        forms, chains, scopes; bare signatures.
    """
    now = datetime.now(UTC)
    key, mlo = SigningKey.generate(), new_mlo_id()
    enrolment = enrol_oneself(mlo, "person", key, now=now)
    settings = _settings(home)
    identity = Identity(mlo, "person", Profile(name="Ada Sample"), key.public, home)
    signer = open_session(
        settings, identity, key, now=now, duration=timedelta(hours=8), enrolments=[enrolment]
    )
    subject = [{"name": "file", "digest": {"sha256": "ab" * 32}}]
    said = {"activity": "training", "model": None, "name": "metrics", "metrics": {"auc": 0.75}}
    made = [signer.sign(types.EVIDENCE, subject, said, now) for _ in range(SIGNATURES)]
    trust = Trust(pins={mlo: frozenset({key.key_id})})
    share = (SIGNATURES + CORES - 1) // CORES
    shares = [made[first : first + share] for first in range(0, SIGNATURES, share)]
    taken: list[tuple[float, float, float]] = []
    with open_ledger(settings) as ledger:
        ledger.append([*signer.chain, *made])
        for _ in range(ROUNDS):
            began = _processor()
            found = check_statements(
                ledger, trust=trust, now=now, reopen=partial(open_ledger, settings, create=False)
            )
            whole = _processor() - began
            assert found.hold == SIGNATURES + len(signer.chain)
            with ProcessPoolExecutor(CORES) as processes:
                bare = sum(processes.map(_bare, [signer.key.public] * CORES, shares))
            taken.append((found.signatures_took, whole, bare))
    signatures, whole, bare = (
        SIGNATURES * CORES / min(times) for times in zip(*taken, strict=True)
    )
    return signatures, whole, bare


def _bare(key: PublicKey, envelopes: list[Envelope]) -> float:
    """Processor seconds of nothing but the library's checks: key loaded, bytes hashed before."""
    prepared = [(one.signature, sha256(pae(one.payload)).digest()) for one in envelopes]
    verify, over = key._verifier.verify, ECDSA(Prehashed(SHA256()))
    began = time.process_time()
    for signature, digest in prepared:
        verify(signature, digest, over)
    return time.process_time() - began


def _processor() -> float:
    """Seconds of processor of this process and of all that it started and that have ended."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _stamp() -> Envelope:
    """A statement as they are made for each cell, about 2 kB in its envelope."""
    digest = os.urandom(32).hex()
    predicate = {
        "mlo": "mlo:7K3D-9QXA-2MFB",
        "keyId": KEY.key_id,
        "nonce": os.urandom(11).hex(),
        "time": to_text(datetime.now(UTC)),
        "checkpoint": {"origin": "jupyter-mlo.local/0123456789abcdef", "size": 1, "root": "A" * 43},
        "delegation": digest,
        "activity": "training",
        "model": "loan@3",
        "notebook": "urn:uuid:7b1a7e3e-5d0c-4b45-9d5a-0f1e2d3c4b5a",
        "outputs": [digest[:43]] * 8,
    }
    subject = [{"name": "cell", "digest": {"mloCellV1": digest}}]
    return sign(statement_json(types.STAMP, subject, predicate), KEY)


def _settings(home: Path) -> Settings:
    return Settings(
        home=home,
        runtime=home / "runtime",
        policy=Policy(),
        ledger_url=f"sqlite:///{home / 'ledger' / 'ledger.sqlite3'}",
    )


def _seconds(act: Callable[..., object], *arguments: object) -> float:
    began = time.perf_counter()
    act(*arguments)
    return time.perf_counter() - began


def _typical(act: Callable[[], object]) -> float:
    return _undisturbed([_seconds(act) for _ in range(500)])


def _undisturbed(times: list[float]) -> float:
    return median(sorted(times)[: max(1, len(times) // 4)])
