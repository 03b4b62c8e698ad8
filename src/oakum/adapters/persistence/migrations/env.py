"""Run migrations on the connection that `open_database` hands over."""

from alembic import context

from oakum.adapters.persistence.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
