"""An export judged: every signature, chain and receipt in it, by what is trusted here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlo.delegation.assurance import Assurance
from jupyter_mlo.errors import InvalidInput, MloError, NotFound
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.verbs.shown_people import unknown_keys

if TYPE_CHECKING:
    from jupyter_mlo.delegation.chain import Attribution
    from jupyter_mlo.ledger.exports import Exported
    from jupyter_mlo.ledger.note_keys import NoteVerifier
    from jupyter_mlo.ledger.receipts import Held
    from jupyter_mlo.ledger.seen_heads import SeenHeads
    from jupyter_mlo.statements.statement import Statement
    from jupyter_mlo.verbs.at_hand import AtHand

#: Statements that do not hold, named one by one.
_NAMED = 50


@dataclass(frozen=True)
class Line:
    """One statement of an export, judged."""

    line: int
    statement_id: str
    kind: str
    mlo: str
    assurance: Assurance | None
    #: Why it does not count; empty where it does.
    refused: str
    #: Where a ledger that is trusted here had it, and since when.
    held: Held | None
    #: Why its receipt does not hold, or cannot be judged here.
    receipt: str
    #: The receipt is broken, and not merely of a ledger that nobody knows here.
    broken: bool = False
    #: The MLO and its own key, where that is not known here.
    unknown: tuple[str, str] | None = None


@dataclass
class ExportReport:
    """Everything that was found in an export."""

    lines: list[Line] = field(default_factory=list)
    #: What is wrong with the export as a whole.
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: Key ID → by whom and when it was revoked, of keys that are not known here.
    revoked: dict[str, str] = field(default_factory=dict)

    def unknown_keys(self) -> list[tuple[str, str]]:
        """MLO and key of everybody whose key is not known here, each once."""
        return list(dict.fromkeys(line.unknown for line in self.lines if line.unknown))

    def failing(self, level: Assurance) -> list[Line]:
        """Lines that do not hold, or not so surely as is asked for."""
        return [
            line
            for line in self.lines
            if line.refused
            or line.broken
            or (line.assurance is not None and line.assurance < level)
        ]

    def holds(self, level: Assurance) -> bool:
        """Whether all of it does."""
        return bool(self.lines) and not self.problems and not self.failing(level)

    def to_json(self, level: Assurance) -> dict[str, Any]:
        """As JSON."""
        from jupyter_mlo.statements.times import to_text

        return {
            "holds": self.holds(level),
            "problems": self.problems,
            "notes": self.notes,
            "unknownKeys": [{"mlo": mlo, "keyId": key} for mlo, key in self.unknown_keys()],
            "revokedKeys": self.revoked,
            "statements": [
                {
                    "line": line.line,
                    "statement": line.statement_id,
                    "predicate": line.kind,
                    "mlo": line.mlo,
                    "assurance": None if line.assurance is None else str(line.assurance),
                    "refused": line.refused,
                    "index": None if line.held is None else line.held.index,
                    "since": to_text(line.held.since) if line.held and line.held.since else None,
                    "receipt": line.receipt,
                }
                for line in self.lines
            ],
        }


def judge_export(export: Path, here: AtHand, now: datetime, heads: SeenHeads) -> ExportReport:
    """Judge an export.

    Args:
        heads: checkpoints that were seen before, which this one must not contradict; its own are
            added.

    Raises:
        InvalidInput: it cannot be opened.
    """
    from jupyter_mlo.delegation.chain import attribute_many
    from jupyter_mlo.delegation.revocation import Logged, Revocations
    from jupyter_mlo.ledger.exports import read_export

    try:
        exported = list(read_export(export))
    except OSError as error:
        raise InvalidInput(
            f"{export} cannot be read: {error.strerror}", hint="name a file that `export` wrote"
        ) from None
    report = ExportReport()
    receipts = _Receipts(export, here, report, heads)
    statements = [one.statement for one in exported if one.statement is not None]
    pool = here.pool.also(one.envelope for one in exported if one.envelope is not None)
    held = {one.line: receipts.of(one) for one in exported}
    places = {
        one.envelope.statement_id: found
        for one in exported
        if one.envelope is not None and (found := held[one.line][0]) is not None
    }
    places = {**_sealed_with(export, statements, places, report), **places}
    logged = {
        name: Logged(found.index, found.since, origin=found.head.origin)
        for name, found in places.items()
    }
    whole: frozenset[str] = frozenset()
    if here.ledger is not None:
        known = pool.revocation_ids
        # What is known of one's own ledger counts before what somebody hands over.
        logged = {**logged, **here.ledger.logged(known)}
        # One that is damaged may have had a revocation that is not found there now.
        whole = frozenset() if here.problems else frozenset([here.ledger.ledger.origin])
    results = iter(
        attribute_many(
            statements,
            pool=pool,
            trust=here.trust,
            revocations=Revocations(pool, here.trust, logged, whole=whole),
            now=now,
        )
    )
    for one in exported:
        found, why, broken = held[one.line]
        kind, mlo = _named(one)
        refused, assurance, unknown = one.problem, None, None
        if one.statement is not None:
            result = next(results)
            if isinstance(result, MloError):
                refused = result.message
            else:
                assurance = receipts.raised(
                    result.assurance, places.get(one.statement.statement_id)
                )
                refused = refused or (result.remark if result.lapsed else "")
                if result.remark and not result.lapsed:
                    report.notes.append(f"line {one.line}: {result.remark}")
                unknown = _unknown(result)
        elif not refused:
            refused = "its predicate is one that only a newer version knows"
        name = one.envelope.statement_id if one.envelope is not None else ""
        report.lines.append(
            Line(one.line, name, kind, mlo, assurance, refused, found, why, broken, unknown)
        )
    report.revoked = {
        key_id: why
        for mlo, key_id in report.unknown_keys()
        if (why := here.revoked(mlo, key_id, pool))
    }
    twice = Counter(line.statement_id for line in report.lines if line.statement_id)
    report.notes += [
        f"statement {name} stands there {n} times" for name, n in twice.items() if n > 1
    ]
    if not report.lines:
        report.problems.append("there is no statement in it")
    # What is missing or changed there may be what takes one of these back.
    report.problems += here.problems
    return report


def _unknown(found: Attribution) -> tuple[str, str] | None:
    """The MLO and its own key, where nothing speaks against it but that nobody knows it here."""
    claimed = found.assurance is Assurance.CLAIMED and not found.remark
    return (found.mlo, found.key_id) if claimed else None


def shown(
    export: Path, report: ExportReport, level: Assurance, names: Mapping[str, str]
) -> Iterator[str]:
    """What to say of it, line by line.

    Args:
        names: MLO ID → name, where one is known here.
    """
    failing = report.failing(level)
    word = "holds" if report.holds(level) else "DOES NOT HOLD"
    said = Counter(str(line.assurance) for line in report.lines if line.assurance is not None)
    proven = sum(1 for line in report.lines if line.held is not None)
    counted = ", ".join(f"{count} {name}" for name, count in sorted(said.items()))
    yield (
        f"{export}: {word}: {len(report.lines)} statements"
        f"{f' ({counted})' if counted else ''}, {proven} proven to be in the ledger"
    )
    for problem in report.problems:
        yield f"  {terminal_safe(problem, limit=600)}"
    for line in failing[:_NAMED]:
        why = line.refused or (line.receipt if line.broken else f"only {line.assurance}")
        yield f"  line {line.line}, {line.kind}: {terminal_safe(why, limit=400)}"
    if len(failing) > _NAMED:
        yield f"  and {len(failing) - _NAMED} more: --json names them all"
    for said_of_key in unknown_keys(report.unknown_keys(), report.revoked, names):
        yield f"  {terminal_safe(said_of_key, limit=400)}"
    unjudged = [line for line in report.lines if line.receipt and not line.broken]
    if unjudged:
        yield f"  note: {terminal_safe(unjudged[0].receipt, limit=400)} ({len(unjudged)} receipts)"
    for note in report.notes:
        yield f"  note: {note}"


def _sealed_with(
    export: Path, statements: Iterable[Statement], places: Mapping[str, Held], report: ExportReport
) -> dict[str, Held]:
    """The stamps that seals with a receipt provably list: they are where the seal is."""
    from jupyter_mlo.ledger.exports import read_list
    from jupyter_mlo.notebook.layout import read_seal_list
    from jupyter_mlo.notebook.sealed import listed_stamps
    from jupyter_mlo.statements.predicates.notebook import Seal
    from jupyter_mlo.statements.strict_json import read_json

    found: dict[str, Held] = {}
    for seal in statements:
        place = places.get(seal.statement_id)
        if place is None or not isinstance(seal.predicate, Seal):
            continue
        try:
            text = read_list(export, seal.envelope)
            kept = None if text is None else read_seal_list(seal.envelope, read_json(text))
        except (MloError, ValueError) as error:
            report.notes.append(
                f"the list of cells of seal {seal.statement_id[:12]} cannot be read: "
                f"{terminal_safe(str(error), limit=200)}"
            )
            continue
        for stamp in listed_stamps(kept, seal.predicate) if kept is not None else ():
            known = found.get(stamp)
            same = known is not None and known.head.origin == place.head.origin
            if known is None or (same and place.index < known.index):
                found[stamp] = place
    return found


class _Receipts:
    """The receipts beside an export, checked under the ledgers' keys that are trusted here."""

    def __init__(self, export: Path, here: AtHand, report: ExportReport, heads: SeenHeads) -> None:
        self._export = export
        self._here = here
        self._report = report
        self._heads = heads

    def of(self, one: Exported) -> tuple[Held | None, str, bool]:
        """Where a trusted ledger had the statement; else why that is not known; is it broken?"""
        from jupyter_mlo.ledger.exports import read_receipt
        from jupyter_mlo.ledger.last_seen import named
        from jupyter_mlo.ledger.receipts import check_receipt
        from jupyter_mlo.ledger.witnesses import clock_of

        if one.envelope is None:
            return None, "", False
        try:
            read = read_receipt(self._export, one.envelope)
            if read is None:
                return None, "", False
            receipt, stored = read
            log = self._log(named(receipt.checkpoint).origin)
            held = check_receipt(receipt, stored, log, clock_of(self._here.trust, log))
            self._compare(receipt.checkpoint, log)
        except NotFound as error:
            return None, error.message, False
        except MloError as error:
            return None, f"its receipt does not hold: {error.message}", True
        return held, "", False

    def raised(self, assurance: Assurance, held: Held | None) -> Assurance:
        """``witnessed`` where a quorum of witnesses saw it in the ledger of one enrolled."""
        witnessed = self._here.trust.quorum > 0 and held is not None and held.since is not None
        return Assurance.WITNESSED if witnessed and assurance >= Assurance.ENROLLED else assurance

    def _log(self, origin: str) -> NoteVerifier:
        from jupyter_mlo.ledger.witnesses import log_key

        known = log_key(self._here.trust, origin)
        if known is None and self._here.ledger is not None:
            own = self._here.ledger.ledger.verifier
            known = own if own.name == origin else None
        if known is None:
            raise NotFound(
                f"the ledger {origin!r} is not known here: jupyter mlo trust add --ledger VKEY"
            )
        return known

    def _compare(self, note: bytes, log: NoteVerifier) -> None:
        """A log that signed two trees of one size, now or before, has forked: show both heads."""
        problem = self._heads.fork(note, log)
        if problem and problem not in self._report.problems:
            self._report.problems.append(problem)


def _named(one: Exported) -> tuple[str, str]:
    from jupyter_mlo.ledger.content import read_facts
    from jupyter_mlo.statements.predicates.types import short_name

    if one.envelope is None:
        return "no statement", ""
    said = read_facts(one.envelope.payload)
    kind = terminal_safe(short_name(said.predicate_type or "unknown"), limit=80)
    return kind, terminal_safe(said.mlo or "", limit=200)


def is_export(path: Path) -> bool:
    """Whether a path names an export rather than a notebook."""
    return path.suffix == ".jsonl"
