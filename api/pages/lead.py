"""One lead: why it stands where it does, what happened to it, and what to do with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from api import wording
from api.auth import GuardedRoute, Services, serving_of
from api.leads import LeadId
from api.pages.deals import ASK_AMOUNT, amount_of, reason_of
from api.pages.session import CLOSERS, EVERYONE, REPS, SessionGuard, field, go, page, page_call
from leadqual.errors import ConflictError, InputError, NotFoundError, StaleTokenError
from leadqual.leads.schema import Lead
from leadqual.outcomes.events import OutcomeType, Reason
from leadqual.qualify.rules import RULES_VERSION
from leadqual.qualify.score import Answer
from leadqual.queue.handoff import RepAnswers, Topic
from leadqual.queue.states import ItemState
from leadqual.services.calls import Call
from leadqual.services.duties import outcomes_of
from leadqual.services.lead_records import EventView, LeadHistory, LeadView, ScoreView
from leadqual.services.outcomes import Outcome
from leadqual.services.queues import HandoffRow, QueueRow
from leadqual.services.serving import Serving

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

CLOSINGS: Final = (
    OutcomeType.DISQUALIFIED,
    OutcomeType.NO_RESPONSE,
    OutcomeType.BAD_DATA,
    OutcomeType.DUPLICATE,
    OutcomeType.SPAM,
    OutcomeType.DO_NOT_CONTACT,
)
_LOGGED: Final = (OutcomeType.CONTACTED, OutcomeType.MEETING_BOOKED)
_DEALS: Final = (OutcomeType.WON, OutcomeType.LOST)
"""For those who close without handing over."""

_WITH_REASON: Final = frozenset({OutcomeType.DISQUALIFIED, OutcomeType.LOST})
_FLASH_OF: Final[Mapping[OutcomeType, str]] = {
    OutcomeType.CONTACTED: "recorded",
    OutcomeType.MEETING_BOOKED: "recorded",
    OutcomeType.WON: "won",
    OutcomeType.LOST: "lost",
}
SNOOZES: Final[Mapping[str, tuple[str, timedelta]]] = {
    "1h": ("in an hour", timedelta(hours=1)),
    "4h": ("in four hours", timedelta(hours=4)),
    "1d": ("tomorrow", timedelta(days=1)),
    "3d": ("in three days", timedelta(days=3)),
    "7d": ("in a week", timedelta(days=7)),
}
_WITH_AE: Final = frozenset({ItemState.HANDED_OFF, ItemState.OPPORTUNITY})
_LOST_LEASE: Final = (
    "The lead is no longer yours: your time with it ran out and nothing was saved. "
    "Claim it again if it is still free."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a lead's story."""

    at: datetime
    text: str
    kind: str
    by: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    row: QueueRow
    view: LeadView
    history: LeadHistory
    handoff: HandoffRow | None
    closers: tuple[str, ...]


@router.get("/leads/{lead_id}", dependencies=[Depends(SessionGuard(EVERYONE))])
async def show_lead(lead_id: LeadId, request: Request) -> Response:
    """Show one lead to whoever may see it."""
    return await _lead_page(request, lead_id)


async def _lead_page(
    request: Request, lead_id: str, *, error: str | None = None, opened: str | None = None
) -> Response:
    """Return the page of a lead; `error` says why the last action did nothing."""
    call = page_call(request)
    found = await run_in_threadpool(_read, serving_of(request), lead_id, call=call)
    row, name = found.row, call.principal.name
    form = getattr(request.state, "form", {})
    return page(
        request,
        "lead.html",
        status=200 if error is None else 409,
        row=row,
        view=found.view,
        handoff=found.handoff,
        story=story_of(found.history),
        company_facts=company_facts(found.view.lead),
        trail=trail_of(found.view.lead),
        is_mine=row.state is ItemState.CLAIMED and row.claimed_by == name,
        can_claim=row.state is ItemState.OPEN and row.queue in call.principal.queues,
        can_answer=row.state in _WITH_AE and call.principal.role in CLOSERS,
        closers=found.closers,
        closings=CLOSINGS,
        snoozes=[(value, text) for value, (text, _) in SNOOZES.items()],
        error=error,
        opened=opened,
        filled={key: value for key, value in form.items() if isinstance(value, str)},
        now=call.now,
    )


