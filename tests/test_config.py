"""Settings: MLO_HOME moves everything, and a project may only tighten the policy."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from jupyter_mlo.config import Asked, load_settings
from jupyter_mlo.errors import InvalidInput


def test_mlo_home_moves_keys_trust_records_runs_and_ledger_together(tmp_path: Path) -> None:
    settings = load_settings({"MLO_HOME": str(tmp_path / "here")}, cwd=tmp_path)
    places = [
        settings.identities,
        settings.trust_file,
        settings.registrar,
        settings.records,
        settings.runs,
        settings.mandates,
        settings.outbox,
        settings.ledger,
    ]
    assert all(place.is_relative_to(tmp_path / "here") for place in places)
    assert str(tmp_path / "here") in settings.ledger_url


def test_two_homes_have_two_session_files(tmp_path: Path) -> None:
    one = load_settings({"MLO_HOME": str(tmp_path / "one")}, cwd=tmp_path)
    two = load_settings({"MLO_HOME": str(tmp_path / "two")}, cwd=tmp_path)
    assert one.session_file != two.session_file
    assert not one.session_file.is_relative_to(one.home)


@pytest.mark.parametrize(
    ("home", "project", "required"),
    [(False, True, True), (True, False, True), (False, False, False), (True, True, True)],
)
def test_a_project_tightens_the_policy_and_never_loosens_it(
    tmp_path: Path, home: bool, project: bool, required: bool
) -> None:
    for folder, value in (("home", home), ("project", project)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mlo.toml").write_text(
            f"[identity]\nrequired = {str(value).lower()}\n"
        )
    below = tmp_path / "project" / "deep" / "down"
    below.mkdir(parents=True)
    settings = load_settings({"MLO_HOME": str(tmp_path / "home")}, cwd=below)
    assert settings.policy.identity_required is required


def test_a_project_cannot_move_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "mlo.toml").write_text('[ledger]\nurl = "sqlite:////elsewhere.sqlite3"\n')
    with pytest.raises(InvalidInput, match="ledger"):
        load_settings({"MLO_HOME": str(tmp_path / "home")}, cwd=tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[identity]\nrequired = 1\n", id="type"),
        pytest.param("[idendity]\nrequired = true\n", id="section"),
        pytest.param("x = [", id="syntax"),
        pytest.param("\xff", id="encoding"),
        pytest.param(f"x = {'[' * 5000}", id="depth"),
    ],
)
def test_what_is_not_understood_in_mlo_toml_is_named_and_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mlo.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidInput) as caught:
        load_settings({"MLO_HOME": str(tmp_path / "home")}, cwd=tmp_path)
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_policy_that_cannot_be_opened_is_named_and_refused(tmp_path: Path) -> None:
    (tmp_path / "home" / "mlo.toml").mkdir(parents=True)
    with pytest.raises(InvalidInput, match=r"mlo\.toml cannot be read"):
        load_settings({"MLO_HOME": str(tmp_path / "home")}, cwd=tmp_path)


@pytest.mark.parametrize("home", ["mlo-home", "./x", "~nobody-of-this-name/x"])
def test_a_home_that_would_be_another_in_each_folder_is_refused(tmp_path: Path, home: str) -> None:
    with pytest.raises(InvalidInput, match="another place in each folder") as caught:
        load_settings({"MLO_HOME": home}, cwd=tmp_path, asked="nobody")
    assert "MLO_HOME=" in caught.value.hint


@pytest.mark.parametrize("asked", ["project", "home", "nobody"])
def test_what_no_policy_decides_does_not_read_one(tmp_path: Path, asked: Asked) -> None:
    (tmp_path / "home").mkdir()
    environ = {"MLO_HOME": str(tmp_path / "home")}
    (tmp_path / "mlo.toml").write_text("[identity")
    if asked == "project":
        with pytest.raises(InvalidInput, match=r"mlo\.toml cannot be read"):
            load_settings(environ, cwd=tmp_path, asked=asked)
        return
    assert load_settings(environ, cwd=tmp_path, asked=asked).home == tmp_path / "home"
    (tmp_path / "home" / "mlo.toml").write_text("[identity")
    if asked == "home":
        with pytest.raises(InvalidInput, match=r"home/mlo\.toml cannot be read"):
            load_settings(environ, cwd=tmp_path, asked=asked)
    else:
        load_settings(environ, cwd=tmp_path, asked=asked)


@pytest.mark.parametrize("where", ["home", "project"])
@pytest.mark.parametrize("kind", ["pipe", "device", "link to nothing"])
def test_what_is_no_file_in_the_policys_place_is_named_and_not_waited_for(
    tmp_path: Path, where: str, kind: str
) -> None:
    (tmp_path / where).mkdir()
    path = tmp_path / where / "mlo.toml"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else "nothing")
    with pytest.raises(InvalidInput, match=r"mlo\.toml cannot be read"):
        load_settings({"MLO_HOME": str(tmp_path / "home")}, cwd=tmp_path / "project")


def declared(folder: Path, pattern: str) -> None:
    (folder / "mlo.toml").write_text(f"[identity.schemes]\nbank = '{pattern}'\n")
    load_settings({"MLO_HOME": str(folder)}, cwd=folder)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a*)*",
        "(a|a)*b",
        "(?:a|ab|abc)+x",
        "a*a*a*b",
        "(a{1,30}){1,30}",
        r"(a+)\1",
        "(?=a+)a",
        "(?>a+)+",
        "(|a)" * 30,
        "(a*){300}b",
    ],
)
def test_a_pattern_that_an_id_could_keep_busy_is_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(InvalidInput, match="too many ways"):
        declared(tmp_path, pattern)


@pytest.mark.parametrize(
    ("pattern", "worst"),
    [
        (r"[a-z]{2,8}\d{4}", "a" * 256),
        ("[a-z]+[a-z]+", "a" * 255 + "!"),
        (r"[a-z]{1,16}([.a-z]{1,16}){0,3}", "a" * 255 + "!"),
        ("(?:a|a){16}", "a" * 15 + "!"),
        ("(uk|de|fr)-[0-9]{6}(-[a-z])?", "uk-123456-!"),
        (".*", "a" * 256),
    ],
)
def test_any_other_is_taken_and_is_quick(tmp_path: Path, pattern: str, worst: str) -> None:
    declared(tmp_path, pattern)
    start = time.perf_counter()
    re.fullmatch(pattern, worst)
    assert time.perf_counter() - start < 1
