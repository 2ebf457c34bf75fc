"""One lead's place in a queue, and what was done with it there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from leadqual.queue.states import FINAL_STATES, ItemState
from leadqual.routing.decision import Queue

LEASE: Final = timedelta(minutes=30)
"""How long a claim keeps others off a lead, unless it is renewed by working on it."""

PUT_OFF: Final = timedelta(days=1)
"""When a lead comes back whose rep said "later" and named no time."""


class WorkKind(StrEnum):
    """What a rep did with an item that is not an outcome of the lead."""

    CLAIMED = "claimed"
    RELEASED = "released"
    SNOOZED = "snoozed"
    ASSIGNED = "assigned"


@dataclass(frozen=True)  # no slots: a page is built from rows by filling dictionaries
class QueueItem:
    """One lead's place in a queue.

    `rank` in [0, 1] and `order_key` (the sort key, higher first, ties by age) are those of the
    last decision. `token` grows by one with each claim of the lead: an action that names an
    older one comes too late. `claimed_by` and `lease_until` are set while claimed,
    `snoozed_until` while snoozed, `finished_at` in a final state. `owner_rep` is the rep who last
    put it off or handed it over, and keeps the credit; `handed_to` the AE (None: any AE),
    `handed_at` when.
    """

    item_id: int
    lead_id: str
    queue: Queue
    state: ItemState
    rank: float
    order_key: float
    due_at: datetime | None
    created_at: datetime
    claimed_by: str | None = None
    lease_until: datetime | None = None
    token: int = 0
    snoozed_until: datetime | None = None
    finished_at: datetime | None = None
    handed_to: str | None = None
    handed_at: datetime | None = None
    owner_rep: str | None = None

    @property
    def is_final(self) -> bool:
        """Return whether nothing but a late win can happen to it any more."""
        return self.state in FINAL_STATES

    def as_of(self, now: datetime) -> QueueItem:
        """Return the item as it stands at `now`: open again when a lease or snooze has run out."""
        until = self.lease_until if self.state is ItemState.CLAIMED else self.snoozed_until
        if until is None or until > now:
            return self
        return replace(
            self, state=ItemState.OPEN, claimed_by=None, lease_until=None, snoozed_until=None
        )

    def is_overdue(self, now: datetime) -> bool:
        """Return whether nobody has dealt with it by `due_at`."""
        return self.due_at is not None and self.due_at < now and self.handed_at is None


@dataclass(frozen=True, slots=True)
class Taker:
    """Who takes the best lead of a queue, when and for how long."""

    actor: str
    now: datetime
    lease: timedelta = LEASE

    def take(self, item: QueueItem) -> QueueItem:
        """Return an open item as it stands once it is theirs."""
        return replace(
            item,
            state=ItemState.CLAIMED,
            claimed_by=self.actor,
            lease_until=self.now + self.lease,
            token=item.token + 1,
        )


@dataclass(frozen=True, slots=True)
class WorkEntry:
    """One line of the work log: append-only, beside the outcome events of the lead.

    `until` is the end of a lease or snooze, `token` the fencing token after it, `handed_to`
    the AE that an item was assigned to.
    """

    entry_id: int
    item_id: int
    lead_id: str
    kind: WorkKind
    actor: str
    at: datetime
    token: int
    until: datetime | None = None
    handed_to: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of a ranked queue; `next_cursor` is None at its end."""

    items: tuple[QueueItem, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How much waits in one queue; overdue is what no rep has dealt with in time."""

    queue: Queue
    n_open: int = 0
    n_claimed: int = 0
    n_snoozed: int = 0
    n_handed_off: int = 0
    n_opportunities: int = 0
    n_overdue: int = 0
