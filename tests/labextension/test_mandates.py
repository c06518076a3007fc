"""Mandates in the panel: made by the wizard, used by papermill, renewed, taken back."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.labextension.conftest import Lab, setting, write_notebook
from tests.labextension.steps import PASSPHRASE, find_command, open_notebook, panel, who_is_here
from tests.labextension.test_panel import THEMES, axe


def train(lab: Lab, name: str) -> None:
    """A notebook with a cell of parameters."""
    path = lab.folder / name
    write_notebook(path, "alpha = 0.1\nname = 'a'", "print(alpha)")
    value = json.loads(path.read_text())
    value["cells"][0]["metadata"]["tags"] = ["parameters"]
    value["metadata"]["kernelspec"]["language"] = "python"
    path.write_text(json.dumps(value))


def section(page: Page) -> Locator:
    """The section, opened by its command."""
    find_command(page, "Show Mandates")
    page.keyboard.press("Enter")
    found = panel(page)
    found.get_by_role("list", name="Mandates").wait_for(state="attached")
    return found


def wizard(page: Page, name: str) -> Locator:
    """The wizard's first step, filled in."""
    section(page).get_by_role("button", name="New mandate …").click()
    form = panel(page).get_by_role("form", name="New mandate")
    expect(form.get_by_label("Notebooks and folders")).to_have_value(name)
    form.get_by_label("Activity").select_option("training")
    form.get_by_label("Models").fill("credit-risk")
    return form


