"""Rebuilding the notebook of a run whose runner was killed, from its journal.

What comes back is what had completed, with the stamps that were signed then. It is not
sealed: the run's signer is gone with the runner, and whoever recovers seals it in his name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import InvalidInput, MloError, NotebookError, NotFound, Refused
from jupyter_mlo.notebook.layout import read_notebook_entries
from jupyter_mlo.notebook.reading import read_notebook
from jupyter_mlo.notebook.writing import notebook_chunks, write_atomically
from jupyter_mlo.runs import journal
from jupyter_mlo.runs.replay import replay
from jupyter_mlo.runs.said import read_said
from jupyter_mlo.statements.envelope import Envelope

if TYPE_CHECKING:
    from jupyter_mlo.delegation.trust import Trust

#: How a notebook's file begins, without white space.
_BEGINNING: Final = b'{"cells":['
#: Bytes of a torn file that are too few to be missed, where no source is among them.
_LITTLE: Final = 4096


@dataclass(frozen=True)
class CutOff:
    """A run that was begun here and has left its journal."""

    folder: Path
    run_id: str
    notebook_id: str
    mlo: str | None
    #: Where its notebook is written: a local path or an address; None where nowhere.
    output: str | None
    started: str
    running: bool
    #: It came to its own end; what it wrote is perhaps being written again by papermill.
    ended: bool

    @property
    def local(self) -> Path | None:
        """The output's local file."""
        if self.output in (None, "", "-") or "://" in self.output or "\0" in self.output:
            return None
        return Path(self.output)


@dataclass(frozen=True)
class Recovered:
    """A notebook rebuilt, and how much of it there is."""

    notebook: dict[str, Any]
    completed: int
    code_cells: int
    sealed: bool
    #: What the run's kernel had put on record, with the chain that it hangs on.
    statements: tuple[Envelope, ...]
    #: Why some of what it had put there does not count: sentences.
    problems: tuple[str, ...]


def cut_off_runs(settings: Settings) -> list[CutOff]:
    """All runs that have left a journal, the newest first."""
    found = []
    for folder in journal.run_folders(settings.runs):
        head = journal.read_head(folder)
        if head is None:
            continue
        output = head.get("output")
        found.append(
            CutOff(
                folder=folder,
                run_id=str(head.get("run")),
                notebook_id=str(head.get("notebook")),
                mlo=head["mlo"] if isinstance(head.get("mlo"), str) else None,
                output=output if isinstance(output, str) else None,
                started=str(head.get("started")),
                running=journal.is_running(folder),
                ended=journal.has_ended(folder),
            )
        )
    return sorted(found, key=lambda run: run.started, reverse=True)


def find_run(settings: Settings, text: str, cwd: Path) -> CutOff:
    """The run with this ID (or its beginning), or the newest that writes to this path.

    Raises:
        NotFound: there is none.
        InvalidInput: the text begins several run IDs.
    """
    runs = cut_off_runs(settings)
    wanted = text.removeprefix("urn:uuid:").lower()
    named = [run for run in runs if wanted and run.folder.name.startswith(wanted)]
    if len(named) > 1:
        raise InvalidInput(
            f"{len(named)} runs begin with {wanted}",
            hint="give more of the ID: " + ", ".join(run.folder.name for run in named),
        )
    if named:
        return named[0]
    # Where it leads now, and where it led before a cell made a link of a folder.
    places = (os.path.realpath(cwd / text), os.path.abspath(cwd / text), text)
    for run in runs:
        if run.output in places:
            return run
    raise NotFound(
        f"no run that was cut off writes to {text}, and none has that ID",
        hint="jupyter mlo recover lists them; a run that ended well leaves nothing to recover",
    )


def rebuild(run: CutOff, now: datetime, trust: Trust | None = None) -> Recovered:
    """The notebook as far as it had got.

    Args:
        now: the clock, by which the statements of its kernel are judged.
        trust: whose enrolments go with them.

    Raises:
        NotebookError: a line of its journal is not what a run writes there.
        Refused: the run is still going on.
        NotFound: its journal is gone or holds no notebook.
    """
    if journal.is_running(run.folder):
        raise Refused(
            f"the run {run.folder.name} is still going on",
            hint="wait until it ends; its notebook is written every few seconds",
        )
    _, lines = journal.read_journal(run.folder)
    found = replay(lines, str(run.folder / journal.JOURNAL))
    if found.notebook is None:
        raise NotFound(
            f"the journal of run {run.folder.name} holds no notebook",
            hint="it was killed before it had begun; run it again",
        )
    said = read_said(run.folder, found.chain, run.run_id, now, trust)
    return Recovered(
        notebook=found.notebook,
        completed=found.completed,
        code_cells=found.code_cells,
        sealed=found.sealed,
        statements=(*said.chain, *said.statements),
        problems=said.problems,
    )


def check_target(run: CutOff, recovered: Recovered, target: Path) -> None:
    """Raise :class:`Refused` where ``target`` holds something that is not this run's notebook.

    What the runner was writing when it was killed may be there by half, where the file could
    not be exchanged for a whole one.
    """
    try:
        with journal.open_plain(target, follow=True) as file:
            data = file.read()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(
            f"{target} cannot be read: {why}", hint="name another file with --to"
        ) from None
    what = "no notebook"
    try:
        metadata = read_notebook(data).metadata
    except MloError:
        if _is_torn(data, recovered.notebook):
            return
    else:
        there = read_notebook_entries(metadata).notebook
        if there == run.notebook_id:
            return
        what = f"a notebook of another run ({there})" if there else "a notebook of no run"
    raise Refused(
        f"{target} is {what}: it is not overwritten",
        hint="name another file (--to OTHER), or have it overwritten all the same (--force)",
    )


def _is_torn(data: bytes, notebook: Mapping[str, Any]) -> bool:
    """Whether ``data`` is the beginning of the notebook as the run was writing it."""
    beginning = b"".join(data[:64].split())
    if not (beginning.startswith(_BEGINNING) or _BEGINNING.startswith(beginning)):
        return False
    if _is_json(data):
        return False
    marks = [
        json.dumps(text, ensure_ascii=False).encode("utf-8", "backslashreplace")
        for cell in notebook["cells"]
        for text in (cell.get("id"), *_first_line(cell.get("source")))
        if isinstance(text, str) and text
    ]
    # Before the first source there is nothing that anybody could miss.
    return any(mark in data for mark in marks) or (len(data) < _LITTLE and b'"source"' not in data)


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _first_line(source: object) -> list[str]:
    """The first line, as a notebook's file has it."""
    text = "".join(map(str, source)) if isinstance(source, list) else source
    return text.splitlines(True)[:1] if isinstance(text, str) else []


def write(recovered: Recovered, target: Path) -> None:
    """Write the notebook, whole or not at all; raises :class:`NotebookError`.

    Folders on the way are made, as the run itself would have made them.
    """
    try:
        # All of it first: what cannot be written shows here.
        chunks = list(notebook_chunks(recovered.notebook))
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise NotebookError(
            f"the journal's notebook cannot be written: {error}",
            hint="something else has written to the journal; run the notebook again",
        ) from None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotebookError(
            f"{target} cannot be written: {error.strerror or error}",
            hint="name another file with --to",
        ) from None
    write_atomically(target, chunks)
