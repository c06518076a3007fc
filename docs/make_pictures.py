"""Write ``docs/pictures/*.png``: each part of the front end, in light and dark, as it is now.

``python docs/make_pictures.py together`` takes only those of two people in one notebook.

Needs what ``tests/labextension`` needs: Playwright and a Chromium on PATH.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Locator, Page, sync_playwright

HERE: Final = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tests.labextension.conftest import (  # noqa: E402
    Lab,
    built_front_end,
    launched,
    running_lab,
    setting,
    write_notebook,
)
from tests.labextension.steps import (  # noqa: E402
    PASSPHRASE,
    command_mode,
    enrol,
    find_command,
    mark,
    open_notebook,
    panel,
    run,
    save,
    who_is_here,
)

WHERE: Final = HERE / "pictures"
THEMES: Final = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
CELLS: Final = (
    "import statistics\nincomes = [21, 34, 28, 55, 40]",
    "statistics.mean(incomes)",
    "print('approved at', statistics.median(incomes))",
)


def picture(part: Page | Locator, name: str, theme: str) -> None:
    """Keep what is seen of one part."""
    path = WHERE / f"{name}-{theme}.png"
    part.screenshot(path=path, animations="disabled")
    print(f"{path.name}: {path.stat().st_size // 1024} kB")


def take(lab: Lab, browser: Browser, theme: str) -> None:
    """All pictures in one theme."""
    page = browser.new_page(viewport={"width": 1100, "height": 800})
    page.set_default_timeout(20_000)
    file = f"loans-{theme}.ipynb"
    write_notebook(lab.folder / file, *CELLS)
    open_notebook(page, lab, file)
    side = panel(page)
    who_is_here(page)
    side.get_by_role("button", name="Sign out").click()
    side.get_by_role("form", name="Sign in").wait_for()
    picture(side, "sign-in", theme)
    side.get_by_role("button", name="I have no MLO ID yet").click()
    side.get_by_role("form", name="Enrol").wait_for()
    picture(side, "enrol", theme)
    side.get_by_role("button", name="I have an MLO ID already").click()
    who_is_here(page)
    for at in range(len(CELLS)):
        run(page, at)
        mark(page, at, "seen")
    save(page)
    mark(page, 0, "proven")
    side.get_by_role("button", name=re.compile("seal · held|saves by")).first.wait_for()
    picture(page, "notebook", theme)
    side.get_by_role("button", name="Seal …").click()
    page.get_by_role("dialog").get_by_label("reviewed").check()
    picture(page.locator(".jp-Dialog-content"), "seal", theme)
    page.get_by_role("dialog").get_by_role("button", name="Seal").click()
    entry = side.get_by_role("button", name=re.compile("seal · reviewed"))
    entry.wait_for()
    fold(page, "Who you are", "This notebook", "Mandates")
    entry.click()
    side.get_by_label("Statement").wait_for()
    picture(side, "history", theme)
    fold(page, "History", "Mandates")
    make_mandate(page, file)
    picture(side, "mandates", theme)
    value = json.loads((lab.folder / file).read_text())
    value["cells"][2]["outputs"][0]["text"] = ["approved at 21\n"]
    (lab.folder / file).write_text(json.dumps(value))
    page.wait_for_timeout(500)
    open_notebook(page, lab, file)
    fold(page, "Who you are", "History", "Mandates")
    page.get_by_role("alert", name="MLO").get_by_role("button", name="Show what").click()
    mark(page, 2, "differs")
    picture(page, "altered", theme)
    page.close()


def fold(page: Page, *titles: str) -> None:
    """Sections of the panel, or unfold them."""
    for title in titles:
        panel(page).get_by_text(title, exact=True).first.click()


def make_mandate(page: Page, file: str) -> None:
    """One for the notebook that is open, its details shown."""
    side = panel(page)
    find_command(page, "Show Mandates")
    page.keyboard.press("Enter")
    side.get_by_role("button", name="New mandate …").click()
    form = side.get_by_role("form", name="New mandate")
    form.get_by_label("Activity").select_option("training")
    form.get_by_label("Models").fill("loan")
    form.get_by_role("button", name="Next").click()
    form.get_by_label("How many runs").fill("20")
    form.get_by_label("kept on this server").check()
    form.get_by_role("button", name="Next").click()
    form.get_by_label("Your passphrase").fill(PASSPHRASE)
    form.get_by_role("button", name="Make the mandate").click()
    side.get_by_role("list", name="Mandates").get_by_role("button", name=re.compile(file)).click()


def take_together(lab: Lab, browser: Browser, theme: str) -> None:
    """Two people in one notebook, as the first of them sees it."""
    file = f"together-{theme}.ipynb"
    write_notebook(lab.folder / file, *CELLS)
    pages = []
    for user in ("ada", "grace"):
        context = browser.new_context(viewport={"width": 1100, "height": 640})
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.add_locator_handler(
            page.get_by_role("dialog", name=re.compile("taking some time")),
            lambda dialog: dialog.locator(".jp-mod-accept").click(),
        )
        open_notebook(page, lab, file, user=user)
        side = panel(page)
        out = side.get_by_role("button", name="Sign out")
        out.or_(side.get_by_role("form")).first.wait_for()
        if not out.is_visible():
            enrol(page, f"{user.title()} Sample")
        pages.append(page)
    for at in range(len(CELLS)):
        run(pages[at % 2], at)
        for page in pages:
            mark(page, at, "seen")
    panel(pages[0]).get_by_role("button", name="Seal …").click()
    pages[0].get_by_role("dialog").get_by_role("button", name="Seal").click()
    for at in range(len(CELLS)):
        mark(pages[0], at, "proven")
    panel(pages[0]).get_by_role("button", name=re.compile("seal · held")).wait_for()
    done = panel(pages[0]).get_by_role("button", name="Done")
    if done.is_visible():
        done.click()
    command_mode(pages[0], 0)
    picture(pages[0], "together", theme)
    for page in pages:
        page.context.close()


@contextmanager
def everything(*people: str, together: bool = False) -> Iterator[tuple[Lab, Browser]]:
    """A server with a new home, and a browser."""
    front_end = built_front_end()
    with (
        tempfile.TemporaryDirectory() as home,
        running_lab(front_end, Path(home), *people, together=together) as lab,
        sync_playwright() as started,
    ):
        browser = launched(started)
        yield lab, browser
        browser.close()


@contextmanager
def looking(lab: Lab, theme: str) -> Iterator[None]:
    """Pages in this theme, without questions about news."""
    apputils = "@jupyterlab/apputils-extension"
    with (
        setting(lab, f"{apputils}:themes", theme=theme),
        setting(lab, f"{apputils}:notification", fetchNews="false"),
    ):
        yield


if __name__ == "__main__":
    WHERE.mkdir(exist_ok=True)
    if "together" not in sys.argv:
        with everything() as (lab, browser):
            for short, theme in THEMES.items():
                with looking(lab, theme):
                    take(lab, browser, short)
    with everything("ada", "grace", together=True) as (lab, browser):
        for short, theme in THEMES.items():
            with looking(lab, theme):
                take_together(lab, browser, short)
