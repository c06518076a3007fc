"""The same in Notebook 7, with kernels of other languages, and without our part of the browser."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.labextension.conftest import Lab, running_lab, write_notebook
from tests.labextension.steps import (
    PASSPHRASE,
    enrol,
    mark,
    open_notebook,
    panel,
    run,
    save,
    sidebar_by_menu,
    sign_in,
    who_is_here,
)
from tests.server.conftest import on_disk, until


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server with our extension; its JupyterLab has none of it. Ada is enrolled there."""
    with running_lab(None, tmp_path_factory.mktemp("plain")) as one:
        one.user().enrol("Ada Sample")
        one.user().post("/jupyter-mlo/logout")
        yield one


def holds(lab: Lab, path: str, cells: int) -> None:
    """A colleague at a terminal finds every cell verified."""
    found = json.loads(lab.jupyter_mlo("verify", "--json", path))["notebooks"][0]
    assert found["holds"]
    assert [cell["verdict"] for cell in found["cells"]] == ["verified"] * cells


def test_a_newcomer_in_notebook_7(lab: Lab, page: Page) -> None:
    write_notebook(lab.folder / "seven.ipynb", "print('seven')", "7 * 6")
    open_notebook(page, lab, "seven.ipynb", app="notebooks")
    sidebar_by_menu(page)
    enrol(page)
    panel(page).get_by_role("button", name="Sign out").click()
    sign_in(page)
    panel(page).get_by_role("button", name="Sign out").wait_for()
    for at in range(2):
        run(page, at)
        mark(page, at, "seen")
    save(page)
    mark(page, 0, "proven")
    mark(page, 1, "proven")
    expect(panel(page).get_by_text("2 executed cells are attributed")).to_be_visible()
    holds(lab, "seven.ipynb", 2)
    # The toolbar's button shows it as well, where it is not shown.
    page.reload()
    page.get_by_role("region", name="MLO", exact=True).wait_for(state="hidden")
    page.locator('[data-jp-item-name="mlo"]').first.click()
    page.get_by_role("region", name="MLO", exact=True).wait_for()


def test_a_kernel_that_is_not_python(lab: Lab, page: Page) -> None:
    install_bash(lab)
    write_notebook(lab.folder / "bash.ipynb", "echo one; echo two", "ls /nowhere", kernel="bash")
    open_notebook(page, lab, "bash.ipynb")
    who_is_here(page)
    for at in range(2):
        run(page, at)
        mark(page, at, "seen")
    expect(page.locator(".jp-OutputArea-output").first).to_have_text("one\ntwo")
    save(page)
    mark(page, 0, "proven")
    mark(page, 1, "proven")
    holds(lab, "bash.ipynb", 2)


def test_without_the_lab_extension_one_signs_in_in_a_cell_and_saving_seals(
    plain: Lab, page: Page
) -> None:
    path = "plain.ipynb"
    write_notebook(plain.folder / path, "%load_ext jupyter_mlo", "%mlo_login", "print('plain')")
    open_notebook(page, plain, path)
    assert page.locator(".jp-mlo-badge").count() == 0
    run(page, 0)
    run(page, 1)
    question = page.locator(".jp-Stdin-input")
    expect(question).to_have_attribute("type", "password")
    question.fill(PASSPHRASE)
    question.press("Enter")
    # The panel of the session, in the cell.
    page.locator(".jp-OutputArea-output .widget-dropdown").first.wait_for()
    expect(page.locator(".jp-CodeCell").nth(1)).to_contain_text("Ada Sample")
    run(page, 2)
    page.locator(".jp-OutputArea-output", has_text="plain").wait_for()
    save(page)
    until(lambda: on_disk(plain.user().server, path)["metadata"].get("mlo"))
    found = json.loads(plain.jupyter_mlo("verify", "--json", "--allow-unstamped", path))
    cells = found["notebooks"][0]["cells"]
    assert [cell["verdict"] for cell in cells[1:]] == ["verified", "verified"]
    assert PASSPHRASE not in (plain.folder / path).read_text() + plain.log.read_text()


def install_bash(lab: Lab) -> None:
    folder = Path(lab.environ["JUPYTER_PATH"], "kernels", "bash")
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "bash", "language": "bash"}
    (folder / "kernel.json").write_text(json.dumps(spec))
