"""`/v1/leads/{lead_id}`: read one lead, read its history, erase it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.concurrency import run_in_threadpool

from api.answers import problems
from api.auth import GuardedRoute, KeyGuard, Reading, Services
from leadqual.services.calls import Scope
from leadqual.services.lead_records import LeadHistory, LeadView

router = APIRouter(route_class=GuardedRoute, tags=["leads"])

LeadId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", examples=["019aa3b5c4007d0c1f2e"])]


@router.get(
    "/v1/leads/{lead_id}",
    operation_id="getLead",
    summary="Read one lead",
    dependencies=[Depends(KeyGuard(Scope.LEADS_READ))],
    responses=problems(404),
)
async def get_lead(lead_id: LeadId, serving: Services, call: Reading) -> LeadView:
    """Return the lead with its latest score and decision; `lead` is null after erasure."""
    return await run_in_threadpool(serving.leads.get, lead_id, call=call)


@router.get(
    "/v1/leads/{lead_id}/history",
    operation_id="getLeadHistory",
    summary="Read everything that happened to a lead",
    dependencies=[Depends(KeyGuard(Scope.LEADS_READ))],
    responses=problems(404),
)
async def get_history(lead_id: LeadId, serving: Services, call: Reading) -> LeadHistory:
    """Return every touch, score, decision and event, each with model and standard version."""
    return await run_in_threadpool(serving.leads.history, lead_id, call=call)


@router.delete(
    "/v1/leads/{lead_id}",
    operation_id="eraseLead",
    summary="Erase a person",
    status_code=204,
    dependencies=[Depends(KeyGuard(Scope.ADMIN))],
    responses=problems(404),
)
async def erase_lead(lead_id: LeadId, serving: Services, call: Reading) -> None:
    """Remove the person's data and leave a keyed mark, so that they are not added again."""
    await run_in_threadpool(serving.leads.erase, lead_id, call=call)
