"""Compare every queue item with what its events lead to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from leadqual.outcomes.events import OutcomeEvent
from leadqual.queue.items import QueueItem, WorkEntry, WorkKind
from leadqual.queue.rebuild import rebuild_state
from leadqual.queue.states import ItemState
from leadqual.store.event_rows import read_entry, read_event
from leadqual.store.item_rows import read_item
from leadqual.store.plans import Row
from leadqual.store.prepared import Link, Prepared

_BATCH: Final = 5_000
_WORK: Final = frozenset(kind.value for kind in WorkKind)
_ITEMS: Final = Prepared("items.after")
_HISTORY: Final = Prepared("items.history")


def find_differing(link: Link, *, now: datetime) -> tuple[str, ...]:
    """Return the leads whose newest state cannot be derived from what was recorded.

    Items of erased persons are closed without an event and are left out.
    """
    differing: list[str] = []
    lead_id, token = "", 0
    for item, history in _iter_items(link):
        first_token = token if item.lead_id == lead_id else 0
        if rebuild_state(_as_queued(item, first_token), history, now=now) != item.as_of(now):
            differing.append(item.lead_id)
        lead_id, token = item.lead_id, item.token
    return tuple(differing)


def _iter_items(
    link: Link,
) -> Iterator[tuple[QueueItem, list[OutcomeEvent | WorkEntry]]]:
    """Yield every item with what was recorded about it, the items of a lead in their order."""
    after, after_lead = 0, ""
    while rows := link.run_raw(_ITEMS, after=after, after_lead=after_lead, n=_BATCH):
        after, after_lead = rows[-1][:2]
        items = [read_item(row, link.read_time) for row in rows]
        by_item: dict[int, list[OutcomeEvent | WorkEntry]] = {item.item_id: [] for item in items}
        for row in link.run(_HISTORY, first=items[0].lead_id, last=items[-1].lead_id):
            if row[10] in by_item:
                by_item[row[10]].append(_entry(row))
        yield from ((item, by_item[item.item_id]) for item in items)


def _entry(row: Row) -> OutcomeEvent | WorkEntry:
    """Return the event or the work entry of a row."""
    if row[3] not in _WORK:
        return read_event(row[:10])
    event_id, _, lead_id, kind, actor, _, at = row[:7]
    item_id, token, until, handed_to = row[10:]
    return read_entry((event_id, item_id, lead_id, kind, actor, at, token, until, handed_to))


def _as_queued(item: QueueItem, token: int) -> QueueItem:
    """Return an item as its decision put it in the queue, after tokens up to `token`."""
    return replace(
        item,
        state=ItemState.OPEN,
        claimed_by=None,
        lease_until=None,
        token=token,
        snoozed_until=None,
        finished_at=None,
        handed_to=None,
        handed_at=None,
        owner_rep=None,
    )
