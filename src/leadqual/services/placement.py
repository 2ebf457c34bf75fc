"""Put a scored lead where it belongs, and everything about it into one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from leadqual.leads.schema import Lead, Motion
from leadqual.outcomes.events import OutcomeEvent, OutcomeType
from leadqual.routing.decide import RoutingContext, decide
from leadqual.routing.decision import Decision, Queue
from leadqual.routing.hours import BusinessHours
from leadqual.routing.quarantine import quarantine_reason
from leadqual.routing.standard_parts import CutMode
from leadqual.services.scoring import Scored
from leadqual.store import NewScore, Tx

NO_CHANCE: Final = 1.0
"""A draw that no exploration rate reaches."""

SURE: Final = 0.0
"""A draw that every exploration rate above zero reaches."""


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier events of the same person mean for where a lead goes now."""

    is_customer: bool = False
    quarantine: str | None = None


NO_PAST: Final = Past()
_KEEPS_OUT: Final = {
    OutcomeType.DO_NOT_CONTACT: "asked earlier not to be contacted",
    OutcomeType.SPAM: "a rep found earlier that this is spam",
}


def past_of(events: Sequence[OutcomeEvent]) -> Past:
    """Return what the events of an earlier lead of the same person mean.

    Somebody who bought is a customer; somebody who asked not to be contacted, or whom a rep
    took for spam, is not shown to a rep again.
    """
    types = {event.type for event in events}
    reasons = (reason for kind, reason in _KEEPS_OUT.items() if kind in types)
    return Past(is_customer=OutcomeType.WON in types, quarantine=next(reasons, None))


@dataclass(frozen=True, slots=True)
class Case:
    """A lead that was just scored.

    Only a new one may be drawn for exploration. One that was drawn before (`was_explored`) stays
    drawn when it is scored again: a sample that leaves its queue half-way teaches nothing.
    """

    lead: Lead
    scored: Scored
    past: Past = NO_PAST
    is_new: bool = True
    was_explored: bool = False


def route(case: Case, *, now: datetime, draw: float, n_queued_today: int) -> Decision:
    """Return where a case goes."""
    context = RoutingContext(
        motion=case.lead.motion,
        is_customer=case.past.is_customer or case.lead.company.is_customer is True,
        quarantine_reason=case.past.quarantine or quarantine_reason(case.lead),
        created_at=case.lead.created_at,
        n_queued_today=n_queued_today,
        is_explorable=case.is_new or case.was_explored,
    )
    return decide(case.scored.score, context, case.scored.standard, now=now, draw=draw)


def n_queued_today(tx: Tx, case: Case, *, now: datetime) -> int:
    """Return how many leads the queue of this motion took today, where the cut asks for it."""
    standard = case.scored.standard
    if standard.cut.mode is not CutMode.FILL_CAPACITY:
        return 0
    return tx.queue.count_queued(_own_queue(case), since=_day_start(now, standard.hours))


def _own_queue(case: Case) -> Queue:
    """Return the queue that the motion of a case leads to."""
    return Queue.MRR if case.lead.motion is Motion.INBOUND else Queue.SDR


def _day_start(now: datetime, hours: BusinessHours) -> datetime:
    """Return when the local day of the standard began."""
    zone = ZoneInfo(hours.time_zone)
    return datetime.combine(hours.local_day(now), time(), tzinfo=zone).astimezone(UTC)


class Placement:
    """Decide where leads go and write it down.

    Parameters
    ----------
    draw : callable
        Returns a fresh number in [0, 1) for the exploration slice; called by one thread only.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw

    def place(
        self, tx: Tx, cases: Mapping[str, Case], *, reason: str, now: datetime
    ) -> dict[str, NewScore]:
        """Decide on cases by lead id; write scores, decisions, queue items and outbox messages.

        Somebody who comes again is queued again, whatever became of the lead before.

        Returns
        -------
        dict of str to NewScore
            What was written down per lead, in the order of `cases`.
        """
        rated = self.rate(tx, cases, reason=reason, now=now)
        are_new = all(case.is_new for case in cases.values())
        put = tx.queue.put_new if are_new else tx.queue.put_many
        put(((new.lead_id, new.decision) for new in rated.values()), now=now)
        return rated

    def rate(
        self, tx: Tx, cases: Mapping[str, Case], *, reason: str, now: datetime
    ) -> dict[str, NewScore]:
        """Decide on cases and write that down as `place` does, without touching their queues."""
        n_queued: dict[Queue, int] = {}
        rated = {}
        for lead_id, case in cases.items():
            queue = _own_queue(case)
            if queue not in n_queued:
                n_queued[queue] = n_queued_today(tx, case, now=now)
            draw = self._draw() if case.is_new else SURE if case.was_explored else NO_CHANCE
            decision = route(case, now=now, draw=draw, n_queued_today=n_queued[queue])
            if decision.queue in n_queued:
                n_queued[decision.queue] += 1
            scored = case.scored
            rated[lead_id] = NewScore(lead_id, scored.score, decision, scored.snapshot, reason)
        tx.scores.insert_many(list(rated.values()))
        tx.outbox.put_many(
            f"lead.{reason}", ((new.lead_id, _thin(new)) for new in rated.values()), at=now
        )
        return rated


def _thin(new: NewScore) -> dict[str, object]:
    """Return what the outside is told: scores and places, nothing personal."""
    score, decision = new.score, new.decision
    return {
        "grade": score.grade,
        "p_conversion": score.p_conversion,
        "expected_value_usd": score.expected_value_usd,
        "scored_by": score.scored_by.value,
        "model_version": score.model_version,
        "queue": decision.queue.value,
        "rank": decision.rank,
    }
