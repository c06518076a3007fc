"""``--resume``: which jobs are done, by evidence and not because a file is there.

A job is done if its output holds as ``jupyter mlo verify`` has it, is the same code with the same
injected parameters, and the ledger has the provenance of the run that sealed it just so: succeeded,
by the same MLO, for the same activity and model, on data files that have the same digests now.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from jupyter_mlo.delegation.chain import attribute_many
from jupyter_mlo.errors import MloError
from jupyter_mlo.ledger.store import Filter, Ledger, open_ledger
from jupyter_mlo.notebook.code import code_digest, injected_position
from jupyter_mlo.notebook.layout import read_notebook_entries
from jupyter_mlo.notebook.reading import Notebook
from jupyter_mlo.notebook.reports import Demands
from jupyter_mlo.notebook.verdicts import Verdict
from jupyter_mlo.runs.batch.attempt import Surrounding, ready
from jupyter_mlo.runs.batch.jobs import Job
from jupyter_mlo.runs.batch.prepare import is_remote
from jupyter_mlo.runs.batch.results import Done
from jupyter_mlo.runs.files import digest_path
from jupyter_mlo.runs.surroundings import declared_data
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import Statement, read_statement
from jupyter_mlo.statements.strict_json import read_json
from jupyter_mlo.verbs.context import Context
from jupyter_mlo.verbs.judging import Judge


def done_before(jobs: Sequence[Job], around: Surrounding, context: Context) -> dict[int, Done]:
    """Number of each job that is done → the run that has done it."""
    around.on_record.publish([])  # what still waits for the ledger is evidence as well
    try:
        ledger = open_ledger(context.settings, create=False)
    except MloError:
        return {}
    with ledger, Judge(context.settings, context.now()) as judge:
        evidence = _Evidence(around, judge, ledger, context)
        return {job.number: done for job in jobs if (done := evidence.of(job)) is not None}


class _Evidence:
    def __init__(self, around: Surrounding, judge: Judge, ledger: Ledger, context: Context) -> None:
        self._around = around
        self._judge = judge
        self._ledger = ledger
        self._context = context
        #: Of an MLO, metrics and test results by run.
        self._measured: dict[str, dict[str, list[Statement]]] = {}

    def of(self, job: Job) -> Done | None:
        """The run that has done ``job``; None where none has."""
        path = self._around.folder / job.target
        if is_remote(job.target) or not path.is_file():
            return None
        try:
            notebook = self._judge.read(path)
            examined = self._judge.examine(notebook)
            report = self._judge.report(examined)
            if not report.holds(Demands(sealed=True)):
                return None
            if any(cell.verdict is Verdict.STRIPPED for cell in report.cells):
                return None  # its results are gone
            nb, kernel_name, request = ready(job, self._around)
            acting = self._around.acting(request)
            if acting.signer is None or notebook.kernel_name != kernel_name:
                return None
            if code_digest(notebook) != request.code or _injected(notebook) != _injected_of(nb):
                return None
            entries = read_notebook_entries(notebook.metadata)
            run = self._provenance(notebook, acting.signer.mlo, entries)
            if run is None:
                return None
            same = (run["mlo_activity"], run["mlo_model"]) == (acting.activity, acting.model)
            if not same or not self._same_data(run, job):
                return None
            measured = self._measured_in(run["mlo_run"], notebook, acting.signer.mlo)
            return Done(run["mlo_run"], acting, measured)
        except (MloError, OSError, LookupError, TypeError):
            return None

    def _provenance(self, notebook: Notebook, mlo: str, entries: Any) -> Any:
        """The predicate of the run that has sealed the notebook just as it is, and succeeded."""
        if not entries.all_seals or entries.notebook is None:
            return None
        seal = read_json(entries.all_seals[0].envelope.payload)
        digest = seal["subject"][0]["digest"]
        wanted = Filter(predicate_type=types.PROVENANCE, subject=entries.notebook)
        found = [read_statement(entry.envelope) for entry in self._ledger.entries(wanted)]
        for statement in self._of_theirs(found, notebook, mlo):
            said = read_json(statement.envelope.payload)
            if (
                said["subject"][0]["digest"] == digest
                and said["predicate"]["mlo_outcome"] == "succeeded"
            ):
                return said["predicate"]
        return None

    def _measured_in(self, run: str, notebook: Notebook, mlo: str) -> list[Envelope]:
        """Metrics and test results that were signed in a run, in the ledger's order."""
        if mlo not in self._measured:
            runs = self._measured.setdefault(mlo, {})
            for kind in (types.EVIDENCE, types.TEST_RESULT):
                for entry in self._ledger.entries(Filter(predicate_type=kind, mlo=mlo)):
                    with contextlib.suppress(MloError):
                        one = read_statement(entry.envelope)
                        runs.setdefault(str(one.run), []).append(one)
        found = self._measured[mlo].get(run, [])
        return [one.envelope for one in self._of_theirs(found, notebook, mlo)]

    def _of_theirs(
        self, found: Sequence[Statement], notebook: Notebook, mlo: str
    ) -> list[Statement]:
        """Those for which this MLO answers."""
        here, chains = self._judge.here, read_notebook_entries(notebook.metadata).chains
        pool = here.for_notebook(notebook)[0].also(chains)
        if here.ledger is not None:
            pool = pool.also(here.ledger.chains_of([one.envelope for one in found], pool))
        judged = attribute_many(found, pool=pool, trust=here.trust, now=self._context.now())
        return [
            one
            for one, by in zip(found, judged, strict=True)
            if not isinstance(by, MloError) and by.mlo == mlo
        ]

    def _same_data(self, run: Any, job: Job) -> bool:
        """Whether the files that parameters name are those that the run has used."""
        used = {
            (each.get("name"), each["digest"].get("sha256"))
            for each in run["buildDefinition"]["resolvedDependencies"]
        }
        folder = self._around.cwd
        return all(
            (file.name, file.sha256) in used
            for name, path in declared_data(job.parameters, folder)
            for file in digest_path(path, name)
        )


def _injected(notebook: Notebook) -> str | None:
    at = injected_position(notebook)
    return None if at is None else notebook.cells[at].source


def _injected_of(nb: Any) -> str | None:
    for cell in nb["cells"]:
        if "injected-parameters" in cell["metadata"].get("tags", []):
            return str(cell["source"])
    return None
