"""The first visit, a login that says more, and stamps that are opened: in a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from jupyter_mlo.identity.backup import open_backup
from tests.labextension.conftest import Lab, write_notebook
from tests.labextension.steps import (
    PASSPHRASE,
    enrol,
    mark,
    open_notebook,
    panel,
    run,
    save,
    who_is_here,
)


def test_the_first_visit_enrols_and_takes_the_key_along(
    lab: Lab, page: Page, tmp_path: Path
) -> None:
    write_notebook(lab.folder / "first.ipynb", "1 + 1")
    open_notebook(page, lab, "first.ipynb")
    who = panel(page)
    who.get_by_role("form", name="Enrol").wait_for()
    who.get_by_role("button", name="I have an MLO ID already").click()
    who.get_by_role("form", name="Sign in").wait_for()
    who.get_by_role("button", name="I have no MLO ID yet").click()
    enrol(page)
    expect(who.get_by_role("region", name="Your new MLO ID")).to_be_focused()
    form = who.get_by_role("form", name="Back up the key")
    form.get_by_label("Your passphrase").fill("another one entirely")
    form.get_by_role("button", name="Download the back-up").click()
    expect(form.get_by_role("alert")).to_contain_text("passphrase")
    form.get_by_label("Your passphrase").fill(PASSPHRASE)
    with page.expect_download() as downloading:
        form.get_by_role("button", name="Download the back-up").click()
    file = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(file)
    assert file.suffix == ".backup"
    backup = open_backup(file.read_bytes(), PASSPHRASE)
    expect(who.locator(".jp-mlo-id").first).to_have_text(backup.mlo)
    expect(form.get_by_role("status").last).to_contain_text("jupyter mlo key restore")
    who.get_by_role("button", name="Done").click()
    expect(form).to_be_hidden()
    assert PASSPHRASE not in lab.log.read_text()


def test_a_login_in_a_cell_fills_in_the_prompt(lab: Lab, page: Page) -> None:
    write_notebook(
        lab.folder / "login.ipynb",
        "%load_ext jupyter_mlo",
        '%mlo_login "Ada Sample" --for 2h --activity training --model credit',
        "%mlo_login --activity validation",
    )
    open_notebook(page, lab, "login.ipynb")
    who_is_here(page)
    panel(page).get_by_role("button", name="Sign out").click()
    form = panel(page).get_by_role("form", name="Sign in")
    form.wait_for()
    run(page, 0)
    mark(page, 0, "nobody")
    run(page, 1)
    expect(form.get_by_label("Activity")).to_have_value("training")
    expect(form.get_by_label("MLO ID")).to_have_value(re.compile("^mlo:"))
    expect(form.get_by_label("Model (may be left empty)")).to_have_value("credit")
    expect(form.get_by_label("For", exact=True)).to_have_value("2")
    expect(form.get_by_label("Passphrase")).to_be_focused()
    form.get_by_label("Passphrase").fill(PASSPHRASE)
    form.get_by_role("button", name="Sign in").click()
    panel(page).get_by_role("button", name="Sign out").wait_for()
    expect(panel(page).get_by_label("Activity")).to_have_value("training")
    expect(panel(page).get_by_label("Model")).to_have_value("credit")
    # Of who is signed in a cell changes nothing by itself.
    run(page, 2)
    panel(page).get_by_text("A cell asks you to work on: validation").wait_for()
    expect(panel(page).get_by_label("Activity")).to_have_value("training")
    panel(page).get_by_role("button", name="Do so").click()
    expect(panel(page).get_by_label("Activity")).to_have_value("validation")


def test_a_stamp_is_opened_and_taken_along(lab: Lab, page: Page, tmp_path: Path) -> None:
    write_notebook(lab.folder / "stamp.ipynb", "print('stamped')")
    open_notebook(page, lab, "stamp.ipynb")
    who_is_here(page)
    run(page, 0)
    mark(page, 0, "seen")
    save(page)
    mark(page, 0, "proven")
    cells = panel(page).get_by_role("list", name="Cells")
    cells.get_by_role("button", name="Open the stamp of cell 1").click()
    stamp = cells.get_by_role("region", name="Statement")
    expect(stamp).to_contain_text('"predicateType": "https://jupyter-mlo.github.io/stamp/v1"')
    cells.get_by_text("Chain 1: enrolment").wait_for()
    expect(cells.get_by_text("By Ada Sample, signed")).to_be_visible()
    expect(cells.get_by_role("button", name="Copy statement")).to_be_visible()
    with page.expect_download() as downloading:
        cells.get_by_role("button", name="Download bundle").click()
    bundle = tmp_path / "stamp.jsonl"
    downloading.value.save_as(bundle)
    assert all("dsseEnvelope" in json.loads(line) for line in bundle.read_text().splitlines())
    cells.get_by_role("button", name="Close the stamp of cell 1").click()
    expect(stamp).to_be_hidden()


def test_cells_without_ids_have_their_verdict(lab: Lab, page: Page) -> None:
    file = lab.folder / "old.ipynb"
    write_notebook(file, "print('before ids')")
    value = json.loads(file.read_text())
    value["nbformat_minor"] = 4
    del value["cells"][0]["id"]
    value["cells"][0]["execution_count"] = 1
    value["cells"][0]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": ["before ids\n"]}
    ]
    file.write_text(json.dumps(value))
    open_notebook(page, lab, "old.ipynb")
    row = panel(page).get_by_role("list", name="Cells").get_by_role("listitem")
    expect(row).to_contain_text("unattributed")
