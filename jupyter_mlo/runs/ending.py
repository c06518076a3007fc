"""The end of a run: the notebook is sealed and written, then its provenance is published.

Done in a thread while the kernel shuts down, and not interrupted by Ctrl-C. Each step that
fails is said and left out; the next ones are still taken.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import MloError
from jupyter_mlo.lifecycle import provenance
from jupyter_mlo.lifecycle.provenance import RunOutcome
from jupyter_mlo.notebook.layout import MEMBER, notebook_json
from jupyter_mlo.notebook.reading import notebook_from_json
from jupyter_mlo.notebook.seals import make_seal
from jupyter_mlo.runs.account import account
from jupyter_mlo.runs.on_record import OneByOne, OnRecord
from jupyter_mlo.runs.run import NotebookRun
from jupyter_mlo.runs.said import read_said
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types


class Side(Protocol):
    """What differs between those who drive notebooks."""

    @property
    def builder(self) -> str:
        """Its URI, for the provenance."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of what took part, by name."""

    def failed_cell(self, nb: Any) -> Exception | None:
        """Mark the cell that has failed, if any; what is raised for it."""

    def outcome_of(self, error: BaseException | None) -> tuple[RunOutcome, str | None]:
        """How a run ended, and why."""

    def write(self, nb: Any, error: BaseException | None, failed_cell: Exception | None) -> None:
        """Write the notebook where it belongs; raises whatever is in the way."""


class Ending:
    """Ends one run: begun once, then waited for.

    Args:
        run: the run.
        side: who drives it.
        on_record: the ledger; the home's by default.
    """

    def __init__(self, run: NotebookRun, side: Side, on_record: OnRecord | None = None) -> None:
        self._run = run
        self._side = side
        self._on_record = on_record or OneByOne(run.settings)
        self._said = _Said(run.complain)
        self._thread: threading.Thread | None = None
        #: What is raised for a failed cell.
        self.failed_cell: Exception | None = None
        #: What the run's kernel has put on record.
        self.statements: tuple[Envelope, ...] = ()
        #: What has ended the run early.
        self.error: BaseException | None = None
        self.sealed = False
        #: Why the seal does not hold, if a cell has no digest.
        self.undigested = ""
        self.outcome: RunOutcome | None = None
        self.reason: str | None = None
        #: How many statements of the run the ledger has, and how many wait for it.
        self.published = self.waiting = 0
        #: Why the notebook could not be written.
        self.unwritten: Exception | None = None
        self._written = False

    def begin(self, error: BaseException | None) -> None:
        """Nothing of the notebook changes any more; ``error`` is what ended it early."""
        self._run.finished = self._run.now()
        self.error = error
        self._thread = threading.Thread(target=self._end, args=(error,), name="mlo-ending")
        self._thread.start()

    def wait(self) -> None:
        """Wait until all is done."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.2)

    def _end(self, error: BaseException | None) -> None:
        with self._said("The end of this run went wrong"):
            self._end_well(error)
        if not self._written:
            self._write(error)
        self._run.let_go()

    def _end_well(self, error: BaseException | None) -> None:
        run = self._run
        with self._said("A cell that was cut short stays unstamped"):
            run.stamps.complete_all(run.now())
        if error is None:
            self.failed_cell = self._side.failed_cell(run.nb)
        outcome, reason = self._side.outcome_of(error or self.failed_cell)
        self.outcome, self.reason = outcome, reason
        signer = run.acting.signer
        seal: Envelope | None = None
        statements: list[Envelope] = []
        if signer is not None:
            with self._said("What the notebook put on record cannot be read"):
                statements = self._statements()
            self.statements = tuple(statements)
            # A lower bound for the time of the seal.
            head = self._on_record.head()
            signer = signer.quoting(head) if head is not None else signer
            with self._said("The notebook is not sealed"):
                seal = self._seal(signer)
        self.sealed = seal is not None and not self.undigested
        self._journal(outcome, seal)
        self._write(error)
        if signer is None:
            return
        made: list[Envelope] = [*statements, *([seal] if seal else [])]
        with self._said("No provenance is on record for this run"):
            run.surroundings.wait()
            facts = account(
                run,
                outcome=outcome,
                reason=reason,
                seal=seal,
                statements=statements,
                versions=self._side.versions,
            )
            subject = provenance.subject(facts)
            predicate = provenance.provenance(facts, builder=self._side.builder)
            made.append(signer.sign(types.PROVENANCE, subject, predicate, run.now()))
        with self._said("What this run says of itself is on record nowhere but in the notebook"):
            self._publish(signer, made)

    def _statements(self) -> list[Envelope]:
        run = self._run
        if not run.leaf:
            return []
        said = read_said(run.folder, run.leaf, run.run_id, run.now())
        for problem in said.problems:
            self._run.complain(f"Not counted: {problem}")
        return list(said.statements)

    def _seal(self, signer: Signer) -> Envelope:
        """Seal the notebook as it is now."""
        from jupyter_mlo.notebook.present import sealable

        run = self._run
        cells = run.stamps.sealed_cells(run.nb["cells"])
        without = [at for at, cell in enumerate(cells, 1) if cell.cell is None]
        if without:
            self.undigested = f"cell {without[0]} has no digest"
            run.complain(f"The notebook does not hold: {self.undigested}")
        seal = make_seal(
            signer,
            sealable(notebook_from_json(run.nb), cells),
            notebook=run.notebook_id,
            parent=run.parent,
            previous=None,
            meaning="held",
            now=run.now(),
        )
        run.nb["metadata"][MEMBER] = notebook_json(
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
                journal.metadata(self._run.nb["metadata"])
            journal.ended(outcome, seal.statement_id if seal else None)

    def _write(self, error: BaseException | None) -> None:
        self._written = True
        try:
            self._side.write(self._run.nb, error, self.failed_cell)
        except Exception as fault:  # any handler of papermill's
            self.unwritten = fault

    def _publish(self, signer: Signer, made: Sequence[Envelope]) -> None:
        # The run's delegation is only of use to those who read what its kernel said.
        chain = self._run.leaf or signer.chain
        published = self._on_record.publish([*chain, *made])
        self.published, self.waiting = published.count, published.waiting
        if published.count < len(chain) + len(made):
            self._run.complain(
                f"{published.waiting} statements wait for the ledger and go there with the next "
                f"ones: {published.why}"
            )
        elif published.why:
            self._run.complain(published.why)


class _Said:
    """Says what went wrong, and goes on."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain

    @contextlib.contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        try:
            yield
        except MloError as error:
            self._complain(f"{what}: {error}")
        except Exception as error:  # a fault of ours must not cost the run
            self._complain(f"{what}: {error!r}")
