"""JupyterLab in a browser with our front end, against the same with it disabled.

A sealed notebook of 1,000 cells that were run. In turns, 200 characters are typed into a cell and
the notebook is scrolled through: the times between frames, and the main thread's processor time,
which others' load does not lengthen. Then what our own parts take: the panel after the shell is
restored, the list of cells, a mark after its cell has ended.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

from benchmarks.figure import Figure
from tests.labextension.conftest import Lab, built_front_end, launched, running_lab
from tests.labextension.steps import IDLE, mark, panel, run
from tests.server.conftest import Running, User, notebook

_NAME = "long.ipynb"
_CELLS = 1_000
_ROUNDS = 4
_CHARACTERS, _STEPS = 200, 25
#: Of the cells that are run to see how soon their marks come.
_MARKS = 9
_BUNDLE = 150


def measure() -> Iterator[Figure]:
    """Ratios of frame times; milliseconds of our own parts."""
    built = built_front_end()
    yield _bundle(built)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        labs = [
            stack.enter_context(running_lab(built, _home(folder, name)))
            for name in ("with", "without")
        ]
        _disable(labs[1])
        written = _sealed(labs[0])
        (labs[1].folder / _NAME).write_bytes(written)
        browser = launched(stack.enter_context(sync_playwright()))
        pages = [browser.new_page(viewport={"width": 1280, "height": 900}) for _ in labs]
        for page, lab in zip(pages, labs, strict=True):
            _open(page, lab)
        pages[0].locator(".jp-mlo-mark").first.wait_for(state="attached")
        yield from _side_by_side(pages, "")
        panel(pages[0])
        yield from _side_by_side(pages, ", panel open")
        yield from _own(pages[0], labs[0])
        browser.close()


def _bundle(built: Path) -> Figure:
    size = sum(len(gzip.compress(file.read_bytes())) for file in (built / "static").glob("*.js"))
    return Figure("bundle, compressed", size / 1e3, "kB", at_most=_BUNDLE)


def _home(folder: str, name: str) -> Path:
    home = Path(folder, name)
    (home / "etc").mkdir(parents=True)
    config = {"LabApp": {"expose_app_in_browser": True}}
    (home / "etc" / "jupyter_lab_config.json").write_text(json.dumps(config))
    return home


def _disable(lab: Lab) -> None:
    path = Path(lab.environ["JUPYTER_CONFIG_PATH"], "labconfig", "page_config.json")
    config = json.loads(path.read_text())
    config["disabledExtensions"]["jupyter-mlo"] = True
    path.write_text(json.dumps(config))


def _sealed(lab: Lab) -> bytes:
    """The notebook: every second cell was run, by somebody signed in; all are sealed."""
    process: Any = None  # runs already
    url = f"http://127.0.0.1:{lab.port}"
    server = Running(lab.folder, url, lab.environ, process, {}, lab.log, lab.token)
    ada: User = server.user()
    ada.enrol("Ada Sample")
    wire = ada.connect(ada.kernel())
    cells = []
    for at in range(0, _CELLS, 2):
        prose = {"cell_type": "markdown", "id": f"m{at}", "metadata": {}, "source": f"Step {at}"}
        cells += [prose, wire.run(f"value = {at}\nprint(value)", f"c{at}")]
    ada.save(_NAME, notebook(*cells))
    wire.close()
    return (lab.folder / _NAME).read_bytes()


def _open(page: Page, lab: Lab) -> None:
    page.set_default_timeout(60_000)
    page.goto(lab.url(_NAME))
    page.locator(IDLE).wait_for(state="attached")
    page.wait_for_timeout(2_000)


def _side_by_side(pages: list[Page], how: str) -> Iterator[Figure]:
    """Both do the same in turns, and begin by turns."""
    sessions = [page.context.new_cdp_session(page) for page in pages]
    for session in sessions:
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
    for what, act in (("typing", _type), ("scrolling", _scroll)):
        frames: list[list[float]] = [[], []]
        worked: list[list[float]] = [[], []]
        for round_ in range(_ROUNDS):
            for at in (0, 1) if round_ % 2 else (1, 0):
                pages[at].bring_to_front()
                pages[at].evaluate(_FRAMES)
                before = _task_time(sessions[at])
                act(pages[at])
                worked[at].append(1e3 * (_task_time(sessions[at]) - before))
                frames[at] += pages[at].evaluate("window.mloStop()")
        both = [(median(one), quantiles(one, n=20)[-1]) for one in frames]
        for at, name in enumerate(("median", "95th percentile")):
            yield Figure(
                f"{what} in {_CELLS:,} cells{how}: time of a frame, {name}",
                both[0][at],
                "ms",
                peer=both[1][at],
                at_most=1.05 if at == 0 else None,
            )
        yield Figure(
            f"{what} in {_CELLS:,} cells{how}: main thread's processor time",
            median(worked[0]),
            "ms",
            peer=median(worked[1]),
            at_most=1.05,
        )


def _type(page: Page) -> None:
    page.evaluate("jupyterapp.shell.currentWidget.content.scrollToItem(0)")
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+End")
    page.keyboard.press("Enter")
    page.keyboard.type("# " + "abcdefghi " * ((_CHARACTERS // _ROUNDS - 2) // 10), delay=30)


def _scroll(page: Page) -> None:
    page.evaluate(_SCROLL, _STEPS)
    page.wait_for_function("steps => window.mloAt > steps", arg=_STEPS, polling=100)


def _task_time(session: CDPSession) -> float:
    found = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in found if one["name"] == "TaskDuration"))


def _own(page: Page, lab: Lab) -> Iterator[Figure]:
    latencies = _marks(page)
    yield Figure("mark after its cell has ended", median(latencies), "ms", at_most=150)
    drawn, listed, whole = [], [], []
    other = page.context.browser
    assert other is not None
    fresh = other.new_page(viewport={"width": 1280, "height": 900})
    fresh.set_default_timeout(60_000)
    fresh.add_init_script(_RESTORED)
    fresh.goto(lab.url(_NAME))
    panel(fresh)
    fresh.wait_for_timeout(3_000)  # JupyterLab keeps the layout
    for _ in range(3):
        fresh.goto(f"http://127.0.0.1:{lab.port}/lab")
        fresh.locator(".jp-mlo-cells li").nth(99).wait_for(state="attached")
        found = fresh.evaluate("window.mloTimes")
        drawn.append(max(0, found["panel"] - found["restored"]))
        listed.append(max(0, found["cells"] - found["restored"]))
        fresh.get_by_role("button", name="More cells").wait_for()
        fresh.wait_for_timeout(1_500)
        whole.append(fresh.evaluate(_ALL))
    yield Figure("panel after the shell is restored", median(drawn), "ms", at_most=300)
    yield Figure(f"list of {_CELLS:,} cells after the shell is restored", median(listed), "ms")
    yield Figure(f"all {_CELLS:,} cells in the list after a click", median(whole), "ms")


def _marks(page: Page) -> list[float]:
    page.bring_to_front()
    page.evaluate("jupyterapp.shell.currentWidget.content.scrollToItem(0)")
    page.evaluate(_ENDS)
    for at in range(_MARKS):
        run(page, at)
        mark(page, at, "seen")
    found: list[float] = page.evaluate("window.mloLatencies")
    return found


#: From the top to the end, a part of it in each frame; a page that draws none goes on all the same.
_SCROLL = """steps => {
  const node = jupyterapp.shell.currentWidget.content.outerNode;
  window.mloAt = 0;
  const step = () => {
    node.scrollTop = node.scrollHeight * window.mloAt / steps;
    window.mloAt += 1;
    if (window.mloAt <= steps) {
      let done = false;
      const once = () => { if (!done) { done = true; step(); } };
      requestAnimationFrame(once);
      setTimeout(once, 1000);
    }
  };
  step();
}"""
_FRAMES = """() => {
  const times = []; let last = null, going = true;
  const frame = now => {
    if (last !== null) times.push(now - last);
    last = now;
    if (going) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  window.mloStop = () => { going = false; return times; };
}"""
#: When the shell is restored, the panel's first section is drawn, and cells are listed.
_RESTORED = """(() => {
  const times = window.mloTimes = {};
  const look = () => {
    if (window.jupyterapp && !times.asked) {
      times.asked = true;
      window.jupyterapp.restored.then(() => { times.restored = performance.now(); });
    }
    if (!times.panel && document.querySelector('.jp-mlo-section')?.childElementCount) {
      times.panel = performance.now();
    }
    if (document.querySelector('.jp-mlo-cells li')) times.cells ??= performance.now();
    if (!times.cells || !times.restored || !times.panel) setTimeout(look, 5);
  };
  look();
})();"""
#: Milliseconds from a click on `More cells` until the next frame in which all are listed.
_ALL = """() => new Promise(done => {
  const started = performance.now();
  const more = [...document.querySelectorAll('.jp-mlo-panel button')]
    .find(one => one.textContent.startsWith('More cells'));
  more.click();
  const look = () => {
    const again = [...document.querySelectorAll('.jp-mlo-panel button')]
      .find(one => one.textContent.startsWith('More cells'));
    if (again) { again.click(); requestAnimationFrame(look); }
    else setTimeout(() => done(performance.now() - started));
  };
  requestAnimationFrame(look);
})"""
#: From the prompt's number, which comes with the reply, to the last sign of the mark.
_ENDS = """() => {
  const ended = new Map(), told = new Set(); window.mloLatencies = [];
  const numbers = new Map();
  const look = () => {
    for (const cell of [...document.querySelectorAll('.jp-CodeCell')].slice(0, 20)) {
      const number = cell.querySelector('.jp-InputPrompt')?.textContent ?? '';
      const before = numbers.get(cell);
      numbers.set(cell, number);
      if (before !== undefined && number !== before && /[0-9]/.test(number)) {
        ended.set(cell, performance.now());
      }
      const sign = cell.querySelector('.jp-mlo-mark')?.dataset.sign;
      if (ended.has(cell) && !told.has(cell) && sign === 'seen') {
        told.add(cell);
        window.mloLatencies.push(performance.now() - ended.get(cell));
      }
    }
    requestAnimationFrame(look);
  };
  look();
}"""
