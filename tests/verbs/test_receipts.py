"""`ledger prove`, `ledger check` and `ledger verify --since`, on two machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlo.config import load_settings
from jupyter_mlo.ledger import verification
from jupyter_mlo.ledger.leaf import entry_hash
from jupyter_mlo.ledger.proofs import TlogProof
from tests.ledger.conftest import BackEnd, make_envelope
from tests.verbs.conftest import Cli


@pytest.fixture
def backend(home_env: dict[str, str], ada: str) -> BackEnd:
    """Ada's home; behind her enrolment stand some seals of strangers."""
    backend = BackEnd(load_settings(home_env))
    with backend.open() as ledger:
        for n in range(6):
            ledger.append([make_envelope(n)])
    return backend


@pytest.fixture
def elsewhere(tmp_path: Path, home_env: dict[str, str]) -> Cli:
    """The command on a machine that has never seen the ledger."""
    home = tmp_path / "elsewhere"
    home.mkdir()
    return Cli({**home_env, "MLO_HOME": str(home / "mlo"), "HOME": str(home)})


@pytest.fixture
def receipt(cli: Cli, backend: BackEnd, tmp_path: Path) -> Path:
    """The receipt of entry 3."""
    path = tmp_path / "seal.tlog-proof"
    done = cli("ledger", "prove", "3", "--out", path)
    assert done.status == 0, done.err
    return path


def vkey(cli: Cli) -> str:
    """The ledger's key."""
    return cli("ledger", "checkpoint", "--vkey").out.strip()


def test_a_receipt_is_checked_where_the_ledger_s_key_is_trusted(
    cli: Cli, elsewhere: Cli, backend: BackEnd, receipt: Path
) -> None:
    unknown = elsewhere("ledger", "check", receipt)
    assert unknown.status == 2
    assert unknown.told("is not known here", "trust add --ledger")
    assert elsewhere("trust", "add", "--ledger", vkey(cli)).status == 0
    done = elsewhere("ledger", "check", receipt)
    assert done.status == 0, done.err
    assert "the receipt holds: entry 3" in done.out
    assert make_envelope(2).statement_id in done.out
    assert "by the ledger's clock" in done.out
    assert done.told("is not checked by a receipt")
    assert not (Path(elsewhere.environ["MLO_HOME"]) / "ledger").exists()
    found = json.loads(elsewhere("ledger", "check", receipt, "--json").out)
    assert (found["holds"], found["index"], found["clock"]) == (True, 3, "ledger")
    with backend.open() as ledger:
        assert found["since"][:19] == ledger.times().of(3).isoformat()[:19]  # type: ignore[union-attr]


def test_a_key_that_is_named_or_the_ledger_here_serves_as_well(
    cli: Cli, elsewhere: Cli, receipt: Path
) -> None:
    assert elsewhere("ledger", "check", receipt, "--vkey", vkey(cli)).status == 0
    assert cli("ledger", "check", receipt).status == 0


def test_by_statement_id_and_to_the_terminal(cli: Cli, backend: BackEnd) -> None:
    done = cli("ledger", "prove", make_envelope(2).statement_id)
    assert done.status == 0
    with backend.open() as ledger:
        assert TlogProof.from_bytes(done.out.encode()).check(ledger.stored(3), ledger.verifier)
    missing = cli("ledger", "prove", "99")
    assert missing.status == 2
    assert missing.told("holds no entry 99")


def test_another_statement_beside_a_receipt_does_not_hold(cli: Cli, receipt: Path) -> None:
    beside = Path(f"{receipt}.dsse.json")
    beside.write_bytes(make_envelope(1).to_bytes())
    done = cli("ledger", "check", receipt)
    assert done.status == 1
    assert "DOES NOT HOLD" in done.out
    found = json.loads(cli("ledger", "check", receipt, "--json").out)
    assert found["holds"] is False
    beside.unlink()
    assert cli("ledger", "check", receipt).status == 2


