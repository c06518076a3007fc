"""Witnesses in homes of their own: consistency, quorum, forks, and what `witnessed` then means."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.ledger.note import Note
from jupyter_mlo.ledger.note_keys import NoteVerifier
from jupyter_mlo.ledger.store import open_ledger
from tests.ledger.conftest import make_envelope
from tests.verbs.conftest import Cli
from tests.verbs.workshop import Workshop


class Office:
    """Somebody with a home of his own who is a witness."""

    def __init__(self, home_env: dict[str, str], folder: Path, name: str) -> None:
        folder.mkdir()
        self.cli = Cli({**home_env, "MLO_HOME": str(folder / "mlo"), "HOME": str(folder)})
        self.folder = folder
        self.name = name
        done = self.cli("witness", "init", name)
        assert done.status == 0, done.err
        self.vkey = done.out.splitlines()[-1]

    def cosigns(self, request: Path) -> Any:
        """What comes of a request; the cosignature is in ``answer``."""
        return self.cli("witness", "cosign", request, "--out", self.answer)

    @property
    def answer(self) -> Path:
        """Where it stands."""
        return self.folder / "cosignature.txt"


@pytest.fixture
def witnesses(home_env: dict[str, str], tmp_path: Path, cli: Cli, ada: str) -> list[Office]:
    """Two, who know the ledger here and count here."""
    vkey = cli("ledger", "checkpoint", "--vkey").out.strip()
    offices = [Office(home_env, tmp_path / f"w{n}", f"w{n}.example") for n in (1, 2)]
    for office in offices:
        assert office.cli("trust", "add", "--ledger", vkey).status == 0
        assert cli("witness", "add", office.vkey).status == 0
    return offices


def grow(settings: Settings, *ns: int) -> None:
    """Append some strangers' seals."""
    with open_ledger(settings) as ledger:
        for n in ns:
            ledger.append([make_envelope(n)])


def round_trip(cli: Cli, office: Office, tmp_path: Path) -> None:
    """Request, cosignature, import."""
    request = tmp_path / "request.txt"
    for done in (
        cli("witness", "request", "--witness", office.name, "--out", request),
        office.cosigns(request),
        cli("witness", "import", office.answer),
    ):
        assert done.status == 0, done.err


def test_witnesses_cosign_what_continues_what_they_saw(
    cli: Cli, witnesses: list[Office], settings: Settings, tmp_path: Path
) -> None:
    for n, office in enumerate([witnesses[0], witnesses[1], witnesses[0]]):
        grow(settings, 2 * n, 2 * n + 1)
        round_trip(cli, office, tmp_path)
    with open_ledger(settings) as ledger:
        note = Note.from_bytes(ledger.checkpoint())
        key = NoteVerifier.from_vkey(witnesses[0].vkey, cosigner=True)
        assert key in note.cosigned([key])
        assert ledger.verify().holds
    # The same file again changes nothing.
    assert cli("witness", "import", witnesses[0].answer).status == 0
    with open_ledger(settings) as ledger:
        assert Note.from_bytes(ledger.checkpoint()) == note


def test_an_old_request_is_refused_with_what_was_seen(
    cli: Cli, witnesses: list[Office], settings: Settings, tmp_path: Path
) -> None:
    one = witnesses[0]
    old = tmp_path / "old.txt"
    grow(settings, 0)
    assert cli("witness", "request", "--old", "0", "--out", old).status == 0
    grow(settings, 1)
    round_trip(cli, one, tmp_path)
    again = one.cosigns(old)
    assert again.status == 1
    assert again.told("has cosigned 3 entries already", "asked for 2")
    grow(settings, 2)
    assert cli("witness", "request", "--old", "2", "--out", old).status == 0
    wrong = one.cosigns(old)
    assert wrong.status == 1
    assert wrong.told("has seen 3", "--old 3")


def test_a_fork_is_shown_with_both_heads(
    cli: Cli, witnesses: list[Office], settings: Settings, tmp_path: Path
) -> None:
    shutil.copytree(settings.ledger, tmp_path / "copy")
    grow(settings, 0)
    round_trip(cli, witnesses[0], tmp_path)
    with open_ledger(settings) as ledger:
        seen = ledger.quoted()["root"]
    shutil.rmtree(settings.ledger)
    shutil.copytree(tmp_path / "copy", settings.ledger)
    grow(settings, 1)
    request = tmp_path / "request.txt"
    for more in ((), (2, 3)):
        grow(settings, *more)
        with open_ledger(settings) as ledger:
            here = ledger.quoted()["root"]
        assert cli("witness", "request", "--old", "2", "--out", request).status == 0
        done = witnesses[0].cosigns(request)
        assert done.status == 1
        assert done.told(seen, here, "seen: 2 entries")
    assert not (Path(witnesses[0].answer)).read_text().count(here)


def test_a_witness_cosigns_only_for_ledgers_it_knows_and_only_what_their_key_signed(
    cli: Cli, witnesses: list[Office], settings: Settings, tmp_path: Path, home_env: Any
) -> None:
    stranger = Office(home_env, tmp_path / "w3", "w3.example")
    request = tmp_path / "request.txt"
    assert cli("witness", "request", "--old", "0", "--out", request).status == 0
    done = stranger.cosigns(request)
    assert done.status == 2
    assert done.told("is not known to this witness")
    text = request.read_text()
    for bent in (
        text.replace("\n1\n", "\n2\n"),
        text.replace("\n\n— ", "\n\n— x"),
        "",
        "old 0\n\n",
        "old x",
        "\x00",
    ):
        request.write_text(bent)
        done = witnesses[0].cosigns(request)
        assert done.status in (1, 2), bent
        assert "Traceback" not in done.err
    assert not witnesses[0].answer.exists()


