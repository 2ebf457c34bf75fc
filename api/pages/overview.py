"""What a leader looks at: how much waits, and how far leads come."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth import GuardedRoute, Services
from api.pages.session import LEADERS, SessionGuard, page, page_call
from leadqual.services.calls import Call, Scope
from leadqual.services.queues import QueueSummary
from leadqual.services.reports import Funnel
from leadqual.services.serving import Serving

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)


@router.get("/overview", dependencies=[Depends(SessionGuard(LEADERS))])
async def show_overview(request: Request, serving: Services) -> Response:
    """Show queue depths and one funnel per motion."""
    funnels, summaries = await run_in_threadpool(_read, serving, page_call(request))
    return page(request, "overview.html", funnels=funnels, summaries=summaries)


def _read(serving: Serving, call: Call) -> tuple[tuple[Funnel, ...], tuple[QueueSummary, ...]]:
    works = Scope.QUEUE_WORK in call.principal.scopes
    summaries = serving.queues.summaries(call=call) if works else ()
    return serving.reports.funnel(call=call), summaries
