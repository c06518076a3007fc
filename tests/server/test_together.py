"""Real-time collaboration: saves come from the background, stamps are each executor's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.conftest import PASSPHRASE, Running, Start, notebook, on_disk, started, until
from tests.server.shared import SharedNotebook
from tests.server.test_attribution import marks

BESIDE = ("jupyter_server_ydoc", "jupyter_server_fileid")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = started(tmp_path_factory.mktemp("together"), "ada", "grace", beside=BESIDE)
    running.user("ada").enrol("Ada Sample")
    running.user("grace").enrol("Grace Sample")
    yield running
    running.stop()


def ids(server: Running, *names: str) -> list[str]:
    return [server.user(name).get("/jupyter-mlo/me")["mlo"]["id"] for name in names]


def empty(cell: str, source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": cell,
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }


def stamps(notebook_: dict[str, Any]) -> int:
    return sum("mlo" in cell["metadata"] for cell in notebook_["cells"])


def put(server: Running, path: str, *cells: dict[str, Any]) -> None:
    (server.root / path).write_text(json.dumps(notebook(*cells)))


def saves(server: Running, path: str) -> int:
    return len(re.findall(rf"Saving file: {path}", server.log.read_text()))


def verdicts(server: Running, path: str) -> list[tuple[str | None, str]]:
    on_disk(server, path)
    return [(cell["mlo"], cell["verdict"]) for cell in server.verified(path)["cells"]]


def test_each_cell_is_its_executor_s_in_file_and_document(server: Running) -> None:
    path = "shared.ipynb"
    put(server, path, empty("c1", "a = 1; a"), empty("c2", "a + 1"))
    ada, grace = server.user("ada"), server.user("grace")
    kernel = ada.kernel(notebook=path)
    wires = ada.connect(kernel), grace.connect(kernel)
    views = SharedNotebook(ada, path), SharedNotebook(grace, path)
    views[0].shows(wires[0].run("a = 1; a", "c1"))
    views[1].until(lambda: views[1].cells[0]["outputs"])
    views[1].shows(wires[1].run("a + 1", "c2"))
    # Past the user interface: a request that no front end's cell stands for when it is sent.
    raw = wires[1].run("print('raw')", None)
    raw["id"] = "c3"
    views[0].shows(raw)
    until(lambda: stamps(on_disk(server, path)) == 3)
    a, g = ids(server, "ada", "grace")
    assert [mlo for mlo, _ in verdicts(server, path)] == [a, g, g]
    for view in views:
        view.until(lambda view=view: stamps({"cells": view.cells}) == 3)
        assert view.metadata["mlo"]["notebook"].startswith("urn:uuid:")
        # As JavaScript's numbers are: other editors could not read integers.
        assert type(view.notebook.ycells[0]["metadata"]["mlo"]["version"]) is float
    stamped = on_disk(server, path)
    # Both go on writing: what was stamped stays, in the file and for both.
    views[0].change(lambda nb: nb.append_cell(empty("c4", "# ada's note")))
    views[1].change(lambda nb: nb.append_cell(empty("c5", "# grace's note")))
    until(lambda: len(on_disk(server, path)["cells"]) == 5)
    after = on_disk(server, path)
    assert after["cells"][:3] == stamped["cells"]
    assert [mlo for mlo, _ in verdicts(server, path)][:3] == [a, g, g]
    # Saves come to rest, and nobody is told that the file was changed by others.
    views[0].pump(2.5)
    before = saves(server, path)
    views[0].pump(2.5)
    assert saves(server, path) == before
    log = server.log.read_text()
    assert "ut-of-band" not in log
    assert "could not" not in log
    for wire in wires:
        wire.close()


def test_a_change_is_named_and_a_cell_run_again_by_another_is_theirs(server: Running) -> None:
    path = "again.ipynb"
    put(server, path, empty("c1", "'first'"))
    ada, grace = server.user("ada"), server.user("grace")
    kernel = ada.kernel(notebook=path)
    view = SharedNotebook(ada, path)
    marked = ada.connect(kernel).run("'first'", "c1")
    marks(ada, kernel, "c1")
    view.shows(marked)
    view.until(lambda: stamps({"cells": view.cells}) == 1)
    view.change(lambda nb: nb.set_cell(0, source="'changed'"))
    until(lambda: on_disk(server, path)["cells"][0]["source"] in ("'changed'", ["'changed'"]))
    assert verdicts(server, path)[0][1] == "changed since"
    view.shows(grace.connect(kernel).run("'changed'", "c1"))
    a, g = ids(server, "ada", "grace")
    until(lambda: verdicts(server, path)[0] == (g, "unsealed"))
    assert a != g


def test_the_document_outlives_its_editors_and_the_server_s_memory(server: Running) -> None:
    path = "reload.ipynb"
    put(server, path, empty("c1", "'kept'"))
    ada = server.user("ada")
    kernel = ada.kernel(notebook=path)
    view = SharedNotebook(ada, path)
    view.shows(ada.connect(kernel).run("'kept'", "c1"))
    view.until(lambda: stamps({"cells": view.cells}) == 1)
    view.close()
    again = SharedNotebook(server.user("grace"), path)
    assert stamps({"cells": again.cells}) == 1
    # Somebody else writes the file: what this server remembers of it is no longer so.
    other = on_disk(server, path)
    other["cells"][0]["metadata"] = {}
    del other["metadata"]["mlo"]
    other["cells"].append(empty("c2", "# by git"))
    (server.root / path).write_text(json.dumps(other))
    again.until(lambda: len(again.cells) == 2, 15)
    again.change(lambda nb: nb.append_cell(empty("c3", "# more")))
    until(lambda: len(on_disk(server, path)["cells"]) == 3)
    assert [cell["id"] for cell in on_disk(server, path)["cells"]] == ["c1", "c2", "c3"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with an MLO of its own."""
    folder = tmp_path_factory.mktemp("served")
    running = started(folder, "ada", beside=BESIDE, service="Sample Server")
    running.user("ada").enrol("Ada Sample")
    yield running
    running.stop()


