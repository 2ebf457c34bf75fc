"""Outcome events and work entries as rows of one append-only table."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from leadqual.outcomes.events import OutcomeEvent
from leadqual.queue.items import WorkEntry, WorkKind
from leadqual.store.plans import Row
from leadqual.store.prepared import Prepared

INSERT_ENTRY: Final = Prepared("events.insert_entry")


def event_values(
    event: OutcomeEvent, *, item_id: int | None, event_key: str | None
) -> dict[str, object]:
    """Return the columns of an outcome event."""
    return {
        "lead_id": event.lead_id,
        "item_id": item_id,
        "type": event.type.value,
        "actor": event.actor,
        "occurred_at": event.occurred_at,
        "recorded_at": event.recorded_at,
        "reason": None if event.reason is None else event.reason.value,
        "amount_usd": event.amount_usd,
        "note": event.note,
        "event_key": event_key,
        "token": None,
        "until": None,
        "handed_to": None,
    }


def entry_values(
    kind: WorkKind,
    *,
    item: tuple[int, str, int],
    actor: str,
    at: datetime,
    until: datetime | None = None,
    handed_to: str | None = None,
) -> dict[str, object]:
    """Return the columns of a work entry; `item` is its id, its lead and its token now."""
    item_id, lead_id, token = item
    return {
        "lead_id": lead_id,
        "item_id": item_id,
        "type": kind.value,
        "actor": actor,
        "occurred_at": at,
        "recorded_at": at,
        "reason": None,
        "amount_usd": None,
        "note": None,
        "event_key": None,
        "token": token,
        "until": until,
        "handed_to": handed_to,
    }


def read_event(row: Row) -> OutcomeEvent:
    """Return the event of a row of `events.of` and its like."""
    lead_id, kind, actor, occurred_at, recorded_at, reason, amount_usd, note = row[2:]
    return OutcomeEvent(
        lead_id=lead_id,
        type=kind,
        actor=actor,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        reason=reason,
        amount_usd=amount_usd,
        note=note,
    )


def read_entry(row: Row) -> WorkEntry:
    """Return the work entry of a row of `events.entries_of`."""
    entry_id, item_id, lead_id, kind, actor, at, token, until, handed_to = row
    return WorkEntry(entry_id, item_id, lead_id, WorkKind(kind), actor, at, token, until, handed_to)
