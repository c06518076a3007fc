"""The end of a run: the notebook is sealed and written, then its provenance is published.

Done in a thread while the kernel shuts down, and not interrupted by Ctrl-C. Each step that
fails is said and left out; the next ones are still taken.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from papermill.exceptions import PapermillExecutionError
from papermill.execute import raise_for_execution_errors
from papermill.iorw import StreamHandler, papermill_io

from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import MloError
from jupyter_mlo.lifecycle import provenance
from jupyter_mlo.lifecycle.provenance import RunOutcome
from jupyter_mlo.notebook.layout import MEMBER, notebook_json
from jupyter_mlo.notebook.reading import notebook_from_json
from jupyter_mlo.notebook.seals import make_seal
from jupyter_mlo.runs.account import account, outcome_of
from jupyter_mlo.runs.run import NotebookRun, complain
from jupyter_mlo.runs.said import read_said
from jupyter_mlo.runs.saving import write_notebook
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types


class Ending:
    """Ends one run: begun once, then waited for.

    Args:
        run: the run.
        asked: where papermill has asked the engine to write; None where it has not.
        final: where papermill itself writes when the engine has returned.
    """

    def __init__(self, run: NotebookRun, *, asked: str | None, final: str | None) -> None:
        self._run = run
        self._asked = asked
        self._final = final
        self._thread: threading.Thread | None = None
        #: What papermill raises for a failed cell.
        self.failed_cell: PapermillExecutionError | None = None
        #: Why the notebook could not be written.
        self.unwritten: Exception | None = None
        self._written = False

    def begin(self, error: BaseException | None) -> None:
        """Nothing of the notebook changes any more; ``error`` is what ended it early."""
        self._run.finished = self._run.now()
        self._thread = threading.Thread(target=self._end, args=(error,), name="mlo-ending")
        self._thread.start()

    def wait(self) -> None:
        """Wait until all is done."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.2)

    def _end(self, error: BaseException | None) -> None:
        with _said("The end of this run went wrong"):
            self._end_well(error)
        if not self._written:
            self._write(error)
        self._run.let_go()

    def _end_well(self, error: BaseException | None) -> None:
        run = self._run
        with _said("A cell that was cut short stays unstamped"):
            run.stamps.complete_all(run.now())
        if error is None:
            self.failed_cell = _mark_failed_cell(run.nb)
        outcome, reason = outcome_of(error or self.failed_cell)
        signer = run.acting.signer
        seal: Envelope | None = None
        statements: list[Envelope] = []
        if signer is not None:
            with _said("What the notebook put on record cannot be read"):
                statements = self._statements()
            signer = self._with_checkpoint(signer)
            with _said("The notebook is not sealed"):
                seal = self._seal(signer)
        self._journal(outcome, seal)
        self._write(error)
        if signer is None:
            return
        made: list[Envelope] = [*statements, *([seal] if seal else [])]
        with _said("No provenance is on record for this run"):
            run.surroundings.wait()
            facts = account(run, outcome=outcome, reason=reason, seal=seal, statements=statements)
            subject, predicate = provenance.subject(facts), provenance.provenance(facts)
            made.append(signer.sign(types.PROVENANCE, subject, predicate, run.now()))
        with _said("What this run says of itself is on record nowhere but in the notebook"):
            self._publish(signer, made)

    def _statements(self) -> list[Envelope]:
        key = self._run.key
        if key is None:
            return []
        said = read_said(key.folder, key.signer.chain, self._run.run_id, self._run.now())
        for problem in said.problems:
            complain(f"Not counted: {problem}")
        return list(said.statements)

    def _with_checkpoint(self, signer: Signer) -> Signer:
        """The signer, quoting what the ledger is now: a lower bound for the time of the seal."""
        from jupyter_mlo.ledger.store import open_ledger

        try:
            with open_ledger(self._run.settings, create=False, patience=2.0) as ledger:
                return signer.quoting(ledger.quoted())
        except (MloError, OSError):
            return signer

    def _seal(self, signer: Signer) -> Envelope:
        """Seal the notebook as it is now."""
        from jupyter_mlo.notebook.present import sealable

        run = self._run
        cells = run.stamps.sealed_cells(run.nb.cells)
        seal = make_seal(
            signer,
            sealable(notebook_from_json(run.nb), cells),
            notebook=run.notebook_id,
            parent=run.parent,
            previous=None,
            meaning="held",
            now=run.now(),
        )
        run.nb.metadata[MEMBER] = notebook_json(
            notebook=run.notebook_id,
            parent=run.parent,
            chains=signer.chain,
            newest=(seal, cells),
            older=(),
        )
        return seal

    def _journal(self, outcome: RunOutcome, seal: Envelope | None) -> None:
        journal = self._run.journal
        if journal is None:
            return
        with contextlib.suppress(OSError, TypeError, ValueError):  # said when it began to fail
            if self.failed_cell is not None:
                journal.notebook(self._run.nb)
            else:
                journal.metadata(self._run.nb.metadata)
            journal.ended(outcome, seal.statement_id if seal else None)

    def _write(self, error: BaseException | None) -> None:
        """Write the notebook: always where asked, and where papermill will not do it any more."""
        self._written = True
        target = self._asked
        if self.failed_cell is not None or (error is not None and not _is_stream(self._final)):
            target = self._final or target
        if target is None:
            return
        try:
            write_notebook(self._run.nb, target)
        except Exception as fault:  # any handler of papermill's
            self.unwritten = fault

    def _publish(self, signer: Signer, made: Sequence[Envelope]) -> None:
        from jupyter_mlo.ledger.publish import publish

        key = self._run.key
        # The run's delegation is only of use to those who read what its kernel said.
        chain = key.signer.chain if key is not None else signer.chain
        published = publish(self._run.settings, [*chain, *made])
        if published.count < len(chain) + len(made):
            complain(
                f"{published.waiting} statements wait for the ledger and go there with the next "
                f"ones: {published.why}"
            )
        elif published.why:
            complain(published.why)


def _is_stream(path: str | None) -> bool:
    """Whether writing there twice would write two notebooks one after the other."""
    return path is not None and isinstance(papermill_io.get_handler(path), StreamHandler)


@contextlib.contextmanager
def _said(what: str) -> Iterator[None]:
    """Say what went wrong, and go on."""
    try:
        yield
    except MloError as error:
        complain(f"{what}: {error}")
    except Exception as error:  # a fault of ours must not cost the run
        complain(f"{what}: {error!r}")


def _mark_failed_cell(nb: Any) -> PapermillExecutionError | None:
    """Have papermill insert its error cells, as it would after the engine has returned."""
    try:
        raise_for_execution_errors(nb, None)
    except PapermillExecutionError as error:
        return error
    return None
