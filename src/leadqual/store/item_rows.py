"""A queue item as a row, which rows somebody may see, and what a page of them is read from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from leadqual.queue.items import QueueItem
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Queue
from leadqual.store.plans import Row

OPEN_NAMES: Final = (
    "item_id",
    "lead_id",
    "rank",
    "order_key",
    "due_at",
    "created_at",
    "token",
    "handed_to",
    "handed_at",
    "owner_rep",
)
"""What is not known already of an open item that was looked for in its queue."""

ITEM_NAMES: Final = (*OPEN_NAMES, "queue", "state", "claimed_by", "wakes_at", "finished_at")

STATE_NAMES: Final = (
    "state",
    "claimed_by",
    "wakes_at",
    "token",
    "finished_at",
    "handed_to",
    "handed_at",
    "owner_rep",
)
"""What work on an item changes."""

_N_OPEN: Final = len(OPEN_NAMES)

_STATE: Final = ITEM_NAMES.index("state")
_OPEN: Final = ItemState.OPEN  # a page names it fifty times, and each look-up is one in Python

When = Callable[[Any], datetime | None]
"""Reads a time as a driver gives it."""

_make: Final = object.__new__
_set: Final = object.__setattr__

_QUEUES: Final = {queue.value: queue for queue in Queue}
_STATES: Final = {state.value: state for state in ItemState}


def read_open(row: Row, queue: Queue, when: When) -> QueueItem:
    """Return the open item of a row of `OPEN_NAMES` as the driver gives it.

    Its dictionary is filled at once: the constructor of a frozen dataclass takes three times as
    long, which would be most of the time of a page.

    Parameters
    ----------
    when : callable
        Reads a time of the driver (`Link.read_time`).
    """
    item_id, lead_id, rank, order_key, due_at, created_at, token, handed_to, handed_at, rep = row
    item = _make(QueueItem)
    values = {
        "item_id": item_id,
        "lead_id": lead_id,
        "queue": queue,
        "state": _OPEN,
        "rank": rank,
        "order_key": order_key,
        "due_at": None if due_at is None else when(due_at),
        "created_at": when(created_at),
        "claimed_by": None,
        "lease_until": None,
        "token": token,
        "snoozed_until": None,
        "finished_at": None,
        "handed_to": handed_to,
        "handed_at": None if handed_at is None else when(handed_at),
        "owner_rep": rep,
    }
    _set(item, "__dict__", values)
    return item


def read_item(row: Row, when: When) -> QueueItem:
    """Return the item of a row of `ITEM_NAMES` as the driver gives it; see `read_open`."""
    queue, state, claimed_by, wakes_at, finished_at = row[_N_OPEN:]
    item = read_open(row[:_N_OPEN], _QUEUES[queue], when)
    if state != "open":
        vars(item).update(
            state=_STATES[state],
            claimed_by=claimed_by,
            lease_until=when(wakes_at) if state == "claimed" else None,
            snoozed_until=when(wakes_at) if state == "snoozed" else None,
            finished_at=when(finished_at),
        )
    return item


def read_ranked(
    rows: Sequence[Row], queue: Queue, when: When, *, now: datetime
) -> tuple[QueueItem, ...]:
    """Return the items of a page of a queue, as of `now`: open ones have no state in their rows.

    Parameters
    ----------
    rows : sequence of tuple
        Of `ITEM_NAMES`, or of `OPEN_NAMES` alone.
    """
    return tuple([
        read_open(row, queue, when)
        if len(row) == _N_OPEN
        else read_open(row[:_N_OPEN], queue, when)
        if row[_STATE] is None
        else read_item(row, when).as_of(now)
        for row in rows
    ])


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


class Sight(NamedTuple):
    """Which items somebody may see.

    `queues` None is all of them. With `is_ae`, what was handed to the parameter `viewer`, or to
    nobody in particular, is seen as well, whatever its queue.
    """

    queues: frozenset[Queue] | None = None
    is_ae: bool = False

    def has(self, queue: Queue) -> bool:
        """Return whether all of a queue is seen."""
        return self.queues is None or queue in self.queues


EVERYTHING: Final = Sight()


class HandoffParts(NamedTuple):
    """What the statement of a list of hand-offs depends on."""

    sight: Sight
    is_finished: bool
    has_ae: bool


class PageParts(NamedTuple):
    """What the statements of a page depend on: each part is a range of an index."""

    states: frozenset[ItemState]
    n_rows: int
    has_cursor: bool
    sight: Sight

    @property
    def due_states(self) -> tuple[ItemState, ...]:
        """Return the states that are not listed but count as open once their time is over."""
        if ItemState.OPEN not in self.states:
            return ()
        sleeping = (ItemState.CLAIMED, ItemState.SNOOZED)
        return tuple(state for state in sleeping if state not in self.states)

    @property
    def n_listed(self) -> int:
        """Return of how many parts the states that are listed are."""
        return len(self.states) + bool(self.due_states)
