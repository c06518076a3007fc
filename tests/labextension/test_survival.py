"""What a mark outlives, and what it must not: editing, other tabs, a server that ends."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.labextension.conftest import Lab, write_notebook
from tests.labextension.steps import (
    command_mode,
    mark,
    open_notebook,
    panel,
    reload,
    run,
    save,
    who_is_here,
)
from tests.server.conftest import on_disk, until
from tests.server.test_troubles import held


def verdicts(lab: Lab, path: str) -> list[str]:
    """Of the cells of the file, as a terminal shows them."""
    said = lab.jupyter_mlo("verify", "--json", "--allow-unstamped", path, status=None)
    return [cell["verdict"] for cell in json.loads(said)["notebooks"][0]["cells"]]


def saved(page: Page, lab: Lab, path: str, *sources: str) -> None:
    """The file holds these cells, and the page knows the verdict on it."""
    save(page)

    def there() -> bool:
        cells = on_disk(lab.user().server, path)["cells"]
        return ["".join(cell["source"]) for cell in cells] == list(sources)

    until(there, 20)


def test_stamps_outlive_editing_and_go_with_no_copy(lab: Lab, page: Page) -> None:
    path, a, b = "edited.ipynb", "a = 1\nprint(a)", "print('b')"
    write_notebook(lab.folder / path, a, b)
    open_notebook(page, lab, path)
    who_is_here(page)
    for at in range(2):
        run(page, at)
        mark(page, at, "seen")
    save(page)
    mark(page, 0, "proven")
    # From here on the page's document holds the stamps, too.
    reload(page)
    for at in range(2):
        mark(page, at, "proven")

    # Deleted, saved, and taken back: it is what it was.
    command_mode(page, 0, "d", "d")
    saved(page, lab, path, b)
    command_mode(page, 0, "z")
    saved(page, lab, path, a, b)
    mark(page, 0, "proven")
    # Moved.
    command_mode(page, 0, "Control+Shift+ArrowDown")
    saved(page, lab, path, b, a)
    for at in range(2):
        mark(page, at, "proven")
    # A copy was executed by nobody.
    command_mode(page, 0, "c", "v")
    saved(page, lab, path, b, b, a)
    mark(page, 1, "refused")
    for at in (0, 2):
        mark(page, at, "proven")
    assert verdicts(lab, path) == ["verified", "not valid here", "verified"]
    command_mode(page, 1, "d", "d")
    # Split: neither half is what ran. Merged again, it is what was stamped.
    cell = page.locator(".jp-CodeCell").nth(1)
    cell.locator(".cm-line").first.click()
    page.keyboard.press("End")
    page.keyboard.press("Control+Shift+Minus")
    expect(page.locator(".jp-CodeCell")).to_have_count(3)
    saved(page, lab, path, b, "a = 1", "print(a)")
    mark(page, 0, "proven")
    assert "verified" not in verdicts(lab, path)[1:]
    assert page.locator(".jp-CodeCell .jp-mlo-mark[data-sign=proven]").count() == 1


def test_stamps_outlive_a_new_name_and_a_new_kernel(lab: Lab, page: Page) -> None:
    write_notebook(lab.folder / "old.ipynb", "print('named')")
    open_notebook(page, lab, "old.ipynb")
    who_is_here(page)
    run(page, 0)
    mark(page, 0, "seen")
    save(page)
    mark(page, 0, "proven")
    page.evaluate("void window.jupyterapp.commands.execute('docmanager:rename')")
    dialog = page.get_by_role("dialog")
    dialog.locator("input").fill("new.ipynb")
    dialog.get_by_role("button", name="Rename").click()
    page.get_by_role("tab", name="new.ipynb").wait_for()
    mark(page, 0, "proven")
    assert verdicts(lab, "new.ipynb") == ["verified"]
    page.locator('[data-jp-item-name="restart"]').first.click()
    page.get_by_role("dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    page.get_by_role("dialog").wait_for(state="hidden")
    save(page)
    mark(page, 0, "proven")
    run(page, 0)
    mark(page, 0, "seen")
    save(page)
    mark(page, 0, "proven")
    assert verdicts(lab, "new.ipynb") == ["verified"]


def test_two_tabs_show_the_same(lab: Lab, page: Page) -> None:
    path = "tabs.ipynb"
    write_notebook(lab.folder / path, "print('tabs')")
    open_notebook(page, lab, path)
    who_is_here(page)
    other = page.context.new_page()
    open_notebook(other, lab, path)
    run(page, 0)
    for tab in (page, other):
        mark(tab, 0, "seen")
    save(page)
    for tab in (page, other):
        mark(tab, 0, "proven")
    other.close()


def test_while_the_ledger_is_locked_one_runs_saves_and_sees_marks(lab: Lab, page: Page) -> None:
    path = "locked.ipynb"
    write_notebook(lab.folder / path, "print('first')", "print('second')")
    open_notebook(page, lab, path)
    who_is_here(page)
    run(page, 0)
    mark(page, 0, "seen")
    save(page)
    mark(page, 0, "proven")
    with held(Path(lab.environ["HOME"]), 60):
        run(page, 1)
        mark(page, 1, "seen")
        save(page)
        until(lambda: "mlo" in on_disk(lab.user().server, path)["cells"][1]["metadata"], 20)
    panel(page).get_by_role("button", name="Verify now").click()
    mark(page, 1, "proven")
    assert verdicts(lab, path) == ["verified", "verified"]


_WRITE = """source =>
  window.jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel.setSource(source)"""


def test_a_server_that_was_gone_costs_nothing_that_ran(lab: Lab, page: Page) -> None:
    path = "gone.ipynb"
    write_notebook(lab.folder / path, "print('kept')", "print('later')")
    open_notebook(page, lab, path)
    who_is_here(page)
    run(page, 0)
    mark(page, 0, "seen")
    assert lab.process is not None
    lab.process.kill()
    lab.process.wait(10)
    # JupyterLab says so itself, sooner or later, in a dialog: what follows does not wait for it.
    panel(page).get_by_role("button", name="Verify now").dispatch_event("click")
    expect(panel(page).get_by_role("alert")).to_have_text("The server does not answer")
    # One goes on writing.
    page.evaluate(_WRITE, "print('meanwhile')")
    lab.begin()
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    mark(page, 0, "proven")
    assert verdicts(lab, path)[0] == "verified"
    assert "meanwhile" in (lab.folder / path).read_text()
