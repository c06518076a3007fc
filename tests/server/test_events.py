"""What a server tells those who listen: events of every attributed act, and counters."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
import websocket

from tests.server.conftest import PASSPHRASE, Start, User, notebook
from tests.server.test_attribution import marks


class Listener:
    """Somebody who listens at ``/api/events/subscribe``."""

    def __init__(self, user: User) -> None:
        url = user.server.url.replace("http", "ws", 1)
        self._socket = websocket.create_connection(
            f"{url}/api/events/subscribe", header=user.headers, timeout=20
        )

    def next_of_ours(self) -> dict[str, Any]:
        """The next event of ours, whatever it is."""
        while True:
            event: dict[str, Any] = json.loads(self._socket.recv())
            if "jupyter-mlo" in event["schema_id"]:
                return event

    def next(self, schema: str, **wanted: Any) -> dict[str, Any]:
        """The next event of this schema that says what is wanted."""
        while True:
            event = self.next_of_ours()
            if event["schema_id"].endswith(f"/{schema}/v1") and wanted.items() <= event.items():
                return event


def test_every_attributed_act_is_an_event_and_counted(start: Start) -> None:
    server = start("ada", "grace")
    ada, grace = server.user("ada"), server.user("grace")
    listener = Listener(ada)
    mlo = ada.enrol("Ada Sample")
    assert listener.next("act")["act"] == "enrolment"
    ada.ask("PATCH", "/jupyter-mlo/session", json={"activity": "training"})
    assert listener.next("act")["act"] == "activity"
    ada.post("/jupyter-mlo/renew", {"passphrase": PASSPHRASE})
    assert listener.next("act")["act"] == "renewal"
    kernel = ada.kernel()
    cell = ada.connect(kernel).run("1", "c1")
    assert listener.next("execution", status="running")["mlo"] == mlo
    ran = listener.next("execution", status="ok")
    assert (ran["mlo"], ran["kernel"], ran["cell"], ran["count"]) == (mlo, kernel, "c1", 1)
    assert ran["activity"] == "training"
    marks(ada, kernel, "c1")
    ada.save("folder.ipynb", notebook(cell))
    sealed = listener.next("act")
    assert (sealed["act"], sealed["path"]) == ("seal", "folder.ipynb")
    assert sealed["detail"] == "1 cell stamped"
    # Nothing is an act that nobody did: a failure, and signing out where nobody is signed in.
    wrong = {"mlo": mlo, "passphrase": "something else entirely"}
    assert grace.ask("POST", "/jupyter-mlo/login", json=wrong).status_code == 403
    grace.post("/jupyter-mlo/logout")
    ada.post("/jupyter-mlo/logout")
    out = listener.next("act")
    assert (out["act"], out["mlo"]) == ("logout", mlo)
    ada.post("/jupyter-mlo/login", {"mlo": mlo, "passphrase": PASSPHRASE})
    assert listener.next("act", act="login")["mlo"] == mlo
    counted = ada.ask("GET", "/metrics").text
    for act in ("enrolment", "activity", "renewal", "logout", "login", "seal"):
        assert f'jupyter_mlo_acts_total{{act="{act}"}} 1.0' in counted, act
    assert 'jupyter_mlo_executions_total{attributed="yes",status="ok"} 1.0' in counted
    assert 'jupyter_mlo_saves_total{outcome="sealed"} 1.0' in counted
    assert mlo not in counted


def test_nobody_listens_or_counts_without_a_token(start: Start) -> None:
    server = start("ada")
    url = server.url.replace("http", "ws", 1)
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(f"{url}/api/events/subscribe", timeout=20)
    assert refused.value.status_code == 403
    assert requests.get(f"{server.url}/metrics", timeout=20).status_code in (302, 403)


def test_nobody_hears_of_another_s_session(start: Start) -> None:
    server = start("ada", "grace")
    ada, grace = server.user("ada"), server.user("grace")
    hers, his = Listener(grace), Listener(ada)
    mlo = ada.enrol("Ada Sample")
    assert his.next("act")["act"] == "enrolment"
    kernel = ada.kernel()
    ada.connect(kernel).run("1", "c1")
    assert his.next("execution", status="ok")["cell"] == "c1"
    # The first that Grace hears of is her own.
    own = grace.enrol("Grace Sample")
    first = hers.next_of_ours()
    assert (first["act"], first["mlo"]) == ("enrolment", own)
    # A kernel that she is connected to is hers, too.
    shared = grace.connect(kernel)
    ada.connect(kernel).run("2", "c2")
    assert (heard := hers.next("execution"))["cell"] == "c2", heard
    assert heard["mlo"] == mlo
    shared.close()
