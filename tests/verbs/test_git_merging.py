"""`git merge` of two people's work on one notebook, by the real git and nbdime."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary, SQLiteSignatureStore

from tests.notebook.people import code, notebook, text
from tests.verbs.conftest import PASSPHRASE
from tests.verbs.people_with_clones import Clone
from tests.verbs.workshop import altered, read

NB = "train.ipynb"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, home_of_ada: Path) -> tuple[Clone, Clone]:
    """Ada and Grace, who pin each other's keys; Ada's sealed notebook is in both clones."""
    folder = tmp_path_factory.mktemp("two")
    secret = folder / "secret"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    ada = Clone(folder / "ada", str(secret), home_of_ada)
    grace = Clone(folder / "grace", str(secret), name="Grace Sample")
    for one, other in ((ada, grace), (grace, ada)):
        pins = json.loads(other.cli("trust", "list", "--json").out)["pins"]
        assert one.cli("trust", "add", other.mlo, *pins[other.mlo]).status == 0
    ada.begin()
    cells = [code(f"print({name!r})", name) for name in "abcd"]
    ada.shop.write(NB, notebook(text("# Loans", "m"), *cells, text("end", "z")))
    ada.run_cells(NB, {name: f"{name}\n" for name in "abcd"})
    assert ada.mlo_run("seal", NB).status == 0
    ada.commit()
    grace.clone(ada)
    for one in (ada, grace):
        done = one.mlo_run("git", "install")
        assert done.status == 0, done.err
        one.git("tag", "start")
    return ada, grace


@pytest.fixture
def people(two: tuple[Clone, Clone]) -> tuple[Clone, Clone]:
    """Both as they were before anybody worked."""
    for one in two:
        one.git("merge", "--abort", check=False)
        one.git("reset", "-q", "--hard", "start")
        one.git("branch", "-q", "-D", "theirs", check=False)
    return two


def both_work(ada: Clone, grace: Clone, cell_of_grace: str) -> subprocess.CompletedProcess[str]:
    """Ada runs cell a anew with other code, Grace another one; Ada merges Grace's branch."""
    grace.run_cells(NB, {cell_of_grace: "grace\n"}, **{cell_of_grace: "print('grace')"})
    assert grace.mlo_run("seal", NB).status == 0
    grace.commit()
    ada.run_cells(NB, {"a": "ada\n"}, a="print('ada')")
    assert ada.mlo_run("seal", NB).status == 0
    ada.commit()
    ada.git("fetch", "-q", str(grace.tree), "main:theirs")
    return ada.git("merge", "-q", "--no-edit", "theirs", check=False)


def test_different_cells_keep_their_stamps_and_the_seal_goes(people) -> None:
    ada, grace = people
    done = both_work(ada, grace, "c")
    assert done.returncode == 0, done.stdout + done.stderr
    value = read(ada.tree / NB)
    nbformat.validate(nbformat.from_dict(value))
    assert [cell["source"] for cell in value["cells"]] == [
        "# Loans", "print('ada')", "print('b')", "print('grace')", "print('d')", "end",
    ]  # fmt: skip
    assert done.stderr.count("in the name of") == 2
    assert f"in the name of {ada.mlo}" in done.stderr
    assert f"in the name of {grace.mlo}" in done.stderr
    assert value["metadata"]["mlo"]["seals"] == []
    assert ada.verdicts(NB) == {
        "m": "unsealed", "a": "verified", "b": "verified", "c": "verified", "d": "verified",
        "z": "unsealed",
    }  # fmt: skip
    found = ada.mlo_run("verify", NB)
    assert found.status == 1
    (line,) = (line for line in found.out.splitlines() if "merged from what" in line)
    assert ada.mlo in line
    assert grace.mlo in line
    assert "altered" not in found.out
    assert ada.mlo_run("seal", NB).status == 0
    found = ada.mlo_run("verify", NB)
    assert found.status == 0, found.out
    blamed = json.loads(ada.mlo_run("blame", "--json", NB).out)["cells"]
    by = {cell["id"]: (cell["executed"] or {}).get("mlo") for cell in blamed}
    assert by == {"m": None, "a": ada.mlo, "b": ada.mlo, "c": grace.mlo, "d": ada.mlo, "z": None}
    first = {cell["id"]: cell["firstSealed"]["mlo"] for cell in blamed}
    assert first == {**dict.fromkeys("mabdz", ada.mlo), "c": grace.mlo}


