"""`trust`: whole fingerprints only, and a second key is a conflict until somebody decides."""

from __future__ import annotations

import json

import pytest

ADA = "mlo:7K3D-9QXA-2MFB"
KEY, OTHER = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32


def test_a_key_is_pinned_listed_and_removed(cli) -> None:
    assert cli("trust", "add", "7k3d9qxa2mfb", KEY.upper()).out == (
        f"{ADA} is known here by its key {KEY}\n"
    )
    assert f"{ADA}  {KEY}" in cli("trust", "list").out
    assert json.loads(cli("trust", "list", "--json").out)["pins"] == {ADA: [KEY]}
    assert cli("trust", "remove", ADA).status == 0
    assert "nobody is trusted here yet" in cli("trust", "list").out
    assert cli("trust", "remove", ADA).told(f"{ADA} is not pinned here", "trust list")


def test_a_second_key_is_refused_until_it_replaces(cli) -> None:
    cli("trust", "add", ADA, KEY)
    done = cli("trust", "add", ADA, OTHER)
    assert done.status == 1
    assert done.told("is pinned here with another key", KEY, "impostor", "--replace")
    assert cli("trust", "add", ADA, OTHER, "--replace").status == 0
    assert json.loads(cli("trust", "list", "--json").out)["pins"] == {ADA: [OTHER]}


def test_a_registrar_is_trusted_under_a_name(cli) -> None:
    assert cli("trust", "add", "--registrar", KEY, "--name", "Bank").status == 0
    assert f"registrar  Bank  {KEY}" in cli("trust", "list").out
    assert cli("trust", "add", "--registrar", KEY).status == 0  # keeps its name
    listed = json.loads(cli("trust", "list", "--json").out)
    assert listed["registrars"] == {KEY: {"name": "Bank"}}
    assert cli("trust", "remove", "--registrar", KEY).status == 0
    assert cli("trust", "remove", "--registrar", KEY).told("no registrar here")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", ADA, KEY[:20]], "hexadecimal digits, not 64"),
        (["add", ADA, KEY.removeprefix("sha256:")], "lacks 'sha256:'"),
        (["add", "--registrar", "sha256:abc"], "3 hexadecimal digits"),
        (["add", ADA], "the key fingerprint is missing"),
        (["add"], "nobody was named"),
        (["add", ADA, KEY, "--registrar", KEY], "name one at a time"),
        (["add", ADA, KEY, "--name", "x"], "--name goes with --registrar"),
        (["add", "--registrar", KEY, "--name", "\x1b[2J"], "control characters"),
        (["add", "mlo:7K3D-9QXA-2MFC", KEY], "check character"),
        (["add", "spiffe://bank/ada", KEY], "counts only through a registrar"),
        (["remove"], "nobody was named"),
        (["add", ADA, KEY, "--repl"], "unrecognized"),
        ([], "required"),
    ],
)
def test_what_is_not_exact_is_refused(cli, arguments: list[str], said: str) -> None:
    done = cli("trust", *arguments)
    assert done.status == 2
    assert done.told(said)
    assert "\x1b" not in done.err
    assert "nobody is trusted here yet" in cli("trust", "list").out


def test_ones_own_key_is_pinned_and_said_to_be(cli, ada) -> None:
    assert f"Ada Sample ({ada}), enrolled here" in cli("trust", "list").out


def test_a_typo_names_whom_it_is_near(cli, ada) -> None:
    typed = ada[:-1] + ("0" if ada[-1] != "0" else "1")
    assert cli("trust", "add", typed, KEY).told(f"did you mean {ada}")
