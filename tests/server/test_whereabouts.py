"""Which notebook an execution is of, among users who can change each other's Jupyter sessions."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from jupyter_mlo.server.whereabouts import JupyterSession, Whereabouts
from tests.server.conftest import Running, User, notebook, started
from tests.server.test_attribution import marks


class Table:
    """Jupyter's table: whoever wants changes it."""

    def __init__(self) -> None:
        self.rows: dict[str, JupyterSession] = {}
        self.known = Whereabouts(
            lambda kernel: [row for row in self.rows.values() if row.kernel == kernel]
        )

    def put(self, user: str, name: str, path: str, kernel: str, kind: str = "notebook") -> None:
        self.rows[name] = JupyterSession(name, path, kind, kernel)
        self.known.left(user, self.rows[name])

    def run(self, user: str, kernel: str, cell: str = "c", source: bytes = b"s") -> str:
        run = f"run {len(self.known._places)} of {user} at {kernel} {cell}"
        self.known.began(run, user, kernel, cell, source)
        return run


@pytest.fixture
def table() -> Table:
    found = Table()
    found.put("ada", "s", "a.ipynb", "k")
    return found


def test_an_execution_is_of_the_notebook_of_its_kernel(table: Table) -> None:
    run = table.run("ada", "k")
    assert table.known.is_of(run, "a.ipynb")
    assert table.known.is_of(run, "/a.ipynb")
    assert not table.known.is_of(run, "b.ipynb")
    assert not table.known.is_of("another", "a.ipynb")


def test_what_others_do_to_a_session_moves_nothing(table: Table) -> None:
    before = table.run("ada", "k")
    table.put("grace", "s", "g.ipynb", "k")
    after = table.run("ada", "k")
    table.put("grace", "t", "g.ipynb", "k")
    del table.rows["s"]
    for run in (before, after, table.run("ada", "k")):
        assert table.known.is_of(run, "a.ipynb")
        assert not table.known.is_of(run, "g.ipynb")
    assert table.known.is_of(before, "a.ipynb")


def test_what_its_user_does_to_a_session_moves_what_ran(table: Table) -> None:
    run = table.run("ada", "k")
    table.put("ada", "s", "other.ipynb", "k")
    assert table.known.is_of(run, "other.ipynb")
    assert not table.known.is_of(run, "a.ipynb")


def test_who_joins_is_where_the_kernel_was_then(table: Table) -> None:
    table.known.comes("grace", "k")
    table.put("ada", "s", "trap.ipynb", "k")
    table.known.comes("grace", "k")
    assert table.known.is_of(table.run("grace", "k"), "a.ipynb")


def test_who_joins_by_running_is_where_the_kernel_is(table: Table) -> None:
    run = table.run("grace", "k")
    table.put("ada", "s", "trap.ipynb", "k")
    assert table.known.is_of(run, "a.ipynb")
    assert table.known.is_of(table.run("grace", "k"), "a.ipynb")


def test_two_notebooks_of_one_kernel_are_nobody_s(table: Table) -> None:
    table.put("ada", "t", "b.ipynb", "k")
    run = table.run("ada", "k")
    assert not table.known.is_of(run, "a.ipynb")
    assert not table.known.is_of(run, "b.ipynb")
    joined = table.run("grace", "k")
    assert not table.known.is_of(joined, "a.ipynb")


def test_a_console_is_no_notebook(table: Table) -> None:
    table.put("grace", "c", "console-1", "other", "console")
    table.put("ada", "trap", "trap.ipynb", "other")
    assert not table.known.is_of(table.run("grace", "other"), "trap.ipynb")
    table.put("ada", "d", "console-2", "k", "console")
    assert table.known.is_of(table.run("grace", "k"), "a.ipynb")


def test_a_kernel_without_a_session_gets_no_notebook_from_others(table: Table) -> None:
    table.known.comes("grace", "bare")
    table.put("ada", "trap", "trap.ipynb", "bare")
    assert not table.known.is_of(table.run("grace", "bare"), "trap.ipynb")


