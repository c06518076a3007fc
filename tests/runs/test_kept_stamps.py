"""Stamps of runs are kept in the home, so that they can come back to the notebook."""

from __future__ import annotations

import json

from jupyter_mlo.cli.main import main
from jupyter_mlo.notebook.reports import Demands
from tests.runs.conftest import write


def test_stamps_of_a_run_are_kept_beside_those_of_seals(ada, folder, run, settings, judge) -> None:
    ada.login()
    write(folder / "in.ipynb", "print(1)", "h = display(1, display_id=True)", "h.update(2)")
    run("in.ipynb")
    value = json.loads((folder / "out.ipynb").read_text())
    carried = {cell["metadata"]["mlo"]["stamp"]["payload"] for cell in value["cells"]}
    kept = [
        json.loads(line)
        for file in settings.stamps.rglob("*.jsonl")
        for line in file.read_text().splitlines()
    ]
    assert carried <= {line["envelope"]["payload"] for line in kept}
    assert {line["cell"] for line in kept} == {"cell-0", "cell-1", "cell-2"}
    for cell in value["cells"]:
        del cell["metadata"]["mlo"]
    del value["metadata"]["mlo"]
    (folder / "out.ipynb").write_text(json.dumps(value))
    assert main(["restore", "out.ipynb"]) == 0
    assert main(["seal", "out.ipynb"]) == 0
    assert judge().holds(Demands())


def test_a_run_goes_on_where_stamps_cannot_be_kept(ada, folder, run, settings, caplog) -> None:
    ada.login()
    settings.stamps.write_text("no folder")
    write(folder / "in.ipynb", "print(1)", "print(2)")
    run("in.ipynb")
    assert caplog.text.count("Stamps are in the notebook only") == 1
    value = json.loads((folder / "out.ipynb").read_text())
    assert all("mlo" in cell["metadata"] for cell in value["cells"])
