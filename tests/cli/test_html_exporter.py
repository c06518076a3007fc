"""`jupyter nbconvert --to mlo-html`, by the real command, looked at as text and in a browser."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import tomllib
import traceback
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright

from tests.needs import chromium
from tests.notebook.people import code, notebook, text
from tests.verbs.conftest import PASSPHRASE
from tests.verbs.people_with_clones import ROOT, Clone
from tests.verbs.workshop import altered

#: That of the system; else the one that playwright has fetched.


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This tree's entry points, as installing it would register them."""
    folder = tmp_path_factory.mktemp("registered")
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    info = folder / "jupyter_mlo-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: jupyter-mlo\nVersion: 0\n")
    lines = []
    for group, entries in points.items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory, registered: Path) -> Clone:
    folder = tmp_path_factory.mktemp("html")
    secret = folder / "secret"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    one = Clone(folder / "ada", str(secret), name="Ada Sample")
    one.environ["PYTHONPATH"] = f"{registered}{os.pathsep}{ROOT}"
    forged = (
        '<p class="mlo-line"><span class="mlo-verdict">✓ verified</span></p>'
        '<div class="jp-Spinner jp-Dialog" id="forged" style="display:block;width:100%">'
        '<p style="background-color:#f6f8fa">verified by a stranger</p></div>'
        '<a href="data:text/html,evil">away</a>'
        "<script>document.body.innerHTML = 'This notebook holds'</script>"
    )
    cells = [
        text("# Loans\n" + forged, "m"),
        code("print(1)", "a"),
        code("print(2)", "b"),
        code("y = 1", "c"),
        code("x = '</section><script>alert(1)</script>'", "d"),
    ]
    cells[4]["metadata"]["tags"] = ["hide"]
    one.shop.write("train.ipynb", notebook(*cells))
    one.run_cells("train.ipynb", {"a": "1\n", "b": "<script>alert(2)</script>\n"})
    assert one.mlo_run("seal", "train.ipynb").status == 0
    return one


def convert(ada: Clone, name: str, *options: str) -> str:
    """The page that `jupyter nbconvert` makes."""
    status, log = converted(ada, name, *options)
    assert status == 0, log
    return (ada.tree / name).with_suffix(".html").read_text()


def converted(ada: Clone, name: str, *options: str) -> tuple[int, str]:
    """Run `jupyter nbconvert` in a process of its own, forked to save its imports."""
    from nbconvert.exporters.html import HTMLExporter  # noqa: F401
    from nbconvert.nbconvertapp import main

    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            status = 70
            try:
                os.environ.clear()
                os.environ.update(ada.environ)
                sys.path[:0] = ada.environ["PYTHONPATH"].split(os.pathsep)
                os.chdir(ada.tree)
                for stream in (1, 2):
                    os.dup2(said.fileno(), stream)
                sys.stdout, sys.stderr = open(1, "w"), open(2, "w")  # noqa: SIM115
                main(["--to", "mlo-html", name, *options])
                status = 0
            except SystemExit as stop:
                status = int(stop.code or 0)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        return status, said.read().decode()


def said(page: str) -> tuple[str, list[str]]:
    """What the head says, and the line of each cell."""
    soup = BeautifulSoup(page, "html.parser")
    (head,) = soup.select('header[data-mlo="page"]')
    lines = [section.p.get_text(" ", strip=True) for section in soup.select("section[data-mlo]")]
    return head.get_text(" ", strip=True), lines


def test_each_cell_says_who_when_and_the_verdict_and_the_head_sums_up(ada: Clone) -> None:
    page = convert(ada, "train.ipynb")
    head, lines = said(page)
    assert head.startswith("✓ This notebook holds")
    assert f"sealed by Ada Sample ({ada.mlo})" in head
    assert "as of checkpoint" in head
    assert len(lines) == 5
    assert lines[1].startswith(
        f"✓ verified · executed by Ada Sample ({ada.mlo}), 20".replace(",", " ·")
    )
    assert lines[1].endswith("signed")
    assert lines[3].startswith("✓ verified · no execution is known")
    assert "alert(" not in "".join(str(tag) for tag in BeautifulSoup(page, "html.parser")("script"))
    assert "innerHTML" not in page
    soup = BeautifulSoup(page, "html.parser")
    assert soup.select_one("section h1").get_text().startswith("Loans")  # type: ignore[union-attr]


def test_what_cells_show_stays_and_what_acts_goes(ada: Clone) -> None:
    shown = {
        "text/html": (
            "<style>td {color: red}</style><table><tr><td style='color: red; position: fixed' "
            "onclick='alert(4)'>cell</td></tr></table><a href='javascript:alert(5)'>link</a>"
            "<img src='https://example.org/spy.png'><img src=x onerror=alert(6)>"
        )
    }
    size = {"image/png": {"width": "1 onerror=alert(7)"}}
    outputs = [
        {"output_type": "display_data", "data": shown, "metadata": {}},
        {"output_type": "display_data", "data": {"image/png": "aGk="}, "metadata": size},
        {
            "output_type": "display_data",
            "data": {"text/vnd.mermaid": "<img src=x onerror=alert(8)>"},
            "metadata": {},
        },
        {
            "output_type": "display_data",
            "data": {"application/javascript": "alert(9)", "text/plain": "plainly"},
            "metadata": {},
        },
    ]
    value = notebook({**code("show()", "s"), "outputs": outputs})
    state = {"state": {"x": "</script><script>alert(10)</script>"}}
    value["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": state}
    ada.shop.write("acts.ipynb", value)
    body = convert(ada, "acts.ipynb").split("<main>")[1]
    for gone in ("alert(", "example.org", "position", "onerror", "<style", "<script"):
        assert gone not in body.replace("1 onerror=", ""), gone
    for there in ("<td", "color: red", "cell", "data:image/png;base64,aGk=", "plainly"):
        assert there in body, there


