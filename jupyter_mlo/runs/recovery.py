"""Rebuilding the notebook of a run whose runner was killed, from its journal.

What comes back is what had completed, with the stamps that were signed then. It is not
sealed: the run's signer is gone with the runner, and whoever recovers seals it in his name.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import InvalidInput, MloError, NotFound, Refused
from jupyter_mlo.notebook.layout import MEMBER, read_notebook_entries
from jupyter_mlo.notebook.reading import read_notebook
from jupyter_mlo.notebook.writing import notebook_chunks, write_atomically
from jupyter_mlo.runs import journal
from jupyter_mlo.runs.run_key import STATEMENTS
from jupyter_mlo.statements.envelope import Envelope


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
        if self.output is None or "://" in self.output or self.output == "-":
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


def cut_off_runs(settings: Settings) -> list[CutOff]:
    """All runs that have left a journal, the newest first."""
    try:
        folders = [Path(entry.path) for entry in os.scandir(settings.runs) if entry.is_dir()]
    except FileNotFoundError:
        return []
    found = []
    for folder in folders:
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
    place = os.path.realpath(cwd / text)
    for run in runs:
        if run.output in (place, text):
            return run
    raise NotFound(
        f"no run that was cut off writes to {text}, and none has that ID",
        hint="jupyter mlo recover lists them; a run that ended well leaves nothing to recover",
    )


def rebuild(run: CutOff) -> Recovered:
    """The notebook as far as it had got.

    Raises:
        Refused: the run is still going on.
        NotFound: its journal is gone or holds no notebook.
    """
    if journal.is_running(run.folder):
        raise Refused(
            f"the run {run.folder.name} is still going on",
            hint="wait until it ends; its notebook is written every few seconds",
        )
    _, lines = journal.read_journal(run.folder)
    notebook, done, ended = _replay(lines)
    if notebook is None:
        raise NotFound(
            f"the journal of run {run.folder.name} holds no notebook",
            hint="it was killed before it had begun; run it again",
        )
    code_cells = [cell for cell in notebook["cells"] if cell.get("cell_type") == "code"]
    completed = (
        len(code_cells)
        if ended
        else sum(notebook["cells"][at].get("cell_type") == "code" for at in done)
    )
    return Recovered(
        notebook=notebook,
        completed=completed,
        code_cells=len(code_cells),
        sealed=bool(notebook["metadata"].get(MEMBER, {}).get("seals")),
        statements=_statements(run.folder, lines),
    )


def check_target(run: CutOff, target: Path) -> None:
    """Raise :class:`Refused` where ``target`` holds something that is not this run's notebook."""
    try:
        data = target.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise InvalidInput(
            f"{target} cannot be read: {error.strerror}", hint="name another file with --to"
        ) from None
    try:
        there = read_notebook_entries(read_notebook(data).metadata).notebook
    except MloError:
        return  # half of a notebook: what the runner was writing when it was killed
    if there is not None and there != run.notebook_id:
        raise Refused(
            f"{target} is a notebook of another run ({there})",
            hint="name another file with --to, or move that one away",
        )


def write(recovered: Recovered, target: Path) -> None:
    """Write the notebook, whole or not at all; raises :class:`NotebookError`."""
    write_atomically(target, notebook_chunks(recovered.notebook))


def _replay(
    lines: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, Any] | None, set[int], bool]:
    """The notebook, the positions of its completed cells, and whether the run had ended."""
    notebook: dict[str, Any] | None = None
    done: set[int] = set()
    ended = False
    for line in lines:
        if "base" in line:
            notebook = line["base"]
        elif "ended" in line:
            ended = True
        elif notebook is None:
            continue
        elif "cell" in line:
            cell = notebook["cells"][line["cell"]]
            if "value" in line:
                cell.update(line["value"])
                done.add(line["cell"])
            else:
                for at, output in line["outputs"].items():
                    cell["outputs"][int(at)] = output
                cell["metadata"] = line["metadata"]
        elif "metadata" in line:
            notebook["metadata"] = line["metadata"]
    return notebook, done, ended


def _statements(folder: Path, lines: Sequence[Mapping[str, Any]]) -> tuple[Envelope, ...]:
    """What the kernel had put on record; whoever verifies judges it, this only carries it on."""
    try:
        texts = (folder / STATEMENTS).read_bytes().splitlines()
    except OSError:
        texts = []
    said = _envelopes(Envelope.from_bytes, texts)
    chain = _envelopes(Envelope.from_json, [one for line in lines for one in line.get("chain", [])])
    return (*chain, *said) if said else ()


def _envelopes(read: Callable[[Any], Envelope], values: Iterable[Any]) -> list[Envelope]:
    found = []
    for value in values:
        with contextlib.suppress(MloError):
            found.append(read(value))
    return found
