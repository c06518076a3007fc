"""Alembic runs this module: it migrates over the connection that the caller lends.

The transaction is the caller's: a step and the record of it become visible together, or
not at all.
"""

from __future__ import annotations

from alembic import context

from jupyter_mlo.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
