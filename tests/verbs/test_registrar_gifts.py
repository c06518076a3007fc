"""Roles and memberships that a registrar gives and takes back, and kinds that are pinned."""

from __future__ import annotations

import json

import pytest

from jupyter_mlo.ledger.publish import publish
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.subjects import statement_subject
from tests.delegation.actors import forge, person
from tests.verbs.workshop import Workshop


@pytest.fixture
def pays(secret):
    """What commands that sign need."""
    return {"MLO_PASSPHRASE_FILE": secret}


@pytest.fixture
def registrar(cli, ada, pays):
    """A registrar that is trusted here; its fingerprint."""
    assert cli("registrar", "init", "--name", "Sample Bank", **pays).status == 0
    key_id = json.loads(cli("registrar", "list", "--json").out)["keyId"]
    assert cli("trust", "add", "--registrar", key_id).status == 0
    return key_id


@pytest.fixture
def team(cli, ada, pays):
    """MLO ID of a team whose key is here."""
    done = cli("enroll", "--name", "Credit models", "--kind", "team", **pays)
    assert done.status == 0, done.err
    assert "--kind team" in done.out
    found = json.loads(cli("status", "--json").out)["identities"]
    return next(one["mlo"] for one in found if one["kind"] == "team")


def test_a_role_is_given_shown_and_taken_back(cli, ada, pays, registrar):
    assert "nobody has a role" in cli("registrar", "role", "list").out
    for role in ("validator", "approver"):
        done = cli("registrar", "role", "grant", ada, role, "--for", "90d", **pays)
        assert done.status == 0, done.err
    assert f"{ada}  approver, validator" in cli("registrar", "role", "list").out
    assert f"role       approver, validator  {ada}" in cli("trust", "list").out
    assert "roles            approver, validator" in cli("status").out
    done = cli("registrar", "role", "remove", ada, "approver", **pays)
    assert done.status == 0, done.err
    listed = json.loads(cli("registrar", "role", "list", "--json").out)
    assert listed["roles"] == {ada: ["validator"]}
    done = cli("registrar", "role", "remove", ada, "approver", **pays)
    assert done.told("has not given", "took it back")
    # Roles are those of registrars that are trusted here.
    cli("trust", "remove", "--registrar", registrar)
    assert "roles" not in cli("status").out
    assert json.loads(cli("trust", "list", "--json").out)["roles"] == {}


def test_a_forged_revocation_does_not_keep_a_role_from_being_taken_back(
    cli, ada, pays, registrar, settings
):
    done = cli("registrar", "role", "grant", ada, "validator", **pays)
    role = done.out.split()[-1]
    stranger = person(ada)
    said = stranger.header() | {"keyId": registrar, "reason": "left", "revokes": role}
    forged = forge(types.REVOCATION, [statement_subject(role)], said, stranger.key)
    publish(settings, [Envelope(forged.payload, registrar, forged.signature)])
    done = cli("registrar", "role", "remove", ada, "validator", **pays)
    assert done.status == 0, done.err
    assert "nobody has a role" in cli("registrar", "role", "list").out


def test_a_registrar_admits_to_a_team_and_dismisses(
    cli, ada, team, pays, registrar, settings, tmp_path
):
    file = tmp_path / "ada.jsonl"
    done = cli("registrar", "member", "add", team, ada, "--out", file, **pays)
    assert done.status == 0, done.err
    assert cli("team", "join", file).status == 0
    done = cli("login", ada, "--team", team, **pays)
    assert done.status == 0, done.err
    path = Workshop(settings, tmp_path / "work").executed()
    assert cli("seal", path).status == 0
    done = cli("verify", path)
    said = f"by Ada Sample ({ada}) for Credit models ({team})"
    assert (done.status, said in done.out) == (0, True), done.out
    done = cli("registrar", "member", "remove", team, ada, **pays)
    assert done.status == 0, done.err
    assert cli("verify", path).status == 0, "what was logged before stays"
    assert cli("login", ada, "--team", team, **pays).status == 0
    later = Workshop(settings, tmp_path / "work").executed("later.ipynb")
    cli("seal", later)
    done = cli("verify", later)
    assert (done.status, "was revoked" in done.out) == (1, True), done.out
    done = cli("registrar", "member", "remove", team, ada, **pays)
    assert done.told("or took it back")
    assert cli("registrar", "member", "add", team, team, "--out", tmp_path / "x", **pays).told(
        "no member of itself"
    )


def test_a_team_affirms_anew_what_its_member_cannot(cli, ada, team, pays, settings, tmp_path):
    file = tmp_path / "ada.jsonl"
    done = cli("team", "add", ada, "--team", team, "--out", file, **pays)
    (membership,) = (line.split()[-1] for line in done.out.splitlines() if "statement  " in line)
    assert cli("team", "join", file).status == 0
    assert cli("login", ada, "--team", team, **pays).status == 0
    path = Workshop(settings, tmp_path / "work").executed()
    assert cli("seal", path).status == 0
    assert cli("verify", path).status == 0
    done = cli("key", "revoke", team, "--delegation", membership, "--reason", "compromised",
               "--compromised-since", "1d", **pays)  # fmt: skip
    assert done.status == 0, done.err
    assert cli("verify", path).status == 1
    assert cli("verify", "--require", "claimed", path).status == 0
    assert cli("reaffirm", path, "--as", ada, **pays).status == 0
    assert cli("verify", path).status == 1
    done = cli("reaffirm", path, "--as", team, **pays)
    assert (done.status, "Credit models" in done.err) == (0, True), done.err
    done = cli("verify", path)
    assert (done.status, "affirmed anew" in done.out) == (0, True), done.out


def test_a_kind_is_pinned_with_the_key(cli, ada, team):
    listed = json.loads(cli("trust", "list", "--json").out)
    assert listed["kinds"] == {team: "team"}
    key = listed["pins"][team][0]
    assert cli("trust", "add", team, key, "--kind", "person").told("pinned here as a team")
    assert f"{key}   team" in cli("trust", "list").out
