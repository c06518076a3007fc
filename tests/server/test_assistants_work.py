"""What an assistant ran stays the assistant's, whoever saves or seals it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.server.conftest import Running, notebook, on_disk, until
from tests.server.test_assistants import ROUTE, admitted, grant

Start = Callable[..., Running]


def whose(server: Running, path: str) -> list[Any]:
    cells = server.verified(path)["cells"]
    return [(cell["mlo"], cell["assistant"], cell["verdict"]) for cell in cells]


@pytest.mark.parametrize("people", [(), ("ada",)], ids=["a token for all", "users told apart"])
def test_what_an_agent_ran_is_its_own_when_the_person_saves(
    start: Start, people: tuple[str, ...]
) -> None:
    server = start(*people)
    owner = server.user(*people)
    ada = owner.enrol("Ada Sample")
    agent, told = admitted(owner, grant(server))
    helper = told["assistant"]["id"]
    wire = agent.connect(agent.kernel())
    cell = wire.run("'the agent asked for this'", "c1")
    owner.save("first.ipynb", notebook(cell))
    assert whose(server, "first.ipynb") == [(ada, helper, "verified")]
    # Another person's save, and the agent's own of what it saved before, change nothing.
    agent.save("again.ipynb", notebook(wire.run("'once'", "c2")))
    rerun = wire.run("'once more'", "c2")
    owner.save("again.ipynb", notebook(rerun))
    assert whose(server, "again.ipynb") == [(ada, helper, "verified")]
    # When the agent has gone nobody stamps what it ran; whose it was is said.
    left = wire.run("'left behind'", "c3")
    assert owner.ask("DELETE", f"{ROUTE}/{told['username']}").ok
    owner.save("left.ipynb", notebook(left))
    assert whose(server, "left.ipynb") == [(ada, helper, "unstamped")]
    (found,) = server.verified("left.ipynb")["cells"]
    assert f"the assistant {helper} for {ada}" in found["reason"]
    wire.close()


def test_what_was_run_under_a_grant_is_not_stamped_by_a_login(start: Start) -> None:
    """The account's session is the assistant's first, and then the person's."""
    server = start()
    owner = server.user()
    ada = owner.enrol("Ada Sample")
    file = server.root / "agent.grant"
    content = grant(server)
    owner.post("/jupyter-mlo/logout")
    file.write_text(json.dumps(content))
    file.chmod(0o600)
    server.jupyter_mlo("login", "--grant", str(file))
    cells = notebook(owner.connect(owner.kernel()).run("'under the grant'", "c1"))
    server.jupyter_mlo("login", ada)
    (server.root / "sealed.ipynb").write_text(json.dumps(cells))
    server.jupyter_mlo("seal", "sealed.ipynb")
    owner.save("saved.ipynb", cells)
    for path in ("sealed.ipynb", "saved.ipynb"):
        ((mlo, assistant, verdict),) = whose(server, path)
        assert (mlo, verdict) == (ada, "unstamped")
        assert assistant is not None


def test_a_seal_and_its_line_in_the_history_name_the_agent(start: Start) -> None:
    server = start("ada")
    owner = server.user("ada")
    ada = owner.enrol("Ada Sample")
    agent, told = admitted(owner, grant(server))
    helper = told["assistant"]["id"]
    wire = agent.connect(agent.kernel())
    agent.save("a.ipynb", notebook(wire.run("'the agent asked for this'", "c1")))
    wire.close()

    def named() -> list[tuple[str, str | None]]:
        found = owner.get("/jupyter-mlo/notebook/history", path="a.ipynb")
        return [
            (entry["who"]["id"], entry["assistant"] and entry["assistant"]["id"])
            for entry in found["entries"]
        ]

    until(lambda: named() == [(ada, helper)])
    verdict = owner.get("/jupyter-mlo/notebook", path="a.ipynb")
    assert verdict["seal"]["by"]["id"] == ada
    assert verdict["seal"]["assistant"]["id"] == helper
    seal = owner.get(f"/jupyter-mlo/statement/{verdict['seal']['statement']}")
    assert seal["assistant"]["id"] == helper
    (line,) = json.loads(server.jupyter_mlo("blame", "--json", "a.ipynb"))["cells"]
    assert (line["firstSealed"]["mlo"], line["firstSealed"]["assistant"]) == (ada, helper)
    assert server.jupyter_mlo("blame", "a.ipynb").count(" through ") == 2
    # What the person seals after that is the person's.
    owner.save("a.ipynb", on_disk(server, "a.ipynb"))
    until(lambda: named() == [(ada, None), (ada, helper)])
