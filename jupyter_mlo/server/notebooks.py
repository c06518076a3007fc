"""What the sidebar shows of a notebook: verdicts, changes, history. Blocks: for worker threads."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import MloError, NotFound
from jupyter_mlo.server.answers import (
    CellVerdict,
    Changes,
    Contribution,
    History,
    HistoryEntry,
    Mark,
    Marks,
    NotebookVerdict,
    SealVerdict,
    StatementView,
    Summary,
)
from jupyter_mlo.server.observer import Seen
from jupyter_mlo.server.who import People
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.strict_json import read_json
from jupyter_mlo.statements.times import to_text
from jupyter_mlo.words import count_of

if TYPE_CHECKING:
    from jupyter_mlo.ledger.log import Ledger
    from jupyter_mlo.notebook.blame import Blamed
    from jupyter_mlo.notebook.reports import Demands, NotebookReport
    from jupyter_mlo.notebook.verification import Examined
    from jupyter_mlo.statements.envelope import Envelope
    from jupyter_mlo.verbs.at_hand import AtHand

#: Entries of a notebook's history that are sent at once.
PAGE = 200
#: Delegations, one under the other, that are looked at for an assistant.
_DEEPEST = 8


@dataclass(frozen=True)
class Reader:
    """Answers about notebooks, from their content as a contents manager gives it."""

    settings: Settings
    clock: Callable[[], datetime]

    def verdict(
        self, path: str, value: Mapping[str, Any], modified: datetime | None
    ) -> NotebookVerdict:
        """What verifying finds.

        Args:
            modified: when the file that was read was last written.
        """
        from jupyter_mlo.notebook.blame import blame
        from jupyter_mlo.notebook.reports import Demands
        from jupyter_mlo.verbs.judging import Judge

        demands, people = Demands(), People(self.settings)
        with Judge(self.settings, self.clock()) as judge:
            examined = judge.examine(_notebook(value))
            found = judge.report(examined)
            notes = [*judge.here.notes, *found.notes]
            lines = blame(examined)
            stamps = {at: one.claim.envelope.statement_id for at, one in examined.stamped.items()}
            cells = [_cell(line, stamps.get(line.cell.position), people, demands) for line in lines]
            seal = found.seal
            checkpoint = found.checkpoint
            return NotebookVerdict(
                path=path,
                modified=None if modified is None else to_text(modified),
                notebook=found.notebook,
                holds=found.holds(demands),
                summary=summary_of(found, demands),
                altered=_altered(found, examined),
                seal=SealVerdict(
                    verdict=str(seal.verdict),
                    reason=seal.reason,
                    changes=list(seal.changes),
                    by=people.maybe(seal.mlo),
                    assistant=people.maybe(seal.assistant),
                    onBehalfOf=people.maybe(seal.on_behalf_of),
                    assurance=None if seal.assurance is None else str(seal.assurance),
                    meaning=seal.meaning,
                    time=seal.time,
                    statement=seal.statement_id,
                ),
                cells=cells,
                contributions=_contributions(lines, people),
                problems=[*found.problems, *found.unread],
                notes=notes,
                asOf=None if checkpoint is None else f"{checkpoint['origin']}@{checkpoint['size']}",
            )

    def changes(self, path: str, value: Mapping[str, Any]) -> Changes:
        """What changed since a person last said something about the notebook by a seal."""
        from jupyter_mlo.notebook.present import shown_digest
        from jupyter_mlo.verbs.judging import Judge

        people = People(self.settings)
        with Judge(self.settings, self.clock()) as judge:
            examined = judge.examine(_notebook(value))
            found = judge.report(examined)
            said = next(
                (one for one in examined.sealed.believed() if one.claim.seal.meaning != "held"),
                None,
            )
            changed = [f"altered: {problem}" for problem in found.problems]
            changed += list(found.seal.changes)
            if said is None:
                cells = count_of(len(found.cells), "cell")
                changed.append(f"nobody has said anything about its {cells} yet")
            else:
                changed += _since(said, examined)
            return Changes(
                path=path,
                since=None if said is None else said.time,
                by=None if said is None else people.somebody(said.claim.seal.mlo),
                changes=changed,
                shown=shown_digest(examined.notebook, examined.cells),
            )

    def history(self, path: str, value: Mapping[str, Any], before: int | None) -> History:
        """Statements of the ledger about this notebook, newest first."""
        from jupyter_mlo.ledger.store import Filter, open_ledger
        from jupyter_mlo.notebook.layout import read_notebook_entries

        notebook = read_notebook_entries(_notebook(value).metadata).notebook
        if notebook is None:
            return History(path=path, notebook=None, entries=[], more=False)
        people, found = People(self.settings), []
        helpers: list[str | None] = []
        try:
            with open_ledger(self.settings, create=False, patience=2) as ledger:
                entries = [
                    entry
                    for entry in ledger.entries(Filter(subject=notebook))
                    if before is None or entry.index < before
                ]
                assistants = _Assistants(ledger)
                shown = entries[: -PAGE - 1 : -1]
                helpers = [assistants.of(_predicate(entry.envelope)) for entry in shown]
        except NotFound:
            entries, shown = [], []
        for entry, helper in zip(shown, helpers, strict=True):
            said = _predicate(entry.envelope)
            found.append(
                HistoryEntry(
                    index=entry.index,
                    statement=entry.statement_id,
                    kind=types.short_name(entry.facts.predicate_type or ""),
                    who=people.somebody(str(entry.facts.mlo)),
                    assistant=people.maybe(helper),
                    time=to_text(entry.time) if entry.time else "",
                    meaning=said.get("meaning"),
                    activity=said.get("activity") or said.get("mlo_activity"),
                )
            )
        return History(path=path, notebook=notebook, entries=found, more=len(entries) > PAGE)

    def statement(self, statement_id: str, value: Mapping[str, Any] | None) -> StatementView:
        """One statement of the ledger, or one that a notebook carries: stamps are in no ledger.

        Args:
            value: the notebook, if it may be one of its own.
        """
        from jupyter_mlo.delegation.chain import attribute
        from jupyter_mlo.ledger.exports import in_order
        from jupyter_mlo.statements.bundle import to_bundle
        from jupyter_mlo.statements.statement import read_statement
        from jupyter_mlo.verbs.at_hand import at_hand

        now, people = self.clock(), People(self.settings)
        with contextlib.closing(at_hand(self.settings, now)) as here:
            carried = [] if value is None else _carried(value)
            envelope, receipt = _find(here, statement_id, carried)
            pool = here.pool.also([one for one in carried if one != envelope])
            pool = pool.also(here.ledger.chains_of([envelope], pool) if here.ledger else [])
            found = None
            statement = read_statement(envelope)
            with contextlib.suppress(MloError):
                found = attribute(statement, pool=pool, trust=here.trust, now=now)
            behind = [one for one in in_order([envelope], pool) if one != envelope]
        return StatementView(
            statement=envelope.statement_id,
            kind=types.short_name(statement.predicate_type),
            who=people.somebody(statement.mlo),
            assistant=people.maybe(found.assistant if found else None),
            onBehalfOf=people.maybe(found.on_behalf_of if found else None),
            content=_content(envelope),
            chain=[_content(one) for one in behind],
            receipt=receipt,
            bundle="".join(to_bundle(one).decode().strip() + "\n" for one in [*behind, envelope]),
            assurance=str(found.assurance) if found else None,
        )

    def marks(self, kernel_id: str, seen: Mapping[str, Seen]) -> Marks:
        """The last execution of each cell, as its mark shows it."""
        people = People(self.settings)
        return Marks(
            kernel=kernel_id, cells={cell: _mark(one, people) for cell, one in seen.items()}
        )


def summary_of(found: NotebookReport, demands: Demands) -> Summary:
    """The verdict of the whole."""
    executed = [cell for cell in found.cells if cell.kind == "code" and cell.execution]
    failing = [cell for cell in found.cells if not cell.holds(demands)]
    changed = [cell for cell in found.cells if cell.changed]
    if found.nothing_executed:
        return Summary(code="nothing-executed", cells=0)
    if found.unread:
        return Summary(code="unread", cells=0)
    if found.holds(demands):
        return Summary(code="holds", cells=len(executed))
    if changed or found.problems:
        others = [cell for cell in failing if changed and not cell.changed]
        return Summary(code="changed", cells=len(changed or failing), others=len(others))
    if found.seal.mlo is None and found.seal.verdict == "unsealed":
        return Summary(code="not-sealed", cells=0)
    return Summary(code="failing", cells=len(failing))


def _altered(found: NotebookReport, examined: Examined) -> bool:
    """Whether what a seal or stamp covers was altered by other means than running and saving.

    Source that its MLO edited, saved and has not run again is not that.
    """
    newest = examined.sealed.newest
    return (
        bool(found.problems)
        or any("outputs" in cell.changed for cell in found.cells)
        or (newest is not None and bool(_since(newest, examined)))
    )


def _notebook(value: Mapping[str, Any]) -> Any:
    from jupyter_mlo.notebook.reading import notebook_from_json

    return notebook_from_json(value)


def _cell(line: Blamed, stamp: str | None, people: People, demands: Demands) -> CellVerdict:
    cell, sealed = line.cell, line.first_sealed
    return CellVerdict(
        position=cell.position,
        id=cell.id,
        kind=cell.kind,
        verdict=str(cell.verdict),
        reason=cell.reason,
        changed=list(cell.changed),
        assurance=None if cell.assurance is None else str(cell.assurance),
        holds=cell.holds(demands),
        executor=people.maybe(cell.mlo if cell.execution else None),
        assistant=people.maybe(cell.assistant),
        onBehalfOf=people.maybe(cell.on_behalf_of),
        execution=cell.execution,
        started=cell.started,
        activity=cell.activity,
        model=cell.model,
        firstSealedBy=people.maybe(None if sealed is None else sealed.mlo),
        firstSealedAt=None if sealed is None else sealed.time,
        stamp=stamp,
    )


def _contributions(lines: list[Blamed], people: People) -> list[Contribution]:
    executed = Counter(line.executed_by for line in lines if line.executed_by)
    sealed = Counter(line.first_sealed.mlo for line in lines if line.first_sealed)
    everybody = sorted({*executed, *sealed}, key=lambda mlo: (-executed[mlo], -sealed[mlo], mlo))
    return [
        Contribution(mlo=people.somebody(mlo), executed=executed[mlo], firstSealed=sealed[mlo])
        for mlo in everybody
    ]


def _since(said: Any, examined: Examined) -> list[str]:
    """Cells that stand otherwise than a seal lists them."""
    lines = list(said.lines())
    sources = {(line.kind, line.source) for line in lines}
    digests = {line.cell for line in lines}
    changed = []
    for cell in examined.cells:
        listed, name = cell.listed, f"cell {cell.cell.position + 1}"
        if (listed.kind, listed.source) not in sources:
            changed.append(f"{name}: new, or its source was changed")
        elif listed.cell not in digests:
            changed.append(f"{name}: run again, or its outputs were changed")
    gone = said.claim.seal.cells.count - len(examined.cells)
    if gone > 0:
        changed.append(f"{count_of(gone, 'cell')} fewer than then")
    return changed


def _carried(value: Mapping[str, Any]) -> list[Envelope]:
    """All statements in a notebook: chains, seals, stamps."""
    from jupyter_mlo.notebook.layout import read_notebook_entries, read_stamp

    notebook = _notebook(value)
    entries = read_notebook_entries(notebook.metadata)
    stamps = [read_stamp(cell.metadata)[0] for cell in notebook.cells]
    sealed = [entry.envelope for entry in entries.all_seals]
    return [*entries.chains, *sealed, *(one for one in stamps if one is not None)]


def _find(here: AtHand, statement_id: str, carried: list[Envelope]) -> tuple[Envelope, str | None]:
    """The statement, and its receipt where the ledger has it."""
    if here.ledger is not None:
        ledger = here.ledger.ledger
        with contextlib.suppress(NotFound):
            envelope = ledger.envelope(statement_id)
            receipt = ledger.receipt(statement_id, here.ledger.clock)
            return envelope, receipt.to_bytes().decode()
    for envelope in carried:
        if envelope.statement_id == statement_id:
            return envelope, None
    raise NotFound(
        "neither the ledger nor the notebook has this statement", hint="save the notebook first"
    )


class _Assistants:
    """Who acted in statements, as the delegations say that they name."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, str | None] = {}

    def of(self, predicate: Mapping[str, Any]) -> str | None:
        """The assistant; None where a person acted, or a delegation is not in the ledger."""
        passed, found = [], None
        for _ in range(_DEEPEST):
            link = predicate.get("delegation") or predicate.get("mlo_delegation")
            if not isinstance(link, str):
                break
            if link in self._known:
                found = self._known[link]
                break
            passed.append(link)
            try:
                predicate = _predicate(self._ledger.envelope(link))
            except MloError:
                break
            if isinstance(named := predicate.get("assistant"), str):
                found = named
                break
        self._known.update(dict.fromkeys(passed, found))
        return found


def _content(envelope: Envelope) -> dict[str, Any]:
    found: dict[str, Any] = read_json(envelope.payload)
    return found


def _predicate(envelope: Envelope) -> Mapping[str, Any]:
    with contextlib.suppress(MloError):
        found = _content(envelope).get("predicate")
        if isinstance(found, Mapping):
            return found
    return {}


def _mark(seen: Seen, people: People) -> Mark:
    signer = seen.signer
    return Mark(
        execution=seen.execution,
        request=seen.request,
        executor=people.maybe(None if signer is None else signer.mlo),
        assistant=people.maybe(None if signer is None else signer.named.get("assistant")),
        activity=None if signer is None else signer.activity,
        model=None if signer is None else signer.model,
        status=seen.status,
        count=seen.count,
        started=to_text(seen.started),
    )
