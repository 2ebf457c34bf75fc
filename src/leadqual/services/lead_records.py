"""One lead as stored: its record, everything that happened to it, and its erasure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from leadqual.leads.schema import Lead
from leadqual.outcomes.events import OutcomeType, Reason
from leadqual.qualify.score import LeadScore
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Decision
from leadqual.services.calls import Call


@dataclass(frozen=True, slots=True)
class LeadView:
    """A lead with its latest score and decision; `lead` is None after erasure."""

    lead_id: str
    feed: str
    received_at: datetime
    lead: Lead | None
    score: LeadScore | None
    decision: Decision | None
    state: ItemState | None
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TouchView:
    """One time the person came to us."""

    received_at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class ScoreView:
    """One scoring: by which model and standard, why it was done, and what was decided."""

    scored_at: datetime
    reason: str
    model_version: str
    standard_version: int
    score: LeadScore
    decision: Decision


@dataclass(frozen=True, slots=True)
class EventView:
    """One outcome event."""

    event_id: str
    type: OutcomeType
    occurred_at: datetime | None
    recorded_at: datetime | None
    actor: str | None
    reason: Reason | None
    amount_usd: float | None
    note: str | None


@dataclass(frozen=True, slots=True)
class LeadHistory:
    """Everything that happened to a lead, each list oldest first."""

    lead_id: str
    touches: tuple[TouchView, ...]
    scores: tuple[ScoreView, ...]
    events: tuple[EventView, ...]


class LeadRecords:
    """Read and erase leads. Reps see only leads of their queues, AEs only their hand-offs.

    Methods
    -------
    get(lead_id, *, call) -> LeadView
    history(lead_id, *, call) -> LeadHistory
    erase(lead_id, *, call) -> None
    """

    def get(self, lead_id: str, *, call: Call) -> LeadView:
        """Return one lead. Needs `leads:read`; raises `NotFoundError`."""
        raise AssertionError

    def history(self, lead_id: str, *, call: Call) -> LeadHistory:
        """Return every touch, score, decision and event. Needs `leads:read`."""
        raise AssertionError

    def erase(self, lead_id: str, *, call: Call) -> None:
        """Remove the person and leave a suppression mark. Needs `admin`.

        Raises
        ------
        NotFoundError
            When there is no such lead.
        """
        raise AssertionError
