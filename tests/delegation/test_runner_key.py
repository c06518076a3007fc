"""Runners' keys, and mandates that are renewed or divided: never anything wider."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.mandate_changes import divide, divided, renew
from jupyter_mlo.delegation.mandates import Mandate, MandateFile, read_content, verified
from jupyter_mlo.delegation.ranges import Range
from jupyter_mlo.delegation.runner_key import (
    make_runner_key,
    read_mandate_here,
    read_runner_key,
    runner_key,
)
from jupyter_mlo.delegation.scope import Scope, widening
from jupyter_mlo.delegation.uses import Use, use_refusal
from jupyter_mlo.errors import InvalidInput, KeyFileError, Refused
from jupyter_mlo.identity.keys import SigningKey
from tests.delegation.actors import NOW, person
from tests.delegation.test_mandates import DAY, made, own

ADA = person()


def mandate(**terms: object) -> Mandate:
    return verified(made(ADA, **terms), "it")


def test_one_key_for_a_home_however_many_ask_at_once(settings: Settings) -> None:
    assert runner_key(settings) is None
    with ThreadPoolExecutor(8) as threads:
        keys = {key.key_id for key in threads.map(make_runner_key, [settings] * 8)}
    assert len(keys) == 1
    path = settings.runner / "key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("no key")
    with pytest.raises(KeyFileError, match="is damaged"):
        make_runner_key(settings)
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="can be read or written by others"):
        runner_key(settings)


@pytest.mark.parametrize("given", ["", "x", "A" * 10_000, "\x1b[2J", "/dev/zero", "\0"])
def test_what_is_no_runners_key_is_refused(given: str) -> None:
    with pytest.raises(InvalidInput, match="is no runner's public key"):
        read_runner_key(given)


def test_a_mandate_counts_with_the_key_that_it_is_made_over_to(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "m"
    file.write_bytes(made(ADA, to=make_runner_key(settings).public).to_bytes())
    file.chmod(0o644)
    held = read_mandate_here(settings, file)
    assert held.signer(NOW).key.key_id == held.link.key.key_id
    file.write_bytes(made(ADA, to=SigningKey.generate().public).to_bytes())
    with pytest.raises(KeyFileError, match="which is not here"):
        read_mandate_here(settings, file)
    file.write_bytes(made(ADA).to_bytes())  # this one has a key in it, and is open to others
    with pytest.raises(KeyFileError, match="can be read or written by others"):
        read_mandate_here(settings, file)


def test_what_was_mounted_for_a_group_is_read_and_that_is_said(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "m"
    file.write_bytes(made(ADA).to_bytes())
    file.chmod(0o440)
    monkeypatch.setattr("jupyter_mlo.identity.private_files._ROOT", os.geteuid())
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    (note,) = read_mandate_here(settings, file).notes
    assert "mounted for the group" in note
    file.chmod(0o400)
    assert read_mandate_here(settings, file).notes == ()


def test_a_renewal_differs_in_its_time_alone_and_says_what_it_replaces() -> None:
    old = mandate(uses=4, parameters={"seed": Range(1, 20, True)})
    later = NOW + 20 * DAY
    new = verified(renew(own(ADA), old, now=later, lasts=30 * DAY), "it")
    assert new.replaces == old.mandate_id
    assert replace(new.scope, not_before=old.scope.not_before, not_after=old.scope.not_after) == (
        old.scope
    )
    with pytest.raises(InvalidInput):
        renew(own(ADA), old, now=later, lasts=timedelta())


def test_only_a_mandate_replaces_another() -> None:
    session = ADA.delegates("session", header={"replaces": "a" * 64})
    file = MandateFile(notebook="n", chain=[one.to_json() for one in session.chain])
    with pytest.raises(KeyFileError, match="only a mandate replaces another"):
        read_content(file.to_bytes(), "it")


@pytest.mark.parametrize(
    ("wider", "element"),
    [
        ({"activities": frozenset({"training", "validation"})}, "activities"),
        ({"parameters": {"seed": "*", "beta": "*"}}, "parameters.beta"),
        ({"uses": 5}, "uses"),
        ({"code": "*"}, "code"),
    ],
)
def test_no_part_is_wider_and_the_element_is_named(wider: dict[str, object], element: str) -> None:
    old = mandate(uses=4)
    with pytest.raises(Refused, match=rf"\({element}\)"):
        divide(own(ADA), old, [replace(old.scope, **wider)], now=NOW, to=[None])  # type: ignore[arg-type]


SCOPE = mandate(parameters={"seed": Range(1, 20, True), "lr": [0.1, 0.2, 0.3]}).scope


@given(st.integers(1, 40), st.integers(0, 10), st.integers(2, 12))
def test_parts_have_together_the_uses_that_are_left(uses: int, spent: int, parts: int) -> None:
    whole = replace(SCOPE, uses=uses)
    if uses - spent < parts:
        with pytest.raises(InvalidInput):
            divided(whole, "uses", parts, spent)
        return
    found = divided(whole, "uses", parts, spent)
    assert sum(int(part.uses) for part in found) == uses - spent
    assert all(int(part.uses) >= 1 and widening(whole, part) for part in found)


@examples(max_examples=50)
@given(st.integers(-5, 5), st.integers(0, 20), st.integers(2, 5), st.sampled_from(["seed", "code"]))
def test_each_value_and_each_code_is_in_one_part(low: int, more: int, parts: int, by: str) -> None:
    codes = frozenset(f"{n:064x}" for n in range(more + 1))
    whole = replace(SCOPE, parameters={"seed": Range(low, low + more, True)}, code=codes)
    if more + 1 < parts:
        with pytest.raises(InvalidInput):
            divided(whole, by, parts)
        return
    found = divided(whole, by, parts)
    assert len(found) == parts
    assert all(widening(whole, part) for part in found)

    def holders(part_of: list[Scope], value: int, code: str) -> int:
        return sum(bool(one.permits(parameters={"seed": value}, code=code)) for one in part_of)

    first = min(codes)
    if by == "seed":
        for value in range(low - 2, low + more + 3):
            assert holders(found, value, first) == (low <= value <= low + more)
    else:
        assert all(holders(found, low, code) == 1 for code in codes)


@given(st.integers(1, 5), st.lists(st.sampled_from("abcdef"), max_size=12))
def test_the_first_uses_count_whoever_else_comes(permitted: int, order: list[str]) -> None:
    uses = [Use(str(at), one, one, "") for at, one in enumerate(order)]
    for name in "abcdef":
        valid = name in order[:permitted]
        assert (use_refusal(uses, permitted, name) == "") is valid
        assert use_refusal(uses, "*", name) == ""
        assert not valid or use_refusal([*uses, *uses], permitted, name) == ""
