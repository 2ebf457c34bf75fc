"""Indexes over some of a table's rows, and others that are declared after their table.

Only who makes or compares a schema needs them, and SQLAlchemy loads a whole dialect for each
database whose arguments an index has: a server on SQLite does without PostgreSQL's.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, MetaData, text

from leadqual.store.metadata import METADATA
from leadqual.store.tables import EVENTS, ITEMS
from leadqual.store.tables_operations import OUTBOX, STANDARDS

_WAITING: Final = ITEMS.c.finished_at.is_(None)
_WAKES: Final = ITEMS.c.wakes_at.is_not(None)
_HANDED: Final = ITEMS.c.handed_at.is_not(None)

Index(
    "uq_queue_items_open",
    ITEMS.c.lead_id,
    unique=True,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)
Index("ix_queue_items_lead_id_item_id", ITEMS.c.lead_id, ITEMS.c.item_id)
Index(
    "ix_queue_items_ranked",
    ITEMS.c.queue,
    ITEMS.c.state,
    ITEMS.c.order_key.desc(),
    ITEMS.c.item_id,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)
Index("ix_queue_items_wakes_at", ITEMS.c.wakes_at, sqlite_where=_WAKES, postgresql_where=_WAKES)
Index("ix_queue_items_handed_at", ITEMS.c.handed_at, sqlite_where=_HANDED, postgresql_where=_HANDED)
Index(
    "ix_queue_items_overdue",
    ITEMS.c.due_at,
    ITEMS.c.queue,
    sqlite_where=_WAITING & ITEMS.c.handed_at.is_(None),
    postgresql_where=_WAITING & ITEMS.c.handed_at.is_(None),
)
Index("ix_queue_items_queue_created_at", ITEMS.c.queue, ITEMS.c.created_at)
Index(
    "uq_events_event_key",
    EVENTS.c.event_key,
    unique=True,
    sqlite_where=EVENTS.c.event_key.is_not(None),
    postgresql_where=EVENTS.c.event_key.is_not(None),
)
_UNSENT: Final = OUTBOX.c.delivered_at.is_(None) & OUTBOX.c.given_up_at.is_(None)
Index("ix_outbox_due", OUTBOX.c.due_at, sqlite_where=_UNSENT, postgresql_where=_UNSENT)

Index(
    "uq_standards_active",
    STANDARDS.c.is_active,
    unique=True,
    sqlite_where=text("is_active = 1"),
    postgresql_where=text("is_active"),
)


def complete_metadata() -> MetaData:
    """Return every table with every index."""
    return METADATA
