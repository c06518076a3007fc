"""What a save through this server writes into a notebook."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from nbformat.v4 import new_code_cell

from jupyter_mlo.server.known import Known
from tests.server.conftest import Running, Start, User, notebook, on_disk, started, until
from tests.server.test_attribution import marks


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = started(tmp_path_factory.mktemp("saving"), "ada", "grace")
    running.user("ada").enrol("Ada Sample")
    running.user("grace").enrol("Grace Sample")
    yield running
    running.stop()


@pytest.fixture
def ran(server: Running) -> list[dict[str, Any]]:
    """Three cells that Ada ran, as her front end holds them: it knows nothing of stamps."""
    ada = server.user("ada")
    kernel = ada.kernel()
    wire = ada.connect(kernel)
    cells = [wire.run(f"print({n}); {n}", f"cell-{n}") for n in range(3)]
    marks(ada, kernel, *(f"cell-{n}" for n in range(3)))
    wire.close()
    return cells


def verdicts(server: Running, path: str) -> list[str]:
    return [cell["verdict"] for cell in server.verified(path)["cells"]]


def test_a_front_end_that_knows_nothing_of_stamps_keeps_them(
    server: Running, ran: list[dict[str, Any]]
) -> None:
    ada = server.user("ada")
    ada.save("kept.ipynb", notebook(*copy.deepcopy(ran)))
    first = on_disk(server, "kept.ipynb")
    for _ in range(2):
        ada.save("kept.ipynb", notebook(*copy.deepcopy(ran)))
    assert on_disk(server, "kept.ipynb") == first
    assert server.verified("kept.ipynb")["holds"]


def test_a_changed_cell_is_named_and_one_run_again_is_stamped_anew(
    server: Running, ran: list[dict[str, Any]]
) -> None:
    ada = server.user("ada")
    ada.save("changed.ipynb", notebook(*copy.deepcopy(ran)))
    ran[1]["outputs"][0]["text"] = "something nicer\n"
    ada.save("changed.ipynb", notebook(*copy.deepcopy(ran)))
    found = server.verified("changed.ipynb")
    assert [cell["verdict"] for cell in found["cells"]] == ["verified", "changed since", "verified"]
    verdict = ada.get("/jupyter-mlo/notebook", path="changed.ipynb")
    assert verdict["altered"]
    assert "changed" in str(verdict["summary"]["code"])
    kernel = ada.kernel()
    again = ada.connect(kernel).run("print(1); 1", "cell-1")
    marks(ada, kernel, "cell-1")
    ada.save("changed.ipynb", notebook(ran[0], again, ran[2]))
    assert verdicts(server, "changed.ipynb") == ["verified"] * 3


def test_what_a_restarted_kernel_does_again_is_stamped_again(start: Start) -> None:
    server = start("ada")
    ada = server.user("ada")
    ada.enrol("Ada Sample")
    kernel = ada.kernel()
    wire = ada.connect(kernel)
    first = wire.run("print('again')", "c1")
    marks(ada, kernel, "c1")
    ada.save("again.ipynb", notebook(first))
    ada.save("again.ipynb", notebook(first))
    stamp = on_disk(server, "again.ipynb")["cells"][0]["metadata"]["mlo"]
    wire.close()
    ada.post(f"/api/kernels/{kernel}/restart")
    again = ada.connect(kernel).run("print('again')", "c1")
    assert again == first
    marks(ada, kernel, "c1")

    def stamped() -> bool:
        ada.save("again.ipynb", notebook(again))
        return bool(on_disk(server, "again.ipynb")["cells"][0]["metadata"]["mlo"] != stamp)

    until(stamped)
    found = server.verified("again.ipynb")
    assert found["holds"]


def test_only_what_was_not_run_and_saved_is_an_alarm(
    server: Running, ran: list[dict[str, Any]]
) -> None:
    ada = server.user("ada")
    ran[0]["source"] += "  # edited"
    ada.save("edited.ipynb", notebook(*copy.deepcopy(ran)))
    verdict = ada.get("/jupyter-mlo/notebook", path="edited.ipynb")
    assert not verdict["altered"]
    found = on_disk(server, "edited.ipynb")
    found["cells"][2]["source"] += "  # on disk"
    (server.root / "edited.ipynb").write_text(json.dumps(found))
    assert ada.get("/jupyter-mlo/notebook", path="edited.ipynb")["altered"]


def test_an_anonymous_user_s_next_save_seals_as_meant(start: Start) -> None:
    server = start()
    user = server.user()
    user.enrol("Ada Sample")
    user.save("a.ipynb", notebook())
    user.means("a.ipynb", "authored")
    user.save("a.ipynb", notebook())
    assert user.get("/jupyter-mlo/notebook", path="a.ipynb")["seal"]["meaning"] == "authored"


def test_cells_move_and_a_pasted_one_is_not_its_executor_s(
    server: Running, ran: list[dict[str, Any]]
) -> None:
    ada = server.user("ada")
    ada.save("moved.ipynb", notebook(*copy.deepcopy(ran)))
    ada.save("moved.ipynb", notebook(*copy.deepcopy(ran[::-1])))
    assert verdicts(server, "moved.ipynb") == ["verified"] * 3
    stamped = on_disk(server, "moved.ipynb")["cells"][0]
    pasted = {**copy.deepcopy(stamped), "id": "pasted"}
    grace = server.user("grace")
    grace.save("other.ipynb", notebook(pasted))
    assert verdicts(server, "other.ipynb") != ["verified"]
    ada.save("moved.ipynb", notebook(*copy.deepcopy(ran[::-1]), pasted))
    assert verdicts(server, "moved.ipynb") == ["verified"] * 3 + ["not valid here"]


def test_who_is_not_signed_in_seals_nothing_and_takes_nothing_away(
    server: Running, ran: list[dict[str, Any]], start: Start
) -> None:
    ada = server.user("ada")
    ada.save("left.ipynb", notebook(*copy.deepcopy(ran)))
    before = on_disk(server, "left.ipynb")
    other = start("eve")
    (other.root / "left.ipynb").write_text(json.dumps(before))
    plain = copy.deepcopy(ran)
    plain[0]["source"] += "  # touched"
    other.user("eve").save("left.ipynb", notebook(*plain))
    after = on_disk(other, "left.ipynb")
    assert after["metadata"]["mlo"] == before["metadata"]["mlo"]
    assert after["cells"][1]["metadata"]["mlo"] == before["cells"][1]["metadata"]["mlo"]
    (server.root / "left.ipynb").write_text(json.dumps(after))
    assert verdicts(server, "left.ipynb") == ["changed since", "verified", "verified"]


def test_whoever_saves_seals_and_each_stamp_is_its_executor_s(server: Running) -> None:
    ada, grace = server.user("ada"), server.user("grace")
    kernel = grace.kernel(notebook="both.ipynb")
    hers = ada.connect(kernel).run("'adas'", "hers")
    own = grace.connect(kernel).run("'graces'", "own")
    marks(grace, kernel, "hers", "own")
    grace.save("both.ipynb", notebook(hers, own))
    found = server.verified("both.ipynb")
    ids = [user_id(server.user(name)) for name in ("ada", "grace")]
    assert [cell["mlo"] for cell in found["cells"]] == ids
    assert found["seal"]["mlo"] == ids[1]
    assert found["holds"]


@pytest.mark.parametrize("saved", [True, False], ids=["saved before", "not saved"])
def test_what_another_runs_again_in_a_restarted_kernel_is_theirs(
    server: Running, saved: bool
) -> None:
    path = f"rerun-{saved}.ipynb"
    ada, grace = server.user("ada"), server.user("grace")
    ada.save(path, notebook())
    kernel = ada.kernel(notebook=path)
    wire = ada.connect(kernel)
    sources = [f"print('alike {n}')" for n in range(3)]
    cells = [wire.run(source, f"c{n}") for n, source in enumerate(sources)]
    marks(ada, kernel, "c0", "c1", "c2")
    if saved:
        ada.save(path, notebook(*copy.deepcopy(cells)))
    wire.close()
    grace.post(f"/api/kernels/{kernel}/restart")
    wire = grace.connect(kernel)
    again = [wire.run(source, f"c{n}") for n, source in enumerate(sources[:2])]
    assert again == cells[:2]
    marks(grace, kernel, "c0", "c1")
    ids = [user_id(user) for user in (grace, grace, ada)]

    def theirs() -> bool:
        for user in (ada, grace):
            user.save(path, notebook(*copy.deepcopy([*again, cells[2]])))
        return [cell["mlo"] for cell in server.verified(path)["cells"]] == ids

    until(theirs)
    assert server.verified(path)["holds"]


def user_id(user: User) -> str:
    mlo: str = user.get("/jupyter-mlo/me")["mlo"]["id"]
    return mlo


def test_a_person_says_more_and_is_shown_what_changed_since(
    server: Running, ran: list[dict[str, Any]]
) -> None:
    ada = server.user("ada")
    ada.save("meant.ipynb", notebook(*copy.deepcopy(ran)))
    changes = ada.get("/jupyter-mlo/notebook/changes", path="meant.ipynb")
    assert changes["since"] is None
    ada.means("meant.ipynb", "reviewed")
    ada.save("meant.ipynb", notebook(*copy.deepcopy(ran)))
    assert server.verified("meant.ipynb")["seal"]["meaning"] == "reviewed"
    # A save that changes nothing takes nothing back.
    ada.save("meant.ipynb", notebook(*copy.deepcopy(ran)))
    assert server.verified("meant.ipynb")["seal"]["meaning"] == "reviewed"
    ran[0]["source"] = "print('another')"
    ada.save("meant.ipynb", notebook(*copy.deepcopy(ran)))
    assert server.verified("meant.ipynb")["seal"]["meaning"] == "held"
    changes = ada.get("/jupyter-mlo/notebook/changes", path="meant.ipynb")
    assert changes["by"]["name"] == "Ada Sample"
    assert changes["changes"] == ["cell 1: new, or its source was changed"]


def test_what_was_meant_for_one_notebook_or_by_one_user_is_no_other_s(
    server: Running, ran: list[dict[str, Any]]
) -> None:
    ada, grace = server.user("ada"), server.user("grace")
    for name in ("a.ipynb", "b.ipynb"):
        ada.save(name, notebook(*copy.deepcopy(ran)))
    ada.means("a.ipynb", "approved")
    ada.save("b.ipynb", notebook(*copy.deepcopy(ran[:2])))
    grace.save("a.ipynb", notebook(*copy.deepcopy(ran)))
    for name in ("a.ipynb", "b.ipynb"):
        assert server.verified(name)["seal"]["meaning"] == "held"


def test_history_and_a_statement_with_what_proves_it(
    server: Running, ran: list[dict[str, Any]]
) -> None:
    ada = server.user("ada")
    ada.save("past.ipynb", notebook(*copy.deepcopy(ran)))
    ada.save("past.ipynb", notebook(*copy.deepcopy(ran[:2])))

    def twice() -> Any:
        found = ada.get("/jupyter-mlo/notebook/history", path="past.ipynb")["entries"]
        return len(found) == 2 and found

    entries = until(twice)
    assert [entry["kind"] for entry in entries] == ["seal", "seal"]
    assert entries[0]["index"] > entries[1]["index"]
    shown = ada.get(f"/jupyter-mlo/statement/{entries[0]['statement']}")
    assert shown["content"]["predicateType"].endswith("/seal/v1")
    assert {one["predicateType"].split("/")[-2] for one in shown["chain"]} >= {
        "enrolment",
        "delegation",
    }
    assert shown["receipt"].startswith("c2sp.org/tlog-proof@v1")
    bundles = [json.loads(line) for line in shown["bundle"].splitlines()]
    assert len(bundles) == len(shown["chain"]) + 1
    assert all(one["dsseEnvelope"] for one in bundles)


def test_who_looks_while_it_is_saved_sees_all_of_it_and_changes_nothing(server: Running) -> None:
    """Jupyter takes what it finds half written for a write that was cut short."""
    ada, grace = server.user("ada"), server.user("grace")
    output = {"output_type": "stream", "name": "stdout", "text": "x" * 1_000_000}
    cells = [new_code_cell("1", id=f"c{n}", outputs=[output]) for n in range(20)]
    ended = threading.Event()
    seen: list[int] = []

    def look() -> None:
        while not ended.is_set():
            params = {"path": "large.ipynb"}
            seen.append(grace.ask("GET", "/jupyter-mlo/notebook", params=params).status_code)

    ada.save("large.ipynb", notebook(*cells))
    looking = threading.Thread(target=look)
    looking.start()
    try:
        for n in range(5):
            cells[0]["source"] = f"{n}"
            ada.save("large.ipynb", notebook(*cells))
            assert on_disk(server, "large.ipynb")["cells"][0]["source"] == [f"{n}"]
    finally:
        ended.set()
        looking.join()
    assert set(seen) == {200}
    assert sorted(path.name for path in server.root.glob(".*large*")) == []


def test_what_others_write_into_a_file_is_not_overwritten_by_memory(
    server: Running, ran: list[dict[str, Any]]
) -> None:
    ada = server.user("ada")
    ada.save("here.ipynb", notebook(*copy.deepcopy(ran)))
    kernel = ada.kernel()
    other = ada.connect(kernel).run("'another'", "another")
    marks(ada, kernel, "another")
    ada.save("there.ipynb", notebook(other))
    theirs = on_disk(server, "there.ipynb")
    (server.root / "here.ipynb").write_text(json.dumps(theirs))
    ada.save("here.ipynb", copy.deepcopy(theirs))
    assert on_disk(server, "here.ipynb") == theirs
    assert server.verified("here.ipynb")["holds"]


def test_folders_files_and_odd_notebooks_are_saved_as_they_were_sent(server: Running) -> None:
    ada = server.user("ada")
    assert ada.ask("PUT", "/api/contents/folder", json={"type": "directory"}).ok
    text = {"type": "file", "format": "text", "content": "hello"}
    assert ada.ask("PUT", "/api/contents/folder/x.txt", json=text).ok
    odd = notebook({"cell_type": "code", "id": "a", "source": 1, "metadata": {}, "outputs": []})
    assert ada.ask("PUT", "/api/contents/odd.ipynb", json={"type": "notebook", "content": odd})
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    nested = notebook()
    nested["metadata"]["deep"] = deep
    ada.save("deep.ipynb", nested)
    assert "deep" in on_disk(server, "deep.ipynb")["metadata"]


def test_a_home_that_cannot_be_written_costs_nobody_their_work(start: Start) -> None:
    server = start("ada")
    ada = server.user("ada")
    ada.enrol("Ada Sample")
    kernel = ada.kernel()
    cell = ada.connect(kernel).run("1", "c1")
    marks(ada, kernel, "c1")
    home = server.root.parent / "mlo"
    for name in ("outbox", "stamps", "ledger"):
        folder = home / name
        if folder.is_dir():
            folder.rename(home / f"{name}.away")
        folder.write_text("in the way")
    ada.save("safe.ipynb", notebook(cell))
    saved = on_disk(server, "safe.ipynb")["cells"][0]
    assert "".join(saved["source"]) == cell["source"]
    assert "without a seal" in server.log.read_text() or "could not" in server.log.read_text()


def test_what_another_ran_elsewhere_is_not_stamped_here_nor_taken_from_there(
    server: Running,
) -> None:
    ada, grace = server.user("ada"), server.user("grace")
    kernel = ada.kernel(notebook="hers.ipynb")
    cell = ada.connect(kernel).run("evaluate = 1; evaluate", "c1")
    marks(ada, kernel, "c1")
    # Grace has seen source and output, and runs the same in a notebook of her own.
    other = grace.kernel(notebook="taken.ipynb")
    grace.save("taken.ipynb", notebook(copy.deepcopy(cell)))
    assert "mlo" not in on_disk(server, "taken.ipynb")["cells"][0]["metadata"]
    own = grace.connect(other).run("evaluate = 1; evaluate", "c1")
    marks(grace, other, "c1")
    ada.save("hers.ipynb", notebook(copy.deepcopy(cell)))
    found = server.verified("hers.ipynb")
    assert (found["cells"][0]["mlo"], found["holds"]) == (user_id(ada), True)
    grace.save("taken.ipynb", notebook(own))
    taken = server.verified("taken.ipynb")
    assert taken["cells"][0]["mlo"] == user_id(grace)
    assert taken["notebook"] != found["notebook"]


def test_a_renamed_notebook_s_cells_are_stamped_whoever_saves(server: Running) -> None:
    ada, grace = server.user("ada"), server.user("grace")
    kernel = ada.kernel(notebook="before.ipynb")
    cell = ada.connect(kernel).run("'renamed'", "c1")
    marks(ada, kernel, "c1")
    (session,) = [one for one in ada.get("/api/sessions") if one["kernel"]["id"] == kernel]
    ada.ask("PATCH", f"/api/sessions/{session['id']}", json={"path": "after.ipynb"})
    grace.save("after.ipynb", notebook(cell))
    assert server.verified("after.ipynb")["cells"][0]["mlo"] == user_id(ada)


def test_where_two_notebooks_share_a_kernel_only_one_s_own_cells_are_stamped(
    server: Running,
) -> None:
    ada, grace = server.user("ada"), server.user("grace")
    kernel = ada.kernel(notebook="first.ipynb")
    second = {"path": "second.ipynb", "type": "notebook", "name": "", "kernel": {"id": kernel}}
    ada.post("/api/sessions", second)
    cell = ada.connect(kernel).run("'whose'", "c1")
    marks(ada, kernel, "c1")
    for path in ("second.ipynb", "first.ipynb"):
        grace.save(path, notebook(copy.deepcopy(cell)))
        assert "mlo" not in on_disk(server, path)["cells"][0]["metadata"]
    ada.save("first.ipynb", notebook(copy.deepcopy(cell)))
    assert server.verified("first.ipynb")["cells"][0]["mlo"] == user_id(ada)


def test_what_is_meant_is_said_of_nothing_but_what_was_shown(
    server: Running, ran: list[dict[str, Any]]
) -> None:
    ada = server.user("ada")
    ada.save("limit.ipynb", notebook(*copy.deepcopy(ran)))
    ada.means("limit.ipynb", "approved")
    ran[0]["source"] = "limit = 1_000_000"
    ada.save("limit.ipynb", notebook(*copy.deepcopy(ran)))
    assert server.verified("limit.ipynb")["seal"]["meaning"] == "held"


def test_the_verdict_of_a_cell_that_is_run_and_saved_over_and_over(server: Running) -> None:
    ada = server.user("ada")
    kernel = ada.kernel()
    wire = ada.connect(kernel)
    for n in range(4):
        cell = wire.run(f"{n}", "c1")
        marks(ada, kernel, "c1")
        ada.save("again.ipynb", notebook(cell))
        verdict = ada.get("/jupyter-mlo/notebook", path="again.ipynb")
        assert [one["verdict"] for one in verdict["cells"]] == ["verified"]
        ada.get("/jupyter-mlo/notebook/changes", path="again.ipynb")


@pytest.mark.parametrize(
    ("count", "outputs", "kept"), [(1, [], True), (None, [{}], True), (None, [], False)]
)
def test_an_executed_cell_is_given_back_its_stamp(count: Any, outputs: Any, kept: bool) -> None:
    cell = {"cell_type": "code", "id": "c1", "execution_count": count, "outputs": outputs}
    Known(cells={"c1": "stamp"}).restore({"cells": [cell]})
    assert ("metadata" in cell) is kept
