"""What the ledger keeps of an envelope: its bytes, its statement ID, and facts to find it by.

The facts are read leniently: the ledger judges no statement, and one that a newer version
writes is kept as well. They are never evidence; whoever relies on them reads the envelope.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
#: Longer texts are no type, no MLO ID and no key ID.
_MAX_TEXT: Final = 2048
#: Longer facts are kept shortened: an index of PostgreSQL takes no more than 2704 bytes.
_MAX_FACT: Final = 1024
#: How many characters of a shortened fact are left to be read.
_LEFT: Final = 64


class Facts(NamedTuple):
    """What can be asked for; None where the payload does not say it in the expected form.

    ``subject`` is the first subject's name; ``time`` is the signer's claim in microseconds
    since 1970 (UTC).
    """

    predicate_type: str | None
    mlo: str | None
    key_id: str | None
    activity: str | None
    subject: str | None
    time: int | None


NO_FACTS: Final = Facts(None, None, None, None, None, None)


class Content(NamedTuple):
    """An envelope ready to be appended: its JSON text as it will be stored, for ever."""

    statement_id: bytes
    envelope: bytes
    facts: Facts


def content_of(envelope: Envelope | bytes | Content) -> Content:
    """Read what is to be appended.

    Args:
        envelope: bytes are stored as they are; an :class:`Envelope` as canonical JSON; what
            was read before comes back as it is.

    Raises:
        StatementError: the bytes are not a DSSE envelope of ours.
    """
    if isinstance(envelope, Content):
        return envelope
    if isinstance(envelope, Envelope):
        read, text = envelope, envelope.to_bytes()
    else:
        read, text = Envelope.from_bytes(envelope), bytes(envelope)
    return Content(bytes.fromhex(read.statement_id), text, read_facts(read.payload))


def read_facts(payload: bytes) -> Facts:
    """The facts in a statement's payload; raises nothing, whatever the payload is."""
    try:
        statement = _read(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return NO_FACTS
    said = statement.predicate
    standard = statement.predicateType in _STANDARD
    return Facts(
        _text(statement.predicateType),
        _text(said.mlo_id if standard else said.mlo),
        _text(said.mlo_keyId if standard else said.keyId),
        _text(said.mlo_activity if standard else said.activity),
        _text(_name(statement.subject)),
        _microseconds(said.mlo_time if standard else said.time),
    )


class _Predicate(msgspec.Struct):
    mlo: Any = None
    keyId: Any = None
    activity: Any = None
    time: Any = None
    mlo_id: Any = None
    mlo_keyId: Any = None
    mlo_activity: Any = None
    mlo_time: Any = None


class _Statement(msgspec.Struct):
    predicate: _Predicate
    predicateType: Any = None
    subject: Any = None


_read: Final = msgspec.json.Decoder(_Statement).decode
_STANDARD: Final = tuple(types.STANDARD)


def to_microseconds(moment: datetime) -> int:
    """An aware moment as the ledger keeps it."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(time: int) -> datetime:
    """The aware UTC moment of a kept time."""
    return _EPOCH + time * _MICROSECOND


def _name(subjects: Any) -> Any:
    if isinstance(subjects, list) and subjects and isinstance(subjects[0], dict):
        return subjects[0].get("name")
    return None


def _text(value: Any) -> str | None:
    """``value`` where every database can keep it and nobody's terminal minds it."""
    if isinstance(value, str) and len(value) <= _MAX_TEXT and value.isprintable():
        return kept_fact(value)
    return None


def kept_fact(text: str) -> str:
    """A text as facts hold it: one of more than 1024 bytes of UTF-8 as its beginning and SHA-256.

    Whoever looks for a text looks for this; done twice it changes nothing more. Ledgers of before
    may hold such a text as it is.
    """
    if len(text) <= _MAX_FACT // 4:  # no character takes more than four bytes
        return text
    encoded = text.encode("utf-8", "surrogatepass")
    if len(encoded) <= _MAX_FACT:
        return text
    return f"{text[:_LEFT]}…sha256:{sha256(encoded).hexdigest()}"


def _microseconds(value: Any) -> int | None:
    if not isinstance(value, str) or not value.endswith("Z"):
        return None
    try:
        return to_microseconds(datetime.fromisoformat(value))
    except (ValueError, TypeError, OverflowError):
        return None
