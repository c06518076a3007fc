"""Seals: the ordered list of a notebook's cells, its signed Merkle root, and proofs of old entries.

The rules of ``docs/formats.md``, "Seal". The list beside the newest seal is one line a cell,
from which the signed root is computed again; of older seals single lines are kept, each with
its inclusion proof (RFC 9162, section 2.1.3). Everything here is pure.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jupyter_mlo.errors import NotebookError
from jupyter_mlo.ledger.merkle import (
    HASH_SIZE,
    inclusion_holds,
    inclusion_proof,
    leaf_hash,
    proof_length,
    root_of,
    tree_of,
)
from jupyter_mlo.notebook.digests import short
from jupyter_mlo.statements.canonical import canonical_bytes, has_lone_surrogate
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types

if TYPE_CHECKING:
    from jupyter_mlo.delegation.signer import Signer

MEANINGS: Final = ("held", "authored", "reviewed", "approved")
#: Written in the list of cells in place of a digest or a stamp that is not there.
ABSENT: Final = "-"

_LETTERS: Final = {"code": "c", "markdown": "m", "raw": "r", "": "?"}
_KINDS: Final = {letter: kind for kind, letter in _LETTERS.items()}
_STANDARD: Final = str.maketrans("-_", "+/")
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_FOREIGN: Final = frozenset("+/=")
#: By length modulo 4: the last characters that leave no unused bit set. No text has length 1.
_ENDS: Final = ("", "", _ALPHABET[::16], _ALPHABET[::4])
#: Lines and leaves that are remembered: who saves a notebook again and again, writes the same.
_REMEMBERED: Final = 1024
#: Ids that JSON text holds as they are.
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_.-]+")


def forget_lines() -> None:
    """Free the lines and leaves that are remembered, before other notebooks' take their place."""
    SealedCell.line.cache_clear()
    SealedCell.leaf.cache_clear()


def from_b64u(text: str) -> bytes:
    """The bytes of unpadded base64url in its one form; raises ValueError for any other text."""
    # The last character has unused bits, which must not be set.
    ends = _ENDS[len(text) % 4]
    if (ends and text[-1] not in ends) or not _FOREIGN.isdisjoint(text):
        raise ValueError("not base64url in its one form")
    padding = "=" * (-len(text) % 4)
    return binascii.a2b_base64(text.translate(_STANDARD) + padding, strict_mode=True)


class SealedCell(NamedTuple):
    """A cell as a seal lists it: what it was, what it held, which stamp it carried.

    ``id`` is None where there is none, and where it cannot be signed (:func:`is_name`).
    ``cell`` is the 32-byte ``mloCellV1``, None for a cell that cannot be digested; ``source``
    the ``mloSourceV1``; ``stamp`` the 32-byte statement ID of its stamp, if it had one.
    """

    kind: str
    id: str | None
    cell: bytes | None
    source: bytes
    stamp: bytes | None

    @lru_cache(maxsize=_REMEMBERED)  # noqa: B019 – cells are values, and few are kept
    def line(self) -> str:
        """The cell's entry in the list beside a seal, as compact text."""
        return " ".join(
            (
                _LETTERS[self.kind],
                self.id or "",
                short(self.cell) if self.cell else ABSENT,
                short(self.source),
                short(self.stamp) if self.stamp else ABSENT,
            )
        )

    @classmethod
    def from_line(cls, line: object) -> SealedCell:
        """Read a list entry; raises ValueError where it is none."""
        if not isinstance(line, str):
            raise ValueError("not a string")
        # The id is what its tool made of it, and may hold spaces: the rest is cut off both ends.
        head, *digests = line.rsplit(" ", 3)
        if len(digests) != 3 or head[:1] not in _KINDS or head[1:2] != " " or not is_name(head):
            raise ValueError("not of the form 'type id cell source stamp'")
        cell, source, stamp = (None if part == ABSENT else _digest(part) for part in digests)
        if source is None:
            raise ValueError("no digest of the source")
        return cls(_KINDS[head[0]], head[2:] or None, cell, source, stamp)

    @lru_cache(maxsize=_REMEMBERED)  # noqa: B019
    def leaf(self, position: int) -> bytes:
        """The hash of the Merkle leaf that the seal signs for this cell at ``position``."""
        if self.id is None:
            cell_id = b"null"
        elif _PLAIN_ID.fullmatch(self.id):
            cell_id = b'"%b"' % self.id.encode()
        else:
            cell_id = canonical_bytes(self.id)
        cell = f'"{short(self.cell)}"' if self.cell else "null"
        stamp = f'"{short(self.stamp)}"' if self.stamp else "null"
        rest = f',{cell},"{short(self.source)}",{stamp}]'
        return leaf_hash(b'[%d,"%b",%b%b' % (position, self.kind.encode(), cell_id, rest.encode()))


def _digest(text: str) -> bytes:
    data = from_b64u(text)
    if len(data) != HASH_SIZE:
        raise ValueError("not a SHA-256")
    return data


def is_name(text: str) -> bool:
    """Whether a cell's id can be signed: lone surrogates have no form in signed JSON."""
    return not has_lone_surrogate(text)


