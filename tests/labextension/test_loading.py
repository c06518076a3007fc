"""The front end in a real JupyterLab: it is there, and nothing of JupyterLab is lost."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page

from tests.labextension.conftest import PATIENCE, Lab, write_notebook
from tests.labextension.steps import find_command, open_notebook, run


def opened(lab: Lab, browser: Browser, *, unreachable: bool = False) -> tuple[Page, list[str]]:
    """A page with a notebook of two cells, and what its console says."""
    write_notebook(lab.folder / "a.ipynb", "print('ran', 6 * 7)", "print('second')")
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    if unreachable:
        page.route(re.compile(r"^[^/]+//[^/]+/jupyter-mlo/"), lambda route: route.abort())
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    open_notebook(page, lab, "a.ipynb")
    return page, said


def test_panel_status_item_and_commands_are_there(lab: Lab, browser: Browser) -> None:
    page, said = opened(lab, browser)
    page.locator(".jp-mlo-badge").click()
    section = page.get_by_role("region", name="MLO", exact=True)
    section.get_by_text("Who you are").wait_for()
    section.get_by_text("This notebook", exact=True).wait_for()
    section.get_by_role("form", name="Enrol").wait_for()
    find_command(page, "Show Who Executed Each Cell")
    assert not [line for line in said if "Failed to create module" in line]
    assert not [line for line in said if "jupyter-mlo" in line and "no marks for" not in line]
    page.close()


def test_cells_run_where_our_part_of_the_server_does_not_answer(lab: Lab, browser: Browser) -> None:
    page, _ = opened(lab, browser, unreachable=True)
    page.locator(".jp-mlo-badge", has_text="server not reached").wait_for()
    run(page, 0)
    page.locator(".jp-OutputArea-output", has_text="ran 42").wait_for()
    page.close()
