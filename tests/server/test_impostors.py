"""Messages that would have something else count as another user's cell, or as that of one's own."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.server.observer import KEEP_IDS, KEEP_REQUESTS, Asked
from tests.server.bench import ADA, GRACE, Bench
from tests.server.conftest import Start, User, Wire, notebook, until

SAYS = (
    "def target(comm, opened):\n"
    "    print(opened['content']['data']['say'])\n"
    "get_ipython().kernel.comm_manager.register_target('says', target)"
)
OPENED = {"comm_id": "c", "target_name": "says", "data": {"say": "accuracy 0.99"}}


@pytest.fixture
def bench(settings: Settings) -> Bench:
    return Bench(settings)


def executor(user: User, kernel: str, cell: str) -> str | None:
    """Whose a cell is, when it has ended."""

    def ended() -> Any:
        found = user.get(f"/jupyter-mlo/kernels/{kernel}/marks")["cells"].get(cell)
        return found if found and found["status"] != "running" else None

    found = until(ended)
    return (found["executor"] or {}).get("id")


def test_nothing_of_any_kind_goes_to_a_kernel_under_another_user_s_id(start: Start) -> None:
    server = start("ada", "grace")
    ada, grace = server.user("ada"), server.user("grace")
    mlo, _ = ada.enrol("Ada Sample"), grace.enrol("Grace Sample")
    kernel = ada.kernel()
    one, two = ada.connect(kernel), grace.connect(kernel)
    cell = one.run(SAYS, "c1", msg_id="hers")
    two.send("comm_open", OPENED, msg_id="hers")
    two.send("debug_request", {"command": "evaluate"}, msg_id="hers", channel="control")
    two.send("execute_request", {"code": "print(1)", "silent": True}, msg_id="hers")
    two.run("pass")
    assert one.run("pass", "c2")["outputs"] == []
    ada.save("one.ipynb", notebook(cell))
    assert server.verified("one.ipynb")["cells"][0]["mlo"] == mlo


def comm(wire: Wire) -> None:
    wire.send("comm_open", OPENED, msg_id="mine")


def silent(wire: Wire) -> None:
    wire.send("execute_request", {"code": "print('accuracy 0.99')", "silent": True}, msg_id="mine")


@pytest.mark.parametrize("act", [comm, silent])
def test_what_comes_later_under_one_s_own_id_is_no_output_of_the_cell(
    start: Start, act: Any
) -> None:
    server = start("ada")
    ada = server.user("ada")
    mlo = ada.enrol("Ada Sample")
    kernel = ada.kernel()
    wire = ada.connect(kernel)
    cell = wire.run(SAYS, "c1", msg_id="mine")
    act(wire)
    wire.run("pass", "c2")
    assert executor(ada, kernel, "c2") == mlo
    output = {"output_type": "stream", "name": "stdout", "text": "accuracy 0.99\n"}
    ada.save("one.ipynb", notebook({**cell, "outputs": [output]}))
    assert server.verified("one.ipynb")["cells"][0]["verdict"] != "verified"


def test_code_beside_a_cell_s_leaves_it_nobody_s(start: Start) -> None:
    ada = start("ada").user("ada")
    ada.enrol("Ada Sample")
    kernel = ada.kernel()
    content = {"code": "1", "silent": False, "user_expressions": {"x": "print('accuracy 0.99')"}}
    wire = ada.connect(kernel)
    wire.wait(wire.send("execute_request", content, metadata={"cellId": "c1"}), "1", "c1")
    marks = until(lambda: ended(ada, kernel, "c1"))
    assert marks["status"] == "lost"


def ended(user: User, kernel: str, cell: str) -> Any:
    """A cell's mark, unless it runs."""
    found = user.get(f"/jupyter-mlo/kernels/{kernel}/marks")["cells"].get(cell, {})
    return found if found.get("status") not in (None, "running") else None


def test_where_somebody_must_answer_a_debugger_evaluates_nothing_else(start: Start) -> None:
    server = start("ada", mlo_toml="[identity]\nrequired = true\n")
    ada = server.user("ada")
    wire = ada.connect(ada.kernel())
    arguments = {"expression": "open('stolen', 'w').close()"}
    content = {"type": "request", "command": "evaluate", "seq": 1, "arguments": arguments}
    wire.send("debug_request", content, channel="control")
    ada.enrol("Ada Sample")
    wire.run("pass")
    assert not (server.root / "stolen").exists()


def test_nobody_answers_a_question_that_another_user_s_cell_asks(start: Start) -> None:
    server = start("ada", "grace")
    ada, grace = server.user("ada"), server.user("grace")
    ada.enrol("Ada Sample")
    kernel = ada.kernel()
    one, two = ada.connect(kernel), grace.connect(kernel)
    code = "answer = input('approved?'); answer"
    asked = one.send("execute_request", {"code": code, "silent": False, "allow_stdin": True})
    question = one.receive()
    while question["header"]["msg_type"] != "input_request":
        question = one.receive()
    for parent in ({}, question["header"]):
        two.send("input_reply", {"value": "yes"}, parent_header=parent, channel="stdin")
    answer = {"value": "no"}
    one.send("input_reply", answer, parent_header=question["header"], channel="stdin")
    assert one.wait(asked, code, "c1")["outputs"][0]["data"]["text/plain"] == "'no'"


def test_a_flood_of_messages_neither_frees_an_id_nor_replaces_a_cell(bench: Bench) -> None:
    mlo = bench.enrol(ADA)
    bench.begin("r1", ADA)
    for at in range(KEEP_IDS + 50):
        bench.observer.comes(f"flood-{at}", GRACE)
    assert bench.observer.refuses("r1", GRACE) is not None
    for at in range(KEEP_REQUESTS):
        bench.observer.asked(f"wait-{at}", Asked(GRACE, "pass", None))
    assert "wait" in (bench.observer.refuses("one more", GRACE) or "")
    bench.end("r1")
    assert bench.verdict("r1") == (mlo, 1)


@pytest.mark.parametrize("signed_in", [True, False])
def test_what_a_thread_says_after_its_cell_and_session_have_ended_is_not_signed(
    start: Start, signed_in: bool
) -> None:
    server = start("ada")
    ada = server.user("ada")
    ada.enrol("Ada Sample")
    kernel = ada.kernel()
    wire = ada.connect(kernel)
    code = "import threading; threading.Timer(3, lambda: print('late', flush=True)).start()"
    wire.run(code, "c1")
    assert until(lambda: ended(ada, kernel, "c1"))["status"] == "ok"
    before = server.records()
    if not signed_in:
        ada.post("/jupyter-mlo/logout")
    while wire.receive()["header"]["msg_type"] != "stream":
        pass
    server.stop()
    assert server.records() - before == (1 if signed_in else 0)


def test_names_that_are_too_long_are_not_kept(bench: Bench) -> None:
    assert "longer" in (bench.observer.refuses(257 * "a", ADA) or "")
