"""Mandates by the server's routes: one's own only, as shown, and the same as the command's."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from jupyter_mlo.delegation.mandates import read_content
from jupyter_mlo.server.mandate_views import shell_word
from tests.server.conftest import PASSPHRASE, Running, User, notebook, started
from tests.server.test_assistants import grant

ROUTE = "/jupyter-mlo/mandates"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One token for everybody; Ada Sample is signed in."""
    server = started(tmp_path_factory.mktemp("alone"))
    server.user().enrol("Ada Sample")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Ada and Grace, told apart; both are signed in."""
    config = "c.ServerApp.trust_xheaders = True"
    server = started(tmp_path_factory.mktemp("team"), "ada", "grace", "guest", config=config)
    server.user("ada").enrol("Ada Sample")
    server.user("grace").enrol("Grace Sample")
    yield server
    server.stop()


def code(source: str, *tags: str, cell: str = "c1") -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": cell,
        "source": source,
        "metadata": {"tags": list(tags)},
        "outputs": [],
        "execution_count": None,
    }


def put(user: User, path: str, *sources: str) -> None:
    """A notebook with a cell of parameters."""
    first = code("alpha = 0.1\nname: str = 'a'\nbig = max(1, 2)\n(b, c) = 1, 2", "parameters")
    rest = [code(source, cell=f"d{at}") for at, source in enumerate(sources)]
    value = notebook(first, *rest)
    value["metadata"]["kernelspec"]["language"] = "python"  # papermill asks for it
    user.save(path, value)


def wish(*paths: str, **more: Any) -> dict[str, Any]:
    return {"paths": list(paths), "activities": ["training"], "hours": 24, **more}


def make(user: User, said: dict[str, Any], handover: str = "kept") -> Any:
    shown = user.post(f"{ROUTE}/preview", said)["shown"]
    form = {"wish": said, "shown": shown, "handover": handover, "passphrase": PASSPHRASE}
    return user.post(ROUTE, form)


def papermill(server: Running, source: str, file: str, *given: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "papermill", "--engine", "mlo", source, "out.ipynb", *given]
    done = subprocess.run(
        command,
        env={**server.environ, "MLO_MANDATE": file},
        cwd=server.root,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "path",
    ["{home}/x.mandate", "{home}/a b/$(x)'\"`.mandate", "{home}", "/else where/~/x", "{home}2/x"],
)
def test_a_shell_reads_the_file_s_word_as_the_file(tmp_path: Path, path: str) -> None:
    file = Path(path.format(home=tmp_path))
    command = f"MLO_MANDATE={shell_word(file, tmp_path)} sh -c 'printf %s \"$MLO_MANDATE\"'"
    said = subprocess.run(
        ["sh", "-c", command], env={"HOME": str(tmp_path)}, capture_output=True, check=True
    )
    assert said.stdout.decode() == str(file)


def test_one_made_in_the_panel_is_the_accounts_runs_and_is_taken_back(alone: Running) -> None:
    user = alone.user()
    put(user, "train.ipynb", "print(alpha)")
    said = wish("train.ipynb", models=["loan"], parameters=["alpha=0.1..0.5"], uses=2)
    made = make(user, said)
    mandate = made["mandate"]
    assert (made["file"], mandate["key"], mandate["state"]) == (None, "kept", "in-force")
    assert (mandate["left"], mandate["scope"]["uses"], mandate["soon"]) == (2, 2, True)
    assert stat.S_IMODE(os.stat(mandate["file"]).st_mode) == 0o600
    listed = json.loads(alone.jupyter_mlo("mandate", "list", "--json"))["mandates"]
    assert [one["id"] for one in listed] == [mandate["id"]]
    status, text = papermill(alone, "train.ipynb", mandate["file"], "-p", "alpha", "0.2")
    assert status == 0, text
    one = user.get(f"{ROUTE}/{mandate['id']}")
    assert one["left"] == 1
    wrong = {"reason": "ended", "passphrase": "another one entirely"}
    revoke = f"{ROUTE}/{mandate['id']}/revoke"
    assert user.ask("POST", revoke, json=wrong).json()["reason"] == "wrong-passphrase"
    assert user.post(revoke, {**wrong, "passphrase": PASSPHRASE})["state"] == "revoked"
    # Once is for all; who asks again is still asked who they are, and nothing more is told.
    assert user.ask("POST", revoke, json=wrong).json()["reason"] == "wrong-passphrase"
    assert user.post(revoke, {**wrong, "passphrase": PASSPHRASE})["state"] == "revoked"
    counted = 'jupyter_mlo_acts_total{act="mandate-revocation"} 1.0'
    assert counted in user.ask("GET", "/metrics").text
    status, text = papermill(alone, "train.ipynb", mandate["file"], "-p", "alpha", "0.2")
    assert status != 0
    assert "revoked" in text
    assert "revoked" in alone.jupyter_mlo("mandate", "list")
    renew = {"hours": 1, "passphrase": PASSPHRASE}
    assert user.ask("POST", f"{ROUTE}/{mandate['id']}/renew", json=renew).status_code == 400


def test_one_made_by_the_command_is_in_the_panel_and_its_key_is_not(alone: Running) -> None:
    user = alone.user()
    put(user, "cli.ipynb")
    secret = alone.root.parent / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    alone.environ["MLO_PASSPHRASE_FILE"] = str(secret)
    given = ["mandate", "create", "cli.ipynb", "--for", "30d", "--activity", "training"]
    alone.jupyter_mlo(*given)
    (one,) = [one for one in user.get(ROUTE)["mandates"] if one["scope"]["notebook"] == "cli.ipynb"]
    assert (one["key"], one["file"], one["soon"], one["left"]) == ("elsewhere", None, False, None)
    alone.jupyter_mlo("mandate", "revoke", one["id"][:12])
    assert user.get(f"{ROUTE}/{one['id']}")["state"] == "revoked"


def test_a_preview_says_what_would_be_signed(alone: Running) -> None:
    user = alone.user()
    user.ask("PUT", "/api/contents/many", json={"type": "directory"})
    user.ask("PUT", "/api/contents/many/deeper", json={"type": "directory"})
    put(user, "many/one.ipynb", "1")
    put(user, "many/deeper/two.ipynb", "2")
    user.ask(
        "PUT", "/api/contents/many/x.txt", json={"type": "file", "format": "text", "content": "x"}
    )
    found = user.post(
        f"{ROUTE}/preview", wish("many", parameters=["alpha=0.1,alpha=0.2", "seed=1..9", "name"])
    )
    assert [one["path"] for one in found["notebooks"]] == [
        "many/deeper/two.ipynb",
        "many/one.ipynb",
    ]
    assert found["scope"]["notebook"] == "many (2 notebooks)"
    assert len(found["scope"]["code"]) == 2
    # As the command computes it: the same digests.
    declared = {one["name"]: one["default"] for one in found["notebooks"][0]["parameters"]}
    assert declared == {"alpha": "0.1", "name": '"a"', "big": None}
    assert found["scope"]["parameters"] == [
        {"name": "alpha", "values": ["0.1", "0.2"], "low": None, "high": None, "integers": False},
        {"name": "name", "values": None, "low": None, "high": None, "integers": False},
        {"name": "seed", "values": None, "low": 1.0, "high": 9.0, "integers": True},
    ]
    assert (
        user.post(f"{ROUTE}/preview", wish("many", parameters=["*"]))["scope"]["parameters"] is None
    )


def test_what_was_changed_since_it_was_shown_is_not_signed(alone: Running) -> None:
    user = alone.user()
    put(user, "changing.ipynb", "print('read')")
    said = wish("changing.ipynb")
    shown = user.post(f"{ROUTE}/preview", said)["shown"]
    put(user, "changing.ipynb", "print('other')")
    form = {"wish": said, "shown": shown, "handover": "kept", "passphrase": PASSPHRASE}
    answer = user.ask("POST", ROUTE, json=form)
    assert (answer.status_code, answer.json()["reason"]) == (403, "refused")
    wider = {**form, "wish": {**said, "uses": 3}}
    assert user.ask("POST", ROUTE, json=wider).status_code == 403


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"paths": ["../outside.ipynb"]}, 404),
        ({"paths": [".."]}, 404),
        ({"paths": ["none.ipynb"]}, 404),
        ({"paths": ["\ud800.ipynb"]}, 400),
        ({"paths": []}, 400),
        ({"paths": ["empty"]}, 400),
        ({"activities": []}, 400),
        ({"activities": ["gardening"]}, 400),
        ({"models": ["<img onerror=x>"]}, 400),
        ({"parameters": ["1x"]}, 400),
        ({"parameters": ["a=1,a"]}, 400),
        ({"parameters": ['a="\\ud800"']}, 400),
        ({"hours": 0}, 400),
        ({"hours": 1e300}, 400),
        ({"hours": 1e-9}, 400),
        ({"hours": True}, 400),
        ({"parameters": ["a=9007199254740993"]}, 400),
        ({"uses": 0}, 400),
        ({"to": "/etc/passwd"}, 400),
        ({"to": "x" * 5000}, 400),
        ({"more": 1}, 400),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(
    alone: Running, change: dict[str, Any], status: int
) -> None:
    user = alone.user()
    put(user, "wish.ipynb")
    (alone.root / "empty").mkdir(exist_ok=True)
    (alone.root.parent / "outside.ipynb").write_text(json.dumps(notebook()))
    answer = user.ask("POST", f"{ROUTE}/preview", json={**wish("wish.ipynb"), **change})
    assert answer.status_code == status, answer.text
    assert answer.json()["message"]
    assert str(alone.root) not in answer.text
    assert len(answer.text) < 1000


def test_nobody_sees_or_touches_anothers(team: Running) -> None:
    ada, grace = team.user("ada"), team.user("grace")
    put(ada, "hers.ipynb")
    mandate = make(ada, wish("hers.ipynb", uses=5))["mandate"]
    assert [one["id"] for one in ada.get(ROUTE)["mandates"]] == [mandate["id"]]
    assert grace.get(ROUTE) == {"mandates": [], "problems": []}
    one = f"{ROUTE}/{mandate['id']}"
    assert grace.ask("GET", one).status_code == 404
    form = {"hours": 1, "passphrase": PASSPHRASE}
    assert grace.ask("POST", f"{one}/renew", json=form).status_code == 404
    ending = {"passphrase": PASSPHRASE}
    assert grace.ask("POST", f"{one}/revoke", json=ending).status_code == 404
    assert ada.get(one)["state"] == "in-force"
    # The account's own list is another place.
    assert json.loads(team.jupyter_mlo("mandate", "list", "--json"))["mandates"] == []
    renewed = ada.post(f"{one}/renew", {"hours": 48, "passphrase": PASSPHRASE})["mandate"]
    assert (renewed["replaces"], renewed["key"], renewed["left"]) == (mandate["id"], "kept", 5)
    assert [found["soon"] for found in ada.get(ROUTE)["mandates"]] == [False, True]
    assert ada.post(f"{one}/revoke", ending)["state"] == "revoked"
    # For runs of this home, which look in its one place.
    assert list(Path(team.environ["MLO_HOME"], "mandates").glob("*.revocation"))


def test_who_is_not_signed_in_makes_none(team: Running) -> None:
    guest = team.user("guest")
    put(team.user("ada"), "guest.ipynb")
    shown = guest.post(f"{ROUTE}/preview", wish("guest.ipynb"))["shown"]
    form = {
        "wish": wish("guest.ipynb"),
        "shown": shown,
        "handover": "kept",
        "passphrase": PASSPHRASE,
    }
    answer = guest.ask("POST", ROUTE, json=form)
    assert (answer.status_code, answer.json()["reason"]) == (409, "session")


def test_a_key_to_take_along_is_in_the_answer_once_and_only_unheard(team: Running) -> None:
    ada = team.user("ada")
    put(ada, "along.ipynb")
    said = wish("along.ipynb")
    made = make(ada, said, "download")
    file = read_content(made["file"]["content"].encode(), "it")
    assert file.key is not None
    assert file.mandate_id == made["mandate"]["id"]
    assert "/" not in made["file"]["name"]
    key = json.loads(made["file"]["content"])["key"]
    for path in [team.log, *Path(team.environ["MLO_HOME"]).rglob("*")]:
        if path.is_file():
            assert key.encode() not in path.read_bytes(), path
            assert PASSPHRASE.encode() not in path.read_bytes(), path
    shown = ada.post(f"{ROUTE}/preview", said)["shown"]
    form = {"wish": said, "shown": shown, "handover": "download", "passphrase": PASSPHRASE}
    far = {**ada.headers, "X-Real-Ip": "203.0.113.7", "X-Scheme": "http"}
    heard = requests.post(team.url + ROUTE, json=form, headers=far, timeout=20)
    assert heard.status_code == 403
    assert "HTTPS" in heard.text
    renewal = {"hours": 1, "passphrase": PASSPHRASE}
    renew = f"{team.url}{ROUTE}/{file.mandate_id}/renew"
    assert requests.post(renew, json=renewal, headers=far, timeout=20).status_code == 403


def test_for_a_runners_key_nothing_secret_travels(team: Running, tmp_path: Path) -> None:
    ada = team.user("ada")
    put(ada, "runner.ipynb")
    runner = team.jupyter_mlo("mandate", "key").strip()
    made = make(ada, wish("runner.ipynb", to=runner), "runner")
    assert json.loads(made["file"]["content"])["key"] is None
    assert made["mandate"]["key"] == "runner"
    said = wish("runner.ipynb", to=runner)
    shown = ada.post(f"{ROUTE}/preview", said)
    assert shown["scope"]["runner"] == made["mandate"]["scope"]["runner"]
    form = {"wish": said, "shown": shown["shown"], "handover": "kept", "passphrase": PASSPHRASE}
    assert ada.ask("POST", ROUTE, json=form).status_code == 400
    file = tmp_path / "for.mandate"
    file.write_text(made["file"]["content"])
    assert papermill(team, "runner.ipynb", str(file))[0] == 0


def test_who_is_signed_in_under_a_grant_makes_renews_and_ends_none(alone: Running) -> None:
    user = alone.user()
    put(user, "granted.ipynb")
    said = wish("granted.ipynb")
    mandate = make(user, said)["mandate"]
    mlo = user.get("/jupyter-mlo/me")["mlo"]["id"]
    file = alone.root / "its.grant"
    file.write_text(json.dumps(grant(alone, "--for", "1h")))
    file.chmod(0o600)
    shown = user.post(f"{ROUTE}/preview", said)["shown"]
    user.post("/jupyter-mlo/logout")
    try:
        alone.jupyter_mlo("login", "--grant", file.name)
        form = {"wish": said, "shown": shown, "handover": "kept", "passphrase": PASSPHRASE}
        ending = {"passphrase": PASSPHRASE}
        one = f"{ROUTE}/{mandate['id']}"
        for path, body in [
            (ROUTE, form),
            (f"{one}/renew", {**ending, "hours": 99}),
            (f"{one}/revoke", ending),
        ]:
            answer = user.ask("POST", path, json=body)
            assert (answer.status_code, answer.json()["reason"]) == (403, "refused"), path
            assert "a person's own act" in answer.json()["message"]
        assert user.get(one)["state"] == "in-force"
    finally:
        user.post("/jupyter-mlo/logout")
        user.post("/jupyter-mlo/login", {"mlo": mlo, "passphrase": PASSPHRASE})
    # A session of one's own narrows nothing: the MLO's own key signs, for what is shown.
    user.ask("PATCH", "/jupyter-mlo/session", json={"activity": "exploration", "model": None})
    other = wish("granted.ipynb", activities=["validation"], models=["other"])
    assert make(user, other)["mandate"]["state"] == "in-force"
