"""Every route: authenticated, authorised, safe from other sites, bounded, and as described."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests

from jupyter_mlo.server.routes import ROUTES
from tests.server.conftest import PASSPHRASE, REPOSITORY, Running, notebook, started

#: Denies the user "visitor" our resource, and "blind" notebooks and kernels.
AUTHORIZER = """
from jupyter_server.auth import Authorizer

class Some(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        if user.username == "visitor" and resource == "mlo":
            return False
        return not (user.username == "blind" and resource in ("contents", "kernels"))

c.ServerApp.authorizer_class = Some
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = started(
        tmp_path_factory.mktemp("routes"), "ada", "visitor", "blind", config=AUTHORIZER
    )
    running.user("ada").save("one.ipynb", notebook())
    yield running
    running.stop()


@pytest.fixture(scope="module")
def described() -> Any:
    return json.loads((REPOSITORY / "jupyter_mlo" / "server" / "openapi.json").read_text())


def _made() -> ModuleType:
    path = REPOSITORY / "docs" / "make_openapi.py"
    spec = importlib.util.spec_from_file_location("make_openapi", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _operations(described: Any) -> list[tuple[str, str]]:
    return [(method, path) for path, methods in described["paths"].items() for method in methods]


def _filled(path: str) -> str:
    path = path.replace("{username}", f"mlo-assistant-{'0' * 16}")
    path = path.replace("{mandate_id}", "0" * 64)
    return path.replace("{statement_id}", "0" * 64).replace(
        "{kernel_id}", "00000000-0000-0000-0000-000000000000"
    )


def test_the_description_is_that_of_the_routes() -> None:
    module = _made()
    assert module.WHERE.read_text() == module.text(), "python docs/make_openapi.py"


def test_every_route_is_described(described: Any) -> None:
    patterns = [pattern for pattern, _ in ROUTES]
    for method, path in _operations(described):
        assert any(re.fullmatch(pattern, _filled(path)) for pattern in patterns), (method, path)
    assert len(described["paths"]) == len(patterns)


def test_nobody_gets_in_without_a_token(server: Running, described: Any) -> None:
    for method, path in _operations(described):
        answer = requests.request(
            method, server.url + _filled(path), params={"path": "one.ipynb"}, json={}, timeout=20
        )
        assert answer.status_code == 403, (method, path, answer.status_code)
        assert "mlo:" not in answer.text


def test_methods_that_are_not_described_are_not_answered(server: Running, described: Any) -> None:
    for path, methods in described["paths"].items():
        for method in {"get", "post", "put", "patch", "delete"} - set(methods):
            answer = server.user("ada").ask(method, _filled(path), json={})
            assert answer.status_code == 405, (method, path)


def test_who_is_not_authorised_is_refused(server: Running, described: Any) -> None:
    for method, path in _operations(described):
        answer = server.user("visitor").ask(
            method, _filled(path), params={"path": "one.ipynb"}, json={}
        )
        assert answer.status_code == 403, (method, path)


def test_who_may_not_read_notebooks_learns_nothing_of_them(server: Running) -> None:
    blind = server.user("blind")
    for path in ("", "/changes", "/history", "/metadata"):
        answer = blind.ask("GET", f"/jupyter-mlo/notebook{path}", params={"path": "one.ipynb"})
        assert answer.status_code == 403, path
    sealing = {"path": "one.ipynb", "meaning": "reviewed", "shown": 64 * "0"}
    assert blind.ask("POST", "/jupyter-mlo/notebook/seal", json=sealing).status_code == 403
    assert blind.ask("GET", f"/jupyter-mlo/statement/{'0' * 64}").status_code == 403
    wish = {"paths": ["one.ipynb"], "activities": ["training"], "hours": 1}
    assert blind.ask("POST", "/jupyter-mlo/mandates/preview", json=wish).status_code == 403
    making = {"wish": wish, "shown": 64 * "0", "handover": "kept", "passphrase": PASSPHRASE}
    assert blind.ask("POST", "/jupyter-mlo/mandates", json=making).status_code == 403
    kernel = server.user("ada").kernel()
    assert blind.ask("GET", f"/jupyter-mlo/kernels/{kernel}/marks").status_code == 403


def test_another_site_cannot_act_with_the_user_s_cookie(server: Running) -> None:
    browser = requests.Session()
    browser.get(f"{server.url}/api/status", params={"token": server.tokens["ada"]}, timeout=20)
    assert browser.cookies
    assert browser.get(f"{server.url}/jupyter-mlo/me", timeout=20).ok
    forged = browser.post(f"{server.url}/jupyter-mlo/logout", json={}, timeout=20)
    assert forged.status_code == 403
    assert "_xsrf" in forged.text
    taken = browser.post(
        f"{server.url}/jupyter-mlo/key/backup", json={"passphrase": PASSPHRASE}, timeout=20
    )
    assert taken.status_code == 403
    assert "_xsrf" in taken.text
    for route in ("", "/preview", f"/{'0' * 64}/renew", f"/{'0' * 64}/revoke"):
        made = browser.post(f"{server.url}/jupyter-mlo/mandates{route}", json={}, timeout=20)
        assert made.status_code == 403, route
        assert "_xsrf" in made.text


@pytest.mark.parametrize(
    "path",
    ["../outside.ipynb", "/../outside.ipynb", "a/../../outside.ipynb", "..%2foutside.ipynb"],
)
def test_no_path_leaves_the_root(server: Running, path: str) -> None:
    outside = server.root.parent / "outside.ipynb"
    outside.write_text(json.dumps(notebook()))
    for route in ("", "/changes", "/history"):
        answer = server.user("ada").ask(
            "GET", f"/jupyter-mlo/notebook{route}", params={"path": path}
        )
        assert answer.status_code in (400, 404, 422), answer.text
        assert "cells" not in answer.text


def test_what_is_in_a_file_that_is_no_notebook_is_not_repeated(server: Running) -> None:
    texts = {
        "text": b"root:x:0:0",
        "list": b"[1, 2, 3]",
        "half": b'{"nbformat": 4',
        "bytes": b"\xff",
    }
    for name, content in texts.items():
        (server.root / f"{name}.ipynb").write_bytes(content)
    outside = server.root.parent / "secret"
    outside.write_text("only for others")
    (server.root / "link.ipynb").symlink_to(outside)
    user = server.user("ada")
    wish = {"activities": ["training"], "hours": 1}
    for name in [*texts, "link"]:
        path = f"{name}.ipynb"
        answers = [
            user.ask("GET", "/jupyter-mlo/notebook", params={"path": path}),
            user.ask("POST", "/jupyter-mlo/mandates/preview", json={**wish, "paths": [path]}),
        ]
        for answer in answers:
            assert answer.status_code == 422, answer.text
            assert path in answer.json()["message"]
            for secret in ("root:x", "only for", str(server.root), "xff", str(outside)):
                assert secret not in answer.text


@pytest.mark.parametrize(
    ("path", "status"),
    [("", 400), ("/", 400), ("none.ipynb", 404), (".hidden/x.ipynb", 404), ("folder", 422)],
)
def test_what_is_no_notebook_is_said(server: Running, path: str, status: int) -> None:
    (server.root / "folder").mkdir(exist_ok=True)
    answer = server.user("ada").ask("GET", "/jupyter-mlo/notebook", params={"path": path})
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert problem["message"]
    assert problem["hint"]
    assert str(server.root) not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"mlo": 1, "passphrase": "x"}',
        b'{"mlo": "a", "passphrase": "x", "hours": 99}',
        b'{"mlo": "a", "passphrase": "x", "extra": 1}',
        b'{"mlo": "' + b"a" * 70_000 + b'", "passphrase": "x"}',
        b'{"mlo": "\xff", "passphrase": "x"}',
    ],
)
def test_a_body_that_is_wrong_is_refused_without_repeating_it(server: Running, body: bytes) -> None:
    answer = server.user("ada").ask("POST", "/jupyter-mlo/login", data=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["reason"] == "invalid"
    assert len(answer.text) < 600


def test_a_wrong_passphrase_is_refused_and_then_slowed_down(server: Running) -> None:
    ada = server.user("ada")
    mlo = ada.enrol("Slow Sample")
    ada.post("/jupyter-mlo/logout")
    wrong = {"mlo": mlo, "passphrase": "another one entirely"}
    answers = [ada.ask("POST", "/jupyter-mlo/login", json=wrong) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {403}
    assert all(answer.json()["reason"] == "wrong-passphrase" for answer in answers)
    right = ada.ask("POST", "/jupyter-mlo/login", json={"mlo": mlo, "passphrase": PASSPHRASE})
    assert right.status_code == 403
    assert "has to wait" in right.text
    assert ada.get("/jupyter-mlo/me")["session"] is None


def test_a_passphrase_that_is_too_short_is_said_so(server: Running) -> None:
    form = {"name": "Short Sample", "passphrase": "a"}
    answer = server.user("ada").ask("POST", "/jupyter-mlo/enroll", json=form)
    assert answer.status_code == 400
    assert "three times" not in answer.text
    assert "at least" in answer.json()["hint"]


def test_users_are_not_told_who_else_is_known_here(server: Running) -> None:
    mlo = server.user("ada").enrol("Known Sample")
    server.user("ada").post("/jupyter-mlo/logout")
    told = set()
    for who in (mlo, "Known Sample", "mlo:7K3D-9QXA-2MF7", "nobody"):
        form = {"mlo": who, "passphrase": "another one entirely"}
        answer = server.user("blind").ask("POST", "/jupyter-mlo/login", json=form)
        told.add((answer.status_code, answer.text))
    assert len(told) == 1
    assert "Known" not in told.pop()[1]


def test_passphrases_are_in_no_log_and_no_answer(server: Running) -> None:
    ada = server.user("ada")
    secret = "a passphrase that nobody else types"
    form = {"name": "Quiet Sample", "passphrase": secret}
    answer = ada.ask("POST", "/jupyter-mlo/enroll", json=form)
    assert answer.ok
    assert secret not in answer.text
    for path in [server.log, *Path(server.environ["MLO_HOME"]).rglob("*")]:
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