def test_the_same_cell_is_named_and_stays_nobodys_until_it_is_run(people) -> None:
    ada, grace = people
    done = both_work(ada, grace, "a")
    assert done.returncode == 1
    assert "cell 2 no longer as stamped" in done.stderr
    assert "conflicts, marked in the cells" in done.stderr
    value = read(ada.tree / NB)
    assert "<<<<<<<" in value["cells"][1]["source"]
    found = ada.verdicts(NB)
    assert found["a"] == "changed since source outputs"
    assert {found[one] for one in "bcd"} == {"verified"}
    # Taking Grace's side by hand: her cell is hers again, once its stamp is back.
    ada.git("checkout", "-q", "--theirs", NB)
    ada.git("add", NB)
    assert ada.mlo_run("seal", NB).status == 0
    assert ada.mlo_run("verify", NB).status == 0


def test_both_executing_one_cell_alike_is_no_conflict(people) -> None:
    ada, grace = people
    grace.run_cells(NB, {"b": "b\n"})
    grace.mlo_run("seal", NB)
    grace.commit()
    ada.run_cells(NB, {"d": "d\n"})
    ada.mlo_run("seal", NB)
    ada.commit()
    ada.git("fetch", "-q", str(grace.tree), "main:theirs")
    ada.git("merge", "-q", "--no-edit", "theirs")
    assert ada.mlo_run("seal", NB).status == 0
    assert ada.mlo_run("verify", NB).status == 0
    blamed = json.loads(ada.mlo_run("blame", "--json", NB).out)["cells"]
    by = {cell["id"]: cell["executed"]["mlo"] for cell in blamed if cell["executed"]}
    assert by == {"a": ada.mlo, "b": grace.mlo, "c": ada.mlo, "d": ada.mlo}


def test_a_merge_that_changes_nothing_keeps_the_seal(people) -> None:
    ada, grace = people
    grace.mlo_run("seal", "--meaning", "reviewed", "--yes", NB)
    grace.commit()
    altered(ada.tree / NB, lambda value: value["metadata"].update(title="Loans"))
    ada.commit()
    ada.git("fetch", "-q", str(grace.tree), "main:theirs")
    ada.git("merge", "-q", "--no-edit", "theirs")
    assert read(ada.tree / NB)["metadata"]["title"] == "Loans"
    assert ada.mlo_run("verify", NB).status == 0


def test_what_cannot_be_merged_is_a_conflict_and_no_traceback(people) -> None:
    ada, grace = people
    (grace.tree / NB).write_text('{"cells": 5, "nbformat": 4, "nbformat_minor": 5}')
    grace.commit()
    altered(ada.tree / NB, lambda value: value["metadata"].update(title="Loans"))
    ada.commit()
    ada.git("fetch", "-q", str(grace.tree), "main:theirs")
    done = ada.git("merge", "-q", "--no-edit", "theirs", check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "has no list of cells" in done.stderr
    assert read(ada.tree / NB)["metadata"]["title"] == "Loans", "ours is as it was"


@pytest.mark.parametrize("trusts_theirs", [True, False])
def test_the_notary_trusts_the_merged_one_where_it_trusted_both(people, trusts_theirs) -> None:
    ada, grace = people
    grace.run_cells(NB, {"c": f"trusted {trusts_theirs}\n"})
    grace.commit()
    ada.run_cells(NB, {"a": f"trusted {trusts_theirs}\n"})
    ada.commit()
    database = Path(ada.environ["JUPYTER_DATA_DIR"], "nbsignatures.db")
    secret_file = str(database.with_name("notebook_secret"))
    notary = NotebookNotary(
        data_dir=str(database.parent), secret_file=secret_file,
        store_factory=lambda: SQLiteSignatureStore(db_file=str(database)),
    )  # fmt: skip
    notary.sign(nbformat.read(ada.tree / NB, as_version=4))
    if trusts_theirs:
        notary.sign(nbformat.read(grace.tree / NB, as_version=4))
    ada.git("fetch", "-q", str(grace.tree), "main:theirs")
    ada.git("merge", "-q", "--no-edit", "theirs")
    merged = nbformat.read(ada.tree / NB, as_version=4)
    assert notary.check_signature(merged) is trusts_theirs


def test_notebooks_that_both_began_say_whose_stamps_do_not_count(people) -> None:
    ada, grace = people
    for one, name in ((ada, "a"), (grace, "b")):
        cells = [code(f"print({cell!r})", cell) for cell in "ab"]
        one.shop.write("new.ipynb", notebook(*cells))
        one.run_cells("new.ipynb", {name: f"{name}\n"})
        assert one.mlo_run("seal", "new.ipynb").status == 0
        one.commit()
    ada.git("fetch", "-q", str(grace.tree), "main:theirs")
    done = ada.git("merge", "-q", "--no-edit", "theirs", check=False)
    assert "both sides gave the notebook an ID of its own" in done.stderr
    assert done.returncode == 0, done.stderr
    assert ada.verdicts("new.ipynb") == {"a": "verified", "b": "not valid here"}
