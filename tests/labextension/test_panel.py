"""The panel's sections of a notebook: cells, seals, history, alarms; for everybody's hands."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.labextension.conftest import ROOT, Lab, setting, write_notebook
from tests.labextension.steps import (
    IDLE,
    PASSPHRASE,
    find_command,
    mark,
    open_notebook,
    panel,
    run,
    save,
    who_is_here,
)

AXE = ROOT / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
THEMES = ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"]


def ready(page: Page, lab: Lab, name: str, *sources: str) -> None:
    """A notebook, run and saved by Ada."""
    write_notebook(lab.folder / name, *sources)
    open_notebook(page, lab, name)
    who_is_here(page)
    for at in range(len(sources)):
        run(page, at)
        mark(page, at, "seen")
    save(page)
    mark(page, 0, "proven")


def test_cells_are_listed_filtered_and_jumped_to(lab: Lab, page: Page) -> None:
    ready(page, lab, "list.ipynb", "a = 1; print(a)", "b = 2; print(b)")
    cells = panel(page).get_by_role("list", name="Cells").get_by_role("listitem")
    expect(cells).to_have_count(2)
    expect(cells.nth(1)).to_contain_text("b = 2; print(b)")
    expect(cells.nth(1)).to_contain_text("Ada Sample · exploration")
    expect(cells.nth(1)).to_contain_text("✓ verified")
    expect(panel(page).get_by_text("2 cells executed")).to_be_visible()
    page.locator(".jp-CodeCell .cm-content").nth(0).click()
    cells.nth(1).get_by_role("button", name="b = 2").click()
    expect(page.locator(".jp-CodeCell").nth(1)).to_have_class(re.compile("jp-mod-active"))
    page.keyboard.press("Enter")
    page.keyboard.type("c")
    mark(page, 1, "differs")  # before any save
    page.keyboard.press("Control+Z")
    mark(page, 1, "proven")
    page.keyboard.type("c = 3 # ")
    page.keyboard.press("Escape")
    mark(page, 1, "differs")
    save(page)
    mark(page, 1, "differs")
    show = panel(page).get_by_label("Show", exact=True)
    show.select_option("changed")
    expect(cells).to_have_count(1)
    expect(cells.nth(0)).to_contain_text("changed since: source")
    # Editing and saving is no alarm.
    expect(page.locator(".jp-mlo-banner")).to_be_hidden()
    show.select_option("unstamped")
    expect(cells).to_have_count(0)
    show.select_option("mine")
    expect(cells).to_have_count(2)


def test_a_seal_is_made_with_a_meaning_and_stands_in_the_history(
    lab: Lab, page: Page, tmp_path: Path
) -> None:
    ready(page, lab, "seal.ipynb", "print('sealed')")
    panel(page).get_by_role("button", name="Seal …").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("nobody has said anything about its 1 cell")
    expect(dialog).not_to_contain_text("your own work")
    dialog.get_by_label("reviewed").check()
    expect(dialog).to_contain_text("you executed cell 1 of this notebook yourself")
    dialog.get_by_role("button", name="Seal").click()
    expect(
        panel(page).get_by_text(re.compile(r"Sealed by Ada Sample.*\(reviewed\)"))
    ).to_be_visible()
    entry = panel(page).get_by_role("button", name=re.compile("seal · reviewed"))
    entry.click()
    expect(panel(page).get_by_label("Statement")).to_contain_text('"meaning": "reviewed"')
    panel(page).get_by_text("Chain 1: enrolment").wait_for()
    with page.expect_download() as downloading:
        panel(page).get_by_role("button", name="Download bundle").click()
    path = tmp_path / "bundle.jsonl"
    downloading.value.save_as(path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) >= 3
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel(page).get_by_role("button", name="Copy statement").click()
    expect(panel(page).get_by_text("✓ Copied")).to_be_visible()
    assert '"meaning": "reviewed"' in page.evaluate("navigator.clipboard.readText()")
    expect(panel(page).get_by_text("✓ Copied")).to_be_hidden()
    assert all("dsseEnvelope" in line for line in lines)
    # Again, with nothing changed in between: the dialog says so.
    panel(page).get_by_role("button", name="Seal …").click()
    expect(dialog).to_contain_text("Nothing has changed")
    dialog.get_by_role("button", name="Cancel").click()


def test_a_notebook_altered_on_disk_is_told_of_above_it(lab: Lab, page: Page) -> None:
    ready(page, lab, "altered.ipynb", "print('true')")
    file = lab.folder / "altered.ipynb"
    value = json.loads(file.read_text())
    value["cells"][0]["outputs"][0]["text"] = ["forged\n"]
    file.write_text(json.dumps(value))
    open_notebook(page, lab, "altered.ipynb")
    banner = page.get_by_role("alert", name="MLO")
    expect(banner).to_contain_text("altered after it was sealed")
    mark(page, 0, "differs")
    banner.get_by_role("button", name="Show what").click()
    cells = panel(page).get_by_role("list", name="Cells").get_by_role("listitem")
    expect(cells).to_have_count(1)
    expect(cells.nth(0)).to_contain_text("changed since: outputs")
    named = panel(page).get_by_role("list", name="What does not hold")
    named.get_by_role("button", name="Go to cell 1").click()
    expect(page.locator(".jp-CodeCell.jp-mod-active")).to_be_focused()
    banner.get_by_role("button", name="Dismiss").click()
    expect(banner).to_be_hidden()


def test_a_notebook_altered_while_it_is_open_is_not_what_is_shown(lab: Lab, page: Page) -> None:
    ready(page, lab, "meanwhile.ipynb", "print('true')")
    again = panel(page).get_by_role("button", name="Verify now")
    elsewhere = panel(page).get_by_text("The file was changed outside of this page")
    again.click()
    expect(again).to_be_visible()
    expect(elsewhere).to_be_hidden()
    file = lab.folder / "meanwhile.ipynb"
    written = file.stat().st_mtime
    file.write_text(file.read_text().replace("true", "forged"))
    os.utime(file, (written + 5, written + 5))
    again.click()
    expect(elsewhere).to_be_visible()
    expect(page.get_by_role("alert", name="MLO")).to_contain_text("altered after it was sealed")
    expect(page.locator(".jp-OutputArea-output")).to_have_text("true\n")
    command(page, "Reload Notebook from Disk")
    expect(page.locator(".jp-OutputArea-output")).to_have_text("forged\n")
    expect(elsewhere).to_be_hidden()


def test_cells_wait_where_a_sign_in_is_required(lab: Lab, page: Page) -> None:
    write_notebook(lab.folder / "wait.ipynb", "print('one')", "print('two')")
    with setting(lab, "jupyter-mlo:plugin", prompt="require"):
        open_notebook(page, lab, "wait.ipynb")
        who_is_here(page)
        panel(page).get_by_role("button", name="Sign out").click()
        page.locator(".jp-mlo-badge", has_text="nobody signed in").wait_for()
        run(page, 0)
        page.get_by_text("Cells wait until somebody is signed in.").wait_for()
        run(page, 1)
        expect(page.locator(".jp-OutputArea-output")).to_have_count(0)
        form = panel(page).get_by_role("form", name="Sign in")
        form.get_by_label("Passphrase").fill(PASSPHRASE)
        form.get_by_role("button", name="Sign in").click()
        mark(page, 0, "seen")
        mark(page, 1, "seen")
        expect(page.locator(".jp-OutputArea-output")).to_have_text(["one", "two"])


def test_the_keyboard_is_enough(lab: Lab, page: Page) -> None:
    write_notebook(lab.folder / "keys.ipynb", "print('typed')")
    open_notebook(page, lab, "keys.ipynb")
    who_is_here(page)
    panel(page).get_by_role("button", name="Sign out").click()
    panel(page).get_by_role("form", name="Sign in").wait_for()
    expect(panel(page).get_by_label("Passphrase")).to_be_focused()
    page.locator(".jp-CodeCell .cm-content").first.click()
    command(page, "Sign In as MLO")
    expect(panel(page).get_by_label("Passphrase")).to_be_focused()
    page.keyboard.type(PASSPHRASE)
    page.keyboard.press("Enter")
    panel(page).get_by_role("button", name="Sign out").wait_for()
    expect(panel(page).get_by_role("group", name="Signed in as Ada Sample")).to_be_focused()
    tab_to(page, "Verify now")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Seal …")).to_be_focused()
    page.keyboard.press("Tab")
    expect(panel(page).get_by_label("Show", exact=True)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(panel(page).get_by_label("Show", exact=True)).to_have_value("mine")
    page.keyboard.press("ArrowUp")
    # The filter is back: so is the list, into which the next step leads.
    first = panel(page).get_by_role("list", name="Cells").get_by_role("button").first
    first.wait_for()
    page.keyboard.press("Tab")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".jp-CodeCell").first).to_have_class(re.compile("jp-mod-active"))
    expect(page.locator(".jp-Cell.jp-mod-active")).to_be_focused()
    page.keyboard.press("Control+Enter")
    mark(page, 0, "seen")
    page.locator(IDLE).wait_for(state="attached")
    command(page, "Seal This Notebook")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    page.keyboard.press("Enter")
    expect(panel(page).get_by_text(re.compile(r"Sealed by Ada Sample.*\(held\)"))).to_be_visible()


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_serious(lab: Lab, page: Page, theme: str) -> None:
    with setting(lab, "@jupyterlab/apputils-extension:themes", theme=theme):
        ready(page, lab, f"{theme[11:]}.ipynb", "print('axe')", "1 + 1")
        page.locator(f'body[data-jp-theme-name="{theme}"]').wait_for(state="attached")
        run(page, 0)
        mark(page, 0, "seen")
        save(page)
        mark(page, 0, "proven")
        panel(page).get_by_role("button", name=re.compile("2 saves by Ada Sample")).click()
        saves = panel(page).get_by_role("list", name="2 saves by Ada Sample")
        expect(saves.get_by_role("listitem")).to_have_count(2)
        saves.get_by_role("button").first.click()
        panel(page).get_by_label("Statement").wait_for()
        found = {"signed in": axe(page)}
        panel(page).get_by_role("button", name="Seal …").click()
        page.get_by_role("dialog").wait_for()
        found["seal"] = axe(page, ".jp-mlo-seal")
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        panel(page).get_by_role("button", name="Sign out").click()
        panel(page).get_by_role("form", name="Sign in").wait_for()
        found["signed out"] = axe(page)
        panel(page).get_by_role("button", name="I have no MLO ID yet").click()
        panel(page).get_by_role("form", name="Enrol").wait_for()
        found["enrolment"] = axe(page)
    assert not any(found.values()), json.dumps(found, indent=1)


def test_a_narrow_panel_and_a_large_page_lose_nothing(lab: Lab, page: Page) -> None:
    # A page at 200 % has half the pixels.
    page.set_viewport_size({"width": 640, "height": 450})
    ready(page, lab, "narrow.ipynb", "print('a long line of source' * 10, 'x' * 100)")
    over = panel(page).evaluate(
        """panel => [...panel.querySelectorAll('.jp-mlo-section, .jp-mlo-section *')]
            .filter(one => one.closest('pre, .jp-mlo-line') === null
                && one.scrollWidth > one.clientWidth + 1
                && getComputedStyle(one).display !== 'inline'
                && !['SELECT', 'INPUT', 'OPTION'].includes(one.tagName))
            .map(one => one.className + ' ' + one.textContent.slice(0, 40))"""
    )
    assert over == []


def command(page: Page, label: str) -> None:
    """Run a command by the palette."""
    find_command(page, label)
    page.keyboard.press("Enter")


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the button of that name has the focus."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == name:
            return
    pytest.fail(f"the keyboard does not come to {name!r}")


def axe(page: Page, where: str = "#jupyter-mlo-panel .jp-mlo-section") -> list[Any]:
    """What axe-core calls serious or critical."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(AXE.read_text())
    found = page.evaluate("where => axe.run(where)", where)["violations"]
    return [
        (
            one["id"],
            one["impact"],
            [(n["html"][:200], n["failureSummary"]) for n in one["nodes"][:4]],
        )
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
