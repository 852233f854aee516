"""What Alembic runs for an upgrade: the steps, in the transaction of the caller's connection."""

from __future__ import annotations

from alembic import context

from acpublish.store.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    # SQLite alters a table by copying it.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
