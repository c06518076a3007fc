"""``%mlo`` in kernels of a server that notes who asks: no session is opened or ended there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from jupyter_mlo.ipython.served import LOGIN
from tests.server.conftest import PASSPHRASE, Running, Start, User, Wire, started

AUTOLOAD = "from jupyter_mlo.ipython.extension import autoload; autoload(get_ipython())"


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that tells its users apart; Grace's front end has the panel."""
    running = started(tmp_path_factory.mktemp("magics"), "ada", "grace", "eve")
    running.user("ada").enrol("Ada Sample")
    running.user("grace").get("/jupyter-mlo/me", panel="1")
    yield running
    running.stop()


def connected(user: User, begin: str = "%load_ext jupyter_mlo") -> tuple[Wire, str]:
    """A websocket to a new kernel in which the extension is loaded, and what that said."""
    wire = user.connect(user.kernel())
    return wire, text(wire.run(begin))


def text(cell: dict[str, Any]) -> str:
    """All text of a cell's outputs; it holds no traceback."""
    found = ""
    for output in cell["outputs"]:
        shown = output.get("data", {}).get("text/plain", "")
        found += output.get("text") or shown or "\n".join(output.get("traceback", []))
    assert "Traceback" not in found
    return found


def sessions(server: Running) -> list[Path]:
    return list((server.root.parent / "jupyter-runtime").rglob("*session*.json"))


def in_browser(user: User) -> Wire:
    """A websocket of a browser that has shown the panel: one anonymous user by its cookie."""
    browser = requests.Session()
    browser.get(f"{user.server.url}/api/status", params={"token": user.token}, timeout=20)
    assert browser.get(f"{user.server.url}/jupyter-mlo/me?panel=1", timeout=20).ok
    cookies = "; ".join(f"{one.name}={one.value}" for one in browser.cookies)
    wire = user.connect(user.kernel(), {"Cookie": cookies})
    wire.run("%load_ext jupyter_mlo")
    return wire


def test_no_session_of_the_account_is_opened_used_or_ended(named: Running) -> None:
    wire, _ = connected(named.user("ada"))
    (named.root / "secret").write_text(PASSPHRASE)
    (named.root / "secret").chmod(0o600)
    wire.run(f"import os; os.environ['MLO_PASSPHRASE_FILE'] = {str(named.root / 'secret')!r}")
    for line in (
        "%mlo_login",
        "%mlo login ada",
        "%mlo_logout",
        "%mlo activity training",
        "%mlo seal x",
    ):
        refused = wire.run(line)
        assert refused["outputs"][-1]["ename"] == "Refused", line
        assert "this Jupyter server" in text(refused)
        assert "hint: " in text(refused)
    assert not sessions(named)
    assert named.user("ada").get("/jupyter-mlo/me")["session"] is not None
    # Help is for everybody.
    assert "Examples:" in text(wire.run("%mlo_login --help"))
    assert "Examples:" in text(wire.run("%mlo seal --help"))


def test_status_says_whether_the_cell_is_somebody_s_and_where(named: Running) -> None:
    wire, greeting = connected(named.user("ada"))
    assert "attributed to whoever runs them" in greeting
    said = text(wire.run("%mlo_status"))
    assert "this cell: attributed" in said
    assert "MLO panel" in said
    wire, greeting = connected(named.user("eve"))
    assert "nobody is signed in" in greeting
    said = text(wire.run("%mlo_status"))
    assert "this cell: not attributed" in said
    assert "Ada" not in said


def test_where_the_panel_is_a_login_asks_there(named: Running) -> None:
    wire, _ = connected(named.user("grace"))
    cell = wire.run("%mlo_login Ada --for 2h --activity training --model loan@3")
    data = cell["outputs"][-1]["data"]
    told = {"who": "Ada", "hours": 2, "activity": "training", "model": "loan@3"}
    assert data[LOGIN] == {**told, "onBehalfOf": None}
    assert data["text/plain"] == "sign in in the MLO panel at the side"
    data = wire.run("%mlo_login")["outputs"][-1]["data"]
    assert data[LOGIN] == {**dict.fromkeys([*told, "onBehalfOf"]), "hours": 8}
    assert wire.run("%mlo_login --for 99h")["outputs"][-1]["ename"] == "InvalidInput"
    assert wire.run("%mlo_login --activity nonsense")["outputs"][-1]["ename"] == "InvalidInput"
    assert not sessions(named)


def test_a_reminder_comes_once_and_only_where_the_panel_gives_none(named: Running) -> None:
    for name, said in (("ada", 0), ("eve", 1), ("grace", 0)):
        wire, loaded = connected(named.user(name), AUTOLOAD)
        assert loaded == ""
        found = [text(wire.run(f"x = {n}")) for n in range(3)]
        assert len([one for one in found if "nobody is signed in" in one]) == said, (name, found)
        assert "%mlo_login" not in "".join(found)


def test_where_all_are_one_the_account_s_session_is_opened_as_before(start: Start) -> None:
    server = start()
    anybody = server.user()
    mlo = anybody.enrol("Ada Sample")
    anybody.post("/jupyter-mlo/logout")
    wire, greeting = connected(anybody)
    assert "%mlo_login" in greeting
    reminded, _ = connected(anybody, AUTOLOAD)
    assert "next: %mlo_login" in text(reminded.run("x = 1"))
    (server.root / "secret").write_text(PASSPHRASE)
    (server.root / "secret").chmod(0o600)
    browser = in_browser(anybody)
    assert LOGIN in browser.run("%mlo_login")["outputs"][-1]["data"]
    assert not sessions(server)
    wire.run(f"import os; os.environ['MLO_PASSPHRASE_FILE'] = {str(server.root / 'secret')!r}")
    said = wire.run("%mlo_login --for 1h")
    assert mlo in text(said), said
    assert anybody.get("/jupyter-mlo/me")["mlo"]["id"] == mlo
    assert mlo in text(wire.run("%mlo_status"))
    wire.run("%mlo_logout")
    assert anybody.get("/jupyter-mlo/me")["session"] is None
