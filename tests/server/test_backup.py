"""The back-up of a key by the panel: the file of the verb, only for its owner, only encrypted."""

from __future__ import annotations

import requests

from jupyter_mlo.identity.backup import open_backup
from tests.server.conftest import PASSPHRASE, Start, notebook
from tests.server.test_attribution import marks

ROUTE = "/jupyter-mlo/key/backup"


def test_the_signed_in_mlo_takes_its_key_along_encrypted(start: Start) -> None:
    server = start("ada", "grace")
    ada, grace = server.user("ada"), server.user("grace")
    mlo = ada.enrol("Ada Sample")
    answer = ada.ask("POST", ROUTE, json={"passphrase": PASSPHRASE})
    assert answer.ok, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    file = answer.json()
    assert file["name"].endswith(".backup")
    assert "/" not in file["name"]
    assert mlo not in file["content"]
    assert "PRIVATE" not in file["content"]
    assert open_backup(file["content"].encode(), PASSPHRASE).mlo == mlo
    # Nobody else's, and nobody's without passphrase or session.
    assert grace.ask("POST", ROUTE, json={"passphrase": PASSPHRASE}).status_code == 409
    wrong = ada.ask("POST", ROUTE, json={"passphrase": "another one entirely"})
    assert (wrong.status_code, wrong.json()["reason"]) == (403, "wrong-passphrase")
    assert "sealed" not in wrong.text
    assert ada.ask("POST", ROUTE, json={"passphrase": ""}).status_code == 400
    asked = {"passphrase": PASSPHRASE, "mlo": mlo}
    assert grace.ask("POST", ROUTE, json=asked).status_code == 400
    ada.post("/jupyter-mlo/logout")
    assert ada.ask("POST", ROUTE, json={"passphrase": PASSPHRASE}).status_code == 409
    assert PASSPHRASE not in server.log.read_text()


def test_a_stamp_is_opened_from_the_notebook_that_carries_it(start: Start) -> None:
    server = start("ada")
    ada = server.user("ada")
    mlo, kernel = ada.enrol("Ada Sample"), ada.kernel()
    cell = ada.connect(kernel).run("print(6 * 7)", "c1")
    marks(ada, kernel, "c1")
    ada.save("one.ipynb", notebook(cell))
    verdict = ada.get("/jupyter-mlo/notebook", path="one.ipynb")
    assert verdict["summary"] == {"code": "holds", "cells": 1, "others": 0}
    stamp = verdict["cells"][0]["stamp"]
    assert ada.ask("GET", f"/jupyter-mlo/statement/{stamp}").status_code == 404
    found = ada.get(f"/jupyter-mlo/statement/{stamp}", path="one.ipynb")
    assert (found["kind"], found["who"]["id"], found["receipt"]) == ("stamp", mlo, None)
    assert found["assurance"] == "signed"
    assert found["chain"][0]["predicateType"].endswith("/enrolment/v1")
    assert len(found["bundle"].splitlines()) == len(found["chain"]) + 1
    (server.root / "stamp.jsonl").write_text(found["bundle"])
    assert "stamp" in server.jupyter_mlo("verify", "stamp.jsonl")


def test_no_key_leaves_without_https_but_to_the_same_machine(start: Start) -> None:
    server = start("ada", config="c.ServerApp.trust_xheaders = True")
    ada = server.user("ada")
    ada.enrol("Ada Sample")
    form = {"passphrase": PASSPHRASE}
    for scheme, status in (("http", 403), ("https", 200)):
        far = {**ada.headers, "X-Real-Ip": "203.0.113.7", "X-Scheme": scheme}
        answer = requests.post(server.url + ROUTE, json=form, headers=far, timeout=20)
        assert answer.status_code == status, (scheme, answer.text)
        assert ("sealed" in answer.text) == (status == 200)
    assert ada.ask("POST", ROUTE, json=form).ok
