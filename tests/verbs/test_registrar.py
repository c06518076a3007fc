"""`registrar`: from a stranger's file to `enrolled` at a verifier, in three homes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def office(tmp_path: Path) -> dict[str, str]:
    """The registrar's own home."""
    (tmp_path / "office").mkdir(mode=0o700)
    return {"MLO_HOME": str(tmp_path / "office")}


@pytest.fixture
def fingerprint(cli, office, secret) -> str:
    """A registrar is there; this is its key fingerprint."""
    done = cli("registrar", "init", "--name", "Bank", MLO_PASSPHRASE_FILE=secret, **office)
    assert done.status == 0, done.err
    (line,) = (line for line in done.out.splitlines() if "key fingerprint" in line)
    key_id = line.split()[-1]
    assert f"jupyter mlo trust add --registrar {key_id}" in done.out
    return key_id


def handles(cli, office) -> dict[str, str]:
    listed = json.loads(cli("registrar", "list", "--json", **office).out)
    return {member["mlo"]: member["handle"] for member in listed["members"]}


def test_a_person_is_enrolled_across_homes(
    cli, ada, office, fingerprint, secret, tmp_path: Path
) -> None:
    file = tmp_path / "ada.jsonl"
    cli("enroll", "--export", file)
    done = cli("registrar", "enrol", file, MLO_PASSPHRASE_FILE=secret, **office)
    assert done.status == 0, done.err
    assert ada in done.err  # shown before the passphrase was read, with the fingerprint
    assert "key fingerprint  sha256:" in done.err
    answer = tmp_path / "ada.registered.jsonl"
    assert str(answer) in done.out
    done = cli("enroll", "--import", answer)
    assert done.status == 0, done.err
    assert f"is enrolled by the registrar {fingerprint}" in done.out
    assert f"trust add --registrar {fingerprint}" in done.out
    assert "assurance here   signed" in cli("status").out
    assert cli("trust", "add", "--registrar", fingerprint).status == 0
    found = json.loads(cli("status", "--json").out)["identities"][0]
    assert found["assurance"] == "enrolled"
    assert found["handle"] == handles(cli, office)[ada]
    assert "trust add" not in cli("enroll", "--import", answer).out
    assert cli("login", MLO_PASSPHRASE_FILE=secret).status == 0


def test_in_one_home_the_answer_is_kept_at_once(cli, ada, secret) -> None:
    cli("registrar", "init", "--name", "Bank", MLO_PASSPHRASE_FILE=secret)
    done = cli("registrar", "enrol", "Ada Sample", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    registrar = json.loads(cli("registrar", "list", "--json").out)["keyId"]
    cli("trust", "add", "--registrar", registrar)
    found = json.loads(cli("status", "--json").out)
    assert [one["name"] for one in found["identities"]] == ["Ada Sample"]
    assert found["identities"][0]["assurance"] == "enrolled"
    assert found["ledger"]["entries"] == 3


def test_one_person_keeps_one_handle(
    cli, ada, enrolled, office, fingerprint, secret, tmp_path: Path
) -> None:
    laptop = enrolled("Ada's laptop")
    grace = enrolled("Grace Sample")
    for name in ("Ada Sample", "Ada's laptop", "Grace Sample"):
        cli("enroll", "--export", tmp_path / name, "--of", name)
    environ = {"MLO_PASSPHRASE_FILE": secret, **office}
    cli("registrar", "enrol", tmp_path / "Ada Sample", **environ)
    cli("registrar", "enrol", tmp_path / "Ada's laptop", "--handle-of", ada[4:].lower(), **environ)
    cli("registrar", "enrol", tmp_path / "Grace Sample", **environ)
    given = handles(cli, office)
    assert given[ada] == given[laptop] != given[grace]
    assert len(given[ada]) == 22
    done = cli(
        *["registrar", "enrol", tmp_path / "Grace Sample", "--handle-of", ada, "--out"],
        tmp_path / "other",
        **environ,
    )
    assert done.status == 2
    assert done.told("on the roster as")


def test_a_wrong_passphrase_of_the_registrar(cli, ada, office, fingerprint, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong")
    wrong.chmod(0o600)
    cli("enroll", "--export", tmp_path / "ada.jsonl")
    done = cli(
        *["registrar", "enrol", tmp_path / "ada.jsonl"], MLO_PASSPHRASE_FILE=str(wrong), **office
    )
    assert done.status == 2
    assert done.told("wrong passphrase for Bank (mlo:", "attempt 1")
    assert handles(cli, office) == {}
    assert not (tmp_path / "ada.registered.jsonl").exists()


def test_what_cannot_be_enrolled_is_said_before_the_passphrase(
    cli, ada, office, fingerprint, tmp_path: Path
) -> None:
    file = tmp_path / "ada.jsonl"
    cli("enroll", "--export", file)
    statement = json.loads(file.read_text())
    for name, content, said in [
        ("junk", "junk", "no signed statement"),
        ("empty", "", "is empty"),
        ("two", file.read_text() * 2, "2 people's own enrolments"),
        (
            "forged",
            json.dumps(
                {**statement, "signatures": [{**statement["signatures"][0], "sig": "AAAA"}]}
            ),
            "does not hold",
        ),
    ]:
        (tmp_path / name).write_text(content)
        done = cli("registrar", "enrol", tmp_path / name, **office)
        assert done.status == 2, name
        assert done.told(said)
    assert cli("registrar", "enrol", tmp_path / "none", **office).told("there is no file")
    done = cli("registrar", "enrol", file, "--handle-of", "nobody", **office)
    assert done.told("has not enrolled nobody")
    mistyped = ada[:-1] + ("0" if ada[-1] != "0" else "1")
    done = cli("registrar", "enrol", file, "--handle-of", mistyped, **office)
    assert done.told("its check character does not match")
    (tmp_path / "ada.registered.jsonl").touch()
    assert cli("registrar", "enrol", file, **office).told("exists already", "--out")


def test_without_a_registrar_the_hint_is_init(cli, ada) -> None:
    for arguments in (["enrol", "Ada Sample"], ["list"]):
        done = cli("registrar", *arguments)
        assert done.status == 2
        assert done.told("this home has no registrar", "registrar init")


def test_a_second_registrar_is_refused_before_the_passphrase(cli, office, fingerprint) -> None:
    done = cli("registrar", "init", "--name", "Other", **office)
    assert done.status == 1
    assert done.told("has a registrar already: Bank")


def test_a_registrar_is_nobody_to_log_in_with(cli, office, fingerprint) -> None:
    assert cli("login", **office).told("nobody is enrolled here")


@pytest.mark.parametrize("action", ["init", "enrol"])
def test_its_passphrase_is_not_taken_from_the_command_line(cli, action: str) -> None:
    extra = ["x"] if action == "enrol" else []
    done = cli("registrar", action, *extra, "--passphrase", "hunter2222")
    assert done.status == 2
    assert done.told("not taken from the command line")
    assert "hunter" not in done.err
