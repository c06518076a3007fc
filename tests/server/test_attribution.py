"""Whose cell it is, as this server sees it."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest

from tests.server.conftest import PASSPHRASE, Running, Start, User, notebook, until


def marks(user: User, kernel: str, *cells: str) -> dict[str, Any]:
    """The marks of these cells, as soon as all of them have ended."""

    def ended() -> Any:
        found = user.get(f"/jupyter-mlo/kernels/{kernel}/marks")["cells"]
        done = [found.get(cell, {}).get("status") not in (None, "running") for cell in cells]
        return all(done) and found

    found: dict[str, Any] = until(ended)
    return found


def executors(user: User, kernel: str, *cells: str) -> list[str | None]:
    found = marks(user, kernel, *cells)
    return [(found[cell]["executor"] or {}).get("id") for cell in cells]


def install_bash(server: Running) -> None:
    folder = server.root.parent / "jupyter-data" / "kernels" / "bash"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "bash", "language": "bash"}
    (folder / "kernel.json").write_text(json.dumps(spec))


def test_a_cell_is_the_one_s_who_asked_for_it(start: Start) -> None:
    server = start("ada", "grace")
    ada, grace = server.user("ada"), server.user("grace")
    ids = ada.enrol("Ada Sample"), grace.enrol("Grace Sample")
    kernel = ada.kernel(notebook="shared.ipynb")
    one, two = ada.connect(kernel), grace.connect(kernel)
    cells = [one.run("a = 1; print(a)", "c1"), two.run("print(a + 1)", "c2"), one.run("a", "c3")]
    assert executors(ada, kernel, "c1", "c2", "c3") == [ids[0], ids[1], ids[0]]
    execution = marks(ada, kernel, "c3")["c3"]["execution"]
    assert cells[2]["outputs"][0]["metadata"]["mlo"] == f"{ids[0]}#{execution}"
    ada.save("shared.ipynb", notebook(*cells))
    found = server.verified("shared.ipynb")
    assert [cell["mlo"] for cell in found["cells"]] == [ids[0], ids[1], ids[0]]
    assert [cell["verdict"] for cell in found["cells"]] == ["verified"] * 3
    assert found["holds"]


def test_two_users_never_see_or_use_each_other_s_session(start: Start) -> None:
    server = start("ada", "grace")
    ada, grace = server.user("ada"), server.user("grace")
    mlo = ada.enrol("Ada Sample")
    assert ada.get("/jupyter-mlo/me")["mlo"]["id"] == mlo
    hers = grace.get("/jupyter-mlo/me")
    assert hers["session"] is None
    assert hers["known"] == []
    assert "Ada" not in json.dumps(hers)
    renewal = {"passphrase": PASSPHRASE}
    assert grace.ask("POST", "/jupyter-mlo/renew", json=renewal).status_code == 409
    activity = {"activity": "training"}
    assert grace.ask("PATCH", "/jupyter-mlo/session", json=activity).status_code == 409
    grace.post("/jupyter-mlo/logout")
    assert ada.get("/jupyter-mlo/me")["session"] is not None
    kernel = grace.kernel()
    grace.connect(kernel).run("1", "c1")
    assert executors(grace, kernel, "c1") == [None]
    assert not list((server.root.parent / "jupyter-runtime").glob("jupyter-mlo-session*"))


def test_a_user_is_offered_whom_they_have_been(start: Start) -> None:
    server = start("ada")
    ada = server.user("ada")
    mlo = ada.enrol("Ada Sample")
    assert ada.post("/jupyter-mlo/logout")["session"] is None
    assert [one["id"] for one in ada.get("/jupyter-mlo/me")["known"]] == [mlo]
    form = {"mlo": mlo, "passphrase": PASSPHRASE, "hours": 2, "activity": "training"}
    me = ada.post("/jupyter-mlo/login", {**form, "model": "loan@3"})
    assert (me["session"]["activity"], me["session"]["model"]) == ("training", "loan@3")
    assert 7100 < me["session"]["secondsLeft"] <= 7200


def test_a_request_id_of_somebody_else_is_not_used_again(start: Start) -> None:
    server = start("ada", "grace")
    ada, grace = server.user("ada"), server.user("grace")
    mlo, _ = ada.enrol("Ada Sample"), grace.enrol("Grace Sample")
    kernel = ada.kernel()
    one, two = ada.connect(kernel), grace.connect(kernel)
    cell = one.run("x = 'ada'; x", "c1", msg_id="the-same")
    two.send("execute_request", {"code": "x = 'grace'", "silent": False}, msg_id="the-same")
    while (reply := two.receive())["header"]["msg_type"] != "execute_reply":
        pass
    assert "another user" in reply["content"]["evalue"]
    assert one.run("x", "c2")["outputs"][0]["data"]["text/plain"] == "'ada'"
    assert executors(ada, kernel, "c1") == [mlo]
    one.run("x = 'again'", "c3", msg_id="the-same")
    assert "c3" not in marks(ada, kernel, "c1")
    ada.save("one.ipynb", notebook(cell))
    assert server.verified("one.ipynb")["cells"][0]["mlo"] == mlo


def test_what_others_left_in_a_kernel_is_out_of_reach(start: Start) -> None:
    server = start("ada", "grace")
    ada, grace = server.user("ada"), server.user("grace")
    ada.enrol("Ada Sample")
    mlo = grace.enrol("Grace Sample")
    kernel = ada.kernel()
    ada.connect(kernel).run("total = sum; sum = lambda values: 42", "c1")
    cell = grace.connect(kernel).run("sum([1, 2])", "c2")
    assert cell["outputs"][0]["data"]["text/plain"] == "42"
    marks(grace, kernel, "c2")
    grace.save("left.ipynb", notebook(cell))
    (found,) = server.verified("left.ipynb")["cells"]
    assert (found["mlo"], found["verdict"]) == (mlo, "verified")


def test_metadata_of_a_cell_cannot_say_that_the_server_has_noted_it(start: Start) -> None:
    server = start("ada")
    ada = server.user("ada")
    mlo = ada.enrol("Ada Sample")
    kernel = ada.kernel()
    forged = {"attributed": True, "shared": False, "panel": True, "mac": "0" * 64}
    ada.connect(kernel).run("1", "c1", metadata={"mlo_server": forged, "mlo": forged})
    assert executors(ada, kernel, "c1") == [mlo]
    assert server.records() == 1


def test_with_the_extension_in_the_kernel_as_well_there_is_one_record(start: Start) -> None:
    server = start()
    anybody = server.user()
    mlo = anybody.enrol("Ada Sample")
    assert anybody.get("/jupyter-mlo/me")["user"]["shared"]
    kernel = anybody.kernel()
    wire = anybody.connect(kernel)
    cells = [
        wire.run("%load_ext jupyter_mlo", "c1"),
        wire.run("print('one')", "c2"),
        wire.run("2", "c3"),
    ]
    assert executors(anybody, kernel, "c2", "c3") == [mlo, mlo]
    time.sleep(1)
    assert server.records() == 3
    anybody.save("one.ipynb", notebook(*cells))
    assert server.verified("one.ipynb")["holds"]


def test_a_login_in_a_cell_is_the_account_s_where_nobody_is_told_apart(start: Start) -> None:
    server = start()
    anybody = server.user()
    mlo = anybody.enrol("Ada Sample")
    anybody.post("/jupyter-mlo/logout")
    server.environ["MLO_PASSPHRASE_FILE"] = str(server.root / "secret")
    (server.root / "secret").write_text(PASSPHRASE)
    (server.root / "secret").chmod(0o600)
    server.jupyter_mlo("login")
    assert anybody.get("/jupyter-mlo/me")["mlo"]["id"] == mlo
    kernel = anybody.kernel()
    anybody.connect(kernel).run("1", "c1")
    assert executors(anybody, kernel, "c1") == [mlo]
    server.jupyter_mlo("logout")
    assert anybody.get("/jupyter-mlo/me")["session"] is None


def test_kernels_of_other_languages_are_seen(start: Start) -> None:
    server = start("ada")
    ada = server.user("ada")
    mlo = ada.enrol("Ada Sample")
    install_bash(server)
    kernel = ada.kernel("bash")
    wire = ada.connect(kernel)
    cells = [wire.run("echo one; echo two", "c1"), wire.run("ls /nowhere", "c2")]
    found = marks(ada, kernel, "c1", "c2")
    assert [found[cell]["executor"]["id"] for cell in ("c1", "c2")] == [mlo, mlo]
    ada.save("bash.ipynb", notebook(*cells, kernel="bash"))
    verified = server.verified("bash.ipynb")
    assert [cell["verdict"] for cell in verified["cells"]] == ["verified", "verified"]


@pytest.mark.parametrize("code", ["input('name? ')", "import getpass; getpass.getpass('secret? ')"])
def test_what_is_typed_is_an_output_like_in_the_document(start: Start, code: str) -> None:
    server = start("ada")
    ada = server.user("ada")
    ada.enrol("Ada Sample")
    kernel = ada.kernel()
    wire = ada.connect(kernel)
    content = {"code": code + "\n", "silent": False, "store_history": True, "allow_stdin": True}
    asked = wire.send("execute_request", content, metadata={"cellId": "c1"})
    while (question := wire.receive())["header"]["msg_type"] != "input_request":
        pass
    wire.send(
        "input_reply",
        {"status": "ok", "value": "Sample"},
        channel="stdin",
        parent_header=question["header"],
    )
    cell = wire.wait(asked, code + "\n", "c1")
    shown = "········" if "getpass" in code else "Sample"
    text = f"{question['content']['prompt']} {shown}\n"
    cell["outputs"].insert(0, {"output_type": "stream", "name": "stdin", "text": text})
    marks(ada, kernel, "c1")
    ada.save("typed.ipynb", notebook(cell))
    found = server.verified("typed.ipynb")
    assert found["cells"][0]["verdict"] == "verified", found


def test_an_error_is_one_and_a_restart_is_another_process(start: Start) -> None:
    server = start("ada")
    ada = server.user("ada")
    mlo = ada.enrol("Ada Sample")
    kernel = ada.kernel()
    wire = ada.connect(kernel)
    first = wire.run("1 / 0", "c1")
    assert marks(ada, kernel, "c1")["c1"]["status"] == "error"
    ada.post(f"/api/kernels/{kernel}/restart")
    wire.close()
    wire = ada.connect(kernel)
    second = wire.run("print('anew')", "c2")
    assert executors(ada, kernel, "c1", "c2") == [mlo, mlo]
    ada.save("two.ipynb", notebook(first, second))
    assert [c["verdict"] for c in server.verified("two.ipynb")["cells"]] == ["verified"] * 2


def test_a_cell_goes_on_when_its_browser_is_closed(start: Start) -> None:
    server = start("ada")
    ada = server.user("ada")
    mlo = ada.enrol("Ada Sample")
    kernel = ada.kernel()
    wire = ada.connect(kernel)
    code = "import time\nprint('begun')\ntime.sleep(2)\nprint('done')"
    wire.send("execute_request", {"code": code, "silent": False}, metadata={"cellId": "c1"})
    while wire.receive()["header"]["msg_type"] != "stream":
        pass
    wire.close()
    assert executors(ada, kernel, "c1") == [mlo]
    assert server.records() == 1


def test_a_kernel_that_dies_leaves_its_cell_on_record_as_aborted(start: Start) -> None:
    server = start("ada")
    ada = server.user("ada")
    ada.enrol("Ada Sample")
    kernel = ada.kernel()
    wire = ada.connect(kernel)
    code = "import os, time\nprint('last words', flush=True)\ntime.sleep(0.3)\nos._exit(1)"
    wire.send("execute_request", {"code": code, "silent": False}, metadata={"cellId": "c1"})
    while wire.receive()["header"]["msg_type"] != "stream":
        pass
    time.sleep(1)
    server.stop()
    assert server.records() == 1


def test_where_somebody_must_answer_nothing_else_is_run(start: Start) -> None:
    server = start("ada", mlo_toml="[identity]\nrequired = true\n")
    ada = server.user("ada")
    kernel = ada.kernel()
    wire = ada.connect(kernel)
    for code in (
        "x = 1",
        "%mlo_status\nx = 1",
        "%mlo {open('stolen', 'w')}",
        "%mlo $x",
        "%mlo_status; x = 1",
    ):
        refused = wire.run(code)
        assert refused["outputs"][0]["ename"] == "NotRun", code
        assert refused["execution_count"] is None
    for content in (
        {"code": "open('stolen', 'w')", "silent": True},
        {"code": "", "silent": False, "user_expressions": {"x": "open('stolen', 'w')"}},
    ):
        asked = wire.send("execute_request", content)
        assert wire.wait(asked, "", None)["outputs"][0]["ename"] == "NotRun"
    control = wire.send("execute_request", {"code": "x = 1", "silent": False}, channel="control")
    assert wire.wait(control, "x = 1", None)["outputs"][0]["ename"] == "NotRun"
    ada.enrol("Ada Sample")
    missing = wire.run("x")
    assert missing["outputs"][0]["ename"] == "NameError"
    assert not (server.root / "stolen").exists()
