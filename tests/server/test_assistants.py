"""Assistants: an agent with a token of its own, through Jupyter's REST and kernel APIs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.server.conftest import PASSPHRASE, Running, User, Wire, notebook, on_disk, until

Start = Callable[..., Running]
ROUTE = "/jupyter-mlo/assistants"


def grant(server: Running, *options: str, name: str = "agent.grant") -> dict[str, Any]:
    """A grant by whoever is enrolled here as a person; the content of its file."""
    secret = server.root.parent / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    server.environ["MLO_PASSPHRASE_FILE"] = str(secret)
    status = json.loads(server.jupyter_mlo("status", "--json"))
    helpers = [one["mlo"] for one in status["identities"] if one["kind"] == "assistant"]
    if not helpers:
        server.jupyter_mlo("enroll", "--name", "Helper", "--kind", "assistant")
        return grant(server, *options, name=name)
    server.jupyter_mlo(
        "grant", helpers[0], "--as", "Ada Sample", "--activity", "training", "--out", name, *options
    )
    file = server.root / name
    content: dict[str, Any] = json.loads(file.read_text())
    file.unlink()
    return content


def admitted(owner: User, content: dict[str, Any]) -> tuple[User, dict[str, Any]]:
    """The agent, with the token that its grant gets it."""
    answer = owner.post(ROUTE, {"grant": content})
    return User(owner.server, answer["token"], "agent"), answer["assistant"]


def works(agent: User, path: str = "agent.ipynb") -> tuple[Wire, dict[str, Any]]:
    """What an agent does: a kernel, a cell that it edits and runs twice, a save."""
    kernel = agent.kernel()
    wire = agent.connect(kernel)
    wire.run("x = 1", "c1")
    cells = [wire.run("x = 41", "c1"), wire.run("print(x + 1)", "c2")]
    agent.save(path, notebook(*cells))
    return wire, agent.get(f"/jupyter-mlo/kernels/{kernel}/marks")["cells"]


@pytest.mark.parametrize("people", [(), ("ada",)], ids=["a token for all", "users told apart"])
def test_what_an_agent_runs_names_the_person_and_the_agent(
    start: Start, people: tuple[str, ...]
) -> None:
    server = start(*people)
    owner = server.user(*people)
    ada = owner.enrol("Ada Sample")
    agent, told = admitted(owner, grant(server))
    helper = told["assistant"]["id"]
    assert (told["mlo"]["id"], told["activities"]) == (ada, ["training"])
    me = agent.get("/jupyter-mlo/me")
    assert (me["user"]["username"], me["mlo"]["id"]) == (told["username"], ada)
    assert me["session"]["assistant"]["id"] == helper
    assert owner.get("/jupyter-mlo/me")["session"]["assistant"] is None
    wire, marks = works(agent)
    assert {one["assistant"]["id"] for one in marks.values()} == {helper}
    assert {one["executor"]["id"] for one in marks.values()} == {ada}
    verdict = server.verified("agent.ipynb")
    assert verdict["holds"], verdict
    assert [(cell["mlo"], cell["assistant"]) for cell in verdict["cells"]] == [(ada, helper)] * 2
    blamed = server.jupyter_mlo("blame", "agent.ipynb")
    assert blamed.count("through the assistant") + blamed.count("through") >= 2
    # The person's own cells, in the same kernel, are the person's alone.
    kernel = agent.get("/api/kernels")[0]["id"]
    mine = owner.connect(kernel).run("x * 2", "c3")
    owner.save("mine.ipynb", notebook(mine))
    (cell,) = server.verified("mine.ipynb")["cells"]
    assert (cell["mlo"], cell["assistant"]) == (ada, None)
    wire.close()


def test_a_token_is_shown_once_and_nothing_of_it_is_on_disk(start: Start) -> None:
    server = start()
    owner = server.user()
    owner.enrol("Ada Sample")
    content = grant(server)
    agent, told = admitted(owner, content)
    listed = owner.get(ROUTE)
    assert [one["username"] for one in listed["assistants"]] == [told["username"]]
    assert agent.token not in json.dumps(listed)
    for path in server.root.parent.rglob("*"):
        if path.is_file():
            found = path.read_bytes()
            assert agent.token.encode() not in found, path
            assert content["key"].encode() not in found, path
    # In an address it is nobody's.
    assert User(server, "x", "").ask("GET", f"/api/contents?token={agent.token}").status_code == 403
    # A new one takes its place.
    again, _ = admitted(owner, content)
    assert agent.ask("GET", "/api/contents").status_code == 403
    assert again.ask("GET", "/api/contents").ok
    assert owner.ask("DELETE", f"{ROUTE}/{told['username']}").ok
    assert again.ask("GET", "/api/contents").status_code == 403
    assert owner.ask("DELETE", f"{ROUTE}/{told['username']}").status_code == 404


def test_an_agent_may_do_what_the_user_may_who_let_it_in(start: Start) -> None:
    """An authoriser that knows its users by name must not meet a stranger in it."""
    config = """
