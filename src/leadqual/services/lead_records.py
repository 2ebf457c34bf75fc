"""One lead as stored: its record, everything that happened to it, and its erasure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from leadqual.errors import NotFoundError
from leadqual.leads.schema import Lead
from leadqual.outcomes.events import OutcomeType, Reason
from leadqual.qualify.score import LeadScore
from leadqual.queue.items import QueueItem
from leadqual.queue.states import ItemState
from leadqual.routing.decision import Decision, Queue
from leadqual.services.calls import Call, Scope
from leadqual.services.housekeeping import Scrubber
from leadqual.services.queues import visible
from leadqual.services.writer import GroupWriter
from leadqual.store import ScoreRecord, Store, StoredEvent, Tx


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

    Parameters
    ----------
    store : Store
        Where leads are read from.
    writer : GroupWriter
        Commits an erasure.
    scrubber : Scrubber
        Removes the bytes that an erasure leaves in files.
    suppression_key : bytes
        Key of the mark that an erased person leaves.
    """

    def __init__(
        self, store: Store, writer: GroupWriter, *, scrubber: Scrubber, suppression_key: bytes
    ) -> None:
        self._store = store
        self._writer = writer
        self._scrubber = scrubber
        self._suppression_key = suppression_key

    def get(self, lead_id: str, *, call: Call) -> LeadView:
        """Return one lead. Needs `leads:read`.

        Raises
        ------
        PermissionDeniedError
        NotFoundError
            When there is no such lead, or none that exists for the caller.
        """
        call.principal.require(Scope.LEADS_READ)
        with self._store.read() as tx:
            item = _visible_item(tx, lead_id, call)
            record, scored = tx.leads.get(lead_id), tx.scores.latest(lead_id)
        return LeadView(
            lead_id=lead_id,
            feed=record.feed,
            received_at=record.received_at,
            lead=None if record.erased_at is not None else record.lead,
            score=None if scored is None else scored.score,
            decision=None if scored is None else scored.decision,
            state=None if item is None else item.state,
            erased_at=record.erased_at,
        )

    def history(self, lead_id: str, *, call: Call) -> LeadHistory:
        """Return every touch, score, decision and event. Needs `leads:read`.

        Raises
        ------
        PermissionDeniedError, NotFoundError
            As `get` does.
        """
        call.principal.require(Scope.LEADS_READ)
        with self._store.read() as tx:
            _visible_item(tx, lead_id, call)
            touches = tx.leads.touches(lead_id)
            scores = tx.scores.of(lead_id)
            events = tx.events.of(lead_id)
        return LeadHistory(
            lead_id=lead_id,
            touches=tuple(TouchView(touch.at, touch.lead.source) for touch in touches),
            scores=tuple(_score_view(scored) for scored in scores),
            events=tuple(_event_view(stored) for stored in events),
        )

    def erase(self, lead_id: str, *, call: Call) -> None:
        """Remove the person, on every lead with their address, and leave a suppression mark.

        Needs `admin`. Their bytes leave the files of a SQLite database as well.

        Raises
        ------
        PermissionDeniedError
        NotFoundError
            When there is no such lead.
        """
        call.principal.require(Scope.ADMIN)
        self._writer.run(
            lambda tx: tx.leads.erase(
                lead_id,
                at=call.now,
                actor=call.principal.name,
                suppression_key=self._suppression_key,
            )
        )
        self._scrubber.ask()


def _visible_item(tx: Tx, lead_id: str, call: Call) -> QueueItem | None:
    """Return the item of a lead; a person sees no lead without one in their queues."""
    item = visible(tx, call.principal).get(lead_id, now=call.now)
    if item is None and not call.principal.queues >= frozenset(Queue):
        raise NotFoundError("there is no lead with this id in your queues")
    return item


def _score_view(scored: ScoreRecord) -> ScoreView:
    return ScoreView(
        scored_at=scored.scored_at,
        reason=scored.reason,
        model_version=scored.score.model_version,
        standard_version=scored.decision.standard_version,
        score=scored.score,
        decision=scored.decision,
    )


def _event_view(stored: StoredEvent) -> EventView:
    event = stored.event
    return EventView(
        event_id=str(stored.event_id),
        type=event.type,
        occurred_at=event.occurred_at,
        recorded_at=event.recorded_at,
        actor=event.actor,
        reason=event.reason,
        amount_usd=event.amount_usd,
        note=event.note,
    )
