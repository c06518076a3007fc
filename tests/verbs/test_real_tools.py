"""What real tools make of a sealed notebook: rewriting is no alarm, other code is named."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import papermill.iorw
import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager

from tests.notebook.front_ends import jupyterlab_save, vs_code_save
from tests.notebook.people import code, notebook, shows, stream, text
from tests.tally import Tally
from tests.verbs.workshop import Workshop


def tool(name: str, *arguments: str | Path) -> None:
    """Run a command of this environment."""
    command = [sys.executable, "-m", name, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def by_nbformat(path: Path) -> None:
    nbformat.write(nbformat.read(path, as_version=4), path)


def by_papermill(path: Path) -> None:
    """Its upgrade draws new ids for cells of older formats."""
    value = json.loads(path.read_text())
    value["nbformat_minor"] = 4
    for cell in value["cells"]:
        del cell["id"]
    path.write_text(json.dumps(value))
    papermill.iorw.write_ipynb(papermill.iorw.load_notebook_node(str(path)), str(path))


def by_jupytext(form: str) -> Callable[[Path], None]:
    def rewrite(path: Path) -> None:
        script = path.with_suffix(f".{form.partition(':')[0]}")
        tool("jupytext", "--to", form, "--output", script, path)
        tool("jupytext", "--to", "ipynb", "--update", "--output", path, script)

    return rewrite


def by_nbstripout(path: Path) -> None:
    tool("nbstripout", path)


def by_nbconvert(path: Path) -> None:
    tool("nbconvert", "--to", "notebook", "--inplace", path)


def by_jupyterlab(path: Path) -> None:
    """Opened and saved by Jupyter's own server, with what JupyterLab makes of it between."""
    contents = LargeFileManager(root_dir=str(path.parent))
    model = contents.get(path.name, type="notebook")
    model["content"] = json.loads(jupyterlab_save(model["content"]))
    contents.save({name: model[name] for name in ("type", "format", "content")}, path.name)


def by_vs_code(path: Path) -> None:
    """In the form that VS Code's serializer writes."""
    path.write_bytes(vs_code_save(nbformat.read(path, as_version=4)))


HARMLESS = {
    "nbformat": by_nbformat,
    "JupyterLab's form, Jupyter server": by_jupyterlab,
    "VS Code's form": by_vs_code,
    "papermill": by_papermill,
    "jupytext py:percent": by_jupytext("py:percent"),
    "jupytext md": by_jupytext("md"),
    "nbstripout": by_nbstripout,
    "nbconvert": by_nbconvert,
}


@pytest.fixture
def sealed(cli, ada, secret, settings, tmp_path) -> Path:
    assert cli("login", "--activity", "training", MLO_PASSPHRASE_FILE=secret).status == 0
    shop = Workshop(settings, tmp_path / "work")
    value = notebook(
        text("# Loans\n\nWhy.\n", "m"),
        code("x = { 'a':1 }\nprint( x )\n", "a"),
        code("show()\n\n", "b"),
    )
    value["metadata"]["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    kernel = shop.kernel()
    kernel.run(value["cells"][1], stream("{'a': 1}\n"))
    kernel.run(value["cells"][2], shows("picture"))
    shop.keep(kernel, value)
    path = shop.write("train.ipynb", value)
    assert cli("seal", path).status == 0
    assert cli("verify", path).status == 0
    return path


@pytest.mark.parametrize("name", HARMLESS)
def test_rewriting_is_no_alarm(cli, sealed: Path, name: str, tally: Tally) -> None:
    HARMLESS[name](sealed)
    done = cli("verify", sealed)
    tally.rewritten(f"by {name}", int(done.status != 0))
    assert done.status == 0, done.out
    assert "2 source holds" in done.out if name == "nbstripout" else "3 verified" in done.out


def test_black_changes_code_and_that_is_named(cli, sealed: Path, tally: Tally) -> None:
    tool("black", "--quiet", sealed)
    done = cli("verify", sealed)
    said = "cell 2 (a): changed since (source)" in done.out
    tally.altered("code by black: changed since (source)", 1, int(not said))
    assert done.status == 1
    assert "cell 2 (a): changed since (source)" in done.out
    assert "cell 3" not in done.out
