"""A notebook job from JupyterLab's own form, and who answers for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.labextension.conftest import Lab, running_lab, write_notebook
from tests.labextension.steps import open_notebook
from tests.server.conftest import PASSPHRASE, User

pytest.importorskip("jupyter_scheduler", reason="the extra scheduler is not installed")


@pytest.fixture(scope="module")
def lab(front_end: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("home")
    with running_lab(front_end, home, scheduler=True) as one:
        yield one


def create_job(page: Page) -> None:
    """The form behind the notebook's toolbar button, as it is."""
    page.locator("[data-jp-item-name=create-job] jp-button").click()
    page.get_by_role("button", name="Create", exact=True).click()


def make_mandate(user: User, path: str) -> str:
    said = {"paths": [path], "activities": ["training"], "models": ["loan"], "hours": 24}
    shown = user.post("/jupyter-mlo/mandates/preview", said)["shown"]
    form = {"wish": said, "shown": shown, "handover": "kept", "passphrase": PASSPHRASE}
    found: str = user.post("/jupyter-mlo/mandates", form)["mandate"]["id"]
    return found


def test_a_job_of_the_form_is_whoevers_it_is(lab: Lab, page: Page) -> None:
    write_notebook(lab.folder / "nightly.ipynb", "6 * 7")
    user = lab.user()
    mlo = user.enrol("Ada Sample")
    open_notebook(page, lab, "nightly.ipynb")
    create_job(page)
    # Nobody answers for it yet, and the form says so.
    expect(page.get_by_text("covers this notebook as it is now")).to_be_visible()
    under = make_mandate(user, "nightly.ipynb")
    page.get_by_role("button", name="Create", exact=True).click()
    reload, done = page.get_by_role("button", name="Reload"), page.get_by_text("Completed")
    reload.wait_for()
    for _ in range(60):
        if done.is_visible():
            break
        page.wait_for_timeout(1_000)
        reload.click()
    expect(done).to_be_visible()
    [line] = lab.jupyter_mlo("log", "--runs", "--json").splitlines()
    run = json.loads(line)
    assert (run["mlo"], run["delegation"], run["outcome"]) == (mlo, under, "succeeded")