def test_nobody_else_s_cosignature_is_imported(
    cli: Cli, witnesses: list[Office], tmp_path: Path, settings: Settings
) -> None:
    round_trip(cli, witnesses[0], tmp_path)
    assert cli("witness", "remove", witnesses[0].name).status == 0
    done = cli("witness", "import", witnesses[0].answer)
    assert done.status == 1
    assert done.told("no cosignature of a witness that counts here")
    line = witnesses[0].answer.read_text()
    for bent in (line.replace("w1", "w2"), line[:-6] + "AAAA=\n", "", "nonsense\n", line * 101):
        witnesses[0].answer.write_text(bent)
        done = cli("witness", "import", witnesses[0].answer)
        assert done.status in (1, 2)
        assert "Traceback" not in done.err


def test_files_that_were_mixed_up_or_suffered_on_the_way_are_named(
    cli: Cli, witnesses: list[Office], tmp_path: Path
) -> None:
    witness, request = witnesses[0], tmp_path / "request.txt"
    assert cli("witness", "request", "--old", "0", "--out", request).status == 0
    assert witness.cosigns(request).status == 0
    for name, run in (
        ("request", lambda path: witness.cosigns(path)),
        ("cosign", lambda path: cli("witness", "import", path)),
    ):
        good = request if name == "request" else witness.answer
        for content, said in (
            (b"", "is empty"),
            (good.read_bytes().replace(b"\n", b"\r\n"), "end with CR LF"),
            (cli("ledger", "checkpoint", "--vkey").out.encode(), "other.txt: "),
        ):
            other = tmp_path / "other.txt"
            other.write_bytes(content)
            done = run(other)
            assert done.status == 2
            assert done.told(said, "" if b"\r" in content else f"jupyter mlo witness {name}")
    assert cli("witness", "request", "--old", "99", "--out", request).told("request is not from 99")


def test_one_kind_of_key_in_the_others_place_is_named(cli: Cli, witnesses: list[Office]) -> None:
    vkey = cli("ledger", "checkpoint", "--vkey").out.strip()
    assert cli("witness", "add", vkey).told("it is a ledger's", "jupyter mlo witness init")
    done = cli("trust", "add", "--ledger", witnesses[0].vkey)
    assert done.told("it is a witness's", "ledger checkpoint --vkey")


def test_who_is_no_witness_is_told_so_first(
    cli: Cli, witnesses: list[Office], tmp_path: Path
) -> None:
    request = tmp_path / "request.txt"
    assert cli("witness", "request", "--old", "0", "--out", request).status == 0
    done = cli("witness", "cosign", request, "--out", tmp_path / "x")
    assert done.told("there is no witness here", "jupyter mlo witness init")


def test_the_configuration_of_witnesses(cli: Cli, witnesses: list[Office]) -> None:
    listed = json.loads(cli("witness", "list", "--json").out)
    assert listed["witnesses"] == {office.name: office.vkey for office in witnesses}
    assert cli("witness", "quorum", "3").status == 2
    assert cli("witness", "quorum", "2").status == 0
    assert "quorum  2 of 2" in cli("witness", "list").out
    name = witnesses[0].name
    twice = NoteVerifier(
        "other.example", NoteVerifier.from_vkey(witnesses[0].vkey, cosigner=True).public
    )
    done = cli("witness", "add", twice.cosigner.vkey)
    assert done.status == 1
    assert done.told("under another name")
    another = NoteVerifier(name, twice.public[::-1]).cosigner
    assert cli("witness", "add", another.vkey).status in (1, 2)
    assert cli("witness", "add", cli("ledger", "checkpoint", "--vkey").out.strip()).status == 2
    done = cli("witness", "remove", witnesses[0].name)
    assert done.status == 0
    assert done.told("1 are left")
    assert witnesses[0].cli("witness", "init", "again").status == 1


def test_enrolled_becomes_witnessed_under_a_quorum(
    cli: Cli, witnesses: list[Office], settings: Settings, tmp_path: Path, secret: str
) -> None:
    for arguments in (["init", "--name", "Sample registrar"], ["enrol", "Ada Sample"]):
        assert cli("registrar", *arguments, MLO_PASSPHRASE_FILE=secret).status == 0
    registrar = json.loads(cli("registrar", "list", "--json").out)["keyId"]
    assert cli("trust", "add", "--registrar", registrar).status == 0
    assert cli("login", "--activity", "training", MLO_PASSPHRASE_FILE=secret).status == 0
    notebook = Workshop(settings, tmp_path / "work").executed()
    assert cli("seal", notebook).status == 0
    assert cli("witness", "quorum", "2").status == 0
    export = tmp_path / "before.jsonl"
    assert cli("export", notebook, "--out", export).status == 0
    assert cli("verify", notebook, "--require", "enrolled").status == 0
    round_trip(cli, witnesses[0], tmp_path)
    assert cli("verify", notebook, "--require", "witnessed").status == 1
    round_trip(cli, witnesses[1], tmp_path)
    done = cli("verify", notebook, "--require", "witnessed")
    assert done.status == 0, done.out
    assert "clock   2 witnesses" in cli("ledger", "verify").out
    # An export made since says so too, to whoever counts the same witnesses.
    after = tmp_path / "after.jsonl"
    assert cli("export", notebook, "--out", after).status == 0
    said = {}
    for path in (export, after):
        report = json.loads(cli("verify", "--json", path).out)["exports"][0]
        said[path.name] = {line["predicate"]: line["assurance"] for line in report["statements"]}
    assert said["before.jsonl"]["seal"] == "enrolled"
    assert said["after.jsonl"]["seal"] == "witnessed"
    assert cli("witness", "quorum", "0").status == 0
    assert cli("verify", notebook, "--require", "witnessed").status == 1
