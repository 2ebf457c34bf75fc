"""A queue item as a row, and the statements that find one within the queues one may see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, and_, bindparam, false, func, or_, true

from leadqual.queue.items import QueueItem
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Queue
from leadqual.store.prepared import Row
from leadqual.store.tables import ITEMS

ITEM_COLUMNS: Final = (
    ITEMS.c.item_id,
    ITEMS.c.lead_id,
    ITEMS.c.queue,
    ITEMS.c.state,
    ITEMS.c.rank,
    ITEMS.c.order_key,
    ITEMS.c.due_at,
    ITEMS.c.created_at,
    ITEMS.c.claimed_by,
    ITEMS.c.wakes_at,
    ITEMS.c.token,
    ITEMS.c.finished_at,
    ITEMS.c.handed_to,
    ITEMS.c.handed_at,
    ITEMS.c.owner_rep,
)


When = Callable[[Any], datetime | None]
"""Reads a time as a driver gives it."""

_QUEUES: Final = {queue.value: queue for queue in Queue}
_STATES: Final = {state.value: state for state in ItemState}


def read_item(row: Row, when: When) -> QueueItem:
    """Return the item of a row of `ITEM_COLUMNS` as the driver gives it.

    A frozen dataclass takes ten times as long to fill through its constructor, which is half the
    time of a page.

    Parameters
    ----------
    when : callable
        Reads a time of the driver (`Link.read_time`).
    """
    item = object.__new__(QueueItem)
    put = vars(item)
    state, wakes_at = row[3], row[9]
    put["item_id"], put["lead_id"], put["queue"] = row[0], row[1], _QUEUES[row[2]]
    put["state"], put["rank"], put["order_key"] = _STATES[state], row[4], row[5]
    put["due_at"], put["created_at"] = when(row[6]), when(row[7])
    put["claimed_by"], put["token"] = row[8], row[10]
    put["lease_until"] = when(wakes_at) if state == "claimed" else None
    put["snoozed_until"] = when(wakes_at) if state == "snoozed" else None
    put["finished_at"], put["handed_to"] = when(row[11]), row[12]
    put["handed_at"], put["owner_rep"] = when(row[13]), row[14]
    return item


def state_values(item: QueueItem) -> dict[str, object]:
    """Return the columns that work on an item changes."""
    return {
        "state": item.state.value,
        "claimed_by": item.claimed_by,
        "wakes_at": item.lease_until or item.snoozed_until,
        "token": item.token,
        "finished_at": item.finished_at,
        "handed_to": item.handed_to,
        "handed_at": item.handed_at,
        "owner_rep": item.owner_rep,
    }


@dataclass(frozen=True, slots=True)
class Sight:
    """Which items somebody may see.

    `queues` None is all of them. With `is_ae`, what was handed to the parameter `viewer`, or to
    nobody in particular, is seen as well, whatever its queue.
    """

    queues: frozenset[Queue] | None = None
    is_ae: bool = False

    @property
    def condition(self) -> ColumnElement[bool]:
        """Return the condition in SQL.

        It filters what an index found by something else. coalesce() keeps the planner from
        finding it by its queue: SQLite read a whole queue of a million to look for snoozes.
        """
        if self.queues is None:
            return true()
        here = func.coalesce(ITEMS.c.queue, "")
        named = (here == queue.value for queue in sorted(self.queues))
        handed = and_(
            ITEMS.c.handed_at.is_not(None),
            or_(ITEMS.c.handed_to == bindparam("viewer", type_=Text), ITEMS.c.handed_to.is_(None)),
        )
        return or_(false(), *named, *([handed] if self.is_ae else []))


EVERYTHING: Final = Sight()
OF_LEAD: Final = ITEMS.c.lead_id == bindparam("id", type_=Text)
IS_WAITING: Final = ITEMS.c.finished_at.is_(None)
IS_OPEN: Final = ITEMS.c.state == ItemState.OPEN.value
IS_CLAIMED: Final = ITEMS.c.state == ItemState.CLAIMED.value
IS_SNOOZED: Final = ITEMS.c.state == ItemState.SNOOZED.value
NOW: Final = bindparam("now", type_=ITEMS.c.wakes_at.type)
IS_DUE: Final = ITEMS.c.wakes_at <= NOW
