"""`diff`: whose cells changed between two versions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.notebook.people import code, notebook, text
from tests.verbs.conftest import PASSPHRASE
from tests.verbs.people_with_clones import Clone
from tests.verbs.workshop import altered, read

NB = "work/train.ipynb"


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory, home_of_ada: Path) -> Clone:
    folder = tmp_path_factory.mktemp("diff")
    secret = folder / "secret"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    one = Clone(folder / "ada", str(secret), home_of_ada)
    one.begin()
    cells = [code(f"print({name!r})", name) for name in "abc"]
    one.shop.write(NB, notebook(text("# Loans", "m"), *cells))
    one.run_cells(NB, {name: f"{name}\n" for name in "abc"})
    assert one.mlo_run("seal", NB).status == 0
    one.commit()
    return one


@pytest.fixture
def path(ada: Clone) -> Path:
    ada.git("checkout", "-q", "--", NB)
    return ada.tree / NB


def changes(ada: Clone, *arguments: str) -> dict[str, list[str]]:
    done = ada.mlo_run("diff", "--json", *arguments)
    found = json.loads(done.out)
    assert done.status == (0 if found["same"] else 1)
    return {(c["after"] or c["before"])["id"]: c["changes"] for c in found["cells"]}


def test_the_same(ada, path) -> None:
    done = ada.mlo_run("diff", NB)
    assert (done.status, done.out) == (0, "the same\n")
    altered(path, lambda value: value["cells"][1].update(execution_count=9))
    assert changes(ada, NB) == {}


def test_every_kind_of_change_with_who_and_when(ada, path) -> None:
    ada.run_cells(NB, {"a": "a\n", "b": "B\n"}, b="print('B')")
    assert ada.mlo_run("seal", NB).status == 0

    def edit(value) -> None:
        cells = {cell["id"]: cell for cell in value["cells"]}
        cells["c"]["outputs"] = []
        new = {"cell_type": "raw", "id": "n", "metadata": {}, "source": "new"}
        value["cells"] = [cells["a"], cells["c"], new, cells["b"]]
        value["metadata"]["kernelspec"]["name"] = "other"

    altered(path, edit)
    found = changes(ada, f"HEAD:{NB}", NB)
    assert found["m"] == ["removed"]
    assert found["n"] == ["added"]
    assert found["a"] == ["executed again"]
    assert found["c"][-1] == "outputs"
    assert {"source", "outputs", "executed again"} <= set(found["b"])
    assert "moved" in found["b"] + found["c"]
    done = ada.mlo_run("diff", NB)
    assert "notebook: kernelspec was 'python3', is 'other'" in done.out
    assert f"  before: Ada Sample ({ada.mlo}), 20" in done.out
    assert "  after:  changed since" not in done.out


def test_stamps_that_went_are_told(ada, path) -> None:
    altered(path, lambda value: value["cells"][2]["metadata"].clear())
    assert changes(ada, NB) == {"b": ["stamp removed"]}


def test_revisions_and_files_that_are_not_there(ada, path, tmp_path) -> None:
    for names in ((f"nowhere:{NB}", NB), ("HEAD:none.ipynb", NB), (NB, "none.ipynb")):
        done = ada.mlo_run("diff", *names)
        assert done.status == 2
        assert "Traceback" not in done.err
    assert ada.mlo_run("diff", "--", "--output=x:y", NB).status == 2
    outside = tmp_path / "x.ipynb"
    outside.write_bytes(path.read_bytes())
    assert ada.mlo_run("diff", outside).status == 2
    assert ada.mlo_run("diff", outside, NB).status == 0


def test_from_a_folder_below_paths_may_be_those_from_there(ada, path, monkeypatch) -> None:
    monkeypatch.chdir(path.parent)
    assert ada.cli("diff", "HEAD:./train.ipynb", "train.ipynb").status == 0
    assert ada.cli("diff", "train.ipynb").status == 0


def test_notebooks_of_format_3_are_compared_too(ada, path, tmp_path) -> None:
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": []}
    cell = {"cell_type": "code", "language": "python", "metadata": {}, "outputs": []}
    old["worksheets"] = [{"cells": [{**cell, "input": ["x = 1"], "collapsed": False}]}]
    one = tmp_path / "old.ipynb"
    one.write_text(json.dumps(old))
    two = tmp_path / "new.ipynb"
    two.write_text(one.read_text().replace("x = 1", "x = 2"))
    done = ada.mlo_run("diff", one, two)
    assert done.status == 1
    assert "cell 1: source" in done.out
    assert len(read(path)["cells"]) == 4
