"""`ledger`: verified with every difference named; its checkpoint checked by other means."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from jupyter_mlo.config import load_settings
from jupyter_mlo.ledger.store import database_path, open_ledger
from jupyter_mlo.statements.envelope import Envelope
from tests.ledger.conftest import BackEnd


@pytest.fixture
def backend(home_env, ada) -> BackEnd:
    """Ada's home, whose ledger has her enrolment."""
    return BackEnd(load_settings(home_env))


def test_a_ledger_that_holds(cli, backend) -> None:
    done = cli("ledger", "verify")
    assert done.status == 0
    with backend.open() as ledger:
        root = base64.b64encode(ledger.head().root).decode()
        for part in ("the ledger holds: 1 entries", "1 signatures", ledger.origin, root):
            assert part in done.out
    assert done.err == ""


def test_as_json(cli, backend) -> None:
    found = json.loads(cli("ledger", "verify", "--json").out)
    assert (found["version"], found["holds"], found["size"], found["faults"]) == (1, True, 1, [])
    assert found["signatures"] == {"hold": 1, "refused": [], "unknown": 0}
    with backend.open() as ledger:
        assert found["root"] == base64.b64encode(ledger.head().root).decode()


def test_what_was_changed_is_named_and_the_exit_status_is_one(cli, backend) -> None:
    backend.attack("UPDATE contents SET mlo = 'mlo:7K3D-9QXA-2MFB' WHERE leaf_index = 0")
    done = cli("ledger", "verify")
    assert done.status == 1
    assert "DOES NOT HOLD" in done.out
    assert "contents 0: mlo is 'mlo:7K3D-9QXA-2MFB'" in done.out
    found = json.loads(cli("ledger", "verify", "--json").out)
    assert found["holds"] is False
    assert [fault["index"] for fault in found["faults"]] == [0]
    assert cli("ledger", "verify", "--json").status == 1


def test_a_statement_with_a_broken_signature_is_a_fault(cli, backend) -> None:
    with backend.open() as ledger:
        enrolment = ledger.envelope(0)
    home = backend.settings.home
    for file in backend.settings.ledger.glob("ledger.sqlite3*"):
        file.unlink()
    for enrolments in home.glob("identities/*/enrolments.jsonl"):
        enrolments.unlink()
    with open_ledger(backend.settings) as ledger:
        signature = enrolment.signature[:-1] + bytes([enrolment.signature[-1] ^ 1])
        ledger.append([Envelope(enrolment.payload, enrolment.key_id, signature)])
    done = cli("ledger", "verify")
    assert done.status == 1
    assert "contents 0:" in done.out
    assert "signature" in done.out


def test_a_statement_that_does_not_count_is_named_beside_a_ledger_that_holds(
    cli, backend, home_env, secret
) -> None:
    assert cli("login", MLO_PASSPHRASE_FILE=secret).status == 0
    with backend.open() as ledger:
        delegation = ledger.envelope(1)
    for file in backend.settings.ledger.glob("ledger.sqlite3*"):
        file.unlink()
    shutil.rmtree(backend.settings.identities)
    with backend.open() as ledger:
        ledger.append([delegation])
    done = cli("ledger", "verify")
    assert done.status == 0
    assert done.told("1 statements are as they were logged, but do not count here", "contents 0")
    assert "0 signatures and chains" in done.out


def test_a_ledger_that_cannot_be_read_is_exit_status_two(cli, backend, home_env) -> None:
    database_path(backend.settings).write_bytes(b"no database" * 1000)
    for action in ("verify", "checkpoint"):
        done = cli("ledger", action)
        assert (done.status, done.out) == (2, "")
        assert done.told("is damaged", "hint:")


def test_where_there_is_none_it_says_so(cli, home_env) -> None:
    for action in ("verify", "checkpoint"):
        done = cli("ledger", action)
        assert (done.status, done.out) == (2, "")
        assert done.told("no ledger here yet")


def test_progress_is_shown_on_a_terminal_only(cli, backend) -> None:
    with cli.terminal("ledger", "verify") as child:
        child.expect("the ledger holds")
        assert "tree" in child.before
        assert "signatures" in child.before


def test_the_checkpoint_is_a_note_that_other_programs_can_check(cli, backend) -> None:
    note = cli("ledger", "checkpoint").out
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    origin, size, root = text.splitlines()
    dash, name, encoded = signatures.strip().split(" ")
    vkey = cli("ledger", "checkpoint", "--vkey").out.strip()
    key_name, key_hash, key = vkey.split("+", 2)
    public = base64.b64decode(key)
    line = base64.b64decode(encoded)
    assert (dash, name, origin) == ("—", key_name, key_name)
    assert size == "1"
    assert len(base64.b64decode(root)) == 32
    assert public[0] == 1
    digest = hashlib.sha256(key_name.encode() + b"\n" + public).digest()
    assert line[:4] == digest[:4] == bytes.fromhex(key_hash)
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(line[4:], text.encode())


def test_a_checkpoint_that_does_not_hold_is_not_printed(cli, backend) -> None:
    backend.attack("UPDATE checkpoints SET note = replace(note, x'0a310a', x'0a320a')")
    done = cli("ledger", "checkpoint")
    assert (done.status, done.out) == (2, "")
