"""The first tables: log, entries, contents, checkpoints; and PostgreSQL's inbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: An envelope of 2 kB stays in its row as it is: PostgreSQL would compress it, which costs more
#: than writing it.
_IN_ITS_ROW = "ALTER TABLE {} SET (toast_tuple_target = 8160)"


def upgrade() -> None:
    """Make the tables."""
    count = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "log",
        sa.Column("id", sa.Integer(), sa.CheckConstraint("id = 1"), autoincrement=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "entries",
        sa.Column("leaf_index", count, autoincrement=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.Column("completed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("leaf_index"),
    )
    op.create_table(
        "contents",
        sa.Column("leaf_index", count, autoincrement=False),
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("predicate_type", sa.Text()),
        sa.Column("mlo", sa.Text()),
        sa.Column("key_id", sa.Text()),
        sa.Column("activity", sa.Text()),
        sa.Column("subject", sa.Text()),
        sa.Column("time", sa.BigInteger()),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("leaf_index"),
        sa.ForeignKeyConstraint(["leaf_index"], ["entries.leaf_index"]),
        sa.UniqueConstraint("statement_id", name="uq_contents_statement_id"),
    )
    own = "https://jupyter-mlo.github.io/"
    identity = sa.text(
        " OR ".join(
            f"predicate_type = '{own}{name}/v1'"
            for name in ("enrolment", "delegation", "revocation")
        )
    )
    op.create_index(
        "ix_contents_identity",
        "contents",
        ["predicate_type"],
        sqlite_where=identity,
        postgresql_where=identity,
    )
    seals = sa.text(f"predicate_type = '{own}seal/v1'")
    op.create_index(
        "ix_contents_seals", "contents", ["subject"], sqlite_where=seals, postgresql_where=seals
    )
    op.create_table(
        "checkpoints",
        sa.Column("size", count, autoincrement=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.create_table(
            "inbox",
            sa.Column("id", sa.BigInteger(), sa.Identity(always=True)),
            sa.Column("envelope", sa.LargeBinary(), nullable=False),
            sa.Column("digest", sa.LargeBinary(), sa.Computed("sha256(envelope)", persisted=True)),
            sa.Column("writer", sa.Text(), server_default=sa.text("SESSION_USER"), nullable=False),
            sa.PrimaryKeyConstraint("id"),
            sa.UniqueConstraint("digest", name="uq_inbox_digest"),
        )
        for table in ("contents", "inbox"):
            op.execute(_IN_ITS_ROW.format(table))
