"""How Alembic runs the revisions: through the connection of `scripts.migrate`, or as SQL on standard output."""

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from scripts import connection
from scripts.revisions import SCHEMA, TABLE

OPTIONS = {"version_table": TABLE, "version_table_schema": SCHEMA, "transaction_per_migration": True}

if context.is_offline_mode():
    context.configure(dialect_name="postgresql", **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()
else:
    # `scripts.migrate` gives its own, which holds the locks; `alembic` itself opens one.
    given = context.config.attributes.get("connect", connection.connect)
    with create_engine("postgresql+psycopg://", creator=given, poolclass=NullPool).connect() as session:
        context.configure(connection=session, **OPTIONS)
        with context.begin_transaction():
            context.run_migrations()
