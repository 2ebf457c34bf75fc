"""One scored lead into the store: suppressed, a touch on a known lead, or a new one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from leadqual.leads.normalise import EARLIEST
from leadqual.leads.schema import FieldReason, Lead, Rejected
from leadqual.qualify.score import LeadScore
from leadqual.routing.decision import Decision
from leadqual.services.ids import new_lead_id
from leadqual.services.placement import NO_PAST, Case, Past, Placement, past_of
from leadqual.services.scoring import LiveScorer, Scored
from leadqual.services.touches import merge_leads
from leadqual.store import LeadRecord, Tx

TOUCH_WINDOW: Final = timedelta(days=30)
"""How long the same person's next lead is a touch on the same lead, not a new one."""

SUPPRESSED: Final = Rejected((
    FieldReason("contact", "this person was erased on request; nothing was stored"),
))
"""What a lead with a suppressed e-mail address or phone number gets."""


class IntakeStatus(StrEnum):
    """What became of a lead that was sent."""

    CREATED = "created"
    TOUCHED = "touched"
    REPLAYED = "replayed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """A lead that is on disk, scored and routed.

    `created` is False for a new touch on a known lead. A replay under the same idempotency
    key repeats the first answer, with `status` REPLAYED.
    """

    lead_id: str
    status: IntakeStatus
    created: bool
    score: LeadScore
    decision: Decision


@dataclass(frozen=True, slots=True)
class Arrival:
    """A usable lead on its way in, and why it must not reach a rep, if so."""

    lead: Lead
    scored: Scored
    feed: str
    quarantine: str | None = None


class Admission:
    """Write arrivals.

    Parameters
    ----------
    scorer : LiveScorer
        Scores touches again, with all that is known of the person by then.
    placement : Placement
        Decides where leads go.
    suppression_key : bytes
        Key of the marks that erased persons leave.
    """

    def __init__(self, scorer: LiveScorer, placement: Placement, *, suppression_key: bytes) -> None:
        self._scorer = scorer
        self._placement = placement
        self._suppression_key = suppression_key

    def admit(self, tx: Tx, arrival: Arrival, *, now: datetime) -> IntakeResult | Rejected:
        """Write one arrival within a transaction.

        The same external id of the same feed is always the same lead; the same e-mail address
        is for 30 days after its last touch.
        """
        lead = arrival.lead
        if self._is_suppressed(tx, lead):
            return SUPPRESSED
        known = _same_record(tx, arrival)
        if known is not None:
            return self._touch(tx, known, arrival, past=_past(tx, known, arrival), now=now)
        earlier = _same_person(tx, lead)
        past = _past(tx, earlier, arrival)
        if earlier is not None and earlier.touched_at >= now - TOUCH_WINDOW:
            return self._touch(tx, earlier, arrival, past=past, now=now)
        record, created = tx.leads.insert(
            lead, lead_id=new_lead_id(now), feed=arrival.feed, received_at=now
        )
        if not created:  # another process stored the same record a moment ago
            return self._touch(tx, record, arrival, past=past, now=now)
        case = Case(lead, arrival.scored, past)
        decision = self._placement.place(tx, record.lead_id, case, reason="created", now=now)
        return IntakeResult(
            record.lead_id,
            IntakeStatus.CREATED,
            created=True,
            score=case.scored.score,
            decision=decision,
        )

    def _is_suppressed(self, tx: Tx, lead: Lead) -> bool:
        """Return whether the person was erased on request."""
        return any(
            tx.leads.is_suppressed(identity, self._suppression_key)
            for identity in (lead.contact.email, lead.contact.phone)
            if identity is not None
        )

    def _touch(
        self, tx: Tx, known: LeadRecord, arrival: Arrival, *, past: Past, now: datetime
    ) -> IntakeResult:
        """Add a touch to a known lead and score it again, with all that is known of it now."""
        lead = merge_leads(known.lead, arrival.lead)
        tx.leads.touch(known.lead_id, lead, feed=arrival.feed, at=now)
        latest = tx.scores.latest(known.lead_id)
        case = Case(
            lead,
            self._scorer.score(lead, now=now),
            past,
            is_new=False,
            was_explored=latest is not None and latest.decision.explored,
        )
        decision = self._placement.place(tx, known.lead_id, case, reason="touched", now=now)
        return IntakeResult(
            known.lead_id,
            IntakeStatus.TOUCHED,
            created=False,
            score=case.scored.score,
            decision=decision,
        )


def _same_record(tx: Tx, arrival: Arrival) -> LeadRecord | None:
    """Return the lead that this feed sent under the same external id."""
    external_id = arrival.lead.external_id
    return None if external_id is None else tx.leads.find_by_external(arrival.feed, external_id)


def _same_person(tx: Tx, lead: Lead) -> LeadRecord | None:
    """Return the last lead with the same e-mail address, however old."""
    email = lead.contact.email
    return None if email is None else tx.leads.find_by_email(email, since=EARLIEST)


def _past(tx: Tx, earlier: LeadRecord | None, arrival: Arrival) -> Past:
    """Return what is known of the person from before, and what the caller knows."""
    past = NO_PAST
    if earlier is not None:
        past = past_of([stored.event for stored in tx.events.of(earlier.lead_id)])
    return past if arrival.quarantine is None else replace(past, quarantine=arrival.quarantine)
