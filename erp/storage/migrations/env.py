"""Alembic's entry: runs the migrations on the database that the caller names."""

from alembic import context
from sqlalchemy import text

from erp.storage.db import open_engine
from erp.storage.tables import Base

url = context.config.attributes["url"]
engine = open_engine(url)
with engine.execution_options(writes=True).connect() as connection:
    if connection.dialect.name == "sqlite":
        # A table that is made anew is dropped first, and with it would go whatever points to its rows. Only outside of
        # a transaction can that be switched off.
        connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            # Two processes that start at once take turns; on SQLite the write lock sees to that.
            connection.execute(text("SELECT pg_advisory_xact_lock(20)"))
        context.run_migrations()
    connection.commit()
engine.dispose()
