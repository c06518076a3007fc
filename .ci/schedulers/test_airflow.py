"""Airflow's own ``PapermillOperator``, in a run of a real DAG, under a mandate of Ada Sample's.

One run of ``nightly.py`` by ``airflow dags test`` is looked at from all sides: Airflow takes its
time to start.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

HERE = Path(__file__).parent
PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
#: Fails at its first attempt with seed 13; says what it sees of secrets, which is nothing.
CODE = """\
import os, pathlib
print({name: value for name, value in os.environ.items() if "MANDATE" in name})
tried = pathlib.Path(os.environ["NIGHTLY_FOLDER"], "tried")
if seed == 13 and not tried.exists():
    tried.touch()
    raise OSError("the database is away")
"""


@dataclass
class Nightly:
    """What a run of the DAG left."""

    place: Path
    environ: dict[str, str]
    #: The mandate as it was handed over.
    value: str
    #: What Airflow printed.
    printed: str

    @property
    def folder(self) -> Path:
        return self.place / "work"

    def mlo(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return command(["jupyter-mlo", *arguments], self.folder, self.environ)

    def states(self) -> dict[str, tuple[str, int]]:
        """State and number of tries of each task, from Airflow's database."""
        with sqlite3.connect(self.place / "airflow" / "airflow.db") as database:
            rows = database.execute("select task_id, state, try_number from task_instance")
            return {task: (state, tries) for task, state, tries in rows}


def command(
    words: list[str], folder: Path, environ: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def nightly(tmp_path_factory: pytest.TempPathFactory) -> Nightly:
    place = tmp_path_factory.mktemp("nightly")
    for name in ("home", "mlo", "work", "airflow", "airflow/dags"):
        (place / name).mkdir(mode=0o700)
    folder = place / "work"
    (place / "airflow" / "dags" / "nightly.py").write_text((HERE / "nightly.py").read_text())
    passphrase = place / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery staple\n")
    cells = [
        nbformat.v4.new_code_cell("seed = 1", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(CODE),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=PYTHON), folder / "train.ipynb")
    cells[1].source += "\nprint('another thing')"
    changed = nbformat.v4.new_notebook(cells=cells, metadata=PYTHON)
    nbformat.write(changed, folder / "changed.ipynb")

    environ = {
        "HOME": str(place / "home"),
        "MLO_HOME": str(place / "mlo"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}/usr/bin:/bin",
        "AIRFLOW_HOME": str(place / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "NIGHTLY_FOLDER": str(folder),
    }
    hers = environ | {"MLO_PASSPHRASE_FILE": str(passphrase)}
    narrow = [
        "--for",
        "3d",
        "--activity",
        "training",
        "--model",
        "loan",
        "--parameters",
        "seed=1..20",
    ]
    for words in (
        ["jupyter-mlo", "enroll", "--name", "Ada Sample", "--email", ""],
        ["jupyter-mlo", "mandate", "create", "train.ipynb", *narrow, "--out", "train.mandate"],
        ["airflow", "db", "migrate"],
    ):
        done = command(words, folder, hers)
        assert done.returncode == 0, done.stdout

    # As a CI system or Kubernetes hands a secret over, and no more than that.
    value = b64encode((folder / "train.mandate").read_bytes()).decode()
    theirs = environ | {"MLO_MANDATE": value, "MLO_DEFAULT_ENGINE": "1"}
    done = command(["airflow", "dags", "test", "nightly"], folder, theirs)
    (place / "airflow.log").write_text(done.stdout)
    return Nightly(place, environ, value, done.stdout)


def test_a_task_runs_in_the_name_of_the_one_who_gave_the_mandate(nightly: Nightly) -> None:
    assert nightly.states()["train"] == ("success", 1), nightly.printed
    verified = nightly.mlo("verify", "train-1.ipynb")
    assert verified.returncode == 0, verified.stdout
    blamed = nightly.mlo("blame", "train-1.ipynb").stdout
    assert "Ada Sample" in blamed
    assert "training" in blamed
    assert "airflow" not in blamed.lower()
    mandate = json.loads((nightly.folder / "train.mandate").read_text())
    text = (nightly.folder / "train-1.ipynb").read_text()
    assert mandate["chain"][-1]["payload"] in text


def test_a_task_that_the_mandate_does_not_permit_fails_and_says_why(nightly: Nightly) -> None:
    reasons = {"parameter": "seed", "changed": "(code)", "revoked": "revoked"}
    said = [line for line in nightly.printed.splitlines() if "RunRefused: " in line]
    assert len(said) == len(reasons), nightly.printed
    for (task, reason), line in zip(reasons.items(), said, strict=True):
        assert nightly.states()[task] == ("failed", 1)
        assert reason in line
        assert not (nightly.folder / f"{task}-1.ipynb").exists()


def test_a_retry_is_a_run_of_its_own_and_both_attempts_are_on_record(nightly: Nightly) -> None:
    assert nightly.states()["again"] == ("success", 2), nightly.printed
    for attempt in ("again-1.ipynb", "again-2.ipynb"):
        verified = nightly.mlo("verify", attempt)
        assert verified.returncode == 0, verified.stdout
    assert '"ename": "OSError"' in (nightly.folder / "again-1.ipynb").read_text()
    assert '"ename"' not in (nightly.folder / "again-2.ipynb").read_text()


def test_the_ledger_holds_each_run_once_and_nothing_of_those_that_were_refused(
    nightly: Nightly,
) -> None:
    assert nightly.mlo("ledger", "verify").returncode == 0
    for kind in ("seal", "provenance"):
        entries = nightly.mlo("log", "--json", "--type", kind).stdout.splitlines()
        assert len([line for line in entries if line.startswith("{")]) == 3, entries


def test_the_mandate_is_in_no_log_database_xcom_or_output(nightly: Nightly) -> None:
    handed = (nightly.folder / "train.mandate").read_bytes()
    # Its chain is public and stands in the output; what the key's PKCS#8 begins with is so, too.
    secret = json.loads(handed)["key"][60:].encode()
    at = handed.index(secret) // 3 * 3 + 3
    pieces = {secret, secret[:40], b64encode(handed[at : at + 60])}
    assert all(piece in handed + nightly.value.encode() for piece in pieces)
    assert not any(piece in nightly.printed.encode() for piece in pieces)
    looked_at = 0
    for path in [*nightly.place.joinpath("airflow").rglob("*"), *nightly.folder.rglob("*.ipynb")]:
        if path.is_file():
            looked_at += 1
            found = path.read_bytes()
            assert not any(piece in found for piece in pieces), path
    assert looked_at > 4
    shown = nbformat.read(nightly.folder / "train-1.ipynb", 4).cells[-1].outputs
    assert [output.text for output in shown] == ["{}\n"]  # and nothing in the kernel's environment