def cells_root(cells: Sequence[SealedCell]) -> bytes:
    """The RFC 9162 root over the cells' leaves, in order."""
    return root_of([cell.leaf(position) for position, cell in enumerate(cells)])


@dataclass(frozen=True, slots=True)
class Proof:
    """A line of an older seal's list, and the way from its leaf to the signed root."""

    position: int
    cell: SealedCell
    path: tuple[bytes, ...]

    def text(self) -> str:
        """The proof as it stands in the notebook, under its position."""
        return f"{short(b''.join(self.path)) or ABSENT} {self.cell.line()}"

    @classmethod
    def from_text(cls, position: object, text: object) -> Proof:
        """Read a proof; raises ValueError where it is none."""
        if not isinstance(text, str) or not isinstance(position, str) or len(position) > 15:
            raise ValueError("not a string")
        path, _, line = text.partition(" ")
        hashes = b"" if path == ABSENT else from_b64u(path)
        if len(hashes) % HASH_SIZE or not position.isdecimal() or str(int(position)) != position:
            raise ValueError("not of the form 'path type id cell source stamp' under a position")
        steps = tuple(hashes[at : at + HASH_SIZE] for at in range(0, len(hashes), HASH_SIZE))
        return cls(int(position), SealedCell.from_line(line), steps)

    def holds(self, count: int, root: bytes) -> bool:
        """Whether the line stood at its position in the list of ``count`` cells under ``root``."""
        leaf = self.cell.leaf(self.position)
        return inclusion_holds(leaf, self.position, count, self.path, root)


def make_proofs(cells: Sequence[SealedCell], positions: Sequence[int]) -> list[Proof]:
    """The proofs of some lines of a whole list."""
    node = tree_of([cell.leaf(position) for position, cell in enumerate(cells)])
    return [
        Proof(position, cells[position], tuple(inclusion_proof(position, len(cells), node)))
        for position in positions
    ]


def proof_size(count: int, position: int, line: str) -> int:
    """Characters of :meth:`Proof.text` of a line among ``count``, without making the proof."""
    path = HASH_SIZE * proof_length(position, count)
    return max(1, (4 * path + 2) // 3) + 1 + len(line)


def older_json(older: Sequence[tuple[str, Sequence[int]]]) -> dict[str, Any] | None:
    """The older seals as a new one names them, so that none can be taken away unseen.

    Args:
        older: statement ID and positions of the kept proofs of each, newest first.
    """
    if not older:
        return None
    leaves = [
        leaf_hash(canonical_bytes([statement_id, sorted(positions)]))
        for statement_id, positions in older
    ]
    return {"count": len(older), "root": short(root_of(leaves))}


def notebook_digest(
    count: int, root: str, nbformat: str, kernelspec: str | None, widgets: str | None
) -> str:
    """``mloNotebookV1`` in hex; ``root`` and ``widgets`` are b64u."""
    whole = {
        "cells": count,
        "kernelspec": kernelspec,
        "nbformat": nbformat,
        "root": root,
        "widgets": widgets,
    }
    return hashlib.sha256(canonical_bytes(whole)).hexdigest()


@dataclass(frozen=True)
class Sealable:
    """All that a seal binds, as it stands in a notebook now."""

    cells: Sequence[SealedCell]
    nbformat: str
    #: Name of the kernelspec.
    kernelspec: str | None
    #: b64u digest of the widget state.
    widgets: str | None

    @cached_property
    def root(self) -> str:
        """b64u root over the cells."""
        return short(cells_root(self.cells))


def make_seal(
    signer: Signer,
    sealable: Sealable,
    *,
    notebook: str,
    parent: str | None,
    previous: str | None,
    older: Sequence[tuple[str, Sequence[int]]] = (),
    meaning: str,
    now: datetime,
) -> Envelope:
    """Sign a seal.

    Args:
        notebook: the notebook's ID; ``parent`` that of the notebook from which a run made it.
        previous: statement ID of the seal before this one.
        older: the seals that the notebook keeps beside it, as in :func:`older_json`.
        meaning: one of :data:`MEANINGS`.

    Raises:
        Refused: the signer may not seal, now or at all.
        NotebookError: there is no such meaning.
    """
    if meaning not in MEANINGS:
        raise NotebookError(
            f"a seal cannot mean {meaning!r}", hint=f"one of: {', '.join(MEANINGS)}"
        )
    count, root = len(sealable.cells), sealable.root
    digest = notebook_digest(count, root, sealable.nbformat, sealable.kernelspec, sealable.widgets)
    predicate: dict[str, Any] = {
        "notebook": notebook,
        "parent": parent,
        "meaning": meaning,
        "cells": {"count": count, "root": root},
        "nbformat": sealable.nbformat,
        "kernelspec": sealable.kernelspec,
        "widgets": sealable.widgets,
        "previous": previous,
        "older": older_json(older),
    }
    subject = [{"name": notebook, "digest": {"mloNotebookV1": digest}}]
    return signer.sign(types.SEAL, subject, _without_nulls(predicate), now)


def _without_nulls(predicate: Mapping[str, Any]) -> dict[str, Any]:
    """Optional members that say nothing are left out: they would count in every notebook."""
    return {name: value for name, value in predicate.items() if value is not None}
