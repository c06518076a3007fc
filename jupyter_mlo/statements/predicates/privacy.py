"""Erasure: entries of a ledger whose contents are taken away, while their leaves stay."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from jupyter_mlo.statements.predicates.common import HexDigest, Signed, Strict


class ErasedEntry(Strict):
    """One entry: where it stood, its Merkle leaf hash, and what kind of statement it was."""

    index: Annotated[int, Field(ge=0, lt=2**53)]
    leaf: HexDigest
    predicate_type: Annotated[
        str,
        StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=256),
        Field(alias="predicateType"),
    ]


class Erasure(Signed):
    """Salt and envelope of ``entries`` of the ledger ``origin`` are erased; no free text.

    It does not name the statements: their IDs are digests that a guess could be held against.
    """

    origin: Annotated[str, StringConstraints(pattern=r"^[^\s+]+$", max_length=256)]
    entries: Annotated[list[ErasedEntry], Field(min_length=1, max_length=10_000)]
    reason: Literal["request", "retention", "unlawful"]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({entry.index for entry in self.entries}) != len(self.entries):
            raise ValueError("an entry is named twice")
        return self
