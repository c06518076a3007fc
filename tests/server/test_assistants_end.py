"""What an assistant had open ends with its grant, and some doors it never goes through."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
import websocket

from tests.server.conftest import PASSPHRASE, Running, User, Wire, notebook, until
from tests.server.test_assistants import ROUTE, admitted, grant

Start = Callable[..., Running]


def closed(wire: Wire, within: float = 15.0) -> int:
    """The code with which the server closes, read as a client does that does not answer."""
    wire.socket.settimeout(within)
    while True:
        code, data = wire.socket.recv_data()
        if code == websocket.ABNF.OPCODE_CLOSE:
            return int.from_bytes(data[:2], "big")


def says_nothing_more(wire: Wire, owner: Wire) -> None:
    """Whatever it sends all the same reaches nobody; the person's kernel goes on."""
    for channel, kind in (
        ("shell", "complete_request"),
        ("control", "interrupt_request"),
        ("control", "shutdown_request"),
    ):
        try:
            wire.send(kind, {"code": "x", "cursor_pos": 1, "restart": False}, channel=channel)
        except (OSError, websocket.WebSocketException):
            return
    assert owner.run("kept")["outputs"][0]["data"]["text/plain"] == "'here'"


def test_a_dismissed_assistant_hears_and_says_nothing_more(start: Start) -> None:
    server = start("ada")
    ada = server.user("ada")
    ada.enrol("Ada Sample")
    agent, told = admitted(ada, grant(server))
    kernel = ada.kernel()
    mine, theirs = ada.connect(kernel), agent.connect(kernel)
    mine.run("kept = 'here'", "c1")
    theirs.run("1", "c2")
    assert ada.ask("DELETE", f"{ROUTE}/{told['username']}").ok
    assert closed(theirs) == 1008
    says_nothing_more(theirs, mine)


@pytest.mark.parametrize("how", ["revoked", "over"])
def test_an_assistant_that_asks_nothing_ends_as_well(start: Start, how: str) -> None:
    server = start("ada")
    ada = server.user("ada")
    ada.enrol("Ada Sample")
    agent, told = admitted(ada, grant(server, *(() if how == "revoked" else ("--for", "12s"))))
    kernel = ada.kernel()
    mine, theirs = ada.connect(kernel), agent.connect(kernel)
    mine.run("kept = 'here'", "c1")
    if how == "revoked":
        server.jupyter_mlo(
            "key", "revoke", "Ada Sample", "--delegation", told["delegation"], "--reason", "ended"
        )
    assert closed(theirs, 40.0) == 1008
    says_nothing_more(theirs, mine)


def test_no_assistant_has_a_terminal_or_hears_what_people_do(start: Start) -> None:
    server = start("ada", beside=("jupyter_server_terminals",))
    ada = server.user("ada")
    ada.enrol("Ada Sample")
    agent, _ = admitted(ada, grant(server))
    assert ada.post("/api/terminals")["name"]
    for method, route in (("POST", "/api/terminals"), ("GET", "/api/terminals")):
        answer = agent.ask(method, route)
        assert (answer.status_code, "no use of this server's terminals" in answer.text) == (
            403,
            True,
        )
    assert agent.ask("POST", "/api/events", json={}).status_code == 403
    address = server.url.replace("http", "ws")
    for route in ("/terminals/websocket/1", "/api/events/subscribe"):
        with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
            websocket.create_connection(address + route, header=agent.headers, timeout=20)


def test_a_new_token_for_a_grant_ends_what_was_open_by_the_old_one(start: Start) -> None:
    server = start("ada")
    ada = server.user("ada")
    ada.enrol("Ada Sample")
    content = grant(server)
    old, _ = admitted(ada, content)
    kernel = ada.kernel()
    theirs = old.connect(kernel)
    new, _ = admitted(ada, content)
    again = new.connect(kernel)
    assert closed(theirs) == 1008
    assert again.run("6 * 7", "c1")["outputs"][0]["data"]["text/plain"] == "42"


DOORS = "tests.server.doors"


def hear(user: User, route: str) -> websocket.WebSocket:
    """Listen there; something was heard."""
    address = user.server.url.replace("http", "ws", 1)
    found = websocket.create_connection(address + route, header=user.headers, timeout=20)
    assert found.recv() == "news"
    return found


def test_what_is_open_at_any_extension_ends_and_one_that_cannot_be_closed_keeps_no_other(
    start: Start,
) -> None:
    server = start("ada", beside=(DOORS,))
    ada = server.user("ada")
    ada.enrol("Ada Sample")
    agent, told = admitted(ada, grant(server))
    routes = ("/doors/stuck", "/doors/feed", "/doors/stuck", "/doors/feed", "/doors/stuck")
    heard = [hear(agent, route) for route in routes]
    mine = hear(ada, "/doors/feed")
    assert ada.ask("DELETE", f"{ROUTE}/{told['username']}").ok
    for one in heard:
        # A client that does not answer the closing handshake.
        while (found := one.recv_data())[0] == websocket.ABNF.OPCODE_TEXT:
            pass
        assert found[0] == websocket.ABNF.OPCODE_CLOSE
        with contextlib.suppress(OSError):
            one.send("still here")
    assert mine.recv() == "news"
    mine.send("mine")
    until(lambda: (server.root / "told").exists())
    assert (server.root / "told").read_text() == "mine"


def test_what_a_route_is_about_is_asked_of_the_authoriser_wherever_it_says_so(
    start: Start,
) -> None:
    server = start("ada", beside=(DOORS,))
    ada = server.user("ada")
    ada.enrol("Ada Sample")
    agent, _ = admitted(ada, grant(server))
    for method in ("GET", "POST"):
        assert ada.ask(method, "/doors/elsewhere").ok
        answer = agent.ask(method, "/doors/elsewhere")
        assert (answer.status_code, "an assistant has no use" in answer.text) == (403, True)


def test_the_account_s_session_may_be_an_assistant_s(start: Start) -> None:
    """Opened in a terminal by ``jupyter mlo login --grant``."""
    server = start()
    owner: User = server.user()
    owner.enrol("Ada Sample")
    content = grant(server)
    owner.post("/jupyter-mlo/logout")
    file = server.root / "agent.grant"
    file.write_text(json.dumps(content))
    file.chmod(0o600)
    server.jupyter_mlo("login", "--grant", str(file))
    owner.save("x.ipynb", notebook(owner.connect(owner.kernel()).run("1", "c1")))
    shown = owner.get("/jupyter-mlo/notebook/changes", path="x.ipynb")["shown"]
    refused: list[tuple[str, dict[str, Any]]] = [
        (ROUTE, {"grant": content}),
        ("/jupyter-mlo/notebook/seal", {"path": "x.ipynb", "meaning": "approved", "shown": shown}),
        ("/jupyter-mlo/mandates/preview", {}),
    ]
    for route, form in refused:
        answer = owner.ask("POST", route, json=form)
        assert (answer.status_code, "sign in as yourself" in answer.text) == (403, True), route
    held = {"path": "x.ipynb", "meaning": "held", "shown": shown}
    assert owner.ask("POST", "/jupyter-mlo/notebook/seal", json=held).ok
    assert PASSPHRASE not in server.log.read_text()
