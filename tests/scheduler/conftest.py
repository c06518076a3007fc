"""A real Jupyter server with jupyter-scheduler, switched on as the wheel switches it on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import requests
from nbformat.v4 import new_code_cell, new_notebook

from tests.server.conftest import PASSPHRASE, REPOSITORY, Running, User, started, until

pytest.importorskip("jupyter_scheduler", reason="the extra scheduler is not installed")

SHIPPED = REPOSITORY / "jupyter-config" / "jupyter_jupyter_scheduler_config.json"
#: Definitions whose time has come are looked for each second.
OFTEN = "c.TaskRunner.poll_interval = 1\n"
_PEOPLE = tuple(f"sample-{n}" for n in range(40))
_names = iter(_PEOPLE)
ENDED = {"COMPLETED", "FAILED", "STOPPED"}


def with_scheduler(folder: Path, *people: str, config: str = "", **options: Any) -> Running:
    """A server whose people have jobs."""
    return started(
        folder,
        *people,
        config=OFTEN + config,
        beside=("jupyter_scheduler",),
        files=(SHIPPED,),
        **options,
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = with_scheduler(tmp_path_factory.mktemp("server"), *_PEOPLE)
    yield running
    running.stop()


@pytest.fixture
def two(server: Running) -> tuple[User, User]:
    """Two users whom nobody has met."""
    return server.user(next(_names)), server.user(next(_names))


def write(server: Running, name: str, *sources: str, tagged: bool = True) -> Path:
    """A notebook whose first cell has the parameters."""
    cells = [new_code_cell(source) for source in sources]
    if tagged:
        cells[0].metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = server.root / name
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def mandate(user: User, *notebooks: str, **more: Any) -> str:
    """Make a mandate that is kept on the server, as the panel's wizard does; its ID."""
    said = {"paths": list(notebooks), "activities": ["training"], "models": ["loan"], "hours": 24}
    said.update(more)
    shown = user.post("/jupyter-mlo/mandates/preview", said)["shown"]
    form = {"wish": said, "shown": shown, "handover": "kept", "passphrase": PASSPHRASE}
    made = user.post("/jupyter-mlo/mandates", form)
    found: str = made["mandate"]["id"]
    return found


def runs(server: Running, *mlos: str) -> list[dict[str, Any]]:
    """The runs of these that the ledger has."""
    lines = server.jupyter_mlo("log", "--runs", "--json").splitlines()
    return [one for one in map(json.loads, lines) if one["mlo"] in mlos]


def job_form(uri: str, **more: Any) -> dict[str, Any]:
    """What the form sends."""
    return {
        "name": "nightly",
        "input_uri": uri,
        "runtime_environment_name": "here",
        "output_formats": ["ipynb"],
        **more,
    }


def made(user: User, uri: str, **more: Any) -> str:
    """A job that must be made; its ID."""
    found: str = user.post("/scheduler/jobs", job_form(uri, **more))["job_id"]
    return found


def ended(user: User, job: str, within: float = 60) -> dict[str, Any]:
    """A job, when it has ended."""
    found: dict[str, Any] = {}

    def over() -> bool:
        found.update(user.get(f"/scheduler/jobs/{job}"))
        # A new one is STOPPED until its process begins.
        return found["status"] in ENDED and bool(found["start_time"])

    until(over, within)
    return found


def output(server: Running, job: str) -> dict[str, Any]:
    """The notebook that a job has written, and what verify finds of it."""
    staged = server.root.parent / "jupyter-data" / "scheduler_staging_area" / job
    [path] = [
        one for one in staged.glob("*.ipynb") if not re.fullmatch(r"[a-z]+(-\d+)?\.ipynb", one.name)
    ]
    return {
        "notebook": json.loads(path.read_text()),
        "found": server.verified(str(path)),
        "path": path,
    }


def refused(answer: requests.Response) -> str:
    """Why a request was not granted."""
    assert answer.status_code >= 400, answer.text
    return str(answer.json()["message"])


def mlos(found: dict[str, Any]) -> set[str]:
    """Who executed the cells of a notebook, as verify names them."""
    return {cell["mlo"] for cell in found["cells"] if cell["mlo"]}
