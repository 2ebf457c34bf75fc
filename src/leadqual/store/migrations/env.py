"""Run migrations on the connection that `store.schema` hands over."""

from alembic import context

from leadqual.store.indexes import complete_metadata
from leadqual.store.schema import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=complete_metadata(),
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
