"""Which entries are of which predicate: by envelopes under the signed tree, never by a column.

Whoever writes the database can say in a column that a revocation is something else. So whoever
looks for revocations reads each envelope once, and holds its leaf against the newest checkpoint.
What was found is kept outside the database, by the root that it is true of: the next reader begins
behind it. Whoever can write that file, and the database, can hide an entry from `verify`, and not
from `ledger verify`; without the file everything is read again.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from jupyter_mlo.errors import LedgerError
from jupyter_mlo.identity.private_files import write_private
from jupyter_mlo.ledger.checkpoint import read_checkpoint
from jupyter_mlo.ledger.content import read_facts
from jupyter_mlo.ledger.merkle import Frontier
from jupyter_mlo.ledger.stretch import Stretch
from jupyter_mlo.statements.predicates import types

if TYPE_CHECKING:
    from jupyter_mlo.ledger.note_keys import NoteVerifier
    from jupyter_mlo.ledger.rows import Rows

#: What is looked for by its predicate where notebooks and exports are verified.
LABELLED: Final = (types.BINDING - {types.DELEGATION}) | {types.SEAL}
#: New entries from which it is worth writing them down.
_MANY: Final = 200


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    """The file: what is true of the first ``size`` entries, whose tree has this root (hex)."""

    origin: str
    size: int
    root: str
    indexes: dict[str, list[int]]


@dataclass
class Labels:
    """Predicate type URI → the indexes of its entries, in order; and what does not hold."""

    indexes: dict[str, list[int]]
    problems: list[str] = field(default_factory=list)


def read_labels(rows: Rows, log: NoteVerifier, kept: Path | None) -> Labels:
    """Read what is new since ``kept`` was written, and keep it where it is much and holds.

    Raises:
        LedgerUnreachable: the database does not answer.
    """
    last = rows.last_checkpoint()
    if last is None:
        return Labels({}, ["the ledger has no checkpoint"])
    try:
        head = read_checkpoint(last[1], log)
    except LedgerError as error:
        return Labels({}, [error.message])
    known = _read(kept, log.name, rows, head.size)
    found = Labels(known.indexes)
    # The holes of a ledger are counted elsewhere.
    new = Stretch(rows, head, known.size)
    for index, envelope in new:
        uri = read_facts(envelope.payload).predicate_type
        if uri in LABELLED:
            found.indexes.setdefault(str(uri), []).append(index)
    found.problems += new.problems
    if kept is not None and not found.problems and head.size - known.size >= _MANY:
        now = _Kept(log.name, head.size, head.root.hex(), found.indexes)
        # Without it the next reader reads again.
        with contextlib.suppress(OSError):
            write_private(kept, msgspec.json.encode(now))
    return found


def _read(path: Path | None, origin: str, rows: Rows, size: int) -> _Kept:
    """What was kept, if it is of this ledger as it is; else nothing."""
    with contextlib.suppress(OSError, msgspec.MsgspecError, LookupError, ValueError):
        kept = msgspec.json.decode(path.read_bytes() if path else b"", type=_Kept)
        of_this = kept.origin == origin and 0 <= kept.size <= size
        if of_this and Frontier.of(kept.size, rows.node).root().hex() == kept.root:
            return kept
    return _Kept(origin, 0, "", {})