def test_a_kernel_that_a_colleague_has_exchanged_serves_the_same_notebook(table: Table) -> None:
    table.put("grace", "s", "a.ipynb", "k2")
    assert table.known.is_of(table.run("ada", "k2"), "a.ipynb")


def test_renames_are_followed(table: Table) -> None:
    table.put("ada", "s", "RTC:folder/a.ipynb", "k")
    own, joined = table.run("ada", "k"), table.run("grace", "k")
    table.known.renamed("other/../folder//a.ipynb", "/folder/b.ipynb")
    table.known.renamed("folder", "moved")
    table.known.renamed("fold", "elsewhere")
    for run in (own, joined, table.run("ada", "k"), table.run("grace", "k")):
        assert table.known.is_of(run, "moved/b.ipynb")
        assert not table.known.is_of(run, "folder/a.ipynb")


def test_what_was_run_again_is_over_after_a_rename_too(table: Table) -> None:
    first = table.run("ada", "k")
    table.known.renamed("a.ipynb", "b.ipynb")
    table.put("ada", "s", "b.ipynb", "k")  # as front ends do then
    assert not table.known.is_over(first)
    other = table.run("ada", "k", source=b"another")
    again = table.run("grace", "k")
    assert [table.known.is_over(run) for run in (first, other, again)] == [True, False, False]


# The same at a real server.


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = started(tmp_path_factory.mktemp("whereabouts"), "ada", "grace")
    running.user("ada").enrol("Ada Sample")
    running.user("grace").enrol("Grace Sample")
    yield running
    running.stop()


def found(server: Running, path: str) -> list[str]:
    return [cell["verdict"] for cell in server.verified(path)["cells"]]


def moved(user: User, kernel: str, path: str) -> None:
    one = next(one for one in user.get("/api/sessions") if one["kernel"]["id"] == kernel)
    assert user.ask("PATCH", f"/api/sessions/{one['id']}", json={"path": path}).ok


def ran(user: User, path: str) -> tuple[str, dict[str, Any]]:
    user.save(path, notebook())
    kernel = user.kernel(notebook=path)
    cell = user.connect(kernel).run("print('approved')", "c1")
    marks(user, kernel, "c1")
    return kernel, cell


@pytest.mark.parametrize("when", ["after", "before"])
def test_a_cell_is_not_stamped_where_another_has_turned_its_session(
    server: Running, when: str
) -> None:
    ada, grace = server.user("ada"), server.user("grace")
    path, taken = f"{when}.ipynb", f"taken-{when}.ipynb"
    ada.save(path, notebook())
    kernel = ada.kernel(notebook=path)
    wire = ada.connect(kernel)
    if when == "before":
        moved(grace, kernel, taken)
    cell = wire.run("print('approved')", "c1")
    marks(ada, kernel, "c1")
    if when == "after":
        moved(grace, kernel, taken)
    grace.save(taken, notebook(copy.deepcopy(cell)))
    assert found(server, taken) == ["unstamped"]
    # What others save of the notebook itself is stamped still.
    grace.save(path, notebook(copy.deepcopy(cell)))
    assert found(server, path) == ["verified"]


def test_a_cell_is_stamped_in_the_notebook_that_was_renamed(server: Running) -> None:
    ada, grace = server.user("ada"), server.user("grace")
    _, cell = ran(ada, "old.ipynb")
    assert grace.ask("PATCH", "/api/contents/old.ipynb", json={"path": "new.ipynb"}).ok
    grace.save("old.ipynb", notebook(copy.deepcopy(cell)))
    assert found(server, "old.ipynb") == ["unstamped"]
    grace.save("new.ipynb", notebook(copy.deepcopy(cell)))
    assert found(server, "new.ipynb") == ["verified"]


def test_a_cell_is_stamped_where_its_user_has_turned_the_session(server: Running) -> None:
    ada, grace = server.user("ada"), server.user("grace")
    kernel, cell = ran(ada, "draft.ipynb")
    moved(ada, kernel, "saved-as.ipynb")
    grace.save("saved-as.ipynb", notebook(copy.deepcopy(cell)))
    assert found(server, "saved-as.ipynb") == ["verified"]
