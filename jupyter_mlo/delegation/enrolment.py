"""Enrolments: the statement that binds an MLO ID to a key, made and read.

An MLO enrols itself; a registrar may enrol the same key again and give the person a
handle. Both travel as JSON Lines of envelopes: a person hands over the first kind, and
gets the second back together with the registrar's own enrolment, which carries the key
that a verifier needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import InvalidInput, KeyFileError, MloError, StatementError
from jupyter_mlo.identity.keys import PublicKey, SigningKey
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.statements.envelope import MAX_ENVELOPE, Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.subjects import key_subject

if TYPE_CHECKING:
    from jupyter_mlo.identity.store import Identity, IdentityStore

#: Enrolments in one file; a person has a handful.
_MOST = 1000


@dataclass(frozen=True)
class Claim:
    """An MLO's own enrolment: that its key says so is proven, that it is true is not."""

    mlo: str
    kind: str
    key: PublicKey
    envelope: Envelope


@dataclass(frozen=True)
class Registration:
    """A registrar's enrolment of an MLO's key, its signature checked; trust in it is not asked."""

    mlo: str
    key_id: str
    handle: str | None
    registrar_key_id: str
    #: The registrar's own enrolment, then the one that it signed.
    envelopes: tuple[Envelope, Envelope]


@dataclass(frozen=True)
class Vouching:
    """One key of an MLO says that another is its too; the signature holds."""

    mlo: str
    key_id: str
    signer: PublicKey
    envelope: Envelope


def enrol_oneself(
    mlo: str,
    kind: str,
    key: SigningKey,
    *,
    now: datetime,
    checkpoint: Mapping[str, Any] | None = None,
    succeeds: str | None = None,
) -> Envelope:
    """``mlo`` holds ``key``, says ``key``.

    Args:
        succeeds: the MLO in whose place this one stands, its key being lost: a claim.
    """
    signer = Signer.own(mlo, key, checkpoint=checkpoint)
    said = {"kind": kind} if succeeds is None else {"kind": kind, "succeeds": succeeds}
    return _sign(signer, key.public, said, now)


def vouch(
    mlo: str,
    kind: str,
    key: SigningKey,
    other: PublicKey,
    *,
    now: datetime,
    checkpoint: Mapping[str, Any] | None = None,
) -> Envelope:
    """``other`` is a key of ``mlo`` too, says its own key ``key``."""
    return _sign(Signer.own(mlo, key, checkpoint=checkpoint), other, {"kind": kind}, now)


def enrol_another(
    claim: Claim,
    registrar: SigningKey,
    handle: str,
    *,
    now: datetime,
    checkpoint: Mapping[str, Any] | None = None,
) -> Envelope:
    """The MLO of ``claim`` holds its key and is the person ``handle``, says ``registrar``."""
    signer = Signer.own(claim.mlo, registrar, checkpoint=checkpoint)
    return _sign(signer, claim.key, {"kind": claim.kind, "handle": handle}, now)


def _sign(signer: Signer, key: PublicKey, members: Mapping[str, Any], now: datetime) -> Envelope:
    predicate = {**members, "publicKey": key.to_text()}
    return signer.sign(types.ENROLMENT, [key_subject(key.key_id)], predicate, now)


def read_claim(envelope: Envelope) -> Claim:
    """An MLO's own enrolment.

    Raises:
        StatementError: it is something else, its signature does not hold, or it claims what
            only a registrar may give.
    """
    mlo, kind, key, handle = _read(envelope)
    if key.key_id != envelope.key_id:
        raise StatementError(
            f"the enrolment {envelope.statement_id[:12]} is not signed by the key that it binds",
            hint="the person's own enrolment is needed: jupyter mlo enroll --export FILE",
        )
    envelope.check_signature(key)
    if handle is not None:
        raise StatementError(
            f"the enrolment {envelope.statement_id[:12]} gives itself a person handle",
            hint="only registrars give handles",
        )
    return Claim(mlo, kind, key, envelope)


def claims_in(envelopes: Iterable[Envelope]) -> list[Claim]:
    """The MLOs' own enrolments among ``envelopes``; others are passed over."""
    found = []
    for envelope in envelopes:
        try:
            found.append(read_claim(envelope))
        except MloError:
            continue
    return found


