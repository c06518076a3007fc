"""Where outputs go, and what is said of them: links, odd names, and what has no digest."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_mlo.errors import InvalidInput
from jupyter_mlo.notebook.reports import Demands
from jupyter_mlo.runs.batch.batch import Manner
from jupyter_mlo.runs.batch.index import index
from jupyter_mlo.runs.batch.jobs import Job, expand
from jupyter_mlo.runs.batch.results import Result, shown_parameters
from jupyter_mlo.verbs.run_shown import table
from tests.runs.conftest import write


@pytest.mark.parametrize(
    ("source", "out", "parameters"),
    [
        ("...ipynb", "runs/{notebook}/x.ipynb", {}),
        ("..ipynb", "runs/{notebook}/x.ipynb", {}),
        (".ipynb", "runs/{notebook}/x.ipynb", {}),
        ("../t.ipynb", "runs/{folder}/x.ipynb", {}),
        ("a/../../t.ipynb", "runs/{folder}/x.ipynb", {}),
        ("t.ipynb", "runs/{folder}/x.ipynb", {"folder": ".."}),
        ("t.ipynb", "runs/{notebook}.ipynb", {"notebook": "a"}),
        ("t.ipynb", "runs/{run}.ipynb", {"run": 7}),
    ],
)
def test_no_pattern_leaves_its_folder(source: str, out: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"--out|part of a file's name"):
        expand([source], parameters=parameters, grid={}, out=out)


def test_beside_the_notebook_is_a_place() -> None:
    for source, target in (("../t.ipynb", "../out-t.ipynb"), ("/a/t.ipynb", "/a/out-t.ipynb")):
        (job,) = expand(
            [source], parameters={"run": 1}, grid={}, out="{folder}/out-{notebook}.ipynb"
        )
        assert job.target == target


def test_numbers_that_json_does_not_have_are_texts() -> None:
    odd = {"a": float("inf"), "b": float("-inf"), "c": float("nan"), "d": 1.5, "e": 10**400}
    shown = shown_parameters(odd)
    json.dumps(shown, allow_nan=False)
    assert shown["a"] == "inf"
    assert shown["d"] == 1.5


def test_a_name_of_any_bytes_has_a_link(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.ipynb")
    target = str(tmp_path / name)
    page = index([Result(Job(1, name, target, {}))], {}, {}, datetime.now(UTC), tmp_path)
    assert 'href="caf%E9.ipynb"' in page


def test_a_link_that_a_cell_plants_is_replaced(
    ada: Any, batch: Callable[..., Any], folder: Path, holds: Any
) -> None:
    ada.login()
    victim = folder / "victim"
    victim.write_text("precious")
    os.link(victim, folder / "its other name")
    (folder / "real.ipynb").write_text("")
    (folder / "before.ipynb").symlink_to("real.ipynb")
    write(folder / "in.ipynb", f"import os\nos.symlink({str(victim)!r}, 'out.ipynb')")
    write(folder / "good.ipynb", "1")
    results = batch([Job(1, "in.ipynb", "out.ipynb", {}), Job(2, "good.ipynb", "before.ipynb", {})])
    assert [result.status for result in results] == ["succeeded"] * 2, results
    assert victim.read_text() == "precious"
    assert not (folder / "out.ipynb").is_symlink()
    assert (folder / "before.ipynb").is_symlink()
    holds("out.ipynb")
    holds("real.ipynb")


def test_a_folder_that_a_cell_makes_a_link_is_not_written_to(
    ada: Any, batch: Callable[..., Any], folder: Path, verb: Any
) -> None:
    ada.login()
    (folder / "elsewhere").mkdir()
    write(folder / "in.ipynb", "import os\nos.symlink('elsewhere', 'runs')")
    (result,) = batch([Job(1, "in.ipynb", "runs/out.ipynb", {})])
    assert result.status == "failed"
    assert "symbolic link" in result.reason
    assert not list((folder / "elsewhere").iterdir())
    assert verb("recover", "runs/out.ipynb", "--to", "saved.ipynb")[0] == 0


def test_an_output_without_a_digest_is_said(
    ada: Any, batch: Callable[..., Any], folder: Path, judge: Any
) -> None:
    ada.login()
    content = rb'{"data": {"application/json": {"\ud800": 1}}, "metadata": {}}'
    send = (
        "k = get_ipython().kernel\n"
        f"k.session.send(k.iopub_socket, 'display_data', {content!r}, parent=k.get_parent('shell'))"
    )
    write(folder / "in.ipynb", send, "1")
    (result,) = batch([Job(1, "in.ipynb", "out.ipynb", {})])
    assert nbformat.read("out.ipynb", as_version=4).cells[0].outputs
    assert not judge().holds(Demands())
    assert result.status == "succeeded"
    assert not result.sealed
    assert "cell 1 has no digest" in result.reason
    shown = table([result], {result.mlo: "Ada \x1b[31mSample"})
    assert "\nrun 1: Cell 1 cannot be stamped: a string holds a lone surrogate" in shown
    assert shown.count("has no digest") == 1
    assert f"  Ada \\x1b[31mSample ({result.mlo})  out.ipynb" in shown


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
def test_a_kernel_that_kills_the_fork_server_leaves_none_behind(
    ada: Any, batch: Callable[..., Any], folder: Path
) -> None:
    ada.login()
    note = f"import os\nopen('{folder}/pid', 'a').write(f'{{os.getpid()}}\\n')"
    write(folder / "in.ipynb", note, "os.kill(os.getppid(), 9)", "import time; time.sleep(300)")
    (result,) = batch([Job(1, "in.ipynb", "out.ipynb", {})], manner=Manner(retries=0))
    assert (result.status, result.reason) == ("failed", "the kernel died"), result
    (pid,) = map(int, (folder / "pid").read_text().split())
    until = time.monotonic() + 10
    while _lives(pid):
        assert time.monotonic() < until
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
