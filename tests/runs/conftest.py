"""An MLO who is logged in, notebooks, and papermill: in this process and as a command."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import papermill.iorw
import pytest
from papermill.execute import execute_notebook

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.enrolment import enrol_oneself
from jupyter_mlo.delegation.mandate_store import MandateStore
from jupyter_mlo.delegation.mandates import create_mandate
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.sessions import open_session
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.delegation.trust import TrustStore
from jupyter_mlo.identity.ids import new_mlo_id
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.identity.private_files import write_private
from jupyter_mlo.ledger.publish import publish
from jupyter_mlo.ledger.store import open_ledger
from jupyter_mlo.notebook.code import code_digest
from jupyter_mlo.notebook.reading import read_notebook
from jupyter_mlo.notebook.reports import Demands, NotebookReport
from jupyter_mlo.notebook.verification import verify_notebook
from jupyter_mlo.runs.journal import Journal
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import Statement, read_statement
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.parser import run_verb

PYTHON = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


def notebook(*sources: str, **metadata: Any) -> Any:
    """A notebook of code cells; a source that begins with ``# md`` is a markdown cell."""
    nb = nbformat.v4.new_notebook(metadata={**PYTHON, **metadata})
    for at, source in enumerate(sources):
        make = (
            nbformat.v4.new_markdown_cell
            if source.startswith("# md")
            else nbformat.v4.new_code_cell
        )
        nb.cells.append(make(source, id=f"cell-{at}"))
    return nb


def write(path: Path, *sources: str, tags: dict[int, list[str]] | None = None) -> Path:
    """Write such a notebook; ``tags`` by position."""
    nb = notebook(*sources)
    for at, given in (tags or {}).items():
        nb.cells[at].metadata["tags"] = given
    nbformat.write(nb, path)
    return path


@dataclass
class Person:
    """An MLO of this home, with an own key that is known here."""

    settings: Settings
    mlo: str
    key: SigningKey
    enrolment: Any

    @property
    def own(self) -> Signer:
        return Signer.own(self.mlo, self.key, [self.enrolment])

    def login(
        self, *, activity: str | None = "training", model: str | None = "loan@3", **options: Any
    ) -> Signer:
        options = {"now": datetime.now(UTC)} | options
        return open_session(
            self.settings,
            self,  # type: ignore[arg-type]  # of an identity only the MLO ID is asked for
            self.key,
            activity=activity,
            model=model,
            enrolments=[self.enrolment],
            **options,
        )

    def mandate(
        self,
        path: Path,
        *,
        activities: Sequence[str] = ("training",),
        models: Sequence[str] = ("loan",),
        parameters: Any = (),
        now: datetime | None = None,
        lasts: timedelta = timedelta(days=30),
        file: str = "job.mandate",
        uses: Any = "*",
        to: Any = None,
    ) -> Path:
        """A mandate for the notebook at ``path``; the result is its file."""
        publish(self.settings, [self.enrolment])
        with open_ledger(self.settings) as ledger:
            own = self.own.quoting(ledger.quoted())
        made = create_mandate(
            own,
            notebook=path.name,
            code=code_digest(read_notebook(path)),
            activities=activities,
            models=models,
            parameters=parameters if isinstance(parameters, str) else dict(parameters),
            now=now or datetime.now(UTC),
            lasts=lasts,
            uses=uses,
            to=to,
        )
        target = path.parent / file
        write_private(target, made.to_bytes())
        publish(self.settings, MandateStore(self.settings).add(made).chain)
        return target


@pytest.fixture(autouse=True)
def papermills_own_folder() -> Iterator[None]:
    """Runs side by side in threads leave papermill's local handler in one of their folders."""
    yield
    papermill.iorw.papermill_io.get_handler("local").cwd(None)


@pytest.fixture
def ada(settings: Settings) -> Person:
    """An MLO whose key is pinned here. She is not logged in."""
    key, mlo = SigningKey.generate(), new_mlo_id()
    enrolment = enrol_oneself(mlo, "person", key, now=datetime.now(UTC) - timedelta(hours=1))
    TrustStore(settings).add(mlo, key.key_id)
    return Person(settings, mlo, key, enrolment)


