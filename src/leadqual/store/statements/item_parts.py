"""The conditions and columns of queue items."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, Text, and_, bindparam, false, func, or_, true

from leadqual.queue.states import ItemState
from leadqual.store.item_rows import ITEM_NAMES, OPEN_NAMES, Sight
from leadqual.store.tables import ITEMS

OPEN_COLUMNS: Final = tuple(ITEMS.c[name] for name in OPEN_NAMES)
ITEM_COLUMNS: Final = tuple(ITEMS.c[name] for name in ITEM_NAMES)

OF_LEAD: Final = ITEMS.c.lead_id == bindparam("id", type_=Text)
IS_WAITING: Final = ITEMS.c.finished_at.is_(None)
IS_OPEN: Final = ITEMS.c.state == ItemState.OPEN.value
IS_CLAIMED: Final = ITEMS.c.state == ItemState.CLAIMED.value
IS_SNOOZED: Final = ITEMS.c.state == ItemState.SNOOZED.value
NOW: Final = bindparam("now", type_=ITEMS.c.wakes_at.type)
IS_DUE: Final = ITEMS.c.wakes_at <= NOW


def is_seen(sight: Sight) -> ColumnElement[bool]:
    """Return the condition that somebody with this sight may see an item.

    It filters what an index found by something else. coalesce() keeps the planner from
    finding it by its queue: SQLite read a whole queue of a million to look for snoozes.
    """
    if sight.queues is None:
        return true()
    here = func.coalesce(ITEMS.c.queue, "")
    named = (here == queue.value for queue in sorted(sight.queues))
    handed = and_(
        ITEMS.c.handed_at.is_not(None),
        or_(ITEMS.c.handed_to == bindparam("viewer", type_=Text), ITEMS.c.handed_to.is_(None)),
    )
    return or_(false(), *named, *([handed] if sight.is_ae else []))
