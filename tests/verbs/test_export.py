"""`export` here, `verify` on a machine that has never seen the ledger."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlo.config import load_settings
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.ledger.checkpoint import Checkpoint
from jupyter_mlo.ledger.exports import in_order, receipts_folder, write_export
from jupyter_mlo.ledger.last_seen import named
from jupyter_mlo.ledger.leaf import entry_hash
from jupyter_mlo.ledger.merkle import inclusion_proof, root_of, tree_of
from jupyter_mlo.ledger.note_keys import NoteSigner
from jupyter_mlo.ledger.proofs import TlogProof
from jupyter_mlo.ledger.records import RecordStore
from jupyter_mlo.ledger.store import open_ledger
from jupyter_mlo.statements.bundle import from_bundle, to_bundle
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.times import to_text
from tests.delegation.actors import NOW, RUN, hours, person
from tests.ledger.conftest import BackEnd
from tests.verbs.conftest import Cli
from tests.verbs.workshop import Workshop


@pytest.fixture
def shop(cli: Cli, ada: str, secret: str, settings: Any, tmp_path: Path) -> Workshop:
    """Ada, logged in."""
    assert cli("login", "--activity", "training", MLO_PASSPHRASE_FILE=secret).status == 0
    return Workshop(settings, tmp_path / "work")


@pytest.fixture
def elsewhere(tmp_path: Path, home_env: dict[str, str]) -> Cli:
    """The command on a machine that has never seen the ledger."""
    home = tmp_path / "elsewhere"
    (home / "runtime").mkdir(parents=True)
    places = {"MLO_HOME": home / "mlo", "HOME": home, "JUPYTER_RUNTIME_DIR": home / "runtime"}
    return Cli({**home_env, **{name: str(place) for name, place in places.items()}})


@pytest.fixture
def export(cli: Cli, shop: Workshop, tmp_path: Path) -> Path:
    """A sealed notebook's statements."""
    notebook = shop.executed()
    assert cli("seal", notebook).status == 0
    path = tmp_path / "train.jsonl"
    done = cli("export", notebook, "--out", path)
    assert done.status == 0, done.err
    assert done.told("person, permission, target and revocation")
    return path


@pytest.fixture
def trusting(cli: Cli, elsewhere: Cli, ada: str) -> Cli:
    """Elsewhere, Ada's key and the ledger's are trusted."""
    pins = json.loads(cli("trust", "list", "--json").out)["pins"]
    assert elsewhere("trust", "add", ada, *pins[ada]).status == 0
    vkey = cli("ledger", "checkpoint", "--vkey").out.strip()
    assert elsewhere("trust", "add", "--ledger", vkey).status == 0
    return elsewhere


def kinds(path: Path) -> list[str]:
    """What stands in an export, in order."""
    return [
        types.short_name(json.loads(from_bundle(line).payload)["predicateType"])
        for line in path.read_bytes().splitlines()
    ]


def found(cli: Cli, path: Path, status: int) -> dict[str, Any]:
    """What verifying says of it."""
    done = cli("verify", "--json", path)
    assert "Traceback" not in done.err
    assert done.status == status, done.out + done.err
    (report,) = json.loads(done.out)["exports"]
    return dict(report)


def test_the_chain_stands_first_and_every_line_is_a_sigstore_bundle(export: Path) -> None:
    assert kinds(export) == ["enrolment", "delegation", "stamp", "stamp", "seal"]
    for line in export.read_bytes().splitlines():
        bundle = json.loads(line)
        assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
        hint = bundle["verificationMaterial"]["publicKey"]["hint"]
        assert [one["keyid"] for one in bundle["dsseEnvelope"]["signatures"]] == [hint]
    assert len(list(receipts_folder(export).glob("*.tlog-proof"))) == 3  # stamps are under the seal


def test_nothing_in_an_export_makes_its_keys_trusted(elsewhere: Cli, export: Path) -> None:
    report = found(elsewhere, export, 1)
    assert {line["assurance"] for line in report["statements"]} == {"claimed"}
    assert {line["index"] for line in report["statements"]} == {None}
    assert "is not known here" in report["statements"][0]["receipt"]
    assert elsewhere("verify", export, "--require", "claimed").status == 0
    assert not (Path(elsewhere.environ["MLO_HOME"]) / "ledger").exists()