@pytest.fixture
def folder(tmp_path: Path, home_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where notebooks are; the current folder."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


Run = Callable[..., Any]


@pytest.fixture
def run(folder: Path) -> Run:
    """``run("in.ipynb", "out.ipynb", **options)`` by the engine ``mlo``, in this process."""

    def execute(source: Any, target: Any = "out.ipynb", **options: Any) -> Any:
        options = {"engine_name": "mlo", "progress_bar": False} | options
        return execute_notebook(source, target, **options)

    return execute


@pytest.fixture
def quick_imports(tmp_path: Path, home_env: dict[str, str]) -> dict[str, str]:
    """An environment in which papermill is imported in one second instead of three.

    jsonschema's optional check of IRIs builds a grammar at import; nobody here needs it.
    """
    place = tmp_path / "quick-imports"
    place.mkdir()
    code = "import sys\nsys.modules['rfc3987_syntax'] = None\n"
    (place / "sitecustomize.py").write_text(code)
    return dict(os.environ) | {"PYTHONPATH": str(place)}


@pytest.fixture
def command(folder: Path, quick_imports: dict[str, str]) -> Callable[..., subprocess.Popen[str]]:
    """Start ``papermill --engine mlo``; stdin, stdout and stderr are pipes or given."""

    def start(*arguments: str, engine: str | None = "mlo", **options: Any) -> Any:
        chosen = ["--engine", engine] if engine else []
        environ = quick_imports | options.pop("environ", {})
        return subprocess.Popen(
            [sys.executable, "-m", "papermill", "--no-progress-bar", *chosen, *arguments],
            env=environ,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    return start


@pytest.fixture
def verb(settings: Settings, folder: Path) -> Callable[..., tuple[int, str]]:
    """Run ``jupyter mlo …`` in this process; the result is its status and what it said."""

    def call(*arguments: str) -> tuple[int, str]:
        said = io.StringIO()
        context = Context(
            settings=settings,
            out=said,
            err=said,
            ask=None,  # type: ignore[arg-type]  # nobody is asked
            now=lambda: datetime.now(UTC),
        )
        return run_verb(list(arguments), context), said.getvalue()

    return call


def an_open_journal(
    settings: Settings,
    name: str = "a" * 8,
    output: str | None = "/nowhere/out.ipynb",
    nb: Any = None,
) -> Journal:
    """The journal of a run that goes on; of two cells, unless ``nb`` is another notebook."""
    nb = nb or notebook("1", "2")
    head = {
        "run": f"urn:uuid:{name}",
        "notebook": "urn:uuid:" + "0" * 36,
        "output": output,
        "started": "2026-11-22T12:00:00.000Z",
    }
    return Journal(settings.runs / name, head, nb)


Judge = Callable[..., NotebookReport]


@pytest.fixture
def judge(settings: Settings) -> Judge:
    """The verdict on a file, with what this home trusts and nothing else."""

    def verify(path: Path | str = "out.ipynb") -> NotebookReport:
        return verify_notebook(
            read_notebook(path),
            pool=Pool(),
            trust=TrustStore(settings).load(),
            now=datetime.now(UTC),
        )

    return verify


@pytest.fixture
def holds(judge: Judge) -> Judge:
    """The same, and it must hold as a run's output: stamped, sealed, known."""

    def verify(path: Path | str = "out.ipynb") -> NotebookReport:
        report = judge(path)
        assert report.holds(Demands()), report
        assert not report.nothing_executed or not report.cells, report
        return report

    return verify


@pytest.fixture
def logged(settings: Settings) -> Callable[[str], list[Statement]]:
    """The statements of one kind in the ledger, oldest first."""

    def read(predicate_type: str = types.PROVENANCE) -> list[Statement]:
        with open_ledger(settings) as ledger:
            entries = [read_statement(entry.envelope) for entry in ledger.entries()]
        return [each for each in entries if each.predicate_type == predicate_type]

    return read


def outcome(logged: Callable[[str], list[Statement]]) -> str:
    """How the newest run ended."""
    return str(logged(types.PROVENANCE)[-1].predicate.mlo_outcome)  # type: ignore[union-attr]


def stamped(report: NotebookReport) -> list[int]:
    """Positions of the cells that carry a stamp that counts."""
    return [cell.position for cell in report.cells if cell.execution is not None]
