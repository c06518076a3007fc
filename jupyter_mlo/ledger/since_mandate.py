"""What the ledger has had about a mandate since it was made: its uses, and what was revoked.

By envelopes under the signed tree, never by a column: whoever writes the database could otherwise
hide a use, or a revocation. A mandate quotes a checkpoint, so nothing under it is older than that:
reading begins there, and whether the ledger continues that checkpoint is seen on the way. What was
found is kept outside the database, by the root that it is true of; the next reader goes on there.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from jupyter_mlo.delegation.pool import read_key
from jupyter_mlo.delegation.uses import End, Use, ends_of, uses_of, with_ends
from jupyter_mlo.errors import LedgerError, MloError
from jupyter_mlo.identity.private_files import write_private
from jupyter_mlo.ledger.content import read_facts
from jupyter_mlo.ledger.merkle import Frontier
from jupyter_mlo.ledger.stretch import Stretch
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.predicates.identity import Delegation

if TYPE_CHECKING:
    from jupyter_mlo.ledger.log import Ledger
    from jupyter_mlo.statements.statement import Statement

#: New entries from which it is worth writing down what was found.
_MANY: Final = 200


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    """The file: what is true of the first ``size`` entries, whose tree has this root (hex)."""

    origin: str
    size: int
    root: str
    #: Seal and notebook of each that the mandate's key has sealed, in ledger order.
    ends: list[End]
    #: Statement ID, run, notebook, time and entry of each use, in ledger order.
    uses: list[tuple[str, str, str, str, int]] = []
    #: Revocations: entry, and envelope as JSON text.
    revocations: list[tuple[int, str]] = []


@dataclass(frozen=True)
class Since:
    """What was found; all of it is proven, and nothing is missing where ``problems`` is empty."""

    #: In ledger order.
    uses: tuple[Use, ...] = ()
    #: Those of any key and delegation, each with its entry.
    revocations: tuple[tuple[int, Envelope], ...] = ()
    #: What does not hold: any of it may have been a use, or a revocation.
    problems: tuple[str, ...] = ()
    #: Index → leaf hash of entries whose content is gone, rightly or not.
    holes: Mapping[int, bytes] = field(default_factory=dict)


def counts_here(ledger: Ledger, mandate: Statement) -> bool:
    """Whether ``ledger`` is the one that counts the uses of a mandate: the one that it quotes."""
    quoted = cast(Delegation, mandate.predicate).checkpoint
    return quoted is not None and quoted.origin == ledger.origin


def read_since(ledger: Ledger, mandate: Statement, kept: Path | None) -> Since:
    """Read what came since the mandate was made, or since ``kept`` was written.

    Args:
        ledger: the one that counts the mandate's uses (:func:`counts_here`).
        mandate: its delegation, whose signature was checked.
        kept: where it is written down how far was read; None where nowhere.

    Raises:
        LedgerUnreachable: the database does not answer.
    """
    try:
        head = ledger.head()
    except LedgerError as error:
        return Since(problems=(error.message,))
    delegation: Any = mandate.predicate
    quoted = delegation.checkpoint
    root = base64.b64decode(quoted.root).hex()
    begin = _Kept(ledger.origin, quoted.size, root, [])
    if _root(ledger, quoted.size, head.size) != root:
        why = f"it does not continue the checkpoint of {quoted.size} entries that the mandate names"
        return Since(problems=(why,))
    known = _read(kept, begin, ledger, head.size)
    uses = {use.place: use for use in (Use(*each) for each in known.uses)}
    new = Stretch(ledger.rows, head, known.size)
    delegations: list[Envelope] = []
    entries: dict[str, int] = {}
    revocations: list[tuple[int, Envelope]] = []
    seals: list[Envelope] = []
    for index, envelope in new:
        match read_facts(envelope.payload).predicate_type:
            case types.DELEGATION:
                delegations.append(envelope)
                entries.setdefault(envelope.statement_id, index)
            case types.REVOCATION:
                revocations.append((index, envelope))
            case types.SEAL:
                seals.append(envelope)
    key = read_key(delegation.public_key)
    for use in uses_of(mandate.statement_id, key, delegations):
        uses.setdefault(use.place, replace(use, index=entries[use.statement_id]))
    ends = list(dict.fromkeys([*known.ends, *ends_of(mandate.statement_id, key, seals)]))
    texts = [*known.revocations, *((at, one.to_bytes().decode()) for at, one in revocations)]
    if kept is not None and not new.problems and not new.holes and head.size - known.size >= _MANY:
        rows = [
            (one.statement_id, one.run, one.notebook, one.time, one.index) for one in uses.values()
        ]
        now = _Kept(ledger.origin, head.size, head.root.hex(), ends, rows, texts)
        with contextlib.suppress(OSError):  # without it the next reader reads again
            write_private(kept, msgspec.json.encode(now))
    before = ((at, Envelope.from_bytes(text.encode())) for at, text in known.revocations)
    return Since(
        with_ends(uses.values(), ends),
        (*before, *revocations),
        tuple(new.problems),
        dict(new.holes),
    )


def _read(path: Path | None, begin: _Kept, ledger: Ledger, size: int) -> _Kept:
    """What was kept, if it is of this ledger as it is; else nothing is known yet."""
    with contextlib.suppress(OSError, msgspec.MsgspecError, MloError, ValueError):
        kept = msgspec.json.decode(path.read_bytes() if path else b"", type=_Kept)
        for _, text in kept.revocations:
            Envelope.from_bytes(text.encode())
        of_this = kept.origin == begin.origin and begin.size <= kept.size
        if of_this and _root(ledger, kept.size, size) == kept.root:
            return kept
    return begin


def _root(ledger: Ledger, size: int, most: int) -> str:
    """The root of the first ``size`` entries (hex); empty where there are not so many."""
    with contextlib.suppress(LookupError):
        if 0 <= size <= most:
            return Frontier.of(size, ledger.rows.node).root().hex()
    return ""
