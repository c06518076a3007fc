"""From the first visit to a verified notebook, in a browser: what a newcomer does."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

from tests.labextension.conftest import Lab, write_notebook
from tests.labextension.steps import (
    PASSPHRASE,
    enrol,
    mark,
    open_notebook,
    panel,
    reload,
    run,
    save,
    sign_in,
    who_is_here,
)

#: Milliseconds from a cell's end to its mark, at most; slow machines of CI get more than the goal.
_MARK_WITHIN = 500


def test_a_newcomer_enrols_runs_saves_and_can_be_checked(lab: Lab, page: Page) -> None:
    write_notebook(lab.folder / "story.ipynb", "print('ran', 6 * 7)", "1 + 1")
    open_notebook(page, lab, "story.ipynb")
    enrol(page)
    assert "jupyter mlo key backup" in panel(page).inner_text()
    run(page, 0)
    seen = mark(page, 0, "seen")
    assert "Executed by Ada Sample" in (seen.get_attribute("aria-label") or "")
    run(page, 1)
    mark(page, 1, "seen")
    save(page)
    mark(page, 0, "proven")
    mark(page, 1, "proven")
    expect(panel(page).get_by_text("2 executed cells are attributed")).to_be_visible()
    reload(page)
    mark(page, 0, "proven")
    # A colleague, in a terminal.
    found = json.loads(lab.jupyter_mlo("verify", "--json", "story.ipynb"))["notebooks"][0]
    assert found["holds"]
    written = (lab.folder / "story.ipynb").read_text()
    assert PASSPHRASE not in written + lab.log.read_text()

    panel(page).get_by_role("button", name="Sign out").click()
    sign_in(page, "not it")
    wrong = panel(page).get_by_role("alert")
    expect(wrong).to_contain_text("passphrase")
    assert "not it" not in panel(page).inner_text()
    run(page, 0)
    mark(page, 0, "nobody")
    sign_in(page)
    panel(page).get_by_role("button", name="Sign out").wait_for()
    run(page, 0)
    mark(page, 0, "seen")


def test_marks_come_soon_after_their_cells_have_ended(lab: Lab, page: Page) -> None:
    write_notebook(lab.folder / "fast.ipynb", *["import time; time.sleep(0.2)"] * 6)
    open_notebook(page, lab, "fast.ipynb")
    who_is_here(page)
    panel(page).get_by_role("button", name="Sign out").wait_for()
    page.evaluate(_WATCH)
    for at in range(6):
        run(page, at)
        mark(page, at, "seen")
    latencies = page.evaluate("window.mloLatencies")
    print("milliseconds from a cell's end to its mark:", [round(one) for one in latencies])
    assert len(latencies) == 6
    assert sorted(latencies)[3] < _MARK_WITHIN


#: From the moment when the prompt shows a number to the one when the mark shows its last sign.
_WATCH = """() => {
  const ended = new Map(); window.mloLatencies = [];
  const check = () => {
    document.querySelectorAll('.jp-CodeCell').forEach((cell, at) => {
      const prompt = cell.querySelector('.jp-InputPrompt')?.textContent ?? '';
      if (/\\[\\d+\\]/.test(prompt) && !ended.has(at)) ended.set(at, performance.now());
      const done = cell.querySelector('.jp-mlo-mark[data-sign=seen]');
      if (done && !cell.mloSeen) {
        cell.mloSeen = true;
        const late = ended.has(at) ? performance.now() - ended.get(at) : 0;
        window.mloLatencies.push(late);
      }
    });
  };
  new MutationObserver(check).observe(document.body,
    {subtree: true, childList: true, characterData: true, attributes: true});
}"""
