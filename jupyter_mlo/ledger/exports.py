"""Exports: statements with the chains behind them, for whoever has never seen the ledger.

An export is a file of JSON Lines, one Sigstore bundle a statement, in an order in which each
follows what it rests on; beside it stands a folder with the receipts of those that the ledger
has. It proves what is in it, and not that nothing was left out.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.errors import LedgerError, MloError, NotFound, StatementError
from jupyter_mlo.ledger.log import Ledger
from jupyter_mlo.ledger.proofs import TlogProof
from jupyter_mlo.ledger.times import Clock
from jupyter_mlo.statements.bundle import from_bundle, to_bundle
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.statement import MODELS, Statement, read_statement

RECEIPT: Final = ".tlog-proof"
#: The envelope's text as the leaf commits to it, where it is not the canonical one.
STORED: Final = ".dsse.json"
#: What was kept of a seal's list of cells: the stamps there are where the seal is.
CELLS: Final = ".cells.json"
_MOST: Final = 8 * 1024 * 1024


def receipts_folder(export: Path) -> Path:
    """Where the receipts of an export stand."""
    return export.with_name(export.name + ".receipts")


def in_order(wanted: Iterable[Envelope], pool: Pool) -> list[Envelope]:
    """The statements, each once, behind all enrolments, delegations and revocations they rest on.

    Args:
        pool: enrolments, delegations and revocations at hand.
    """
    chain = _Chain(pool)
    asked = list({envelope.statement_id: envelope for envelope in wanted}.values())
    for envelope in asked:
        chain.follow(envelope)
    behind = chain.in_order()
    known = {envelope.statement_id for envelope in behind}
    return [*behind, *(one for one in asked if one.statement_id not in known)]


@dataclass
class _Chain:
    """What statements rest on, found by walking through a pool."""

    pool: Pool
    enrolments: dict[str, Envelope] = field(default_factory=dict)
    memberships: dict[str, Envelope] = field(default_factory=dict)
    affirmations: dict[str, Envelope] = field(default_factory=dict)
    delegations: dict[str, Envelope] = field(default_factory=dict)
    revocations: dict[str, Envelope] = field(default_factory=dict)
    _mlos: set[str] = field(default_factory=set)

    def follow(self, envelope: Envelope) -> None:
        try:
            statement = read_statement(envelope)
        except StatementError:
            return  # goes along as it is
        if statement.predicate_type == types.DELEGATION:
            self._delegation(statement)
        self._rests_on(statement)
        for affirmation in self.pool.affirmations.get(statement.statement_id, ()):
            self.affirmations[affirmation.statement_id] = affirmation.envelope
            self._rests_on(affirmation)

    def in_order(self) -> list[Envelope]:
        return [
            *self.enrolments.values(),
            *self.memberships.values(),
            *self.delegations.values(),
            *self.revocations.values(),
            *self.affirmations.values(),
        ]

    def _rests_on(self, statement: Statement) -> None:
        if statement.delegation is not None:
            for parent in self.pool.delegations.get(statement.delegation, ()):
                self._delegation(parent)
        self._mlo(statement.mlo)
        self._signer(statement.key_id)

    def _delegation(self, statement: Statement) -> None:
        if statement.statement_id in self.delegations:
            return
        self._rests_on(statement)
        team = getattr(statement.predicate, "on_behalf_of", None)
        if team is not None:
            self._membership(statement.mlo, team)
        self.delegations[statement.statement_id] = statement.envelope
        self._revocations(statement.statement_id)
        self._revocations(*(subject.name or "" for subject in statement.subject))

    def _membership(self, mlo: str, team: str) -> None:
        for membership in self.pool.memberships.get(mlo, ()):
            if membership.mlo == team and membership.statement_id not in self.memberships:
                self.memberships[membership.statement_id] = membership.envelope
                self._rests_on(membership)
                self._revocations(membership.statement_id)

    def _mlo(self, mlo: str) -> None:
        if mlo in self._mlos:
            return
        self._mlos.add(mlo)
        for enrolment in self.pool.enrolments.get(mlo, ()):
            self._signer(enrolment.key_id)
            self.enrolments[enrolment.statement_id] = enrolment.envelope
            self._revocations(enrolment.statement_id)
            self._revocations(*(subject.name or "" for subject in enrolment.subject))

    def _signer(self, key_id: str) -> None:
        """The key may be another MLO's: a registrar's."""
        for enrolment in self.pool.self_enrolments.get(key_id, ()):
            self._mlo(enrolment.mlo)

    def _revocations(self, *names: str) -> None:
        for name in names:
            for revocation in self.pool.revocations.get(name, ()):
                if revocation.statement_id not in self.revocations:
                    self.revocations[revocation.statement_id] = revocation.envelope
                    self._rests_on(revocation)


def write_export(
    export: Path,
    envelopes: Iterable[Envelope],
    ledger: Ledger | None,
    clock: Clock | None,
    lists: Mapping[str, bytes] | None = None,
) -> tuple[int, int]:
    """Write an export and its receipts, both or neither; how many statements and receipts.

    The folder of the receipts must not be there.

    Args:
        lists: statement ID → what was kept of a seal's list of cells (JSON), to go beside its
            receipt.

    Raises:
        LedgerError: what the ledger has of them does not hold.
        OSError: it cannot be written.
    """
    count = receipts = 0
    folder = receipts_folder(export)
    unfinished = export.with_name(f".{export.name}.unfinished")
    if ledger is not None:
        folder.mkdir()
    try:
        with unfinished.open("wb") as file:
            for envelope in envelopes:
                file.write(to_bundle(envelope) + b"\n")
                count += 1
                if ledger is not None and _write_receipt(folder, envelope, ledger, clock):
                    receipts += 1
                    if lists and envelope.statement_id in lists:
                        path = folder / f"{envelope.statement_id}{CELLS}"
                        path.write_bytes(lists[envelope.statement_id])
        unfinished.replace(export)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        if ledger is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return count, receipts


def _write_receipt(folder: Path, envelope: Envelope, ledger: Ledger, clock: Clock | None) -> bool:
    try:
        stored = ledger.stored(envelope.statement_id)
        receipt = ledger.receipt(envelope.statement_id, clock)
    except NotFound:
        return False
    receipt.check(stored, ledger.verifier)
    path = folder / f"{envelope.statement_id}{RECEIPT}"
    path.write_bytes(receipt.to_bytes())
    if stored != envelope.to_bytes():
        path.with_name(f"{envelope.statement_id}{STORED}").write_bytes(stored)
    return True


@dataclass(frozen=True)
class Exported:
    """One line of an export: the statement, or why it cannot be read."""

    line: int
    envelope: Envelope | None = None
    #: None where this version does not know its predicate.
    statement: Statement | None = None
    problem: str = ""


def read_export(export: Path) -> Iterator[Exported]:
    """Every line of an export; raises :class:`OSError` where it cannot be opened."""
    with export.open("rb") as file:
        at = 0
        while line := file.readline(2 * _MOST):
            at += 1
            if not line.strip():
                continue
            try:
                envelope = from_bundle(line)
                kind = _predicate_type(envelope)
                statement = read_statement(envelope) if kind in MODELS else None
            except MloError as error:
                yield Exported(at, problem=error.message)
            else:
                yield Exported(at, envelope, statement)


def _predicate_type(envelope: Envelope) -> str | None:
    from jupyter_mlo.ledger.content import read_facts

    return read_facts(envelope.payload).predicate_type


def read_receipt(export: Path, envelope: Envelope) -> tuple[TlogProof, bytes] | None:
    """The receipt beside an export and the text that it is for; None where there is none.

    Raises:
        LedgerError: there is one that cannot be read.
    """
    path = receipts_folder(export) / f"{envelope.statement_id}{RECEIPT}"
    text = _bytes(path)
    if text is None:
        return None
    stored = _bytes(path.with_name(f"{envelope.statement_id}{STORED}"))
    if stored is None:
        stored = envelope.to_bytes()
    elif Envelope.from_bytes(stored).statement_id != envelope.statement_id:
        raise LedgerError(f"{path.name} comes with another statement", hint="ask for a new export")
    return TlogProof.from_bytes(text), stored


def read_list(export: Path, seal: Envelope) -> bytes | None:
    """What stands beside an export of a seal's list of cells; None where nothing does.

    Raises:
        LedgerError: it cannot be read.
    """
    return _bytes(receipts_folder(export) / f"{seal.statement_id}{CELLS}")


def _bytes(path: Path) -> bytes | None:
    try:
        # Whoever made the export may have put a pipe there, which would be waited for.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise LedgerError(f"{path} is no regular file", hint="ask for a new export")
            data = file.read(_MOST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerError(
            f"{path} cannot be read: {error.strerror}", hint="see who may read it"
        ) from None
    if len(data) > _MOST:
        raise LedgerError(f"{path} is too long to be a receipt", hint="ask for a new export")
    return data
