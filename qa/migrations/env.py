"""Run by Alembic: migrates the database handed over in the configuration's attributes."""

from __future__ import annotations

from alembic import context

from qa.db import Database
from qa.tables import Base

database: Database = context.config.attributes["database"]

with database.engine.connect() as connection:
    raw = connection.connection.driver_connection
    if database.is_sqlite and raw is not None:
        # Rebuilding a table for a changed column must not trip over foreign keys, and cannot be switched inside a
        # transaction, which any statement of SQLAlchemy's begins.
        raw.execute("PRAGMA foreign_keys = OFF")
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=database.is_sqlite,
        compare_type=True,
        user_module_prefix="qa.db.",
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
    if database.is_sqlite and raw is not None:
        raw.execute("PRAGMA foreign_keys = ON")
