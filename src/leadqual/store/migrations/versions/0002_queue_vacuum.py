"""Let every vacuum of the queues on PostgreSQL clean their indexes, and never lock the table."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision.

    By itself a vacuum leaves the indexes as they are while few pages of the table hold dead rows:
    those are the best leads of a queue, which every claim searches first (decision 22).
    """
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE queue_items SET (vacuum_index_cleanup = on, vacuum_truncate = off)")


def downgrade() -> None:
    """Undo this revision."""
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE queue_items RESET (vacuum_index_cleanup, vacuum_truncate)")
