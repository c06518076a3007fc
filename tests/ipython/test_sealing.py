"""From cells that were run to a notebook that verifies, as a person would go."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat

from tests.ipython.conftest import Home, Start
from tests.ipython.frontend import Cell, FrontEnd

SECRET = "correct-horse-battery-7391"
CELLS: list[tuple[str, list[str]]] = [
    ("%load_ext jupyter_mlo\n%mlo_login", ["Ada", "", SECRET, SECRET]),
    ("%mlo activity training --model loan@3", []),
    ("import sys\nprint('a')\nprint('b', file=sys.stderr)\ndisplay('c')\n'd'", []),
    ("name = input('Name?')\nprint('hello', name)", ["Ada"]),
    ("import getpass\ngetpass.getpass('Secret?'); None", ["hidden"]),
    ("handle = display('first', display_id=True)", []),
    ("handle.update('second')", []),
    ("from IPython.display import clear_output\nprint(1)\nclear_output(wait=True)\nprint(2)", []),
    ("for i in range(40): display(i)", []),
    ("display({'application/json': {'nan': float('nan'), 'n': 1.0}}, raw=True)", []),
    ("for i in range(3): print(i, end='\\r')\nprint('done')", []),
    ("print?", []),
    ("1 / 0", []),
    ("x = 1", []),
]


def run_all(frontend: FrontEnd) -> list[Cell]:
    return [
        frontend.run(source, id=f"cell-{at}", answers=answers)
        for at, (source, answers) in enumerate(CELLS)
    ]


def save(path: Path, cells: list[Cell]) -> None:
    notebook = nbformat.from_dict(
        {
            "cells": [cell.as_json() for cell in cells],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def command(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jupyter_mlo.cli.main", *arguments],
        env=home.env, cwd=home.env["HOME"], capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def verdicts(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_a_notebook_as_jupyterlab_saves_it_verifies_whole(home: Home, start: Start) -> None:
    frontend = start(load=False)
    cells = run_all(frontend)
    assert [c.reply["status"] for c in cells].count("error") == 1, [c.text for c in cells]
    path = Path(home.env["HOME"]) / "analysis.ipynb"
    save(path, cells)
    sealed = frontend.run("%mlo seal analysis.ipynb")
    assert sealed.reply["status"] == "ok", sealed.text
    done = command(home, "verify", "analysis.ipynb")
    assert done.returncode == 0, done.stdout + done.stderr
    for cell in frontend.cells.values():
        assert SECRET not in repr(cell)
    assert SECRET not in path.read_text()


def test_front_ends_that_show_no_typed_answers_verify_too(home: Home, start: Start) -> None:
    frontend = start(load=False)
    frontend.shows_input = False
    path = Path(home.env["HOME"]) / "analysis.ipynb"
    save(path, run_all(frontend))
    sealed = frontend.run("%mlo seal analysis.ipynb")
    assert sealed.reply["status"] == "ok", sealed.text
    done = command(home, "verify", "analysis.ipynb")
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_altered_output_gets_no_stamp(home: Home, start: Start) -> None:
    frontend = start(load=False)
    cells = run_all(frontend)
    cells[2].outputs[0]["text"] = "better\n"
    path = Path(home.env["HOME"]) / "analysis.ipynb"
    save(path, cells)
    frontend.run("%mlo seal analysis.ipynb")
    done = command(home, "verify", "analysis.ipynb")
    assert done.returncode == 1, done.stdout
    assert "not observed" in done.stdout, done.stdout