def test_every_changed_line_of_a_receipt_is_found(cli: Cli, receipt: Path) -> None:
    """The unauthenticated cosignature can only go, and takes the time with it."""
    lines = receipt.read_text().splitlines(keepends=True)
    for n, line in enumerate(lines):
        bent = line.replace("A", "B").replace("/", "Z") if line.strip() else "x\n"
        if n == len(lines) - 1:
            bent = ""
        elif bent == line:
            bent = line[:-2] + ("Q" if line[-2] != "Q" else "R") + "\n"
        receipt.write_text("".join([*lines[:n], bent, *lines[n + 1 :]]))
        done = cli("ledger", "check", receipt, "--json")
        found: dict[str, Any] = json.loads(done.out) if done.out else {"holds": False}
        assert "Traceback" not in done.err
        last = n == len(lines) - 1
        assert found["holds"] is last, line
        if last:
            assert found["since"] is None


def test_a_ledger_that_was_known_by_another_key_is_a_conflict(cli: Cli, elsewhere: Cli) -> None:
    from jupyter_mlo.ledger.note_keys import NoteSigner

    keys = [NoteSigner("bank.example/log", bytes([n]) * 32).verifier.vkey for n in (1, 2)]
    assert elsewhere("trust", "add", "--ledger", keys[0]).status == 0
    done = elsewhere("trust", "add", "--ledger", keys[1])
    assert done.status == 1
    assert done.told("known here by another key")
    assert keys[0] in elsewhere("trust", "list").out
    assert elsewhere("trust", "remove", "--ledger", "bank.example/log").status == 0
    assert elsewhere("trust", "remove", "--ledger", "bank.example/log").status == 2
    assert elsewhere("trust", "add", "--ledger", "nonsense").status == 2


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of two entries, so that --since really passes some over."""
    monkeypatch.setattr(verification, "_HEIGHT", 1)
    monkeypatch.setattr(verification, "_CHUNK", 2)


@pytest.fixture
def kept(backend: BackEnd, tmp_path: Path) -> Path:
    """The checkpoint of five entries, kept elsewhere."""
    ((note,),) = backend.rows("SELECT note FROM checkpoints WHERE size = 5")
    path = tmp_path / "kept.txt"
    path.write_bytes(note)
    return path


def test_since_a_checkpoint_only_what_came_after_is_verified(
    cli: Cli, backend: BackEnd, kept: Path, small_chunks: None
) -> None:
    done = cli("ledger", "verify", "--since", kept, "--json")
    found = json.loads(done.out)
    assert (done.status, found["since"], found["size"]) == (1, 5, 7)  # strangers' seals
    assert {fault["index"] for fault in found["faults"]} == {5, 6}
    backend.attack("UPDATE contents SET mlo = 'x' WHERE leaf_index = 1")
    unseen = json.loads(cli("ledger", "verify", "--since", kept, "--json").out)
    assert unseen["faults"] == found["faults"]
    backend.attack("UPDATE contents SET mlo = 'x' WHERE leaf_index = 5")
    seen = json.loads(cli("ledger", "verify", "--since", kept, "--json").out)
    assert any("mlo is 'x'" in fault["what"] for fault in seen["faults"])


@pytest.mark.usefixtures("small_chunks")
def test_every_start_gives_the_root_that_the_whole_gives(backend: BackEnd) -> None:
    with backend.open() as ledger:
        root = ledger.verify().root
        for since in range(8):
            report = ledger.verify(since=since)
            assert report.holds, (since, report.faults)
            assert report.root == root
        ledger._database.execute("UPDATE entries SET completed = zeroblob(64) WHERE leaf_index = 3")
        assert not ledger.verify(since=6).holds


def test_a_ledger_that_does_not_continue_the_checkpoint_is_verified_whole(
    cli: Cli, backend: BackEnd, kept: Path
) -> None:
    salt, envelope = bytes(32), make_envelope(50).to_bytes()
    backend.attack(
        "UPDATE entries SET leaf_hash = ? WHERE leaf_index = 4", (entry_hash(salt, envelope),)
    )
    done = cli("ledger", "verify", "--since", kept, "--json")
    found = json.loads(done.out)
    assert (done.status, found["since"]) == (1, 0)
    assert any(fault["where"] == "--since" for fault in found["faults"])
