"""`/v1/reports`: figures counted from events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel
from starlette.concurrency import run_in_threadpool

from api.answers import problems
from api.auth import GuardedRoute, KeyGuard, Reading, Services
from leadqual.services.calls import Scope
from leadqual.services.reports import Funnel

router = APIRouter(route_class=GuardedRoute, tags=["reports"])


class FunnelAnswer(BaseModel):
    """One funnel per motion, and one of all leads."""

    funnels: list[Funnel]


@router.get(
    "/v1/reports/funnel",
    operation_id="reportFunnel",
    summary="Count how far leads came",
    dependencies=[Depends(KeyGuard(Scope.REPORTS_READ))],
    responses=problems(),
)
async def report_funnel(
    *,
    serving: Services,
    call: Reading,
    since: Annotated[AwareDatetime | None, Query(description="received at or after")] = None,
    until: Annotated[AwareDatetime | None, Query(description="received before")] = None,
) -> FunnelAnswer:
    """Return counts per stage, with the share of the stage before and its 95 % interval."""
    funnels = await run_in_threadpool(serving.reports.funnel, call=call, since=since, until=until)
    return FunnelAnswer(funnels=list(funnels))