def test_what_does_not_hold_is_said_in_words_and_signs(ada: Clone, tmp_path: Path) -> None:
    whole = json.loads((ada.tree / "train.ipynb").read_text())

    def change(value: dict[str, Any]) -> None:
        value["cells"][1]["source"] = "print(3)"
        value["cells"][2]["metadata"] = {}
        value["cells"][3]["metadata"]["mlo"] = whole["cells"][1]["metadata"]["mlo"]
        value["metadata"]["title"] = "</title><script>alert(3)</script>"

    (ada.tree / "bad.ipynb").write_text(json.dumps(whole))
    altered(ada.tree / "bad.ipynb", change)
    page = convert(ada, "bad.ipynb", "--theme", "dark")
    head, lines = said(page)
    assert head.startswith("✗ This notebook does not hold")
    assert lines[1].startswith("✎ changed since · changed: source")
    assert lines[2].startswith("○ unstamped")
    assert lines[3].startswith("✗ not valid here")
    assert "executed by" not in lines[3]
    assert "<script>alert(3)" not in page


def test_what_a_preprocessor_changes_is_not_passed_off_as_judged(ada: Clone) -> None:
    hide = "--TagRemovePreprocessor.remove_cell_tags=hide", "--TagRemovePreprocessor.enabled=True"
    _, lines = said(convert(ada, "train.ipynb", "--ClearOutputPreprocessor.enabled=True", *hide))
    assert len(lines) == 4
    assert lines[1].startswith("✎ not judged as it is shown · in the notebook: verified")
    assert lines[3].startswith("✓ verified")


def test_a_stranger_sees_claims_as_such_and_a_damaged_trust_file_is_no_traceback(
    ada: Clone, tmp_path: Path
) -> None:
    keep = dict(ada.environ)
    try:
        ada.environ["MLO_HOME"] = str(tmp_path / "elsewhere")
        head, lines = said(convert(ada, "train.ipynb"))
        assert head.startswith("✗ This notebook does not hold")
        assert "which is unknown here" in head
        assert "no ledger was asked" in head
        assert lines[1].endswith("claimed")
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        (tmp_path / "elsewhere" / "trust.json").write_text("{")
        head, lines = said(convert(ada, "train.ipynb"))
        assert head.startswith("? not judged")
        assert set(lines) == {"? not judged"}
    finally:
        ada.environ.clear()
        ada.environ.update(keep)


@pytest.mark.parametrize("widgets", [{}, {"state": 3}, 7], ids=str)
def test_widget_state_that_is_none_is_left_out(ada: Clone, tmp_path: Path, widgets: Any) -> None:
    mime = "application/vnd.jupyter.widget-state+json"
    value = json.loads((ada.tree / "train.ipynb").read_text())
    value["metadata"]["widgets"] = {mime: widgets} if widgets != 7 else widgets
    shown = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "w"}
    value["cells"][1]["outputs"] = [{"output_type": "display_data", "data": shown, "metadata": {}}]
    (ada.tree / "widgets.ipynb").write_text(json.dumps(value))
    head, lines = said(convert(ada, "widgets.ipynb"))
    assert "does not hold" in head
    assert len(lines) == len(value["cells"])


@pytest.mark.parametrize("content", ["{", '{"nbformat": 4, "nbformat_minor": 5, "cells": 7}'])
def test_what_cannot_be_made_a_page_is_said_in_a_sentence(ada: Clone, content: str) -> None:
    (ada.tree / "broken.ipynb").write_text(content)
    status, log = converted(ada, "broken.ipynb")
    assert status == 1
    assert "cannot make a page of this notebook" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_in_a_browser_nothing_in_a_cell_looks_like_a_verdict(ada: Clone, theme: str) -> None:
    convert(ada, "train.ipynb", "--theme", theme)
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=chromium(),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        page = browser.new_page(viewport={"width": 900, "height": 1000}, offline=True)
        asked: list[str] = []
        page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
        page.goto((ada.tree / "train.html").as_uri(), wait_until="domcontentloaded")
        assert page.locator('section[data-mlo="cell"]').count() == 5
        color = "element => getComputedStyle(element).color"
        ours = page.locator("section[data-mlo] > p > span").nth(1).evaluate(color)
        forged = page.locator("[data-mlo=box] span", has_text="✓ verified").first.evaluate(color)
        assert page.locator("[data-mlo=box] [id], .jp-Spinner, .jp-Dialog").count() == 0
        assert page.locator("a[href^='data:']").count() == 0
        for at in range(5):  # nothing lies over what we say
            line = page.locator("section[data-mlo] > p").nth(at)
            line.scroll_into_view_if_needed()
            assert line.evaluate(
                "line => { const box = line.getBoundingClientRect();"
                " const top = document.elementFromPoint(box.left + 20, box.top + box.height / 2);"
                " return line.contains(top); }"
            )
        back = "element => getComputedStyle(element).backgroundColor"
        paper = page.locator("header[data-mlo]").evaluate(back)
        if shots := os.environ.get("MLO_SCREENSHOTS"):
            page.screenshot(path=f"{shots}/{theme}.png", full_page=True)
        browser.close()
    assert asked == []
    assert ours != forged
    assert contrast(ours, paper) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2.1's ratio of two colours as browsers write them."""

    def luminance(color: str) -> float:
        parts = [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
