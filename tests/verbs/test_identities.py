"""Other identifiers, lost keys, leavers, teams, assistants, re-affirmation: by the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mlo.config import Settings
from tests.verbs.workshop import Workshop

ORCID = "https://orcid.org/0000-0002-1825-0097"


@pytest.fixture
def registrar(cli, secret) -> str:
    """This home has a registrar, whom it trusts."""
    done = cli("registrar", "init", "--name", "Bank", MLO_PASSPHRASE_FILE=secret)
    (key_id,) = (line.split()[-1] for line in done.out.splitlines() if "fingerprint" in line)
    assert cli("trust", "add", "--registrar", key_id).status == 0
    return key_id


@pytest.fixture
def sealed(cli, secret, settings: Settings, tmp_path: Path) -> Callable[..., Path]:
    """Logs in, runs and seals a notebook."""

    def make(*login: str) -> Path:
        done = cli("login", *login, MLO_PASSPHRASE_FILE=secret)
        assert done.status == 0, done.err
        path = Workshop(settings, tmp_path / "work").executed()
        done = cli("seal", path)
        assert done.status == 0, done.err
        return path

    return make


@pytest.fixture
def away(tmp_path: Path) -> dict[str, str]:
    """Another home."""
    (tmp_path / "away").mkdir(mode=0o700)
    return {"MLO_HOME": str(tmp_path / "away")}


def test_an_orcid_counts_only_through_a_registrar(cli, secret, sealed, registrar) -> None:
    done = cli("enroll", "--name", "Ada Sample", "--id", "0000-0002-1825-0097",
               MLO_PASSPHRASE_FILE=secret)  # fmt: skip
    assert done.status == 0, done.err
    assert f"MLO ID           {ORCID}" in done.out
    assert "counts nowhere until a registrar" in done.out
    assert "only through a registrar" in cli("status").err
    path = sealed()
    done = cli("verify", path)
    assert (done.status, "only through a registrar" in done.out) == (1, True)
    done = cli("trust", "add", ORCID, "sha256:" + "a" * 64)
    assert done.told("only through a registrar")
    assert cli("registrar", "enrol", ORCID, MLO_PASSPHRASE_FILE=secret).status == 0
    path = sealed()
    done = cli("verify", "--require", "enrolled", path)
    assert (done.status, ORCID in done.out) == (0, True), done.out


@pytest.mark.parametrize(
    ("identifier", "why"),
    [
        ("https://orcid.org/0000-0002-1825-0098", "check digit is wrong"),
        ("spiffe://Bank/a", "SPIFFE"),
        ("tax:12", "not declared"),
        ("mlo:7K3D-9QXA-2MFB", "mistyped|drawn at random"),
        ("did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169", "is not chosen"),
    ],
)
def test_identifiers_that_are_none_are_refused(cli, secret, identifier: str, why: str) -> None:
    import re

    done = cli("enroll", "--name", "Ada", "--id", identifier, MLO_PASSPHRASE_FILE=secret)
    assert done.status == 2
    assert re.search(why, done.err), done.err


def test_a_did_key_and_a_declared_scheme(cli, secret, sealed, away, home_env) -> None:
    done = cli("enroll", "--name", "Ada Sample", "--id", "did:key", MLO_PASSPHRASE_FILE=secret)
    assert "did:key:zDna" in done.out
    mlo = json.loads(cli("status", "--json").out)["identities"][0]["mlo"]
    path = sealed()
    assert cli("verify", path).status == 0
    assert cli("key", "rotate", MLO_PASSPHRASE_FILE=secret).told("cannot be given another")
    assert mlo in cli("verify", path, **away).out
    Path(home_env["MLO_HOME"], "mlo.toml").write_text('[identity.schemes]\nbank = "[a-z]+"\n')
    done = cli("enroll", "--name", "Grace Sample", "--id", "bank:grace",
               MLO_PASSPHRASE_FILE=secret)  # fmt: skip
    assert done.status == 0, done.err
    path = sealed("bank:grace")
    assert cli("verify", path).status == 0
    # Elsewhere nobody declared it.
    done = cli("verify", path, **away)
    assert (done.status, "is not declared here" in done.out) == (1, True)


def test_a_project_declares_no_schemes_and_only_tightens_the_grace(cli, home_env) -> None:
    project = Path(home_env["HOME"], "mlo.toml")
    project.write_text('[identity.schemes]\nbank = "x"\n')
    assert cli("status").told("identity.schemes is unknown")
    project.write_text('[time]\ngrace = "soon"\n')
    assert cli("status").told("time.grace is not a duration")
    project.write_text('[time]\ngrace = "1d"\n')
    assert cli("status").status == 0


def test_a_lost_key_is_bound_anew_by_the_registrar(
    cli, ada, secret, sealed, registrar, away, tmp_path: Path
) -> None:
    cli("registrar", "enrol", ada, MLO_PASSPHRASE_FILE=secret)
    before = sealed()
    lost = json.loads(cli("key", "list", "--json").out)["keys"][0]["keyId"]
    handle = json.loads(cli("registrar", "list", "--json").out)["members"][0]["handle"]
    # A new device: same MLO ID, another key.
    file = tmp_path / "again.jsonl"
    cli("key", "add", ada, "--export", file, "--name", "Ada Sample",
        MLO_PASSPHRASE_FILE=secret, **away)  # fmt: skip
    done = cli("registrar", "enrol", file, MLO_PASSPHRASE_FILE=secret)
    assert done.told("this is how an impostor would look")
    done = cli("registrar", "enrol", file, "--lost", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    assert "1 lost keys" in done.out
    answer = tmp_path / "again.registered.jsonl"
    assert cli("enroll", "--import", answer, **away).status == 0
    assert cli("trust", "add", "--registrar", registrar, **away).status == 0
    found = json.loads(cli("status", "--json", **away).out)["identities"][0]
    assert (found["mlo"], found["assurance"], found["handle"]) == (ada, "enrolled", handle)
    states = {one["keyId"]: one["state"] for one in
              json.loads(cli("key", "list", "--json").out)["keys"]}  # fmt: skip
    assert states[lost].startswith("revoked")
    # What the lost key signed in time stays.
    assert cli("verify", before).status == 0


def test_who_leaves_keeps_what_was_logged(cli, ada, secret, sealed, registrar) -> None:
    cli("registrar", "enrol", ada, MLO_PASSPHRASE_FILE=secret)
    before = sealed()
    done = cli("registrar", "revoke", ada, "--reason", "left", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    assert cli("verify", before).status == 0
    assert cli("ledger", "verify").status == 0
    done = cli("registrar", "revoke", "mlo:0000-0000-0000", "--reason", "left")
    assert done.status == 2
    done = cli("registrar", "role", "grant", ada, "validator", "--for", "90d",
               MLO_PASSPHRASE_FILE=secret)  # fmt: skip
    assert done.status == 0, done.err
    assert cli("registrar", "role", "grant", ada, "Head of Risk").told("no name of a role")


def test_what_is_only_claimed_is_affirmed_anew(cli, ada, secret, sealed) -> None:
    path = sealed()
    assert cli("reaffirm", path).out.startswith("nothing there of Ada Sample")
    done = cli("key", "rotate", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0
    # Later it turns out that the old key had been in other hands.
    old = json.loads(cli("key", "list", "--json").out)["keys"][1]["keyId"]
    done = cli("key", "revoke", "--key", old, "--reason", "compromised",
               "--compromised-since", "1d", MLO_PASSPHRASE_FILE=secret)  # fmt: skip
    assert done.status == 0, done.err
    done = cli("verify", path)
    assert (done.status, "in other hands since" in done.out) == (1, True), done.out
    assert cli("verify", "--require", "claimed", path).status == 0
    # Its successor's enrolment may be the thief's as well: the pin here decides.
    done = cli("reaffirm", path, MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    assert "answers for 3 statements" in done.err
    done = cli("verify", path)
    assert done.status == 0, done.out
    assert "affirmed anew" in done.out
    assert cli("log", "--type", "affirmation").out.count("affirmation") >= 1


def test_a_member_acts_for_a_team(cli, ada, enrolled, secret, sealed, tmp_path: Path) -> None:
    cli("enroll", "--name", "Credit models", "--kind", "team", MLO_PASSPHRASE_FILE=secret)
    team = next(one["mlo"] for one in json.loads(cli("status", "--json").out)["identities"]
                if one["kind"] == "team")  # fmt: skip
    done = cli("login", "Credit models", MLO_PASSPHRASE_FILE=secret)
    assert done.told("a person answers for what it does")
    done = cli("login", ada, "--team", team, MLO_PASSPHRASE_FILE=secret)
    assert done.told("no membership in")
    file = tmp_path / "ada.jsonl"
    done = cli("team", "add", ada, "--team", "Credit models", "--out", file,
               MLO_PASSPHRASE_FILE=secret)  # fmt: skip
    assert done.status == 0, done.err
    done = cli("team", "join", file)
    assert done.status == 0, done.err
    path = sealed(ada, "--team", team)
    assert f"for the team     {team}" in cli("status").out
    done = cli("verify", path)
    assert (done.status, f"by Ada Sample ({ada}) for Credit models ({team})" in done.out) == (
        0,
        True,
    ), done.out
    assert "for Credit models" in cli("blame", path).out
    executed = json.loads(cli("blame", "--json", path).out)
    assert team in json.dumps(executed)
    # From the file alone, at somebody who knows both.
    other = {"MLO_HOME": str(tmp_path / "other")}
    for one in json.loads(cli("status", "--json").out)["identities"]:
        cli("trust", "add", one["mlo"], one["keyId"], **other)
    done = cli("verify", path, **other)
    assert done.status == 0, done.out


def test_an_assistant_acts_under_a_grant(cli, ada, secret, sealed, settings, tmp_path) -> None:
    cli("enroll", "--name", "Helper", "--kind", "assistant", MLO_PASSPHRASE_FILE=secret)
    helper = next(one["mlo"] for one in json.loads(cli("status", "--json").out)["identities"]
                  if one["kind"] == "assistant")  # fmt: skip
    done = cli("login", helper, MLO_PASSPHRASE_FILE=secret)
    assert done.told("a person answers for what it does")
    file = tmp_path / "agent.grant"
    done = cli("grant", helper, "--activity", "training", "--model", "loan",
               "--out", file, MLO_PASSPHRASE_FILE=secret)  # fmt: skip
    assert done.status == 0, done.err
    assert file.stat().st_mode & 0o777 == 0o600
    done = cli("login", "--grant", file)
    assert done.status == 0, done.err
    assert f"logged in as the assistant {helper} for {ada}" in done.out
    assert f"assistant        {helper}" in cli("status").out
    path = Workshop(settings, tmp_path / "work").executed()
    done = cli("seal", path)
    assert done.status == 0, done.err
    done = cli("verify", path)
    assert (
        done.status,
        f"by Ada Sample ({ada}) through the assistant Helper ({helper})" in done.out,
    ) == (0, True)
    # Taken back, it signs nothing more that counts.
    (statement,) = (line.split()[-1] for line in
                    cli("grant", helper, "--as", ada, "--out", tmp_path / "b.grant",
                        MLO_PASSPHRASE_FILE=secret).out.splitlines()
                    if "statement  " in line)  # fmt: skip
    done = cli("key", "revoke", ada, "--delegation", statement, "--reason", "ended",
               MLO_PASSPHRASE_FILE=secret)  # fmt: skip
    assert done.status == 0, done.err
    done = cli("login", "--grant", tmp_path / "secret")
    assert done.status == 2
    assert "Traceback" not in done.err


def test_a_new_id_for_a_lost_one_is_a_claimed_successor(cli, ada, secret, sealed) -> None:
    done = cli("enroll", "--name", "Ada again", "--succeeds", ada, MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    assert f"claimed successor of {ada}" in done.out
    assert f"claims to succeed {ada}" in cli("status").out
    path = sealed("Ada again")
    done = cli("verify", path)
    assert (done.status, f"claimed successor of {ada}" in done.out) == (0, True), done.out
