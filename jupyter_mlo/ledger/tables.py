"""The ledger's tables, as SQLAlchemy Core metadata: what migrations must arrive at.

``entries`` and ``checkpoints`` are the tree and stay for ever; everything that may have to
be erased one day stands in ``contents``. Nothing on the way of an append
imports this module: the SQL of the store is plain text in ``rows.py`` (docs/adr/0006).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    or_,
    text,
)

from jupyter_mlo.statements.predicates import types

#: 64 bits everywhere; SQLite makes its row number only of a column called INTEGER.
_Count = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData(naming_convention={"uq": "uq_%(table_name)s_%(column_0_name)s"})

#: One row: which log this is. ``public_key`` is the 32-byte Ed25519 key.
log = Table(
    "log",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
)

#: The tree: 32-byte Merkle leaf hashes, each with the hashes of the complete subtrees that it
#: is the last leaf of, from the smallest up, 32 bytes each. One row an append, one page.
entries = Table(
    "entries",
    metadata,
    Column("leaf_index", _Count, primary_key=True, autoincrement=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("completed", LargeBinary, nullable=False),
)

#: What the leaves commit to, and what can be asked for. Facts are null where the payload
#: does not say them; ``subject`` is the first subject's name, ``time`` is the signer's claim
#: in microseconds since 1970.
contents = Table(
    "contents",
    metadata,
    Column(
        "leaf_index",
        _Count,
        ForeignKey(entries.c.leaf_index),
        primary_key=True,
        autoincrement=False,
    ),
    Column("statement_id", LargeBinary, nullable=False, unique=True),
    Column("predicate_type", Text),
    Column("mlo", Text),
    Column("key_id", Text),
    Column("activity", Text),
    Column("subject", Text),
    Column("time", BigInteger),
    Column("salt", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
)

#: Whom keys belong to, and who may act for whom: asked for by everybody who verifies. There
#: are few of them, so that the index costs next to nothing when anything else is appended.
#: SQLite uses the index only if the query's own term is one of these, word for word.
_IDENTITY = or_(
    contents.c.predicate_type == types.ENROLMENT,
    contents.c.predicate_type == types.DELEGATION,
    contents.c.predicate_type == types.REVOCATION,
)
Index(
    "ix_contents_identity",
    contents.c.predicate_type,
    sqlite_where=_IDENTITY,
    postgresql_where=_IDENTITY,
)
#: The newest seal of a notebook: asked for whenever it is verified.
_SEALS = contents.c.predicate_type == types.SEAL
Index("ix_contents_seals", contents.c.subject, sqlite_where=_SEALS, postgresql_where=_SEALS)

#: Every checkpoint that was signed, as the signed note.
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", _Count, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
)

#: Tables that only PostgreSQL has.
shared = MetaData(naming_convention=metadata.naming_convention)

#: What writers have handed over and the sequencer has not taken yet, as it was handed over. One
#: that comes again while it waits is there once; ``writer`` is the role that brought it.
inbox = Table(
    "inbox",
    shared,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("envelope", LargeBinary, nullable=False),
    Column("digest", LargeBinary, Computed("sha256(envelope)", persisted=True), unique=True),
    Column("writer", Text, server_default=text("SESSION_USER"), nullable=False),
)