def test_the_server_s_own_mlo_seals_and_a_person_where_they_say_so(served: Running) -> None:
    path = "sealed.ipynb"
    put(served, path, empty("c1", "'sealed'"))
    ada = served.user("ada")
    (own,) = ids(served, "ada")
    kernel = ada.kernel(notebook=path)
    wire = ada.connect(kernel)
    view = SharedNotebook(ada, path)
    view.shows(wire.run("'sealed'", "c1"))
    until(lambda: (on_disk(served, path)["metadata"].get("mlo") or {}).get("seals"))
    until(lambda: stamps(on_disk(served, path)) == 1)
    found = served.verified(path)
    assert [(cell["mlo"], cell["verdict"]) for cell in found["cells"]] == [(own, "verified")]
    assert found["seal"]["mlo"] != own
    assert found["holds"]
    view.until(lambda: view.metadata.get("mlo", {}).get("seals"))
    # What a person says about it, they say, though the server saves.
    ada.means(path, "reviewed")

    def meaning() -> str:
        return str(ada.get("/jupyter-mlo/notebook", path=path)["seal"]["meaning"])

    until(lambda: meaning() == "reviewed")
    seal = served.verified(path)["seal"]
    assert (seal["mlo"], seal["verdict"]) == (own, "verified")
    # Of what comes after what they were shown, they have said nothing.
    ada.means(path, "approved")
    view.change(lambda nb: nb.append_cell(empty("c2", "# more")))
    until(lambda: len(on_disk(served, path)["cells"]) == 2)
    seal = served.verified(path)["seal"]
    assert seal["meaning"] != "approved" or seal["changes"]
    # Kernels know nothing of the server's passphrase.
    code = "import os; print(os.environ.get('MLO_PASSPHRASE_FILE'))"
    assert wire.run(code)["outputs"][0]["text"] == "None\n"
    assert PASSPHRASE not in served.log.read_text()


def test_where_people_only_write_it_seals_now_and_then_and_at_last(served: Running) -> None:
    path = "written.ipynb"
    put(served, path, empty("c1", "'one'"))
    ada = served.user("ada")
    view = SharedNotebook(ada, path)
    view.change(lambda nb: nb.set_cell(0, source="'two'"))
    until(lambda: "mlo" in on_disk(served, path)["metadata"])
    first = on_disk(served, path)["metadata"]["mlo"]
    for text in ("'three'", "'four'"):
        view.change(lambda nb, text=text: nb.set_cell(0, source=text))
        view.pump(1.3)
    assert on_disk(served, path)["metadata"]["mlo"] == first
    assert "".join(on_disk(served, path)["cells"][0]["source"]) == "'four'"


def test_what_the_server_s_own_mlo_lacks_is_said(start: Start) -> None:
    server = start("ada", config="c.MloServerExtension.service_mlo = 'Nobody Sample'")
    ada = server.user("ada")

    def problem() -> Any:
        return [one for one in ada.get("/jupyter-mlo/me")["problems"] if "server's own" in one]

    assert "Nobody Sample" in until(problem)[0]

    def said() -> bool:
        warnings = json.loads(server.jupyter_mlo("status", "--json"))["warnings"]
        return any("seals nothing" in one and "Nobody Sample" in one for one in warnings)

    assert until(said)
    ada.enrol("Ada Sample")
    wire = ada.connect(ada.kernel())
    ada.save("one.ipynb", notebook(wire.run("1", "c1")))
    assert server.log.read_text().count("server's own MLO seals nothing") == 1


def test_a_cell_that_the_server_sends_is_its_user_s(start: Start) -> None:
    server = start("ada", "grace", beside=(*BESIDE, "jupyter_server_nbmodel"))
    ada, grace = server.user("ada"), server.user("grace")
    a, g = ada.enrol("Ada Sample"), grace.enrol("Grace Sample")
    put(server, "one.ipynb", empty("c1", "'ada'"), empty("c2", "'grace'"))
    view = SharedNotebook(ada, "one.ipynb")
    kernel = ada.kernel(notebook="RTC:one.ipynb")
    document = f"json:notebook:{view.file}"
    for user, cell, code in ((ada, "c1", "'ada'"), (grace, "c2", "'grace'")):
        metadata = {"cell_id": cell, "document_id": document}
        user.post(f"/api/kernels/{kernel}/execute", {"code": code, "metadata": metadata})
    marks(ada, kernel, "c1", "c2")
    until(lambda: stamps(on_disk(server, "one.ipynb")) == 2)
    assert [mlo for mlo, _ in verdicts(server, "one.ipynb")] == [a, g]
