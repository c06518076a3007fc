"""Whose cell it is, as this server sees it."""

from __future__ import annotations

from tests.server.conftest import Start, notebook, until


def test_a_cell_is_the_one_s_who_asked_for_it(start: Start) -> None:
    server = start("ada", "grace")
    ada, grace = server.user("ada"), server.user("grace")
    ids = ada.enrol("Ada Sample"), grace.enrol("Grace Sample")
    kernel = ada.kernel()
    one, two = ada.connect(kernel), grace.connect(kernel)
    cells = [one.run("a = 1; print(a)", "c1"), two.run("print(a + 1)", "c2"), one.run("a", "c3")]
    marks = until(
        lambda: (found := ada.get(f"/jupyter-mlo/kernels/{kernel}/marks")["cells"])
        and all(found.get(cell, {}).get("status") == "ok" for cell in ("c1", "c2", "c3"))
        and found
    )
    assert [marks[cell]["executor"]["id"] for cell in ("c1", "c2", "c3")] == [
        ids[0],
        ids[1],
        ids[0],
    ]
    assert cells[2]["outputs"][0]["metadata"]["mlo"] == f"{ids[0]}#{marks['c3']['execution']}"
    ada.save("shared.ipynb", notebook(*cells))
    found = server.verified("shared.ipynb")
    assert [cell["mlo"] for cell in found["cells"]] == [ids[0], ids[1], ids[0]]
    assert [cell["verdict"] for cell in found["cells"]] == ["verified"] * 3
    assert found["holds"]