def registrations_in(envelopes: Iterable[Envelope]) -> list[Registration]:
    """The enrolments by registrars whose own enrolment is among ``envelopes`` as well.

    Raises:
        StatementError: a registrar's signature does not hold, or its own enrolment is missing.
    """
    held = list(envelopes)
    keys = {claim.key.key_id: claim for claim in claims_in(held)}
    found = []
    for envelope in held:
        mlo, _, key, handle = _read(envelope)
        if key.key_id == envelope.key_id:
            continue
        registrar = keys.get(envelope.key_id)
        if registrar is not None and registrar.mlo == mlo:
            continue  # another key of the same MLO: a successor, or a second device
        if registrar is None:
            raise StatementError(
                f"the enrolment of {terminal_safe(mlo, limit=60)} is signed by {envelope.key_id}, "
                "whose own enrolment is not in the file",
                hint="ask the registrar for the whole file that `registrar enrol` wrote",
            )
        envelope.check_signature(registrar.key)
        found.append(
            Registration(mlo, key.key_id, handle, envelope.key_id, (registrar.envelope, envelope))
        )
    return found


def vouches_in(envelopes: Iterable[Envelope]) -> list[Vouching]:
    """The enrolments by other keys of the same MLO, whose own is among ``envelopes`` as well.

    Raises:
        StatementError: the signature of one does not hold.
    """
    held = list(envelopes)
    keys = {(claim.mlo, claim.key.key_id): claim.key for claim in claims_in(held)}
    found = []
    for envelope in held:
        mlo, _, key, handle = _read(envelope)
        signer = keys.get((mlo, envelope.key_id))
        if key.key_id != envelope.key_id and signer is not None and handle is None:
            envelope.check_signature(signer)
            found.append(Vouching(mlo, key.key_id, signer, envelope))
    return found


def read_lines(data: bytes, *, where: str) -> list[Envelope]:
    """The envelopes in a file of JSON Lines.

    Args:
        where: the file's name, for messages.

    Raises:
        InvalidInput: there is none, or a line is none; the message names the line.
    """
    lines = [(n, line) for n, line in enumerate(data.splitlines(), 1) if line.strip()]
    if not lines or len(lines) > _MOST or len(data) > 4 * MAX_ENVELOPE:
        raise InvalidInput(
            f"{where} {'is empty' if not lines else 'is too large'}",
            hint="it should hold enrolments, one a line: jupyter mlo enroll --export writes them",
        )
    found = []
    for number, line in lines:
        try:
            found.append(Envelope.from_bytes(line))
        except StatementError as error:
            raise InvalidInput(
                f"line {number} of {where} is no signed statement: {error.message}",
                hint="it should hold enrolments, one a line, as jupyter mlo enroll --export "
                "writes them; mail programs may break long lines, so send it as a file",
            ) from None
    return found


def kept_enrolments(store: IdentityStore, identity: Identity) -> list[Envelope]:
    """The enrolments that a home keeps of ``identity``, its own first.

    Raises:
        KeyFileError: the file that holds them is missing or damaged.
    """
    try:
        found = [Envelope.from_bytes(line) for line in store.enrolments(identity)]
        why = "" if found and found[0].key_id == identity.key_id else "its own is not the first"
    except StatementError as error:
        why = error.message
    if why:
        raise KeyFileError(
            f"{identity.folder / 'enrolments.jsonl'} is damaged: {why}",
            hint="restore it from a backup; it is not secret",
        )
    return found


def to_lines(envelopes: Iterable[Envelope]) -> bytes:
    """The file that :func:`read_lines` reads."""
    return b"".join(envelope.to_bytes() + b"\n" for envelope in envelopes)


def _read(envelope: Envelope) -> tuple[str, str, PublicKey, str | None]:
    # Here, because a login in a kernel needs only what is above.
    from jupyter_mlo.statements.predicates.identity import Enrolment
    from jupyter_mlo.statements.statement import read_statement

    statement = read_statement(envelope)
    predicate = statement.predicate
    if not isinstance(predicate, Enrolment):
        raise StatementError(
            f"statement {envelope.statement_id[:12]} is a "
            f"{types.short_name(statement.predicate_type)}, not an enrolment",
            hint="an enrolment is written by: jupyter mlo enroll --export FILE",
        )
    key = PublicKey.from_text(predicate.public_key)
    subject = statement.subject[0].model_dump(mode="json", exclude_none=True)
    if len(statement.subject) != 1 or subject != key_subject(key.key_id):
        raise StatementError(
            f"the enrolment {envelope.statement_id[:12]} has another subject than its key",
            hint="see docs/formats.md, 'Predicates'",
        )
    return predicate.mlo, predicate.kind, key, predicate.handle