def test_of_an_unknown_signer_it_says_what_to_do(
    elsewhere: Cli, cli: Cli, export: Path, ada: str
) -> None:
    (key_id,) = json.loads(cli("trust", "list", "--json").out)["pins"][ada]
    hint = f"jupyter mlo trust add {ada} {key_id}"
    done = elsewhere("verify", export)
    assert done.status == 1
    assert done.out.count(hint) == 1
    assert f"unknown key: {ada} signs here with {key_id}" in done.out
    assert found(elsewhere, export, 1)["unknownKeys"] == [{"mlo": ada, "keyId": key_id}]
    assert elsewhere(*hint.split()[2:]).status == 0
    done = elsewhere("verify", export)
    assert done.status == 0
    assert "unknown key" not in done.out


def test_nobody_is_told_to_take_a_registrar_s_key_for_somebody_s_own(
    elsewhere: Cli, tmp_path: Path
) -> None:
    registrar, grace = person(), person()
    path = tmp_path / "enrolled.jsonl"
    lines = [*registrar.chain, *grace.chain, registrar.enrols(grace)]
    path.write_bytes(b"\n".join(to_bundle(one) for one in lines))
    report = found(elsewhere, path, 1)
    assert "nor a registrar that is trusted here" in report["statements"][-1]["refused"]
    assert report["unknownKeys"] == [
        {"mlo": hand.mlo, "keyId": hand.key.key_id} for hand in (registrar, grace)
    ]


def test_nobody_is_told_to_trust_a_key_that_the_export_says_was_revoked(
    cli: Cli, elsewhere: Cli, secret: str, export: Path, ada: str, tmp_path: Path
) -> None:
    (key_id,) = json.loads(cli("trust", "list", "--json").out)["pins"][ada]
    done = cli("key", "revoke", "--reason", "lost", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    everything = tmp_path / "all.jsonl"
    assert cli("export", "--all", "--out", everything).status == 0
    done = elsewhere("verify", everything)
    assert f"{key_id}, which was revoked" in done.out
    assert f"trust add {ada} {key_id}" not in done.out


def test_under_the_trust_configuration_it_holds_with_places_and_times(
    trusting: Cli, export: Path
) -> None:
    report = found(trusting, export, 0)
    assert {line["assurance"] for line in report["statements"]} == {"signed"}
    places = [line["index"] for line in report["statements"]]
    assert [place is not None for place in places] == [True, True, False, False, True]
    assert report["statements"][-1]["since"].startswith("20")
    done = trusting("verify", export)
    assert "holds: 5 statements (5 signed), 3 proven to be in the ledger" in done.out
    assert trusting("verify", export, "--require", "witnessed").status == 1


def test_all_of_the_ledger_and_all_of_a_run(
    cli: Cli, trusting: Cli, shop: Workshop, tmp_path: Path, settings: Any
) -> None:
    assert cli("seal", shop.executed()).status == 0
    every = tmp_path / "all.jsonl"
    assert cli("export", "--all", "--out", every).status == 0
    with open_ledger(settings) as ledger:
        assert len(kinds(every)) == ledger.size + 2
    # No ledger has stamps; they have lines of their own.
    assert kinds(every)[-2:] == ["stamp", "stamp"]
    assert found(trusting, every, 0)["holds"]
    nothing = cli("export", "--run", "urn:uuid:none", "--out", tmp_path / "run.jsonl")
    assert nothing.status == 2
    assert nothing.told("nothing to export")
    assert cli("export", "--out", tmp_path / "x.jsonl").status == 2
    assert cli("export", "--all", "--run", "x", "--out", tmp_path / "x.jsonl").status == 2
    before = every.read_bytes()
    again = cli("export", "--all", "--out", every)
    assert again.status == 2
    assert again.told("there already")
    notebook = shop.folder / "train.ipynb"
    assert cli("export", "--all", "--out", notebook).told("ends in .jsonl")
    assert every.read_bytes() == before


def test_an_export_that_fails_leaves_nothing(
    cli: Cli, shop: Workshop, settings: Any, tmp_path: Path
) -> None:
    BackEnd(settings).attack("UPDATE contents SET salt = zeroblob(32) WHERE leaf_index = 1")
    done = cli("export", "--all", "--out", tmp_path / "all.jsonl")
    assert done.status == 2
    assert done.told("does not lead from this envelope")
    assert not [path for path in tmp_path.iterdir() if "jsonl" in path.name]


def test_what_one_run_put_on_record_and_nothing_else(
    cli: Cli, trusting: Cli, settings: Any, tmp_path: Path
) -> None:
    grace = person()
    session = grace.delegates("session")
    run = session.delegates("run")
    kept, other = run.says(types.EVIDENCE), session.says(types.SEAL)
    with open_ledger(settings) as ledger:
        ledger.append([*run.chain, kept, other])
    hers, anothers = (session.says(types.STAMP, notebook=notebook)
                      for notebook in (RUN["notebook"], RUN["id"]))  # fmt: skip
    store = RecordStore(settings.stamps)
    for n, stamp in enumerate((hers, anothers)):
        store.append(stamp, bytes([n] * 32), None)
    path = tmp_path / "run.jsonl"
    assert cli("export", "--run", RUN["id"], "--out", path).status == 0
    assert kinds(path) == ["enrolment", "delegation", "delegation", "evidence", "stamp"]
    assert trusting("trust", "add", grace.mlo, grace.key.key_id).status == 0
    report = found(trusting, path, 0)
    assert [one["statement"] for one in report["statements"][-2:]] == [
        kept.statement_id,
        hers.statement_id,
    ]


ALTERED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "payload": lambda one: one["dsseEnvelope"].update(payload="e30="),
    "signature": lambda one: one["dsseEnvelope"]["signatures"][0].update(sig="MAYCAQECAQE="),
    "keyid": lambda one: one["dsseEnvelope"]["signatures"][0].update(keyid="sha256:" + "0" * 64),
    "hint": lambda one: one["verificationMaterial"]["publicKey"].update(hint="sha256:" + "0" * 64),
    "material": lambda one: one["verificationMaterial"].update(tlogEntries=[{}]),
    "media type": lambda one: one.update(mediaType="application/json"),
    "a member more": lambda one: one.update(messageSignature={}),
    "two signatures": lambda one: one["dsseEnvelope"]["signatures"].extend(
        one["dsseEnvelope"]["signatures"]
    ),
}


