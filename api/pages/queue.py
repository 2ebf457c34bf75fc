"""The queue of a rep, best lead first, and claiming from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth import GuardedRoute, Services
from api.leads import LeadId
from api.pages.session import REPS, SessionGuard, go, page, page_call
from leadqual.errors import ConflictError
from leadqual.qualify.rules import RULES_VERSION
from leadqual.routing.decision import Queue
from leadqual.services.calls import Call
from leadqual.services.queues import QueuePage, QueueRow, QueueSummary
from leadqual.services.serving import Serving

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

PAGE_SIZE = 25


@router.get("/queue/{queue}", dependencies=[Depends(SessionGuard(REPS))])
async def show_queue(
    *,
    queue: Queue,
    request: Request,
    serving: Services,
    cursor: Annotated[str | None, Query(max_length=200, pattern=r"^[\x21-\x7e]*$")] = None,
    after: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Response:
    """Show a stretch of one queue; what the viewer holds stands above it."""
    call, is_first = page_call(request), cursor is None
    found = await run_in_threadpool(_read, serving, queue, cursor=cursor, call=call)
    listed = found.page.rows
    return page(
        request,
        "queue.html",
        queue=queue,
        summary=found.summary,
        held=found.held if is_first else (),
        rows=[row for row in listed if row not in found.held],
        first_place=1 if is_first else after + 1,
        next_cursor=found.page.next_cursor,
        can_claim=bool(found.summary and found.summary.n_open),
        degraded=serving.scorer.live.model_version == RULES_VERSION,
        now=call.now,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    page: QueuePage
    held: tuple[QueueRow, ...]
    summary: QueueSummary | None


def _read(serving: Serving, queue: Queue, *, cursor: str | None, call: Call) -> _Found:
    """Read all that the page shows; blocks on the database."""
    summaries = serving.queues.summaries(call=call)
    return _Found(
        page=serving.queues.page(queue, call=call, limit=PAGE_SIZE, cursor=cursor),
        held=serving.queues.held(queue, call=call),
        summary=next((summary for summary in summaries if summary.queue is queue), None),
    )


@router.post("/queue/{queue}/claim", dependencies=[Depends(SessionGuard(REPS))])
async def claim_next(queue: Queue, request: Request, serving: Services) -> Response:
    """Claim the best free lead and open it."""
    answer = await run_in_threadpool(serving.working.claim_next, queue, call=page_call(request))
    if answer.value is None:
        return go(request, f"/queue/{queue.value}", flash="empty")
    return go(request, f"/leads/{answer.value.lead_id}", flash="claimed")


@router.post("/leads/{lead_id}/claim", dependencies=[Depends(SessionGuard(REPS))])
async def claim_lead(lead_id: LeadId, request: Request, serving: Services) -> Response:
    """Claim one lead and open it; when a colleague was faster, say so."""
    try:
        await run_in_threadpool(serving.working.claim, lead_id, call=page_call(request))
    except ConflictError:
        return go(request, "/", flash="taken")
    return go(request, f"/leads/{lead_id}", flash="claimed")
