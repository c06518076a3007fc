"""Notebooks as people keep them: old formats, no ids, cells that are alike, state, attachments."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_mlo.delegation.sessions import load_session
from tests.notebook.people import Kernel, code, notebook, shows, stream, text, updates
from tests.verbs.workshop import Workshop, altered, read


@pytest.fixture
def shop(cli, ada, secret, settings, tmp_path) -> Workshop:
    assert cli("login", "--activity", "training", MLO_PASSPHRASE_FILE=secret).status == 0
    return Workshop(settings, tmp_path / "work")


@pytest.fixture
def kernel(shop, settings) -> Kernel:
    now = datetime.now(UTC)
    kernel = Kernel(load_session(settings, now), now)
    kernel.step = timedelta(milliseconds=5)
    return kernel


def of_format_3(path: Path, *, executed: bool = True) -> Path:
    """As IPython 2 wrote notebooks."""
    outputs = [{"output_type": "stream", "stream": "stdout", "text": ["1\n"]}]
    picture = {"output_type": "display_data", "png": "aGk=\n", "text": ["<Figure>"], "metadata": {}}
    error = {"output_type": "pyerr", "ename": "E", "evalue": "v", "traceback": ["t"]}
    cell = {"cell_type": "code", "collapsed": False, "language": "python", "metadata": {}}
    cells = [
        {"cell_type": "heading", "level": 1, "metadata": {}, "source": ["Loans"]},
        {
            **cell,
            "input": ["print(1)"],
            "prompt_number": 1 if executed else None,
            "outputs": [*outputs, picture, error] if executed else [],
        },
        {"cell_type": "markdown", "metadata": {}, "source": ["text"]},
    ]
    value: dict[str, Any] = {"metadata": {"name": "old"}, "nbformat": 3, "nbformat_minor": 0}
    value["worksheets"] = [{"cells": cells, "metadata": {}}]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value))
    nbformat.validate(nbformat.read(path, as_version=3))
    return path


def verdicts(cli, path: Path) -> list[str]:
    found = json.loads(cli("verify", "--json", path).out)["notebooks"][0]
    return [cell["verdict"] for cell in found["cells"]]


def test_format_3_is_read_and_judged_as_what_nobody_stamped(cli, shop) -> None:
    path = of_format_3(shop.folder / "old.ipynb")
    before = path.read_bytes()
    done = cli("verify", path)
    assert done.status == 1
    assert "cell 2: unattributed: executed, and no stamp or record" in done.out
    assert verdicts(cli, path) == ["unsealed", "unattributed", "unsealed"]
    assert cli("verify", "--allow-unstamped", path).status == 0
    blamed = cli("blame", path)
    assert blamed.status == 0
    assert "unattributed" in blamed.out
    assert cli("verify", of_format_3(shop.folder / "idle.ipynb", executed=False)).status == 0
    assert path.read_bytes() == before


def test_sealing_format_3_says_how_to_convert_it_and_that_works(cli, shop) -> None:
    path = of_format_3(shop.folder / "old.ipynb")
    done = cli("seal", path)
    assert done.status == 2
    assert done.told("notebook format 3", "jupyter nbconvert --to notebook --nbformat 4 --inplace")
    convert = [
        sys.executable,
        *["-m", "nbconvert", "--to", "notebook", "--nbformat", "4", "--inplace"],
    ]
    subprocess.run([*convert, "--inplace", str(path)], check=True, capture_output=True, timeout=60)
    assert cli("seal", path).status == 0
    assert verdicts(cli, path) == ["verified", "unattributed", "verified"]


@pytest.mark.parametrize(
    "value",
    [
        {"nbformat": 3},
        {"nbformat": 3, "nbformat_minor": 0, "worksheets": 5},
        {"nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": [5]}]},
        {"nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": [{"cell_type": "x"}]}]},
        {"nbformat": 2, "nbformat_minor": 0, "worksheets": [{"cells": []}], "metadata": None},
        {"nbformat": 0, "nbformat_minor": 0},
        {"nbformat": -1, "nbformat_minor": 0},
        {"nbformat": 1, "nbformat_minor": 0, "cells": [{"cell_type": "code", "code": 1}]},
    ],
)
def test_what_only_looks_like_an_old_notebook_is_an_error(cli, ada, tmp_path, value) -> None:
    path = tmp_path / "odd.ipynb"
    path.write_text(json.dumps(value))
    for verb in ("verify", "blame", "seal", "restore"):
        done = cli(verb, path)
        assert done.status in (0, 1, 2), done.err
        assert "Traceback" not in done.err + done.out
        assert "failed in a way" not in done.err + done.out
    assert cli("git", "textconv", path).status == 0


def test_without_ids_cells_that_are_alike_are_told_apart_by_their_numbers(
    cli, shop, kernel
) -> None:
    value = notebook(*(code("print(1)") for _ in range(3)), minor=4)
    for cell in value["cells"]:
        kernel.run(cell, stream("1\n"), sends_id=False)
    shop.keep(kernel, value)
    path = shop.write("same.ipynb", value)
    assert "3 cells stamped" in cli("seal", path).out
    assert verdicts(cli, path) == ["verified"] * 3
    kept = read(path)["cells"]
    altered(path, lambda value: value["cells"].append(value["cells"][1]))
    assert verdicts(cli, path).count("not valid here") == 1, "a copy is no execution"
    altered(path, lambda value: value["cells"].pop())
    altered(path, lambda value: value["cells"].reverse())
    found = json.loads(cli("verify", "--json", path).out)["notebooks"][0]
    assert [cell["verdict"] for cell in found["cells"]] == ["verified"] * 3
    assert "moved" in " ".join(found["seal"]["changes"])
    assert len({cell["metadata"]["mlo"]["stamp"]["payload"] for cell in kept}) == 3


def test_without_ids_and_numbers_what_is_alike_stays_unstamped(cli, shop, kernel) -> None:
    value = notebook(*(code("print(1)") for _ in range(2)), minor=4)
    for cell in value["cells"]:
        kernel.run(cell, stream("1\n"), sends_id=False)
        cell["execution_count"] = 1
    shop.keep(kernel, value)
    path = shop.write("same.ipynb", value)
    assert "0 cells stamped" in cli("seal", path).out


def test_an_update_after_the_seal_is_that_executions_and_is_stamped_anew(cli, shop, kernel) -> None:
    value = notebook(code("h = display(1, display_id=True)", "a"), code("h.update(2)", "b"))
    shown: dict[str, list[dict[str, Any]]] = {}
    kernel.run(value["cells"][0], shows("1", "d"), shown=shown)
    shop.keep(kernel, value)
    path = shop.write("handle.ipynb", value)
    assert cli("seal", path).status == 0
    sealed = read(path)["metadata"]["mlo"]
    kernel.records.clear()
    kernel.run(value["cells"][1], updates("2", "d"), shown=shown)
    shop.keep(kernel, {"cells": [value["cells"][1]]})
    value["metadata"]["mlo"] = sealed
    value["cells"][0]["metadata"]["mlo"] = read(path)["cells"][0]["metadata"]["mlo"]
    shop.write("handle.ipynb", value)
    assert cli("verify", path).status == 1
    assert cli("seal", path).status == 0
    assert verdicts(cli, path) == ["verified", "verified"]


def test_widget_state_and_attachments_are_sealed_and_changes_named(cli, shop) -> None:
    picture = {"a.png": {"image/png": "aGk="}}
    value = notebook({**text("![](attachment:a.png)", "m"), "attachments": picture})
    state = {"application/vnd.jupyter.widget-state+json": {"state": {"x": {"value": 1}}}}
    value["metadata"]["widgets"] = state
    path = shop.write("widgets.ipynb", value)
    assert cli("seal", path).status == 0
    assert cli("verify", path).status == 0
    whole = path.read_text()

    def widget(value: dict[str, Any]) -> None:
        kept = value["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]
        kept["state"]["x"]["value"] = 2

    altered(path, widget)
    done = cli("verify", path)
    assert done.status == 1
    assert "widget state differs" in done.out
    path.write_text(whole)
    altered(path, lambda value: value["metadata"].pop("widgets"))
    done = cli("verify", path)
    assert done.status == 0
    assert cli("verify", "--require-outputs", path).status == 1
    path.write_text(whole)
    altered(path, lambda value: value["cells"][0]["attachments"]["a.png"].update(x="y"))
    done = cli("verify", path)
    assert done.status == 1
    assert "changed since (attachments)" in done.out
    path.write_text(whole)
    altered(
        path,
        lambda value: value["cells"][0]["attachments"]["a.png"].update({"image/png": "aGk=\n"}),
    )
    assert cli("verify", path).status == 0