from jupyter_server.auth.authorizer import Authorizer

class Names(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return user.username != "blind" or resource == "mlo"

c.ServerApp.authorizer_class = Names
"""
    server = start("ada", "blind", config=config)
    server.user("ada").enrol("Ada Sample")
    content = grant(server)
    agent, _ = admitted(server.user("blind"), content)
    assert agent.get("/jupyter-mlo/me")["session"]["assistant"]
    assert agent.ask("GET", "/api/contents").status_code == 403
    agent, _ = admitted(server.user("ada"), content)
    assert agent.ask("GET", "/api/contents").ok


def test_an_agent_does_nothing_that_is_a_persons_own(start: Start) -> None:
    server = start()
    owner = server.user()
    ada = owner.enrol("Ada Sample")
    content = grant(server)
    agent, told = admitted(owner, content)
    form = {"mlo": ada, "passphrase": PASSPHRASE}
    sealing = {"path": "a.ipynb", "meaning": "approved", "shown": 64 * "0"}
    for path, body in (
        ("/jupyter-mlo/login", form),
        ("/jupyter-mlo/renew", {"passphrase": PASSPHRASE}),
        ("/jupyter-mlo/enroll", {"name": "Eve", "passphrase": PASSPHRASE}),
        (ROUTE, {"grant": content}),
        ("/jupyter-mlo/notebook/seal", sealing),
    ):
        answer = agent.ask("POST", path, json=body)
        assert (answer.status_code, answer.json()["reason"]) == (403, "refused"), path
    for activity in ("review", "deployment", "validation"):
        answer = agent.ask("PATCH", "/jupyter-mlo/session", json={"activity": activity})
        assert answer.status_code == 400, activity
    session = agent.ask("PATCH", "/jupyter-mlo/session", json={"activity": "training"}).json()
    assert session["session"]["activity"] == "training"
    for wrong in ({}, {**content, "kind": "session"}, {**content, "delegation": "0" * 64}):
        answer = owner.ask("POST", ROUTE, json={"grant": wrong})
        assert answer.status_code in (400, 409), answer.text
        assert "Traceback" not in answer.text
    wide = {**content, "scope": {**content["scope"], "activities": "*"}}
    _, told = admitted(owner, wide)  # what the file says of its scope is not believed
    assert told["activities"] == ["training"]


def test_a_revoked_grant_lets_nobody_in_and_open_kernels_run_nothing_for_it(start: Start) -> None:
    server = start()
    owner = server.user()
    owner.enrol("Ada Sample")
    content = grant(server)
    agent, told = admitted(owner, content)
    wire, _ = works(agent)
    server.jupyter_mlo(
        "key", "revoke", "Ada Sample", "--delegation", told["delegation"], "--reason", "ended"
    )
    until(lambda: not agent.ask("GET", "/api/contents").ok, 30)
    with pytest.raises((OSError, ValueError, websocket.WebSocketException)):
        wire.run("open('ran', 'w')", "c9")
    assert not (server.root / "ran").exists()
    answer = owner.ask("POST", ROUTE, json={"grant": content})
    assert (answer.status_code, "was revoked" in answer.text) == (403, True)
    with pytest.raises(websocket.WebSocketBadStatusException):
        agent.connect(owner.kernel())
    assert on_disk(server, "agent.ipynb")["cells"]
    assert Path(server.log).read_text().count("an assistant was dismissed") == 1
