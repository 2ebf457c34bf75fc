"""The statements of the queues other than ranking and claiming."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Final, NamedTuple

from leadqual.queue.items import QueueDepth
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Decision, Queue
from leadqual.store.item_rows import HandoffParts, Sight
from leadqual.store.plans import Row
from leadqual.store.prepared import Prepared

PUT: Final = Prepared("items.put")
PUT_NEW: Final = Prepared("items.put_new")
PUT_MANY: Final = Prepared("items.put_many")
MOVE: Final = Prepared("items.move")
COUNT: Final = Prepared("items.count")
COUNT_QUEUED: Final = Prepared("items.count_queued")
LOG: Final = Prepared("events.entries_of")


def item_values(lead_id: str, decision: Decision, *, now: datetime) -> dict[str, object]:
    """Return the columns of a new item."""
    return {
        "lead_id": lead_id,
        "queue": decision.queue.value,
        "state": ItemState.OPEN.value,
        "rank": decision.rank,
        "order_key": decision.order_key,
        "due_at": decision.due_at,
        "created_at": now,
        "claimed_by": None,
        "wakes_at": None,
        "finished_at": None,
        "handed_to": None,
        "handed_at": None,
        "owner_rep": None,
    }


@cache
def newest_of_many(sight: Sight) -> Prepared:
    """Return the newest item of each lead of a list."""
    return Prepared("items.newest_of_many", sight)


class DepthStatements(NamedTuple):
    """Counts by queue; each is answered by one index alone."""

    by_state: Prepared
    over: Prepared
    overdue: Prepared


@cache
def depths(sight: Sight) -> DepthStatements:
    """Return the statements that count what waits."""
    return DepthStatements(*(Prepared(f"items.{name}", sight) for name in DepthStatements._fields))


@cache
def handoffs(sight: Sight, *, is_finished: bool, has_ae: bool) -> Prepared:
    """Return what was handed over, newest first, for one AE or for all."""
    return Prepared("items.handoffs", HandoffParts(sight, is_finished, has_ae))


def read_depths(
    by_state: Sequence[Row], over: Sequence[Row], overdue: Sequence[Row]
) -> tuple[QueueDepth, ...]:
    """Return one depth per queue; what is claimed or put off until now counts as open."""
    counts = {(queue, state): n_items for queue, state, n_items in by_state}
    n_over: dict[str, int] = {}
    for queue, state, n_items in over:
        counts[queue, state] -= n_items
        n_over[queue] = n_over.get(queue, 0) + n_items
    n_overdue: dict[str, int] = dict(overdue)

    def still(queue: str, state: ItemState) -> int:
        return int(counts.get((queue, state.value), 0))

    return tuple(
        QueueDepth(
            Queue(queue),
            n_open=still(queue, ItemState.OPEN) + n_over.get(queue, 0),
            n_claimed=still(queue, ItemState.CLAIMED),
            n_snoozed=still(queue, ItemState.SNOOZED),
            n_handed_off=still(queue, ItemState.HANDED_OFF),
            n_opportunities=still(queue, ItemState.OPPORTUNITY),
            n_overdue=n_overdue.get(queue, 0),
        )
        for queue in sorted({queue for queue, _ in counts})
    )
