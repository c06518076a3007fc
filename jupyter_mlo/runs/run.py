"""One run of one notebook: what is decided before it, noted during it, and sealed after it.

The engine's client tells what happens; here it becomes stamps, journal lines and, at the
end, a seal and a provenance statement. A failure here is said and never stops the run
(DESIGN, "Promises", 3): the notebook is papermill's to run.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.runs import LONGEST, RunDelegation, delegate_run, delegate_run_to
from jupyter_mlo.errors import MloError
from jupyter_mlo.identity.keys import PublicKey
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.notebook.layout import MEMBER, VERSION, read_notebook_entries
from jupyter_mlo.runs.identity import Acting, Request
from jupyter_mlo.runs.journal import Journal, run_folder
from jupyter_mlo.runs.leftovers import sweep
from jupyter_mlo.runs.names import name_here
from jupyter_mlo.runs.run_key import RunKey
from jupyter_mlo.runs.surroundings import Kernel, Surroundings
from jupyter_mlo.statements.times import to_text

if TYPE_CHECKING:
    from jupyter_mlo.ledger.records import RecordStore
    from jupyter_mlo.lifecycle.provenance import Environment
    from jupyter_mlo.lifecycle.resources import FileDigest
    from jupyter_mlo.runs.stamping import CellStamps
    from jupyter_mlo.statements.envelope import Envelope


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


class NotebookRun:
    """A run from before its kernel starts until it is sealed.

    Args:
        nb: the notebook as papermill has prepared it; changed in place.
        acting: who runs it, and why.
        request: what was asked for.
        kernel_name: name of the kernelspec.
        source: the input's file, where it is a local one.
        complain: told, in a sentence, what could not be done.
        announce: told who acts, in a line that is safe to show.
        folder: where the kernel runs; the current one by default.
        now: the clock.
    """

    def __init__(
        self,
        nb: Any,
        *,
        acting: Acting,
        request: Request,
        kernel_name: str,
        settings: Settings,
        source: Path | None,
        complain: Callable[[str], None],
        announce: Callable[[str], None],
        folder: Path | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.nb = nb
        self.complain = complain
        self._announce = announce
        self.acting = acting
        self.request = request
        self.settings = settings
        self.now = now
        reserved = acting.reserved.run if acting.reserved is not None else None
        self.run_id = reserved["id"] if reserved else f"urn:uuid:{uuid.uuid4()}"
        self.notebook_id = reserved["notebook"] if reserved else f"urn:uuid:{uuid.uuid4()}"
        self.parent = read_notebook_entries(nb["metadata"]).notebook
        self.started = now()
        self.finished: datetime | None = None
        #: Of this run's kernel, where it runs here.
        self.key: RunKey | None = None
        #: Enrolments and delegations down to the run's own; empty where nobody acts.
        self.leaf: tuple[Envelope, ...] = ()
        self.journal: Journal | None = None
        #: Whether code of a cell was sent: what is on disk is not to be thrown away then.
        self.has_begun = False
        self._kernel_name = kernel_name
        self._kernel_id = "unknown"
        # Its own list: papermill inserts cells when one has failed.
        self._cells = list(nb["cells"])
        self.surroundings = Surroundings(
            notebook=source,
            parameters={} if request.tampered else request.parameters,
            folder=folder or Path.cwd(),
            kernel_name=kernel_name,
            complain=self.complain,
        )
        self._drop_what_was_said_before()

    @cached_property
    def stamps(self) -> CellStamps:
        """The stamps of this run's cells."""
        # Imported while the kernel starts: nothing is waited for less than a kernel.
        from jupyter_mlo.runs.stamping import CellStamps

        return CellStamps(
            self.acting,
            self._cells,
            notebook_id=self.notebook_id,
            kernel_id=self._kernel_id,
            kernel_name=self._kernel_name,
            complain=self.complain,
            keep=self._kept.append,
        )

    @cached_property
    def _kept(self) -> RecordStore:
        """Copies of stamps, beside those that sealing makes."""
        from jupyter_mlo.ledger.records import RecordStore

        return RecordStore(self.settings.stamps)

    def let_go(self) -> None:
        """No stamp is made any more: have their copies on disk."""
        with contextlib.suppress(OSError):
            self._kept.sync()
        self._kept.close()

    @property
    def folder(self) -> Path:
        """Where this run keeps its journal and its kernel's key."""
        return run_folder(self.settings.runs, self.run_id)

    @property
    def kernel_file(self) -> str | None:
        """What ``MLO_RUN`` names in the kernel; None where nobody acts."""
        return str(self.key.path) if self.key is not None else None

    def _drop_what_was_said_before(self) -> None:
        """Stamps and seals speak of another notebook: the one that was read."""
        for cell in self.nb["cells"]:
            cell["metadata"].pop(MEMBER, None)
        entry: dict[str, Any] = {"version": VERSION, "notebook": self.notebook_id}
        if self.parent is not None:
            entry["parent"] = self.parent
        signer = self.acting.signer
        entry["chains"] = [envelope.to_json() for envelope in signer.chain] if signer else []
        entry["seals"] = []
        self.nb["metadata"][MEMBER] = entry

    def begin(self, head: Mapping[str, Any], *, key_here: bool = True) -> None:
        """Open the journal and make the kernel's key, once the notebook has been cleared.

        Args:
            head: what else identifies the run, for recovery.
            key_here: whether the kernel runs here; else :meth:`delegate_to` comes later.
        """
        about = {
            "run": self.run_id,
            "notebook": self.notebook_id,
            "mlo": self.acting.signer.mlo if self.acting.signer else None,
            "started": to_text(self.started),
            **head,
        }
        try:
            self.journal = Journal(self.folder, about, self.nb)
        except (OSError, TypeError, ValueError) as error:
            self.complain(f"No journal is kept, so a killed run cannot be recovered: {error}")
        if self.acting.signer is None or self.journal is None or not key_here:
            return
        try:
            self.key = self._make_key()
            self._delegated(self.key.signer.chain)
        except (MloError, OSError) as error:
            self.complain(f"The notebook cannot put anything on record by itself: {error}")

    def _make_key(self) -> RunKey:
        signer = self.acting.signer
        assert signer is not None
        leaf = self.acting.reserved
        if leaf is None:
            acting = signer.acting(self.acting.activity, self.acting.model)
            leaf = delegate_run(acting, self.run_id, self.notebook_id, self.now(), LONGEST)
        key = RunKey(leaf, self.folder, self.request.code)
        key.write()
        return key

    def delegate_to(self, public: PublicKey) -> RunDelegation | None:
        """Delegate this run to a key that was made elsewhere; None where nobody acts.

        Raises:
            Refused: who acts may not delegate now.
        """
        signer = self.acting.signer
        if signer is None:
            return None
        acting = signer.acting(self.acting.activity, self.acting.model)
        made = delegate_run_to(acting, public, self.run_id, self.notebook_id, self.now(), LONGEST)
        self._delegated(made.chain)
        return made

    def _delegated(self, chain: tuple[Envelope, ...]) -> None:
        self.leaf = chain
        if self.journal is not None:
            self.journal.chain([envelope.to_json() for envelope in chain])

    def kernel_started(self, kernel_id: str, kernel: Kernel) -> None:
        """The kernel process exists: find out about its surroundings while it gets ready."""
        self._kernel_id = kernel_id
        self.surroundings.start(kernel, self._introduce)

    def ran_elsewhere(
        self, kernel_id: str, environment: Environment, data: Sequence[FileDigest]
    ) -> None:
        """A worker had the kernel: what it has found out, before its cells are taken over."""
        self._kernel_id = kernel_id
        self.surroundings.know(environment, data)

    def _introduce(self) -> None:
        """Say who acts, in one line."""
        sweep(self.settings)
        acting = self.acting
        if acting.signer is None:
            return
        name = name_here(self.settings, acting.signer.mlo)
        if name is not None and self.key is not None:
            with contextlib.suppress(OSError):
                self.key.describe(name)
        who = (
            f"{terminal_safe(name, limit=60)} ({acting.signer.mlo})" if name else acting.signer.mlo
        )
        until = acting.signer.expires.astimezone().strftime("%Y-%m-%d %H:%M")
        what = f"{acting.activity}, {acting.model}" if acting.model else acting.activity
        self._announce(f"As {who} by {acting.via}: {what}, until {until}")

    def cell_begins(self, position: int) -> None:
        """The code of a cell is about to be sent."""
        self.has_begun = True
        self.stamps.begin(position, self.now())

    def outputs_updated(self, position: int, outputs: list[int]) -> None:
        """The running cell has replaced outputs of a cell (perhaps its own)."""
        self.stamps.note_update(position, outputs)

    def cell_done(self, cell: Any, position: int) -> None:
        """A cell has ended, executed or not."""
        try:
            restamped = self.stamps.complete(position, self.now())
        except Exception as error:  # whatever it is, the run goes on
            self.complain(f"Cell {position + 1} stays unstamped: {error!r}")
            restamped = []
        if self.journal is None:
            return
        try:
            self.journal.cell(position, cell)
            for earlier, outputs in restamped:
                self.journal.outputs(earlier, self.nb["cells"][earlier], outputs)
        except (OSError, TypeError, ValueError) as error:
            self.complain(f"Cell {position + 1} is not in the journal: {error}")
