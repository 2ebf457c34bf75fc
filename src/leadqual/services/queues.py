"""What a rep sees: a ranked queue, one lead, and an AE's hand-offs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from leadqual.qualify.score import LeadScore
from leadqual.queue.handoff import Handoff
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Decision, Queue
from leadqual.services.calls import Call


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One lead in a queue, with everything its row or page needs.

    `ask` is the question to ask next in plain words (None when nothing is open), `token` is
    there only for whoever holds the claim, `allowed` are the outcomes its state allows.
    """

    lead_id: str
    queue: Queue
    state: ItemState
    rank: float
    name: str | None
    job_title: str | None
    company: str | None
    country: str | None
    source: str
    created_at: datetime
    due_at: datetime | None
    is_overdue: bool
    score: LeadScore
    decision: Decision
    ask: str | None
    allowed: tuple[str, ...]
    claimed_by: str | None = None
    lease_until: datetime | None = None
    token: int | None = None
    snoozed_until: datetime | None = None
    handed_to: str | None = None
    owner_rep: str | None = None


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A stretch of a ranked queue; `next_cursor` is None at its end."""

    queue: Queue
    rows: tuple[QueueRow, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class QueueSummary:
    """How much waits in one queue."""

    queue: Queue
    n_open: int
    n_claimed: int
    n_snoozed: int
    n_overdue: int


@dataclass(frozen=True, slots=True)
class HandoffRow:
    """A hand-off as an AE sees it: where it stands, and the brief that came with it."""

    row: QueueRow
    brief: Handoff


class Queues:
    """List queues and hand-offs.

    Methods
    -------
    summaries(*, call) -> tuple[QueueSummary, ...]
    page(queue, *, call, limit=50, cursor=None) -> QueuePage
    row(lead_id, *, call) -> QueueRow
    handoffs(*, call, is_finished=False) -> tuple[HandoffRow, ...]
    handoff(lead_id, *, call) -> HandoffRow
    """

    def summaries(self, *, call: Call) -> tuple[QueueSummary, ...]:
        """Return the depth of every queue that exists for the caller."""
        raise AssertionError

    def page(
        self, queue: Queue, *, call: Call, limit: int = 50, cursor: str | None = None
    ) -> QueuePage:
        """Return the best `limit` leads of a queue after `cursor`.

        Raises
        ------
        PermissionDeniedError
            When the queue belongs to another role.
        InputError
            When the cursor is none of ours.
        """
        raise AssertionError

    def row(self, lead_id: str, *, call: Call) -> QueueRow:
        """Return one lead's row.

        Raises
        ------
        NotFoundError
            When there is none, or none that the caller may see.
        """
        raise AssertionError

    def handoffs(self, *, call: Call, is_finished: bool = False) -> tuple[HandoffRow, ...]:
        """Return the hand-offs of an AE (every one for a leader or admin), newest first."""
        raise AssertionError

    def handoff(self, lead_id: str, *, call: Call) -> HandoffRow:
        """Return one hand-off. Raises `NotFoundError`."""
        raise AssertionError
