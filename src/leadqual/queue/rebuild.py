"""Derive a queue item again from what was recorded about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from leadqual.errors import ConflictError
from leadqual.outcomes.events import OutcomeEvent
from leadqual.queue.items import QueueItem, WorkEntry, WorkKind
from leadqual.queue.states import ItemState
from leadqual.queue.transitions import advance


def rebuild_state(
    queued: QueueItem, history: Sequence[OutcomeEvent | WorkEntry], *, now: datetime
) -> QueueItem:
    """Return the item that a history leads to, as of `now`.

    Parameters
    ----------
    queued : QueueItem
        The item as its decision put it there: open, token 0, nobody's.
    history : sequence of OutcomeEvent or WorkEntry
        What was recorded about it, in the order it was recorded. Outcomes that its state did not
        allow at the time changed nothing then and change nothing here.
    now : datetime
        Leases and snoozes that ran out before are over.

    References
    ----------
    DESIGN section 3: everything but the events is derived from them.
    """
    item = queued
    for entry in history:
        if isinstance(entry, WorkEntry):
            item = _work(item.as_of(entry.at), entry)
        else:
            item = _outcome(item, entry, now=now)
    return item.as_of(now)


def _outcome(item: QueueItem, event: OutcomeEvent, *, now: datetime) -> QueueItem:
    """Apply an outcome, or leave the item alone where its state forbids it."""
    at = event.recorded_at or now
    try:
        return advance(item.as_of(at), event, now=at)
    except ConflictError:
        return item


def _work(item: QueueItem, entry: WorkEntry) -> QueueItem:
    """Apply one line of the work log."""
    if entry.kind is WorkKind.ASSIGNED:
        return replace(item, handed_to=entry.handed_to)
    rested = replace(item, claimed_by=None, lease_until=None, snoozed_until=None, token=entry.token)
    if entry.kind is WorkKind.CLAIMED:
        return replace(
            rested, state=ItemState.CLAIMED, claimed_by=entry.actor, lease_until=entry.until
        )
    if entry.kind is WorkKind.SNOOZED:
        return replace(
            rested, state=ItemState.SNOOZED, snoozed_until=entry.until, owner_rep=entry.actor
        )
    return replace(rested, state=ItemState.OPEN)
