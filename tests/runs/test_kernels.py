"""Kernels that have nothing of ours in them: another environment, another language."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
import rfc8785
from packaging.requirements import Requirement

from jupyter_mlo.statements.predicates import types
from tests.runs.conftest import notebook, stamped, write


def install(name: str, argv: list[str], language: str) -> None:
    place = Path(os.environ["JUPYTER_DATA_DIR"]) / "kernels" / name
    place.mkdir(parents=True)
    spec = {"argv": argv, "display_name": name, "language": language}
    (place / "kernel.json").write_text(json.dumps(spec))


def closure(name: str) -> set[str]:
    """A distribution and all that it requires here."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop().lower()
        if current in found:
            continue
        found.add(current)
        for text in metadata.requires(current) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a virtual environment with ipykernel and nothing else.

    Made of links to what is installed here, so that no index is asked.
    """
    place = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    (site,) = place.glob("lib/python*/site-packages")
    for name in closure("ipykernel"):
        distribution = metadata.distribution(name)
        tops = {Path(file).parts[0] for file in distribution.files or () if ".." not in str(file)}
        for top in tops - {"__pycache__"}:
            source = Path(str(distribution.locate_file(top)))
            if source.exists() and not (site / top).exists():
                (site / top).symlink_to(source)
    return place / "bin" / "python"


def test_an_environment_with_ipykernel_only(ada, run, folder, holds, logged, bare_python):
    ada.login()
    install(
        "bare", [str(bare_python), "-m", "ipykernel_launcher", "-f", "{connection_file}"], "python"
    )
    nb = notebook(
        "import importlib.util as u, sys; print(u.find_spec('jupyter_mlo'), sys.prefix)",
        "h = display('a', display_id=True); 1",
        "h.update('b')",
    )
    nb.metadata["kernelspec"] = {"name": "bare", "display_name": "bare", "language": "python"}
    nbformat.write(nb, folder / "in.ipynb")
    nb = run("in.ipynb")
    assert nb.cells[0].outputs[0].text.split() == ["None", str(bare_python.parent.parent)]
    assert stamped(holds()) == [0, 1, 2]
    assert nb.cells[1].outputs[0].metadata["mlo"].startswith(ada.mlo)
    said = logged(types.PROVENANCE)[-1].predicate.build_definition
    assert said.internal_parameters["language"]["name"] == "python"
    count = said.internal_parameters["packages"]["count"]
    assert 0 < count < len(list(metadata.distributions()))


def test_a_kernel_listens_in_a_private_folder_and_leaves_none(ada, run, folder, holds):
    """A TCP port may be taken by another kernel meanwhile."""
    ada.login()
    write(
        folder / "in.ipynb",
        "import json, os, sys\nfrom ipykernel.connect import get_connection_file\n"
        "said = json.load(open(get_connection_file()))\n"
        "place = os.path.dirname(said['ip'])\n"
        "print(said['transport'], place, oct(os.stat(place).st_mode & 0o777))",
    )
    transport, place, mode = run("in.ipynb").cells[0].outputs[0].text.split()
    assert (transport, mode) == ("ipc", "0o700")
    assert not os.path.exists(place)
    holds()


def test_a_kernel_of_another_language(ada, run, folder, holds, logged):
    ada.login()
    install("bash", [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"], "bash")
    nb = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {"name": "bash", "display_name": "bash", "language": "bash"},
            "language_info": {"name": "bash"},
        }
    )
    cells = ["x=1", "echo $x; echo err >&2", "env | grep -c ^MLO_RUN="]
    nb.cells = [nbformat.v4.new_code_cell(source) for source in cells]
    nb.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(nb, folder / "in.ipynb")
    nb = run("in.ipynb", parameters={"x": 7}, shutdown_kernel="immediate")
    assert stamped(holds()) == [0, 1, 2, 3]
    assert "7\n" in [output.text for output in nb.cells[2].outputs]
    assert nb.cells[3].outputs[0].text.strip() == "1"
    said = logged(types.PROVENANCE)[-1].predicate.build_definition
    assert said.internal_parameters["packages"] == {"unknown": "the kernel's language is bash"}
    argv = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    digest = hashlib.sha256(rfc8785.dumps(argv)).hexdigest()
    assert said.internal_parameters["kernelspec"] == {"language": "bash", "mloArgvV1": digest}
    assert said.external_parameters["parameters"] == {"x": 7}


def test_a_kernel_that_the_caller_has_started_is_used_and_left_alone(ada, run, folder, holds):
    from jupyter_client.manager import start_new_kernel

    ada.login()
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        client.execute_interactive("x = 41", timeout=30)
        client.stop_channels()
        nbformat.write(notebook("x + 1"), folder / "in.ipynb")
        nb = run("in.ipynb", km=manager)
        assert nb.cells[0].outputs[0]["data"]["text/plain"] == "42"
        assert stamped(holds()) == [0]
        assert manager.is_alive()
    finally:
        manager.shutdown_kernel(now=True)


def test_the_kernel_is_told_which_cell_it_runs(ada, run, folder, holds):
    """As JupyterLab tells it: with the request's metadata."""
    ada.login()
    source = "print(get_ipython().get_parent()['metadata']['cellId'])"
    nbformat.write(notebook(source, source), folder / "in.ipynb")
    nb = run("in.ipynb")
    assert [cell.outputs[0].text for cell in nb.cells] == ["cell-0\n", "cell-1\n"]
