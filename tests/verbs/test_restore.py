"""`restore`: stamps come back to the cells that they are of, and to no others."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from jupyter_mlo.delegation.sessions import load_session
from tests.notebook.people import Kernel, code, notebook, shows, stream, text
from tests.verbs.workshop import Workshop, altered, read


@pytest.fixture
def shop(cli, ada, secret, settings, tmp_path) -> Workshop:
    assert cli("login", "--activity", "training", MLO_PASSPHRASE_FILE=secret).status == 0
    return Workshop(settings, tmp_path / "work")


@pytest.fixture
def sealed(cli, shop) -> Path:
    path = shop.executed()
    assert cli("seal", path).status == 0
    return path


def strip(value: dict[str, Any]) -> None:
    """What a tool does that keeps no metadata of others."""
    value["metadata"].pop("mlo", None)
    for cell in value["cells"]:
        cell["metadata"].pop("mlo", None)
        for output in cell.get("outputs", ()):
            output.get("metadata", {}).pop("mlo", None)


def verdicts(cli, path: Path) -> list[str]:
    found = json.loads(cli("verify", "--json", path).out)["notebooks"][0]
    return [cell["verdict"] for cell in found["cells"]]


def test_everything_comes_back_even_after_logout(cli, sealed) -> None:
    before = read(sealed)
    altered(sealed, strip)
    assert cli("verify", sealed).status == 1
    cli("logout")
    done = cli("restore", sealed)
    assert (done.status, done.err) == (0, "")
    assert "2 stamps came back, 1 references in outputs, its seal, which covers it" in done.out
    assert cli("verify", sealed).status == 0
    after = read(sealed)
    assert after["cells"] == before["cells"]
    assert after["metadata"]["mlo"]["notebook"] == before["metadata"]["mlo"]["notebook"]
    nbformat.validate(nbformat.read(sealed, as_version=4))
    text = sealed.read_bytes()
    assert "nothing came back" in cli("restore", sealed).out
    assert sealed.read_bytes() == text


def test_a_cell_that_changed_is_named_and_the_others_come_back(cli, sealed) -> None:
    def change(value) -> None:
        strip(value)
        value["cells"][1]["outputs"][0]["text"] = "2\n"

    altered(sealed, change)
    done = cli("restore", sealed)
    assert done.status == 1
    assert "1 stamps came back" in done.out
    assert "without a stamp that holds: cell 2: outputs changed since" in done.out
    assert done.told("then: jupyter mlo seal")
    assert verdicts(cli, sealed)[1:] == ["unstamped", "unsealed"]
    assert cli("seal", sealed).status == 0
    assert verdicts(cli, sealed)[2] == "verified"


def test_stamps_come_back_where_outputs_are_gone_by_id_only(cli, sealed) -> None:
    def clear(value, ids=True) -> None:
        strip(value)
        for at, cell in enumerate(value["cells"]):
            cell["id"] = cell["id"] if ids else f"new{at}"
            if cell["cell_type"] == "code":
                cell.update(outputs=[], execution_count=None)

    altered(sealed, lambda value: clear(value, ids=False))
    assert "nothing came back" in cli("restore", sealed).out
    altered(
        sealed, lambda value: [c.update(id=i) for c, i in zip(value["cells"], "mab", strict=True)]
    )
    assert "2 stamps came back" in cli("restore", sealed).out
    assert verdicts(cli, sealed)[1:] == ["source holds, outputs removed"] * 2 or set(
        verdicts(cli, sealed)[1:]
    ) == {"unsealed"}


def test_identical_cells_get_their_own_executions_back(cli, shop, settings) -> None:
    value = notebook(*(code("print(1)", f"c{at}") for at in range(3)))
    now = datetime.now(UTC)
    kernel = Kernel(load_session(settings, now), now)
    kernel.step = timedelta(milliseconds=5)
    for cell in value["cells"]:
        kernel.run(cell, stream("1\n"))
    shop.keep(kernel, value)
    path = shop.write("same.ipynb", value)
    assert cli("seal", path).status == 0
    before = read(path)["cells"]
    altered(path, strip)
    assert cli("restore", path).status == 0
    assert read(path)["cells"] == before
    assert cli("verify", path).status == 0
    # Without ids the places decide.
    altered(path, lambda value: (strip(value), value.update(nbformat_minor=4)))
    altered(path, lambda value: [cell.pop("id") for cell in value["cells"]])
    assert cli("restore", path).status == 0
    assert set(verdicts(cli, path)) <= {"verified", "unsealed"}
    # A copy is no execution of its own.
    altered(path, lambda value: (strip(value), value["cells"].append(value["cells"][1])))
    done = cli("restore", path)
    assert done.status == 1
    assert "3 stamps came back" in done.out
    assert "cell 4: its execution is another cell's" in done.out


def test_a_copy_in_another_notebook_gets_nothing(cli, sealed, shop) -> None:
    other = shop.executed("other.ipynb")
    assert cli("seal", other).status == 0
    pasted = copy.deepcopy(read(sealed)["cells"][1])
    altered(other, lambda value: value["cells"].append({**pasted, "id": "x", "metadata": {}}))
    done = cli("restore", other)
    assert done.status == 1
    assert "cell 4: stamped in another notebook" in done.out
    assert "nothing came back" in done.out


def test_forged_and_damaged_copies_bring_nothing_back(cli, sealed, settings) -> None:
    for file in settings.stamps.rglob("*.jsonl"):
        file.write_bytes(file.read_bytes().replace(b'"sig":"M', b'"sig":"N'))
    altered(sealed, strip)
    done = cli("restore", sealed)
    assert done.status == 1
    assert "Traceback" not in done.err
    assert "forged or damaged" in done.out
    assert "mlo" not in read(sealed)["metadata"]


def test_the_notary_goes_on_trusting_what_it_trusted(cli, sealed, home_env) -> None:
    altered(sealed, strip)
    notary = NotebookNotary()
    notary.sign(nbformat.read(sealed, as_version=4))
    assert cli("restore", sealed).status == 0
    assert notary.check_signature(nbformat.read(sealed, as_version=4))


def test_from_another_version_others_stamps_come_back_too(cli, sealed, settings, tmp_path) -> None:
    kept = tmp_path / "kept.ipynb"
    kept.write_bytes(sealed.read_bytes())
    altered(sealed, strip)
    for file in settings.stamps.rglob("*.jsonl"):
        file.unlink()
    assert cli("restore", sealed).status == 1
    assert cli("restore", "--from", "HEAD:none.ipynb", sealed).status == 2
    assert cli("restore", "--from", kept, sealed).status == 0
    assert cli("verify", sealed).status == 0


def test_what_is_no_notebook_is_an_error(cli, ada, tmp_path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text("{")
    assert cli("restore", path).status == 2
    assert cli("restore", tmp_path / "none.ipynb").status == 2
    path.write_bytes(b'{"nbformat": 3, "worksheets": [], "metadata": {}, "nbformat_minor": 0}')
    done = cli("restore", path)
    assert done.status == 2
    assert done.told("stamps and seals need 4.0", "nbconvert")


def test_display_outputs_get_their_reference_only_where_observed(cli, shop, settings) -> None:
    value = notebook(text("t", "t"), code("show()", "s"))
    now = datetime.now(UTC)
    kernel = Kernel(load_session(settings, now), now)
    kernel.step = timedelta(milliseconds=5)
    kernel.run(value["cells"][1], stream("a"), stream("b"), shows("picture"))
    shop.keep(kernel, value)
    value["cells"][1]["outputs"].append(
        {"output_type": "display_data", "data": {"text/plain": "pasted"}, "metadata": {}}
    )
    path = shop.write("show.ipynb", value)
    cli("seal", path)
    before = read(path)["cells"]
    altered(path, strip)
    cli("restore", path)
    assert read(path)["cells"] == before
    assert "mlo" not in before[1]["outputs"][2]["metadata"]