def runs(lab: Lab, name: str, file: str, *given: str) -> tuple[int, str]:
    """What papermill makes of it in a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "papermill", "--engine", "mlo", name, f"out-{name}", *given],
        env={**lab.environ, "MLO_MANDATE": file},
        cwd=lab.folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_one_is_made_used_and_taken_back(lab: Lab, page: Page) -> None:
    train(lab, "train.ipynb")
    open_notebook(page, lab, "train.ipynb")
    who_is_here(page)
    form = wizard(page, "train.ipynb")
    # What was typed stays when something else is looked at meanwhile.
    page.get_by_role("tab", name=re.compile("^File Browser")).click()
    expect(form).to_be_hidden()
    section(page)
    expect(form.get_by_label("Models")).to_have_value("credit-risk")
    form.get_by_role("button", name="Next").click()
    form.get_by_label("alpha", exact=True).select_option("range")
    form.get_by_label("alpha from").fill("0.1")
    form.get_by_label("alpha to").fill("0.5")
    form.get_by_label("How many runs").fill("2")
    form.get_by_label("kept on this server").check()
    form.get_by_role("button", name="Next").click()
    for line in (
        "Runs of train.ipynb as it is now",
        "For: training.",
        "Of the model credit-risk.",
        "alpha (numbers from 0.1 to 0.5)",
        "At most 2 times.",
        "30 days from now",
    ):
        expect(form).to_contain_text(line)
    form.get_by_label("Your passphrase").fill("another one entirely")
    form.get_by_role("button", name="Make the mandate").click()
    expect(form.get_by_role("alert")).to_contain_text("passphrase")
    form.get_by_label("Your passphrase").fill(PASSPHRASE)
    form.get_by_role("button", name="Make the mandate").click()
    entry = panel(page).get_by_role("list", name="Mandates").get_by_role("listitem").first
    expect(entry).to_contain_text("2 of 2 uses left")
    entry.get_by_role("button", name=re.compile("train.ipynb")).click()
    said = entry.locator("code").text_content() or ""
    # As a shell of this account reads it.
    word = said.removeprefix("MLO_MANDATE=").split(" ", 1)[0]
    shell = ["sh", "-c", f"printf %s {word}"]
    file = subprocess.run(shell, env=lab.environ, capture_output=True, text=True).stdout
    assert os.stat(file).st_mode & 0o77 == 0
    status, text = runs(lab, "train.ipynb", file, "-p", "alpha", "0.9")
    assert status != 0
    assert "alpha" in text
    status, text = runs(lab, "train.ipynb", file, "-p", "alpha", "0.3")
    assert status == 0, text
    expect(entry).to_contain_text("1 of 2 uses left")
    entry.get_by_role("button", name="Revoke …").click()
    form = entry.get_by_role("form", name="Revoke")
    form.get_by_label("Reason").select_option("superseded")
    form.get_by_label("Your passphrase").fill(PASSPHRASE)
    form.get_by_role("button", name="Revoke").click()
    expect(entry).to_contain_text("revoked")
    status, text = runs(lab, "train.ipynb", file, "-p", "alpha", "0.3")
    assert status != 0
    assert "revoked" in text


def test_a_key_is_taken_along_as_a_file_and_ends_soon(lab: Lab, page: Page, tmp_path: Path) -> None:
    train(lab, "along.ipynb")
    open_notebook(page, lab, "along.ipynb")
    who_is_here(page)
    form = wizard(page, "along.ipynb")
    form.get_by_role("button", name="Next").click()
    form.get_by_label("For how many days").fill("2")
    form.get_by_label("as a file with its key").check()
    form.get_by_role("button", name="Next").click()
    form.get_by_label("Your passphrase").fill(PASSPHRASE)
    with page.expect_download() as downloading:
        form.get_by_role("button", name="Make the mandate").click()
    file = tmp_path / "along.mandate"
    downloading.value.save_as(file)
    file.chmod(0o600)
    expect(panel(page)).to_contain_text("1 mandate ends within three days")
    expect(panel(page).get_by_text("Mandates (1 ends soon)")).to_be_visible()
    status, text = runs(lab, "along.ipynb", str(file))
    assert status == 0, text
    entry = panel(page).get_by_role("listitem").filter(has_text="along.ipynb").first
    entry.get_by_role("button", name=re.compile("along.ipynb")).click()
    entry.get_by_role("button", name="Renew …").click()
    form = entry.get_by_role("form", name="Renew")
    form.get_by_label("Your passphrase").fill(PASSPHRASE)
    with page.expect_download():
        form.get_by_role("button", name="Renew").click()
    expect(panel(page).get_by_text("ends within three days")).to_be_hidden()


def test_a_notebook_that_was_changed_meanwhile_is_not_signed(lab: Lab, page: Page) -> None:
    train(lab, "meanwhile.ipynb")
    open_notebook(page, lab, "meanwhile.ipynb")
    who_is_here(page)
    form = wizard(page, "meanwhile.ipynb")
    form.get_by_role("button", name="Next").click()
    form.get_by_label("kept on this server").check()
    form.get_by_role("button", name="Next").click()
    form.get_by_label("Your passphrase").fill(PASSPHRASE)
    path = lab.folder / "meanwhile.ipynb"
    path.write_text(path.read_text().replace("print(alpha)", "print('other')"))
    form.get_by_role("button", name="Make the mandate").click()
    expect(form.get_by_role("alert")).to_contain_text("was changed since the mandate was shown")


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_serious_in_it(lab: Lab, page: Page, theme: str) -> None:
    name = f"axe {theme[11:]}.ipynb"
    train(lab, name)
    found: dict[str, list[Any]] = {}
    with setting(lab, "@jupyterlab/apputils-extension:themes", theme=theme):
        open_notebook(page, lab, name)
        page.locator(f'body[data-jp-theme-name="{theme}"]').wait_for(state="attached")
        who_is_here(page)
        form = wizard(page, name)
        found["first step"] = axe(page)
        form.get_by_role("button", name="Next").click()
        form.get_by_label("alpha", exact=True).select_option("values")
        found["second step"] = axe(page)
        form.get_by_label("kept on this server").check()
        form.get_by_role("button", name="Next").click()
        form.get_by_label("Your passphrase").fill(PASSPHRASE)
        found["third step"] = axe(page)
        page.keyboard.press("Enter")  # as typed: the keyboard is enough
        entry = panel(page).get_by_role("listitem").filter(has_text=name).first
        entry.get_by_role("button", name=re.compile(re.escape(name))).click()
        entry.get_by_role("button", name="Revoke …").click()
        found["list"] = axe(page)
    assert not any(found.values()), json.dumps(found, indent=1)


def test_in_a_narrow_panel_nothing_is_lost(lab: Lab, page: Page) -> None:
    page.set_viewport_size({"width": 640, "height": 450})
    name = "a-long-name-" * 8 + ".ipynb"
    train(lab, name)
    open_notebook(page, lab, name)
    who_is_here(page)
    form = wizard(page, name)
    form.get_by_role("button", name="Next").click()
    form.get_by_label("alpha", exact=True).select_option("range")
    over = panel(page).evaluate(
        """panel => [...panel.querySelectorAll('.jp-mlo-wizard, .jp-mlo-wizard *')]
            .filter(one => one.scrollWidth > one.clientWidth + 1
                && getComputedStyle(one).display !== 'inline'
                && !['SELECT', 'INPUT', 'OPTION', 'TEXTAREA'].includes(one.tagName))
            .map(one => one.className + ' ' + one.textContent.slice(0, 40))"""
    )
    assert over == []
