"""Whatever is read may be hostile: it gives an error of ours or a verdict, never a traceback.

``MLO_FUZZ=20000 pytest tests/fuzz`` tries that many of each form instead of a few.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jupyter_mlo.config import Settings, load_settings
from jupyter_mlo.delegation.chain import Pool, attribute
from jupyter_mlo.delegation.enrolment import read_lines
from jupyter_mlo.delegation.mandates import read_content
from jupyter_mlo.delegation.runs import load_run
from jupyter_mlo.delegation.sessions import load_session
from jupyter_mlo.delegation.trust import TrustStore
from jupyter_mlo.errors import MloError
from jupyter_mlo.ledger.checkpoint import Checkpoint, read_checkpoint
from jupyter_mlo.ledger.content import read_facts
from jupyter_mlo.ledger.exports import read_export
from jupyter_mlo.ledger.last_seen import named
from jupyter_mlo.ledger.leaf import entry_hash
from jupyter_mlo.ledger.note_keys import NoteSigner, NoteVerifier
from jupyter_mlo.ledger.outbox import Outbox
from jupyter_mlo.ledger.proofs import TlogProof
from jupyter_mlo.ledger.records import RecordStore
from jupyter_mlo.ledger.times import Clock
from jupyter_mlo.ledger.witnessing import Request, cosignature_lines
from jupyter_mlo.notebook.reading import read_notebook
from jupyter_mlo.notebook.verification import verify_notebook
from jupyter_mlo.statements.bundle import from_bundle, to_bundle
from jupyter_mlo.statements.envelope import Envelope, pae
from jupyter_mlo.statements.statement import MODELS, read_statement
from tests.delegation.actors import NOW, person, pinned
from tests.delegation.test_mandates import made
from tests.fuzz.mutations import odd, spoiled
from tests.notebook.test_tampering import sealed
from tests.statements.examples import EXAMPLES, signed

TRIES = int(os.environ.get("MLO_FUZZ", "120"))
SEEDS = st.integers(0, 2**63)
LOG = NoteSigner("log.example", bytes(32))
ADA = person()
ENVELOPE = ADA.chain[0]


def fuzzed(tries: int = TRIES) -> Any:
    """So many examples, and no deadline: others share the machine."""
    return hypothesis_settings(
        max_examples=tries,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def note() -> bytes:
    """A checkpoint with a time, of one entry."""
    leaf = entry_hash(bytes(32), ENVELOPE.to_bytes())
    return Checkpoint(LOG.verifier.name, 1, leaf).sign(LOG, 1_795_000_000)


def judge_notebook(data: bytes, folder: Path) -> None:
    report = verify_notebook(
        read_notebook(data), pool=Pool(), trust=pinned(ADA), now=NOW, workers=1
    )
    json.dumps(report.to_json(_demands()))


def _demands() -> Any:
    from jupyter_mlo.notebook.reports import Demands

    return Demands()


def read_toml(data: bytes, folder: Path) -> None:
    (folder / "mlo.toml").write_bytes(data)
    load_settings({"MLO_HOME": str(folder)}, folder)


def here(folder: Path) -> Settings:
    """Settings in which everything lies in one folder."""
    return replace(load_settings({"MLO_HOME": str(folder)}, folder), runtime=folder, home=folder)


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def read_session(data: bytes, folder: Path) -> None:
    put(here(folder).session_file, data)
    load_session(here(folder), NOW)


def read_trust(data: bytes, folder: Path) -> None:
    put(here(folder).trust_file, data)
    TrustStore(here(folder)).load()


def flush_outbox(data: bytes, folder: Path) -> None:
    put(here(folder).outbox / f"{ENVELOPE.statement_id}.json", data)
    Outbox(here(folder)).flush(lambda contents: None)


def read_records(data: bytes, folder: Path) -> None:
    put(here(folder).records / "2026-11-22" / "1-a.jsonl", data)
    for found in RecordStore(here(folder).records).matching([bytes(32)]):
        read_statement(found)


def judge_export(data: bytes, folder: Path) -> None:
    for one in read_export(put(folder / "x.jsonl", data)):
        assert one.problem or one.envelope is not None


def check_receipt(data: bytes, folder: Path) -> None:
    receipt = TlogProof.from_bytes(data)
    Clock.of_log(LOG.verifier).read(receipt.checkpoint)
    receipt.check(ENVELOPE.to_bytes(), LOG.verifier)


def check_note(data: bytes, folder: Path) -> None:
    Clock((LOG.verifier.cosigner,), 1).read(data)
    named(data)
    read_checkpoint(data, LOG.verifier, LOG.verifier.cosigner)


def read_as_text(read: Callable[[str], Any]) -> Callable[[bytes, Path], Any]:
    return lambda data, folder: read(data.decode("utf-8", "replace"))


#: What is read → a whole example of it, and how it is read.
FORMS: dict[str, tuple[Callable[[], bytes], Callable[[bytes, Path], Any]]] = {
    "notebook": (lambda: sealed().encode(), judge_notebook),
    "envelope": (ENVELOPE.to_bytes, lambda data, _: read_statement(Envelope.from_bytes(data))),
    "facts": (lambda: ENVELOPE.payload, lambda data, _: read_facts(data)),
    "mandate": (lambda: made(ADA).to_bytes(), lambda data, _: read_content(data, "it")),
    "checkpoint": (note, check_note),
    "receipt": (lambda: TlogProof(0, (), note(), bytes(32)).to_bytes(), check_receipt),
    "witness's request": (
        lambda: Request(3, (bytes(32), bytes(32)), note()).to_bytes(),
        lambda data, _: check_note(Request.from_bytes(data).checkpoint, _),
    ),
    "cosignature": (
        lambda: LOG.cosignature("log.example\n", 7),
        lambda data, _: cosignature_lines(data),
    ),
    "vkey": (lambda: LOG.verifier.vkey.encode(), read_as_text(NoteVerifier.from_vkey)),
    "key of notes": (lambda: LOG.to_text().encode(), read_as_text(NoteSigner.from_text)),
    "bundle": (lambda: to_bundle(ENVELOPE), lambda data, _: from_bundle(data)),
    "export": (lambda: to_bundle(ENVELOPE) + b"\n" + to_bundle(ENVELOPE), judge_export),
    "enrolments": (
        lambda: ENVELOPE.to_bytes() + b"\n",
        lambda data, _: read_lines(data, where="there"),
    ),
    "configuration": (
        lambda: b'[identity]\nrequired = true\n[ledger]\nurl = "sqlite:///x"\n',
        read_toml,
    ),
    "trust": (
        lambda: json.dumps(
            {
                "version": 1,
                "pins": {ADA.mlo: [ADA.key.key_id]},
                "registrars": {ADA.key.key_id: "Bank"},
                "ledgers": {"log.example": LOG.verifier.vkey},
                "witnesses": {"w": LOG.verifier.cosigner.vkey},
                "quorum": 1,
            }
        ).encode(),
        read_trust,
    ),
    "session": (lambda: _session(), read_session),
    "run key": (lambda: made(ADA).to_bytes(), lambda data, f: load_run(put(f / "run", data))),
    "outbox": (ENVELOPE.to_bytes, flush_outbox),
    "records": (
        lambda: b'{"source":"%b","cell":"c","envelope":%b}\n' % (b"A" * 43, ENVELOPE.to_bytes()),
        read_records,
    ),
}


@functools.cache
def _session() -> bytes:
    import tempfile

    from jupyter_mlo.delegation.sessions import open_session
    from jupyter_mlo.identity.profiles import Profile
    from jupyter_mlo.identity.store import Identity

    with tempfile.TemporaryDirectory() as name:
        settings = here(Path(name))
        ada = Identity(ADA.mlo, "person", Profile(name="Ada Sample"), ADA.key.public, Path(name))
        from datetime import timedelta

        open_session(
            settings, ada, ADA.key, now=NOW, duration=timedelta(hours=8), enrolments=[ENVELOPE]
        )
        return settings.session_file.read_bytes()


@functools.cache
def example(form: str) -> bytes:
    """A whole one."""
    return FORMS[form][0]()


@pytest.mark.parametrize("form", FORMS)
def test_the_whole_example_is_read(form: str, tmp_path: Path) -> None:
    """Else the spoiled ones would show nothing."""
    if form == "run key":
        return
    FORMS[form][1](example(form), tmp_path)


@pytest.mark.parametrize("form", FORMS)
@fuzzed()
@given(seed=SEEDS)
def test_a_spoiled_one_gives_an_error_of_ours_or_is_read(
    form: str, seed: int, tmp_path: Path
) -> None:
    data = spoiled(example(form), random.Random(seed))
    with contextlib.suppress(MloError):
        FORMS[form][1](data, tmp_path)


@pytest.mark.parametrize("form", FORMS)
@fuzzed(max(20, TRIES // 3))
@given(data=st.binary(max_size=300))
def test_garbage_gives_an_error_of_ours_or_is_read(form: str, data: bytes, tmp_path: Path) -> None:
    with contextlib.suppress(MloError):
        FORMS[form][1](data, tmp_path)


@pytest.mark.parametrize("predicate_type", MODELS)
@fuzzed()
@given(seed=SEEDS)
def test_a_stranger_who_signs_odd_statements_gets_an_error_of_ours(
    predicate_type: str, seed: int
) -> None:
    """With a key of his own, so that the walk goes on behind the signature."""
    assert predicate_type in EXAMPLES
    statement = json.loads(signed(predicate_type).payload)
    statement["predicate"] |= {
        name: value
        for name, value in (("mlo", ADA.mlo), ("keyId", ADA.key.key_id), ("delegation", None))
        if name in statement["predicate"]
    }
    payload = json.dumps(odd(statement, random.Random(seed))).encode()
    envelope = Envelope(payload, ADA.key.key_id, ADA.key.sign(pae(payload)))
    pool = Pool.of([*ADA.chain, envelope])
    with contextlib.suppress(MloError):
        attribute(read_statement(envelope), pool=pool, trust=pinned(ADA), now=NOW)


@fuzzed(max(10, TRIES // 3))
@given(seed=SEEDS)
def test_a_notebook_whose_statements_are_odd_gets_a_verdict(seed: int, tmp_path: Path) -> None:
    """Of the envelopes in it one says something else, signed by nobody."""
    import base64

    chance = random.Random(seed)
    notebook = json.loads(example("notebook"))
    carried = notebook["metadata"]["mlo"]
    envelopes = [*carried["chains"], *(seal["envelope"] for seal in carried["seals"])]
    envelopes += [
        cell["metadata"]["mlo"]["stamp"] for cell in notebook["cells"] if "mlo" in cell["metadata"]
    ]
    one = chance.choice(envelopes)
    payload = odd(json.loads(base64.b64decode(one["payload"])), chance)
    one["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    judge_notebook(json.dumps(notebook).encode(), tmp_path)
