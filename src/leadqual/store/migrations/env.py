"""Run migrations on the connection that `store.schema` hands over."""

from alembic import context

from leadqual.store.metadata import METADATA
from leadqual.store.schema import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
