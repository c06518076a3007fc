"""What people do in the browser, a function each."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Error, Locator, Page, expect

from tests.labextension.conftest import Lab

IDLE = ".jp-Notebook-ExecutionIndicator[data-status=idle]"
PASSPHRASE = "correct horse battery staple"


def open_notebook(
    page: Page, lab: Lab, name: str, *, user: str = "", app: str = "lab/tree"
) -> None:
    """The notebook, its kernel idle."""
    page.goto(lab.url(name, user=user, app=app))
    started(page)


def reload(page: Page) -> None:
    """The same page anew."""
    page.reload()
    started(page)


def started(page: Page) -> None:
    """The page hears the keyboard, and its notebook's kernel is connected and idle.

    The indicator in the toolbar says idle before there is a kernel: a cell that is run then is
    dropped.
    """
    page.wait_for_function(_READY, timeout=60_000)


_READY = """() => {
  const app = window.jupyterapp;
  const session = app?.shell.currentWidget?.context?.sessionContext;
  const kernel = session?.isReady ? session.session?.kernel : null;
  return kernel?.status === 'idle' && kernel.connectionStatus === 'connected' &&
    app.commands.keyBindings.some(each => each.command === 'notebook:run-cell');
}"""


def sidebar_by_menu(page: Page) -> None:
    """Show the panel as Notebook 7 has one do it: by its View menu."""
    page.get_by_role("menuitem", name="View", exact=True).click()
    items = page.locator(".lm-Menu-item")
    items.filter(has_text="Left Sidebar").hover()
    items.filter(has_text="Show MLO").click()
    page.get_by_role("region", name="MLO", exact=True).wait_for()


def panel(page: Page) -> Locator:
    """The MLO panel, opened."""
    region = page.get_by_role("region", name="MLO", exact=True)
    if not region.is_visible():
        page.locator(".jp-mlo-badge").click()
    region.wait_for()
    return region


def enrol(page: Page, name: str = "Ada Sample") -> None:
    """Go through the wizard."""
    who = panel(page)
    form = who.get_by_role("form", name="Enrol")
    other = who.get_by_role("button", name="I have no MLO ID yet")
    form.or_(other).wait_for()
    if other.is_visible():  # somebody has one here
        other.click()
    form.get_by_label("Name").fill(name)
    form.get_by_label("New passphrase").fill(PASSPHRASE)
    form.get_by_label("The same again").fill(PASSPHRASE)
    form.get_by_role("button", name="Enrol").click()
    who.get_by_role("button", name="Sign out").wait_for()


def sign_in(page: Page, passphrase: str = PASSPHRASE) -> None:
    """Fill in the prompt, in which the one known MLO stands already."""
    form = panel(page).get_by_role("form", name="Sign in")
    form.get_by_label("Passphrase").fill(passphrase)
    form.get_by_role("button", name="Sign in").click()


def who_is_here(page: Page) -> None:
    """Somebody is signed in: enrolled now, or before."""
    who = panel(page)
    out = who.get_by_role("button", name="Sign out")
    first = who.get_by_role("form", name="Enrol")
    who.get_by_role("form", name="Sign in").or_(first).or_(out).wait_for()
    if out.is_visible():
        return
    if first.is_visible():
        enrol(page)
    else:
        sign_in(page)
    out.wait_for()


def run(page: Page, at: int) -> None:
    """Run one cell, by the keyboard, when its editor has the focus."""
    cell = page.locator(".jp-CodeCell").nth(at)
    cell.locator(".cm-content").click()
    expect(cell.locator(".cm-editor")).to_have_class(re.compile("cm-focused"))
    expect(cell).to_have_class(re.compile("jp-mod-active"))
    page.keyboard.press("Control+Enter")


def command_mode(page: Page, at: int, *keys: str) -> None:
    """Press keys at a cell, outside of its editor."""
    cell = page.locator(".jp-CodeCell").nth(at)
    cell.locator(".cm-content").click()
    expect(cell.locator(".cm-editor")).to_have_class(re.compile("cm-focused"))
    page.keyboard.press("Escape")
    expect(cell).to_be_focused()
    for key in keys:
        page.keyboard.press(key)


def mark(page: Page, at: int, sign: str) -> Locator:
    """A cell's mark, as soon as it shows this sign."""
    found = page.locator(".jp-CodeCell").nth(at).locator(f".jp-mlo-mark[data-sign={sign}]")
    found.wait_for()
    return found


def save(page: Page) -> None:
    """Save, by the toolbar, and wait for the answer: until then JupyterLab drops another save."""
    page.locator(IDLE).wait_for(state="attached")
    page.locator('[data-jp-item-name="save"]').first.click()
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")


def find_command(page: Page, label: str) -> None:
    """The command stands first in the palette. While a page still starts, the palette may close."""
    for _ in range(5):
        page.keyboard.press("Control+Shift+C")
        try:
            page.locator(".lm-CommandPalette-input").fill(label, timeout=3_000)
            found = page.locator(".lm-CommandPalette-itemLabel", has_text=label)
            found.first.wait_for(timeout=3_000)
        except Error:
            page.keyboard.press("Escape")
        else:
            return
    pytest.fail(f"the palette does not offer {label!r}")
