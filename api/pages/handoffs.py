"""What an account executive does: accept or send back, then close as won or lost."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth import GuardedRoute, Services, serving_of
from api.leads import LeadId
from api.pages.deals import ASK_AMOUNT, ASK_REASON, amount_of, reason_of
from api.pages.session import CLOSERS, SessionGuard, field, go, page, page_call
from leadqual.errors import ConflictError, InputError, NotFoundError
from leadqual.outcomes.events import OutcomeType
from leadqual.queue.states import ItemState
from leadqual.services.outcomes import Outcome

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)


@router.get("/handoffs", dependencies=[Depends(SessionGuard(CLOSERS))])
async def show_handoffs(request: Request) -> Response:
    """Show what waits for an answer, and the open opportunities."""
    return await _handoffs_page(request)


async def _handoffs_page(
    request: Request, *, error: str | None = None, opened: str | None = None
) -> Response:
    call = page_call(request)
    newest_first = await run_in_threadpool(serving_of(request).queues.handoffs, call=call)
    entries = newest_first[::-1]  # who has waited longest comes first
    return page(
        request,
        "handoffs.html",
        status=200 if error is None else 409,
        title="Hand-offs",
        is_finished=False,
        waiting=[entry for entry in entries if entry.row.state is ItemState.HANDED_OFF],
        opportunities=[entry for entry in entries if entry.row.state is ItemState.OPPORTUNITY],
        error=error,
        opened=opened,
        now=call.now,
    )


@router.get("/handoffs/finished", dependencies=[Depends(SessionGuard(CLOSERS))])
async def show_finished(request: Request, serving: Services) -> Response:
    """Show hand-offs that are won, lost or closed."""
    call = page_call(request)
    entries = await run_in_threadpool(serving.queues.handoffs, call=call, is_finished=True)
    return page(
        request,
        "handoffs.html",
        title="Finished",
        is_finished=True,
        finished=entries,
        error=None,
        now=call.now,
    )


@router.post("/handoffs/{lead_id}/accept", dependencies=[Depends(SessionGuard(CLOSERS))])
async def accept(lead_id: LeadId, request: Request) -> Response:
    """Take the hand-off as an opportunity."""
    return await _record(request, lead_id, Outcome(type=OutcomeType.ACCEPTED))


@router.post("/handoffs/{lead_id}/reject", dependencies=[Depends(SessionGuard(CLOSERS))])
async def reject(lead_id: LeadId, request: Request) -> Response:
    """Send the lead back to the rep, with a reason."""
    return await _with_reason(request, lead_id, OutcomeType.REJECTED)


@router.post("/handoffs/{lead_id}/lost", dependencies=[Depends(SessionGuard(CLOSERS))])
async def lose(lead_id: LeadId, request: Request) -> Response:
    """Close an opportunity as lost, with a reason."""
    return await _with_reason(request, lead_id, OutcomeType.LOST)


@router.post("/handoffs/{lead_id}/won", dependencies=[Depends(SessionGuard(CLOSERS))])
async def win(lead_id: LeadId, request: Request) -> Response:
    """Close an opportunity as won, with its amount."""
    amount = amount_of(field(request, "amount_usd"))
    if amount is None:
        return await _handoffs_page(request, error=ASK_AMOUNT)
    return await _record(request, lead_id, Outcome(type=OutcomeType.WON, amount_usd=amount))


async def _with_reason(request: Request, lead_id: str, kind: OutcomeType) -> Response:
    reason = reason_of(field(request, "reason"))
    if reason is None:
        return await _handoffs_page(request, error=ASK_REASON, opened=lead_id)
    return await _record(
        request, lead_id, Outcome(type=kind, reason=reason, note=field(request, "note"))
    )


async def _record(request: Request, lead_id: str, outcome: Outcome) -> Response:
    """Record the answer and show the list again."""
    serving = serving_of(request)
    try:
        await run_in_threadpool(serving.outcomes.record, lead_id, outcome, call=page_call(request))
    except (ConflictError, InputError, NotFoundError) as error:
        return await _handoffs_page(request, error=str(error))
    return go(request, "/handoffs", flash=outcome.type.value)
