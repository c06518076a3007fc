"""The panel after a login: what it shows, and what choosing in it does."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jupyter_mlo.delegation.sessions import end_session, load_session, set_activity
from tests.ipython.conftest import Home
from tests.ipython.frontend import Cell, FrontEnd, start_kernel, stop_kernel

SECRET = "correct-horse-battery-7391"
WIDGET = "application/vnd.jupyter.widget-view+json"
PANEL = "panel = get_ipython()._jupyter_mlo_extension.magics._panel\n"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, FrontEnd]]:
    home = Home(tmp_path_factory.mktemp("home"))
    frontend = FrontEnd(start_kernel(home.env))
    try:
        frontend.run("%load_ext jupyter_mlo")
        assert frontend.run("%mlo_login", answers=["Ada", "", SECRET, SECRET]).reply
        yield home, frontend
    finally:
        frontend.close()
        stop_kernel(frontend.manager)


def log_in(frontend: FrontEnd) -> Cell:
    cell = frontend.run("%mlo_login", answers=[SECRET])
    assert cell.reply["status"] == "ok", cell.text
    return cell


def shown(frontend: FrontEnd, expression: str) -> str:
    cell = frontend.run(f"{PANEL}print({expression}, end='')")
    assert cell.reply["status"] == "ok", cell.text
    return cell.text


def from_the_browser(frontend: FrontEnd, control: str, **state: object) -> None:
    """What a front end sends when somebody uses a control."""
    comm = shown(frontend, f"panel.{control}.comm.comm_id")
    data = {"method": "update", "state": state, "buffer_paths": []}
    if not state:
        data = {"method": "custom", "content": {"event": "click"}}
    message = frontend.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
    frontend.client.shell_channel.send(message)
    frontend.run("None")


def test_it_comes_with_text_for_front_ends_without_widgets(kernel: tuple[Home, FrontEnd]) -> None:
    _, frontend = kernel
    text, panel = log_in(frontend).outputs[-2:]
    assert set(text["data"]) == {"text/plain", "text/html"}
    assert "Ada" in text["data"]["text/plain"]
    # The panel counts; what is kept with the notebook stays true.
    assert re.search(r"until \d{4}-\d\d-\d\d \d\d:\d\d UTC", text["data"]["text/plain"])
    assert "left" not in text["data"]["text/plain"]
    assert set(panel["data"]) == {"text/plain", WIDGET}


def test_it_shows_the_session(kernel: tuple[Home, FrontEnd]) -> None:
    _, frontend = kernel
    log_in(frontend)
    assert shown(frontend, "repr(panel.who.value)") == "''"
    assert shown(frontend, "panel.activity.value") == "exploration"
    assert shown(frontend, "panel.left.value") == "7 h 59 min left"


def test_it_says_when_somebody_else_has_logged_in(kernel: tuple[Home, FrontEnd]) -> None:
    home, frontend = kernel
    log_in(frontend)
    other = home.log_in("Bob")
    who = shown(frontend, "panel.refresh() or panel.who.value")
    assert other.mlo in who
    assert "an MLO of another home" in who


def test_choosing_changes_the_session(kernel: tuple[Home, FrontEnd]) -> None:
    home, frontend = kernel
    log_in(frontend)
    from_the_browser(frontend, "activity", index=list_index("training"))
    from_the_browser(frontend, "model", value="loan@3")
    signer = load_session(home.settings, datetime.now(UTC))
    assert signer is not None
    assert (signer.activity, signer.model) == ("training", "loan@3")
    record = home.record(frontend.run("display(1)"))
    assert (record.activity, record.model) == ("training", "loan@3")
    assert "training on loan@3" in shown(frontend, "panel.message.value")


def test_a_wrong_model_is_explained_and_changes_nothing(kernel: tuple[Home, FrontEnd]) -> None:
    home, frontend = kernel
    log_in(frontend)
    from_the_browser(frontend, "model", value="<img src=x onerror=alert(1)>")
    message = shown(frontend, "panel.message.value")
    assert "is not the name of a model" in message
    assert "<img" not in message
    signer = load_session(home.settings, datetime.now(UTC))
    assert signer is not None
    assert signer.model is None
    assert shown(frontend, "repr(panel.model.value)") == "''"


def test_signing_out_ends_the_session(kernel: tuple[Home, FrontEnd]) -> None:
    home, frontend = kernel
    log_in(frontend)
    from_the_browser(frontend, "out")
    assert load_session(home.settings, datetime.now(UTC)) is None
    assert "nobody is logged in" in shown(frontend, "panel.who.value")
    assert shown(frontend, "panel.activity.disabled") == "True"


def test_it_follows_what_happens_elsewhere(kernel: tuple[Home, FrontEnd]) -> None:
    home, frontend = kernel
    log_in(frontend)
    set_activity(home.settings, "validation", "loan@4", now=datetime.now(UTC))
    assert shown(frontend, "panel.refresh() or panel.activity.value") == "validation"
    assert shown(frontend, "panel.model.value") == "loan@4"
    end_session(home.settings)
    assert "nobody" in shown(frontend, "panel.refresh() or panel.who.value")
    assert shown(frontend, "panel._timer") == "None"


def test_it_looks_at_the_clock_by_itself(kernel: tuple[Home, FrontEnd]) -> None:
    home, frontend = kernel
    frontend.run("import jupyter_mlo.ipython.panel as module\nmodule.REFRESH = 0.2")
    log_in(frontend)
    set_activity(home.settings, "monitoring", None, now=datetime.now(UTC))
    frontend.listen(1.0)
    assert shown(frontend, "panel.activity.value") == "monitoring"
    frontend.run("module.REFRESH = 30.0")


def test_there_is_no_field_for_a_passphrase(kernel: tuple[Home, FrontEnd]) -> None:
    _, frontend = kernel
    log_in(frontend)
    state = shown(
        frontend,
        "__import__('json').dumps(__import__('ipywidgets').Widget.get_manager_state())",
    )
    assert "DropdownModel" in state
    assert SECRET not in state
    assert "PasswordModel" not in state


def test_without_ipywidgets_there_is_text(tmp_path: Path) -> None:
    home = Home(tmp_path)
    frontend = FrontEnd(start_kernel(home.env))
    try:
        frontend.run("import sys\nsys.modules['ipywidgets'] = None\n%load_ext jupyter_mlo")
        cell = frontend.run("%mlo_login", answers=["Ada", "", SECRET, SECRET])
        assert cell.reply["status"] == "ok", cell.text
        assert set(cell.outputs[-1]["data"]) == {"text/plain", "text/html"}
    finally:
        frontend.close()
        stop_kernel(frontend.manager)
    assert "ipywidgets" not in sys.modules


def list_index(activity: str) -> int:
    from jupyter_mlo.statements.predicates.types import ACTIVITIES

    return list(ACTIVITIES).index(activity)