def _read(serving: Serving, lead_id: str, *, call: Call) -> _Found:
    """Read all that the page shows; blocks on the database."""
    row = serving.queues.row(lead_id, call=call)
    try:
        handoff = serving.queues.handoff(lead_id, call=call)
    except NotFoundError:
        handoff = None
    return _Found(
        row=row,
        view=serving.leads.get(lead_id, call=call),
        history=serving.leads.history(lead_id, call=call),
        handoff=handoff,
        closers=serving.people.closers(call=call),
    )


def story_of(history: LeadHistory) -> list[Entry]:
    """Return what happened to a lead, newest first."""
    touches = [
        Entry(touch.received_at, f"Came to us through {wording.spoken(touch.source)}", "touch")
        for touch in history.touches
    ]
    scores = [_score_entry(scored) for scored in history.scores]
    events = [_event_entry(event) for event in history.events]
    known = [entry for entry in (*events, *scores, *touches) if entry is not None]
    return sorted(known, key=lambda entry: entry.at, reverse=True)


def _score_entry(scored: ScoreView) -> Entry:
    by_rules = scored.model_version == RULES_VERSION
    return Entry(
        scored.scored_at,
        f"Graded {scored.score.grade}: {wording.in_hundred(scored.score.p_conversion)} will buy",
        "score",
        by="the written rules" if by_rules else f"model {scored.model_version}",
    )


def _event_entry(event: EventView) -> Entry | None:
    at = event.occurred_at or event.recorded_at
    if at is None:
        return None
    text = _event_text(event.type, event.reason, event.amount_usd)
    return Entry(at, text, "event", by=event.actor, note=event.note)


def _event_text(kind: OutcomeType, reason: Reason | None, amount_usd: float | None) -> str:
    text = wording.OUTCOMES[kind]
    if reason is not None:
        text += f": {wording.REASONS[reason].lower()}"
    if amount_usd is not None:
        text += f", {wording.money(amount_usd)}"
    return text


def company_facts(lead: Lead | None) -> list[tuple[str, object]]:
    """Return what is known of the company, label and value."""
    if lead is None:
        return []
    company = lead.company
    revenue = company.annual_revenue_usd
    return _known((
        ("Name", company.name),
        ("Website", company.domain),
        ("Industry", company.industry),
        ("People", f"{company.n_employees:,}" if company.n_employees is not None else None),
        ("Revenue", f"{wording.money(revenue)} a year" if revenue is not None else None),
        ("Country", company.country),
        ("Customer", "yes, already" if company.is_customer else None),
    ))


def trail_of(lead: Lead | None) -> list[tuple[str, object]]:
    """Return how the lead came to us, label and value."""
    if lead is None:
        return []
    campaign, engagement = lead.campaign, lead.engagement
    return _known((
        ("Campaign", campaign.utm_campaign),
        ("Through", " / ".join(filter(None, (campaign.utm_source, campaign.utm_medium))) or None),
        ("First page", campaign.landing_page),
        ("Came from", campaign.referrer),
        ("Visits", engagement.n_visits),
        ("Pages read", engagement.n_page_views),
        ("Downloads", engagement.n_downloads),
        ("E-mails opened", engagement.n_emails_opened),
    ))


def _known(facts: Iterable[tuple[str, object]]) -> list[tuple[str, object]]:
    return [(label, value) for label, value in facts if value is not None]


@router.post("/leads/{lead_id}/release", dependencies=[Depends(SessionGuard(REPS))])
async def release(lead_id: LeadId, request: Request, serving: Services) -> Response:
    """Give a lead back to the queue."""
    token = _token(request)
    try:
        answer = await run_in_threadpool(
            serving.working.release, lead_id, token=token, call=page_call(request)
        )
    except ConflictError:
        return await _lead_page(request, lead_id, error=_LOST_LEASE)
    return go(request, f"/queue/{answer.value.queue.value}", flash="released")


