"""Alembic's environment: runs the migrations on the connection it is handed, in the caller's transaction."""

from alembic import context

from projects_db.tables import Row

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
