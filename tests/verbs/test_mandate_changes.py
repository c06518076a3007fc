"""`mandate`: folders, uses, runners' keys, renewal, division, and notice before the end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlo.delegation.mandates import read_any, read_mandate
from jupyter_mlo.delegation.scope import widening
from jupyter_mlo.notebook.code import code_digest
from jupyter_mlo.notebook.reading import read_notebook
from jupyter_mlo.statements.times import to_text


def notebook(path: Path, source: str = "seed = 1") -> Path:
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": "a",
        "metadata": {"tags": ["parameters"]},
        "outputs": [],
        "source": source,
    }
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python"}}
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        json.dumps({"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
    )
    return path


@pytest.fixture
def create(cli, ada, secret, home_env) -> Callable[..., Any]:
    """Makes a mandate for training; further arguments come after."""
    notebook(Path("train.ipynb"))

    def make(*arguments: str, what: str = "train.ipynb", lasts: str = "30d") -> Any:
        usual = ["mandate", "create", what, "--for", lasts, "--activity", "training"]
        return cli(*usual, *arguments, MLO_PASSPHRASE_FILE=secret)

    return make


def ids(cli, *arguments: str) -> dict[str, str]:
    """ID → state of the mandates that are listed."""
    listed = json.loads(cli("mandate", "list", "--json", *arguments).out)
    return {one["id"]: one["state"] for one in listed["mandates"]}


def test_a_folder_is_every_notebook_in_it_as_it_is_now(create) -> None:
    paths = [notebook(Path(f"jobs/{n}.ipynb"), f"seed = {n}") for n in range(3)]
    notebook(Path("jobs/.ipynb_checkpoints/9.ipynb"), "seed = 9")
    done = create("--parameters", "seed=1..20,a=0.5..,b=..7", what="jobs/")
    assert (done.status, done.err.count("jobs/ (3 notebooks)")) == (0, 1), done.err
    assert "seed (whole numbers from 1 to 20)" in done.err
    scope = read_mandate(Path("jobs.mandate")).scope
    assert scope.code == {code_digest(read_notebook(path)) for path in paths}
    for given, fine in (
        ({"seed": 20}, True), ({"seed": 21}, False), ({"seed": 1.5}, False),
        ({"a": 0.5}, True), ({"a": 0.4}, False), ({"b": 8}, False), ({"b": -8}, True),
    ):  # fmt: skip
        assert bool(scope.permits(parameters=given)) is fine, given
    Path("empty").mkdir()
    done = create(what="empty")
    assert (done.status, done.told("there is no notebook in empty")) == (2, True)


def test_the_first_thing_in_a_home_may_be_a_mandate_that_counts(cli, secret, home_env) -> None:
    """Enrolling makes no ledger yet; what counts uses has to quote one."""
    cli("enroll", "--name", "Ada Sample", MLO_PASSPHRASE_FILE=secret)
    notebook(Path("train.ipynb"))
    create = ["mandate", "create", "train.ipynb", "--for", "1d", "--activity", "training"]
    done = cli(*create, "--uses", "1", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    assert read_mandate(Path("train.mandate")).counted_in


@pytest.mark.parametrize("bad", ["seed=20..1", "seed=1..20,seed=3", "seed=1..99999999999999999999"])
def test_a_range_without_numbers_is_refused(create, bad: str) -> None:
    assert create("--parameters", bad).status == 2
    assert not Path("train.mandate").exists()


def test_uses_are_shown_and_counted_where_it_was_made(create, cli) -> None:
    assert create("--uses", "0").status == 2
    assert create("--uses", "5").status == 0
    shown = cli("mandate", "show", "train.mandate")
    assert "runs          5" in shown.out
    assert "spent         0 of 5" in shown.out


def test_nothing_secret_travels_to_a_runner(create, cli, secret, tmp_path, home_env) -> None:
    runner = {"MLO_HOME": str(tmp_path / "runner")}
    key = cli("mandate", "key", **runner)
    again = cli("mandate", "key", **runner)
    assert (key.status, key.out) == (0, again.out)
    assert key.told("fingerprint sha256:")
    Path("runner.pub").write_text(key.out)
    done = create("--to", "runner.pub")
    assert done.status == 0, done.err
    assert "it holds no secret, and counts only with sha256:" in done.out
    mandate = read_any(Path("train.mandate"))
    assert (mandate.key, mandate.runner) == (None, True)
    assert mandate.link.key.to_text() == key.out.strip()
    # Renewed, it is for the same runner.
    done = cli("mandate", "renew", "train.mandate", "--for", "40d", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    renewed = read_any(Path("train-renewed.mandate"))
    assert renewed.link.key.key_id == mandate.link.key.key_id
    assert create("--to", "no key", "--out", "x").status == 2


def test_renewal_has_the_same_scope_and_names_the_old(create, cli, secret) -> None:
    create("--model", "loan", "--parameters", "seed=1..20", "--uses", "3", lasts="2d")
    old = read_mandate(Path("train.mandate"))
    done = cli("mandate", "list", "--expiring", "3d")
    assert (done.status, old.mandate_id[:12] in done.out) == (1, True)
    assert cli("mandate", "list", "--expiring", "1d").status == 0
    assert f"mandate renew {old.mandate_id[:12]}" in cli("status").err
    done = cli("mandate", "renew", old.mandate_id[:12], "--for", "30d", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    new = read_mandate(Path("train-renewed.mandate"))
    # What is signed was said: until its own end, and in whose place.
    assert done.told(to_text(new.scope.not_after)[:10], f"replaces      {old.mandate_id}")
    assert to_text(old.scope.not_after)[:10] not in done.err
    assert f"in place of {old.mandate_id[:12]}" in cli("mandate", "list").out
    assert new.replaces == old.mandate_id
    assert new.link.key.key_id != old.link.key.key_id
    found = widening(old.scope, new.scope)
    assert found.element == "notAfter"  # and nothing but its time
    assert (new.scope.code, new.scope.parameters, new.scope.uses) == (
        old.scope.code, old.scope.parameters, 3,
    )  # fmt: skip
    assert f"replaces      {old.mandate_id}" in cli("mandate", "show", new.mandate_id[:12]).out
    done = cli("mandate", "list", "--expiring", "3d")
    assert (done.status, done.out) == (0, "")
    assert "mandate renew" not in cli("status").err
    cli("mandate", "revoke", old.mandate_id[:12], MLO_PASSPHRASE_FILE=secret)
    done = cli("mandate", "renew", old.mandate_id[:12], "--for", "1d", MLO_PASSPHRASE_FILE=secret)
    assert (done.status, done.told("was revoked, and is not renewed")) == (2, True)


def test_a_division_permits_together_what_was_permitted_and_ends_the_old(
    create, cli, secret
) -> None:
    create("--parameters", "seed=1..20,lr=0.1,lr=0.2")
    old = read_mandate(Path("train.mandate"))

    def split(*arguments: str) -> Any:
        return cli("mandate", "split", "train.mandate", *arguments, MLO_PASSPHRASE_FILE=secret)

    for wrong in ("uses", "code", "alpha"):
        assert split("--by", wrong, "--parts", "2").status == 2
    assert split("--by", "lr", "--parts", "3").status == 2
    assert ids(cli) == {old.mandate_id: "in force"}
    done = split("--by", "seed", "--parts", "3")
    assert done.status == 0, done.err
    parts = [read_mandate(Path(f"train-{at}.mandate")) for at in (1, 2, 3)]
    for seed in range(22):
        may = [bool(part.scope.permits(parameters={"seed": seed})) for part in parts]
        assert sum(may) == (1 if 1 <= seed <= 20 else 0), seed
    for part in parts:
        assert part.replaces == old.mandate_id
        assert widening(old.scope, part.scope), widening(old.scope, part.scope)
    states = ids(cli)
    assert states.pop(old.mandate_id) == "revoked"
    assert set(states.values()) == {"in force"}
    done = split("--by", "lr", "--parts", "2", "--out", "again")
    assert (done.status, done.told("is not in force: revoked")) == (2, True)


def test_uses_are_divided_for_several_runners(create, cli, secret, tmp_path) -> None:
    create("--uses", "5")
    keys = [
        cli("mandate", "key", MLO_HOME=str(tmp_path / name)).out.strip() for name in ("r1", "r2")
    ]
    arguments = ["mandate", "split", "train.mandate", "--by", "uses", "--parts", "2"]
    done = cli(*arguments, "--to", keys[0], MLO_PASSPHRASE_FILE=secret)
    assert (done.status, done.told("1 runners for 2 parts")) == (2, True)
    done = cli(*arguments, "--to", keys[0], "--to", keys[1], MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    parts = [read_any(Path(f"train-{at}.mandate")) for at in (1, 2)]
    assert sorted(part.scope.uses for part in parts) == [2, 3]
    assert [part.link.key.to_text() for part in parts] == keys


def test_a_runner_cannot_lease_what_it_was_not_given(create, cli, tmp_path) -> None:
    create()
    done = cli("mandate", "lease", "train.mandate", "--uses", "1")
    assert (done.status, done.told("there is nothing to lease")) == (2, True)
    create("--uses", "2", "--out", "two.mandate")
    other = str(tmp_path / "elsewhere")
    shutil.rmtree(other, ignore_errors=True)
    done = cli("mandate", "lease", "two.mandate", "--uses", "1", MLO_HOME=other)
    assert (done.status, done.told("its uses are counted in the ledger")) == (1, True)
    done = cli("mandate", "lease", "two.mandate", "--uses", "3")
    assert (done.status, done.told("permits 2 runs", "3 more are wanted")) == (1, True)
    assert cli("mandate", "lease", "two.mandate", "--uses", "2").status == 0
    assert "spent         2 of 2" in cli("mandate", "show", "two.mandate").out