@pytest.mark.parametrize("what", ALTERED)
def test_every_altered_line_is_named(trusting: Cli, export: Path, what: str) -> None:
    lines = [json.loads(line) for line in export.read_bytes().splitlines()]
    ALTERED[what](lines[-1])
    export.write_text("\n".join(map(json.dumps, lines)))
    report = found(trusting, export, 1)
    failing = [line["line"] for line in report["statements"] if line["refused"]]
    assert failing == [len(lines)]


@pytest.mark.parametrize("text", ["", "\n", "{}", "[]", "\x00", "{", '{"mediaType": 1}', "é" * 9])
def test_what_is_no_export_is_said_to_be_none(trusting: Cli, tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text(text)
    assert found(trusting, path, 1)["holds"] is False


def test_a_file_that_is_not_there_is_status_two(trusting: Cli, tmp_path: Path) -> None:
    done = trusting("verify", tmp_path / "none.jsonl")
    assert done.status == 2
    assert done.told("cannot be read")


def test_a_broken_receipt_is_named_and_a_missing_one_proves_nothing(
    trusting: Cli, export: Path
) -> None:
    seal = from_bundle(export.read_bytes().splitlines()[-1])
    receipt = receipts_folder(export) / f"{seal.statement_id}.tlog-proof"
    whole = receipt.read_text()
    receipt.write_text(whole.replace("index ", "index 1", 1))
    report = found(trusting, export, 1)
    assert "does not hold" in report["statements"][-1]["receipt"]
    receipt.write_bytes(b"\xff")
    assert "does not hold" in found(trusting, export, 1)["statements"][-1]["receipt"]
    receipt.unlink()
    assert found(trusting, export, 0)["statements"][-1]["index"] is None
    shutil.rmtree(receipts_folder(export))
    assert found(trusting, export, 0)["holds"]


def test_a_revocation_in_an_export_counts_by_the_ledger_s_order(
    trusting: Cli, settings: Any, tmp_path: Path
) -> None:
    """And without receipts nothing shows that anything was there before it."""
    grace = person()
    session = grace.delegates("session")
    before, after = (session.says(types.SEAL) for _ in range(2))
    revocation = grace.revokes(session.delegation or "", time=NOW + hours(1))
    path = tmp_path / "grace.jsonl"
    with open_ledger(settings) as ledger:
        ledger.append([*session.chain, before, revocation, after])
        pool = Pool.of([*session.chain, revocation])
        write_export(path, in_order([before, after], pool), ledger, None)
    assert "revocation" in kinds(path)
    assert trusting("trust", "add", grace.mlo, grace.key.key_id).status == 0
    policy = Path(trusting.environ["MLO_HOME"]) / "mlo.toml"
    policy.write_text('[time]\ngrace = "5200w"\n')
    report = found(trusting, path, 0)
    said = {line["statement"]: line["refused"] for line in report["statements"]}
    assert said[before.statement_id] == ""
    # Within the grace it counts, and is called late.
    assert said[after.statement_id] == ""
    (note,) = [note for note in report["notes"] if "late: " in note]
    assert "revoked" in note
    policy.write_text('[time]\ngrace = "0m"\n')
    said = {line["statement"]: line["refused"] for line in found(trusting, path, 1)["statements"]}
    assert "revoked" in said[after.statement_id]
    shutil.rmtree(receipts_folder(path))
    said = {line["statement"]: line["refused"] for line in found(trusting, path, 1)["statements"]}
    assert "revoked" in said[before.statement_id]


def test_a_log_that_signed_two_histories_is_shown_with_both_heads(
    trusting: Cli, export: Path, settings: Any
) -> None:
    """Another entry with a receipt of a checkpoint of the same size: the key's holder forked."""
    key = NoteSigner.from_text((settings.ledger / "checkpoint.key").read_text().strip())
    seal = from_bundle(export.read_bytes().splitlines()[-1])
    path = receipts_folder(export) / f"{seal.statement_id}.tlog-proof"
    whole = TlogProof.from_bytes(path.read_bytes())
    head = named(whole.checkpoint)
    enrolment = from_bundle(export.read_bytes().splitlines()[0])
    leaves = [entry_hash(bytes(32), enrolment.to_bytes()), *([bytes(32)] * (head.size - 1))]
    other = Checkpoint(head.origin, head.size, root_of(leaves))
    proof = inclusion_proof(0, head.size, tree_of(leaves))
    forged = TlogProof(0, tuple(proof), other.sign(key), bytes(32))
    (receipts_folder(export) / f"{enrolment.statement_id}.tlog-proof").write_bytes(
        forged.to_bytes()
    )
    report = found(trusting, export, 1)
    (problem,) = report["problems"]
    for one in (head, other):
        assert one.quoted()["root"] in problem
    assert "has forked" in trusting("verify", export).out
    # And where each export by itself is whole, in one command or in two.
    seen = Path(trusting.environ["MLO_HOME"]) / "ledger-heads.jsonl"
    seen.unlink()
    lines = export.read_bytes().splitlines(keepends=True)
    halves = export.with_name("first.jsonl"), export.with_name("second.jsonl")
    for half, line, statement in zip(halves, (lines[0], lines[-1]), (enrolment, seal), strict=True):
        half.write_bytes(line)
        receipts_folder(half).mkdir()
        name = f"{statement.statement_id}.tlog-proof"
        shutil.copy(receipts_folder(export) / name, receipts_folder(half) / name)
        seen.unlink(missing_ok=True)
        assert "has forked" not in trusting("verify", half).out
    seen.unlink()
    both = trusting("verify", *halves)
    assert both.status == 1
    assert both.out.count("has forked") == 1
    seen.unlink()
    for _ in range(2):
        assert "has forked" not in trusting("verify", halves[0]).out
    assert seen.stat().st_mode & 0o777 == 0o600
    assert len(seen.read_bytes().splitlines()) == 1
    report = found(trusting, halves[1], 1)
    for one in (head, other):
        assert one.quoted()["root"] in report["problems"][0]
    # What stands there accuses nobody without the log's signature, and breaks nothing.
    for text in (seen.read_bytes().replace(b"AAAA", b"AAAB"), b"\0\n[", b"[" * 9999):
        seen.write_bytes(text)
        assert "Traceback" not in trusting("verify", halves[1]).err
    unsigned = {"origin": head.origin, "size": head.size, "note": head.to_text() + "\n"}
    seen.write_text(json.dumps(unsigned) + "\n")
    assert "has forked" not in trusting("verify", halves[1]).out


def test_a_bundle_is_read_as_it_was_written(export: Path) -> None:
    for line in export.read_bytes().splitlines():
        assert to_bundle(from_bundle(line)) == line


@pytest.mark.parametrize("with_revocation", [False, True])
def test_a_place_in_another_ledger_is_not_before_a_revocation_here(
    trusting: Cli, settings: Any, tmp_path: Path, with_revocation: bool
) -> None:
    """Who left logs in his own ledger what he dates back: a small index, and nothing proven."""
    now = datetime.now(UTC)
    grace = person()
    day = timedelta(days=1)
    scope = {"notBefore": to_text(now - 60 * day), "notAfter": to_text(now - 20 * day)}
    session = grace.delegates("session", time=now - 60 * day, **scope)
    revocation = grace.revokes(grace.key.key_id, time=now - 30 * day, reason="left")
    forged = session.says(types.SEAL, time=now - 40 * day)
    with open_ledger(load_settings(trusting.environ, tmp_path)) as ledger:
        ledger.append([*(person().chain[0] for _ in range(9)), *grace.chain, revocation])
    path = tmp_path / "left.jsonl"
    also = [revocation] if with_revocation else []
    with open_ledger(settings) as ledger:
        ledger.append([*session.chain, forged, *also])
        write_export(
            path, in_order([forged, *also], Pool.of([*session.chain, *also])), ledger, None
        )
    assert trusting("trust", "add", grace.mlo, grace.key.key_id).status == 0
    (seal,) = [one for one in found(trusting, path, 1)["statements"] if one["predicate"] == "seal"]
    assert seal["index"] is not None
    assert seal["assurance"] == "claimed"
    assert "not proven to be older" in seal["refused"]


def test_a_receipt_that_is_a_pipe_is_not_waited_for(trusting: Cli, export: Path) -> None:
    receipt = sorted(receipts_folder(export).glob("*.tlog-proof"))[0]
    receipt.unlink()
    os.mkfifo(receipt)
    report = found(trusting, export, 1)
    assert any("no regular file" in one["receipt"] for one in report["statements"])


def test_stamps_stand_where_their_seal_stands_after_the_key_was_rotated(
    cli: Cli, trusting: Cli, export: Path, secret: str, tmp_path: Path
) -> None:
    for one in (cli, trusting):
        Path(one.environ["MLO_HOME"], "mlo.toml").write_text('[time]\ngrace = "0m"\n')
    time.sleep(1.1)
    assert cli("key", "rotate", MLO_PASSPHRASE_FILE=secret).status == 0
    path = tmp_path / "rotated.jsonl"
    assert cli("export", tmp_path / "work", "--out", path).status == 0
    assert "revocation" in kinds(path)
    assert found(trusting, path, 0)["holds"]
    assert found(cli, path, 0)["holds"]
    (cells,) = receipts_folder(path).glob("*.cells.json")
    whole = json.loads(cells.read_bytes())
    for text in ("[", "[]", "{}", json.dumps({"cells": whole["cells"][1:]})):
        cells.write_text(text)
        lines = found(trusting, path, 1)["statements"]
        assert {one["predicate"] for one in lines if "revoked" in one["refused"]} == {"stamp"}


def test_a_damaged_own_ledger_leaves_no_export_certain(
    cli: Cli, settings: Any, export: Path
) -> None:
    assert cli("verify", export).status == 0
    backend = BackEnd(settings)
    where = f"WHERE predicate_type = '{types.SEAL}'"
    assert backend.attack(f"UPDATE contents SET envelope = x'00' {where}") == 1
    done = cli("verify", export)
    assert (done.status, "DOES NOT HOLD" in done.out) == (1, True), done.out
    assert "the ledger's entry" in done.out
    (found,) = json.loads(cli("verify", "--json", export).out)["exports"]
    assert "is damaged" in found["problems"][0]
