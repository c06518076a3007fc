"""Two people in two browsers, one notebook, one kernel: each cell is its executor's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.labextension.conftest import PATIENCE, Lab, running_lab, setting, write_notebook
from tests.labextension.steps import (
    enrol,
    mark,
    open_notebook,
    panel,
    run,
    sidebar_by_menu,
    sign_in,
)
from tests.server.conftest import on_disk, until

#: Milliseconds until what one has done is seen by the other.
_SOON = 2_000


@pytest.fixture(scope="module")
def lab(front_end: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("together")
    with running_lab(front_end, home, "ada", "grace", together=True) as one:
        yield one


@contextmanager
def browsers(browser: Browser, lab: Lab, path: str) -> Iterator[tuple[Page, Page]]:
    """Ada's and Grace's, each signed in, with the same notebook open."""
    pages = browser.new_page(), browser.new_page()
    for page, user in zip(pages, ("ada", "grace"), strict=True):
        page.set_default_timeout(PATIENCE)
        open_notebook(page, lab, path, user=user)
        someone_here(page, f"{user.title()} Sample")
    try:
        yield pages
    finally:
        for page in pages:
            page.close()


def someone_here(page: Page, name: str) -> None:
    """This person is signed in: as before, or enrolled now."""
    who = panel(page)
    out = who.get_by_role("button", name="Sign out")
    who.get_by_role("form", name="Enrol").or_(out).wait_for()
    if not out.is_visible():
        enrol(page, name)


def executor(page: Page, at: int, name: str, sign: str = "seen") -> None:
    """The mark at a cell says that it was this person's."""
    found = mark(page, at, sign)
    expect(found).to_have_attribute("aria-label", re.compile(f"^Executed by {name}"))


def test_each_cell_is_its_executor_s_in_both_browsers_and_in_the_file(
    lab: Lab, browser: Browser
) -> None:
    path = "shared.ipynb"
    write_notebook(lab.folder / path, "a = 6; print(a)", "print(a * 7)", "'raw'")
    with browsers(browser, lab, path) as (ada, grace):
        run(ada, 0)
        grace.locator(".jp-OutputArea-output", has_text="6").wait_for()
        grace.set_default_timeout(_SOON)
        executor(grace, 0, "Ada Sample")
        run(grace, 1)
        expect(grace.locator(".jp-OutputArea-output").nth(1)).to_have_text("42")
        ada.set_default_timeout(_SOON)
        executor(ada, 1, "Grace Sample")
        executor(ada, 0, "Ada Sample")
        # Past the user interface, at the same kernel.
        (kernel,) = [one["id"] for one in lab.user("grace").get("/api/kernels")]
        wire = lab.user("grace").connect(kernel)
        wire.run("'raw'", "c2")
        for page in (ada, grace):
            executor(page, 2, "Grace Sample")
            page.set_default_timeout(PATIENCE)
        wire.close()

        def stamped() -> bool:
            cells = on_disk(lab.user().server, path)["cells"]
            return all("mlo" in cell["metadata"] for cell in cells[:2])

        until(stamped, 20)
        # Nobody is signed in twice, and nobody as the other.
        expect(panel(ada)).to_contain_text("Ada Sample")
        expect(panel(grace)).to_contain_text("Grace Sample")
    found = json.loads(lab.jupyter_mlo("verify", "--json", "--allow-unstamped", path, status=None))
    cells = found["notebooks"][0]["cells"]
    mlos = [lab.user(name).get("/jupyter-mlo/me")["mlo"]["id"] for name in ("ada", "grace")]
    assert [cell["mlo"] for cell in cells[:2]] == mlos


def test_cells_wait_together_as_well_where_a_sign_in_is_required(
    lab: Lab, browser: Browser
) -> None:
    path = "wait.ipynb"
    write_notebook(lab.folder / path, "print('one')", "print('two')")
    with (
        setting(lab, "jupyter-mlo:plugin", prompt="require"),
        browsers(browser, lab, path) as (ada, grace),
    ):
        panel(ada).get_by_role("button", name="Sign out").click()
        panel(ada).get_by_role("form", name="Sign in").wait_for()
        run(ada, 0)
        ada.get_by_text("Cells wait until somebody is signed in.").wait_for()
        # The other's own session is not hers, and she is not kept waiting by it.
        run(grace, 1)
        executor(grace, 1, "Grace Sample")
        expect(ada.locator(".jp-OutputArea-output")).to_have_text(["two"])
        sign_in(ada)
        for page in (ada, grace):
            executor(page, 0, "Ada Sample")
            expect(page.locator(".jp-OutputArea-output")).to_have_text(["one", "two"])


def test_together_in_notebook_7(lab: Lab, browser: Browser) -> None:
    path = "seven.ipynb"
    write_notebook(lab.folder / path, "print('seven')")
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    open_notebook(page, lab, path, user="ada", app="notebooks")
    sidebar_by_menu(page)
    someone_here(page, "Ada Sample")
    run(page, 0)
    executor(page, 0, "Ada Sample")
    until(lambda: "mlo" in on_disk(lab.user().server, path)["cells"][0]["metadata"], 20)
    page.close()
