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
        for part in ("the ledger holds: 1 entry", "1 signatures", ledger.origin, root):
            assert part in done.out
    assert done.err == ""


def test_as_json(cli, backend) -> None:
    found = json.loads(cli("ledger", "verify", "--json").out)
    assert (found["version"], found["holds"], found["size"], found["faults"]) == (1, True, 1, [])
    assert found["signatures"] == {"hold": 1, "refused": [], "late": [], "unknown": 0}
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
    shutil.rmtree(backend.settings.ledger)
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
    shutil.rmtree(backend.settings.ledger)
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


def test_the_checkpoint_is_a_note_that_other_programs_can_check(cli, backend) -> None:
    note = cli("ledger", "checkpoint").out
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    origin, size, root = text.splitlines()
    signature, cosignature = signatures.splitlines()
    dash, name, encoded = signature.split(" ")
    assert cosignature.startswith(f"— {origin} ")
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


# --- a ledger that was put back, replaced or emptied


@pytest.fixture
def older(backend, cli, secret) -> bytes:
    """The database as it was before the last statements."""
    older = database_path(backend.settings).read_bytes()
    assert cli("login", MLO_PASSPHRASE_FILE=secret).status == 0
    return older


def put_back(settings, older: bytes) -> None:
    for file in settings.ledger.glob("ledger.sqlite3-*"):
        file.unlink()
    database_path(settings).write_bytes(older)


def test_an_older_database_put_back_is_found_and_both_heads_are_named(
    cli, backend, older, secret
) -> None:
    with backend.open() as ledger:
        seen = ledger.head()
    put_back(backend.settings, older)
    with backend.open() as ledger:
        here = ledger.head()
    assert here.size < seen.size
    done = cli("ledger", "verify")
    assert done.status == 1
    assert "rolled back or replaced: entries are gone" in done.out
    for head in (seen, here):
        root = base64.b64encode(head.root).decode()
        assert f"the checkpoint of {head.size} entries with root {root}" in done.out
    found = json.loads(cli("ledger", "verify", "--json").out)
    assert (found["holds"], [one["where"] for one in found["faults"]]) == (
        False,
        ["last-checkpoint"],
    )
    assert cli("status").told("rolled back or replaced")
    assert cli("ledger", "checkpoint").told("rolled back or replaced")
    # Nothing is signed over it: what is new waits.
    assert cli("login", MLO_PASSPHRASE_FILE=secret).told("statements wait", "rolled back")
    with backend.open() as ledger:
        assert ledger.head() == here


def test_another_history_of_the_same_size_is_found(cli, backend, older) -> None:
    from tests.ledger.conftest import make_envelope

    folder = backend.settings.ledger
    seen = (folder / "last-checkpoint").read_bytes()
    with backend.open() as ledger:
        size = ledger.size
    put_back(backend.settings, older)
    (folder / "last-checkpoint").unlink()
    with backend.open() as ledger:
        ledger.append([make_envelope(n) for n in range(size - ledger.size)])
    assert "last-checkpoint" not in cli("ledger", "verify").out
    (folder / "last-checkpoint").write_bytes(seen)
    done = cli("ledger", "verify")
    assert done.status == 1
    assert f"rolled back or replaced: its first {size} entries are others" in done.out


@pytest.mark.parametrize("lost", ["emptied", "removed"])
def test_a_ledger_that_was_lost_is_damage_and_no_new_one_is_begun(
    cli, backend, secret, lost
) -> None:
    folder = backend.settings.ledger
    key = (folder / "checkpoint.key").read_bytes()
    for file in folder.glob("ledger.sqlite3*"):
        file.unlink()
    if lost == "emptied":
        database_path(backend.settings).touch(mode=0o600)
    for verb in (["ledger", "verify"], ["ledger", "checkpoint"], ["log", "--follow"]):
        done = cli(*verb)
        assert (done.status, done.out) == (2, "")
        assert done.told("but there was one", "hint: restore it from a backup", str(folder))
    done = cli("login", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0
    assert done.told("statements wait", "but there was one")
    assert (folder / "checkpoint.key").read_bytes() == key
    assert not database_path(backend.settings).exists() or lost == "emptied"
    assert lost == "removed" or database_path(backend.settings).stat().st_size == 0
    assert list(folder.glob("*.old")) == []
    # The way out that the hint names.
    folder.rename(folder.with_name("away"))
    assert cli("login", MLO_PASSPHRASE_FILE=secret).status == 0
    assert cli("ledger", "verify").status == 0
    assert (folder / "checkpoint.key").read_bytes() != key


def test_a_checkpoint_kept_elsewhere_shows_what_this_home_cannot(
    cli, backend, older, tmp_path
) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(cli("ledger", "checkpoint").out)
    assert cli("ledger", "verify", "--against", kept).status == 0
    with backend.open() as ledger:  # it goes on
        ledger.append([(ledger.envelope(0).to_bytes())])
    put_back(backend.settings, older)
    (backend.settings.ledger / "last-checkpoint").unlink()
    assert cli("ledger", "verify").status == 0
    done = cli("ledger", "verify", "--against", kept)
    assert done.status == 1
    assert "does not continue the checkpoint kept: entries are gone" in done.out


def test_a_ledger_begun_anew_does_not_continue_the_one_before(
    cli, backend, secret, tmp_path
) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(cli("ledger", "checkpoint").out)
    shutil.rmtree(backend.settings.ledger)
    assert cli("login", MLO_PASSPHRASE_FILE=secret).status == 0
    done = cli("ledger", "verify", "--against", kept)
    assert done.status == 1
    assert "does not continue the checkpoint kept: it is another log" in done.out


@pytest.mark.parametrize("option", ["--against", "--since"])
def test_a_carried_checkpoint_that_suffered_is_named(cli, backend, tmp_path, option) -> None:
    kept, note = tmp_path / "kept.txt", cli("ledger", "checkpoint").out
    for content, said in (
        (b"", "is empty"),
        (note.replace("\n", "\r\n").encode(), "end with CR LF"),
        (note.encode("utf-16"), "not UTF-8"),
        (note[:30].encode(), "no signature lines"),
    ):
        kept.write_bytes(content)
        done = cli("ledger", "verify", option, kept)
        assert (done.status, done.out) == (2, "")
        assert done.told(str(kept), said, "hint")
    lines = note.split("\n")
    kept.write_text("\n".join([lines[0], str(int(lines[1]) + 5), *lines[2:]]))
    done = cli("ledger", "verify", option, kept)
    assert (done.status, "has not signed what was seen" in done.out) == (1, True)
    assert "1 fault\n" in done.out


def test_nothing_new_since_a_checkpoint_is_said_so(cli, backend, tmp_path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(cli("ledger", "checkpoint").out)
    done = cli("ledger", "verify", "--since", kept)
    assert (done.status, "nothing came after the checkpoint of" in done.out) == (0, True)


def test_what_is_no_checkpoint_is_no_verdict(cli, backend, tmp_path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("hello")
    for path in (kept, tmp_path / "missing"):
        done = cli("ledger", "verify", "--against", path)
        assert (done.status, done.out) == (2, "")
        assert done.told(str(path), "hint")