@router.post("/leads/{lead_id}/snooze", dependencies=[Depends(SessionGuard(REPS))])
async def snooze(lead_id: LeadId, request: Request, serving: Services) -> Response:
    """Put a lead off, as the rep's choice or because the lead asked for it."""
    call = page_call(request)
    _, span = SNOOZES.get(field(request, "for") or "", SNOOZES["1d"])
    until, token = call.now + span, _token(request)
    if field(request, "asked"):
        outcome = Outcome(type=OutcomeType.CONTACT_LATER, until=until, token=token)
        return await _record(request, lead_id, outcome, flash="snoozed", opened="snooze")
    try:
        answer = await run_in_threadpool(
            serving.working.snooze, lead_id, token=token, until=until, call=call
        )
    except ConflictError:
        return await _lead_page(request, lead_id, error=_LOST_LEASE)
    return go(request, f"/queue/{answer.value.queue.value}", flash="snoozed")


@router.post("/leads/{lead_id}/outcome", dependencies=[Depends(SessionGuard(REPS))])
async def record(lead_id: LeadId, request: Request) -> Response:
    """Note what came of talking to the lead, or close it."""
    call, given = page_call(request), field(request, "type")
    own = outcomes_of(call.principal)
    kind = next((k for k in (*_LOGGED, *CLOSINGS, *_DEALS) if k.value == given and k in own), None)
    if kind is None:
        return await _lead_page(request, lead_id, error="Choose what happened.", opened="close")
    opened = "log" if kind in _LOGGED else "deal" if kind in _DEALS else "close"
    reason = reason_of(field(request, "reason")) if kind in _WITH_REASON else None
    if kind in _WITH_REASON and reason is None:
        text = "Choose the reason: it is what the next model learns from."
        return await _lead_page(request, lead_id, error=text, opened=opened)
    amount = amount_of(field(request, "amount_usd")) if kind is OutcomeType.WON else None
    if kind is OutcomeType.WON and amount is None:
        return await _lead_page(request, lead_id, error=ASK_AMOUNT, opened=opened)
    outcome = Outcome(
        type=kind,
        reason=reason,
        amount_usd=amount,
        note=field(request, "note"),
        token=_token(request),
    )
    return await _record(
        request, lead_id, outcome, flash=_FLASH_OF.get(kind, "closed"), opened=opened
    )


@router.post("/leads/{lead_id}/handoff", dependencies=[Depends(SessionGuard(REPS))])
async def hand_off(lead_id: LeadId, request: Request) -> Response:
    """Hand a qualified lead to an account executive, with the brief."""
    try:
        outcome = Outcome(
            type=OutcomeType.HANDED_OFF,
            note=field(request, "note"),
            token=_token(request),
            handed_to=field(request, "handed_to"),
            answers=_answers(request),
        )
    except (ValidationError, ValueError):
        text = "Check the brief: an answer or the meeting time cannot be read."
        return await _lead_page(request, lead_id, error=text, opened="handoff")
    return await _record(request, lead_id, outcome, flash="handed-off", opened="handoff")


def _answers(request: Request) -> RepAnswers:
    """Return what the rep filled into the brief; ValueError where it cannot be read."""
    given = {t.value: Answer(value) for t in Topic if (value := field(request, t.value))}
    texts = {t: value for t in Topic if (value := field(request, f"{t.value}_text"))}
    meeting = field(request, "meeting_at")
    return RepAnswers(
        texts=texts,
        meeting_at=datetime.fromisoformat(meeting).replace(tzinfo=UTC) if meeting else None,
        **given,
    )


async def _record(
    request: Request, lead_id: str, outcome: Outcome, *, flash: str, opened: str
) -> Response:
    """Record an outcome and go on to the lead (when it is kept) or to the queue."""
    serving = serving_of(request)
    try:
        await run_in_threadpool(serving.outcomes.record, lead_id, outcome, call=page_call(request))
    except StaleTokenError:
        return await _lead_page(request, lead_id, error=_LOST_LEASE)
    except (ConflictError, InputError) as error:
        return await _lead_page(request, lead_id, error=str(error), opened=opened)
    return go(request, f"/leads/{lead_id}" if outcome.type in _LOGGED else "/", flash=flash)


def _token(request: Request) -> int:
    """Return the fencing token of the form; one that cannot be read is as good as a lost one."""
    given = field(request, "token") or ""
    return int(given) if given.isdecimal() and len(given) <= 18 else 0
